"""Reading disassemblies of binutils and LLVM, and finding definitions in sources."""

from __future__ import annotations

from compiler.anatomy.definition import Definition, definitions
from compiler.anatomy.objdump import Instruction, read, within

ARM = """
model.o:     file format elf32-littlearm

Disassembly of section .text.model_run:

00000000 <model_run>:
model_run():
/build/src/model.c:14
   0:\tpush\t{r4, lr}
   2:\tcbz\tr0, 6 <model_run+0x6>
/build/src/model.c:15 (discriminator 2)
   4:\tbl\t0 <model_run>\t4: R_ARM_THM_CALL\tdense
/usr/include/other.h:3
   8:\tadd.w\tip, r3, #3136\t@ 0xc40
   c:\t.word\t0x000056a0\tc: R_ARM_ABS32\t.bss.memory
\t...
\t10: R_ARM_ABS32\t.bss.memory
00000014 <model_input>:
  14:\tbx\tlr
"""

RISCV = """
Disassembly of section .text.f:

00000000 <f>:
f():
src/model.c:7
   0:\tauipc\tra,0x0\t0: R_RISCV_CALL_PLT\t__mulsf3
\t0: R_RISCV_RELAX\t*ABS*
   4:\tjalr\tra # 0 <f>

00000008 <.L3>:
   8:\tbnez\ta5,8 <.L3>\t8: R_RISCV_RVC_BRANCH\t.L3
   a:\tlui\ta5,0x0\ta: R_RISCV_HI20\t.LC0
src/model.c:?
   e:\tnop
"""

LLVM = """
Disassembly of section .text:

00000000 <f>:
; f():
; src/model.c:4
       0:      \tcbz\tr0, 0x8 <f+0x8>       @ imm = #4
       2:      \tbl\t0x2 <f+0x2>   @ imm = #-4
\t\t\t00000002:  R_ARM_THM_CALL\tdense
       6: 40 00 00 00 \t.word\t0x00000040
"""


def test_binutils_for_arm() -> None:
    [(section, code)] = read(ARM.splitlines(), "src/model.c")
    assert section == ".text.model_run"
    assert code == [
        Instruction(0, "push {r4, lr}", 14),
        Instruction(2, "cbz r0, 6 <model_run+0x6>", 14),
        Instruction(4, "bl dense", 15),
        Instruction(8, "add.w ip, r3, #3136", None),  # of another file
        Instruction(12, ".word .bss.memory+0x56a0", None),
        Instruction(20, "bx lr", None),  # a new function does not inherit the line
    ]
    assert code[4].is_data
    assert not code[3].is_data


def test_binutils_for_riscv_keeps_lines_across_local_labels() -> None:
    [(_, code)] = read(RISCV.splitlines(), "src/model.c")
    assert [(i.text, i.line) for i in code] == [
        ("auipc ra,0x0 → __mulsf3", 7),
        ("jalr ra", 7),
        ("bnez a5,8 <.L3>", 7),
        ("lui a5,0x0", 7),
        ("nop", None),
    ]


def test_llvm() -> None:
    [(_, code)] = read(LLVM.splitlines(), "src/model.c")
    assert [(i.text, i.line) for i in code[:2]] == [("cbz r0, 0x8 <f+0x8>", 4), ("bl dense", 4)]
    assert code[2].is_data


def test_branches_are_offsets_into_the_function() -> None:
    assert within("cbz r0, 16 <f+0x6>", start=0x10, size=8) == "cbz r0, 0x6"
    assert within("bne.n 0x12 <f+0x2>", start=0x10, size=8) == "bne.n 0x2"
    assert within("b.w 40 <other>", start=0x10, size=8) == "b.w other"


C = """\
static const float w[2] = {1.0f, 2.0f};
void f(const float *x);

/* y = w x,
   in place */
static void f(const float *x,
              float *y)
{
    if (x) {
        g(y);
    }
}
int g(void) { return 0; }
"""

LL = """\
; the first layer
define internal void @"f"(ptr %x, ptr %y) #0 {
entry:
  call void @g(ptr %y)
  ret void
}

declare void @g(ptr)
"""


def test_definitions_in_c_have_their_comment() -> None:
    assert definitions(C, ["f"]) == {"f": Definition(4, 12)}


def test_definitions_in_llvm_ir() -> None:
    assert definitions(LL, ["f", "g"]) == {"f": Definition(1, 6)}
