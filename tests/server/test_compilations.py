"""Submitting, listing, reading, cancelling and deleting compilations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.forms import display_name
from server.lease import Outcome
from tests.server.support import API, both_databases, claim, compile_one, finish, succeed, upload


def test_an_upload_is_queued_with_all_options_spelled_out(client: TestClient) -> None:
    made = upload(client, options=json.dumps({"name": "kws", "vectors": 7}), project="mic", tags="a, b")
    read = client.get(made["url"]).json()
    assert made["compilations"] == [read]
    assert read["state"] == "queued"
    assert read["queue_position"] == 0
    assert read["model"] == {"name": "net.onnx", "size": 5, "sha256": read["model"]["sha256"]}
    assert (read["target"], read["emit"], read["precision"]) == ("cortex-m4", "c", "float32")
    assert read["options"]["name"] == "kws"
    assert read["options"]["vectors"] == 7
    assert (read["project"], read["tags"], read["group"]) == ("mic", ["a", "b"], None)
    assert (read["owner"], read["team"], read["attempt"], read["cached"]) == ("local", "local", 0, False)


def test_lists_of_options_become_several_compilations_of_one_group(client: TestClient) -> None:
    targets = [target["name"] for target in client.get(f"{API}/catalog").json()["targets"]][:2]
    made = upload(client, options=json.dumps({"target": targets, "emit": ["c", "llvm"]}))
    wanted = [(target, emit) for target in targets for emit in ("c", "llvm")]
    assert [(one["target"], one["emit"]) for one in made["compilations"]] == wanted
    assert made["group"]
    upload(client)  # which is of no group
    listed = client.get(f"{API}/compilations", params={"group": made["group"]}).json()["items"]
    assert {one["id"] for one in listed} == {one["id"] for one in made["compilations"]}


def test_a_value_that_is_listed_twice_counts_once(client: TestClient) -> None:
    made = upload(client, options=json.dumps({"target": ["cortex-m4", "cortex-m4"], "emit": ["c"]}))
    assert (len(made["compilations"]), made["group"]) == (1, None)


def test_a_board_brings_its_target(client: TestClient) -> None:
    board = next(board for board in client.get(f"{API}/catalog").json()["boards"] if board["target"] == "cortex-m0plus")
    made = upload(client, options=json.dumps({"board": board["name"], "emit": ["c", "cpp"]}))
    assert [one["target"] for one in made["compilations"]] == ["cortex-m0plus"] * 2
    assert made["options"]["board"] == board["name"]


def test_a_target_goes_by_its_own_name(client: TestClient) -> None:
    made = upload(client, options=json.dumps({"target": ["avx2", "x86-64-v3", "sse"]}))
    assert [one["target"] for one in made["compilations"]] == ["x86-64-v3", "x86-64"]


def test_a_board_refuses_the_targets_that_it_is_not(client: TestClient) -> None:
    board = next(board for board in client.get(f"{API}/catalog").json()["boards"] if board["target"] == "cortex-m4")
    options = {"board": board["name"], "target": ["cortex-m4", "rv32imc"]}
    answer = client.post(f"{API}/compilations", files={"model": ("m", b"x")}, data={"options": json.dumps(options)})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["where"]) == (422, "E1021", "options.target")
    assert "options.target=rv32imc" in problem["facts"]


def test_a_list_is_refused_as_a_whole_with_every_bad_value_named(client: TestClient) -> None:
    options = {"target": ["z80", "cortex-m4", "6502"], "emit": ["c", "basic"]}
    answer = client.post(
        f"{API}/compilations", files={"model": ("m.onnx", b"x")}, data={"options": json.dumps(options)}
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["where"]) == (422, "E1001", "options.target")
    assert problem["facts"]["options.target=6502"] == "unknown target '6502'"
    assert "options.target=z80" in problem["facts"]
    assert "options.emit=basic" in problem["facts"]
    assert "options.target=cortex-m4" not in problem["facts"]
    assert client.get(f"{API}/compilations").json()["items"] == []


def test_one_request_makes_no_more_compilations_than_the_catalogue_says(client: TestClient) -> None:
    most = client.get(f"{API}/catalog").json()["limits"]["compilations"]
    options = {"target": [f"t{i}" for i in range(most // 2 + 1)], "emit": ["c", "llvm"]}
    answer = client.post(f"{API}/compilations", files={"model": ("m", b"x")}, data={"options": json.dumps(options)})
    assert (answer.status_code, answer.json()["where"]) == (422, "options")
    assert str(most) in answer.json()["title"]


@pytest.mark.parametrize(
    ("options", "code", "where"),
    [
        ({"vectors": 0}, "E1002", "options.vectors"),
        ({"name": "Not C"}, "E1002", "options.name"),
        ({"colour": "red"}, "E1002", "options.colour"),
        ({"target": "z80"}, "E1001", "options.target"),
        ({"target": []}, "E1002", "options.target"),
        ({"board": "no such board"}, "E1020", "options.board"),
        ({"emit": ["c", "basic"]}, "E1002", "options.emit"),
        ([], "E0902", "options"),
    ],
)
def test_a_bad_option_is_named_with_its_code(client: TestClient, options: Any, code: str, where: str) -> None:
    answer = client.post(
        f"{API}/compilations", files={"model": ("m.onnx", b"x")}, data={"options": json.dumps(options)}
    )
    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["where"], problem["status"]) == (code, where, 422)
    assert client.get(f"{API}/compilations").json()["items"] == []


@pytest.mark.parametrize("text", ["{", "NaN", '{"vectors": NaN}', "[" * 100_000, '{"name": "\\ud800"}', "null", '"x"'])
def test_options_that_are_no_json_object_are_refused(client: TestClient, text: str) -> None:
    answer = client.post(f"{API}/compilations", files={"model": ("m.onnx", b"x")}, data={"options": text})
    assert answer.status_code == 422
    assert answer.json()["code"] == "E0902"


def test_a_model_can_be_named_by_its_hash_once_it_was_uploaded(client: TestClient) -> None:
    made = upload(client)
    sha256 = made["model"]["sha256"]
    again = client.post(f"{API}/compilations", data={"model_sha256": sha256, "options": '{"vectors": 9}'})
    assert again.status_code == 201
    assert again.json()["model"] == made["model"]
    unknown = client.post(f"{API}/compilations", data={"model_sha256": "0" * 64})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "E0905")


def test_the_same_bytes_under_another_name_are_called_by_that_name(client: TestClient) -> None:
    upload(client, b"the same", "first.onnx")
    sha256 = upload(client, b"the same", "second.onnx")["model"]["sha256"]
    again = client.post(f"{API}/compilations", data={"model_sha256": sha256, "options": '{"vectors": 9}'}).json()
    assert again["model"]["name"] == "second.onnx"


@pytest.mark.parametrize("fields", [{}, {"model_sha256": "0" * 64, "sample": "linear"}])
def test_exactly_one_way_to_name_the_model(client: TestClient, fields: dict[str, str]) -> None:
    answer = client.post(f"{API}/compilations", data={"options": "{}", **fields})
    assert (answer.status_code, answer.json()["where"]) == (422, "model")


def test_an_empty_file_is_refused(client: TestClient) -> None:
    answer = client.post(f"{API}/compilations", files={"model": ("m.onnx", b"")})
    assert (answer.status_code, answer.json()["title"]) == (422, "the file is empty")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\models\\a.onnx", "a.onnx"),
        ("a\x07b\u202e.onnx", "ab.onnx"),
        ("é model.pth", "é model.pth"),
        ("...", "model"),
    ],
)
def test_file_names_are_only_names(sent: str, kept: str) -> None:
    assert display_name(sent) == kept


def test_the_file_name_comes_back(client: TestClient) -> None:
    assert upload(client, name="../é model.pth")["model"]["name"] == "é model.pth"


@both_databases
def test_history_is_newest_first_and_paged_by_cursor(client: TestClient) -> None:
    made = [upload(client, content=bytes([i]))["id"] for i in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get(f"{API}/compilations", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        upload(client, content=b"new " + cursor.encode())  # a newcomer does not shift the pages
    assert seen == made[::-1]


@both_databases
def test_history_can_be_filtered(client: TestClient) -> None:
    first = upload(client, b"1", "speech_Command.onnx", project="p", tags="nightly,ci")
    second = upload(client, b"2", "image.onnx", tags="ci")
    client.delete(second["url"])

    def ids(**params: Any) -> list[str]:
        return [one["id"] for one in client.get(f"{API}/compilations", params=params).json()["items"]]

    both = [second["id"], first["id"]]
    assert ids() == both
    assert ids(state="queued") == [first["id"]]
    assert ids(state=["queued", "cancelled"]) == both
    assert ids(model="COMMAND") == [first["id"]]
    assert ids(model="%") == []
    assert ids(model=second["model"]["sha256"]) == [second["id"]]
    assert ids(project="p") == [first["id"]]
    assert ids(tag="nightly") == [first["id"]]
    assert ids(tag="ci") == both
    assert ids(target="cortex-m4") == both
    assert ids(target="nothing") == []


@pytest.mark.parametrize(
    "query", ["state=done", "cursor=nonsense", "cursor=%00", "limit=0", "limit=1000", "group=x", "cursor=MTp4"]
)
def test_nonsense_in_a_query_is_a_problem(client: TestClient, query: str) -> None:
    answer = client.get(f"{API}/compilations?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "E0902")


@pytest.mark.parametrize("id", ["0" * 26, "nonsense", "0" * 25 + "'"])
def test_what_does_not_exist(client: TestClient, id: str) -> None:
    for path in ("", "/events", "/report", "/artifact", "/files/a", "/log"):
        answer = client.get(f"{API}/compilations/{id}{path}")
        assert answer.status_code == (404 if len(id) == 26 and id.isalnum() else 422)
        assert answer.headers["content-type"] == "application/problem+json"


def test_cancelling_a_queued_compilation(client: TestClient) -> None:
    made = upload(client)
    answer = client.delete(made["url"])
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert claim(client) is None


@both_databases
def test_cancelling_a_running_compilation_takes_it_from_its_worker(client: TestClient) -> None:
    made = upload(client)
    taken = claim(client)
    assert taken is not None
    assert client.delete(made["url"]).json()["state"] == "cancelled"
    assert not finish(client, taken, Outcome("succeeded"))
    assert client.get(made["url"]).json()["state"] == "cancelled"


@both_databases
def test_deleting_an_ended_compilation(client: TestClient) -> None:
    made = compile_one(client)
    assert client.delete(made["url"]).status_code == 204
    assert client.get(made["url"]).status_code == 404
    assert client.delete(made["url"]).status_code == 404


def test_summary_and_end_of_a_compilation(client: TestClient) -> None:
    read = compile_one(client)
    assert (read["state"], read["progress"], read["attempt"]) == ("succeeded", 1.0, 1)
    assert read["summary"]["instructions"] == 5
    assert read["created_at"] <= read["started_at"] <= read["ended_at"]
    assert read["queue_position"] is None


def test_a_failure_says_why(client: TestClient) -> None:
    made = upload(client)
    taken = claim(client)
    assert taken is not None
    error = {"kind": "model", "code": "E0201", "title": "no", "where": "n", "facts": {"op": "Warp"}, "help": "h"}
    assert finish(client, taken, Outcome("failed", error=error))
    read = client.get(made["url"]).json()
    assert (read["state"], read["error"]) == ("failed", error)
    report = client.get(f"{made['url']}/report")
    assert (report.status_code, report.json()["code"]) == (409, "E0907")


@both_databases
def test_queue_positions(client: TestClient) -> None:
    made = [upload(client, bytes([i])) for i in range(3)]
    assert [client.get(one["url"]).json()["queue_position"] for one in made] == [0, 1, 2]
    taken = claim(client)
    assert taken is not None
    succeed(client, taken)
    assert [client.get(one["url"]).json()["queue_position"] for one in made] == [None, 0, 1]


@both_databases
def test_inspections_come_before_compilations(client: TestClient) -> None:
    upload(client)
    answer = client.post(f"{API}/inspections", files={"model": ("m.onnx", b"x")}, data={"shape": '{"x": [1, 2]}'})
    assert answer.status_code == 201
    taken = claim(client)
    assert taken is not None
    assert (taken.kind, taken.id, taken.options) == ("inspect", answer.json()["id"], {"shape": {"x": [1, 2]}})
    read = client.get(answer.json()["url"]).json()
    assert (read["state"], read["result"]) == ("running", None)
    assert client.get(f"{API}/compilations/{taken.id}").status_code == 404


def test_a_shape_must_be_one(client: TestClient) -> None:
    for shape in ('{"x": "wide"}', '{"x": [-1]}', "3", "{"):
        answer = client.post(f"{API}/inspections", files={"model": ("m.onnx", b"x")}, data={"shape": shape})
        assert answer.status_code == 422
