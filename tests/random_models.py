"""Random small models, and their solution by the plainest means: loops over cells of the sympy tree."""

from __future__ import annotations

import itertools
import random

import numpy as np
import sympy as sp
import xarray as xr

from framework import Model, base
from framework.sets import Element, root_of
from framework.symbols import Kind, symbol_name

LABELS = {"region": ["A", "B", "C"], "sector": ["x", "y"]}


class RandomModel:
    """A model whose variables are defined one after the other; the last is in a loop with itself.

    Attributes
    ----------
    model : Model
    data : xarray.Dataset
        Parameters and exogenous quantities.
    shocks : dict of str to DataArray
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        numbers = np.random.default_rng(seed)
        self.model = m = Model(f"random {seed}")
        region, sector = m.set("region"), m.set("sector")
        self.sets = {"region": region, "sector": sector}
        importer, exporter = region.alias("importer"), region.alias("exporter")
        self.element = region.element("B")
        shapes = [
            [],
            [region],
            [sector],
            [region, sector],
            [importer, exporter],
            [importer, exporter, sector],
        ]
        self.names = itertools.count()
        self.heads: list[tuple[sp.Expr, list]] = []
        self.data, self.shocks = xr.Dataset(coords=LABELS), {}
        for k, dims in enumerate(shapes):
            symbol = m.exogenous(f"q{k}", dims, f"q{k}", positive=True, observed=True)
            self.heads.append((symbol, dims))
            self._fill(f"q{k}", dims, numbers, 0.5, 2.0)
            self.shocks[f"q{k}"] = xr.zeros_like(self.data[f"q{k}"]) + numbers.uniform(
                0.7, 1.4, self.data[f"q{k}"].shape
            )
        self.tax = m.exogenous("t", [region], "t", level=True, observed=True)
        self._fill("t", [region], numbers, 0.0, 0.3)
        self.shocks["t"] = self.data["t"] + numbers.uniform(0.0, 0.2, 3)
        self.exponents = [m.parameter("e", [], "e"), m.parameter("a", [sector], "a")]
        self._fill("e", [], numbers, -0.8, 0.8)
        self._fill("a", [sector], numbers, -0.8, 0.8)
        for k in range(4):
            self._define(f"v{k}", self.rng.choice(shapes))
        self._loop([region])

    def _fill(self, name: str, dims: list, numbers: np.random.Generator, low: float, high: float) -> None:
        shape = [len(LABELS[d.root]) for d in dims]
        coords = {d.name: LABELS[d.root] for d in dims}
        self.data[name] = xr.DataArray(numbers.uniform(low, high, shape), coords, [d.name for d in dims])

    def _define(self, name: str, dims: list) -> None:
        free = [self._index(d.root) for d in dims]
        rhs = self.expr(free, 3)
        head = self.model.variable(name, dims, name, positive=True, observed=True)
        self.model.define(head[tuple(free)] if dims else head, rhs)
        self.heads.append((head, dims))

    def _loop(self, dims: list) -> None:
        free = [self._index(d.root) for d in dims]
        rest = self.expr(free, 2)
        head = self.model.variable("z", dims, "z", positive=True, observed=True)
        own, other = head[tuple(free)], self._index("region")
        again = sp.Sum(self.expr([*free, other], 1) * head[other], other)
        self.model.define(
            own, rest * self.rng.choice([again, own * again, again + head[self.element]]) ** 0.2
        )

    def _index(self, root: str) -> sp.Idx:
        return self.sets[root].indices(f"i{next(self.names)}")[0]

    def _atom(self, free: list) -> sp.Expr:
        while True:
            head, dims = self.rng.choice(self.heads)
            options = [[i for i in free if root_of(i) == d.root] for d in dims]
            if any(not o for o in options) and self.rng.random() < 0.7:
                continue
            subs = []
            for option, dim in zip(options, dims, strict=True):
                choices = list(option)
                if dim.root == "region" and (self.rng.random() < 0.15 or not choices):
                    choices = [self.element]
                if not choices:
                    break
                subs.append(self.rng.choice(choices))
            if len(subs) == len(dims):
                return head[tuple(subs)] if dims else head

    def _exponent(self, free: list) -> sp.Expr:
        here = [i for i in free if root_of(i) == "sector"]
        scalar, by_sector = self.exponents
        options = [sp.Integer(-1), sp.Integer(2), sp.Rational(1, 2), scalar, 1 / (2 + scalar)]
        return self.rng.choice(options + [by_sector[i] for i in here] + [1 - by_sector[i] for i in here])

    def expr(self, free: list, depth: int) -> sp.Expr:
        """A positive random expression in some of the given indices."""
        if depth == 0:
            return self._atom(free)
        kind = self.rng.choice(
            ["mul", "mul", "pow", "pow", "sum", "sum", "add", "prod", "wedge", "delta", "base", "scaled"]
        )
        part = lambda: self.expr(free, depth - 1)  # noqa: E731
        regions = [i for i in free if root_of(i) == "region"]
        match kind:
            case "mul":
                return part() * part()
            case "pow":
                return part() ** self._exponent(free)
            case "add":
                return part() + part()
            case "scaled":
                return sp.Rational(3, 2) * part()
            case "base":
                return base(self._atom(free)) * part()
            case "wedge" if regions:
                return (1 + self.tax[self.rng.choice(regions)]) ** self.rng.choice([1, -1, 2]) * part()
            case "delta" if regions:
                other = self.rng.choice([*regions, self.element])
                a = self.rng.choice(regions)
                return (
                    part()
                    if a == other
                    else part() * (1 + self.tax[a]) ** sp.KroneckerDelta(a, other) + part()
                )
            case "sum" | "prod":
                index = self._index(self.rng.choice(["region", "sector"]))
                inner = self.expr([*free, index], depth - 1)
                return sp.Sum(inner, index) if kind == "sum" else sp.Product(inner, index)
        return part()


def brute_force(
    random_model: RandomModel, data: xr.Dataset, before: dict | None = None
) -> dict[str, np.ndarray]:
    """Values of all variables, cell by cell; `before` are those of the baseline for `base()`."""
    model = random_model.model
    known = {str(k): np.asarray(v.values, float) for k, v in data.data_vars.items()}
    positions = {
        e.name: LABELS[e.root].index(e.label) for eq in model.equations for e in eq.rhs.atoms(Element)
    }
    baseline = known if before is None else before
    for eq in model.equations:
        name = symbol_name(eq.lhs)
        subs = list(eq.indices)
        shape = [len(LABELS[root_of(i)]) for i in subs]
        known[name] = np.ones(shape)
        for _ in range(1 if name != "z" else 200):
            new = np.empty(shape)
            for cell in np.ndindex(*shape):
                env = dict(zip(subs, cell, strict=True))
                new[cell] = _evaluate(eq.rhs, env, known, baseline if before else known, positions)
            known[name] = new
    return known


def _evaluate(expr: sp.Basic, env: dict, known: dict, baseline: dict, positions: dict) -> float:
    at = lambda i: env[i] if isinstance(i, sp.Idx) else positions[i.name]  # noqa: E731
    go = lambda e, env=env: _evaluate(e, env, known, baseline, positions)  # noqa: E731
    if expr.is_number:
        return float(expr)
    if isinstance(expr, sp.KroneckerDelta):
        return float(at(expr.args[0]) == at(expr.args[1]))
    if isinstance(expr, sp.Indexed):
        return float(known[symbol_name(expr)][tuple(at(i) for i in expr.indices)])
    if isinstance(expr, sp.Symbol):
        return float(known[expr.name])
    if isinstance(expr, base):
        return _evaluate(expr.args[0], env, baseline, baseline, positions)
    if isinstance(expr, (sp.Sum, sp.Product)):
        indices = [limit[0] for limit in expr.limits]
        ranges = [range(len(LABELS[root_of(i)])) for i in indices]
        cells = [
            go(expr.function, {**env, **dict(zip(indices, c, strict=True))})
            for c in itertools.product(*ranges)
        ]
        return float(np.sum(cells) if isinstance(expr, sp.Sum) else np.prod(cells))
    if isinstance(expr, sp.Pow):
        return go(expr.base) ** go(expr.exp)
    args = [go(a) for a in expr.args]
    return float(np.sum(args) if isinstance(expr, sp.Add) else np.prod(args))


__all__ = ["LABELS", "Kind", "RandomModel", "brute_force"]
