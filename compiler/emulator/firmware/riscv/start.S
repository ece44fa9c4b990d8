/* Start-up of a RISC-V core in machine mode: stack, trap vector, FPU and vector unit, initial data, then main. */
    .option arch, +zicsr

    .section .vectors, "ax", @progbits
    .global reset
    .type reset, @function
reset:
    la      sp, __stack_top
    la      t0, fault
    csrw    mtvec, t0
    li      t0, 0x6600              /* mstatus.FS and VS: on; the bits of a unit that is not there stay 0 */
    csrs    mstatus, t0
    call    prepare_memory
    call    main
1:  j       1b
    .size reset, . - reset

    .weak fault
    .balign 4
fault:
2:  j       2b
