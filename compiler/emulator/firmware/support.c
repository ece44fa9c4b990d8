/* memcpy and friends, for targets whose compiler comes without a C library. A library, so that an unused one costs
   nothing. -fno-builtin keeps compilers from turning the loops into calls of themselves. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    if ((((uintptr_t)t | (uintptr_t)f) & 3u) == 0) {
        for (; bytes >= 4; bytes -= 4, t += 4, f += 4) {
            *(uint32_t *)(void *)t = *(const uint32_t *)(const void *)f;
        }
    }
    while (bytes-- > 0) {
        *t++ = *f++;
    }
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    unsigned char *t = to;
    const uint32_t word = (uint32_t)(unsigned char)value * 0x01010101u;
    if (((uintptr_t)t & 3u) == 0) {
        for (; bytes >= 4; bytes -= 4, t += 4) {
            *(uint32_t *)(void *)t = word;
        }
    }
    while (bytes-- > 0) {
        *t++ = (unsigned char)value;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f || t >= f + bytes) {
        return memcpy(to, from, bytes);
    }
    while (bytes-- > 0) {
        t[bytes] = f[bytes];
    }
    return to;
}

#ifdef __ARM_EABI__
void __aeabi_memcpy(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}
void __aeabi_memcpy4(void *to, const void *from, size_t bytes) __attribute__((alias("__aeabi_memcpy")));
void __aeabi_memcpy8(void *to, const void *from, size_t bytes) __attribute__((alias("__aeabi_memcpy")));

void __aeabi_memmove(void *to, const void *from, size_t bytes)
{
    memmove(to, from, bytes);
}
void __aeabi_memmove4(void *to, const void *from, size_t bytes) __attribute__((alias("__aeabi_memmove")));
void __aeabi_memmove8(void *to, const void *from, size_t bytes) __attribute__((alias("__aeabi_memmove")));

/* The order of the arguments is the run-time ABI's, not memset's. */
void __aeabi_memset(void *to, size_t bytes, int value)
{
    memset(to, value, bytes);
}
void __aeabi_memset4(void *to, size_t bytes, int value) __attribute__((alias("__aeabi_memset")));
void __aeabi_memset8(void *to, size_t bytes, int value) __attribute__((alias("__aeabi_memset")));

void __aeabi_memclr(void *to, size_t bytes)
{
    memset(to, 0, bytes);
}
void __aeabi_memclr4(void *to, size_t bytes) __attribute__((alias("__aeabi_memclr")));
void __aeabi_memclr8(void *to, size_t bytes) __attribute__((alias("__aeabi_memclr")));
#endif
