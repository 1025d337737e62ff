"""Plain-text tables of a model and of its structure, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import sympy as sp

from framework.notation import role_of
from framework.printing import typed
from framework.sets import SIZE_PREFIX, root_of
from framework.symbols import Declaration, Kind, declared_atoms, symbol_name

if TYPE_CHECKING:
    from framework.model import Equation, Model
    from framework.structure import Loop, Structure

WIDTH = 100


# ---- layout --------------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Rows in aligned columns under a header; the last column wraps, and columns that are empty are left out."""
    kept = [k for k in range(len(header)) if any(row[k] for row in rows)]
    lines = [[line[k] for k in kept] for line in (header, *rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(kept))]
    left = len(indent) + sum(w + 2 for w in widths[:-1])
    room = max(WIDTH - left, 20)
    out = []
    for line in lines:
        cells = [cell.ljust(w) for cell, w in zip(line[:-1], widths, strict=False)]
        first, *more = textwrap.wrap(line[-1], room, break_long_words=False, break_on_hyphens=False) or [""]
        out.append((indent + "  ".join([*cells, first])).rstrip())
        out += [" " * left + text for text in more]
    return "\n".join(out)


def listing(words: Iterable[str], indent: str = "  ") -> str:
    """Words separated by commas, wrapped."""
    return paragraph(", ".join(words), indent)


