"""The standard CGE model of Hosoe, Gasawa and Hashimoto (2010, chapter 6) in levels, by hand, in numpy.

Calibration and equations are written from the textbook, share no code with the model, and are solved by scipy.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import root

Levels = dict[str, np.ndarray]


class StandardCGE:
    """Calibrate to a SAM (rows receive); every price is 1 at the base run."""

    def __init__(
        self, sam: pd.DataFrame, goods: list[str], factors: list[str], sigma: float = 2.0, psi: float = 2.0
    ):
        t = lambda rows, columns: sam.loc[rows, columns].to_numpy(float)  # noqa: E731
        self.sigma, self.psi, self.eta, self.phi = sigma, psi, (sigma - 1) / sigma, (psi + 1) / psi
        F, X = t(factors, goods), t(goods, goods)
        Tz, Tm, M, E = t("IDT", goods), t("TRF", goods), t("EXT", goods), t(goods, "EXT")
        Xp, Xg, Xv = (t(goods, a) for a in ("HOH", "GOV", "INV"))
        Y = F.sum(0)
        Z = Y + X.sum(0)
        D = Z + Tz - E
        Q = M + Tm + D
        self.FF, income, revenue = F.sum(1), F.sum(), Tz.sum() + Tm.sum() + sam.loc["GOV", "HOH"]
        self.tauz, self.taum, self.taud = Tz / Z, Tm / M, sam.loc["GOV", "HOH"] / income
        self.ssp, self.ssg = sam.loc["INV", "HOH"] / income, sam.loc["INV", "GOV"] / revenue
        self.Sf = sam.loc["INV", "EXT"]
        self.alpha, self.mu, self.lam = Xp / Xp.sum(), Xg / Xg.sum(), Xv / Xv.sum()
        self.beta, self.ax, self.ay = F / Y, X / Z, Y / Z
        self.b = Y / np.prod(F**self.beta, 0)
        bought = (1 + self.taum) * M ** (1 - self.eta) + D ** (1 - self.eta)
        self.deltam = (1 + self.taum) * M ** (1 - self.eta) / bought
        self.deltad = D ** (1 - self.eta) / bought
        self.gamma = Q / (self.deltam * M**self.eta + self.deltad * D**self.eta) ** (1 / self.eta)
        sold = E ** (1 - self.phi) + D ** (1 - self.phi)
        self.xie, self.xid = E ** (1 - self.phi) / sold, D ** (1 - self.phi) / sold
        self.theta = Z / (self.xie * E**self.phi + self.xid * D**self.phi) ** (1 / self.phi)
        self.start = np.log(np.concatenate([np.ones(len(factors) + 3 * len(goods) + 1), Z, D]))
        self.n, self.k, self.numeraire = len(goods), len(factors), factors.index("LAB")

    def levels(self, u: np.ndarray, **change: np.ndarray) -> tuple[Levels, np.ndarray]:
        """Every variable at logs of (pf, py, pq, pd, epsilon, Z, D), and what the other equations leave."""
        n, k = self.n, self.k
        pf, py, pq, pd_, eps, Z, D = np.split(np.exp(u), np.cumsum([k, n, n, n, 1, n]))
        taum, tauz = change.get("taum", self.taum), change.get("tauz", self.tauz)
        FF, Sf = change.get("FF", self.FF), change.get("Sf", self.Sf)
        pe = eps * change.get("pWe", np.ones(n))
        pm = eps * change.get("pWm", np.ones(n))
        Y = self.ay * Z
        F = self.beta * (py * Y) / pf[:, None]
        X = self.ax * Z
        pz = self.ay * py + pq @ self.ax
        income = pf @ FF
        Q = D / (self.gamma**self.eta * self.deltad * pq / pd_) ** self.sigma
        M = (self.gamma**self.eta * self.deltam * pq / ((1 + taum) * pm)) ** self.sigma * Q
        E = (self.theta**self.phi * self.xie * (1 + tauz) * pz / pe) ** (1 / (1 - self.phi)) * Z
        Td, Tz, Tm = self.taud * income, tauz * pz * Z, taum * pm * M
        revenue = Td + Tz.sum() + Tm.sum()
        Sp, Sg = self.ssp * income, self.ssg * revenue
        Xg = self.mu * (revenue - Sg) / pq
        Xv = self.lam * (Sp + Sg + eps * Sf) / pq
        Xp = self.alpha * (income - Sp - Td) / pq
        left = [
            Y / (self.b * np.prod(F**self.beta, 0)) - 1,
            Q / (self.gamma * (self.deltam * M**self.eta + self.deltad * D**self.eta) ** (1 / self.eta)) - 1,
            Z / (self.theta * (self.xie * E**self.phi + self.xid * D**self.phi) ** (1 / self.phi)) - 1,
            (self.theta**self.phi * self.xid * (1 + tauz) * pz / pd_) ** (1 / (1 - self.phi)) * Z / D - 1,
            Q / (Xp + Xg + Xv + X.sum(1)) - 1,
            F.sum(1) / FF - 1,
            [pf[self.numeraire] - 1],
        ]
        out = {
            "composite_factor": Y, "factor_input": F, "intermediate_input": X, "gross_output": Z, "exports": E,
            "household_consumption": Xp, "government_consumption": Xg, "investment_demand": Xv, "imports": M,
            "armington_composite": Q, "domestic_good": D, "factor_price": pf, "composite_factor_price": py,
            "output_price": pz, "armington_composite_price": pq, "export_price": pe, "import_price": pm,
            "domestic_good_price": pd_, "exchange_rate": eps[0], "private_saving": Sp, "government_saving": Sg,
            "direct_tax_revenue": Td, "production_tax_revenue": Tz, "tariff_revenue": Tm,
            "utility": np.prod(Xp**self.alpha),
        }  # fmt: skip
        return out, np.concatenate(left)

    def solve(self, **change: np.ndarray) -> Levels:
        """Return every variable; ``change`` takes the place of taum, tauz, FF, Sf, pWe or pWm."""
        found = root(lambda u: self.levels(u, **change)[1], self.start, tol=1e-14)
        out, left = self.levels(found.x, **change)
        assert np.abs(left).max() < 1e-11, found.message
        return out

    def equivalent_variation(self, after: Levels) -> float:
        """Money at base prices that buys the new utility, by the expenditure function, less what was spent."""
        base, _ = self.levels(self.start)
        price_index = np.prod((1 / self.alpha) ** self.alpha)  # cost of a unit of utility where prices are 1
        return float(price_index * (after["utility"] - base["utility"]))
