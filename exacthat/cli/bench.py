"""``exacthat bench``: solvers side by side on the user's own model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exacthat.cli.commands import ModelArgument, VariantOption, choices
from exacthat.cli.console import err, explained, out, progress

if TYPE_CHECKING:
    import xarray as xr

    from exacthat.bench import Row

_FORMATS = (".svg", ".png", ".pdf")


@explained
def bench_command(
    model: ModelArgument,
    size: Annotated[
        str | None,
        typer.Option(
            "--size", metavar="31x40", help="Regions x sectors of a synthetic economy, for built-in models."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="FILE", help="Data set (.nc), table, or name of a shipped table."),
    ] = None,
    solvers: Annotated[
        str | None, typer.Option("--solvers", metavar="A,B", help="Solvers to run; all by default.")
    ] = None,
    shocks: Annotated[
        str | None,
        typer.Option(
            "--shocks",
            metavar="A,B",
            help="Of tariff+10%, one-x10, one-x100, all-x10, all-x100; all by default.",
        ),
    ] = None,
    variant: VariantOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the synthetic economy.")] = 0,
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="SECONDS", help="After which one solve is ended.")
    ] = 60.0,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the rows as JSON as well.")
    ] = None,
    plot_file: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw the times (.svg, .png or .pdf) as well."),
    ] = None,
) -> None:
    """Compare solvers on a model: time relative to newton, work, and whether the answer is right.

    Each solver runs in a process of its own, which is ended after the time limit. The answer is compared with a
    certified solution, found from the cold start and along a path from the baseline.
    """
    from exacthat.bench.report import plot, remarks, table
    from exacthat.bench.run import as_json, bench

    require_writable(json_file, plot_file)
    economy = _economy(model, size, data, seed)
    rows = bench(
        model,
        economy,
        solvers=_list(solvers, "--solvers"),
        shocks=_list(shocks, "--shocks"),
        variants=choices(variant or []),
        limit=time_limit,
        track=progress,
        remark=lambda text: err.print(f"note: {text}", highlight=False, soft_wrap=True),
    )
    title = economy.attrs.get("title") or f"{model}, {data or 'its default data'}"
    title = f"{title}: solvers"
    out.print(table(rows, title))
    for line in remarks(rows):
        out.print(f"  {line}", highlight=False, soft_wrap=True)
    _explain(rows)
    if json_file:
        json_file.write_text(json.dumps(as_json(rows), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if plot_file:
        plot(rows, plot_file, title)
    _require_an_answer(rows)


def _require_an_answer(rows: list[Row]) -> None:
    from framework.errors import SolveError

    if any(r.solver == "newton" for r in rows) and not any(r.verdict == "right" for r in rows):
        raise SolveError(
            "there is no certified solution under any shock; why is above, and `exacthat check` may tell more"
        )


def _explain(rows: list[Row]) -> None:
    """Say what the columns mean, and the total."""
    right = {r.solver: sum(x.verdict == "right" for x in rows if x.solver == r.solver) for r in rows}
    shocks = len({r.shock for r in rows})
    out.print(
        "time: that of newton is 1. error: largest difference of any outcome from the certified solution, in logs. "
        "wrong: the solver says that "
        "it converged, and the answer is not the certified one. failed: it raised, hung, or did not converge.",
        highlight=False,
    )
    out.print(f"right, of {shocks}: {', '.join(f'{s} {n}' for s, n in right.items())}", highlight=False)


def _economy(model: str, size: str | None, data: str | None, seed: int) -> xr.Dataset:
    """Return the data: synthetic of a size, given, or the model's default."""
    from calibration.synthetic import SYNTHETIC
    from exacthat.library import load_baseline, load_model
    from exacthat.scenario import Study
    from framework.errors import ScenarioError

    declared = load_model(model)
    if size is None:
        study = Study.of_model(model)
        return load_baseline(declared, study, data).data
    if data is not None:
        raise typer.BadParameter("give --size for a synthetic economy or --data for your own, not both.")
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", size.strip())
    if not found:
        raise typer.BadParameter(f"--size {size} is not of the form REGIONSxSECTORS, for instance 31x40.")
    if model not in SYNTHETIC:
        raise ScenarioError(
            f"there is no synthetic economy for '{model}', only for {', '.join(SYNTHETIC)}; give its data with --data"
        )
    return SYNTHETIC[model](int(found[1]), int(found[2]), seed=seed)


def _list(text: str | None, option: str) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise typer.BadParameter(f"{option} is empty; leave it out for all.")
    return names


def require_writable(json_file: Path | None, plot_file: Path | None = None) -> None:
    """Refuse a file that cannot be written before any work is done."""
    from framework.errors import ScenarioError

    for path in (json_file, plot_file):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise ScenarioError(f"'{path}' cannot be written: it is a folder, or its folder does not exist")
    if plot_file is not None and plot_file.suffix.lower() not in _FORMATS:
        raise typer.BadParameter(f"--plot {plot_file} must end in {', '.join(_FORMATS)}.")
