"""Bind labelled data and shocks to the inputs of a compiled model; every fault is named with its fix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from framework.errors import DataError, ModelError, did_you_mean
from framework.symbols import Declaration, Kind

if TYPE_CHECKING:
    from framework.compile.system import System


@dataclass
class Bound:
    """Arrays in declared axis order, with the labels of every set.

    Attributes
    ----------
    labels : dict of str to list
        Labels of each root set.
    positions : dict of str to int
        Position of each named element.
    values : dict of str to array
        Value of every input at the new equilibrium, by symbol.
    unshocked : dict of str to array
        The same where nothing is shocked.
    """

    labels: dict[str, list]
    elements: dict[str, str]
    positions: dict[str, int]
    values: dict[str, np.ndarray]
    unshocked: dict[str, np.ndarray]
    data: xr.Dataset


def bind_inputs(
    system: System, data: xr.Dataset, shocks: Mapping[str, object], elements: Mapping[str, str]
) -> Bound:
    """Check and align everything that a compiled model reads."""
    model = system.model
    labels = _labels(system, data)
    bound = Bound(labels, *_elements(system, labels, elements), {}, {}, data)
    _check_shock_names(system, shocks)
    for decl in system.inputs:
        if decl.kind is Kind.EXOGENOUS:
            plain = _default(decl, data, labels, model.name, required=decl.key not in shocks)
            new = _shock(decl, shocks[decl.key], plain, labels) if decl.key in shocks else plain
            bound.unshocked[decl.symbol] = new if plain is None else plain
            bound.values[decl.symbol] = _in_domain(decl, new, labels)
        else:
            value = _in_domain(decl, _read(decl, data, labels, model.name), labels)
            bound.values[decl.symbol] = bound.unshocked[decl.symbol] = value
    return bound


# ---- labels --------------------------------------------------------------------------------------


def _labels(system: System, data: xr.Dataset) -> dict[str, list]:
    """Labels of each set, from the data's coordinate of that name or from the first array over it."""
    out: dict[str, list] = {}
    for decl in system.model.symbols.values():
        if decl.key not in data or decl.role in ("hat", "new"):
            continue
        for dim in decl.dims:
            if dim.root not in out and dim.root in data.coords:
                out[dim.root] = list(data.coords[dim.root].values)
            elif dim.root not in out and dim.name in data[decl.key].coords:
                out[dim.root] = list(data[decl.key].coords[dim.name].values)
    roots = {d.root for decl in system.inputs for d in decl.dims} | {
        r for g in system.groups for r in g.declaration.roots
    }
    for root in sorted(roots - set(out)):
        raise DataError(f"no data give the labels of set '{root}'; add a coordinate '{root}' to the data set")
    for root, names in out.items():
        if len(set(names)) < len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise DataError(f"label '{twice}' occurs twice in '{root}'; labels must be unique")
    return out


def _elements(
    system: System, labels: dict[str, list], given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, int]]:
    known = {e.name: e for e in _element_symbols(system)}
    for name in given:
        if name not in known:
            raise DataError(
                f"model '{system.model.name}' has no element '{name}'.{did_you_mean(name, known)}"
            )
    chosen, positions = {}, {}
    for name, element in known.items():
        label = given.get(name, element.label)
        if label not in labels[element.root]:
            raise DataError(
                f"element '{name}' is '{label}', which is not a {element.root} of the data "
                f"({_some(labels[element.root])}); give {name} = one of them.{did_you_mean(label, labels[element.root])}"
            )
        chosen[name], positions[name] = label, labels[element.root].index(label)
    return chosen, positions


def _element_symbols(system: System):
    from framework.sets import Element

    model = system.model
    exprs = [x for e in model.equations for x in (e.lhs, e.rhs)]
    if model.numeraire_rule:
        exprs.append(model.numeraire_rule.expr)
    return sorted(set().union(*(x.atoms(Element) for x in exprs)), key=str)


# ---- arrays --------------------------------------------------------------------------------------


def _read(decl: Declaration, data: xr.Dataset, labels: dict[str, list], model: str) -> np.ndarray:
    if decl.key not in data:
        what = decl.description or decl.name
        raise DataError(
            f"model '{model}' needs '{decl.key}' ({what}) with dims ({', '.join(decl.dim_names)}); "
            f"it is not in the data.{did_you_mean(decl.key, map(str, data.data_vars))}"
        )
    return _aligned(decl, data[decl.key], labels)


