"""Equilibria and exponents that have a formula, by docs/rare_earths_model.md (5), (7), (15), (17) and section 11."""

import numpy as np
from numpy.typing import NDArray


def long_run_elasticity(eps: NDArray, xi: float = 1.0) -> NDArray:
    """Return sigma-bar of (5), the factor elasticity once technology has responded; xi = phi psi."""
    return (eps + xi * (1 - eps)) / (1 + xi * (1 - eps))


def bias_exponent(eps: NDArray, phi: float = 1.0, psi: float = 1.0) -> NDArray:
    """Return b of (17), the elasticity of A_R/A_L to the relative factor price q/w."""
    return psi * (1 - eps) / (1 + phi * psi * (1 - eps))


def elasticity_from_bias(b: NDArray, phi: float = 1.0, psi: float = 1.0) -> NDArray:
    """Return eps of (17), the inverse of ``bias_exponent``."""
    return 1 - b / (psi * (1 - phi * b))


def ces(weight: NDArray, first: NDArray, second: NDArray, elasticity: NDArray) -> NDArray:
    """Return [weight first^(1-e) + (1-weight) second^(1-e)]^(1/(1-e)), e != 1, as in (7)."""
    power = 1 - elasticity
    return (weight * first**power + (1 - weight) * second**power) ** (1 / power)


def acr_welfare(own_share: NDArray, trade_elasticity: float, value_added_share: float = 1.0) -> NDArray:
    """Return Ĉ = λ̂^(-1/(nu theta)) of Arkolakis, Costinot and Rodríguez-Clare (2012), one sector."""
    return own_share ** (-1 / (value_added_share * trade_elasticity))


def acr_welfare_sectors(
    own_share: NDArray, final_share: NDArray, input_share: NDArray, trade_elasticity: NDArray
) -> NDArray:
    """Return Ĉ with many sectors and inputs: prod_sk own_k^(-alpha_s a_sk / theta_k), a the Leontief inverse of shares.

    Balanced trade, no tariffs, labour only (Costinot and Rodríguez-Clare 2014, eq. 28 with Cobb-Douglas nests).
    ``own_share`` is the hat of pi_nn by (region, sector), ``input_share`` (region, input, sector).
    """
    sectors = own_share.shape[1]
    leontief = np.linalg.inv(np.eye(sectors) - input_share.transpose(0, 2, 1))
    return np.exp(-np.einsum("ns,nsk,nk->n", final_share, leontief, np.log(own_share) / trade_elasticity))


def symmetric_endowment(omega: float, elasticity: float, endowment: float) -> tuple[float, float]:
    """Return (ρ̂, Ĉ) when the REE endowment changes everywhere in a symmetric, labour-plus-REE world.

    ``elasticity`` is eps under exogenous technology and sigma-bar under fixed effort; one sector, no inputs, no taxes.
    """
    power = (elasticity - 1) / elasticity
    return endowment ** (-1 / elasticity), (omega * endowment**power + 1 - omega) ** (1 / power)


def symmetric_endowment_elastic_effort(omega: float, eps: float, endowment: float) -> tuple[float, float]:
    """Return (ρ̂, Ĉ) of the same change under elastic effort, phi = psi = 1."""
    rho = endowment ** (-1 / float(long_run_elasticity(np.asarray(eps))))
    odds = rho ** float(bias_exponent(np.asarray(eps)))
    cost = (omega * (rho / odds) ** (1 - eps) + 1 - omega) ** (1 / (1 - eps))
    return rho, (1 - omega + omega * rho * endowment) / cost


def pass_through(own_use: float, china: float, foreign: float, supply: float = 0.0) -> float:
    """Return d ln q^W / d ln(1 + t) of (15) from China's share of REE use and the demand and supply elasticities."""
    top = own_use * china + supply
    return top / (top + (1 - own_use) * foreign)


def gravity_welfare(
    own_share: NDArray,
    output: NDArray,
    expenditure: NDArray,
    final_share: NDArray,
    input_share: NDArray,
    trade_elasticity: NDArray,
    scale: NDArray,
    selection: NDArray,
) -> NDArray:
    """Return Ĉ under monopolistic competition with many sectors and inputs, balanced trade, from equilibrium hats.

    With p = P/w and x/w = prod p_k^nu_k, the own share gives
    ln p_s = (1 + (delta + delta eta)/theta) ln(x_s/w) + (ln own_s - delta ln(G_s/w) - delta eta ln(X_s/w)) / theta
    (Costinot and Rodriguez-Clare 2014, the gains from trade with scale effects); ``output`` and ``expenditure`` are hats
    relative to the wage, (region, sector).
    """
    selects = scale * selection
    power = 1 + (scale + selects) / trade_elasticity
    moved = (np.log(own_share) - scale * np.log(output) - selects * np.log(expenditure)) / trade_elasticity
    system = np.eye(own_share.shape[1]) - power[:, None] * input_share.transpose(0, 2, 1)
    prices = np.linalg.solve(system, moved[:, :, None])[:, :, 0]
    return np.exp(-(final_share * prices).sum(1))


def symmetric_trade_cost(
    own: NDArray,
    final_share: NDArray,
    input_share: NDArray,
    trade_elasticity: NDArray,
    scale: NDArray,
    selection: NDArray,
    cost: float,
    access: float = 1.0,
) -> tuple[NDArray, float]:
    """Return (new own share, Ĉ) when two equal regions change trade costs and access costs abroad by these factors."""
    kept = own + (1 - own) * cost**-trade_elasticity * access ** (-scale * selection)
    ones = np.ones((1, own.size))
    welfare = gravity_welfare(
        1 / kept[None], ones, ones, final_share[None], input_share[None], trade_elasticity, scale, selection
    )
    return own / kept, float(welfare[0])
