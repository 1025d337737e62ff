"""A model in which some variables are given: what is left of it to determine an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sympy as sp

from framework.errors import ModelError, did_you_mean
from framework.model import Model
from framework.symbols import Declaration, Kind, declared_atoms, subscripts, symbol_name

Given = str | tuple[str, str]
"""A variable by key, or by key and the name of the one equation in which it is held."""


def conditional(
    model: Model, outcomes: Sequence[str], through: Mapping[str, Sequence[Given]]
) -> tuple[Model, dict[str, str]]:
    """Return the equations that determine outcomes while the variables of all channels are given.

    Parameters
    ----------
    model : Model
        In hats.
    outcomes : sequence of str
        Symbols of the outcomes.
    through : mapping of str to sequence
        Variables by channel.

    Returns
    -------
    model : Model
    names : dict of str to str
        Symbol of each given variable in it, channel by channel, with its symbol in `model`.

    Raises
    ------
    ModelError
        Unknown variable or equation, a variable held twice, or an outcome that depends on a variable that is
        neither given nor defined.
    """
    out, names = model.copy(), {}
    for members in through.values():
        for member in members:
            key, equation = (member, "") if isinstance(member, str) else member
            decl = _variable(model, key)
            symbol = f"{decl.symbol}__in__{equation.replace(' ', '_')}" if equation else decl.symbol
            if symbol in names:
                where = f" in '{equation}'" if equation else ""
                raise ModelError(f"'{key}'{where} is in two channels; a variable belongs to one")
            names[symbol] = decl.symbol
            if equation:
                _hold_in(out, decl, symbol, equation)
    default = {"hat": 1.0}
    for symbol in names.values():
        decl = model.symbols[symbol]
        if symbol in names:
            out.symbols[symbol] = replace(decl.as_kind(Kind.EXOGENOUS), default=default.get(decl.role))
            out.equations = [e for e in out.equations if not (e.defines and symbol_name(e.lhs) == symbol)]
    _keep_what_determines(out, outcomes, model)
    return out, names


def _variable(model: Model, key: str) -> Declaration:
    known = {d.key: d for d in model.of_kind(Kind.VARIABLE)}
    if key not in known:
        raise ModelError(f"model '{model.name}' has no variable '{key}'.{did_you_mean(key, known)}")
    return known[key]


def _hold_in(model: Model, decl: Declaration, symbol: str, equation: str) -> None:
    """Put a given copy of a variable in its place in one equation."""
    known = [e.name for e in model.equations]
    if equation not in known:
        raise ModelError(f"model '{model.name}' has no equation '{equation}'.{did_you_mean(equation, known)}")
    position = known.index(equation)
    eq = model.equations[position]
    about = replace(
        decl.as_kind(Kind.EXOGENOUS), symbol=symbol, name=f"{decl.name} in {equation}", default=1.0
    )
    atoms = [a for a in declared_atoms(eq.rhs) if symbol_name(a) == decl.symbol]
    if not atoms:
        raise ModelError(f"'{decl.key}' is not in the right side of equation '{equation}'")
    table = {a: about.base[subscripts(a)] if subscripts(a) else about.base for a in atoms}
    model.equations[position] = replace(eq, rhs=eq.rhs.xreplace(table))
    model.symbols[symbol] = about


def _keep_what_determines(out: Model, outcomes: Sequence[str], whole: Model) -> None:
    """Keep the equations on which the outcomes depend, and what stands in them."""
    defining = {symbol_name(e.lhs): e for e in out.equations if e.defines}
    kept: dict[str, None] = {}
    used: set[str] = set()
    todo = list(outcomes)
    while todo:
        symbol = todo.pop()
        if symbol in kept:
            continue
        if symbol not in defining:
            raise ModelError(
                f"with these channels '{whole.symbols[symbol].key}' is neither given nor defined, but the outcome depends "
                "on it; add it to a channel"
            )
        kept[symbol] = None
        eq = defining[symbol]
        atoms = {symbol_name(a) for x in (eq.rhs, eq.total or sp.S.One) for a in declared_atoms(x)}
        used |= atoms
        todo += sorted(a for a in atoms if out.symbols[a].kind is Kind.VARIABLE)
    out.equations = [e for e in out.equations if e.defines and symbol_name(e.lhs) in kept]
    out.symbols = {s: d for s, d in out.symbols.items() if s in used | set(kept)}
    out.numeraire_rule, out.identities, out.normalisations = None, [], []
    out.closures, out.swaps = {}, {}
    out.name = f"{whole.name}, channels given"
