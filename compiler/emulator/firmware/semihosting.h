/* Files through semihosting: requests that the emulator answers. The including file defines `semihosting`, which hands
   over the operation and the address of its arguments. */
#include "system.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { OPEN_RB = 1, OPEN_WB = 5, APPLICATION_EXIT = 0x20026, FAULT = 3 };

static intptr_t semihosting(intptr_t operation, const void *block);

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

/* Ends the run and says where the fault was. */
__attribute__((noreturn)) static void end_at(uint64_t pc)
{
    const int file = system_open("fault.bin", FILE_WRITE);
    if (file >= 0) {
        system_write(file, &pc, sizeof pc);
    }
    system_exit(FAULT);
    for (;;) {
    }
}
