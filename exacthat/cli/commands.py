"""The commands: run, check, equations, models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from exacthat.cli.console import (
    err,
    explained,
    out,
    progress,
    show_heading,
    show_outcome,
    show_pairs,
    show_warnings,
)

if TYPE_CHECKING:
    import xarray as xr

    from exacthat.run import Outcome
    from exacthat.scenario import Study
    from framework import Model, System

app = typer.Typer(
    name="exacthat",
    help="Structural trade and general-equilibrium models in exact hats: declare, check, solve, report.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Inventories = Literal["keep", "in-deficit", "clip"]
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Name of a built-in model, or a .py file.")
]
VariantOption = Annotated[
    list[str] | None,
    typer.Option(
        "--variant", metavar="GROUP=NAME", help="Variant to take, for instance technology=exogenous."
    ),
]

ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter", metavar="KEY=VALUE", help="A parameter in place of its default; may be repeated."
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"exacthat {version('exacthat')}", highlight=False)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Structural trade and general-equilibrium models in exact hats: declare, check, solve, report."""


@app.command()
@explained
def run(
    what: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|FILE.toml", help="A built-in model, a scenario file, or a .py model file."
        ),
    ],
    out_dir: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    data: Annotated[
        str | None,
        typer.Option("--data", help="Data set (.nc), table, SAM (.csv), or name of a shipped table."),
    ] = None,
    inventories: Annotated[
        Inventories | None, typer.Option(help="What becomes of inventory changes in an input-output table.")
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option("--scenario", metavar="NAME", help="Solve only this scenario; may be repeated."),
    ] = None,
    scenarios: Annotated[
        Path | None, typer.Option("--scenarios", metavar="FILE.toml", help="Scenario file for a .py model.")
    ] = None,
    shock: Annotated[
        list[str] | None,
        typer.Option(
            "--shock",
            metavar="KEY=VALUE",
            help="One quantity that changes; may be repeated. VALUE is a number or a table by label, "
            "{home={abroad=1.1}}: the new level of a tax, tariff or deficit, else new over baseline. A number for a "
            "trade cost or tariff leaves trade within a region as it is.",
        ),
    ] = None,
    variant: VariantOption = None,
    parameter: ParameterOption = None,
    estimates: Annotated[
        Path | None,
        typer.Option("--estimates", metavar="FILE.nc", help="Estimated parameters; results get bands."),
    ] = None,
    draws: Annotated[
        int, typer.Option(help="Draws for simulated bands; 0 for the delta method only.", show_default=True)
    ] = 200,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace the results in an existing folder; other files there are kept."
        ),
    ] = False,
) -> None:
    """Solve scenarios; write results.nc, figures and report.html, and show a summary."""
    from exacthat.bands import with_bands
    from exacthat.output import require_free
    from exacthat.run import solve_study

    require_free(out_dir, force)
    study = _study(what, scenarios, shock or [])
    if inventories:
        study = study.model_copy(update={"inventories": inventories})
    if estimates:
        study = study.model_copy(update={"estimates": str(estimates.resolve())})
    if scenario:
        study = study.only(scenario)
    study = study.with_choices(variant or [], parameter or [])
    outcome = solve_study(study, data=data, track=progress)
    if outcome.baseline.uncertain:
        outcome = with_bands(outcome, draws=draws, track=progress)
    _write(outcome, out_dir, force)
    _summarise(outcome)
    show_warnings(outcome.warnings)
    out.print(f"Results, figures and report are in {out_dir}", highlight=False)


@app.command()
@explained
def check(
    model: ModelArgument,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="Data to check the model with.")
    ] = None,
    variant: VariantOption = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE.svg", help="Draw the block graph, with the core marked."),
    ] = None,
) -> None:
    """Show the structure of a model: equations, matching, core, Walras, data needed; with DATA, replicate them.

    Every tax, tariff and deficit is raised by a few percent, on the data or on a synthetic economy, to see whether the
    budgets add up: a revenue that is forgotten is named.
    """
    from exacthat.budgets import synthetic_economy
    from exacthat.library import has_baseline, load_model
    from framework import analyse, compile_model, hat

    declared = choose(load_model(model), variant or [])
    show_heading(declared.name, f": {declared.title}")
    hats = hat(declared)
    structure = analyse(hats)
    out.print(structure.to_text(), highlight=False, soft_wrap=True)
    if declared.variants:
        show_pairs([(k, ", ".join(v)) for k, v in declared.variants.items()], "variants")
    if data is not None or has_baseline(model):
        _replicate(declared, model, data)
    else:
        _test_budgets(compile_model(hats), synthetic_economy(hats))
    if picture:
        from exacthat.structure_figure import save_structure

        save_structure(structure, picture)
        out.print(f"The block graph is in {picture}", highlight=False)


