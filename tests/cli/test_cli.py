"""The dispatcher, the tables, the terminal."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from compiler import cli
from compiler.budget import check_budget, parse_budget, refuse_uncheckable
from compiler.catalog import catalog, fingerprint
from compiler.errors import BudgetExceeded, ModelError
from compiler.later import VERBS
from compiler.options import CompileOptions
from compiler.progress import Lines, display
from compiler.terminal import error_text, show_error, table
from compiler.trace import STAGES, Event
from tests.pack.reports import HOSTILE, ds_cnn, not_run

Output = pytest.CaptureFixture[str]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_targets_lists_the_processors(capsys: Output) -> None:
    assert cli.main(["targets"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("cortex-m4 "))
    assert row.split() == "cortex-m4 Arm Cortex-M4F 120 4.00 MiB 4.00 MiB qemu-system-arm -M mps2-an386".split()
    assert cli.main(["targets", "--json"]) == 0
    assert "cortex-m4" in [t["name"] for t in json.loads(capsys.readouterr().out)]


def test_ops_lists_what_the_registry_knows(capsys: Output) -> None:
    assert cli.main(["ops", "--json"]) == 0
    operators = {o["name"]: o for o in json.loads(capsys.readouterr().out)}
    assert {"Conv", "Gemm", "MatMul", "Relu", "MaxPool", "Softmax", "BatchNormalization"} <= set(operators)
    assert operators["Conv"]["precisions"] == ["float32", "int8", "int8-weights"]
    assert operators["Sigmoid"]["precisions"] == ["float32", "int8"]
    assert operators["LogSoftmax"]["precisions"] == operators["ReduceProd"]["precisions"] == ["float32"]
    assert cli.main(["ops"]) == 0
    assert "Conv " in capsys.readouterr().out


def test_doctor_says_the_same_as_text_and_as_json(capsys: Output) -> None:
    status = cli.main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert status == (0 if told["ready"] else 5)


def test_a_service_takes_no_kernels(capsys: Output) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["submit", "m.onnx", "--server", "http://127.0.0.1:1", "--kernel-dir", "mine"])
    assert left.value.code == 2
    assert "--kernel-dir works with `deepmetal compile` only" in capsys.readouterr().err


def test_usage_errors_have_status_2() -> None:
    for words in ([], ["no-such-verb"], ["compile"]):
        with pytest.raises(SystemExit) as left:
            cli.main(words)
        assert left.value.code == 2


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_of_a_later_version_is_refused_with_a_code(verb: str, capsys: Output) -> None:
    assert cli.main([verb, "whatever"]) == 1
    assert f"error[E1010]: `deepmetal {verb}` is not in this version" in capsys.readouterr().err


def test_verbs_come_in_through_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    def register(subparsers: Any) -> None:
        parser: argparse.ArgumentParser = subparsers.add_parser("greet")
        parser.set_defaults(command=lambda args: 42)

    monkeypatch.setattr(EntryPoint, "load", lambda self: register)
    entry = EntryPoint("greet", "somewhere:register", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [entry] if group == cli.GROUP else [])
    assert cli.main(["greet"]) == 42


def test_verbs_whose_packages_are_missing_are_left_out(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    entry = EntryPoint("serve", "no_such_package.cli:register", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [entry])
    assert cli.main(["targets"]) == 0


def test_help_is_quick_because_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys\nfrom compiler import cli\ncli.entry_points = lambda group: []\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'onnx', 'onnxruntime', 'fastapi', 'celery') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m compiler.cli ops --json | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr == b""


# budgets


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("flash=256KiB,ram=64KiB,latency=20ms", {"flash": 262144, "ram": 65536, "latency": 20}),
        ("flash=1.5M", {"flash": 1.5 * 2**20}),
        ("ram=100", {"ram": 100}),
        ("ram=64kB , latency=500us", {"ram": 64000, "latency": 0.5}),
        ("latency=1s", {"latency": 1000}),
    ],
)
def test_budgets_are_read(text: str, limits: dict[str, float]) -> None:
    assert parse_budget(text) == limits


def budgeted(**limits: float) -> CompileOptions:
    return CompileOptions.model_validate({"budget": limits})


def test_an_exceeded_budget_has_a_row_for_each_limit() -> None:
    with pytest.raises(BudgetExceeded) as caught:
        check_budget(ds_cnn(), budgeted(flash=92160, ram=65536))
    assert caught.value.title == "the budget for flash is exceeded"
    assert caught.value.facts == {
        "flash": "93,920 of 92,160 bytes, 1,760 too many",
        "ram": "64,192 of 65,536 bytes, 1,344 left",
        "flash needs": "weights 90,416, code 2,884, start-up and libc 620",
    }


def test_a_board_is_a_limit_unless_a_budget_says_something_else() -> None:
    options = CompileOptions(board="nucleo-f103rb", target="cortex-m3")
    with pytest.raises(BudgetExceeded) as caught:
        check_budget(ds_cnn(), options)
    assert caught.value.title == "NUCLEO-F103RB has too little RAM"
    assert caught.value.facts["ram"] == "64,192 of 20,480 bytes, 43,712 too many"
    check_budget(ds_cnn(), options.model_copy(update={"budget": {"ram": 65536}}))


def test_an_arena_that_is_too_large_needs_no_measured_stack() -> None:
    report = ds_cnn()
    ram = report.totals.ram.model_copy(update={"stack": None, "total": None})
    unrun = report.model_copy(update={"totals": report.totals.model_copy(update={"ram": ram})})
    with pytest.raises(BudgetExceeded) as caught:
        check_budget(unrun, CompileOptions(board="nucleo-f103rb", run=False))
    assert caught.value.facts["ram"] == "an arena of 64,000 bytes does not fit into the regions SRAM 20 KiB"
    check_budget(unrun, CompileOptions(board="nucleo-l476rg", run=False))


def test_an_arena_larger_than_every_region_is_exceeded() -> None:
    """96 KiB and 32 KiB are enough together, but neither takes an arena of 110,000 bytes."""
    report = ds_cnn()
    ram = report.totals.ram.model_copy(update={"arena": 110_000, "static": 0, "stack": 500, "total": 110_500})
    scattered = report.model_copy(update={"totals": report.totals.model_copy(update={"ram": ram})})
    with pytest.raises(BudgetExceeded) as caught:
        check_budget(scattered, CompileOptions(board="nucleo-l476rg"))
    regions = "SRAM1 96 KiB, SRAM2 32 KiB"
    missing = 110_000 - 96 * 1024
    assert caught.value.facts["ram"] == (f"110,500 bytes do not fit into the regions {regions}: {missing:,} too many")


def test_a_budget_that_is_just_met_holds() -> None:
    check_budget(ds_cnn(), budgeted(flash=93920, ram=64192))


def test_what_is_not_measured_cannot_pass_a_budget() -> None:
    with pytest.raises(ModelError, match="E1005"):
        check_budget(not_run(), budgeted(ram=10**9))
    with pytest.raises(ModelError, match="latency"):
        refuse_uncheckable(budgeted(latency=20).model_copy(update={"target": "x86-64"}))
    with pytest.raises(ModelError, match="latency"):
        refuse_uncheckable(budgeted(latency=20).model_copy(update={"run": False}))
    refuse_uncheckable(budgeted(latency=20))
    with pytest.raises(ModelError, match="ram"):
        refuse_uncheckable(budgeted(ram=100).model_copy(update={"run": False}))


# terminal


def test_an_error_is_shown_as_the_style_guide_has_it() -> None:
    error = ModelError(
        "E0203",
        "Resize mode 'cubic' has no lowering",
        where="yolo.onnx: node 'neck/up1' (Resize, opset 13)",
        facts={"input": "f32[1, 32, 7, 7]", "supported": "nearest, linear"},
        help="export with mode='bilinear'",
    )
    assert error_text(error) == str(error)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_error_can_write_control_characters(name: str) -> None:
    stream = io.StringIO()
    show_error(ModelError("E0101", name, where=name, facts={name: name}, help=name), stream)
    lines = stream.getvalue().splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(lines) < 12


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ModelError("E0101", "wrong")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    coloured = Terminal()
    show_error(error, coloured)
    assert "\x1b[1;31merror[E0101]:" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    show_error(error, plain)
    assert "\x1b" not in plain.getvalue()


def test_the_live_display_shows_every_stage_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with display(stream) as listener:
        for stage in STAGES:
            listener(Event("stage", stage))
            listener(Event("log", stage, "[bold]\x1b[2J[/bold]"))
            listener(Event("stage_done", stage, seconds=0.5))
    text = stream.getvalue()
    for i, stage in enumerate(STAGES):
        assert f"[{i + 1}/{len(STAGES)}] " in text, stage
    assert "[bold]\\u001b[2J[/bold]" in text


def test_lines_when_it_is_no_terminal() -> None:
    stream = io.StringIO()
    with display(stream) as listener:
        assert isinstance(listener, Lines)
        listener(Event("stage_done", "plan", seconds=0.123))
    assert stream.getvalue() == "[3/8] Plan memory: 0.12 s\n"


def test_tables_align() -> None:
    assert table(("name", "n"), [("a", "1"), ("bbbbb", "22")], right=(1,)).splitlines() == [
        "name    n",
        "-----  --",
        "a       1",
        "bbbbb  22",
    ]


# catalogue


def test_the_catalogue_has_a_text_for_every_choice() -> None:
    known = catalog()
    assert [e.name for e in known.emitters] == ["c", "cpp", "llvm"]
    assert [p.name for p in known.precisions] == ["float32", "int8", "int8-weights"]
    assert [o.name for o in known.optimize] == ["balanced", "speed", "size", "ram"]
    assert all(c.title and c.description for c in (*known.emitters, *known.precisions, *known.optimize))
    assert known.options["properties"]["target"]["default"] == "cortex-m4"


def test_the_fingerprint_is_a_hash_and_stays_the_same() -> None:
    first = fingerprint()
    fingerprint.cache_clear()
    assert fingerprint() == first
    assert len(first) == 64


def test_the_fingerprint_changes_with_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()
    monkeypatch.setattr("compiler.catalog._tools", lambda: {"clang": "99.0"})
    fingerprint.cache_clear()
    assert fingerprint() != before
    fingerprint.cache_clear()
