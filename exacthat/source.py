"""A block of a model as the Python source that declares it, for a user to change."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace

import sympy as sp

from framework import Model
from framework.equation import Adjustment, Equation
from framework.printing import typed
from framework.sets import Element, bound_indices, root_of
from framework.symbols import Declaration, declared_atoms, symbol_name

_WIDTH = 106  # and an indent of four
_ABOUT = ("unit", "description", "latex", "positive", "observed", "level", "lower", "usual")


def function_name(block: str) -> str:
    """Name of the function that declares a block."""
    return re.sub(r"\W+", "_", block).lower()


def block_source(model: Model, block: str, about: str) -> str:
    """Return a function that declares the equations of a block, and the symbols that are declared with them.

    Parameters
    ----------
    model : Model
        A model in levels.
    block : str
        One of its blocks.
    about : str
        Docstring of the function.
    """
    own = model.declared_in(block)
    names = {d.symbol for d in own}
    equations = [_apart(eq, model) for eq in model.blocks[block]]
    stated = {  # theorems and units are dropped with their block, and with the symbols they are about
        "identity": [_apart(pair, model) for pair in _stated(model, block, model.identities, names)],
        "normalise": [_apart(pair, model) for pair in _stated(model, block, model.normalisations, names)],
    }
    relations = [*equations, *stated["identity"], *stated["normalise"]]
    rule = model.numeraire_rule
    if rule and model.stated_in(block, (rule.expr, rule.value)):
        relations.append(numeraire := _apart(Equation("", "", rule.expr, rule.value, False), model))
        unit = [f'm.numeraire({typed(numeraire.lhs)}, {typed(numeraire.rhs)}, redundant="{rule.redundant}")']
    else:
        unit = []
    sides = [side for relation in relations for side in (relation.lhs, relation.rhs)]
    indices = dict.fromkeys(
        i for r in relations for i in [*r.indices, *bound_indices(r.lhs), *bound_indices(r.rhs)]
    )
    used = {symbol_name(a) for side in sides for a in declared_atoms(side)} - names
    given = [s for s in model.symbols if s in used]
    few = [given[k : k + 5] for k in range(0, len(given), 5)]
    lines = [
        f'"""{about}"""',
        *_sets(list(indices), sides, own),
        *(", ".join(part) + " = " + ", ".join(f'm["{s}"]' for s in part) for part in few),
        *map(_declaration, own),
        *(_statement(eq, model) for eq in equations),
        *(f"m.{what}({typed(r.lhs)}, {typed(r.rhs)})" for what, found in stated.items() for r in found),
        *unit,
        *([_adjustment(model.adjustments[block])] if block in model.adjustments else []),
    ]
    body = textwrap.indent("\n".join(map(_wrapped, lines)), "    ")
    return f"def {function_name(block)}(m: Model) -> None:\n{body}\n"


def _stated(
    model: Model, block: str, pairs: Sequence[tuple[sp.Expr, sp.Expr]], names: set[str]
) -> list[Equation]:
    """The relations that a block states, or in which one of these symbols stands."""
    own = model.stated_in(block, *pairs)
    found = [p for p in pairs if p in own or names & {symbol_name(a) for x in p for a in declared_atoms(x)}]
    return [Equation("", "", lhs, rhs, False) for lhs, rhs in found]


def _apart(eq: Equation, model: Model) -> Equation:
    """The equation with indices whose names no symbol has, so that both can be local names."""

    def renamed(side: sp.Expr) -> sp.Expr:
        clashing = [i for i in side.atoms(sp.Idx) if str(i.label) in {*model.symbols, "m"}]
        return side.xreplace({i: sp.Idx(f"{i.label}_", i.upper - i.lower + 1) for i in clashing})

    return replace(eq, lhs=renamed(eq.lhs), rhs=renamed(eq.rhs))


def _sets(indices: Sequence[sp.Idx], sides: Iterable[sp.Expr], own: Iterable[Declaration]) -> list[str]:
    """Lines that take the sets, and make their aliases, indices and elements."""
    elements = {e for side in sides for e in side.atoms(Element)}
    dims = dict.fromkeys(dim for d in own for dim in d.dims)
    roots = dict.fromkeys(
        [*map(root_of, indices), *(d.root for d in dims), *sorted(e.root for e in elements)]
    )
    lines = [f'{root} = m.sets["{root}"]' for root in roots]
    lines += [f'{dim.name} = {dim.root}.alias("{dim.name}")' for dim in dims if dim.name != dim.root]
    for root in roots:
        names = [str(i.label) for i in indices if root_of(i) == root]
        targets = f"({names[0]},)" if len(names) == 1 else ", ".join(names)
        lines += [f'{targets} = {root}.indices("{" ".join(names)}")'] if names else []
    return lines + [
        f'{e.name} = {e.root}.element("{e.label}", "{e.name}")' for e in sorted(elements, key=str)
    ]


def _declaration(decl: Declaration) -> str:
    """The statement that declares a symbol."""
    usual = Declaration("", (), "", decl.kind, observed=decl.kind.value == "parameter")
    positive = decl.kind.value == "fundamental" or (decl.kind.value != "parameter" and not decl.level)
    defaults = {a: getattr(usual, a) for a in _ABOUT} | {"positive": positive}
    if decl.kind.value == "exogenous" and decl.level:
        defaults["observed"] = True
    about = "".join(f", {a}={_quoted(getattr(decl, a))}" for a in _ABOUT if getattr(decl, a) != defaults[a])
    dims = ", ".join(decl.dim_names)
    return f'{decl.symbol} = m.{decl.kind.value}("{decl.symbol}", [{dims}], "{decl.name}"{about})'


def _quoted(value: object) -> str:
    """A value as it is typed; a long text in several pieces, which Python joins."""
    if not isinstance(value, str) or '"' in value:
        return repr(value)
    mark = "r" if "\\" in value else ""
    width = 10 + len(value) // -(-len(value) // 84) if value else 1  # pieces of like length
    return " ".join(
        f'{mark}"{piece}"' for piece in textwrap.wrap(value, width, drop_whitespace=False) or [""]
    )


def _statement(eq: Equation, model: Model) -> str:
    """The statement that declares an equation."""
    sides = f"{typed(eq.lhs)}, {typed(eq.rhs)}"
    if not eq.defines:
        return f'm.equate("{eq.name}", {sides})'
    usual = model.symbols[symbol_name(eq.lhs)].name
    return f"m.define({sides}" + (")" if eq.name == usual else f', "{eq.name}")')


def _adjustment(adjustment: Adjustment) -> str:
    """The statement that declares what an equilibrium must be stable to."""
    shifters = ", ".join(f'"{variable}": "{shifter}"' for variable, shifter in adjustment.shifters.items())
    return f"m.adjust({_quoted(adjustment.what)}, {{{shifters}}}, {_quoted(adjustment.fix)})"


def _wrapped(line: str) -> str:
    """A statement broken at spaces inside its brackets, where it is too long; texts in quotes stay whole."""
    kept = re.sub(r'"[^"]*"|\'[^\']*\'', lambda text: text[0].replace(" ", "\0"), line)
    parts = textwrap.wrap(
        kept, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(parts).replace("\0", " ")
