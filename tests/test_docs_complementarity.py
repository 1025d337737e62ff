"""The page on complementarity conditions runs as printed, and what it says of the results holds."""

import numpy as np
from pages import ROOT, run_page

from exacthat.run import load_study, solve_study
from exacthat.summary import regimes


def test_the_page_runs_and_is_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_page(ROOT / "docs" / "complementarity.md")
    assert abs(float(names["tight"]["tax"]) - 3) < 1e-8
    assert abs(float(names["generous"]["exports"]) - 0.5) < 1e-8
    exports = [float(s["ree_export_ratio"]) for s in names["path"]]
    np.testing.assert_allclose(exports, np.minimum(names["quotas"], 1), atol=1e-8)
    assert list(names["binds"]) == [q < 1 for q in names["quotas"]]
    results = solve_study(load_study("export_quota.toml")).results
    assert regimes(results) == [("export-quota, exogenous, quota", "'export quota': binding")]
