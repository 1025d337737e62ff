"""Solvers of other libraries on the same core: scipy's root finders, CasADi's, and IPOPT.

Each gets what the literature would give it: the torn core in logs with paired, positively signed residuals and, where
it can use one, the exact Jacobian. Their own verdict on convergence is passed on as the status; `solve` certifies the
point like any other. Tolerances are those of our certificate, so that nobody wins by stopping early.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.solution import Status
from framework.solve.newton import RESIDUAL_BOUND, Trace, paired_signs

if TYPE_CHECKING:
    import casadi as ca

    from framework.solve.problem import Problem

Array = np.ndarray


class Core:
    """The core of a problem as plain functions, counting the work."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.trace = Trace(problem.start.copy(), Status.NO_CONVERGENCE)
        self._at, self._linear = problem.start, None
        with np.errstate(all="ignore"):
            problem.residual(problem.start)
            self.signs = paired_signs(problem, problem.linearise(), self.trace)

    def residual(self, u: Array) -> Array:
        """Residual at `u`, with the signs that make the paired diagonal positive."""
        self.trace.evaluations += 1
        with np.errstate(all="ignore"):
            self._linear = None
            return self.signs * self.problem.residual(u)

    def products(self, u: Array, directions: Array) -> Array:
        """Products of the Jacobian at `u` with directions, shape (size, k)."""
        self.trace.products += directions.shape[1]
        with np.errstate(all="ignore"):
            if self._linear is None or not np.array_equal(u, self._at):
                self.problem.residual(u)
                self._at, self._linear = u.copy(), self.problem.linearise()
            return np.column_stack([self.signs * self._linear(v) for v in directions.T])

    def jacobian(self, u: Array) -> Array:
        """Dense Jacobian of the signed residual."""
        return self.products(u, np.eye(self.problem.size))

    def result(self, point: Array, converged: bool, iterations: int | None, note: str = "") -> Trace:
        """The trace of a finished run; evaluations stand for iterations that a solver does not count."""
        trace = self.trace
        trace.point = np.asarray(point, dtype=float).ravel()
        trace.status = Status.SOLVED if converged else Status.NO_CONVERGENCE
        trace.iterations = int(trace.evaluations if iterations is None else iterations)
        trace.note = note
        trace.residual = float(np.abs(self.residual(trace.point)).max(initial=0.0))
        return trace


# ---- scipy ---------------------------------------------------------------------------------------


def scipy_hybr(problem: Problem) -> Trace:
    """Powell's hybrid method (MINPACK, Moré et al. 1980) with the exact Jacobian."""
    return _root(problem, "hybr", {"xtol": 1e-12}, jacobian=True)


def scipy_krylov(problem: Problem) -> Trace:
    """Newton-Krylov with finite differences and LGMRES (Knoll and Keyes 2004)."""
    return _root(problem, "krylov", {"fatol": RESIDUAL_BOUND, "maxiter": 200})


def scipy_df_sane(problem: Problem) -> Trace:
    """Spectral residuals without derivatives (La Cruz, Martínez and Raydan 2006)."""
    accuracy = RESIDUAL_BOUND * np.sqrt(max(problem.size, 1))
    return _root(problem, "df-sane", {"fatol": accuracy, "ftol": 0.0, "maxfev": 5000})


def scipy_anderson(problem: Problem) -> Trace:
    """Anderson mixing of ten iterates (Eyert 1996), from the unit Jacobian that paired residuals in logs suggest."""
    return _root(
        problem,
        "anderson",
        {"fatol": RESIDUAL_BOUND, "maxiter": 1000, "jac_options": {"M": 10, "alpha": -1.0}},
    )


def _root(problem: Problem, method: str, options: dict[str, Any], jacobian: bool = False) -> Trace:
    from scipy.optimize import root

    core = Core(problem)
    derivative = core.jacobian if jacobian else None
    with np.errstate(all="ignore"):  # trial points may leave the domain
        found = root(core.residual, problem.start, jac=derivative, method=method, options=options)
    return core.result(found.x, bool(found.success), found.get("nit"), str(found.message))


# ---- CasADi --------------------------------------------------------------------------------------


