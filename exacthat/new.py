"""A file to start a model of one's own from: a model of the library with a block written out and an outcome added."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path

import sympy as sp

from exacthat.library import load_baseline
from exacthat.output import OutputError
from exacthat.scenario import Study, default_study, exogenous_symbols
from exacthat.source import block_source, function_name
from framework import Model
from framework.errors import ModelError, ScenarioError, did_you_mean
from framework.symbols import Declaration, Kind
from models import MODELS


def start(name: str, source: str, block: str | None = None, folder: Path = Path()) -> list[Path]:
    """Write a model file and the baseline data for it.

    Parameters
    ----------
    name : str
        Name of the new model, which is a Python name.
    source : str
        Model of the library to start from.
    block : str, optional
        Block whose equations are written out, to be changed; by default that of the first variant group, else the
        first block.
    folder : Path
        Where the files go.

    Returns
    -------
    list of Path
        ``name.py`` and ``name.nc``.

    Raises
    ------
    ModelError
        `name` is no Python name or that of a module, or there is no such model or block.
    OutputError
        One of the files exists, or cannot be written.
    """
    text = model_file(name, source, block)
    files = [folder / f"{name}.py", folder / f"{name}.nc"]
    for path in files:
        if path.exists() or path.is_symlink():
            raise OutputError(f"'{path}' exists and is kept; choose another name.")
    if importlib.util.find_spec(name) is not None:
        raise ModelError(f"'{name}' is a module of Python that '{name}.py' would hide; try my_{name}.")
    try:
        files[0].write_text(text, encoding="utf-8")
        data = load_baseline(MODELS[source](), Study.of_model(source)).data
        data.to_netcdf(files[1], engine="h5netcdf")
    except OSError as error:
        for path in files:
            path.unlink(missing_ok=True)
        raise OutputError(f"'{folder.resolve()}' cannot be written to: {error.strerror or error}") from error
    return files


def model_file(name: str, source: str, block: str | None = None) -> str:
    """Return the text of the model file; see `start`."""
    _check_name(name)
    if source not in MODELS:
        known = ", ".join(MODELS)
        raise ModelError(
            f"there is no model '{source}' to start from.{did_you_mean(source, MODELS)} Models: {known}."
        )
    library = MODELS[source]()
    block = block or next(iter([*library.variants, *library.blocks]))
    if block not in library.blocks:
        known = ", ".join(library.blocks)
        raise ModelError(
            f"model '{source}' has no block '{block}'.{did_you_mean(block, library.blocks)} Blocks: {known}."
        )
    if _hyphened(name) in library.variants.get(block, []):
        raise ModelError(f"model '{source}' has a {block} '{_hyphened(name)}' already; choose another name.")
    about = f"The block '{block}' as it is in the library: change it."
    parts = [block_source(library, block, about), *_outcome(library)]
    return "\n\n".join(
        [_head(name, source, library, parts), _body(name, source, library, block, parts), *parts]
    )


def _check_name(name: str) -> None:
    """Refuse what Python cannot import, and whatever is a path."""
    if not name.isidentifier() or keyword.iskeyword(name):
        near = re.sub(r"\W+", "_", Path(name).stem).strip("_")
        near = near if near.isidentifier() and not keyword.iskeyword(near) else "my_variant"
        raise ModelError(
            f"'{name}' cannot be the name of a model file: take letters, digits and underscores, without a folder or "
            f"an ending, for instance {near}."
        )


def _head(name: str, source: str, library: Model, parts: list[str]) -> str:
    """Docstring, with commands that run at once, and imports."""
    called = {*re.findall(r"\b([A-Za-z]\w*)\(", "\n".join(parts))}
    imports = (
        [f"from sympy import {', '.join(found)}\n"]
        if (found := sorted(n for n in called if n in sp.__all__))
        else []
    )
    imports += ["from exacthat import Model"]
    imports += ["from framework import base"] if "base" in called else []
    return "\n".join(
        [
            f'"""{_title(name, library)}.',
            "",
            f"    exacthat check {name}.py {name}.nc",
            f'    exacthat run {name}.py --data {name}.nc --shock "{_shock(source, library)}" --out results/{name}',
            "",
            "Equations are in levels, as in a paper; exacthat derives the exact-hat form. Whatever is not in this file is as in",
            f"the library: `exacthat equations {name}.py` prints all of it, `--hat` what is solved.",
            '"""',
            "",
            *imports,
            "from models import MODELS\n",
        ]
    )


