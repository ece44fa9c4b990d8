/* int measured_call(subject function, intptr_t a, intptr_t b)
 *
 * The same as on Cortex-M; the timer is the core's own counter of instructions. */
    .option arch, +zicsr

#if __riscv_xlen == 64
#define STORE sd
#define LOAD  ld
#else
#define STORE sw
#define LOAD  lw
#endif
#define WORD (__riscv_xlen / 8)
#define PAINT 0x57ac57ac

    .section .text.measured_call, "ax", @progbits
    .global measured_call
    .global measured_return
    .type measured_call, @function
measured_call:
    addi    sp, sp, -48
    STORE   ra, 0(sp)
    STORE   s0, WORD(sp)
    STORE   s1, 2*WORD(sp)
    mv      s0, a0
    mv      a0, a1
    mv      a1, a2

    la      t0, __stack_low
    li      t1, PAINT
1:  sw      t1, 0(t0)
    addi    t0, t0, 4
    bltu    t0, sp, 1b

    csrr    s1, minstret
    jalr    s0
measured_return:
    csrr    t0, minstret
    sub     t0, t0, s1
    la      t1, measured_ticks
    sw      t0, 0(t1)

    la      t0, __stack_low
    li      t1, PAINT
2:  lw      t2, 0(t0)
    bne     t2, t1, 3f
    addi    t0, t0, 4
    bltu    t0, sp, 2b
3:  sub     t0, sp, t0
    la      t1, measured_stack
    sw      t0, 0(t1)

    LOAD    ra, 0(sp)
    LOAD    s0, WORD(sp)
    LOAD    s1, 2*WORD(sp)
    addi    sp, sp, 48
    ret
    .size measured_call, . - measured_call

    .section .bss.measured, "aw", @nobits
    .balign 4
    .global measured_ticks
    .global measured_stack
measured_ticks:
    .space 4
measured_stack:
    .space 4
