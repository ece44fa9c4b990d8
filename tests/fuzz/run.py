"""Fuzz one kind of file, in a process that may be lost: `python -m tests.fuzz.run KIND --out FOLDER [--seconds 20]`.

With atheris installed the engine is coverage-guided; without it damage is drawn at random. Each input is a file that is
detected, inspected and imported. Findings: an exception that is no ModelError, an input that takes too long, memory
beyond the limit, and code that is executed (programs, connections, libraries), which an audit hook watches for.

FOLDER gets result.json, written while running so that it survives the process, and the input of each finding.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

MEMORY = 4 << 30  # bytes of address space: torch and onnxruntime take most of it
SLOW = 5.0  # seconds for one input of a few kB
HANGS = 20  # seconds after which an input is given up
MOST_FINDINGS = 20
_EXECUTING = (
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.spawn",
    "socket.bind", "socket.connect", "subprocess.Popen", "webbrowser.open", "shutil.rmtree", "os.remove", "os.rename",
)  # fmt: skip


class Executed(BaseException):
    """A file made the importer do something that no importer does; no handler swallows it."""


class Hang(BaseException):
    """The input took longer than `HANGS`."""


def _give_up(signal_number: int, frame: object) -> None:
    raise Hang(f"more than {HANGS} s")


class Session:
    """Tries inputs and keeps book."""

    def __init__(self, kind: str, out: Path, seed: int) -> None:
        from tests.fuzz.targets import TARGETS

        self.kind, self.out, self.target = kind, out, TARGETS[kind]
        self.chance = Random(seed)
        self.path = out / "input"
        self.executions = 0
        self.slowest = 0.0
        self.outcomes: Counter[str] = Counter()
        self.findings: dict[str, dict[str, str]] = {}
        self.started = time.monotonic()
        self.written = 0.0
        self.watching = False
        sys.addaudithook(self._watch)
        signal.signal(signal.SIGALRM, _give_up)

    def _watch(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.watching and event in _EXECUTING:
            raise Executed(f"{event} {arguments!r}"[:200])

    def warm_up(self, seeds: list[bytes]) -> None:
        """Lazy imports happen now; every seed must be accepted, or fuzzing would only scratch the surface."""
        for seed in seeds:
            self.path.write_bytes(seed)
            code = self.target.attempt(self.path)
            if code.startswith("E"):
                print(f"note: a seed of {self.kind} is refused with {code}", file=sys.stderr)

    def attempt(self, data: bytes) -> None:
        self.path.write_bytes(data)
        began = time.monotonic()
        self.watching = True
        signal.setitimer(signal.ITIMER_REAL, HANGS)
        try:
            self.outcomes[self.target.attempt(self.path) or "accepted"] += 1
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever comes out is the finding
            self.watching = False
            self._found(error, data)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.watching = False
        took = time.monotonic() - began
        self.executions += 1
        if took > self.slowest:
            self.slowest = took
            (self.out / "slowest").write_bytes(data)
        if took > SLOW:
            self._note(f"slow: more than {SLOW:g} s", f"{took:.1f} s", data)
        if time.monotonic() - self.written > 1:
            self.write()

    def _found(self, error: BaseException, data: bytes) -> None:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "compiler/" in f.filename]
        at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        self._note(f"{type(error).__name__} at {at}", str(error)[:300], data)

    def _note(self, signature: str, text: str, data: bytes) -> None:
        if signature not in self.findings and len(self.findings) < MOST_FINDINGS:
            name = f"finding-{hashlib.sha256(data).hexdigest()[:12]}"
            (self.out / name).write_bytes(data)
            self.findings[signature] = {"text": text, "input": name}
            self.write()

    def write(self) -> None:
        self.written = time.monotonic()
        result = {
            "kind": self.kind,
            "executions": self.executions,
            "seconds": round(time.monotonic() - self.started, 1),
            "slowest_s": round(self.slowest, 3),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            "outcomes": dict(self.outcomes.most_common()),
            "findings": self.findings,
        }
        partial = self.out / "result.part"
        partial.write_text(json.dumps(result, indent=1))
        partial.replace(self.out / "result.json")


def at_random(session: Session, seeds: list[bytes], seconds: float, runs: int) -> None:
    """Damage a seed, or what earlier damage to it left when that was taken for something new."""
    pool = list(seeds)
    end = time.monotonic() + seconds
    while time.monotonic() < end and session.executions < runs:
        data = session.target.mutate(session.chance.choice(pool), session.chance)
        known = len(session.outcomes)
        session.attempt(data)
        if len(session.outcomes) > known and len(data) < 100_000:
            pool.append(data)


def guided(session: Session, seeds: list[bytes], seconds: float, seed: int) -> None:
    """libFuzzer chooses, guided by the coverage of the importers' byte code; it ends the process."""
    import atheris

    from tests.fuzz.mutate import zip_changed

    folder = session.out / "corpus"
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(seeds):
        (folder / f"seed-{number}").write_bytes(content)

    def mutator(data: bytes, most: int, chosen: int) -> bytes:
        chance = Random(chosen)

        def native(content: bytes) -> bytes:
            return bytes(atheris.Mutate(content, len(content) + 64))

        if session.target.mutate is zip_changed:
            made = zip_changed(data, chance, native if chance.random() < 0.5 else None)
        else:
            made = native(data) if chance.random() < 0.3 else session.target.mutate(data, chance)
        return made[:most]

    words = [
        sys.argv[0], str(folder), f"-max_total_time={int(seconds)}", f"-seed={seed + 1}", "-max_len=200000",
        "-timeout=0", "-handle_alrm=0", "-rss_limit_mb=3500", "-print_final_stats=1",
        f"-artifact_prefix={session.out}/native-",
    ]  # fmt: skip
    atheris.Setup(words, session.attempt, custom_mutator=mutator, internal_libfuzzer=True)
    atheris.Fuzz()


def importable(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


def instrumented() -> contextlib.AbstractContextManager[object]:
    import atheris

    found: contextlib.AbstractContextManager[object] = atheris.instrument_imports(
        include=["compiler.importers", "compiler.graph"], enable_loader_override=False
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=10**9, help="at most; for the engine without atheris")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("auto", "atheris", "random"), default="auto")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    os.environ["DEEPMETAL_DEBUG"] = "0"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with_coverage = args.engine == "atheris" or (args.engine == "auto" and importable("atheris"))
    make: Callable[[], Session] = lambda: Session(args.kind, args.out, args.seed)  # noqa: E731
    if with_coverage:
        with instrumented():
            session = make()
            seeds = session.target.seeds()
            session.warm_up(seeds)
    else:
        session = make()
        seeds = session.target.seeds()
        session.warm_up(seeds)
    session.started = time.monotonic()
    session.write()
    if with_coverage:
        guided(session, seeds, args.seconds, args.seed)
    else:
        at_random(session, seeds, args.seconds, args.runs)
    session.write()


if __name__ == "__main__":
    main()
