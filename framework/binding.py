"""Bind labelled data and shocks to the inputs of a compiled model; every fault is named with its fix.

Alignment is by label and exact: dims may come in any order and labels in any order, but an array without
labels, with a label too many or too few, or with a label twice is refused.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import sympy as sp
import xarray as xr

from framework.errors import DataError, ModelError, did_you_mean
from framework.sets import Element
from framework.symbols import Declaration, Kind

if TYPE_CHECKING:
    from framework.compile.system import System
    from framework.model import Model

Labels = dict[str, list]
TRADE_DIMS = ("importer", "exporter")
"""Dims of what crosses a border: unless a shock names pairs of them, a region's trade with itself is as before."""


@dataclass
class Bound:
    """Arrays in declared axis order, with the labels of every set.

    Attributes
    ----------
    labels : dict of str to list
        Labels of each root set.
    elements : dict of str to str
        Label of each named element.
    positions : dict of str to int
        Position of each named element.
    values : dict of str to array
        Value of every input at the new equilibrium, by symbol.
    unshocked : dict of str to array
        The same where nothing is shocked. A quantity that a closure fixes is not among them where only the
        model knows its baseline value.
    starts : dict of str to array
        Baseline value of each quantity that is unknown in levels, where the data give it.
    seconds : float
        Time that reading took.
    """

    labels: Labels
    elements: dict[str, str]
    positions: dict[str, int]
    values: dict[str, np.ndarray] = field(default_factory=dict)
    unshocked: dict[str, np.ndarray] = field(default_factory=dict)
    starts: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0

    def at(self, decl: Declaration, position: Sequence[int]) -> str:
        """A cell of a declared array in words: ``" at region=JPN, sector=Services"``, empty for a scalar."""
        pairs = zip(decl.dims, position, strict=True)
        words = ", ".join(f"{d.name}={self.labels[d.root][k]}" for d, k in pairs)
        return f" at {words}" if words else ""


def bind_inputs(
    system: System, data: xr.Dataset, shocks: Mapping[str, object], elements: Mapping[str, str]
) -> Bound:
    """Check and align everything that a compiled model reads."""
    begin = time.perf_counter()
    if not isinstance(data, xr.Dataset):
        raise DataError(
            f"data must be an xarray.Dataset with labelled dims, not a {type(data).__name__}; "
            "see xarray.Dataset.from_dataframe or xarray.open_dataset"
        )
    for name, given in (("shocks", shocks), ("elements", elements)):
        if not isinstance(given, Mapping):
            raise DataError(f"{name} must be a dict {{name: value}}, not {given!r}")
    labels = _labels(system, data)
    bound = Bound(labels, *_elements(system, labels, elements, data.attrs))
    reader = Reader(bound, data, system.model)
    _check_shock_names(system, shocks)
    for decl in system.inputs:
        if decl.kind is not Kind.EXOGENOUS:
            bound.values[decl.symbol] = bound.unshocked[decl.symbol] = reader.read(decl)
            continue
        plain = reader.default(decl, required=decl.key not in shocks)
        new = reader.shock(decl, shocks[decl.key], plain) if decl.key in shocks else plain
        assert new is not None  # a default that is required raises where there is none
        bound.values[decl.symbol] = reader.in_domain(decl, new)
        if plain is not None:
            bound.unshocked[decl.symbol] = plain
    for group in system.groups:
        decl = group.declaration
        if decl.role != "hat" and (isinstance(decl.default, str) or decl.key in data):
            bound.starts[decl.symbol] = reader.read(decl)
    bound.seconds = time.perf_counter() - begin
    return bound


# ---- labels --------------------------------------------------------------------------------------


