/* Semihosting of RISC-V is a breakpoint between two instructions that do nothing. A trap ends the run and says where. */
#include "../semihosting.h"

/* The first three instructions must be whole words and lie on one page. */
intptr_t request(intptr_t operation, const void *block);
__asm(".text\n\t.balign 16\n\t.type request, @function\n"
      "request:\n\t.option push\n\t.option norvc\n\t"
      "slli zero, zero, 0x1f\n\tebreak\n\tsrai zero, zero, 0x7\n\tret\n\t"
      ".option pop\n\t.size request, . - request");

static intptr_t semihosting(intptr_t operation, const void *block)
{
    return request(operation, block);
}

__attribute__((used)) void report_fault(uintptr_t pc)
{
    end_at(pc);
}

/* The stack may be what is wrong: begin a new one. */
__attribute__((naked, aligned(4))) void fault(void)
{
    __asm volatile(".option push\n\t.option arch, +zicsr\n\tcsrr a0, mepc\n\tla sp, __stack_top\n\tj report_fault\n\t.option pop");
}
