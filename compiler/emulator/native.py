"""Whether compiled code can be run here at all: some processors have no emulator, and this computer may lack a part."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from compiler.targets.base import Native, Target

CPU = Path("/proc/cpuinfo")


def why_not_run(target: Target) -> str | None:
    """The reason why code for the target is built here but not run; None when it is run."""
    if target.emulator is None:
        return f"no emulator of {target.title} is at hand"
    if isinstance(target.emulator, Native):
        missing = [flag for flag in target.emulator.flags if flag not in cpu_flags()]
        if missing:
            return f"this computer's processor has no {', '.join(missing)}, and neither has QEMU 7.2"
    return None


@cache
def cpu_flags() -> frozenset[str]:
    """What this computer's processor can do, as Linux names it; empty where nobody says."""
    if not CPU.exists():
        return frozenset()
    rows = (line.partition(":") for line in CPU.read_text(errors="replace").splitlines())
    return frozenset(flag for key, _, flags in rows if key.strip() in ("flags", "Features") for flag in flags.split())
