"""Whether compiled code can be run here at all: some processors have no emulator, and this computer may lack a part."""

from __future__ import annotations

from compiler.targets.base import Native, Target
from compiler.targets.computer import cpu_flags, machine


def why_not_run(target: Target) -> str | None:
    """The reason why code for the target is built here but not run; None when it is run."""
    if target.emulator is None:
        return f"no emulator of {target.title} is at hand"
    if isinstance(target.emulator, Native):
        if target.llvm.triple and not target.llvm.triple.startswith(machine()):
            return f"this computer is no {target.family}, and QEMU 7.2 does not emulate {target.title}"
        missing = [flag for flag in target.emulator.flags if flag not in cpu_flags()]
        if missing:
            return f"this computer's processor lacks {', '.join(missing)}, and QEMU 7.2 does too"
    return None