def paragraph(text: str, indent: str = "  ") -> str:
    """Text wrapped, indented."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _section(title: str, body: str) -> str:
    return f"{title}\n{body}" if body.strip() else f"{title}\n  none"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


# ---- counting ------------------------------------------------------------------------------------


def _shape(names: Iterable[str]) -> str:
    return " x ".join(names) or "scalar"


def _elements(roots: Iterable[str]) -> sp.Expr:
    """Symbolic number of elements over these sets."""
    return sp.Mul(*(sp.Symbol(SIZE_PREFIX + root, integer=True, positive=True) for root in roots))


def _equation_elements(equations: Iterable[Equation]) -> sp.Expr:
    return sp.Add(*(_elements(root_of(i) for i in eq.indices) for eq in equations))


# ---- a model -------------------------------------------------------------------------------------


def model_table(model: Model) -> str:
    """Summary of sets, blocks and symbols: what a `Model` shows at the prompt."""
    parts = [_heading(model)]
    if model.sets:
        parts.append("sets\n" + table(("name", "size", "aliases"), _set_rows(model)))
    if model.equations:
        rows = [(b, str(len(eqs)), ", ".join(e.name for e in eqs)) for b, eqs in model.blocks.items()]
        parts.append("blocks\n" + table(("block", "equations", "names"), rows))
    kinds = [k for k in Kind if model.of_kind(k)]
    if kinds:
        rows = [(_kind(model, k), str(len(model.of_kind(k))), _symbols(model, k)) for k in kinds]
        parts.append("symbols\n" + table(("kind", "count", "symbols"), rows))
    if model.numeraire_rule:
        parts.append(paragraph(_numeraire(model), ""))
    return "\n".join(parts)


def _heading(model: Model) -> str:
    lines = [f"Model '{model.name}'" + (" in exact hats" if model.is_hat else "")]
    lines += [f"  {model.title}"] if model.title else []
    for group, name in model.chosen.items():
        others = [other for other in model.variants.get(group, []) if other != name]
        lines.append(f"  {group}: {name}" + (f" (or {', '.join(others)})" if others else ""))
    for freed, fixed in model.swaps.items():
        lines.append(f"  closure: {model.symbols[fixed].name} given, {model.symbols[freed].name} endogenous")
    return "\n".join(lines)


def _set_rows(model: Model) -> list[tuple[str, str, str]]:
    dims = dict.fromkeys(dim for decl in model.symbols.values() for dim in decl.dims)
    aliases = {name: [d.name for d in dims if d.root == name != d.name] for name in model.sets}
    return [(name, str(s.size), ", ".join(aliases[name])) for name, s in model.sets.items()]


def _kind(model: Model, kind: Kind) -> str:
    """In hats the parameters stand among the baseline data."""
    return "data" if model.is_hat and kind is Kind.PARAMETER else kind.value


def _numeraire(model: Model) -> str:
    rule = model.numeraire_rule
    if rule is None:
        return "no numeraire is declared, so no equation is taken to be redundant"
    held = "held at its baseline value" if model.is_hat else f"{typed(rule.expr)} = {typed(rule.value)}"
    return f"numeraire: {held}"


def _symbols(model: Model, kind: Kind) -> str:
    return ", ".join(d.symbol for d in model.of_kind(kind))


def symbols_table(model: Model) -> str:
    """Every declared symbol: name, dims, unit and role."""
    rows = [(d.symbol, d.key, _shape(d.dim_names), role_of(d), d.unit) for d in model.symbols.values()]
    return table(("symbol", "name", "dims", "role", "unit"), rows, "")


# ---- structure -----------------------------------------------------------------------------------


def data_needed(model: Model) -> list[Declaration]:
    """Declarations of the data that a model reads: parameters, and exogenous quantities without a default."""
    fixed = model.of_kind(Kind.PARAMETER, Kind.FUNDAMENTAL)
    return fixed + [d for d in model.of_kind(Kind.EXOGENOUS) if d.default is None]


def structure_text(structure: Structure) -> str:
    """Counts by block, matching, core, loops, Walras, closures and the data needed."""
    model = structure.model
    shocks = [d.key for d in model.of_kind(Kind.EXOGENOUS) if d.default is not None]
    parts = [
        _heading(model),
        _count_text(model),
        _core_text(structure),
        *([_section("loops solved in closed form", _loops_text(structure))] if structure.loops else []),
        *([_section("complementarity", _complements_text(model))] if _complements_text(model) else []),
        _section("explicit, in the order of evaluation", _order_text(structure.explicit)),
        _section("evaluated once at the solution", _order_text(structure.after)),
        _section("homogeneity", _homogeneity_text(model)),
        _section("Walras", _walras_text(model)),
        *([_section("closures", _closures_text(model))] if model.closures else []),
        _section(
            "may be freed if one of these is fixed instead (by pattern; accounts may forbid it)",
            _swaps_text(model),
        ),
        _section("data needed", _data_text(model)),
        *([_section("may be shocked (default: no change)", listing(shocks))] if shocks else []),
    ]
    return "\n\n".join(parts)


def _count_text(model: Model) -> str:
    rows = [(b, str(len(eqs)), str(_equation_elements(eqs))) for b, eqs in model.blocks.items()]
    rows.append(("total", str(len(model.equations)), str(_equation_elements(model.equations))))
    variables = model.of_kind(Kind.VARIABLE)
    count = _many(len(variables), "variable group")
    body = table(("block", "equations", "elements"), rows)
    return f"square: {_many(len(model.equations), 'equation block')} for {count}\n{body}"


def _core_text(structure: Structure) -> str:
    model, core = structure.model, structure.core
    if not core:
        return "core\n  none: every variable is explicit"
    declarations = [model.symbols[v] for v, _ in core]
    unknowns = sp.Add(*(_elements(d.roots) for d in declarations))
    explicit = len(structure.explicit) + len(structure.after)
    rows = [
        (d.symbol, d.name, _shape(d.dim_names), f"'{eq.name}'")
        for d, (_, eq) in zip(declarations, core, strict=True)
    ]
    head = (
        f"core: {_many(len(core), 'unknown group')}, {unknowns} unknowns; the other {explicit} are explicit"
    )
    return head + "\n" + table(("unknown", "name", "dims", "paired with"), rows)


def _complements_text(model: Model) -> str:
    """Inequalities, each with the variable that leaves its bound only where it binds."""
    rows = [(f"'{e.name}'", typed(e.complement)) for e in model.equations if e.complement is not None]
    return (
        table(("condition", "holds with equality or leaves the variable at its bound"), rows) if rows else ""
    )


def _loops_text(structure: Structure) -> str:
    return "\n".join(_loop_text(structure.model, loop) for loop in structure.loops)


def _loop_text(model: Model, loop: Loop) -> str:
    exponent = sp.factor_terms(loop.exponent)
    atoms = {symbol_name(a) for a in declared_atoms(exponent)}
    where = [f"{d.symbol} = {d.name}" for d in model.symbols.values() if d.symbol in atoms]
    text = (
        f"'{loop.symbol}' ({model.symbols[loop.symbol].name}): stable where 1 - p > 0, p = {typed(exponent)}"
    )
    return paragraph(text + (f", with {', '.join(where)}" if where else ""))


def _order_text(equations: list[Equation]) -> str:
    return listing(symbol_name(e.lhs) for e in equations)


def _homogeneity_text(model: Model) -> str:
    """What may be scaled without changing anything, and whether the numeraire fixes it."""
    from framework.homogeneity import homogeneity  # the analysis is not needed to print a model

    found, has_numeraire = homogeneity(model), model.numeraire_rule is not None
    lines = []
    for scaling in found.scalings:
        names = listing([v if x == 1 else f"{v} (degree {x})" for v, x in scaling.items()], indent="    ")
        lines.append(f"  one number may multiply\n{names}\n  and every equation stays true")
    if found.conditions:
        lines.append(paragraph(f"if {', '.join(found.conditions)}"))
    if found.scalings and not has_numeraire:
        lines.append(
            paragraph(
                "WARNING: no numeraire is declared, so their level is not determined; hold one value fixed with "
                "model.numeraire(expr, value, redundant='the equation that Walras' law makes redundant')"
            )
        )
    if len(found.scalings) > 1:
        lines.append(
            paragraph(f"WARNING: {len(found.scalings)} scalings are independent; one numeraire fixes one")
        )
    if not found.scalings:
        lines.append(paragraph(_no_scaling(found.breaking, has_numeraire)))
    return "\n".join(lines)


def _no_scaling(breaking: list[str], has_numeraire: bool) -> str:
    text = "no scaling of prices and incomes leaves every equation true"
    if breaking:
        names = " or ".join(f"'{b}'" for b in breaking)
        text += f"; without {names} one would: see whether an amount of money stands there as a given number"
    warn = "WARNING: a numeraire is declared, but " if has_numeraire else ""
    return warn + text


def _walras_text(model: Model) -> str:
    rule, held = model.numeraire_rule, paragraph(_numeraire(model))
    if rule is None:
        return held
    return f"{held}\n" + paragraph(
        f"one element of '{rule.redundant}' is redundant by Walras' law; the numeraire takes its place"
    )


def _closures_text(model: Model) -> str:
    """Admissible swaps; those taken read the other way round."""
    taken = {model.symbols[fixed].key for fixed in model.swaps.values()}
    rows = [
        (fixed, freed, "taken" if fixed in taken else f'.swap({freed}="{fixed}")')
        for fixed, freed in model.closures.items()
    ]
    return table(("given", "endogenous instead", "how"), rows) if rows else ""


def _swaps_text(model: Model) -> str:
    from framework.closures import admissible_swaps  # as above

    rows = [(freed, ", ".join(fixed)) for freed, fixed in admissible_swaps(model).items() if fixed]
    return table(("exogenous", "variables"), rows) if rows else "  none"


def _data_text(model: Model) -> str:
    rows = []
    for d in data_needed(model):
        unit = f"[{d.unit}]" if d.unit else ""
        rows.append((d.key, _shape(d.dim_names), " ".join(t for t in (d.description, unit) if t)))
    return table(("name", "dims", "meaning [unit]"), rows) if rows else ""
