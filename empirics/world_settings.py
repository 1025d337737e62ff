"""Sizes and shocks of a synthetic world."""

from __future__ import annotations

from dataclasses import dataclass

from framework.errors import DataError, did_you_mean

BASE_YEAR = 2009
TECHNOLOGIES = ("elastic-effort", "fixed-effort")


@dataclass(frozen=True)
class WorldSettings:
    """Sizes and shocks of a synthetic world; the sizes are those of the slides.

    Attributes
    ----------
    regions : tuple of str
    exporter : str
        The region that exports rare earths and taxes them.
    first_year, last_year : int
    ree_patents : float
        Expected number in all years: more than 30 000 granted, of which about 60% enhance the use of rare earths.
    active_pairs : int
        Region-industry pairs with any such patents: clusters of the slides' table. The others have none.
    stratified : bool
        Draw the active pairs in equal numbers from every sector, so that each sector's elasticity can be estimated;
        else at random, which leaves a sector of few industries with few clusters.
    dispersion : float
        Standard deviation of the log of expected patents over active pairs.
    other_patents : float
        Median of patents not related to rare earths, by pair and year.
    shock : float
        Standard deviation of the log shock to patents of a pair, of mean one in levels.
    persistence : float
        Autocorrelation of the shocks to patents, productivity and exports of a pair from year to year.
    demand_effect : float
        Coefficient of the control ``demand_growth`` in the log of patents.
    wage_shock : float
        Standard deviation of the annual log change of a region's wage in dollars.
    export_tax : float
        Ad-valorem wedge between the price abroad and in the exporting region in `tax_years`.
    tax_years : tuple of int
        First and last year: higher export taxes of January 2011 to the end of quotas in January 2015.
    technology : {"elastic-effort", "fixed-effort"}
        What fixes the level of research effort (docs/rare_earths_model.md section 2.3).
    trade_elasticity : float
    value_added_share : float
        Value added per unit of output, in every industry.
    productivity_shock, export_shock : float
        Standard deviation of log shocks of a pair.
    price_error : float
        Standard deviation of the log error with which each element's price is measured in the costs of rare earths.
    """

    regions: tuple[str, ...] = ("EUR", "USA", "CHN", "RUS", "KOR", "JPN", "AUS", "ROW")
    exporter: str = "CHN"
    first_year: int = 2002
    last_year: int = 2018
    ree_patents: float = 18_000.0
    active_pairs: int = 531
    stratified: bool = True
    dispersion: float = 1.0
    other_patents: float = 100.0
    shock: float = 0.2
    persistence: float = 0.5
    demand_effect: float = 1.0
    wage_shock: float = 0.05
    export_tax: float = 0.25
    tax_years: tuple[int, int] = (2011, 2014)
    technology: str = "elastic-effort"
    trade_elasticity: float = 5.0
    value_added_share: float = 0.35
    productivity_shock: float = 0.05
    export_shock: float = 0.2
    price_error: float = 0.1

    def __post_init__(self) -> None:
        if self.technology not in TECHNOLOGIES:
            raise DataError(
                f"technology '{self.technology}' is not known.{did_you_mean(self.technology, TECHNOLOGIES)} "
                f"It is one of: {', '.join(TECHNOLOGIES)}."
            )
        if self.exporter not in self.regions:
            raise DataError(f"the exporter '{self.exporter}' is not a region; name it among the regions.")
        if not self.first_year < BASE_YEAR < self.last_year:
            raise DataError(
                f"the years {self.first_year} to {self.last_year} do not span the base year {BASE_YEAR}; widen them."
            )
        if not 0 <= self.persistence < 1:
            raise DataError(f"persistence is {self.persistence:g}; shocks need one in [0, 1).")