@app.command()
@explained
def equations(
    model: ModelArgument,
    hats: Annotated[bool, typer.Option("--hat", help="The exact-hat form instead of the levels.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="LaTeX source.")] = False,
    variant: VariantOption = None,
) -> None:
    """Print the equations of a model, and what their symbols stand for."""
    from exacthat.library import load_model
    from framework import hat
    from framework.latex import symbols_to_latex
    from framework.tables import symbols_table

    shown = choose(load_model(model), variant or [])
    shown = hat(shown) if hats else shown
    if latex:
        typer.echo(shown.to_latex() + symbols_to_latex(shown), nl=False)
        return
    for block, members in shown.blocks.items():
        typer.echo(f"[{block}]")
        for equation in members:
            typer.echo(f"  {equation.name}\n    {equation}")
    typer.echo(f"\n{symbols_table(shown)}")


@app.command()
@explained
def models() -> None:
    """List the built-in models."""
    from models import MODELS

    show_pairs([(name, build().title) for name, build in MODELS.items()])


def _study(what: str, scenarios: Path | None, shocks: list[str]) -> Study:
    """Return the study that the arguments of `run` ask for."""
    from exacthat.run import load_study
    from exacthat.scenario import read_study, shock_study

    if what.endswith(".toml"):
        if scenarios or shocks:
            raise typer.BadParameter("a scenario file says what to solve; leave out --scenarios and --shock.")
        return load_study(what)
    if scenarios and shocks:
        raise typer.BadParameter("give --scenarios or --shock, not both.")
    if scenarios:
        study = read_study(scenarios)
        return study.model_copy(update={"model": str(Path(what).resolve()) if what.endswith(".py") else what})
    if shocks:
        return shock_study(what, shocks)
    if what.endswith(".py"):
        raise typer.BadParameter("a model file needs --shock KEY=VALUE or --scenarios FILE.toml.")
    return load_study(what)


def choices(given: list[str]) -> dict[str, str]:
    """Return what ``--variant GROUP=NAME`` chooses, by group."""
    pairs = [choice.partition("=") for choice in given]
    for group, sign, _ in pairs:
        if not sign:
            raise typer.BadParameter(f"--variant {group} is not of the form GROUP=NAME.")
    return {group: name for group, _, name in pairs}


def choose(model: Model, given: list[str]) -> Model:
    """Return the model with the variants of ``--variant GROUP=NAME``."""
    chosen = choices(given)
    for group in chosen:
        if group not in model.variants:
            known = ", ".join(model.variants) or "none"
            raise typer.BadParameter(f"model '{model.name}' has no variant group '{group}'; it has: {known}.")
    return model.choose(**chosen)


def _replicate(model: Model, reference: str, data: str | None) -> None:
    """Bind the baseline data, solve without a shock and show the certificate."""
    from exacthat.library import load_baseline
    from exacthat.run import require_feasible
    from exacthat.scenario import Study
    from framework import compile_model, hat, solve
    from framework.usual import unusual

    baseline = load_baseline(model, Study.of_model(reference), data)
    system = compile_model(hat(model))
    problem = system.bind(baseline.data, {}, {})
    show_warnings(unusual(problem))
    require_feasible(problem)
    solution = solve(problem)
    show_heading("baseline replicated without a shock")
    for name, value, bound, passed in solution.certificate.rows():
        out.print(
            f"  {name}: {value:.2g} (bound {bound:.2g}) {'holds' if passed else 'fails'}", highlight=False
        )
    _test_budgets(system, baseline.data)


def _test_budgets(system: System, data: xr.Dataset | None) -> None:
    """Say whether the budgets add up with every wedge on, and on which economy that is tested."""
    from exacthat.budgets import check_budgets

    if data is None:
        said, where = "not tested, since no synthetic economy has what the model reads; give DATA", ""
    else:
        said = check_budgets(system, data)
        where = " (on a synthetic economy)" if data.attrs.get("synthetic") == "yes" else ""
    show_heading("budgets", f": {said}{where}")


def _write(outcome: Outcome, folder: Path, force: bool) -> None:
    """Write results, figures, captions and report in one step."""
    from exacthat.figures import draw
    from exacthat.levels import FILE as LEVELS
    from exacthat.levels import has_levels, levels_frame
    from exacthat.output import results_folder
    from exacthat.report import render
    from exacthat.results import write_results

    with results_folder(folder, force) as draft, err.status("figures and report"):
        plots = draw(outcome.results)
        write_results(outcome.results, draft / "results.nc")
        if has_levels(outcome.results):
            levels_frame(outcome.results).to_csv(draft / LEVELS, index=False)
        (draft / "report.html").write_text(render(outcome, plots), encoding="utf-8")
        if plots:
            (draft / "figures").mkdir()
            captions = "\n\n".join(f"{p.name}\n{p.title}. {p.note}" for p in plots)
            (draft / "figures" / "captions.txt").write_text(captions + "\n", encoding="utf-8")
            for plot in plots:
                plot.save(draft / "figures")


def _summarise(outcome: Outcome) -> None:
    """Print what is solved, one table for each headline outcome, and what the words mean."""
    from exacthat import summary
    from exacthat.display import acronyms, heading
    from exacthat.levels import has_levels, levels_tables
    from exacthat.wording import variants_in_words

    results = outcome.results
    if results.attrs.get("data") == "synthetic":
        show_heading(results.attrs["title"])
    scenarios = [str(name) for name in results["scenario"].values]
    show_pairs(list(zip(scenarios, map(str, results["setting_in_words"].values), strict=True)))
    if binding := summary.regimes(results):
        show_pairs(binding)
    levels = [t for name in scenarios for t in levels_tables(results, name)] if has_levels(results) else []
    for table in levels:
        show_outcome(f"levels, {table.title}", [replace(table, title="")])
    keys = [] if levels else summary.headlines(results)
    numbers = not levels and not {*keys} & {*summary.HEADLINES}  # where nothing is known to come first
    if numbers and summary.keys_over(results):
        for name in scenarios:
            show_outcome(name, [replace(summary.scalars(results, name), title="")])
    for key in keys:
        (dim,) = {*map(str, results[key].dims)} - {*summary.case_dims(results)}
        tables = [summary.table(results, [key], dim, scenario) for scenario in scenarios]
        show_outcome(heading(results[key]), tables)
    notes = list(variants_in_words(outcome.model, outcome.variant_names).items())
    if tables := [t for name in scenarios for t in summary.cushioning(results, name, name)]:
        show_outcome(heading(results["cushioning_index"]), tables)
        notes.append((acronyms("cushioning_index"), results["cushioning_index"].attrs["description"]))
    show_pairs(notes)
