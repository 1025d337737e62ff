"""Whether the estimators find the truth of the synthetic world, and their intervals cover it.

``python -m benchmarks.coverage`` simulates 500 worlds at the slides' sizes and estimates elasticities and rare-earth shares in
each, in parallel. Every replication draws everything anew and runs the regression that users run, pyfixest on the whole panel:
it takes a fraction of a second, so that no separate fast estimator is needed.

With ``--unstratified`` the region-industry pairs that patent are drawn at random, so that a sector of few industries has few
clusters: clustered errors are too small then, and its intervals cover less than they promise.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks import report
from benchmarks.bars import Bar, answers
from calibration import default_parameters
from empirics.elasticities import estimate_elasticities, estimate_ree_shares
from empirics.estimates import combine_estimates
from empirics.innovation_regression import InnovationDesign
from empirics.synthetic import BY_SECTOR, panel_of, simulate_world
from empirics.world_settings import WorldSettings

LEVEL = 0.95
COVERAGE = (0.93, 0.97)
SECONDS = 180.0
DESIGN = InnovationDesign(controls=("demand_growth",))
FIRST_SEED = 20_100_700  # any number; the episodes began in July 2010


def slides_truth() -> xr.Dataset:
    """The slides' elasticities and rare-earth shares as the truth of a synthetic world, dims (sector)."""
    parameters = default_parameters()
    sectors = list(parameters["ree_elasticity"].table)
    return xr.Dataset({name: parameters.by_sector(name, sectors) for name in BY_SECTOR})


def replicate(
    seed: int, truth: xr.Dataset, settings: WorldSettings | None = None, design: InnovationDesign = DESIGN
) -> xr.Dataset:
    """Simulate one world and estimate it.

    Returns
    -------
    xr.Dataset
        ``estimate``, ``standard_error``, ``covers`` over (coefficient), and ``admissible``: elasticities that the estimates
        do not admit have an estimate of their own (nothing is clipped), and are not covered.
    """
    world = simulate_world(truth, seed=seed, settings=settings)
    panel = panel_of(world)
    # What PPML leaves out anyhow need not be checked first: most pairs never patent.
    patenting = panel.groupby(["region", "sic"])["ree_patents"].transform("sum") > 0
    elasticities = estimate_elasticities(panel[patenting], design, inadmissible="list")
    shares = estimate_ree_shares(
        world.ree_cost, world.value_added, world.sector_of_sic, world.log_price_covariance
    )
    found = combine_estimates(elasticities, shares)
    wanted = [f"{name}[{s}]" for name in BY_SECTOR for s in world["sector"].values]
    true = np.concatenate([world[f"true_{name}"].values for name in BY_SECTOR])
    known = xr.Dataset({"true": ("coefficient", true)}, {"coefficient": wanted})
    out = known.merge(found[["estimate", "standard_error"]].reset_coords(drop=True), join="left")
    quantile = stats.t.ppf((1 + LEVEL) / 2, elasticities.attrs["degrees_of_freedom"])
    # The errors in prices have a known covariance: shares have normal quantiles.
    elasticity = xr.DataArray([w.startswith(BY_SECTOR[0]) for w in wanted], dims="coefficient")
    critical = xr.where(elasticity, quantile, stats.norm.ppf((1 + LEVEL) / 2))
    out["admissible"] = out.estimate.notnull()
    # A sector without rare earths has a share of zero, known exactly up to rounding.
    out["covers"] = abs(out.estimate - out.true) <= critical * out.standard_error + 1e-15
    return out


