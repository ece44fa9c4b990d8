"""Estimated cycles: pipeline models per core, applied to what the emulator executed. See README.md.

run = read_run(built.harness, built.target, measured.layer_histograms, "cortex_m4")
run.estimate(FlashTiming(wait_states=5)).milliseconds(120.0)
"""

from compiler.emulator.cycles.calibration import worst_error
from compiler.emulator.cycles.cores import core, cores
from compiler.emulator.cycles.cores.base import Core
from compiler.emulator.cycles.estimate import FAST, Estimate, Run, read_run

__all__ = ["FAST", "Core", "Estimate", "Run", "core", "cores", "read_run", "worst_error"]
