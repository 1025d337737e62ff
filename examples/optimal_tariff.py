"""The tariff that is best for one region, by IPOPT: maximise its real consumption subject to everybody's equilibrium.

Run it, and look at optimal_tariff.png::

    python optimal_tariff.py

In the model of Caliendo and Parro (2015) one region puts the same tariff on all that it imports. The compiled model is a
``casadi.Function`` inside an optimisation problem that is not part of the model; docs/embedding.md explains each step.
All economies here are synthetic.
"""

from __future__ import annotations

import casadi as ca
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar

from calibration.synthetic import synthetic_caliendo_parro
from exacthat import compile_model, hat, solve
from framework import Problem, System
from models import caliendo_parro

QUIET = {"print_time": False, "ipopt.print_level": 0, "ipopt.sb": "yes", "ipopt.tol": 1e-10}


def imports(problem: Problem, region: str) -> dict:
    """Everything that a region imports, as a part of the tariff."""
    others = [name for name in problem.bound.labels["region"] if name != region]
    return {"tariff": {"importer": region, "exporter": others}}


def mpec(problem: Problem, region: str) -> float:
    """Optimal tariff: maximise over the tariff and all unknowns subject to the equations, with the exact Hessian."""
    f = problem.casadi_function(imports(problem, region), {"real_consumption": {"region": region}})
    u, t = ca.MX.sym("u", problem.size), ca.MX.sym("t")
    residual, consumption = f(u, t)  # a scalar stands for every chosen cell
    program = {"x": ca.vertcat(u, t), "f": -ca.log(consumption), "g": residual}
    ipopt = ca.nlpsol("ipopt", "ipopt", program, {**QUIET, "error_on_fail": True})
    least = np.append(np.full(problem.size, -np.inf), -0.9)
    found = ipopt(x0=np.append(problem.start, 0.0), lbx=least, lbg=0, ubg=0)
    return float(found["x"][-1])


def reduced(problem: Problem, region: str) -> float:
    """The same optimum over the tariff alone: every evaluation is a certified equilibrium with its implicit derivative."""
    consumption = problem.casadi_equilibrium(
        imports(problem, region), {"real_consumption": {"region": region}}
    )
    t = ca.MX.sym("t")
    options = {**QUIET, "ipopt.hessian_approximation": "limited-memory", "error_on_fail": True}
    ipopt = ca.nlpsol("ipopt", "ipopt", {"x": t, "f": -ca.log(consumption(t))}, options)
    return float(ipopt(x0=0.0, lbx=-0.9)["x"])


def consumption_at(system: System, data: xr.Dataset, region: str, rate: float) -> float:
    """Real consumption relative to the baseline, by a certified solution."""
    chosen = (data.importer == region) & (data.exporter != region)
    tariff = xr.where(chosen, rate, data.tariff).transpose(*data.tariff.dims)
    return float(solve(system.bind(data, {"tariff": tariff}))["real_consumption"].sel(region=region))


def search(system: System, data: xr.Dataset, region: str) -> float:
    """The same optimum without derivatives, over certified solutions: the best of a grid, then golden-section search."""
    rates = np.linspace(0, 1, 21)
    best = int(np.argmax([consumption_at(system, data, region, rate) for rate in rates]))
    if not 0 < best < rates.size - 1:
        raise ValueError(f"the best tariff of {region} is not between {rates[0]:g} and {rates[-1]:g}")
    found = minimize_scalar(
        lambda rate: -consumption_at(system, data, region, rate),
        (rates[best - 1], rates[best], rates[best + 1]),
        method="golden",
        options={"xtol": 1e-8},
    )
    return float(found.x)


def two_regions(size: float, elasticity: float = 4.0, import_share: float = 0.3) -> xr.Dataset:
    """Armington trade of home, with a share `size` of world income, and abroad: one sector, labour only, no tariffs."""
    income = np.array([size, 1 - size])
    buys = np.array([import_share, import_share * size / (1 - size)])  # balanced trade
    share = np.array([[1 - buys[0], buys[0]], [buys[1], 1 - buys[1]]])[:, :, None]
    names, cell = ["home", "abroad"], ("region", "sector")
    return xr.Dataset(
        {
            "trade_elasticity": ("sector", [elasticity]),
            "expenditure_share": (("importer", "exporter", "sector"), share),
            "expenditure": (cell, income[:, None]),
            "gross_output": (cell, income[:, None]),
            "final_expenditure": ("region", income),
            "value_added_share": (cell, np.ones((2, 1))),
            "input_share": (("region", "input_sector", "sector"), np.zeros((2, 1, 1))),
            "final_share": (cell, np.ones((2, 1))),
            "tariff": (("importer", "exporter", "sector"), np.zeros((2, 2, 1))),
            "deficit": ("region", np.zeros(2)),
        },
        {"region": names, "importer": names, "exporter": names, "sector": ["good"], "input_sector": ["good"]},
        {"source": "made up for this example"},
    )


def textbook(system: System, data: xr.Dataset, rate: float) -> float:
    """One over the elasticity of foreign export supply, ``1/(theta pi_ff)``, at the equilibrium with this tariff."""
    tariff = data.tariff.copy()
    tariff.loc[{"importer": "home", "exporter": "abroad"}] = rate
    at = solve(system.bind(data, {"tariff": tariff}))["expenditure_share"] * data.expenditure_share
    own = float(at.sel(importer="abroad", exporter="abroad", sector="good"))
    return 1 / (float(data.trade_elasticity.item()) * own)


def draw(system: System, data: xr.Dataset, region: str, best: float) -> Figure:
    """Real consumption against the tariff, with the optimum."""
    rates = np.linspace(0, max(0.6, 2 * best), 41)
    gains = [100 * (consumption_at(system, data, region, r) - 1) for r in rates]
    top = 100 * (consumption_at(system, data, region, best) - 1)
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axis = figure.subplots()
    axis.axhline(0, color="0.8", linewidth=0.8)
    axis.plot(100 * rates, gains, color="#0072b2", label="certified solutions")
    axis.plot(100 * best, top, "o", color="#e69f00", label=f"IPOPT: {100 * best:.1f}%, gain {top:.2f}%")
    axis.set_xlabel(f"tariff of {region} on all imports, percent")
    axis.set_ylabel("change of real consumption, percent")
    axis.set_title(f"Optimal tariff of {region} (synthetic economy)", fontsize=10)
    axis.legend(frameon=False, loc="lower center")
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Print the optimum by three ways, and the textbook's where it has one; draw it."""
    system = compile_model(hat(caliendo_parro()))
    print("home's size   MPEC       reduced    search     1/(theta pi_ff)")
    for size in (0.5, 0.1, 0.01, 1e-4):
        data = two_regions(size)
        problem = system.bind(data, {})
        best = mpec(problem, "home")
        ways = best, reduced(problem, "home"), search(system, data, "home")
        print(f"{size:<12g}", *(f"{way:10.7f}" for way in ways), f"{textbook(system, data, best):10.7f}")
    data = synthetic_caliendo_parro(5, 4, seed=1)
    problem = system.bind(data, {})
    best = mpec(problem, "USA")
    ways = best, reduced(problem, "USA"), search(system, data, "USA")
    print("USA, 5x4    ", *(f"{way:10.7f}" for way in ways))
    draw(system, data, "USA", best).savefig("optimal_tariff.png", dpi=150)


if __name__ == "__main__":
    main()
