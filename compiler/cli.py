"""`deepmetal`: the dispatcher. Verbs live in `compiler/commands/` and behind the entry points `deepmetal.commands`.

Exit status: 0 done, 1 the model or an option is at fault, 2 usage, 3 a budget is exceeded, 4 the compiled code
disagrees with the model, 5 a tool or the service is unavailable, 70 a bug of ours, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import compiler.commands
from compiler.errors import CompilerBug, DeepMetalError
from compiler.later import refuse_verb
from compiler.terminal import show_error
from compiler.trace import debug_level, log_to_stderr
from compiler.version import VERSION

Subparsers = Any  # argparse keeps the class of its subparsers to itself
GROUP = "deepmetal.commands"
INTERRUPTED = 130
BUG = "E9901"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit status. Usage errors leave through argparse with status 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    log_to_stderr()
    try:
        if words:
            refuse_verb(words[0])
        args = parser().parse_args(words)
        command: Callable[[argparse.Namespace], int] = args.command
        status = command(args)
        sys.stdout.flush()
        return status
    except DeepMetalError as error:
        if isinstance(error, CompilerBug) and debug_level() >= 1:
            traceback.print_exception(error)
        show_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: whatever it is, it becomes a report for us
        bug = as_bug(error, words)
        show_error(bug)
        return bug.exit_status


def parser(*, elsewhere: bool = True) -> argparse.ArgumentParser:
    """The parser with all verbs that this installation has; without `elsewhere` only those of the compiler."""
    root = argparse.ArgumentParser(
        prog="deepmetal",
        description="Compile a neural network to standalone C for a small processor, run it, and compare the results.",
        epilog="`deepmetal VERB --help` describes a verb, `deepmetal explain CODE` an error.",
    )
    root.add_argument("--version", action="version", version=f"deepmetal {VERSION}")
    subparsers = root.add_subparsers(title="verbs", metavar="VERB", required=True)
    for info in sorted(pkgutil.iter_modules(compiler.commands.__path__), key=lambda m: m.name):
        importlib.import_module(f"compiler.commands.{info.name}").register(subparsers)
    for entry in sorted(entry_points(group=GROUP) if elsewhere else (), key=lambda e: e.name):
        _register_elsewhere(entry, subparsers)
    return root


def _register_elsewhere(entry: Any, subparsers: Subparsers) -> None:
    """Verbs of the service; an installation without the service's packages does not have them."""
    try:
        register = entry.load()
    except ImportError as error:
        if debug_level() >= 1:
            print(f"deepmetal: no verbs from {entry.value}: {error}", file=sys.stderr)
        return
    register(subparsers)


def as_bug(error: Exception, words: Sequence[str]) -> CompilerBug:
    """An exception that nobody expected. `DEEPMETAL_DEBUG` shows where it came from."""
    if debug_level() >= 1:
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    at = f"{Path(frame[0].filename).name}:{frame[0].lineno}" if frame else ""
    return CompilerBug(
        BUG,
        f"{type(error).__name__}: {error}",
        where=at,
        facts={"replay": "DEEPMETAL_DEBUG=7 " + shlex.join(["deepmetal", *words])},
        help="this is a bug of ours: please report it with the output of the replay command, and the model if you may",
    )


if __name__ == "__main__":
    sys.exit(main())
