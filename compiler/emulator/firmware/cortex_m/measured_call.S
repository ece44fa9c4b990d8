/* int measured_call(subject function, intptr_t a, intptr_t b)
 *
 * Paints the free stack, reads the timer, calls, reads the timer, and looks how far down the paint is gone. Only
 * this much is in assembly: no frame of ours lies below the caller's stack pointer, and the emulator's plugin knows
 * by the label `measured_return` when the function has returned. Thumb-1 instructions only, so it serves every M. */
    .syntax unified
    .thumb

    .set PAINT, 0x57ac57ac

    .section .text.measured_call, "ax", %progbits
    .global measured_call
    .global measured_return
    .type measured_call, %function
    .thumb_func
measured_call:
    push    {r4, r5, r6, r7, lr}
    sub     sp, #4                  /* the stack stays aligned to 8 bytes */
    movs    r4, r0
    movs    r0, r1
    movs    r1, r2

    ldr     r5, =__stack_low
    ldr     r6, =PAINT
    mov     r7, sp
1:  str     r6, [r5]
    adds    r5, #4
    cmp     r5, r7
    blo     1b

    ldr     r5, =measured_timer
    ldr     r5, [r5]
    ldr     r6, [r5]
    blx     r4
measured_return:
    ldr     r7, [r5]
    subs    r6, r6, r7              /* the timer counts down */
    ldr     r1, =measured_ticks
    str     r6, [r1]

    ldr     r5, =__stack_low
    ldr     r6, =PAINT
    mov     r7, sp
2:  ldr     r1, [r5]
    cmp     r1, r6
    bne     3f
    adds    r5, #4
    cmp     r5, r7
    blo     2b
3:  subs    r7, r7, r5
    ldr     r1, =measured_stack
    str     r7, [r1]

    add     sp, #4
    pop     {r4, r5, r6, r7, pc}
    .pool
    .size measured_call, . - measured_call

    .section .bss.measured, "aw", %nobits
    .balign 4
    .global measured_ticks
    .global measured_stack
measured_ticks:
    .space 4
measured_stack:
    .space 4
