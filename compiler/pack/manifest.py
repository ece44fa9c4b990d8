"""manifest.json: what made the artifact, how to repeat it, and the SHA-256 of every file in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from compiler.report import Report

SCHEMA = "deepmetal.manifest/1"


def manifest(report: Report, files: Mapping[str, bytes], commands: Mapping[str, Sequence[str]]) -> bytes:
    """The manifest of `files`; it does not list itself."""
    listed = {path: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for path, data in sorted(files.items())}
    content = {
        "schema": SCHEMA,
        "deepmetal_version": report.deepmetal_version,
        "model": {"name": report.model.name, "format": report.model.format, "sha256": report.model.sha256},
        "options": report.options,
        "toolchain": report.toolchain.model_dump(),
        "commands": {name: list(lines) for name, lines in commands.items()},
        "files": listed,
    }
    return (json.dumps(content, indent=1, ensure_ascii=True) + "\n").encode()


def listed_files(text: bytes) -> dict[str, str]:
    """Path -> SHA-256 of a manifest of ours; nothing when it is somebody else's file or damaged."""
    try:
        content = json.loads(text)
        if content["schema"] != SCHEMA:
            return {}
        return {str(path): str(entry["sha256"]) for path, entry in content["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
