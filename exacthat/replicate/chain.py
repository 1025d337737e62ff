"""The whole chain of a study, stage by stage, and its results folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exacthat.output import require_free, results_folder
from exacthat.replicate import did, measurement, structure, text
from exacthat.replicate.counterfactuals import Counterfactuals
from exacthat.replicate.exhibits import Comparison, Exhibit, Section
from exacthat.replicate.slides import Slides, SlideSection
from exacthat.replicate.work import Settings, Work
from framework.errors import ScenarioError, did_you_mean

STUDIES = {
    "rare-earths": "Trade and Industrial Policy in Supply Chains: Directed Technological Change in Rare Earths"
}
"""Name and title of what can be replicated."""


@dataclass(frozen=True)
class Stage:
    """A step of the chain.

    Attributes
    ----------
    label : str
        What a progress bar shows.
    section : str
        Key of the slides' section that it makes; empty for one that only prepares.
    run : callable
        Returns the section.
    """

    label: str
    section: str
    run: Callable[[], Section | None]


Track = Callable[[Sequence[Stage]], Iterable[Stage]]


@dataclass(frozen=True)
class Replication:
    """A replication that has run: its sections, in the order of the slides."""

    name: str
    seed: int
    settings: Settings
    official: bool
    slides: Slides
    parts: list[tuple[SlideSection, Section]]

    @property
    def exhibits(self) -> list[Exhibit]:
        """All tables and figures."""
        return [exhibit for _, section in self.parts for exhibit in section.exhibits]

    @property
    def comparisons(self) -> list[Comparison]:
        """All numbers of the slides beside ours."""
        return [comparison for _, section in self.parts for comparison in section.comparisons]


def known_study(name: str) -> str:
    """Return the name of a study that can be replicated.

    Raises
    ------
    ScenarioError
        It cannot; the message lists those that can.
    """
    if name not in STUDIES:
        raise ScenarioError(
            f"there is no study '{name}' to replicate.{did_you_mean(name, STUDIES)} There are: {', '.join(STUDIES)}."
        )
    return name


def replicate(
    name: str,
    out: str | Path,
    *,
    force: bool = False,
    seed: int = 0,
    settings: Settings | None = None,
    data: str | Path | None = None,
    track: Track = iter,
) -> Replication:
    """Run the whole chain of a study and write its report, tables, figures and data.

    Parameters
    ----------
    name : str
        One of `STUDIES`.
    out : str or Path
        Folder for ``report.html``, ``comparison.csv``, ``tables``, ``figures`` and the data sets; see `write.write`. It is written
        whole at the end, or not at all.
    force : bool
        Replace the results in an existing folder.
    seed : int
        Of the synthetic corpora, the synthetic world and the draws of parameters.
    settings : Settings, optional
        Sizes; `QUICK` has small ones.
    data : str or Path, optional
        Folder of official tables; by default the environment variable EXACTHAT_DATA names it. What needs tables that are not there
        is said in its place in the report.
    track : callable
        Wraps the sequence of stages, for instance to show progress.

    Raises
    ------
    ScenarioError
        There is no such study.
    OutputError
        The folder exists, or cannot be written.
    DataError
        Tables that are there are malformed.
    """
    from exacthat.replicate.write import write

    work = Work(known_study(name), settings or Settings(), seed, data)
    folder = require_free(Path(out), force)
    official = work.folder is not None
    made: dict[str, Section] = {}
    for stage in track(_stages(work)):
        section = stage.run()
        if section is not None:
            made[stage.section] = section
    parts = [(s, made[s.key]) for s in work.slides.sections]
    replication = Replication(name, seed, work.settings, official, work.slides, parts)
    with results_folder(folder, force) as draft:
        write(replication, draft)
    return replication


def _stages(work: Work) -> list[Stage]:
    """Every step, in an order in which each has what it needs."""
    solved = Counterfactuals(work)

    def of(key: str, make: Callable[[Work], Section]) -> Stage:
        return Stage(work.slides[key].title, key, lambda: make(work))

    return [
        of("prices", measurement.prices),
        of("requirements", measurement.requirements),
        of("text", text.text),
        of("sensitivity", measurement.sensitivity),
        of("patents", did.patents),
        of("tfp", did.productivity),
        of("exports", did.exports),
        of("exports-difference", did.exports_difference),
        of("mechanism", structure.mechanism),
        of("calibration", structure.calibration),
        of("estimates", structure.estimates),
        Stage("Counterfactuals: bands of estimated parameters", "", solved.bands),
        of("bias", lambda _: solved.bias()),
        of("gdp", lambda _: solved.gdp()),
        of("welfare", lambda _: solved.welfare()),
    ]