def _body(name: str, source: str, library: Model, block: str, parts: list[str]) -> str:
    """The function that returns the model."""
    written, lines = function_name(block), [f'm = MODELS["{source}"]()']
    if block in library.variants:
        lines += [
            f"# One more {block}; a run compares it with {', '.join(library.compared.get(block, library.variants[block]))}.",
            f'm.variant("{block}", "{_hyphened(name)}", {name}={written})',
        ]
    else:
        lines = [f'm = MODELS["{source}"]().replace("{block}", {written})']
    lines += [f'm.name, m.title = "{name}", "{_title(name, library)}"']
    lines += ["add_outcomes(m)"] if len(parts) > 1 else []
    body = "\n".join(f"    {line}" for line in [*lines, "return m"])
    return f'def model() -> Model:\n    """The model of the library, and what differs."""\n{body}\n'


def _hyphened(name: str) -> str:
    return name.replace("_", "-")


def _title(name: str, library: Model) -> str:
    return f"{name}, a variant of {library.name}"


def _shock(source: str, library: Model) -> str:
    """A setting to begin with: the first of the shipped scenarios, else trade costs, else what comes first."""
    known = exogenous_symbols(library)
    try:
        shipped = [item for scenario in default_study(source).scenario for item in scenario.settings.items()]
    except ScenarioError:
        shipped = []
    if found := [f"{key}={value}" for key, value in shipped if key in known]:
        return found[0]
    bilateral = [d for d in known.values() if len({*d.roots}) < len(d.roots)]
    ratios = [d for d in known.values() if not d.level]
    first = [*(d for d in bilateral if not d.level), *bilateral, *ratios, *known.values()][0]
    return f"{first.key}={0.1 if first.level else 1.1}"


def _outcome(library: Model) -> list[str]:
    """A function that adds an outcome: shares in the total of an observed variable, the one over the fewest sets."""
    candidates = [
        d for d in library.of_kind(Kind.VARIABLE) if d.observed and d.positive and d.dims and _plain(d)
    ]
    if not candidates:
        return []
    total = min(candidates, key=lambda d: len(d.dims))
    sets = [dim.name for dim in total.dims]
    here, there = (", ".join(letters[: len(sets)]) for letters in ("ist", "jkl"))
    forms = [
        library,
        *(library.choose(**{g: name}) for g, names in library.variants.items() for name in names),
    ]
    taken = {symbol for form in forms for symbol in form.symbols}
    symbol = next(s for s in ("share", "own_share", "share_of_total") if s not in taken)
    lines = [
        *(f'{name} = m.sets["{name}"]' for name in sets),
        *(f'{i}, {j} = {name}.indices("{i} {j}")' for i, j, name in zip("ist", "jkl", sets, strict=False)),
        f'total = m["{total.symbol}"]',
        'with m.block("added outcomes"):',
        f'    share = m.variable("{symbol}", [{", ".join(sets)}], "share of total {total.name}")',
        f"    m.define(share[{here}], total[{here}] / Sum(total[{there}], {there}))",
    ]
    body = "\n".join(f"    {line}" for line in lines)
    return [
        f'def add_outcomes(m: Model) -> None:\n    """Outcomes to add; results have them new over baseline."""\n{body}\n'
    ]


def _plain(decl: Declaration) -> bool:
    """True if no set occurs under another name."""
    return len(decl.dims) <= 3 and all(dim.name == dim.root for dim in decl.dims)
