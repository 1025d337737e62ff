"""Quantities that one number may multiply without changing anything: a model has no money illusion.

Every equation must keep its balance when nominal quantities are scaled together. That is a linear system in the
degrees of the quantities, solved exactly and before any data.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from framework.algebra import has_constant, terms
from framework.complementarity import perp
from framework.model import Equation, Model
from framework.printing import typed
from framework.sets import Part, root_of
from framework.symbols import Declaration, Kind, base, ces, declared_atoms, symbol_name

Degree = dict[str, Fraction]  # a linear combination of the degrees of symbols


@dataclass(frozen=True)
class Homogeneity:
    """Scalings under which every equation of a model stays true.

    Attributes
    ----------
    scalings : list of dict of str to Fraction
        Degree of each quantity that scales, by symbol; one entry for each independent scaling.
    conditions : list of str
        What the data must satisfy for that: exponents that have to sum to one.
    breaking : list of str
        Where nothing can be scaled: equations without which something could be.
    """

    scalings: list[Degree]
    conditions: list[str]
    breaking: list[str]


def homogeneity(model: Model) -> Homogeneity:
    """Find every scaling of variables and nominal levels that leaves all equations of a model true.

    Parameters are fixed, and so are exogenous quantities that are not levels; the numeraire is left out. A model
    whose equations determine relative prices only has one scaling, and needs a numeraire; exponents that are
    shares are taken to sum to one, and this is reported.
    """
    system = _System(model)
    forms = {eq.name: system.equation(eq) for eq in model.equations if not _compares(eq)}
    scalings = system.kernel(f for each in forms.values() for f in each)
    breaking: list[str] = []
    if not scalings:
        for name in forms:
            rest = [f for other, each in forms.items() if other != name for f in each]
            if any(not set(k) <= {symbol_name(a) for a in _left(model, name)} for k in system.kernel(rest)):
                breaking.append(name)
    return Homogeneity(scalings, sorted(system.conditions), breaking)


def _left(model: Model, name: str) -> set[sp.Expr]:
    """The variable that an equation defines: without the equation it could be anything."""
    return set().union(*(declared_atoms(e.lhs) for e in model.equations if e.name == name and e.defines))


def _compares(eq: Equation) -> bool:
    """True for an outcome that compares with the baseline, which scales by itself."""
    return eq.defines and eq.rhs.has(base)


class _System:
    """The degrees of one model as unknowns of a linear system; parameters are drawn once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        free = {symbol_name(eq.lhs) for eq in model.equations if _compares(eq)}
        self.unknowns = [d.symbol for d in model.symbols.values() if _may_scale(d) and d.symbol not in free]
        self.conditions: set[str] = set()
        self._draws: dict[str, Fraction] = {}
        self._random = random.Random(0)
        self._found: list[Degree] = []

    def kernel(self, forms: Iterable[Degree]) -> list[Degree]:
        """Degrees for which every form is zero, smallest whole numbers where there are."""
        rows = list({tuple(f.get(v, Fraction(0)) for v in self.unknowns): None for f in forms})
        if not self.unknowns:
            return []
        matrix = sp.Matrix(len(rows), len(self.unknowns), [sp.Rational(x) for row in rows for x in row])
        null = DomainMatrix.from_Matrix(matrix).to_field().nullspace().to_Matrix()
        out = []
        for k in range(null.rows):
            row = [Fraction(int(x.p), int(x.q)) for x in null.row(k)]
            first = next(x for x in row if x)
            out.append({v: x / first for v, x in zip(self.unknowns, row, strict=True) if x})
        return out

    def equation(self, eq: Equation) -> list[Degree]:
        """Forms that are zero where an equation is homogeneous."""
        self._found = []
        if eq.complement is not None:
            return self._complementarity(eq.complement)
        left, right = self.degree(eq.lhs), self.degree(eq.rhs)
        return [*self._found, _minus(left, right)]

    def _complementarity(self, parts: perp) -> list[Degree]:
        """Terms of the function scale together, and so do the variable and each bound that is not zero."""
        self.degree(parts.function)
        for bound in (parts.lower, parts.upper):
            if bound is not None and bound != 0:
                self._found.append(_minus(self.degree(parts.variable), self.degree(bound)))
        return self._found

    def degree(self, expr: sp.Expr) -> Degree:
        """Degree of an expression; what its own terms need is noted on the way."""
        found = [self._term(t.coefficient, t.factors) for t in terms(expr)]
        for other in found[1:]:
            self._found.append(_minus(found[0], other))
        return found[0] if found else {}

    def _term(self, coefficient: sp.Expr, factors: dict) -> Degree:
        self._complete(factors)
        total: Degree = {}
        for factor, exponent in [(coefficient, sp.S.One), *factors.items()]:
            number = self._number(exponent)
            for v, x in self._factor(factor).items():
                total[v] = total.get(v, Fraction(0)) + number * x
        return total

    def _factor(self, factor: sp.Expr) -> Degree:
        if isinstance(factor, (sp.Symbol, sp.Indexed)):
            name = symbol_name(factor)
            return {name: Fraction(1)} if name in self.unknowns else {}
        if factor.is_number or isinstance(factor, (base, sp.KroneckerDelta)):
            return {}
        if isinstance(factor, sp.Product):
            return self._product(factor)
        if isinstance(factor, ces):
            return self._nest(factor.args[1:])
        if has_constant(factor):
            self._found += [self._term(t.coefficient, t.factors) for a in factor.args for t in terms(a)]
            return {}
        if isinstance(factor, (sp.Add, sp.Sum, sp.Mul, sp.Pow)):
            return self.degree(factor)
        self._found += [self.degree(a) for a in factor.args]  # any other function takes pure numbers
        return {}

    def _nest(self, parts: tuple[Part, ...]) -> Degree:
        degrees = [self.degree(p.args[1]) for p in parts]
        self._found += [_minus(degrees[0], d) for d in degrees[1:]]
        return degrees[0]

    def _product(self, factor: sp.Product) -> Degree:
        """A product over a set: a power whose exponents sum to what was drawn for them, or one of its size."""
        inner = terms(factor.function)
        if len(inner) != 1 or inner[0].bound:
            return _times(self._size(factor), self.degree(factor.function))
        out: Degree = {}
        for b, exponent in inner[0].factors.items():
            share = _is_share(exponent)
            number = self._number(exponent) * (1 if share else self._size(factor))
            for v, x in self._factor(b).items():
                out[v] = out.get(v, Fraction(0)) + number * x
        return out

    def _size(self, factor: sp.Product) -> Fraction:
        size = Fraction(1)
        for limit in factor.limits:
            size *= self._draw(f"size of {root_of(limit[0])}")
        return size

    def _number(self, exponent: sp.Expr) -> Fraction:
        """An exponent with its parameters drawn."""
        value = exponent.xreplace(
            {a: sp.Rational(self._draw(symbol_name(a))) for a in declared_atoms(exponent)}
        )
        value = sp.nsimplify(value, rational=True)
        return Fraction(int(value.p), int(value.q)) if value.is_Rational else self._draw(typed(exponent))

    def _draw(self, name: str) -> Fraction:
        if name not in self._draws:
            self._draws[name] = Fraction(self._random.randint(1000, 9999), 9973)
        return self._draws[name]

    def _complete(self, factors: dict) -> None:
        """Let the exponents of Cobb-Douglas nests, which are parameters, sum to one; note that they must.

        Factors beside a product are of its nest, unless the product has a power of its own, as where one divides by a
        price index.
        """
        products = [(f, outer == 1) for f, outer in factors.items() if isinstance(f, sp.Product)]
        found = [(terms(f.function), beside) for f, beside in products]
        inside = [([e for e in t[0].factors.values()], beside) for t, beside in found if len(t) == 1]
        joint = [e for exponents, beside in inside if beside for e in exponents]
        if any(map(_is_share, joint)):
            self._sum_to_one([*factors.values(), *joint])
        for exponents, beside in inside:
            if not beside and any(map(_is_share, exponents)):
                self._sum_to_one(exponents)

    def _sum_to_one(self, exponents: list[sp.Expr]) -> None:
        names = list(dict.fromkeys(symbol_name(e) for e in exponents if _is_share(e)))
        new = [n for n in names if n not in self._draws]
        for n in new[:-1]:
            self._draws[n] = self._draw(n) / 50
        if new:
            self._draws[new[-1]] = 1 - sum((self._draws[n] for n in names if n != new[-1]), Fraction(0))
        if sum(self._draws[n] for n in names) == 1:
            keys = " and ".join(f"'{self.model.symbols[n].key}'" for n in names)
            self.conditions.add(f"{keys} sum to 1" if len(names) == 1 else f"{keys} together sum to 1")


def _may_scale(decl: Declaration) -> bool:
    """Variables, and given levels (a deficit): what an equilibrium in another unit of account would change."""
    return decl.kind is Kind.VARIABLE or (decl.kind is Kind.EXOGENOUS and decl.level)


def _is_share(exponent: sp.Expr) -> bool:
    return isinstance(exponent, sp.Indexed)


def _minus(a: Degree, b: Degree) -> Degree:
    return {v: a.get(v, Fraction(0)) - b.get(v, Fraction(0)) for v in {**a, **b}}


def _times(number: Fraction, degree: Degree) -> Degree:
    return {v: number * x for v, x in degree.items()}
