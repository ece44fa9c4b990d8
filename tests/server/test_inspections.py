"""Inspections through the API: options, several targets, and the graph at an address of its own."""

from __future__ import annotations

import json
from typing import Any

from fastapi.testclient import TestClient

from compiler.inspection import Inspection
from compiler.picture import Picture, Pictures
from server.lease import Outcome
from tests.server.support import API, claim, finish

GRAPHS = Pictures(before=Picture(nodes=[], tensors=[], inputs=[], outputs=[]), missing="no time")


def inspect(client: TestClient, expected: int = 201, **data: str) -> dict[str, Any]:
    answer = client.post(f"{API}/inspections", files={"model": ("m.onnx", b"x")}, data=data)
    assert answer.status_code == expected, answer.text
    return dict(answer.json())


def asked(client: TestClient, options: dict[str, Any]) -> dict[str, Any]:
    inspect(client, options=json.dumps(options))
    taken = claim(client, ("inspect",))
    assert taken is not None
    return taken.options


def test_only_what_is_not_the_default_reaches_the_worker(client: TestClient) -> None:
    assert asked(client, {}) == {}
    assert asked(client, {"target": "cortex-m4", "optimize": "size"}) == {"optimize": "size"}


def test_several_targets_are_one_inspection(client: TestClient) -> None:
    options = asked(client, {"target": ["cortex-m7", "cortex-m4"], "shape": {"x": [1, 2]}})
    assert options == {"target": "cortex-m7", "shape": {"x": [1, 2]}, "targets": ["cortex-m7", "cortex-m4"]}


def test_a_board_brings_its_target(client: TestClient) -> None:
    assert asked(client, {"board": "nucleo-f767zi"}) == {"board": "nucleo-f767zi", "target": "cortex-m7-dp"}


def test_options_that_do_not_work_are_refused(client: TestClient) -> None:
    for text in ("{", "[]", '{"target": "pdp-11"}', '{"no_such": 1}', '{"emit": ["c", "cpp"]}', '{"target": []}'):
        assert inspect(client, 422, options=text)["code"].startswith("E")
    assert inspect(client, 422, shape="[1]")["where"] == "shape"


def test_the_graph_has_an_address_of_its_own(client: TestClient) -> None:
    made = inspect(client)
    early = client.get(f"{made['url']}/graph")
    assert (early.status_code, early.json()["code"]) == (409, "E0907")
    taken = claim(client, ("inspect",))
    assert taken is not None
    found = Inspection(
        name="m", format="onnx", sha256="0" * 64, size=1, inputs=[], outputs=[], operators=[], parameters=0, macs=0,
        compilable=True, graphs=GRAPHS,
    )  # fmt: skip
    assert finish(client, taken, Outcome("succeeded", result=found.model_dump(mode="json")))
    assert client.get(made["url"]).json()["result"]["graphs"] is None
    assert client.get(f"{made['url']}/graph").json() == GRAPHS.model_dump(mode="json")


def test_an_inspection_made_before_there_were_graphs_has_none(client: TestClient) -> None:
    made = inspect(client)
    taken = claim(client, ("inspect",))
    assert taken is not None
    old = {
        "name": "m", "format": "onnx", "sha256": "0" * 64, "size": 1, "inputs": [], "outputs": [], "operators": [],
        "parameters": 0, "macs": 0, "compilable": True,
    }  # fmt: skip
    assert finish(client, taken, Outcome("succeeded", result=old))
    assert client.get(made["url"]).json()["result"]["support"] == []
    assert client.get(f"{made['url']}/graph").status_code == 409
