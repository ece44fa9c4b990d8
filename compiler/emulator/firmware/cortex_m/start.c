/* Start-up of a Cortex-M: vectors, FPU, initial data, then main. */
#include <stdint.h>

extern void __stack_top(void);

int main(void);
void prepare_memory(void);
void reset(void);
void fault(void);

__attribute__((weak, used, noreturn)) void fault(void)
{
    for (;;) {
    }
}

__attribute__((used, section(".vectors"))) void (*const vectors[16])(void) = {
    __stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault,
};

__attribute__((noreturn)) void reset(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: full access to the FPU */
    __asm volatile("dsb\n\tisb" ::: "memory");
#endif
#if __ARM_ARCH == 6
    *(volatile uint32_t *)0xE000ED14u |= 1u << 3; /* CCR.UNALIGN_TRP: a larger core in its place is to trap as it does */
#endif
    prepare_memory();
    main();
    for (;;) {
    }
}
