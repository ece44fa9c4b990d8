"""Instruction classes: examples of every class on every architecture."""

from __future__ import annotations

import pytest

from compiler.anatomy.classes import CLASSES, classify, rules

# A class begins a line; its examples are separated by bars, and go on in the lines that are indented.
EXAMPLES = {
    "EM_ARM": """
load: ldr.w r0, [r1], #4 | vldr s0, [r2, #16] | ldmia.w r3!, {r4, r5} | pop {r4, pc} | ldrgt r0, [r1] |
    vldrw.u32 q0, [r0]
store: strd r0, r1, [sp] | vstrmi s0, [r1] | push {r4, lr} | stmdb sp!, {r4-r11, lr} | vstrw.32 q0, [r1]
multiply: mul.w r0, r1, r2 | muls r0, r1 | smull r0, r1, r2, r3 | smulbb r0, r1, r2 | vmul.f32 s0, s1, s2 |
    vmul.f64 d0, d1, d2
mac: mla r0, r1, r2, r3 | smlad r0, r1, r2, r3 | smlabb r0, r1, r2, r3 | vfma.f32 s0, s1, s2 |
    vmla.f32 s0, s1, s2 | umlal r0, r1, r2, r3
float: vadd.f32 s0, s1, s2 | vdiv.f32 s0, s1, s2 | vcvt.s32.f32 s0, s0 | vsqrt.f32 s0, s1 | vneg.f32 s0, s0
vector: vmul.f32 q0, q1, q2 | vmladava.s8 r0, q1, q2 | vpst | vctp.32 r0 | vmov q0, q1
alu: add.w r0, r1, r2, lsl #2 | subs r0, #1 | rsb r0, r1, #2 | bic.w r0, r0, r0, asr #31 | lsls r0, r1, #2 |
    ubfx r0, r1, #2, #3 | uadd8 r0, r1, r2 | sel r0, r1, r2 | sdiv r0, r1, r2 | sxtb r0, r1 | adr r0, 0x10 |
    bfc r0, #1, #2
compare: cmp r0, #3 | vcmpe.f32 s0, #0.0 | vmrs APSR_nzcv, fpscr | tst.w r0, #1 | cmpeq r0, r1
branch: b.n 0x10 | bne.w 0x10 | bl conv | bx lr | cbz r0, 0x1c | bgt.n 0x8 | ble.n 0x8 | bls.n 0x8 |
    tbb [pc, r3] | le lr, 0x4 | dlstp.32 lr, r0
move: mov r0, r1 | movs r0, #1 | movgt r0, r1 | movw r0, #22 | vmov.f32 s0, s1 | vmovgt.f32 s0, s1 |
    mvn.w r0, r1 | vselgt.f32 s0, s1, s2
other: nop | it ge | itte gt | dsb sy | bkpt 0x00ab | nop.w | pld [r0]
""",
    "EM_RISCV": """
load: lw s7,12(sp) | lbu a0,0(a1) | flw fa0,0(a0) | ld a0,8(sp) | c.lwsp ra,12(sp) | vle32.v v8,(a0) |
    vlse32.v v8,(a0),a1 | vl1r.v v8,(a0)
store: sw ra,44(sp) | sb a0,0(a1) | fsd fs0,8(sp) | vse32.v v8,(a0) | vs2r.v v8,(a0)
multiply: mul a0,a0,a1 | mulhu a0,a0,a1 | fmul.s fa0,fa1,fa2
mac: fmadd.s fa0,fa1,fa2,fa3 | fnmsub.d fa0,fa1,fa2,fa3
float: fadd.s fa0,fa1,fa2 | fdiv.s fa0,fa1,fa2 | fcvt.w.s a0,fa0,rtz | fmax.s fa0,fa0,fa1 | fneg.s fa0,fa0
vector: vfmacc.vv v8,v9,v10 | vsetvli t0,a0,e32,m2,ta,ma | vsub.vv v8,v9,v10 | vsll.vi v8,v8,1 | vmv.v.i v8,0
alu: add a0,a0,a1 | sub a0,a0,a1 | addi a0,a0,4 | sll a0,a0,2 | auipc ra,0x0 | and a0,a0,7 | div a0,a0,a1 |
    not a0,a0
compare: slt a0,a0,a1 | seqz a0,a0 | flt.s a0,fa0,fa1
branch: beq a0,a1,0x10 | bnez a5,0x1c | j 0x8 | jalr ra | ret | bltu a0,a1,0x4 | bgez a0,0x4
move: mv a0,a1 | li a0,10 | lui a5,0x0 | fmv.s fa0,fa1 | fmv.w.x fa0,a0
other: nop | ebreak | ecall | csrr a0,mstatus | fence
""",
    "EM_AARCH64": """
load: ldr s0, [x3, x2] | ldp x19, x20, [sp, #16] | ldur q0, [x0, #-16] | ld1 {v0.4s}, [x0]
store: str s0, [x4] | stp x29, x30, [sp, #-48]! | st1 {v0.4s}, [x0]
multiply: mul w0, w1, w2 | fmul s0, s1, s2 | smull x0, w1, w2
mac: madd w0, w1, w2, w3 | fmadd s0, s1, s2, s3 | smaddl x0, w1, w2, x3
float: fadd s0, s1, s2 | fcvtzs w0, s0 | scvtf s0, w0 | fmaxnm s0, s1, s2
vector: fmla v0.4s, v1.4s, v2.s[0] | movi v0.2s, #0x0 | dup v0.4s, w1 | faddp s0, v1.2s
alu: add x0, x1, #0x20 | adrp x1, .bss+0x56a0 | lsl x0, x1, #2 | sdiv w0, w1, w2 | ubfiz x0, x1, #2, #3 |
    sxtw x0, w1
compare: cmp x2, #0xc40 | fcmpe s0, #0.0 | ccmp w0, w1, #0, ne
branch: b 0x10 | b.ne 0x30 | cbz x0, 0x44 | bl conv | ret | tbz w0, #3, 0x8
move: mov x29, sp | fmov s0, #1.0 | csel w0, w1, w2, lt | movk w0, #0x1 | fcsel s0, s1, s2, gt
other: nop | dmb ish | prfm pldl1keep, [x0]
""",
    "EM_X86_64": """
load: movss (%rdx,%rax,1),%xmm0 | mov 0x8(%rsp),%rax | pop %rbp | vbroadcastss (%rdi),%ymm0 | mov %fs:0x28,%rax |
    movzbl (%rax),%eax | vmovups 0x20(%rsi),%zmm1
store: movss %xmm0,(%rdi,%rax,1) | push %rbx | movl $0x0,0x8(%rsp) | vmovups %ymm0,(%rdi) |
    vextractf128 $0x1,%ymm0,(%rax) | mov %rax,0x0(%rip) → .bss
multiply: mulss %xmm1,%xmm0 | imul %rdx,%rax | vmulss (%rax),%xmm1,%xmm2
mac: vfmadd231ss %xmm1,%xmm2,%xmm3 | vfnmadd132sd (%rax),%xmm1,%xmm2
float: addss (%rax),%xmm0 | divss %xmm1,%xmm0 | cvttss2si %xmm0,%eax | cvtsi2ss %eax,%xmm0 | maxss %xmm1,%xmm0
vector: mulps %xmm1,%xmm0 | vfmadd231ps %ymm1,%ymm2,%ymm3 | paddd %xmm1,%xmm0 | shufps $0x1,%xmm1,%xmm0 |
    pxor %xmm0,%xmm0 | vzeroupper
alu: lea 0x0(%rip),%rdi | add $0x4,%rax | xor %eax,%eax | shl $0x2,%rax | cltq | sar %eax | idiv %ecx
compare: cmp $0xc40,%rax | test %rax,%rax | comiss %xmm1,%xmm0 | setne %al
branch: je 0x36 | call conv | ret | jmp 0x10 | bnd jmp 0x10
move: mov %rdi,%rax | movaps %xmm0,%xmm1 | cmova %eax,%edx | mov $0x1,%eax | vmovhlps %xmm0,%xmm1,%xmm2 |
    movslq %eax,%rdx
other: nopl 0x0(%rax) | endbr64 | cs nopw 0x0(%rax,%rax,1) | ud2
""",
}


def examples(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    kind = ""
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            kind, _, line = line.partition(":")
        found.setdefault(kind, []).extend(part.strip() for part in line.strip(" |").split("|"))
    return found


@pytest.mark.parametrize("machine", sorted(EXAMPLES))
def test_examples_of_every_class(machine: str) -> None:
    known = examples(EXAMPLES[machine])
    assert set(known) == set(CLASSES)
    wrong = {
        text: found for kind, texts in known.items() for text in texts if (found := classify(machine, text)) != kind
    }
    assert wrong == {}


def test_an_unknown_architecture_has_no_rules_and_its_instructions_are_other() -> None:
    assert rules("EM_SPARC") == ()
    assert classify("EM_SPARC", "ld [%o0], %o1") == "other"
