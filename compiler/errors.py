"""Errors: what went wrong, where, and what to do, with a stable code.

`ModelError` is the user's (the model or an option is at fault), `ToolError` is the machine's (a tool is
missing, try again), `Mismatch` says that the compiled code disagrees with the model, `CompilerBug` is ours.
Errors cross process borders as JSON (`to_json`, `from_json`), never as pickles.

Ranges: E01 import, E02 operator, E03 shape and type, E04 quantise, E05 does not fit, E06 emit, E07 build,
E08 emulate, E09 service, E10 option.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(eq=False)  # exceptions stay hashable
class DeepMetalError(Exception):
    """A failure with a stable code. `exit_status` is the command line's exit code."""

    code: str
    title: str
    where: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    help: str = ""

    kind: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 70

    def __str__(self) -> str:
        width = max(map(len, self.facts), default=0)
        lines = [f"error[{self.code}]: {self.title}"]
        if self.where:
            lines.append(f"  --> {self.where}")
        lines += [f"   | {name:<{width}}  {value}" for name, value in self.facts.items()]
        if self.help:
            lines.append(f"   = help: {self.help}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "code": self.code,
            "title": self.title,
            "where": self.where,
            "facts": dict(self.facts),
            "help": self.help,
        }


@dataclass(eq=False)
class ModelError(DeepMetalError):
    """The model or an option is at fault."""

    kind: ClassVar[str] = "model"
    exit_status: ClassVar[int] = 1


@dataclass(eq=False)
class BudgetExceeded(DeepMetalError):
    """The code was built, but a budget of the user is exceeded."""

    kind: ClassVar[str] = "budget"
    exit_status: ClassVar[int] = 3


@dataclass(eq=False)
class Mismatch(DeepMetalError):
    """The compiled code computes something else than the model."""

    kind: ClassVar[str] = "mismatch"
    exit_status: ClassVar[int] = 4


@dataclass(eq=False)
class ToolError(DeepMetalError):
    """A tool or a service is missing or failed: install it or try again."""

    kind: ClassVar[str] = "tool"
    exit_status: ClassVar[int] = 5


@dataclass(eq=False)
class CompilerBug(DeepMetalError):
    """A bug of ours; `facts` carries the stage and the replay command."""

    kind: ClassVar[str] = "bug"
    exit_status: ClassVar[int] = 70


def from_json(data: dict[str, Any]) -> DeepMetalError:
    """The error that `to_json` wrote; an unknown kind becomes a `CompilerBug`."""
    kinds = {c.kind: c for c in (ModelError, BudgetExceeded, Mismatch, ToolError, CompilerBug)}
    cls = kinds.get(str(data.get("kind")), CompilerBug)
    return cls(
        code=str(data.get("code", "E9999")),
        title=str(data.get("title", "")),
        where=str(data.get("where", "")),
        facts={str(k): str(v) for k, v in dict(data.get("facts", {})).items()},
        help=str(data.get("help", "")),
    )
