/* Semihosting of a Cortex-M is a breakpoint. A fault ends the run and says where. */
#include "../semihosting.h"

static intptr_t semihosting(intptr_t operation, const void *block)
{
    register intptr_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* `frame` is what the core pushed: r0-r3, r12, lr, pc, xpsr. */
__attribute__((used)) void report_fault(const uint32_t *frame)
{
    end_at(frame[6]);
}

__attribute__((naked)) void fault(void)
{
    __asm volatile("mrs r0, msp\n\tb report_fault");
}
