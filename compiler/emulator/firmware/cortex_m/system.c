/* Files through semihosting: a breakpoint that the emulator answers. A fault ends the run and says where. */
#include "../system.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { OPEN_RB = 1, OPEN_WB = 5, APPLICATION_EXIT = 0x20026 };

static intptr_t semihosting(int operation, const void *block)
{
    register intptr_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int system_open(const char *name, int mode)
{
    size_t length = 0;
    while (name[length] != '\0') {
        length++;
    }
    const uintptr_t block[3] = {(uintptr_t)name, mode == FILE_READ ? OPEN_RB : OPEN_WB, length};
    return (int)semihosting(SYS_OPEN, block);
}

/* Both calls return the number of bytes that were not transferred. */
int system_read(int file, void *data, size_t bytes)
{
    const uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)data, bytes};
    return bytes != 0 && semihosting(SYS_READ, block) != 0;
}

int system_write(int file, const void *data, size_t bytes)
{
    const uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)data, bytes};
    return bytes != 0 && semihosting(SYS_WRITE, block) != 0;
}

void system_exit(int status)
{
    const uintptr_t block[2] = {APPLICATION_EXIT, (uintptr_t)status};
    semihosting(SYS_EXIT_EXTENDED, block);
}

/* `frame` is what the core pushed: r0-r3, r12, lr, pc, xpsr. */
__attribute__((used)) void report_fault(const uint32_t *frame)
{
    const int file = system_open("fault.bin", FILE_WRITE);
    if (file >= 0) {
        system_write(file, &frame[5], 8); /* lr, pc */
    }
    system_exit(3);
}

__attribute__((naked)) void fault(void)
{
    __asm volatile("mrs r0, msp\n\tb report_fault");
}
