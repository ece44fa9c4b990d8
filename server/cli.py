"""The verbs of the service that are the server's: `serve` and `submit`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from compiler.commands.compile import add_options


def register(subparsers: Any) -> None:
    """Called by the dispatcher through the entry point `deepmetal.commands`."""
    _register_serve(subparsers)
    _register_submit(subparsers)


def _register_serve(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help="run the service: browser UI, REST API and a worker",
        description="Run the service: browser UI, REST API and one worker, with SQLite, a folder of blobs and a broker "
        "made of files. Settings are environment variables DEEPMETAL_...; docs/settings.md lists them.",
        epilog="Ctrl-C stops all of it. Jobs that were running are taken up again by the next start.",
    )
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", metavar="N", type=int, help="port to listen on, 0 for any free one (default: 8000)")
    parser.add_argument(
        "--data-dir", metavar="DIR", type=Path, help="where everything is kept (default: ~/.local/share/deepmetal)"
    )
    parser.add_argument("--no-worker", action="store_true", help="only the server; start `deepmetal worker` elsewhere")
    parser.set_defaults(command=_serve)


def _register_submit(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "submit",
        help="compile on a server, through its REST API",
        description="Upload a model to a DeepMetal service and compile it there, with the options of `compile`.",
        epilog="Exit status: that of `deepmetal compile`; 5 when the service does not answer.",
    )
    parser.add_argument("model", metavar="MODEL", type=Path, help="a model file")
    parser.add_argument("--server", metavar="URL", default="http://127.0.0.1:8000", help="(default: %(default)s)")
    parser.add_argument(
        "--token", metavar="TOKEN", default=os.environ.get("DEEPMETAL_TOKEN"), help="(default: $DEEPMETAL_TOKEN)"
    )
    parser.add_argument("--wait", action="store_true", help="follow it to its end and fetch the result to OUT")
    parser.add_argument("-o", "--out", metavar="OUT", type=Path, help="folder to write; OUT.zip as well")
    parser.add_argument("--project", default="", help="a project to file it under")
    parser.add_argument("--tag", action="append", default=[], help="a tag; may be repeated")
    parser.add_argument("--idempotency-key", metavar="KEY", help="a repetition with the same key compiles nothing new")
    parser.add_argument(
        "--json", action="store_true", help="print the report (with --wait) or the compilation as JSON, nothing else"
    )
    add_options(parser)
    parser.set_defaults(command=_submit, usage_error=parser.error)


def _serve(args: argparse.Namespace) -> int:
    from server.serve import serve

    return serve(args)


def _submit(args: argparse.Namespace) -> int:
    from server.submit import submit

    return submit(args)
