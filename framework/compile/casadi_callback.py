"""A map with derivatives of our own as a function of CasADi, which can be embedded and differentiated once.

CasADi calls into Python through ``casadi.Callback`` objects that it does not own: a function whose callback was
collected fails. So that nobody need think of it, each callback here stands behind an ordinary function and is kept for
as long as CasADi holds that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import casadi as ca
import numpy as np

Array = np.ndarray
Arrays = Sequence[Array]
Rule = Callable[[list[Array]], Arrays]
Named = Mapping[str, ca.Sparsity]


class SmoothMap(Protocol):
    """A map between named vectors, with products of its Jacobian and of the transpose."""

    @property
    def inputs(self) -> Mapping[str, int]:
        """Length of each argument, by name, in order."""
        ...

    @property
    def outputs(self) -> Mapping[str, int]:
        """Length of each result, by name, in order."""
        ...

    def value(self, at: Arrays) -> Arrays:
        """All outputs."""
        ...

    def forward(self, at: Arrays, directions: Arrays) -> Arrays:
        """Products with k directions; arrays of shape (length, k)."""
        ...

    def reverse(self, at: Arrays, weights: Arrays) -> Arrays:
        """Products of the transpose with k weights; arrays of shape (length, k)."""
        ...

    def pattern(self, output: int, input: int) -> Array:
        """Entries of the Jacobian of one output to one input that may differ from zero, as truth values."""
        ...


def as_casadi(name: str, smooth: SmoothMap) -> ca.Function:
    """Return a map as a function of CasADi with first derivatives."""
    value = _Value(name, smooth)
    function = Embedded(*_calling(value))
    function.value = value
    _keep(function, value)
    return function


class Embedded(ca.Function):
    """An ordinary function that calls a map."""

    value: _Value

    def jacobian(self) -> ca.Function:
        """All blocks of the Jacobian with their patterns, from the map; CasADi would colour a nearly dense pattern."""
        return self.value.jacobian()


# ---- lifetimes -----------------------------------------------------------------------------------

_alive: list[tuple[ca.WeakRef, _Called]] = []


def _kept(owner: _Called) -> ca.Function:
    """An ordinary function that calls a callback."""
    function = ca.Function(*_calling(owner))
    _keep(function, owner)
    return function


def _calling(owner: _Called) -> tuple:
    """Arguments of a function that calls a callback and nothing else."""
    inputs = [ca.MX.sym(k, s) for k, s in owner.inputs.items()]
    names = list(owner.inputs), list(owner.outputs)
    return owner.name(), inputs, owner.call(inputs), *names, {"never_inline": True}


def _keep(function: ca.Function, owner: _Called) -> None:
    """Keep a callback until CasADi has dropped the function that calls it."""
    _alive[:] = [pair for pair in _alive if pair[0].alive()]
    _alive.append((ca.WeakRef(function), owner))


# ---- callbacks -----------------------------------------------------------------------------------


class _Called(ca.Callback):
    """A rule from arrays to arrays; both lists hold the entries of sparsity patterns, column by column."""

    def __init__(self, name: str, rule: Rule, inputs: Named, outputs: Named) -> None:
        ca.Callback.__init__(self)
        self.rule, self.inputs, self.outputs = rule, inputs, outputs
        self._in, self._out = list(inputs.items()), list(outputs.items())
        self._zeros = [np.zeros(s.nnz()) for s in inputs.values()]
        self.construct(name, {})

    def get_n_in(self) -> int:
        return len(self._in)

    def get_n_out(self) -> int:
        return len(self._out)

    def get_name_in(self, i: int) -> str:
        return self._in[i][0]

    def get_name_out(self, i: int) -> str:
        return self._out[i][0]

    def get_sparsity_in(self, i: int) -> ca.Sparsity:
        return self._in[i][1]

    def get_sparsity_out(self, i: int) -> ca.Sparsity:
        return self._out[i][1]

    def has_eval_buffer(self) -> bool:
        return True

    def eval_buffer(self, arg: Sequence[memoryview], res: Sequence[memoryview]) -> int:
        # No buffer, or an empty one, is an input that is zero, or an output that CasADi does not want.
        given = [np.frombuffer(a) if a else zero for a, zero in zip(arg, self._zeros, strict=True)]
        for buffer, value in zip(res, self.rule(given), strict=True):
            if buffer:
                np.frombuffer(buffer)[:] = value
        return 0

    def has_jacobian(self) -> bool:
        return True

    def get_jacobian(self, name: str, *_: Any) -> ca.Function:
        raise NotImplementedError(
            f"{name}: a compiled core has first derivatives only; give IPOPT the option "
            "hessian_approximation='limited-memory', or take Problem.casadi_function"
        )


class _Value(_Called):
    """A map itself, which can be differentiated."""

    def __init__(self, name: str, smooth: SmoothMap) -> None:
        self.smooth = smooth
        super().__init__(name, smooth.value, _dense(smooth.inputs), _dense(smooth.outputs))

    def get_jacobian(self, name: str, inames: Any, onames: Any, *_: Any) -> ca.Function:
        smooth, rows, columns = self.smooth, range(len(self.outputs)), range(len(self.inputs))
        blocks = [smooth.pattern(o, i) for o in rows for i in columns]
        patterns = [_sparsity(b) for b in blocks]
        return self._derived(name, _jacobian(smooth, blocks), inames, (), onames, patterns)

    def has_jac_sparsity(self, output: int, input: int) -> bool:
        return True

    def get_jac_sparsity(self, output: int, input: int, *_: Any) -> ca.Sparsity:
        return _sparsity(self.smooth.pattern(output, input))

    def has_forward(self, _: int) -> bool:
        return True

    def get_forward(self, count: int, name: str, inames: Any, onames: Any, *_: Any) -> ca.Function:
        seeds, out = _dense(self.smooth.inputs, count), _dense(self.smooth.outputs, count)
        rule = _products(self.smooth.forward, len(self.inputs), len(self.outputs), count)
        return self._derived(name, rule, inames, seeds.values(), onames, out.values())

    def has_reverse(self, _: int) -> bool:
        return True

    def get_reverse(self, count: int, name: str, inames: Any, onames: Any, *_: Any) -> ca.Function:
        seeds, out = _dense(self.smooth.outputs, count), _dense(self.smooth.inputs, count)
        rule = _products(self.smooth.reverse, len(self.inputs), len(self.outputs), count)
        return self._derived(name, rule, inames, seeds.values(), onames, out.values())

    def _derived(
        self, name: str, rule: Rule, inames: Any, seeds: Iterable[ca.Sparsity], onames: Any, out: Iterable
    ) -> ca.Function:
        """A derivative: a function of the inputs, of the outputs, which it does not need, and of seeds."""
        unused = [ca.Sparsity(n, 1) for n in self.smooth.outputs.values()]
        inputs = [*self.inputs.values(), *unused, *seeds]
        return _kept(
            _Called(name, rule, dict(zip(inames, inputs, strict=True)), dict(zip(onames, out, strict=True)))
        )


def _dense(lengths: Mapping[str, int], columns: int = 1) -> Named:
    return {name: ca.Sparsity.dense(n, columns) for name, n in lengths.items()}


def _sparsity(pattern: Array) -> ca.Sparsity:
    """A pattern for CasADi, which reads lists twenty times faster than arrays."""
    rows, columns = pattern.shape
    if pattern.all():
        return ca.Sparsity.dense(rows, columns)
    starts = np.concatenate([[0], np.cumsum(pattern.sum(0))])
    return ca.Sparsity(rows, columns, starts.tolist(), np.nonzero(pattern.T)[1].tolist())


def _products(product: Callable[[Arrays, Arrays], Arrays], inputs: int, outputs: int, count: int) -> Rule:
    """Products with seeds, which come and go column by column."""

    def rule(given: list[Array]) -> Arrays:
        seeds = [s.reshape(count, -1).T for s in given[inputs + outputs :]]
        return [v.ravel(order="F") for v in product(given[:inputs], seeds)]

    return rule


def _jacobian(smooth: SmoothMap, blocks: list[Array]) -> Rule:
    """All blocks, from as few products as there are rows or columns."""
    inputs, outputs = list(smooth.inputs.values()), list(smooth.outputs.values())
    places = [np.nonzero(b.T)[::-1] for b in blocks]  # column by column
    by_column = sum(inputs) <= sum(outputs)
    product, lengths = (smooth.forward, inputs) if by_column else (smooth.reverse, outputs)

    def rule(given: list[Array]) -> Arrays:
        found: dict[tuple[int, int], Array] = {}
        for k, length in enumerate(lengths):
            seeds = [np.eye(n) if j == k else np.zeros((n, length)) for j, n in enumerate(lengths)]
            for j, value in enumerate(product(given[: len(inputs)], seeds)):
                found[(j, k) if by_column else (k, j)] = value if by_column else value.T
        order = [(o, i) for o in range(len(outputs)) for i in range(len(inputs))]
        return [found[key][where] for key, where in zip(order, places, strict=True)]

    return rule
