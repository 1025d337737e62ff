"""The derivatives of a compiled model as graphs, made when they are first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from framework.compile.adjoint import Adjoint, cotangent
from framework.compile.batch import batched
from framework.compile.ir import Node, Time
from framework.compile.tangent import Tangent, own_indices

if TYPE_CHECKING:
    from framework.compile.system import System

RESIDUAL = "residual"  # cotangents are named by (RESIDUAL or OUTCOME, symbol)
OUTCOME = "outcome"
Kept = tuple[tuple[Any, Node], ...]


class Derivatives:
    """Reverse and forward derivatives of residuals and outcomes.

    Reverse derivatives have one input ``("cotangent", (what, symbol))`` for each value that is weighted, forward
    ones one input ``("direction", symbol)`` for each unknown or datum that moves.
    """

    def __init__(self, system: System) -> None:
        self._system, self._graph = system, system.lowering.graph
        self._reverse: dict[tuple, Kept] = {}
        self._forward: dict[tuple, Kept] = {}
        self._batched: dict[tuple, list[Node]] = {}

    @cached_property
    def data(self) -> dict[str, Node]:
        """Input node of every parameter, datum and shock, by symbol."""
        graph = self._graph
        return {d.symbol: graph.input(("data", d.symbol), d.roots, Time.PRELUDE) for d in self._system.inputs}

    @cached_property
    def unknowns(self) -> dict[str, Node]:
        """Input node of every unknown, by symbol."""
        return {g.declaration.symbol: g.unknown for g in self._system.groups}

    @cached_property
    def residuals(self) -> dict[str, Node]:
        """Residual paired with each unknown, by symbol of the unknown."""
        return {g.declaration.symbol: g.residual for g in self._system.groups}

    def transposed(self) -> Kept:
        """``J^T v``: derivatives of the weighted residuals to each unknown on which one depends, by symbol."""
        return self._adjoint((), True, self.unknowns)

    def to_unknowns(self, outcomes: Sequence[str]) -> Kept:
        """Derivatives of weighted outcomes to the unknowns, by symbol."""
        return self._adjoint(tuple(outcomes), False, self.unknowns)

    def to_data(self, outcomes: Sequence[str]) -> Kept:
        """Derivatives of weighted outcomes and weighted residuals to parameters, data and shocks, by symbol."""
        return self._adjoint(tuple(outcomes), True, self.data)

    def _adjoint(self, outcomes: tuple[str, ...], residuals: bool, wanted: dict[str, Node]) -> Kept:
        key = outcomes, residuals, tuple(wanted)
        if key not in self._reverse:
            named = [((OUTCOME, s), self._system.outcomes[s]) for s in outcomes]
            named += [((RESIDUAL, s), node) for s, node in self.residuals.items()] if residuals else []
            seeds = [(node, cotangent(self._graph, name, node)) for name, node in named]
            adjoint = Adjoint(self._graph, seeds, wanted.values())
            found = ((symbol, adjoint.of(node), node) for symbol, node in wanted.items())
            self._reverse[key] = tuple((s, self._placed(ref, node)) for s, ref, node in found if ref)
        return self._reverse[key]

    def residual_tangents(self, moving: Iterable[str]) -> Kept:
        """Derivative of each residual while data move and the unknowns stand still."""
        return self._tangent("residuals", self.residuals, tuple(sorted(moving)), unknowns=False)

    def outcome_tangents(self, outcomes: Sequence[str], moving: Iterable[str]) -> Kept:
        """Derivative of each outcome while data and unknowns move."""
        nodes = {s: self._system.outcomes[s] for s in outcomes}
        return self._tangent("outcomes", nodes, tuple(sorted(moving)), unknowns=True)

    def tangents(self, outcomes: Sequence[str], moving: Iterable[str]) -> Kept:
        """Derivatives of residuals and outcomes while data and unknowns move; named as cotangents are."""
        return self._tangent("all", self.named(outcomes), tuple(sorted(moving)), unknowns=True)

    def adjoints(self, outcomes: Sequence[str], data: Iterable[str]) -> Kept:
        """Derivatives of weighted outcomes and weighted residuals to the unknowns and some data, by symbol."""
        wanted = {s: self.data[s] for s in sorted(data)}
        return self._adjoint(tuple(outcomes), True, self.unknowns | wanted)

    def named(self, outcomes: Iterable[str]) -> dict[tuple[str, str], Node]:
        """Node of every residual and of some outcomes, named as cotangents are."""
        named = {(RESIDUAL, s): node for s, node in self.residuals.items()}
        return named | {(OUTCOME, s): self._system.outcomes[s] for s in outcomes}

    def condition_tangents(self, moving: Iterable[str]) -> Kept:
        """Derivative of the gap of each condition on baseline data, by position."""
        nodes = {str(k): c.gap.node for k, c in enumerate(self._system.conditions)}
        return self._tangent("conditions", nodes, tuple(sorted(moving)), unknowns=False)

    def _tangent(self, what: str, nodes: Mapping[Any, Node], moving: tuple[str, ...], unknowns: bool) -> Kept:
        key = what, tuple(nodes), moving
        if key not in self._forward:
            inputs = {s: self.data[s] for s in moving} | (self.unknowns if unknowns else {})
            directions = {
                node: self._graph.input(("direction", s), node.shape_axes, Time.TANGENT)
                for s, node in inputs.items()
            }
            tangent = Tangent(self._graph, directions)
            found = ((s, tangent.of(node), node) for s, node in nodes.items())
            self._forward[key] = tuple((s, self._placed(ref, node)) for s, ref, node in found if ref)
        return self._forward[key]

    def batched(self, roots: Sequence[Node], moving: Iterable[Node]) -> list[Node]:
        """Nodes with a first axis over draws, where they depend on inputs that differ between draws."""
        key = tuple(roots), tuple(moving)
        if key not in self._batched:
            self._batched[key] = batched(self._graph, *key)
        return self._batched[key]

    def _placed(self, ref, node: Node) -> Node:
        """A derivative on all axes of what it belongs to, in their order."""
        return self._system.lowering.ordered(ref, list(own_indices(node)))
