"""A CMSIS-Pack: a .pdsc description and the files it names, zipped as VENDOR.NAME.VERSION.pack."""

from __future__ import annotations

from compiler.options import CompileOptions
from compiler.pack.archive import zip_bytes
from compiler.pack.formats import Format
from compiler.pack.formats.kit import Kit
from compiler.targets import target

VENDOR = "DeepMetal"
SCHEMA = "1.7.32"

# Target -> the core's name, FPU and vector unit in the words of the schema; machine code fits these cores only.
CORES = {
    "cortex-m0": ("Cortex-M0", "NO_FPU", ""),
    "cortex-m0plus": ("Cortex-M0+", "NO_FPU", ""),
    "cortex-m3": ("Cortex-M3", "NO_FPU", ""),
    "cortex-m4": ("Cortex-M4", "SP_FPU", ""),
    "cortex-m4-soft": ("Cortex-M4", "NO_FPU", ""),
    "cortex-m7": ("Cortex-M7", "SP_FPU", ""),
    "cortex-m7-dp": ("Cortex-M7", "DP_FPU", ""),
    "cortex-m33": ("Cortex-M33", "SP_FPU", ""),
    "cortex-m55": ("Cortex-M55", "DP_FPU", "FP_MVE"),
    "cortex-m85": ("Cortex-M85", "DP_FPU", "FP_MVE"),
}


def refuses(options: CompileOptions) -> str | None:
    if target(options.target).name not in CORES:
        return f"packs are for Arm Cortex-M, and {options.target} is none"
    return None


def files(kit: Kit) -> dict[str, bytes]:
    description = f"{VENDOR}.{kit.library_name}.pdsc"
    inside = {
        **kit.headers("include/"),
        "README.md": kit.render("cmsis-pack/README.md.j2"),
        "examples/classify.c": kit.render("example.c.j2", printer="printf"),
    }
    if kit.options.emit == "llvm":
        inside[f"lib/lib{kit.name}.a"] = kit.files[kit.library]
    else:
        inside |= kit.plain_sources("src/")
    core, fpu, mve = CORES[kit.target.name]
    inside[description] = kit.render(
        "cmsis-pack/package.pdsc.j2",
        schema=SCHEMA,
        vendor=VENDOR,
        core=core,
        fpu=fpu,
        mve=mve,
        members=[(_category(path), path) for path in sorted(inside)],
    )
    return {f"{VENDOR}.{kit.library_name}.{kit.version}.pack": zip_bytes(inside)}


def _category(path: str) -> str:
    if path == "README.md":
        return "doc"
    if path.endswith(".a"):
        return "library"
    if path.startswith("include/"):
        return "header"
    return "sourceCpp" if path.endswith(".cpp") else "sourceC"


FORMAT = Format(
    name="cmsis-pack",
    title="CMSIS-Pack",
    description="A .pack for Keil MDK, CMSIS-Toolbox and other tools of Arm's; Cortex-M only.",
    files=files,
    refuses=refuses,
)
