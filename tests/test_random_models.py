"""What is derived and compiled of a random model equals what loops over its cells give."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import RandomModel, brute_force

from framework import compile_model, hat, solve
from framework.symbols import Kind


@pytest.mark.parametrize("seed", [155, *range(18)])
def test_levels_and_hats_of_a_random_model(seed: int) -> None:
    random = RandomModel(seed)
    variables = [d for d in random.model.of_kind(Kind.VARIABLE)]
    old = brute_force(random, random.data)
    moved = random.data.assign({k: v if k == "t" else random.data[k] * v for k, v in random.shocks.items()})
    new = brute_force(random, moved, before=old)
    data = random.data.assign({d.key: (d.dim_names, old[d.symbol]) for d in variables})
    system = compile_model(hat(random.model))
    read = {d.key for d in system.inputs if d.kind is Kind.EXOGENOUS}
    hats = solve(system.bind(data, {k: v for k, v in random.shocks.items() if k in read}))
    for d in variables:
        np.testing.assert_allclose(hats[d.key], new[d.symbol] / old[d.symbol], rtol=1e-10, err_msg=d.key)
    levels = compile_model(random.model)
    found = solve(levels.bind(random.data))
    for d in variables:
        if d.key in found.variables:  # what compares with a baseline has no value in levels
            np.testing.assert_allclose(found[d.key], old[d.symbol], rtol=1e-10, err_msg=d.key)
