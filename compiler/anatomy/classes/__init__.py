"""What kind of work an instruction does. One file per architecture: rules in order, the first that matches decides.

    load, store   memory to register and back, also of vectors, and of several registers at once
    multiply      one product, of integers or of scalar floats
    mac           a product added to or taken from something: multiply-accumulate
    float         other arithmetic on scalar floats, conversions too
    vector        arithmetic, permutation and predicates on several lanes
    alu           integer arithmetic, logic, shifts, addresses
    compare       sets flags or a truth value
    branch        goes elsewhere, or may
    move          register or constant to register, and choices between two
    other         none of these

A new architecture is a new file with `MACHINE`, the name in the ELF header, and `RULES`: pairs of a class and a regular
expression that begins at the mnemonic; the text has one blank between mnemonic and operands.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache

CLASSES = ("load", "store", "multiply", "mac", "float", "vector", "alu", "compare", "branch", "move", "other")


@cache
def classify(machine: str, text: str) -> str:
    """The class of one instruction, e.g. `classify("EM_ARM", "vmul.f32 s0, s1, s2") == "multiply"`."""
    for kind, pattern in rules(machine):
        if pattern.match(text):
            return kind
    return "other"


@cache
def rules(machine: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The rules for an ELF machine; none for one that has no file here, whose instructions are all `other`."""
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if machine == module.MACHINE:
            return tuple((kind, re.compile(pattern, re.VERBOSE)) for kind, pattern in module.RULES)
    return ()
