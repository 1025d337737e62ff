"""Input-output accounts extended by rare earths: a magnet industry, and a commodity for each element.

Magnets are split from other fabricated metals (`METALS`), row and column; the elements from other basic inorganic
chemicals (`CHEMICALS`), row only. Every total of the original accounts still holds after each step, so that adding
the parts up again returns the table that was started from; the only exception is stated at `book_imports`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from empirics.measurement.accounts import (
    IMPORTS,
    SURPLUS,
    commodity_output,
    first_cell,
    require,
    show_rounding,
)
from framework.errors import DataError, did_you_mean

ELEMENTS = ("La", "Ce", "Nd", "Pr", "Dy")
METALS, CHEMICALS = "332999", "325180"
MAGNETS, OTHER_METALS = f"{METALS}-magnets", f"{METALS}-other"
OTHER_CHEMICALS = f"{CHEMICALS}-other"

#: A use may exceed its cell by this share of it before it is an error, million USD for million USD.
SLACK = 1e-9


def element_code(element: str) -> str:
    """Label of an element among the commodities of extended accounts."""
    return f"{CHEMICALS}-{element}"


ELEMENT_CODES = tuple(element_code(e) for e in ELEMENTS)


def extend(
    accounts: xr.Dataset, ree_use: xr.DataArray, magnet_sales: pd.Series, excess: str = "error"
) -> xr.Dataset:
    """Extend the accounts by magnets and by the five elements.

    Parameters
    ----------
    accounts : xr.Dataset
        See `empirics.measurement.accounts`.
    ree_use : xr.DataArray
        Million USD of each element that each industry uses, dims (industry, element); the industry of magnets is
        `MAGNETS`, all others are those of the accounts.
    magnet_sales : pd.Series
        Million USD of magnets by industry or final-demand category that buys them; see `split_magnets`.
    excess : {"error", "balance"}
        What to do if a use exceeds the purchases of `CHEMICALS` that it is carved from: an error that names the cell, or
        the excess is booked as imports at the cost of the industry's surplus.

    Raises
    ------
    DataError
        A negative use, an unknown label, a use larger than its cell, or sales of magnets larger than purchases of metals.
    """
    if excess not in ("error", "balance"):
        raise DataError(f"excess='{excess}' is not known.{did_you_mean(excess, ('error', 'balance'))}")
    for label in (METALS, CHEMICALS):
        require(accounts, "commodity", label)
    require(accounts, "industry", METALS)
    use = _require_use(accounts, ree_use)
    balanced = show_rounding(accounts)
    extended = split_magnets(balanced, magnet_sales)
    extended, missing = carve(extended, use.drop_sel(industry=MAGNETS), excess)
    extended = book_imports(extended, use.sel(industry=MAGNETS), MAGNETS, OTHER_METALS)
    for industry in missing["industry"].values[(missing > 0).any("element").values]:
        extended = book_imports(extended, missing.sel(industry=industry), industry, industry)
    return extended


def _require_use(accounts: xr.Dataset, ree_use: xr.DataArray) -> xr.DataArray:
    """Return the uses with `MAGNETS` among the industries and the elements in order, having checked them."""
    if set(ree_use.dims) != {"industry", "element"}:
        raise DataError(f"REE uses have dims {ree_use.dims}; they need (industry, element).")
    unknown = set(map(str, ree_use["element"].values)) ^ set(ELEMENTS)
    if unknown:
        raise DataError(f"REE uses need exactly the elements {', '.join(ELEMENTS)}; check '{min(unknown)}'.")
    for label in map(str, ree_use["industry"].values):
        if label != MAGNETS:
            require(accounts, "industry", label)
            if label == METALS:
                raise DataError(
                    f"REE used by '{METALS}' are used for magnets; name the industry '{MAGNETS}'."
                )
    wrong = ~(ree_use.copy(data=np.isfinite(ree_use.values)) & (ree_use >= 0))
    if bool(wrong.any()):
        raise DataError(
            f"REE use at {first_cell(wrong)} is negative or not finite; uses are positive, in million USD."
        )
    use = ree_use.sel(element=list(ELEMENTS)).transpose("industry", "element")
    if MAGNETS not in use["industry"].values:
        use = xr.concat([use, xr.zeros_like(use[:1]).assign_coords(industry=[MAGNETS])], "industry")
    return use


def split_magnets(accounts: xr.Dataset, sales: pd.Series) -> xr.Dataset:
    """Split `METALS` into magnets and the rest, row and column.

    The magnet industry makes magnets only, and no other industry makes them: its output is the sum of the sales, and is
    taken out of what the metals industry makes of its own commodity. Its inputs and value added are those of the metals
    industry in proportion to output, and contain no magnets.

    Parameters
    ----------
    accounts : xr.Dataset
        Accounts that balance.
    sales : pd.Series
        Million USD by buyer, an industry or a final-demand category (imports are negative sales).

    Raises
    ------
    DataError
        Sales to an unknown buyer, to the metals industry itself, or beyond what the buyer purchases of metals.
    """
    purchases = purchases_of(accounts, METALS)
    for buyer in sales.index:
        if buyer not in purchases.index:
            raise DataError(
                f"magnets are sold to '{buyer}', which the accounts lack.{did_you_mean(buyer, purchases.index)}"
            )
    sold = sales.reindex(purchases.index, fill_value=0.0)
    if sold[METALS] != 0:
        raise DataError(
            f"magnets are sold to '{METALS}' itself; the magnet industry uses no magnets, set this to 0."
        )
    beyond = (sold * np.sign(purchases) < 0) | (abs(sold) > abs(purchases) * (1 + SLACK)) | ~np.isfinite(sold)
    if beyond.any():
        buyer = str(beyond.idxmax())
        raise DataError(
            f"magnet sales of {sold[buyer]:.4g} million USD to '{buyer}' exceed its purchases of '{METALS}', "
            f"{purchases[buyer]:.4g} million USD; lower them to what is bought."
        )
    output, own = float(sold.sum()), float(accounts["make"].sel(industry=METALS, commodity=METALS))
    if not 0 < output <= own:
        raise DataError(
            f"magnet sales sum to {output:.4g} million USD; they must be positive and at most the {own:.4g} that "
            f"industry '{METALS}' makes of its own commodity."
        )
    share = output / float(accounts["make"].sel(industry=METALS).sum())
    split = _split_label(
        _split_label(accounts, "industry", METALS, (MAGNETS,)), "commodity", METALS, (MAGNETS,)
    )
    for name in ("use", "value_added"):
        whole = split[name].sel(industry=OTHER_METALS).copy(deep=True)
        split[name].loc[{"industry": MAGNETS}] = share * whole
        split[name].loc[{"industry": OTHER_METALS}] = (1 - share) * whole
    split["make"].loc[{"industry": MAGNETS, "commodity": MAGNETS}] = output
    split["make"].loc[{"industry": OTHER_METALS, "commodity": OTHER_METALS}] = own - output
    for name, dim in (("use", "industry"), ("final_demand", "category")):
        labels = [x for x in split[dim].values if x in sold.index]
        amounts = xr.DataArray(sold[labels].to_numpy(), {dim: labels}, dim)
        split[name].loc[{"commodity": MAGNETS, dim: labels}] = amounts
        split[name].loc[{"commodity": OTHER_METALS, dim: labels}] -= amounts
    return split


def purchases_of(accounts: xr.Dataset, commodity: str) -> pd.Series:
    """Million USD of a commodity by industry and by final-demand category, without rounding."""
    row = accounts.sel(commodity=commodity)
    both = pd.concat([row["use"].to_series(), row["final_demand"].to_series()])
    return both.drop("rounding", errors="ignore")


def carve(accounts: xr.Dataset, use: xr.DataArray, excess: str) -> tuple[xr.Dataset, xr.DataArray]:
    """Take uses of elements out of the purchases of `CHEMICALS`; return the accounts and what did not fit.

    Each element comes from domestic makers and from imports in the proportion of `CHEMICALS` as a whole.

    Parameters
    ----------
    accounts : xr.Dataset
        Accounts that balance, with magnets split off.
    use : xr.DataArray
        Million USD, dims (industry, element).
    excess : {"error", "balance"}
        Whether a use beyond its cell is an error, or returned.
    """
    cell = accounts["use"].sel(commodity=CHEMICALS, industry=use["industry"], drop=True)
    wanted = use.sum("element")
    over = wanted > cell * (1 + SLACK)
    if bool(over.any()) and excess == "error":
        industry = str(use["industry"].values[over.values][0])
        raise DataError(
            f"REE worth {float(wanted.sel(industry=industry)):.4g} million USD are carved from the cell ('{CHEMICALS}', "
            f"'{industry}'), which holds {float(cell.sel(industry=industry)):.4g}; lower the quantity or the price, or "
            "book the excess as imports with excess='balance'."
        )
    fits = use * xr.where(over, cell.clip(min=0) / wanted.where(over, 1.0), 1.0)
    final, make = accounts["final_demand"], accounts["make"]
    imported = -final.sel(commodity=CHEMICALS, category=IMPORTS)
    domestic = float(commodity_output(accounts).sel(commodity=CHEMICALS))
    import_share = float(imported) / (float(imported) + domestic)
    makers = make.sel(commodity=CHEMICALS, drop=True) / domestic
    split = _split_label(accounts, "commodity", CHEMICALS, ELEMENT_CODES)
    uses = _by_code(fits)
    total, codes, imports = uses.sum("industry"), list(ELEMENT_CODES), {"category": IMPORTS}
    for name, at, amount in (
        ("use", {"industry": uses["industry"].values}, uses),
        ("final_demand", imports, -import_share * total),
        ("make", {}, (1 - import_share) * total * makers),
    ):
        array = split[name]
        order = [d for d in array.dims if d in amount.dims]
        array.loc[{"commodity": codes, **at}] = amount.transpose(*order).values
        array.loc[{"commodity": OTHER_CHEMICALS, **at}] -= amount.sum("commodity").values
    return split, use - fits


def book_imports(accounts: xr.Dataset, use: xr.DataArray, industry: str, host: str) -> xr.Dataset:
    """Let an industry use imported elements beyond what the accounts record.

    The industry's other inputs are scaled down to make room and returned to its host, whose operating surplus falls by
    as much; the elements are imports. All residuals stay, but gross domestic product falls by the imports on both sides.

    Parameters
    ----------
    accounts : xr.Dataset
    use : xr.DataArray
        Million USD, dims (element).
    industry, host : str
        The host may be the industry itself: then only its surplus falls.

    Raises
    ------
    DataError
        If the elements are worth more than the other inputs, or than the host's surplus.
    """
    total = float(use.sum())
    inputs = accounts["use"].sel(industry=industry)
    room = float(inputs.sum()) if host != industry else np.inf
    surplus = float(accounts["value_added"].sel(component=SURPLUS, industry=host))
    for limit, what in ((room, f"other inputs of '{industry}'"), (surplus, f"operating surplus of '{host}'")):
        if total > limit:
            raise DataError(
                f"REE worth {total:.4g} million USD are used by '{industry}', more than the {what} ({limit:.4g}); lower "
                "the quantity or the price."
            )
    booked = accounts.copy(deep=True)
    if host != industry:
        freed = inputs * (total / room)
        booked["use"].loc[{"industry": industry}] -= freed
        booked["use"].loc[{"industry": host}] += freed
    booked["value_added"].loc[{"component": SURPLUS, "industry": host}] -= total
    amount, codes = _by_code(use).values, list(ELEMENT_CODES)
    booked["use"].loc[{"commodity": codes, "industry": industry}] += amount
    booked["final_demand"].loc[{"commodity": codes, "category": IMPORTS}] -= amount
    return booked


def _by_code(use: xr.DataArray) -> xr.DataArray:
    """Return uses by element as uses by the elements' labels among the commodities."""
    return (
        use.sel(element=list(ELEMENTS)).assign_coords(element=list(ELEMENT_CODES)).rename(element="commodity")
    )


