"""`deepmetal packs` and `deepmetal pack`: packages for build systems, from artifacts that exist."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from compiler.errors import ModelError
from compiler.terminal import table

NO_ARTIFACT, CANNOT_WRITE, NO_SUCH_FILE = "E1031", "E1009", "E1006"


def register(subparsers: Any) -> None:
    lister: argparse.ArgumentParser = subparsers.add_parser(
        "packs", help="the package formats for build systems", description="The package formats for build systems."
    )
    lister.set_defaults(command=show)
    lister.add_argument("--json", action="store_true", help="print the same as JSON")
    maker: argparse.ArgumentParser = subparsers.add_parser(
        "pack",
        help="make a package for a build system from an artifact",
        description="Make a package for a build system from an artifact; nothing is compiled.",
    )
    maker.set_defaults(command=command)
    maker.add_argument("artifact", metavar="OUT.zip", type=Path, help="what `compile` wrote: the zip, or the folder")
    maker.add_argument("--format", metavar="FORMAT", required=True, help="one of those that `deepmetal packs` lists")
    maker.add_argument("-o", "--out", metavar="FILE", type=Path, help="the file to write (default: the package's name)")


def show(args: argparse.Namespace) -> int:
    from compiler.catalog import packs

    rows = [(p.name, p.title, p.description) for p in packs()]
    print(
        json.dumps([p.model_dump() for p in packs()], indent=1) if args.json else table(("format", "package", ""), rows)
    )
    return 0


def command(args: argparse.Namespace) -> int:
    from compiler.pack.artifact import read
    from compiler.pack.formats import package
    from compiler.pack.text import plain

    if not args.artifact.exists():
        raise ModelError(NO_SUCH_FILE, f"there is no artifact {str(args.artifact)!r}", help="check the path")
    name, data = package(args.format, read(args.artifact))
    out: Path = args.out or Path(name)
    try:
        out.write_bytes(data)
    except OSError as error:
        raise ModelError(CANNOT_WRITE, f"cannot write {out.name!r}: {error.strerror or error}", where="-o") from error
    print(f"{plain(out, 300)}: {len(data):,} bytes", file=sys.stderr)
    return 0
