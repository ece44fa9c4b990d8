/* int measured_call(subject function, intptr_t a, intptr_t b)
 *
 * The same as on Cortex-M, without a timer: paints a part of the free stack, calls, and looks how far the paint is
 * gone. Beginning at the stack pointer, because Linux lets the stack grow page by page. */
#define PAINT 0x57ac57ac
#define PAINTED (256 * 1024)

    .section .note.GNU-stack, "", %progbits
    .text
    .global measured_call
    .global measured_return

#if defined(__x86_64__)
    .type measured_call, @function
measured_call:
    pushq   %rbx
    pushq   %rbp
    pushq   %r12
    movq    %rdi, %r12
    movq    %rsi, %rdi
    movq    %rdx, %rsi

    leaq    -PAINTED(%rsp), %rbx
    movq    %rsp, %rax
1:  subq    $4, %rax
    movl    $PAINT, (%rax)
    cmpq    %rbx, %rax
    ja      1b

    call    *%r12
measured_return:
2:  cmpl    $PAINT, (%rbx)
    jne     3f
    addq    $4, %rbx
    cmpq    %rsp, %rbx
    jb      2b
3:  movq    %rsp, %rcx
    subq    %rbx, %rcx
    movl    %ecx, measured_stack(%rip)

    popq    %r12
    popq    %rbp
    popq    %rbx
    ret
    .size measured_call, . - measured_call

#elif defined(__aarch64__)
    .type measured_call, %function
measured_call:
    stp     x29, x30, [sp, #-32]!
    stp     x19, x20, [sp, #16]
    mov     x19, x0
    mov     x0, x1
    mov     x1, x2

    mov     x9, sp
    sub     x20, x9, #PAINTED
    ldr     w10, =PAINT
1:  str     w10, [x9, #-4]!
    cmp     x9, x20
    b.hi    1b

    blr     x19
measured_return:
    ldr     w10, =PAINT
    mov     x9, sp
2:  ldr     w11, [x20]
    cmp     w11, w10
    b.ne    3f
    add     x20, x20, #4
    cmp     x20, x9
    b.lo    2b
3:  sub     x9, x9, x20
    adrp    x10, measured_stack
    str     w9, [x10, :lo12:measured_stack]

    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #32
    ret
    .pool
    .size measured_call, . - measured_call
#endif
