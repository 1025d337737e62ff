"""The picture of the block graph."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from typer.testing import CliRunner

from exacthat.cli import app
from exacthat.structure_figure import block_graph, structure_figure
from framework import analyse, hat
from models import armington, caliendo_parro, rare_earths


@pytest.mark.parametrize("model", [armington, caliendo_parro, rare_earths])
def test_without_the_core_nothing_in_the_graph_is_circular(model) -> None:
    structure = analyse(hat(model()))
    graph = block_graph(structure)
    assert len(graph) == len(model().equations)
    core = [v for v, _ in structure.core]
    assert [v for v in graph if graph.nodes[v]["core"]] == [v for v in graph if v in core]
    graph.remove_nodes_from(core)
    assert nx.is_directed_acyclic_graph(graph)


def test_every_unknown_stands_with_its_equation() -> None:
    structure = analyse(hat(caliendo_parro()))
    words = [t.get_text() for t in structure_figure(structure).axes[0].texts]
    assert {eq.name for _, eq in structure.core} <= set(words)
    assert len(words) == len(structure.model.equations) + len(structure.core)


def test_the_command_draws(tmp_path: Path) -> None:
    file = tmp_path / "graph.svg"
    shown = CliRunner().invoke(app, ["check", "armington", "--picture", str(file)])
    assert shown.exit_code == 0, shown.output
    assert "The block graph is in" in shown.output
    assert file.read_text().startswith("<?xml")
    bad = CliRunner().invoke(app, ["check", "armington", "--picture", str(tmp_path / "graph.doc")])
    assert bad.exit_code == 1
    assert "cannot be written as 'graph.doc'; end its name in .svg, .png, .pdf" in bad.output
