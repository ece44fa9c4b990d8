"""Runs in a process of its own: LLVM ends its process on what it cannot translate, and must not end ours.

    python llvm_child.py '{"source": "src/model.ll", "output": "model.o", "triple": ..., ...}'

It imports nothing of this package, so that it starts quickly and by its path alone. Status 3: the module is not valid.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

INVALID = 3


def main(job: dict[str, Any]) -> int:
    for option in job["options"]:
        llvm.set_option("", option)
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        module = llvm.parse_assembly(text_of(job))
        module.verify()
    except RuntimeError as error:
        print(f"{job['source']}: error: {error}", file=sys.stderr)
        return INVALID
    machine = machine_of(job)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)  # without it passes take pointers for 64 bits, in arrays of them, too
    optimize(module, machine, job["level"])
    Path(job["output"]).write_bytes(machine.emit_object(module))
    return 0


def text_of(job: dict[str, Any]) -> str:
    """The module; where it declares its weights, the bytes of the binary file."""
    text = Path(job["source"]).read_text("utf-8")
    for declaration, file in job["data"].items():
        if text.count(declaration) != 1:
            raise RuntimeError(f"there is no line {declaration}")
        kind, align = declaration.replace("external hidden", "internal").split("], ")
        text = text.replace(declaration, f"{kind}] {_string(Path(file).read_bytes())}, {align}")
    return text


def _string(data: bytes) -> str:
    return 'c"' + "".join(f"\\{byte:02x}" for byte in data) + '"'


def machine_of(job: dict[str, Any]) -> llvm.TargetMachine:
    """The machine that code is made for; an empty triple is this computer with all its processor can do."""
    native = not job["triple"]
    features = llvm.get_host_cpu_features().flatten() if native else job["features"]
    return llvm.Target.from_triple(job["triple"] or llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name() if native else job["cpu"],
        features=features,
        opt=speed(job["level"]),  # of instruction selection and register allocation
        reloc=job["relocation"],
        codemodel=job["code_model"],
        abiname=job["abi"],
    )


def speed(level: str) -> int:
    """Os is O2 on functions that are marked `optsize`."""
    return 2 if level == "s" else int(level)


def optimize(module: llvm.ModuleRef, machine: llvm.TargetMachine, level: str) -> None:
    """The standard pipeline of a level. Kernels are unrolled where it pays; unrolling them again costs flash."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=speed(level))
    tuning.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
