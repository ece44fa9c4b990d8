"""LLVM IR becomes an object: llvmlite brings LLVM along, so no compiler is needed for any target."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compiler.emit.llvm import weights_declaration
from compiler.errors import CompilerBug, ToolError
from compiler.options import CompileOptions, Objective
from compiler.targets.base import Target
from compiler.toolchain.languages import ObjectBuild
from compiler.toolchain.llvm_child import INVALID
from compiler.toolchain.run import FAILED, Limits, failure, run_tool

CHILD = Path(__file__).with_name("llvm_child.py")
LIMITS = Limits(seconds=600, memory=8 * 2**30)
LEVELS: dict[Objective, str] = {"balanced": "2", "speed": "3", "size": "s", "ram": "2"}


def compile_ll(source: str, output: str, target: Target, options: CompileOptions, workdir: Path) -> ObjectBuild:
    """Verify, optimise and translate a module; names are relative to `workdir`. Equal input gives equal bytes."""
    job = job_for(target, options) | {"source": source, "output": output, "data": {}}
    weights = Path(source).with_name(f"{options.name}_weights.bin")
    if (workdir / weights).exists():
        declaration = weights_declaration(options.name, (workdir / weights).stat().st_size)
        job["data"] = {declaration: str(weights)}
    (workdir / output).parent.mkdir(parents=True, exist_ok=True)
    outcome = run_tool([sys.executable, "-I", CHILD, json.dumps(job)], cwd=workdir, limits=LIMITS, check=False)
    if outcome.status == INVALID:
        raise CompilerBug("E0705", "LLVM rejects the generated code", facts={"it said": outcome.last_lines()})
    if outcome.status != 0:
        error = failure("llvmlite", outcome)
        raise ToolError(FAILED, error.title, facts=error.facts)
    return ObjectBuild("llvmlite", llvm_version(), _flags(job))


def job_for(target: Target, options: CompileOptions) -> dict[str, Any]:
    """What decides the object's bytes beside the module. Firmware lies at fixed addresses, host code anywhere."""
    level = "0" if options.debug else LEVELS[options.optimize]
    cpu, features = target.llvm.ordered_for or (target.llvm.cpu, target.llvm.features)
    return {
        "triple": target.llvm.triple,
        "options": list(target.llvm.options),
        "cpu": cpu,
        "features": ",".join(features),
        "abi": target.llvm.abi,
        "level": level if options.opt_level == "auto" else options.opt_level,
        "relocation": "static" if target.memory else "pic",
        "code_model": target.llvm.code_model or "default",
    }


def llvm_version() -> str:
    """Of llvmlite, and of the LLVM in it."""
    import llvmlite.binding

    return f"{version('llvmlite')} (LLVM {'.'.join(map(str, llvmlite.binding.llvm_version_info))})"


def _flags(job: dict[str, Any]) -> tuple[str, ...]:
    """As clang would spell them."""
    spelled = {
        "--target=": job["triple"],
        "-mcpu=": job["cpu"] if job["triple"] else "native",
        "-mattr=": job["features"],
        "-mabi=": job["abi"],
        "-mcmodel=": job["code_model"].replace("default", ""),
    }
    named = tuple(flag + value for flag, value in spelled.items() if value)
    own = tuple(f"-mllvm {option}" for option in job["options"])
    return (f"-O{job['level']}", *named, *own, f"-relocation-model={job['relocation']}", "-fno-unroll-loops")
