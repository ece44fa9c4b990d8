/* The first instructions of a Linux process: an aligned stack, then begin() in system.c. */
    .section .note.GNU-stack, "", %progbits
    .text
    .global _start
#if defined(__x86_64__)
    .type _start, @function
_start:
    xorl    %ebp, %ebp
    andq    $-16, %rsp
    call    begin
#elif defined(__aarch64__)
    .type _start, %function
_start:
    mov     x29, #0
    mov     x30, #0
    bl      begin
#endif
