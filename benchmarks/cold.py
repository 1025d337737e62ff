"""Symbolic build and compilation in a process of its own, as a user's first run meets them.

``python -m benchmarks.cold caliendo-parro`` prints seconds of processor time, those of the C compiler included: ``build`` from the
declaration to the compiled graph, and ``compile`` from there to the loaded object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bars import Bar

BUILD, COLD, CACHED = 1.0, 10.0, 0.1  # seconds
_ROUNDS = 5


def cold_rows() -> list[Bar]:
    """Build and compile each model with an empty cache, and with the cache that this left."""
    rows = []
    for model in ("caliendo-parro", "rare-earths"):
        with tempfile.TemporaryDirectory(prefix="exacthat-bench-") as folder:
            first, *later = [_measure(model, folder) for _ in range(_ROUNDS + 1)]
        built = sorted(run["build"] for run in (first, *later))[len(later) // 2]
        cached = sorted(run["compile"] for run in later)[len(later) // 2]
        rows += [
            Bar(
                f"symbolic build, {model}", built, BUILD, unit="s", note="sets stay symbolic: no size enters"
            ),
            Bar(f"compile, empty cache, {model}", first["compile"], COLD, unit="s", note=first["compiler"]),
            Bar(f"compile, cached, {model}", cached, CACHED, unit="s"),
        ]
    return rows


def _measure(model: str, folder: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.cold", model]
    environment = {**os.environ, "EXACTHAT_CACHE": folder}
    done = subprocess.run(
        command,
        cwd=Path(__file__).resolve().parents[1],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _spent() -> float:
    """Processor time of this process and of those that it waited for."""
    return time.process_time() + sum(os.times()[2:4])


def main(model: str) -> None:
    """Build and compile, and print the seconds."""
    from framework import compile_model, hat
    from framework.solve.cores import compiled
    from models import MODELS

    begin = _spent()
    system = compile_model(hat(MODELS[model]()))
    built = _spent()
    made = compiled(system).built
    print(
        json.dumps({"build": built - begin, "compile": _spent() - built, "compiler": made.compiler.version})
    )


if __name__ == "__main__":
    main(sys.argv[1])
