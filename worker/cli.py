"""The worker's verb: `deepmetal worker`."""

from __future__ import annotations

import argparse
from typing import Any


def register(subparsers: Any) -> None:
    """Called by the dispatcher through the entry point `deepmetal.commands`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "worker",
        help="do the compilations of a service that runs elsewhere",
        description="Take jobs from the service's database and compile them, as many at once as DEEPMETAL_SLOTS says. "
        "DEEPMETAL_DATABASE_URL, _STORE_URL and _REDIS_URL (or a shared _DATA_DIR) say which service.",
        epilog="SIGTERM gives running jobs back to the queue. Any number of workers may run, on any number of hosts.",
    )
    parser.set_defaults(command=_worker)


def _worker(args: argparse.Namespace) -> int:
    del args
    from server import logs
    from server.settings import Settings
    from worker import supervisor

    logs.configure(Settings())
    return supervisor.main()