def casadi_newton(problem: Problem) -> Trace:
    """CasADi's Newton with line search, and LAPACK's LU of the exact dense Jacobian."""
    options = {"abstol": RESIDUAL_BOUND, "line_search": True, "max_iter": 100}
    return _rootfinder(problem, "newton", options)


def casadi_kinsol(problem: Problem) -> Trace:
    """SUNDIALS KINSOL (Hindmarsh et al. 2005): Newton with line search and its dense LU.

    Its GMRES is left out: CasADi 3.8.2 corrupts memory where it is used with a function from outside.
    """
    options = {
        "abstol": RESIDUAL_BOUND,
        "linear_solver_type": "dense",
        "strategy": "linesearch",
        "max_iter": 200,
        "disable_internal_warnings": True,
    }
    return _rootfinder(problem, "kinsol", options)


def _rootfinder(problem: Problem, plugin: str, options: dict[str, Any]) -> Trace:
    import casadi as ca

    core = Core(problem)
    function, jacobian = _functions(core)
    options = {**options, "jacobian_function": jacobian, "linear_solver": "lapacklu", "error_on_fail": False}
    finder = ca.rootfinder("finder", plugin, function, options)
    point = finder(problem.start)
    stats = finder.stats()
    return core.result(
        np.array(point),
        bool(stats["success"]),
        stats.get("iter_count"),
        str(stats["unified_return_status"]),
    )


def ipopt(problem: Problem) -> Trace:
    """IPOPT (Wächter and Biegler 2006): the core as equality constraints of an empty objective.

    The exact Jacobian is given; there is no Hessian, so its approximation has limited memory.
    """
    import casadi as ca

    core = Core(problem)
    function, _ = _functions(core)
    u = ca.MX.sym("u", problem.size)
    quiet = {"print_time": False, "ipopt.print_level": 0, "ipopt.sb": "yes"}
    options = {
        "ipopt.hessian_approximation": "limited-memory",
        "ipopt.tol": RESIDUAL_BOUND,
        "ipopt.constr_viol_tol": RESIDUAL_BOUND,
        "ipopt.acceptable_iter": 0,
        "ipopt.max_iter": 500,
    }
    nlp = ca.nlpsol("nlp", "ipopt", {"x": u, "f": ca.MX(0), "g": function(u)}, {**quiet, **options})
    found = nlp(x0=problem.start, lbg=0, ubg=0)
    stats = nlp.stats()
    return core.result(
        np.array(found["x"]), bool(stats["success"]), stats["iter_count"], str(stats["return_status"])
    )


class _Map:
    """The core as a map with derivatives."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.inputs, self.outputs = {"u": core.problem.size}, {"residual": core.problem.size}

    def value(self, at: Sequence[Array]) -> list[Array]:
        """Signed residual."""
        return [self.core.residual(at[0].copy())]

    def forward(self, at: Sequence[Array], directions: Sequence[Array]) -> list[Array]:
        """Products with directions."""
        return [self.core.products(at[0].copy(), directions[0])]

    def reverse(self, at: Sequence[Array], weights: Sequence[Array]) -> list[Array]:
        """Products of the transpose, which these solvers ask for one at a time if at all."""
        return [self.core.jacobian(at[0].copy()).T @ weights[0]]

    def pattern(self, output: int, input: int) -> Array:
        """Cores are nearly dense."""
        return np.ones((self.core.problem.size, self.core.problem.size), dtype=bool)


def _functions(core: Core) -> tuple[ca.Function, ca.Function]:
    """The core for CasADi: the residual, which knows its derivatives, and the dense Jacobian with it."""
    import casadi as ca

    from framework.compile.casadi_callback import as_casadi

    residual, u = as_casadi("residual", _Map(core)), ca.MX.sym("u", core.problem.size)
    jacobian = residual.jacobian()
    return residual, ca.Function("jacobian", [u], [jacobian(u, 0), residual(u)])


EXTERNAL: dict[str, Callable[[Problem], Trace]] = {
    "scipy-hybr": scipy_hybr,
    "scipy-krylov": scipy_krylov,
    "scipy-df-sane": scipy_df_sane,
    "scipy-anderson": scipy_anderson,
    "casadi-kinsol": casadi_kinsol,
    "casadi-newton": casadi_newton,
    "ipopt": ipopt,
}