def _labels(system: System, data: xr.Dataset) -> Labels:
    """Labels of each set: those of most of the data's coordinates of its name and its aliases, the first if equal."""
    declared = [*system.inputs, *(g.declaration for g in system.groups)]
    declared += [system.model.symbols[symbol] for symbol in system.outcomes]
    out: Labels = {}
    counted = {str(n.attr) for n in system.lowering.graph.nodes if n.op == "size"}
    for root in sorted({dim.root for decl in declared for dim in decl.dims} | counted):
        names = dict.fromkeys([root, *(d.name for decl in declared for d in decl.dims if d.root == root)])
        found = [data.coords[n] for n in names if n in data.coords and data.coords[n].ndim == 1]
        if not found:
            raise DataError(
                f"no data give the labels of set '{root}'; add a coordinate: data.assign_coords({root}=[...])"
            )
        given = [list(c.values) for c in found]
        _check_unique(given[0], f"set '{root}'")
        # A coordinate that differs from most others is the one that is wrong.
        out[root] = max(given, key=lambda names: sum(set(names) == set(other) for other in given))
    return out


def _check_unique(names: list, where: str) -> None:
    if any(n != n for n in names):
        raise DataError(f"{where} has a label that is missing (nan); give every entry a label")
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise DataError(f"label '{twice}' occurs twice in {where}; labels must be unique")


def _elements(
    system: System, labels: Labels, given: Mapping[str, str], attrs: Mapping[str, object]
) -> tuple[dict[str, str], dict[str, int]]:
    """Label and position of each named element: as given, else as the data's attribute of its name, else as declared."""
    known = {e.name: e for e in _element_symbols(system)}
    for name in given:
        if name not in known:
            has = f"; it has {', '.join(known)}" if known else ""
            raise DataError(
                f"model '{system.model.name}' has no element '{name}'{has}.{did_you_mean(name, known, given)}"
            )
    chosen, positions = {}, {}
    for name, element in known.items():
        label: Any = given.get(name, attrs.get(name, element.label))
        names = labels[element.root]
        if label not in names:
            raise DataError(
                f"element '{name}' is '{label}', which is not a {element.root} of the data ({_some(names)}); "
                f"give elements={{'{name}': one of them}}.{did_you_mean(label, names)}"
            )
        chosen[name], positions[name] = str(label), names.index(label)
    return chosen, positions


def _element_symbols(system: System) -> tuple[Element, ...]:
    model = system.model
    exprs = [x for e in model.equations for x in (e.lhs, e.rhs)]
    if model.numeraire_rule:
        exprs.append(model.numeraire_rule.expr)
    return _elements_of(tuple(exprs))


@lru_cache(maxsize=64)
def _elements_of(exprs: tuple[sp.Basic, ...]) -> tuple[Element, ...]:
    return tuple(sorted(set().union(*(x.atoms(Element) for x in exprs)), key=str))


def _check_shock_names(system: System, shocks: Mapping[str, object]) -> None:
    model, read = system.model, {d.symbol for d in system.inputs}
    known = {d.key: d for d in model.of_kind(Kind.EXOGENOUS) if d.symbol in read}
    by_symbol = {d.symbol.removesuffix("_hat").removesuffix("_new"): key for key, d in known.items()}
    for key in shocks:
        if key in known:
            continue
        if key in by_symbol:
            what = f"is a symbol; its key is '{by_symbol[key]}'"
        else:
            try:
                what = _why_not(model, model.declaration(key))
            except ModelError:
                what = "is unknown"
        raise DataError(
            f"shock '{key}' {what}; model '{model.name}' takes {', '.join(sorted(known))}."
            + did_you_mean(key, known, shocks)
        )


def _why_not(model, decl: Declaration) -> str:
    """Why a declared quantity cannot be shocked."""
    if decl.symbol in model.swaps:
        given = model.symbols[model.swaps[decl.symbol]].key
        return f"is determined by the model in this closure, where '{given}' is given"
    if decl.kind is Kind.EXOGENOUS:
        return "has no effect here, since no equation contains it"
    return f"is a {decl.kind.value} here, not exogenous"


# ---- arrays --------------------------------------------------------------------------------------


