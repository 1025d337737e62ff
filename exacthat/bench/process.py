"""One solver in a process of its own, which can hang, crash or be ended without harm to the benchmark."""

from __future__ import annotations

import multiprocessing as mp
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import xarray as xr

from framework.errors import ExacthatError
from framework.solve import Trace

_REPEATS = 5
_BRIEF = 0.5  # seconds; a solve that takes longer is not repeated
_START_UP = 300.0  # seconds to import, load the model and bind data


@dataclass(frozen=True)
class Task:
    """What a process needs to build the same problems as its parent."""

    reference: str
    variants: Mapping[str, str]
    data: xr.Dataset
    solver: str


@dataclass(frozen=True)
class Outcome:
    """What came back: the trace and the median time, or why there is none."""

    trace: Trace | None
    seconds: float | None
    why: str = ""


class SolverProcess:
    """A child process that runs one solver on one shock after the other; it is started again after it was ended."""

    def __init__(self, task: Task, layout: list[tuple[str, tuple[int, ...]]]) -> None:
        self.task, self.layout = task, layout
        self._child: Any = None
        self._pipe: Any = None

    def run(self, shocks: Mapping[str, xr.DataArray], limit: float) -> Outcome:
        """Solve under one shock; each single solve may take `limit` seconds."""
        pipe = self._connect()
        times, trace = [], None
        try:
            pipe.send(dict(shocks))
            while True:
                if not pipe.poll(_START_UP) or (said := pipe.recv()) is None:
                    break
                if said != "begin":
                    return Outcome(None, None, str(said))
                if not pipe.poll(limit):
                    if trace is None:
                        self.close()
                        return Outcome(None, None, f"was ended after {limit:g} s")
                    break
                answer = pipe.recv()
                if isinstance(answer, str):
                    return Outcome(None, None, answer)
                trace, seconds, layout = answer
                if layout != self.layout:
                    return Outcome(None, None, "orders the unknowns of this model differently")
                times.append(seconds)
        except (EOFError, ConnectionError):
            code = self.close()
            if trace is None:
                return Outcome(None, None, f"ended its process with exit code {code}")
        if trace is None:
            self.close()
            return Outcome(None, None, "did not start")
        return Outcome(trace, sorted(times)[len(times) // 2])

    def close(self) -> int | None:
        """End the process and return its exit code."""
        if self._child is None:
            return None
        child, pipe = self._child, self._pipe
        self._child = self._pipe = None
        if pipe is not None:
            pipe.close()
        child.join(0.5)
        if child.is_alive():
            child.terminate()
            child.join(2)
        if child.is_alive():
            child.kill()
            child.join()
        return child.exitcode

    def _connect(self) -> Any:
        if self._pipe is None:
            context = _context()
            ours, theirs = context.Pipe()
            self._child = context.Process(target=_serve, args=(theirs, self.task), daemon=True)
            self._child.start()
            theirs.close()
            self._pipe = ours
        return self._pipe


def _context() -> Any:
    """Forks of a server that has imported the framework, where the system can; it never forks this process."""
    if "forkserver" not in mp.get_all_start_methods():
        return mp.get_context("spawn")
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["exacthat.library", "framework", "exacthat.bench.process"])
    return context


def _serve(pipe: Connection, task: Task) -> None:
    """Body of the child: solve under each shock that comes, until the pipe closes."""
    from threadpoolctl import threadpool_limits

    _silence()
    with threadpool_limits(1):
        try:
            from exacthat.library import load_model
            from framework import compile_model, hat

            model = load_model(task.reference).choose(**task.variants)
            system = compile_model(hat(model))
        except BaseException as error:
            pipe.send(f"could not load the model: {type(error).__name__}: {error}")
            return
        while True:
            try:
                shocks = pipe.recv()
            except (EOFError, OSError):
                return
            _solve(pipe, system, task, shocks)


def _solve(pipe: Connection, system: Any, task: Task, shocks: Mapping[str, xr.DataArray]) -> None:
    from framework.solve.certify import run_solver
    from framework.solve.registry import find_solver

    try:
        solver, total = find_solver(task.solver), 0.0
        for _ in range(_REPEATS):
            problem = system.bind(task.data, shocks)
            pipe.send("begin")
            begin = time.perf_counter()
            trace = run_solver(problem, solver, task.solver)
            seconds = time.perf_counter() - begin
            layout = [(g.declaration.key, shape) for g, _, shape in problem.slices()]
            pipe.send((trace, seconds, layout))
            total += seconds
            if total > _BRIEF:
                break
        pipe.send(None)
    except ExacthatError as error:
        pipe.send(str(error))
    except BaseException as error:  # whatever a solver raises, an exit included, is its failure
        pipe.send(f"{type(error).__name__}: {error}")


def _silence() -> None:
    """What a solver prints would end up in the middle of the table."""
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
