"""Admissible swaps are those that the analysis accepts."""

from __future__ import annotations

import pytest

from framework import ModelError, analyse, hat
from framework.closures import admissible_swaps
from framework.symbols import Kind
from models import armington, caliendo_parro, rare_earths


@pytest.mark.parametrize("model", [armington, caliendo_parro])
def test_a_swap_is_admissible_where_the_model_can_be_analysed(model) -> None:
    built = hat(model())
    found = admissible_swaps(built)
    for freed in built.of_kind(Kind.EXOGENOUS):
        for fixed in built.of_kind(Kind.VARIABLE):
            if sorted(freed.roots) != sorted(fixed.roots):
                assert fixed.key not in found[freed.key]
                continue
            try:
                analyse(built.swap(**{freed.key: fixed.key}))
                assert fixed.key in found[freed.key]
            except ModelError:
                assert fixed.key not in found[freed.key]


def test_the_policies_of_the_slides_are_admissible() -> None:
    found = admissible_swaps(hat(rare_earths()))
    assert {"ree_export_ratio", "ree_price_ratio"} <= set(found["export_tax"])
    assert "real_consumption" in found["deficit"]  # a transfer that compensates
