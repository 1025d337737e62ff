"""Plain-text tables of a model and of its structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.sets import root_of
from framework.symbols import Declaration, Kind, symbol_name

if TYPE_CHECKING:
    from framework.model import Equation, Model
    from framework.structure import Structure


def _rows(rows: list[tuple[str, ...]], indent: str = "  ") -> str:
    widths = [max(len(r[k]) for r in rows) for k in range(len(rows[0]))] if rows else []
    return "\n".join(
        indent + "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows
    )


def _shape(dims: tuple[str, ...]) -> str:
    return " x ".join(dims) or "scalar"


def _equation_shape(eq: Equation) -> str:
    return _shape(tuple(root_of(i) for i in eq.indices))


def model_table(model: Model) -> str:
    """Summary of blocks and symbols: what a `Model` shows at the prompt."""
    head = f"Model '{model.name}'" + (" in exact hats" if model.is_hat else "")
    head += f": {model.title}" if model.title else ""
    chosen = "".join(f"\n  {group}: {name}" for group, name in model.chosen.items())
    blocks = [
        (f"{block}", f"{len(eqs)} equation{'s' if len(eqs) > 1 else ''}", ", ".join(e.name for e in eqs))
        for block, eqs in model.blocks.items()
    ]
    symbols = [
        (k.value, str(len(model.of_kind(k))), _names(model.of_kind(k))) for k in Kind if model.of_kind(k)
    ]
    return f"{head}{chosen}\nblocks\n{_rows(blocks)}\nsymbols\n{_rows(symbols)}"


def _names(declarations: list[Declaration]) -> str:
    return ", ".join(d.symbol for d in declarations)


def data_needed(model: Model) -> list[Declaration]:
    """Declarations of the data that a model reads: parameters, and exogenous quantities without a default."""
    fixed = model.of_kind(Kind.PARAMETER, Kind.FUNDAMENTAL)
    return fixed + [d for d in model.of_kind(Kind.EXOGENOUS) if d.default is None]


def structure_text(structure: Structure) -> str:
    """Counts by block, matching, core, loops, Walras and the data needed."""
    model = structure.model
    counts = [
        (block, str(len(eqs)), ", ".join(dict.fromkeys(_equation_shape(e) for e in eqs)))
        for block, eqs in model.blocks.items()
    ]
    core = [
        (v, model.symbols[v].name, _shape(model.symbols[v].dim_names), f"paired with '{e.name}'")
        for v, e in structure.core
    ]
    total = len(structure.explicit) + len(structure.after)
    lines = [
        f"model '{model.name}'{' in exact hats' if model.is_hat else ''}: {len(model.equations)} equation blocks, "
        f"{len(model.of_kind(Kind.VARIABLE))} variable groups, square",
        "equations by block (count, dims)",
        _rows(counts),
        f"core: {len(core)} unknown groups; the other {total} are explicit",
        _rows(core) if core else "  none: every variable is explicit",
    ]
    for loop in structure.loops:
        lines.append(
            f"  loop of '{loop.symbol}' closed in closed form; stable where 1 - ({loop.exponent}) > 0"
        )
    lines.append("order of evaluation: " + ", ".join(symbol_name(e.lhs) for e in structure.explicit))
    if rule := model.numeraire_rule:
        lines.append(
            f"Walras: one element of '{rule.redundant}' is redundant; the numeraire closes the system"
        )
    else:
        lines.append("Walras: no numeraire is declared, so no equation is taken to be redundant")
    needed = [(d.key, _shape(d.dim_names), d.description or d.name) for d in data_needed(model)]
    lines += ["data needed", _rows(needed) if needed else "  none"]
    return "\n".join(lines)
