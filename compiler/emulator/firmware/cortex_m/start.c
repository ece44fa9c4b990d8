/* Start-up of a Cortex-M: vectors, FPU, initial data, then main. */
#include <stdint.h>

extern uint32_t __data_load[], __data_start[], __data_end[];
extern uint32_t __model_bss_start[], __model_bss_end[], __bss_start[], __bss_end[];
extern void __stack_top(void);

int main(void);
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

static void clear(volatile uint32_t *from, const volatile uint32_t *end)
{
    while (from < end) {
        *from++ = 0;
    }
}

__attribute__((noreturn)) void reset(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: full access to the FPU */
    __asm volatile("dsb\n\tisb" ::: "memory");
#endif
    const volatile uint32_t *from = __data_load;
    for (volatile uint32_t *to = __data_start; to < __data_end; to++) {
        *to = *from++;
    }
    clear(__model_bss_start, __model_bss_end);
    clear(__bss_start, __bss_end);
    main();
    for (;;) {
    }
}