def _split_label(accounts: xr.Dataset, dim: str, label: str, parts: Sequence[str]) -> xr.Dataset:
    """Return a copy where `label` is called ``label-other`` and is followed by empty rows or columns for the parts."""
    names = [f"{label}-other" if x == label else str(x) for x in accounts[dim].values]
    place = names.index(f"{label}-other") + 1
    renamed = accounts.assign_coords({dim: np.array(names, dtype=object)})
    return renamed.reindex({dim: [*names[:place], *parts, *names[place:]]}, fill_value=0.0)


def merge(extended: xr.Dataset) -> xr.Dataset:
    """Add the parts of extended accounts up again, to the labels that they were split from."""
    whole = {MAGNETS: METALS, OTHER_METALS: METALS, OTHER_CHEMICALS: CHEMICALS}
    whole |= dict.fromkeys(ELEMENT_CODES, CHEMICALS)
    for dim in ("commodity", "industry"):
        order = dict.fromkeys(whole.get(str(x), str(x)) for x in extended[dim].values)
        groups = xr.DataArray(
            [whole.get(str(x), str(x)) for x in extended[dim].values], dims=dim, name="whole"
        )
        split = [name for name, array in extended.data_vars.items() if dim in array.dims]
        summed = extended[split].groupby(groups).sum().rename(whole=dim).sel({dim: list(order)})
        extended = extended.drop_vars([*split, dim]).merge(summed, join="exact")
    return extended
