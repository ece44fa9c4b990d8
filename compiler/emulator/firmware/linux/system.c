/* Linux by its system calls alone, so that the program needs no C library and its addresses are fixed. A signal that
   says that the program is wrong ends the run and says where. */
#include "../system.h"

#if defined(__x86_64__)
enum { CALL_READ = 0, CALL_WRITE = 1, CALL_RT_SIGACTION = 13, CALL_EXIT_GROUP = 231, CALL_OPENAT = 257 };
#define PC_IN_CONTEXT 168 /* ucontext: flags, link, stack, then registers; rip is number 16 of them */
#elif defined(__aarch64__)
enum { CALL_OPENAT = 56, CALL_READ = 63, CALL_WRITE = 64, CALL_EXIT_GROUP = 94, CALL_RT_SIGACTION = 134 };
#define PC_IN_CONTEXT 440 /* ucontext: flags, link, stack, signals, fault address, 31 registers, sp, pc */
#else
#error "no system calls for this processor"
#endif

enum { AT_FDCWD = -100, O_WRONLY_CREAT_TRUNC = 01101, PERMISSIONS = 0644, FAULT = 3 };
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11 };
#define SA_SIGINFO 4ul
#define SA_RESTORER 0x04000000ul

int main(void);
void begin(void);

volatile uint32_t measured_stack;
volatile uint32_t measured_ticks;

static intptr_t call(intptr_t number, intptr_t a, intptr_t b, intptr_t c, intptr_t d)
{
#if defined(__x86_64__)
    register intptr_t r10 __asm("r10") = d;
    __asm volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return number;
#else
    register intptr_t x8 __asm("x8") = number;
    register intptr_t x0 __asm("x0") = a;
    register intptr_t x1 __asm("x1") = b;
    register intptr_t x2 __asm("x2") = c;
    register intptr_t x3 __asm("x3") = d;
    __asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#endif
}

int system_open(const char *name, int mode)
{
    return (int)call(CALL_OPENAT, AT_FDCWD, (intptr_t)name, mode == FILE_READ ? 0 : O_WRONLY_CREAT_TRUNC, PERMISSIONS);
}

static int transfer(intptr_t number, int file, intptr_t data, size_t bytes)
{
    while (bytes > 0) {
        const intptr_t done = call(number, file, data, (intptr_t)bytes, 0);
        if (done <= 0) {
            return 1;
        }
        data += done;
        bytes -= (size_t)done;
    }
    return 0;
}

int system_read(int file, void *data, size_t bytes)
{
    return transfer(CALL_READ, file, (intptr_t)data, bytes);
}

int system_write(int file, const void *data, size_t bytes)
{
    return transfer(CALL_WRITE, file, (intptr_t)data, bytes);
}

void system_exit(int status)
{
    for (;;) {
        call(CALL_EXIT_GROUP, status, 0, 0, 0);
    }
}

static void on_signal(int number, void *information, void *context)
{
    (void)number;
    (void)information;
    const int file = system_open("fault.bin", FILE_WRITE);
    if (file >= 0) {
        system_write(file, (const char *)context + PC_IN_CONTEXT, sizeof(uint64_t));
    }
    system_exit(FAULT);
}

__attribute__((used, noreturn)) void begin(void)
{
    static const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
    /* The handler never returns, so that what it would return to does not matter, but x86 wants one. */
    const struct {
        void (*handler)(int, void *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {on_signal, SA_SIGINFO | SA_RESTORER, begin, 0};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        call(CALL_RT_SIGACTION, signals[i], (intptr_t)&action, 0, sizeof action.mask);
    }
    system_exit(main());
    for (;;) {
    }
}