def _aligned(decl: Declaration, array: xr.DataArray, labels: dict[str, list]) -> np.ndarray:
    """Array in declared axis order, aligned by label."""
    if set(map(str, array.dims)) != set(decl.dim_names):
        raise DataError(
            f"'{decl.key}' has dims ({', '.join(map(str, array.dims))}); it needs ({', '.join(decl.dim_names)})"
        )
    for dim in decl.dims:
        want = labels[dim.root]
        if dim.name not in array.coords:
            if array.sizes[dim.name] != len(want):
                raise DataError(
                    f"'{decl.key}' has {array.sizes[dim.name]} entries along '{dim.name}' without labels; "
                    f"'{dim.root}' has {len(want)}: {_some(want)}"
                )
            continue
        have = list(array.coords[dim.name].values)
        extra, missing = [x for x in have if x not in want], [x for x in want if x not in have]
        if extra or missing:
            hint = did_you_mean(extra[0], missing) if extra else ""
            raise DataError(
                f"'{decl.key}' along '{dim.name}': "
                + "; ".join(
                    f"{word} {_some(found)}"
                    for word, found in (("unknown label", extra), ("missing", missing))
                    if found
                )
                + f".{hint}"
            )
        if have != want:
            array = array.sel({dim.name: want})
    try:
        return np.asarray(array.transpose(*decl.dim_names).values, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"'{decl.key}' holds something that is not a number ({array.dtype})") from None


def _default(decl: Declaration, data: xr.Dataset, labels: dict[str, list], model: str, required: bool):
    shape = tuple(len(labels[r]) for r in decl.roots)
    if isinstance(decl.default, str):
        return _read(decl, data, labels, model)
    if decl.default is not None:
        return np.full(shape, float(decl.default))
    if decl.role == "plain" and (required or decl.key in data):
        return _read(decl, data, labels, model)
    if required:
        raise DataError(
            f"'{decl.key}' ({decl.description or decl.name}) is fixed in this closure; give its new value"
        )
    return None


def _check_shock_names(system: System, shocks: Mapping[str, object]) -> None:
    known = {d.key: d for d in system.model.of_kind(Kind.EXOGENOUS)}
    for key in shocks:
        if key in known:
            continue
        try:
            kind = f" is a {system.model.declaration(key).kind.value} here, not exogenous"
        except ModelError:
            kind = " is unknown"
        raise DataError(
            f"shock '{key}'{kind}; model '{system.model.name}' takes {', '.join(sorted(known))}."
            + did_you_mean(key, known)
        )


def _shock(decl: Declaration, given: object, plain: np.ndarray | None, labels: dict[str, list]) -> np.ndarray:
    shape = tuple(len(labels[r]) for r in decl.roots)
    if isinstance(given, Mapping):
        if len(decl.dims) != 1 or plain is None:
            raise DataError(
                f"'{decl.key}' takes a number or an array over ({', '.join(decl.dim_names)}), not a table"
            )
        out, names = plain.copy(), labels[decl.roots[0]]
        for label, value in given.items():
            if label not in names:
                raise DataError(
                    f"'{decl.key}': '{label}' is not a {decl.dim_names[0]} ({_some(names)}).{did_you_mean(label, names)}"
                )
            out[names.index(label)] = _number(decl, value)
        return out
    if isinstance(given, xr.DataArray):
        missing = {d.name: labels[d.root] for d in decl.dims if d.name not in given.dims}
        return _aligned(decl, given.expand_dims(missing) if missing else given, labels)
    return np.full(shape, _number(decl, given))


def _number(decl: Declaration, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise DataError(f"'{decl.key}' must be a number, not {value!r}")
    return float(value)


def _in_domain(decl: Declaration, value: np.ndarray, labels: dict[str, list]) -> np.ndarray:
    """Refuse NaN, infinity, and values outside the declared domain."""

    def refuse(bad: np.ndarray, why: str) -> None:
        where = tuple(np.argwhere(bad)[0])
        at = ", ".join(f"{d.name}={labels[d.root][k]}" for d, k in zip(decl.dims, where, strict=True))
        more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise DataError(f"'{decl.key}' is {value[where]}{f' at {at}' if at else ''}{more}; {why}")

    if (bad := ~np.isfinite(value)).any():
        refuse(bad, "every value must be a finite number")
    if decl.lower is not None and (bad := value < decl.lower).any():
        refuse(bad, f"it must not be below {decl.lower:g}")
    strict = (
        decl.positive
        and decl.lower is None
        and (decl.role == "hat" or decl.kind is not Kind.PARAMETER or not decl.dims)
    )
    if strict and decl.role != "baseline" and (bad := value <= 0).any():
        refuse(bad, "it must be positive")
    if decl.positive and (bad := value < 0).any():
        refuse(bad, "it must not be negative")
    return value


def _some(names: list, most: int = 6) -> str:
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"
