"""This computer's own processor, as Linux describes it: what it can do, and its clock."""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path

CPU = Path("/proc/cpuinfo")
FREQUENCIES = Path("/sys/devices/system/cpu/cpu0/cpufreq")


@cache
def cpu_flags() -> frozenset[str]:
    """Names such as avx2; empty where nobody says."""
    return frozenset(flag for key in ("flags", "Features") for line in _values(key) for flag in line.split())


@cache
def clock_mhz() -> float | None:
    """The clock that does not depend on the moment: the base or the highest one, else what a virtual machine states."""
    for name in ("base_frequency", "cpuinfo_max_freq"):
        file = FREQUENCIES / name
        if file.exists() and (text := file.read_text().strip()).isdigit():
            return int(text) / 1000
    named = next((re.search(r"@ ([\d.]+)GHz", line) for line in _values("model name")), None)
    if named:
        return float(named[1]) * 1000
    stated = [float(line) for line in _values("cpu MHz")]
    return float(round(max(stated))) if stated else None


def machine() -> str:
    """x86_64, aarch64, ..."""
    return platform.machine()


def _values(key: str) -> list[str]:
    if not CPU.exists():
        return []
    rows = (line.partition(":") for line in CPU.read_text(errors="replace").splitlines())
    return [value.strip() for name, _, value in rows if name.strip() == key]
