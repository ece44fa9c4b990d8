"""The ONNX project's backend tests: cases passed by operator, on the host's JIT, in C, and on an emulated Cortex-M4.

    python bench/conformance.py                       JIT and C: all expressible cases; Cortex-M4: a sample of 200
    python bench/conformance.py --engine jit --only 'resize|gru' --trace

Peers on the same 1,903 cases, measured before (see the project's baselines): onnxruntime 1,528 as installed and 1,744
with relaxed headers, TVM 1,037, onnx2c 736 (826 with help), the reference evaluator of onnx 1,894.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from onnx import TensorProto

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from compiler.operator_table import CONFORMANCE
from tests.conformance.suite import PEERS_ATOL, Outcome, listed, run

RESULTS = Path(__file__).parent / "results" / "conformance.json"
SAMPLE, SEED = 200, 1903


def chosen(cases: Mapping[str, Mapping[str, Any]], only: str, engine: str, everything: bool) -> list[str]:
    names = [n for n, c in cases.items() if (everything or c["expressible"]) and re.search(only, n)]
    if engine not in ("jit", "c") and len(names) > SAMPLE:
        light = [n for n in names if cases[n]["category"] == "light"]  # megabytes of RAM
        names = sorted(random.Random(SEED).sample(sorted(set(names) - set(light)), SAMPLE))
    return names


def operator(case: Mapping[str, Any], name: str) -> str:
    """The group a case is counted in, as in the baselines."""
    if name.endswith(("_expanded", "_expanded_ver18", "_expanded_ver13")):
        return "(expanded function bodies)"
    return "+".join(case["ops"]) if case["category"] == "node" else f"({case['category']})"


def table(cases: Mapping[str, Mapping[str, Any]], outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    engines = list(outcomes)
    total: dict[str, Counter[str]] = defaultdict(Counter)
    for engine, results in outcomes.items():
        for o in results:
            total[operator(cases[o.name], o.name)][f"{engine}:{'passed' if o.passed else 'failed'}"] += 1
    lines = [f"| operator | {' | '.join(engines)} |", "| --- |" + " --- |" * len(engines)]
    for name, counts in sorted(total.items()):
        cells = [f"{counts[f'{e}:passed']}/{counts[f'{e}:passed'] + counts[f'{e}:failed']}" for e in engines]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def record(cases: Mapping[str, Mapping[str, Any]], outcomes: Sequence[Outcome]) -> None:
    """Cases and passed cases of each operator, also those where it is one of several, into the package.

    And the same for each type of the operator's first operand, where the case says it.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    typed: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    known = first_types()
    for o in outcomes:
        one = {"cases": 1, "passed": int(o.passed)}
        for op in set(cases[o.name]["ops"]):
            counts[op].update(one)
        for op, dtype in known.get(o.name, ()):
            typed[op][dtype].update(one)
    table = {
        op: dict(counts[op]) | {"dtypes": {d: dict(n) for d, n in sorted(typed[op].items())}} for op in sorted(counts)
    }
    CONFORMANCE.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


def first_types() -> Mapping[str, set[tuple[str, str]]]:
    """Of each node test: its operators, with the type of the first operand that is an input of the model."""
    from onnx import helper
    from onnx.backend.test.loader import load_model_tests

    from compiler.importers.onnx_node import qualified

    found: dict[str, set[tuple[str, str]]] = {}
    for case in load_model_tests(kind="node"):
        given = {v.name: v.type.tensor_type.elem_type for v in case.model.graph.input if v.type.HasField("tensor_type")}
        pairs = [(qualified(n), given.get(n.input[0])) for n in case.model.graph.node if n.input]
        found[case.name] = {
            (op, str(helper.tensor_dtype_to_np_dtype(kind)))
            for op, kind in pairs
            if kind and kind != TensorProto.STRING
        }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", action="append", help="jit, c, or the name of an emulated target")
    parser.add_argument("--only", default="", help="a regular expression on the names of cases")
    parser.add_argument("--everything", action="store_true", help="also the cases that no microcontroller can express")
    parser.add_argument("--trace", action="store_true", help="print the traceback of each failure")
    parser.add_argument("--record", action="store_true", help="write the counts that the operator table shows")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=300.0, help="for one case")
    given = parser.parse_args()
    cases = listed()
    outcomes: dict[str, list[Outcome]] = {}
    for engine in given.engine or ["jit", "c", "cortex-m4"]:
        names = chosen(cases, given.only, engine, given.everything)
        outcomes[engine] = sorted(run(names, engine, given.seconds, given.workers), key=lambda o: o.name)
    print(table(cases, outcomes))
    for engine, results in outcomes.items():
        passed = [o for o in results if o.passed]
        bound = sum(o.inputs == 0 for o in passed)
        moved = sum(o.inputs > 0 and not set(o.kernels) - {"Copy"} for o in passed)
        failed = [o.name for o in results if not o.passed]
        more = sum(o.passed for o in run(failed, engine, given.seconds, given.workers, PEERS_ATOL)) if failed else 0
        print(f"\n{engine}: {len(passed)} of {len(results)} cases pass at the tests' tolerance (rtol 1e-3, atol 1e-7),")
        print(f"  {len(passed) + more} at the peers' (atol 1e-5)")
        print(f"  {bound} have no operand at run time and execute no kernel; {moved} only move data to the output")
        for o in results:
            if not o.passed:
                print(f"  {o.name}: {o.reason}")
                if given.trace:
                    print(o.trace)
    if given.record:
        record(cases, outcomes["jit"])
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {e: [{"name": o.name, "passed": o.passed, "reason": o.reason, "kernels": o.kernels,
                  "seconds": round(o.seconds, 3)} for o in r] for e, r in outcomes.items()}  # fmt: skip
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
