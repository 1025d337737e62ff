"""Acemoglu (2002) in closed form, written from the paper's argument: two factors, one price, exponents in sigma.

With ``sigma = epsilon - (epsilon - 1)(1 - beta)``, ``weight = gamma_Z/gamma_L``, ``eta = eta_Z/eta_L`` and supplies
``H = Z/L``: profits of a variety are proportional to ``p**(1/beta)`` times its factor, research equalises
``eta N**delta`` times them, and demand for the two goods gives their relative price.
"""

from __future__ import annotations

import numpy as np
import xarray as xr


def sigma(epsilon: float, beta: float) -> float:
    """Return the derived elasticity of substitution between the factors."""
    return epsilon - (epsilon - 1) * (1 - beta)


def relative_price(N: float, H: float, weight: float, epsilon: float, beta: float) -> float:
    """Return p_Z/p_L at given technology ``N = N_Z/N_L``."""
    s = sigma(epsilon, beta)
    return weight ** (beta * epsilon / s) * (N * H) ** (-beta / s)


def relative_technology(
    H: float, weight: float, eta: float, delta: float, epsilon: float, beta: float
) -> float:
    """Return N_Z/N_L on the balanced growth path."""
    s = sigma(epsilon, beta)
    return (eta**s * weight**epsilon * H ** (s - 1)) ** (1 / (1 - delta * s))


def relative_wage(N: float, H: float, weight: float, epsilon: float, beta: float) -> float:
    """Return w_Z/w_L at given technology."""
    s = sigma(epsilon, beta)
    return weight ** (epsilon / s) * N ** ((s - 1) / s) * H ** (-1 / s)


def economy(d: xr.Dataset, technology: str) -> dict[str, float]:
    """Return every level that matters, from primitives, without solving an equation."""
    eps, beta, psi = (float(d[k]) for k in ("substitution_elasticity", "labour_exponent", "machine_cost"))
    L, Z, gL, gZ = (float(d[k]) for k in ("labour", "skill", "labour_weight", "skill_weight"))
    H, weight, N_L, chi = Z / L, gZ / gL, float(d.labour_varieties_given), psi / (1 - beta)
    if technology == "short-run":
        N = float(d.skill_varieties_given) / N_L
    else:
        eL, eZ = float(d.labour_research_productivity), float(d.skill_research_productivity)
        delta = float(d.state_dependence) if technology == "knowledge" else 0.0
        N = relative_technology(H, weight, eZ / eL, delta, eps, beta)
    p = relative_price(N, H, weight, eps, beta)
    # the price of the final good is 1: gamma_L^eps p_L^(1-eps) + gamma_Z^eps p_Z^(1-eps) = 1
    p_L = (gL**eps + gZ**eps * p ** (1 - eps)) ** (1 / (eps - 1))
    w_L = beta / (1 - beta) * p_L ** (1 / beta) * chi ** (1 - 1 / beta) * N_L
    omega = relative_wage(N, H, weight, eps, beta)
    out = {
        "labour_goods_price": p_L, "skill_goods_price": p * p_L, "labour_wage": w_L, "skill_wage": omega * w_L,
        "relative_factor_price": omega, "skill_varieties": N * N_L, "output": (w_L * L + omega * w_L * Z) / beta,
    }  # fmt: skip
    rho, theta = float(d.discount_rate), float(d.relative_risk_aversion)
    if technology == "lab-equipment":
        out["interest_rate"] = eL * beta * chi ** (1 - 1 / beta) * p_L ** (1 / beta) * L
        out["growth_rate"] = (out["interest_rate"] - rho) / theta
    elif technology == "knowledge":
        spill = N ** ((1 - delta) / 2)
        out["growth_rate"] = float(d.scientists) / (1 / (eL * spill) + spill / eZ)
        out["interest_rate"] = rho + theta * out["growth_rate"]
    return out


def long_run_exponent(s: float, delta: float) -> float:
    """Elasticity of w_Z/w_L to Z/L once technology has responded."""
    return (s - 2 + delta) / (1 - delta * s)


def bias(s: float, delta: float) -> float:
    """Elasticity of w_Z/w_L to Z/L that works through technology: never negative where research is stable."""
    return float(np.square(s - 1) / (s * (1 - delta * s)))
