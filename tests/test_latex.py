"""Models in the field's notation: atoms, powers, sums, and whole systems."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sympy as sp
from expected import assert_expected
from sympy import KroneckerDelta, Product, Sum
from sympy.core.alphabets import greeks
from trade_model import armington_by_conditions, symbols_only

from framework import Model, base, hat
from framework.latex import equation_to_latex, model_to_latex, symbols_to_latex
from framework.notation import guessed, notation
from framework.sets import Part
from framework.symbols import Declaration, Kind, ces
from models import armington, caliendo_parro, rare_earths

TECHNOLOGIES = ["exogenous", "fixed-effort", "elastic-effort"]


def right_side(expr, build=symbols_only) -> str:
    """LaTeX of an expression over the symbols of the small trade model, as the right side of a definition."""
    t = build()
    m = t.m
    m.variable("Z", [t.region.alias("importer"), t.region.alias("exporter"), t.sector], "left side")
    m.variable("P_R", [t.region, t.sector], "bundle price", latex="P^R")
    m.exogenous("tau", [t.region], "tariff", level=True, latex=r"\tau")
    n, i, s = t.n, t.i, t.s
    t.P_R, t.tau = m["P_R"], m["tau"]
    m.equate("left side", m["Z"][n, i, s], expr(t))
    row = equation_to_latex(m.equations[-1], m)
    return re.fullmatch(r"Z_\{nis\} &= (.*) && \\forall\\, i, n, s \\quad \\text\{\(left side\)\}", row)[1]


# ---- notation of a symbol ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "latex", "role", "shown"),
    [
        ("w", "", "plain", "w_{is}"),
        ("theta", "", "plain", r"\theta_{is}"),
        ("A_R", "", "plain", "A_{R,is}"),
        ("lambda_0", "", "plain", r"\lambda_{0,is}"),
        ("lam", "", "plain", r"\lambda_{is}"),
        ("wage", "", "plain", r"\mathit{wage}_{is}"),
        ("P_base", "", "plain", r"P_{\mathrm{base},is}"),
        ("P_R", "P^R", "plain", "P^{R}_{is}"),
        ("Abar_L", r"\bar A_L", "plain", r"\bar A_{L,is}"),
        ("Y_a", "Y^{a}", "plain", "Y^{a}_{is}"),
        ("w_hat", "", "hat", r"\hat{w}_{is}"),
        ("A_R_hat", "", "hat", r"\hat{A}_{R,is}"),
        ("P_R_hat", "P^R", "hat", r"\hat{P}^{R}_{is}"),
        ("wage_hat", "", "hat", r"\widehat{\mathit{wage}}_{is}"),
        ("tau_new", r"\tau", "new", r"\tau'_{is}"),
        ("XR_new", "X^R", "new", r"X^{R \prime}_{is}"),
        ("pi", r"\pi", "baseline", r"\pi_{is}"),
    ],
)
def test_a_symbol_in_its_role(symbol, latex, role, shown):
    decl = Declaration(symbol, (), symbol, Kind.VARIABLE, latex=latex, role=role)
    assert notation(decl).with_subscripts("is") == shown


def test_a_scalar_has_no_subscript():
    assert guessed("t").with_subscripts() == "t"


# ---- expressions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expr", "shown"),
    [
        (lambda t: t.X[t.i, t.s] * t.theta[t.s], r"\theta_{s} X_{is}"),
        (lambda t: t.L[t.i] * t.w[t.i], r"w_{i} L_{i}"),
        (lambda t: t.w[t.i] / t.qw[t.i], r"\frac{w_{i}}{\mathit{qw}_{i}}"),
        (lambda t: t.w[t.i] ** 2 / 2, r"\frac{w_{i}^{2}}{2}"),
        (lambda t: 1 - t.theta[t.s], r"1 - \theta_{s}"),
        (lambda t: -t.w[t.i], r"-w_{i}"),
        (lambda t: t.t - t.w[t.i] + t.L[t.i], r"L_{i} + t - w_{i}"),
        (lambda t: (1 + t.tau[t.i]) * t.w[t.i], r"w_{i} \left(1 + \tau_{i}\right)"),
        (lambda t: t.w[t.i] ** (-t.theta[t.s]), r"w_{i}^{-\theta_{s}}"),
        (lambda t: t.w[t.i] ** (-1 / t.theta[t.s]), r"w_{i}^{-1/\theta_{s}}"),
        (lambda t: t.w[t.i] ** (1 / (1 - t.theta[t.s])), r"w_{i}^{1/(1 - \theta_{s})}"),
        (lambda t: t.P_R[t.i, t.s] ** 2, r"\left(P^{R}_{is}\right)^{2}"),
        (
            lambda t: t.w[t.i] ** t.theta[t.s] * t.L[t.i] ** (-t.theta[t.s]),
            r"\left(\frac{w_{i}}{L_{i}}\right)^{\theta_{s}}",
        ),
        (
            lambda t: (t.w[t.i] * t.L[t.i]) ** (-t.theta[t.s]),
            r"\left(w_{i} L_{i}\right)^{-\theta_{s}}",
        ),
        (lambda t: Sum(t.X[t.j, t.s], t.j), r"\sum_{j} X_{js}"),
        (lambda t: Sum(t.X[t.j, t.k], t.j, t.k), r"\sum_{j,k} X_{jk}"),
        (lambda t: Sum(-t.X[t.j, t.s], t.j), r"-\sum_{j} X_{js}"),
        (lambda t: Sum(t.w[t.j] + t.L[t.j], t.j), r"\sum_{j} \left(w_{j} + L_{j}\right)"),
        (lambda t: Sum(t.w[t.j], t.j) / t.theta[t.s], r"\frac{1}{\theta_{s}} \sum_{j} w_{j}"),
        (lambda t: Sum(t.w[t.j], t.j) ** 2, r"\left(\sum_{j} w_{j}\right)^{2}"),
        (
            lambda t: Sum(t.w[t.j], t.j) * Sum(t.L[t.j], t.j),
            r"\left(\sum_{j} L_{j}\right) \sum_{j} w_{j}",
        ),
        (
            lambda t: Sum(t.w[t.j] / Sum(t.X[t.j, t.k], t.k), t.j),
            r"\sum_{j} \frac{w_{j}}{\sum_{k} X_{jk}}",
        ),
        (lambda t: Product(t.X[t.i, t.k] ** t.theta[t.k], t.k), r"\prod_{k} X_{ik}^{\theta_{k}}"),
        (
            lambda t: KroneckerDelta(t.i, t.china) * t.w[t.i],
            r"\mathbf{1}\{i = \text{CHN}\} w_{i}",
        ),
        (
            lambda t: (1 - KroneckerDelta(t.n, t.i)) * t.w[t.i],
            r"\mathbf{1}\{i \neq n\} w_{i}",
        ),
        (
            lambda t: t.w[t.i] ** KroneckerDelta(t.i, t.china),
            r"w_{i}^{\mathbf{1}\{i = \text{CHN}\}}",
        ),
        (lambda t: t.w[t.china], r"w_{\text{CHN}}"),
        (lambda t: t.X[t.china, t.s], r"X_{\text{CHN},s}"),
        (lambda t: base(t.w[t.i]), "w_{i,0}"),
        (lambda t: base(t.P_R[t.i, t.s]), "P^{R}_{is,0}"),
        (lambda t: base(t.w[t.i] * t.L[t.i]), r"\left(w_{i} L_{i}\right)_{0}"),
        (
            lambda t: ces(1 - t.theta[t.s], Part(t.tau[t.i], t.w[t.i]), Part(t.w[t.i], t.L[t.i])),
            r"\Bigl[ w_{i} L_{i}^{1 - \theta_{s}} + \tau_{i} w_{i}^{1 - \theta_{s}} \Bigr]^{1/(1 - \theta_{s})}",
        ),
        (
            lambda t: ces(-t.theta[t.s], Part(t.X[t.j, t.s], t.w[t.j], t.j)),
            r"\Bigl[ \sum_{j} w_{j}^{-\theta_{s}} X_{js} \Bigr]^{-1/\theta_{s}}",
        ),
    ],
)
def test_an_expression(expr, shown):
    assert right_side(expr) == shown


def test_the_same_letter_is_used_in_sums_side_by_side_and_a_prime_inside():
    m = Model("letters")
    region = m.set("region")
    i1, i2, i17 = region.indices("i1 i2 i__17")
    x, y = m.variable("x", [region], "x"), m.variable("y", [], "y")
    m.is_hat = True
    m.define(y, Sum(x[i1] / Sum(x[i2], i2), i1) + Sum(x[i17] ** 2, i17))
    row = equation_to_latex(m.equations[0], m)
    assert row == r"y &:= \sum_{i} x_{i}^{2} + \sum_{i} \frac{x_{i}}{\sum_{i'} x_{i'}}"


def test_a_definition_and_a_condition():
    t = symbols_only()
    t.m.define(t.w[t.i], t.L[t.i])
    t.m.equate("goods_market", t.Y, Sum(t.w[t.i], t.i))
    definition, condition = (equation_to_latex(eq, t.m) for eq in t.m.equations)
    assert definition == r"w_{i} &:= L_{i} && \forall\, i"
    assert condition == r"Y &= \sum_{i} w_{i} && \text{(goods market)}"


def test_a_long_sum_is_broken_between_terms():
    t = symbols_only()
    m = t.m
    parts = [m.variable(f"income{k}", [t.region], f"income {k}")[t.i] * t.L[t.i] for k in range(20)]
    m.define(t.w[t.i], sp.Add(*parts))
    rows = equation_to_latex(m.equations[0], m).split("\\\\[.5ex]\n")
    assert len(rows) > 1
    assert all(row.startswith(r"&\quad + ") for row in rows[1:])
    assert sum(row.count("L_{i}") for row in rows) == 20


# ---- whole models --------------------------------------------------------------------------------

MODELS = {
    "armington": armington,
    "armington in hats": lambda: hat(armington()),
    "conditions in hats": lambda: hat(armington_by_conditions()),
    "caliendo parro in hats": lambda: hat(caliendo_parro()),
    "rare earths, fixed effort": lambda: rare_earths().choose(technology="fixed-effort"),
    "rare earths in hats, fixed effort, quota": lambda: hat(
        rare_earths().choose(technology="fixed-effort")
    ).swap(export_tax="ree_export_ratio"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_system_in_latex(name):
    assert_expected("latex", name, MODELS[name]().to_latex())


def test_symbols_in_latex():
    assert_expected("latex", "symbols of armington in hats", symbols_to_latex(hat(armington())))


@pytest.mark.parametrize("technology", TECHNOLOGIES)
@pytest.mark.parametrize("hats", [False, True])
def test_the_source_is_well_formed(technology, hats):
    model = rare_earths().choose(technology=technology)
    source = model_to_latex(hat(model) if hats else model) + symbols_to_latex(model)
    plain = source.replace(r"\{", "").replace(r"\}", "")
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert source.count(r"\left(") == source.count(r"\right)")
    assert source.count(r"\Bigl[") == source.count(r"\Bigr]")
    for environment in ("array", "aligned"):
        assert source.count(rf"\begin{{{environment}}}") == source.count(rf"\end{{{environment}}}")
    assert source.count(r"\[" + r"\begin") == source.count(r"\]")
    assert "__" not in source
    assert not re.search(r"\^\{[^{}]*\}\^|'\^|_\{[^{}]*\}_", source), "a double script"
    commands = set(re.findall(r"\\[a-zA-Z]+", source))
    assert commands <= known_commands(model)


def known_commands(model: Model) -> set[str]:
    """Commands of amsmath that MathJax and KaTeX have too, Greek letters, and those in the declared notation."""
    declared = {c for d in model.symbols.values() for c in re.findall(r"\\[a-zA-Z]+", d.latex)}
    layout = "begin end textbf text hline quad forall times left right Bigl Bigr"
    signs = "frac sum prod mathbf hat widehat mathit mathrm neq prime"
    letters = ["lambda", *greeks, *(name.capitalize() for name in greeks)]
    return declared | {rf"\{c}" for c in [*f"{layout} {signs}".split(), *letters]}


def test_output_does_not_depend_on_the_hash_seed():
    """A renamed or reordered sum would make every text, cache key and result provenance differ by run."""
    code = (
        "from framework import hat, analyse; from models import rare_earths\n"
        "h = hat(rare_earths().choose(technology='fixed-effort'))\n"
        "print(h.to_latex(), analyse(h), *h.equations, sep='\\n')"
    )
    root = Path(__file__).resolve().parents[1]
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_notebooks_show_equations_between_dollars():
    from framework import diff
    from models import armington, rare_earths

    for shown in (
        armington()._repr_markdown_(),
        diff(*(rare_earths().choose(technology=t) for t in ("exogenous", "fixed-effort")))._repr_markdown_(),
    ):
        assert shown.startswith("$$\\begin{array}")
        assert shown.count("$$") % 2 == 0
        assert "\\[\\begin" not in shown
        assert "\\]" not in shown
    assert diff(armington(), armington())._repr_markdown_() == (
        "armington and armington have the same equations and symbols"
    )
