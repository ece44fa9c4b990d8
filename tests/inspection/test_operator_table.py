"""The table of operators: tuned kernels are found by asking the kernel files, conformance is read where it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler import operator_table
from compiler.kernels.base import Situation, _families
from compiler.targets import targets


def test_every_kernel_file_has_an_example_that_it_serves() -> None:
    """A new tuned kernel without an example would be missing in the table."""
    kinds = {target.abilities for target in targets().values()}
    graphs = [graph for _, graph in operator_table.examples()]
    for module in _families():
        offered = [
            schedule
            for graph in graphs
            for features in kinds
            for node in graph.nodes
            for schedule in module.schedules(node, Situation(graph, features, "balanced"))
        ]
        assert offered, f"{module.__name__} serves none of operator_table.examples()"


def test_conformance_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "conformance.json"
    monkeypatch.setattr(operator_table, "CONFORMANCE", file)
    operator_table.conformance.cache_clear()
    assert operator_table.conformance() == {}
    file.write_text(json.dumps({"Add": {"cases": 9, "passed": 8, "dtypes": {"float32": {"cases": 2, "passed": 2}}}}))
    operator_table.conformance.cache_clear()
    assert operator_table.conformance()["Add"]["passed"] == 8
    monkeypatch.undo()
    operator_table.conformance.cache_clear()
