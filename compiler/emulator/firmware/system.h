/* What the harness needs of the machine below it: files, an end, and a call that is measured. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stddef.h>
#include <stdint.h>

enum { FILE_READ, FILE_WRITE };

int system_open(const char *name, int mode);             /* a handle, or negative */
int system_read(int file, void *data, size_t bytes);     /* 0 when all bytes came */
int system_write(int file, const void *data, size_t bytes);
void system_exit(int status);

typedef int (*subject)(intptr_t a, intptr_t b);

/* Calls function(a, b). Afterwards `measured_stack` is the number of bytes below the caller's stack pointer that the
   function has touched, and `measured_ticks` what the board's timer counted meanwhile. */
int measured_call(subject function, intptr_t a, intptr_t b);
extern volatile uint32_t measured_stack;
extern volatile uint32_t measured_ticks;

#endif
