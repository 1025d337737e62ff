r"""A model in the field's notation: LaTeX that compiles with amsmath and in MathJax and KaTeX.

Subscripts are indices (``\pi_{nis}``), a hat is a ratio new over base, a prime a new level, a subscript 0 the
baseline.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import replace

import sympy as sp
from sympy.printing.latex import LatexPrinter, translate

from framework.algebra import match, power, product, summed, terms
from framework.complementarity import perp
from framework.model import Equation, Model
from framework.notation import guessed, notation, plain_name, role_of, visible
from framework.sets import Element, free_indices
from framework.symbols import Kind, base, ces, declared_atoms, subscripts, symbol_name

_LINE = 76  # visible characters after which a sum is broken over lines


class _Printer(LatexPrinter):
    """Prints atoms as declared, sums by their indices, and factors and terms in reading order."""

    def __init__(self, model: Model, *, abbreviate: bool = False) -> None:
        super().__init__({"order": "none"})
        self.symbols = model.symbols
        self.place = {symbol: k for k, symbol in enumerate(model.symbols)}
        self.inline = False
        self.abbreviations = _baseline_totals(model) if abbreviate else {}
        self.used: list[sp.Expr] = []

    def shortened(self, expr: sp.Expr) -> sp.Expr:
        """An expression in which every baseline total that an equation names stands under its name."""
        if isinstance(expr, (sp.Add, sp.Sum)):
            for total, name in self.abbreviations.items():
                indices = free_indices(name)
                for binding in match(total, expr, {}, indices):
                    if len(binding) == len(indices):
                        self.used += [] if total in self.used else [total]
                        return name.xreplace(binding)
        if isinstance(expr, (sp.Indexed, sp.Symbol, sp.Idx)) or not expr.args:
            return expr
        return expr.func(*(self.shortened(a) for a in expr.args))

    # ---- atoms -----------------------------------------------------------------------------------

    def atom(self, expr: sp.Expr, *, baseline: bool = False) -> str:
        """A declared symbol with its indices; `baseline` adds a 0."""
        decl = self.symbols[symbol_name(expr)]
        decl = replace(decl, symbol=plain_name(decl), role="plain") if baseline else decl
        return notation(decl).with_subscripts(self._indices(subscripts(expr)), "0" if baseline else "")

    def _indices(self, indices: tuple) -> str:
        shown = [self._print(i) for i in indices]
        together = all(isinstance(i, sp.Idx) for i in indices) and all(len(visible(s)) <= 2 for s in shown)
        return ("" if together else ",").join(shown)

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        return self.atom(expr)

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        if isinstance(expr, Element):
            return rf"\text{{{_text(expr.label)}}}"
        return self.atom(expr) if str(expr) in self.symbols else guessed(str(expr)).with_subscripts()

    def _print_Idx(self, expr: sp.Idx) -> str:
        name, digits, primes = re.fullmatch(r"(.*?)_*(\d*)('*)", str(expr.label)).groups()  # type: ignore[union-attr]
        return translate(name) + (f"_{{{digits}}}" if digits else "") + primes

    def _print_KroneckerDelta(self, expr: sp.KroneckerDelta, sign: str = "=") -> str:
        left, right = sorted(expr.args[:2], key=lambda a: (isinstance(a, Element), str(a)))
        return rf"\mathbf{{1}}\{{{self._print(left)} {sign} {self._print(right)}\}}"

    def _print_base(self, expr: sp.Expr) -> str:
        inner = expr.args[0]
        atom = isinstance(inner, (sp.Indexed, sp.Symbol))
        return self.atom(inner, baseline=True) if atom else rf"\left({self._print(inner)}\right)_{{0}}"

    # ---- sums and products -----------------------------------------------------------------------

    def _print_Sum(self, expr: sp.Sum) -> str:
        return self._big(r"\sum", [limit[0] for limit in expr.limits], expr.function)

    def _print_Product(self, expr: sp.Product) -> str:
        return self._big(r"\prod", [limit[0] for limit in expr.limits], expr.function)

    def _big(self, sign: str, indices: list, body: sp.Expr) -> str:
        return rf"{sign}_{{{','.join(self._print(i) for i in indices)}}} {self._factor(body)}"

    def _factor(self, expr: sp.Expr) -> str:
        """An expression as a factor: in brackets if it is a sum of terms."""
        text = self._print(expr)
        is_sum = isinstance(expr, sp.Add) and self._unequal(expr) is None
        return rf"\left({text}\right)" if is_sum else text

    def _print_ces(self, expr: sp.Expr, exponent: sp.Expr = sp.S.One) -> str:
        inner, *parts = expr.args
        shown = [self._print(p) for p in sorted((_power_mean(inner, p) for p in parts), key=self._term_order)]
        raised = self._exponent(exponent / inner)
        return rf"\Bigl[ {' + '.join(shown)} \Bigr]^{{{raised}}}"

    # ---- products --------------------------------------------------------------------------------

    def _print_Pow(self, expr: sp.Pow) -> str:
        return self._print_Mul(expr)

    def _print_Mul(self, expr: sp.Expr) -> str:
        coefficient, rest = expr.as_coeff_Mul()
        above, below = self._grouped(sp.Mul.make_args(rest))
        number = abs(coefficient)
        if number.is_Rational and number.q != 1:
            above, below = ([number.p] if number.p != 1 else []) + above, [sp.Integer(number.q), *below]
        elif number != 1:
            above = [number, *above]
        sign = "-" if coefficient.is_negative else ""
        return sign + self._fraction([sp.sympify(a) for a in above], below)

    def _grouped(self, factors: tuple) -> tuple[list, list]:
        """Factors above and below the bar; powers with one symbolic exponent are put into one bracket."""
        above, below, groups = [], [], {}
        for factor in factors:
            of, exponent = factor.as_base_exp()
            if exponent.is_Rational and exponent.is_negative:
                below.append(of if exponent == -1 else sp.Pow(of, -exponent, evaluate=False))
            elif exponent.is_number or isinstance(of, (sp.Sum, sp.Product)):
                above.append(factor)
            else:
                key = next((k for k in groups if k == exponent or sp.expand(k + exponent) == 0), exponent)
                groups.setdefault(key, []).append((of, 1 if key == exponent else -1))
        return above + [_joint_power(key, members) for key, members in groups.items()], below

    def _fraction(self, above: list, below: list) -> str:
        """Scalar constants, then other constants, then the rest: a fraction of its own where one divides."""
        above, below = sorted(above, key=self._reading_order), sorted(below, key=self._reading_order)
        if self.inline:
            return self._slash(above, below)
        shown, over, under = [], [], []
        for kind in range(2):
            over = over + [f for f in above if self._constancy(f) == kind]
            under = under + [f for f in below if self._constancy(f) == kind]
            if over and under:
                shown.append(_bar(self._alone(over), self._alone(under)))
                over, under = [], []
        over = over + [f for f in above if self._constancy(f) == 2]
        under = under + [f for f in below if self._constancy(f) == 2]
        tail = [f for f in over if isinstance(f, (sp.Sum, sp.Product))] if under else []
        over = [f for f in over if f not in tail]
        shown.append(_bar(self._alone(over), self._alone(under)) if under else self._juxtaposed(over))
        return " ".join(t for t in [*shown, self._juxtaposed(tail)] if t) or "1"

    def _slash(self, above: list, below: list) -> str:
        top = self._juxtaposed(above) or "1"
        if not below:
            return top
        single = len(below) == 1 and not isinstance(below[0], sp.Add)
        return f"{top}/{self._juxtaposed(below)}" if single else f"{top}/({self._alone(below)})"

    def _constancy(self, expr: sp.Expr) -> int:
        """0 for a scalar constant, 1 for another constant, 2 for what changes."""
        kinds = {self.symbols[symbol_name(a)].kind for a in declared_atoms(expr)}
        if not kinds <= {Kind.PARAMETER, Kind.FUNDAMENTAL} and not isinstance(expr, base):
            return 2
        return int(bool(free_indices(expr)) or expr.has(sp.Sum))

    def _alone(self, factors: list) -> str:
        """Factors that stand alone above or below a bar: a single sum needs no brackets."""
        return self._print(factors[0]) if len(factors) == 1 else self._juxtaposed(factors)

    def _juxtaposed(self, factors: list) -> str:
        shown = []
        for k, factor in enumerate(factors):
            text = self._power(factor) if isinstance(factor, sp.Pow) else self._factor(factor)
            open_ended = isinstance(factor, (sp.Sum, sp.Product)) and k < len(factors) - 1
            shown.append(rf"\left({text}\right)" if open_ended else text)
        return " ".join(shown)

    def _power(self, expr: sp.Pow) -> str:
        of, exponent = expr.args
        if isinstance(of, ces):
            return self._print_ces(of, exponent)
        atom = of.args[0] if isinstance(of, base) else of
        simple = isinstance(atom, (sp.Indexed, sp.Symbol)) and not self._raised(atom)
        text = self._print(of)
        simple = simple or bool(of.is_Integer and of.is_positive)
        return (text if simple else rf"\left({text}\right)") + f"^{{{self._exponent(exponent)}}}"

    def _raised(self, atom: sp.Expr) -> bool:
        name = symbol_name(atom)
        return name in self.symbols and notation(self.symbols[name]).raised

    def _exponent(self, exponent: sp.Expr) -> str:
        outer, self.inline = self.inline, True
        text = self._print(exponent)
        self.inline = outer
        return text

    def _reading_order(self, factor: sp.Expr) -> tuple:
        """Numbers, indicators, parameters, levels, fundamentals, variables, shocks, brackets, sums."""
        of = factor.as_base_exp()[0]
        of = of.args[0] if isinstance(of, base) else of
        if of.is_number:
            return 0, 0, ""
        if isinstance(of, sp.KroneckerDelta) or (isinstance(of, sp.Add) and self._unequal(of)):
            return 1, 0, str(of)
        if isinstance(
            factor, sp.Add
        ):  # 1 - omega stands before the variable that it multiplies, 1 + tau after
            kinds = {self.symbols[symbol_name(a)].kind for a in declared_atoms(of)}
            ranks = {Kind.EXOGENOUS: 8, Kind.VARIABLE: 4.6, Kind.FUNDAMENTAL: 4.3, Kind.PARAMETER: 2.5}
            return next(rank for kind, rank in ranks.items() if kind in kinds), 0, str(of)
        if not isinstance(of, (sp.Indexed, sp.Symbol)):
            return {sp.Product: 9, sp.Sum: 10}.get(type(of), 8), 0, str(of)
        decl = self.symbols.get(symbol_name(of))
        if decl is None:
            return 7, 0, str(of)
        ranks = {Kind.PARAMETER: 2, Kind.FUNDAMENTAL: 4, Kind.VARIABLE: 5, Kind.EXOGENOUS: 6}
        level = decl.level and decl.kind is Kind.EXOGENOUS
        return 3 if level else ranks[decl.kind], self.place[decl.symbol], str(of)

    # ---- sums of terms ---------------------------------------------------------------------------

    def _print_Add(self, expr: sp.Add, order: str | None = None) -> str:
        text = self._unequal(expr) or " ".join(self.terms(expr)).removeprefix("+ ")
        return f"-{text[2:]}" if text.startswith("- ") else text

    def terms(self, expr: sp.Expr) -> list[str]:
        """Terms of a sum with their signs, positive ones first."""
        parts = sp.Add.make_args(expr)
        if len(parts) > 1 and self._unequal(expr) is not None:
            parts = (expr,)
        ordered = sorted(parts, key=self._term_order)
        shown = [self._print(p) for p in ordered]
        return [f"- {t[1:].strip()}" if t.startswith("-") else f"+ {t}" for t in shown]

    def _term_order(self, term: sp.Expr) -> tuple:
        """Positive terms first, among them numbers, plain products, sums, and then what is given."""
        coefficient, rest = term.as_coeff_Mul()
        factors = sorted(self._reading_order(f) for f in sp.Mul.make_args(rest))
        given = not rest.has(sp.Sum) and any(rank in (1, 3) for rank, *_ in factors)
        number = rest.is_number and not coefficient.is_negative
        return bool(coefficient.is_negative), not number, given, rest.has(sp.Sum), factors

    def _unequal(self, expr: sp.Expr) -> str | None:
        """``1 - KroneckerDelta(a, b)`` reads: indicator of a different from b."""
        if isinstance(expr, sp.Add) and len(expr.args) == 2 and 1 in expr.args:
            (other,) = [a for a in expr.args if a != 1]
            if isinstance(-other, sp.KroneckerDelta):
                return self._print_KroneckerDelta(-other, sign=r"\neq")
        return None


def _joint_power(exponent: sp.Expr, members: list[tuple[sp.Expr, int]]) -> sp.Expr:
    """One power of a product, most of whose members stand above the bar; without a minus if as many stand below."""
    majority = sum(sign for _, sign in members)
    flip = -1 if majority < 0 or (majority == 0 and exponent.could_extract_minus_sign()) else 1
    inner = sp.Mul(*(sp.Pow(b, sign * flip) for b, sign in members))
    return sp.Pow(inner, exponent * flip, evaluate=False)


def _power_mean(exponent: sp.Expr, part: sp.Basic) -> sp.Expr:
    """One term ``w z**e`` of a nest, summed over its indices."""
    weight, value, *indices = part.args
    (term,) = terms(value)  # type: ignore[arg-type]
    factors = product(power(term.factors, exponent))
    return summed(weight * term.coefficient**exponent * factors, indices)  # type: ignore[operator]


def _bar(above: str, below: str) -> str:
    return rf"\frac{{{above or '1'}}}{{{below}}}"


def _baseline_totals(model: Model) -> dict[sp.Expr, sp.Expr]:
    """Baseline values of left sides in data, with the names of what they are the values of."""
    totals = {eq.total: eq.lhs for eq in model.equations if isinstance(eq.total, (sp.Add, sp.Sum))}
    return {
        total: lhs.xreplace({a: base(a) for a in declared_atoms(lhs)})
        for total, lhs in totals.items()
        if free_indices(total) <= free_indices(lhs)
    }


def _text(words: str) -> str:
    """Words for text mode; an underscore would need an escape that MathJax shows."""
    return re.sub(r"([%&#$])", r"\\\1", words.replace("_", " "))


def equation_to_latex(eq: Equation, model: Model) -> str:
    r"""One equation as a row of an aligned environment: ``lhs &:= rhs && \forall\, i, s``."""
    return _equation_row(_Printer(model), eq)


def _equation_row(printer: _Printer, eq: Equation) -> str:
    remark = "" if eq.defines else rf"\text{{({_text(eq.name)})}}"
    if eq.complement is not None:
        return _complement_row(printer, eq, eq.complement, remark)
    return _row(printer, eq.lhs, ":=" if eq.defines else "=", eq.rhs, eq.indices, remark)


def _complement_row(printer: _Printer, eq: Equation, parts: perp, remark: str) -> str:
    r"""``0 \le F \perp x \ge lower``, or with two bounds ``F \perp lower \le x \le upper``."""
    x, taken = printer.doprint(parts.variable), {str(i) for i in eq.indices}
    function = " ".join(_broken(printer.terms(_readable(printer.shortened(parts.function), taken))))
    bounds = [None if b is None else printer.doprint(b) for b in (parts.lower, parts.upper)]
    if bounds[1] is None:
        left, right = rf"{function} \ge 0", rf"{x} \ge {bounds[0]}"
    elif bounds[0] is None:
        left, right = rf"{function} \le 0", rf"{x} \le {bounds[1]}"
    else:
        left, right = function, rf"{bounds[0]} \le {x} \le {bounds[1]}"
    over = r"\forall\, " + ", ".join(printer.doprint(i) for i in eq.indices) if eq.indices else ""
    return rf"{left} &\perp {right} && " + r" \quad ".join(a for a in (over, remark) if a)


def _row(
    printer: _Printer, lhs: sp.Expr, sign: str, rhs: sp.Expr, over: Iterable[sp.Idx] = (), remark: str = ""
) -> str:
    over = tuple(over)
    asides = [r"\forall\, " + ", ".join(printer.doprint(i) for i in over)] if over else []
    asides += [remark] if remark else []
    left, right = (_readable(printer.shortened(side), {str(i) for i in over}) for side in (lhs, rhs))
    first, *more = _broken(printer.terms(right))
    aside = " && " + r" \quad ".join(asides) if asides else ""
    head, *tail = _broken(printer.terms(left))
    wide = len(visible(printer.doprint(left))) > _LINE // 2
    above = [f"&{head}", *(rf"&\quad {t}" for t in tail)] if wide else []
    rows = [*above, f"{'' if wide else head} &{sign} {first}{aside}", *(rf"&\quad {m}" for m in more)]
    return " \\\\[.5ex]\n".join(rows)


def _readable(expr: sp.Expr, taken: set[str]) -> sp.Expr:
    """Give bound indices their plain letters, with primes only inside a sum over the same letter.

    The minus of every term of a sum is taken out of it.
    """
    if isinstance(expr, (sp.Sum, sp.Product)):
        sign = -1 if isinstance(expr, sp.Sum) and expr.function.as_coeff_Mul()[0].is_negative else 1
        renaming = {}
        for index, *_ in expr.limits:
            stem = re.sub(r"_*\d*$", "", str(index.label))
            name = next(n for k in itertools.count() if (n := stem + "'" * k) not in taken)
            taken = taken | {name}
            renaming[index] = sp.Idx(name, index.upper + 1)
        inner = _readable((sign * expr.function).xreplace(renaming), taken)
        return sign * expr.func(inner, *renaming.values())
    if isinstance(expr, (sp.Indexed, sp.Symbol, sp.Idx)) or not expr.args:
        return expr
    return expr.func(*(_readable(a, taken) for a in expr.args))


def _broken(signed: list[str]) -> list[str]:
    """Terms put together to lines of bearable length."""
    first = signed[0]
    lines = [first[2:] if first.startswith("+ ") else f"-{first[2:]}"]
    for term in signed[1:]:
        if len(visible(lines[-1])) + len(visible(term)) > _LINE:
            lines.append(term)
        else:
            lines[-1] += f" {term}"
    return lines


def model_to_latex(model: Model) -> str:
    """The system in the field's notation, one display a block; then numeraire, units and identities.

    In a hat model, baseline totals that are made of data stand under a name such as ``F_{n,0}``, given at the
    end.
    """
    printer = _Printer(model, abbreviate=True)
    shown = []
    for block, equations in model.blocks.items():
        heading = block if block not in model.chosen else f"{block} ({model.chosen[block]})"
        shown.append(display(heading, [_equation_row(printer, eq) for eq in equations]))
    if rule := model.numeraire_rule:
        walras = rf"&\text{{(one of '{_text(rule.redundant)}' is redundant by Walras' law)}}"
        shown.append(display("numeraire", [_row(printer, rule.expr, "=", rule.value), walras]))
    units = [(base(a), b) for a, b in model.normalisations]
    data = [(printer.abbreviations[total], total) for total in printer.used]
    printer.abbreviations = {}
    for heading, relations in (("units", units), ("identities", model.identities), ("baseline", data)):
        rows = [_row(printer, a, "=", b, sorted(free_indices(a), key=str)) for a, b in relations]
        shown += [display(heading, rows)] if rows else []
    return "\n\n".join(shown) + "\n"


def display(heading: str, rows: list[str]) -> str:
    """Rows of an aligned environment under a heading."""
    title = _text(heading[:1].upper() + heading[1:])
    body = " \\\\[.5ex]\n".join(rows)
    return (
        rf"\[\begin{{array}}{{l}}\textbf{{{title}}} \\[1ex]"
        "\n\\begin{aligned}\n" + body + "\n\\end{aligned}\\end{array}\\]"
    )


def markdown(latex: str) -> str:
    r"""Displays ``\[...\]`` as notebooks render them in Markdown, between pairs of dollars."""
    return re.sub(r"^\\\[|\\\]$", "$$", latex, flags=re.MULTILINE)


def symbols_to_latex(model: Model) -> str:
    """Notation of a model: symbol, name, dims, unit and role of everything that is declared."""
    rows = [r"\text{symbol} & \text{name} & \text{dims} & \text{unit} & \text{role} \\ \hline"]
    for decl in model.symbols.values():
        dims = r" \times ".join(rf"\text{{{_text(d)}}}" for d in decl.dim_names)
        words = [rf"\text{{{_text(w)}}}" if w else "" for w in (decl.name, decl.unit, role_of(decl))]
        rows.append(rf"{notation(decl).with_subscripts()} & {words[0]} & {dims} & {words[1]} & {words[2]} \\")
    return "\\[\\begin{array}{lllll}\n" + "\n".join(rows) + "\n\\end{array}\\]\n"
