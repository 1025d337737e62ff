"""The code in README.md runs as printed, and gives the closed form."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

README = Path(__file__).parents[1] / "README.md"


def test_the_model_of_the_readme_runs_and_meets_acr() -> None:
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL):
        exec(block, names)
    solution, own = names["solution"], names["solution"]["expenditure_share"].values.diagonal()
    np.testing.assert_allclose(solution["real_consumption"], own ** (-1 / 5.0), rtol=1e-12)