def study(
    replications: int,
    *,
    workers: int | None = None,
    settings: WorldSettings | None = None,
    design: InnovationDesign = DESIGN,
    truth: xr.Dataset | None = None,
) -> xr.Dataset:
    """Replicate in parallel processes; the result has the dims (replication, coefficient)."""
    truth = slides_truth() if truth is None else truth
    run = partial(replicate, truth=truth, settings=settings, design=design)
    seeds = range(FIRST_SEED, FIRST_SEED + replications)
    workers = workers or os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        parts = list(pool.map(run, seeds, chunksize=max(1, replications // (8 * workers))))
    return xr.concat(parts, xr.Variable("replication", list(seeds)), data_vars="all")


def _one_thread() -> None:
    """One thread for each worker: more would fight for the same cores."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def summarise(found: xr.Dataset) -> xr.Dataset:
    """Bias with its simulation error, spread, mean standard error and coverage, by coefficient.

    Coefficients that are known exactly (a share of zero) are left out.
    """
    uncertain = found.sel(coefficient=(found.standard_error > 0).any("replication"))
    error = uncertain.estimate - uncertain.true
    count = uncertain.admissible.sum("replication")
    spread = uncertain.estimate.std("replication", ddof=1)
    return xr.Dataset(
        {
            "true": uncertain.true.isel(replication=0),
            "bias": error.mean("replication"),
            "simulation_error": spread / np.sqrt(count),
            "spread": spread,
            "standard_error": uncertain.standard_error.mean("replication"),
            "coverage": uncertain.covers.mean("replication"),
            "inadmissible": (~uncertain.admissible).sum("replication"),
        }
    )


def joint_bias_test(found: xr.Dataset, name: str) -> tuple[float, int, float]:
    """Hotelling's test that the biases of all elasticities, or shares, are zero: statistic F, coefficients, p-value."""
    chosen = [str(c) for c in summarise(found)["coefficient"].values if str(c).startswith(f"{name}[")]
    complete = found.sel(coefficient=chosen)
    complete = complete.sel(replication=complete.admissible.all("coefficient"))
    error = (complete.estimate - complete.true).transpose("replication", "coefficient").values
    n, _ = error.shape
    mean, covariance = error.mean(axis=0), np.cov(error.T)
    # Errors that all come from a few prices have a covariance of low rank.
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    squared = n * mean @ np.linalg.pinv(covariance, hermitian=True) @ mean
    f = (n - rank) / (rank * (n - 1)) * squared
    return float(f), rank, float(stats.f.sf(f, rank, n - rank))


def show(found: xr.Dataset, title: str) -> None:
    """Print the study, coefficient by coefficient."""
    table = Table(title=title, title_justify="left")
    columns = ("coefficient", "true", "bias", "simulation error", "spread", "mean std. error", "coverage")
    for name in columns:
        table.add_column(name, justify="left" if name == "coefficient" else "right")
    summary = summarise(found)
    for c in summary["coefficient"].values:
        row = summary.sel(coefficient=c)
        numbers = [
            row.true, row.bias, row.simulation_error, row.spread, row.standard_error, row.coverage,
        ]  # fmt: skip
        table.add_row(str(c), *(f"{float(x):.3g}" for x in numbers))
    Console(width=150).print(table)


def coverage_rows(found: xr.Dataset, seconds: float) -> list[Bar]:
    """Coverage of intervals and bias of elasticities and shares, which must be right, and the wall time of the study."""
    summary, rows = summarise(found), []
    for name in BY_SECTOR:
        own = summary.sel(coefficient=[str(c).startswith(f"{name}[") for c in summary["coefficient"].values])
        coverage = float(own.coverage.mean())
        f, rank, p = joint_bias_test(found, name)
        by_sector = f"by sector {float(own.coverage.min()):.3f} to {float(own.coverage.max()):.3f}"
        covered = f"coverage {coverage:.3f} in [{COVERAGE[0]:g}, {COVERAGE[1]:g}], {by_sector}"
        unbiased = f"joint test of no bias F = {f:.2f} of rank {rank}, p = {p:.3f} > 0.01"
        inadmissible = f"{int(own.inadmissible.sum())} inadmissible"
        right = [COVERAGE[0] <= coverage <= COVERAGE[1], p > 0.01]
        note = f"{covered}; {unbiased}; {inadmissible}"
        rows.append(answers(f"{name}: coverage of {100 * LEVEL:g}% intervals, and no bias", right, note))
    worlds = found.sizes["replication"]
    note = f"{os.cpu_count()} processes; the bar is for 500"
    return [*rows, Bar(f"{worlds} synthetic worlds, wall time", seconds, SECONDS, unit="s", note=note)]


def measure(replications: int = 500, workers: int | None = None, stratified: bool = True) -> list[Bar]:
    """Run the study, print it by coefficient, and return its rows."""
    begin = time.perf_counter()
    found = study(replications, workers=workers, settings=WorldSettings(stratified=stratified))
    seconds = time.perf_counter() - begin
    show(found, f"{replications} replications")
    return coverage_rows(found, seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; 1 if bias or coverage are not what they should be, or if it takes too long."""
    parser = argparse.ArgumentParser(description="Bias and coverage on the synthetic world.")
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--workers", type=int)
    parser.add_argument(
        "--unstratified", action="store_true", help="active pairs at random: few clusters in small sectors"
    )
    options = parser.parse_args(arguments)
    rows = measure(options.replications, options.workers, not options.unstratified)
    print(report.markdown({"Estimators": rows}))
    return int(any(r.verdict != "pass" for r in rows))


if __name__ == "__main__":
    raise SystemExit(main())
