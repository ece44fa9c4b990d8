/* What C expects of memory when main begins: variables have their initial values, the others are zero. */
#include <stdint.h>

extern uint32_t __data_load[], __data_start[], __data_end[];
extern uint32_t __model_bss_start[], __model_bss_end[], __bss_start[], __bss_end[];

void prepare_memory(void);

static void clear(volatile uint32_t *from, const volatile uint32_t *end)
{
    while (from < end) {
        *from++ = 0;
    }
}

void prepare_memory(void)
{
    const volatile uint32_t *from = __data_load;
    for (volatile uint32_t *to = __data_start; to < __data_end; to++) {
        *to = *from++;
    }
    clear(__model_bss_start, __model_bss_end);
    clear(__bss_start, __bss_end);
}