@dataclass
class Reader:
    """Reads declared arrays out of one data set."""

    bound: Bound
    data: xr.Dataset
    model: Model
    _arrays: dict[tuple, np.ndarray] = field(
        default_factory=dict
    )  # what several quantities read is held once

    @property
    def _keys(self) -> list[str]:
        """What data of the model are called."""
        return [d.key for d in self.model.symbols.values()]

    def read(self, decl: Declaration) -> np.ndarray:
        """The baseline value of a declared quantity, checked."""
        key = decl.default if isinstance(decl.default, str) else decl.key
        if key not in self.data:
            what = decl.description or decl.name
            raise DataError(
                f"model '{self.model.name}' needs '{key}' ({what}) with dims ({', '.join(decl.dim_names)}); "
                f"it is not in the data.{did_you_mean(key, map(str, self.data.data_vars), self._keys)}"
            )
        at = key, decl.dim_names
        if at not in self._arrays:
            self._arrays[at] = self.aligned(decl, self.data[key])
        return self.in_domain(decl, self._arrays[at])

    def default(self, decl: Declaration, required: bool) -> np.ndarray | None:
        """The value of an exogenous quantity that is not shocked; None if only the model knows it."""
        if isinstance(decl.default, str):
            return self.read(decl)
        if decl.default is not None:
            return np.broadcast_to(float(decl.default), self._shape(decl))
        if decl.key in self.data or (decl.role == "plain" and required):
            return self.read(decl)
        if required:
            raise DataError(
                f"'{decl.key}' ({decl.description or decl.name}) is fixed in this closure; give its new value: "
                f"bind(data, {{'{decl.key}': ...}})"
            )
        return None

    def shock(self, decl: Declaration, given: object, plain: np.ndarray | None) -> np.ndarray:
        """The new value of an exogenous quantity."""
        if isinstance(given, Mapping):
            return self._table(decl, given, plain)
        if isinstance(given, xr.DataArray):
            self._check_dims(decl, given, optional=True)
            missing = {d.name: self.bound.labels[d.root] for d in decl.dims if d.name not in given.dims}
            out = self.aligned(decl, given.expand_dims(missing) if missing else given)
            return self._at_borders(decl, out, plain) if {*missing} & {*TRADE_DIMS} else out
        return self._at_borders(decl, np.full(self._shape(decl), _number(decl, given)), plain)

    def _at_borders(self, decl: Declaration, new: np.ndarray, plain: np.ndarray | None) -> np.ndarray:
        """A new value for what crosses a border, see `TRADE_DIMS`; others are as given."""
        roots = dict(zip(decl.dim_names, decl.roots, strict=True))
        if plain is None or len({roots.get(d, d) for d in TRADE_DIMS}) > 1:
            return new
        shape = [
            size if name in TRADE_DIMS else 1 for name, size in zip(decl.dim_names, new.shape, strict=True)
        ]
        own = np.eye(max(shape), dtype=bool).reshape(shape)
        return np.where(own, plain, new)

    def _table(self, decl: Declaration, given: Mapping, plain: np.ndarray | None) -> np.ndarray:
        if len(decl.dims) != 1:
            over = f"a DataArray over ({', '.join(decl.dim_names)})" if decl.dims else "it has no dims"
            raise DataError(f"'{decl.key}' takes a number, not a table {{label: value}}; {over}")
        names = self.bound.labels[decl.roots[0]]
        for label in given:
            if label not in names:
                raise DataError(
                    f"'{decl.key}': '{label}' is not a {decl.dim_names[0]} ({_some(names)})."
                    + did_you_mean(label, names, given)
                )
        if plain is None and (missing := [n for n in names if n not in given]):
            raise DataError(
                f"'{decl.key}' is fixed in this closure and has no value for {decl.dim_names[0]} {_some(missing)}"
            )
        out = np.ones(len(names)) if plain is None else plain.copy()
        for label, value in given.items():
            out[names.index(label)] = _number(decl, value)
        return out

    def _shape(self, decl: Declaration) -> tuple[int, ...]:
        return tuple(len(self.bound.labels[r]) for r in decl.roots)

    def _check_dims(self, decl: Declaration, array: xr.DataArray, optional: bool = False) -> None:
        have, want = set(map(str, array.dims)), set(decl.dim_names)
        if have - want or (want - have and not optional):
            raise DataError(
                f"'{decl.key}' has dims ({', '.join(map(str, array.dims))}); it needs ({', '.join(decl.dim_names)})"
            )

    def aligned(self, decl: Declaration, array: xr.DataArray) -> np.ndarray:
        """Array in declared axis order, aligned by label."""
        self._check_dims(decl, array)
        for dim in decl.dims:
            want = self.bound.labels[dim.root]
            if dim.name not in array.coords:
                raise DataError(
                    f"'{decl.key}' has no labels along '{dim.name}', so its entries cannot be matched; "
                    f"give it the coordinate {dim.name}=[{_some(want)}]"
                )
            have = list(array.coords[dim.name].values)
            _check_unique(have, f"'{decl.key}' along '{dim.name}'")
            _check_labels(decl, dim.name, have, want)
            if have != want:
                array = array.sel({dim.name: want})
        array = array.transpose(*decl.dim_names)
        self._check_numbers(decl, array)
        return np.array(array.values, dtype=float)  # a copy: the user's data may change later

    def _check_numbers(self, decl: Declaration, array: xr.DataArray) -> None:
        """Refuse text, truth values, dates and complex numbers, which numpy would turn into floats."""
        if array.dtype.kind in "iuf":
            return
        if array.dtype.kind == "O":
            for where, entry in np.ndenumerate(array.values):
                if isinstance(entry, bool) or not isinstance(entry, (int, float, np.number)):
                    at = self.bound.at(decl, where)
                    raise DataError(f"'{decl.key}' is {entry!r}{at}; every value must be a number")
            return
        at = self.bound.at(decl, (0,) * array.ndim)
        first = array.values.ravel()[0].item() if array.size else array.dtype
        raise DataError(
            f"'{decl.key}' holds {array.dtype}, not numbers ({first!r}{at}); convert it: .astype(float)"
        )

    def in_domain(self, decl: Declaration, value: np.ndarray) -> np.ndarray:
        """Refuse NaN, infinity, and values outside the declared domain."""

        def refuse(bad: np.ndarray, why: str) -> NoReturn:
            where = tuple(np.argwhere(bad)[0])
            more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
            raise DataError(f"'{decl.key}' is {value[where]:.12g}{self.bound.at(decl, where)}{more}; {why}")

        if (bad := ~np.isfinite(value)).any():
            refuse(bad, "every value must be a finite number")
        ratio = " (a ratio new over base; 1 is no change)" if decl.role == "hat" else ""
        if decl.positive and decl.lower is None and (bad := value <= 0).any():
            refuse(bad, f"it must be positive{ratio}")
        if decl.positive and (bad := value < 0).any():
            exogenous = decl.key in {d.key for d in self.model.of_kind(Kind.EXOGENOUS)}
            hint = (
                "; if it may be, like a tariff or a deficit, declare it with level=True" if exogenous else ""
            )
            refuse(bad, f"it must not be negative{hint}")
        if decl.lower is not None:
            # At a bound below zero (a tax of -100%) the good is given away and the model has no value.
            if decl.lower < 0 and (bad := value <= decl.lower).any():
                refuse(bad, f"it must be above {decl.lower:g}")
            if (bad := value < decl.lower).any():
                refuse(bad, f"it must not be below {decl.lower:g}")
        return value


def _check_labels(decl: Declaration, dim: str, have: list, want: list) -> None:
    wanted, given = {*want}, {*have}
    extra, missing = [x for x in have if x not in wanted], [x for x in want if x not in given]
    if extra or missing:
        hint = did_you_mean(extra[0], missing) if extra else ""
        found = (("unknown label", extra), ("missing", missing))
        words = "; ".join(f"{word} {_some(names)}" for word, names in found if names)
        raise DataError(f"'{decl.key}' along '{dim}': {words}.{hint}")


def _number(decl: Declaration, value: object) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        forms = "a number"
        if decl.dims:
            table = ", a table {label: value}" if len(decl.dims) == 1 else ""
            forms += f"{table} or a DataArray over ({', '.join(decl.dim_names)})"
        shown = repr(value) if len(repr(value)) < 80 else f"a {type(value).__name__}"
        raise DataError(f"'{decl.key}' must be {forms}, not {shown}")
    return float(value)


def _some(names: list, most: int = 6) -> str:
    shown = ", ".join(f"'{n}'" for n in names[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"
