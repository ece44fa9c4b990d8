"""The worker's parts by themselves: events, results, slots, limits, sessions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.lease import Claim
from server.settings import Settings
from server.storage import Storage
from tests.support import fake_child
from tests.support.service import wait_until
from worker import session
from worker.outcome import BadResult, clean, died, parse_event, read_outcome, read_report, tail
from worker.run import Story
from worker.slots import ANY, INSPECT, Slots
from worker.supervisor import Consumer

CLAIM = Claim("0" * 26, 1, "compile", "0" * 64, "m.onnx", {"target": "t"})


def line(**event: object) -> bytes:
    return json.dumps(event).encode() + b"\n"


def test_a_story_follows_the_stages() -> None:
    story = Story(max_lines=10)
    data = line(kind="stage", stage="import", message="", seconds=None) + line(
        kind="stage_done", stage="import", message="", seconds=0.5
    )
    story.feed(data[:20])
    assert not story.pending
    story.feed(data[20:])
    assert (story.stage, story.progress) == ("import", 0.125)
    assert [event["kind"] for event in story.take().events] == ["stage", "stage_done"]
    assert not story.pending


@given(st.lists(st.binary(max_size=200)))
def test_a_story_takes_any_bytes(chunks: list[bytes]) -> None:
    story = Story(max_lines=5)
    for chunk in chunks:
        story.feed(chunk)
    assert len(story.pending) <= 1006


def test_an_endless_line_does_not_fill_the_memory() -> None:
    story = Story(max_lines=5)
    for _ in range(100):
        story.feed(b"x" * 65536)
    assert len(story.partial) <= 65536
    story.feed(b"\n" + line(kind="log", stage=None, message="still here"))
    assert [event["message"] for event in story.pending] == ["still here"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"kind": "state", "stage": null, "state": "succeeded"}',
        '{"kind": "stage", "stage": "nowhere"}',
        '{"kind": "stage_done", "stage": "plan", "seconds": "long"}',
        '{"kind": "stage_done", "stage": "plan", "seconds": -1}',
        '{"kind": "stage_done", "stage": "plan", "seconds": NaN}',
        '{"kind": [], "stage": null}',
        "[" * 10_000,
    ],
)
def test_what_is_no_event(text: str) -> None:
    assert parse_event(text.encode()) is None


@given(st.text())
def test_cleaned_text_obeys_no_terminal(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" for c in clean(text))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a\\b", "a\x1b[2J"])
def test_names_that_lead_elsewhere(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("report.json"), "{}")
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"")
    with pytest.raises(BadResult):
        read_report(path, 1 << 20)


def outcome_of(folder: Path, **result: object) -> object:
    (folder / "result.json").write_text(json.dumps(result))
    settings = Settings(data_dir=folder / "data", max_artifact=100_000)
    return read_outcome(CLAIM, folder, Storage(settings), settings, "tools")


def good_zip(path: Path) -> None:
    fake_child.write_zip({"name": "m", "options": {}}, b"data", path)


def test_a_good_result(tmp_path: Path) -> None:
    good_zip(tmp_path / "out.zip")
    outcome = outcome_of(tmp_path, archive="out.zip", timings={"import": 1.5})
    assert outcome.state == "succeeded"  # type: ignore[attr-defined]
    assert outcome.summary["flash_total"] == 30  # type: ignore[attr-defined]
    assert outcome.result == {"timings": {"import": 1.5}}  # type: ignore[attr-defined]


def test_a_failure_keeps_its_artifact(tmp_path: Path) -> None:
    good_zip(tmp_path / "out.zip")
    error = {"kind": "mismatch", "code": "E0802", "title": "differs", "facts": {"layer": "conv1"}}
    outcome = outcome_of(tmp_path, archive="out.zip", error=error)
    assert outcome.state == "failed"  # type: ignore[attr-defined]
    assert outcome.error["facts"] == {"layer": "conv1"}  # type: ignore[attr-defined]
    assert outcome.artifact_sha256 is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize("result", [{}, {"archive": "out.zip", "more": 1}, {"error": "text"}, {"timings": {"x": "y"}}])
def test_results_that_are_none(tmp_path: Path, result: dict[str, object]) -> None:
    good_zip(tmp_path / "out.zip")
    with pytest.raises(BadResult):
        outcome_of(tmp_path, **result)


def test_an_archive_that_is_a_link_a_pipe_or_too_large(tmp_path: Path) -> None:
    real = tmp_path / "real.zip"
    good_zip(real)
    archive = tmp_path / "out.zip"
    archive.symlink_to(real)
    with pytest.raises(BadResult):
        outcome_of(tmp_path, archive="out.zip")
    archive.unlink()
    os.mkfifo(archive)
    with pytest.raises(BadResult):
        outcome_of(tmp_path, archive="out.zip")
    archive.unlink()
    archive.write_bytes(b"\0" * 100_001)
    with pytest.raises(BadResult):
        outcome_of(tmp_path, archive="out.zip")


def test_a_report_that_unpacks_to_too_much(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.json", b" " * 10_000_000)
    with pytest.raises(BadResult):
        read_report(path, 1 << 20)


def test_the_tail_of_what_was_said(tmp_path: Path) -> None:
    (tmp_path / "stderr.txt").write_bytes(b"x" * 10_000 + b"\x1b[31mthe end")
    said = tail(tmp_path / "stderr.txt", 20)
    assert said.endswith("the end")
    assert "\x1b" not in said
    assert tail(tmp_path / "nothing") == ""


@pytest.mark.parametrize(
    ("code", "error"), [(-signal.SIGKILL, "E0922"), (-signal.SIGXCPU, "E0921"), (7, "E0922"), (-99, "E0922")]
)
def test_how_a_process_died(code: int, error: str) -> None:
    assert (died(code, 60).error or {})["code"] == error


def test_a_slot_is_kept_for_inspections() -> None:
    slots = Slots(2)
    taken = [slots.take() for _ in range(4)]
    assert [slot.kinds if slot else None for slot in taken] == [ANY, ANY, INSPECT, None]
    assert (slots.busy, slots.free_kinds) == (3, ())
    assert taken[0] is not None
    slots.give(taken[0])
    assert (slots.busy, slots.free_kinds) == (2, ANY)


def test_a_session_is_killed_whole_with_all_its_groups() -> None:
    script = """
import subprocess, time
for _ in range(3):
    subprocess.Popen(["sleep", "600"], process_group=0)
time.sleep(600)
"""
    leader = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    wait_until(lambda: len(list(session.members(leader.pid))) == 4, "four processes")
    session.kill(leader.pid)
    assert list(session.members(leader.pid)) == []
    assert leader.wait(10) == -signal.SIGKILL


def test_when_a_consumer_has_to_be_replaced() -> None:
    now = time.monotonic()

    def consumer(**state: object) -> Consumer:
        made = Consumer(process=None, status_fd=-1)  # type: ignore[arg-type]
        for name, value in state.items():
            setattr(made, name, value)
        return made

    assert consumer().complaint() is None
    assert consumer(started=now - 1000).complaint() == "it does not start"
    assert consumer(heard=now).complaint() is None
    assert consumer(heard=now - 60).complaint() == "it hangs"
    assert consumer(heard=now, status={"stuck": True}).complaint() == "it is stuck"
    fat = {"busy": 0, "resident": 1 << 30}
    assert consumer(heard=now, status=fat).complaint() == "it has grown fat"
    assert consumer(heard=now, status={**fat, "busy": 1}).complaint() is None
    assert consumer(heard=now, started=now - 90_000).complaint() == "it is a day old"
