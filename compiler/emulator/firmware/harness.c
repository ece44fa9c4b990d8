/* Runs the model in three ways over the vectors of a file and writes down everything it computes.
 *
 * vectors.bin:  count, then per vector the bytes of every input as they lie in the model's input buffer.
 * results.bin:  per vector
 *                   layer by layer: the bytes of the layer's output slots, then status, ticks of the layer
 *                   the outputs: after the layers one by one, after run, and of the first SUBJECT_THOROUGH vectors once more
 *                   after run on outside buffers
 *                   struct summary
 *               and at the end the ticks of calls that do nothing.
 *
 * Before each run the arena holds a pattern that is a NaN as a float and nonsense as an integer: what is read before
 * it is written shows. Outside buffers are aligned to four bytes and no more, and lie between guard words. */
#include "subject.h"
#include "system.h"

#define POISON 0x7FC0DEADu
#define GUARD 0xA5C3F00Du
#define GUARD_WORDS 5 /* odd: what follows is aligned to four bytes, not to eight */

#define BAD_FILE 4

struct summary {
    uint32_t status;     /* 0, or the first code below zero that a call returned */
    uint32_t predicted;  /* what predict returned */
    uint32_t stack;      /* bytes that run needed */
    uint32_t ticks;      /* of run */
    uint32_t guards;     /* words around outside buffers that changed, inputs included */
    uint32_t magic;
};

static uint32_t outside[SUBJECT_OUTSIDE_WORDS] __attribute__((aligned(16)));
#ifdef SUBJECT_SET_ARENA
static unsigned char arena_memory[SUBJECT_ARENA_BYTES] __attribute__((aligned(16)));
#endif

/* Where the plugin starts to count is the entry of run; `volatile` keeps this from being folded away. */
static uint32_t dummy_timer;
volatile uint32_t *volatile measured_timer = &dummy_timer;

static int results;

static void put(const void *data, size_t bytes)
{
    if (system_write(results, data, bytes) != 0) {
        system_exit(BAD_FILE);
    }
}

static void copy(void *to, const void *from, size_t bytes)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    while (bytes-- > 0) {
        *t++ = *f++;
    }
}

static void fill(void *to, uint32_t word, size_t bytes)
{
    unsigned char *t = to;
    for (size_t i = 0; i < bytes; i++) {
        t[i] = (unsigned char)(word >> (8 * (i & 3)));
    }
}

/* Outside memory: guard, input 0, guard, input 1, ..., guard, output 0, guard, ... */
static uint32_t *outside_buffer(int which)
{
    uint32_t *at = outside + GUARD_WORDS;
    for (int i = 0; i < which; i++) {
        at += (subject_buffers[i] + 3) / 4 + GUARD_WORDS;
        at += ((at - outside) & 1) == 0; /* an odd number of words from an aligned start */
    }
    return at;
}

static void prepare(void)
{
    fill(SUBJECT_ARENA(), POISON, SUBJECT_ARENA_BYTES);
    for (int i = 0; i < SUBJECT_INPUTS; i++) {
        copy(SUBJECT_INPUT(i), outside_buffer(i), subject_buffers[i]);
    }
}

static void write_outputs(void)
{
    for (int i = 0; i < SUBJECT_OUTPUTS; i++) {
        put(SUBJECT_OUTPUT(i), subject_buffers[SUBJECT_INPUTS + i]);
    }
}

static int note(struct summary *summary, int status)
{
    if (status != 0 && summary->status == 0) {
        summary->status = (uint32_t)status;
    }
    return status;
}

static int call_layer(intptr_t layer, intptr_t unused)
{
    (void)unused;
    return SUBJECT_RUN_LAYER((int)layer);
}

static int call_run(intptr_t inputs, intptr_t outputs)
{
    return SUBJECT_RUN((const void *const *)inputs, (void *const *)outputs);
}

static int call_nothing(intptr_t a, intptr_t b)
{
    (void)a;
    (void)b;
    return 0;
}

static void run_layers(struct summary *summary)
{
    const struct slot *slot = subject_slots;
    prepare();
    for (int layer = 0; layer < SUBJECT_LAYERS; layer++) {
        note(summary, measured_call(call_layer, layer, 0));
        const uint32_t ticks = measured_ticks;
        for (int i = 0; i < subject_layer_slots[layer]; i++, slot++) {
            put((const char *)SUBJECT_ARENA() + slot->offset, slot->size);
        }
        put(&ticks, sizeof ticks);
    }
    write_outputs();
}

static void run_whole(struct summary *summary)
{
    prepare();
    note(summary, measured_call(call_run, 0, 0));
    summary->stack = measured_stack;
    summary->ticks = measured_ticks;
    write_outputs();
}

/* With buffers of the caller's, and the ones in the arena poisoned. */
static void run_outside(struct summary *summary)
{
    const void *inputs[SUBJECT_INPUTS + 1];
    void *outputs[SUBJECT_OUTPUTS + 1];
    fill(SUBJECT_ARENA(), POISON, SUBJECT_ARENA_BYTES);
    for (int i = 0; i < SUBJECT_INPUTS; i++) {
        inputs[i] = outside_buffer(i);
    }
    for (int i = 0; i < SUBJECT_OUTPUTS; i++) {
        outputs[i] = outside_buffer(SUBJECT_INPUTS + i);
        fill(outputs[i], POISON, subject_buffers[SUBJECT_INPUTS + i]);
    }
    note(summary, SUBJECT_RUN(inputs, outputs));
    for (int i = 0; i < SUBJECT_OUTPUTS; i++) {
        put(outputs[i], subject_buffers[SUBJECT_INPUTS + i]);
    }
}

/* Guard words and inputs that are not what they were. */
static uint32_t checksum(void)
{
    uint32_t sum = 0;
    for (int i = 0; i < SUBJECT_INPUTS; i++) {
        const unsigned char *at = (const unsigned char *)outside_buffer(i);
        for (uint32_t k = 0; k < subject_buffers[i]; k++) {
            sum = sum * 31u + at[k];
        }
    }
    return sum;
}

static uint32_t changed_guards(void)
{
    uint32_t changed = 0;
    const uint32_t *at = outside;
    for (int i = 0; i <= SUBJECT_INPUTS + SUBJECT_OUTPUTS; i++) {
        const uint32_t *const end = i < SUBJECT_INPUTS + SUBJECT_OUTPUTS ? outside_buffer(i) : at + GUARD_WORDS;
        for (; at < end; at++) {
            changed += *at != GUARD;
        }
        if (i < SUBJECT_INPUTS + SUBJECT_OUTPUTS) {
            at += (subject_buffers[i] + 3) / 4;
        }
    }
    return changed;
}

int main(void)
{
    uint32_t count;
    const int vectors = system_open("vectors.bin", FILE_READ);
    results = system_open("results.bin", FILE_WRITE);
    if (vectors < 0 || results < 0 || system_read(vectors, &count, sizeof count) != 0) {
        system_exit(BAD_FILE);
    }
#ifdef SUBJECT_TIMER
    volatile uint32_t *const timer = (volatile uint32_t *)SUBJECT_TIMER;
    timer[2] = 0xFFFFFFFFu; /* reload */
    timer[1] = 0xFFFFFFFFu; /* value */
    timer[0] = 1;           /* enable */
    measured_timer = &timer[1];
#endif
#ifdef SUBJECT_SET_ARENA
    SUBJECT_SET_ARENA(arena_memory);
#endif
    fill(outside, GUARD, sizeof outside);

    for (uint32_t vector = 0; vector < count; vector++) {
        struct summary summary = {0, 0xFFFFFFFFu, 0, 0, 0, POISON};
        for (int i = 0; i < SUBJECT_INPUTS; i++) {
            if (system_read(vectors, outside_buffer(i), subject_buffers[i]) != 0) {
                system_exit(BAD_FILE);
            }
        }
        const uint32_t before = checksum();
        run_layers(&summary);
        run_whole(&summary);
        if (vector < SUBJECT_THOROUGH) {
            run_outside(&summary);
#ifdef SUBJECT_PREDICT
            summary.predicted = (uint32_t)SUBJECT_PREDICT((const float *)(const void *)outside_buffer(0));
#endif
        }
        summary.guards = changed_guards() + (checksum() != before);
        put(&summary, sizeof summary);
    }

    measured_call(call_nothing, 0, 0);
    const uint32_t nothing = measured_ticks;
    measured_call(call_layer, SUBJECT_LAYERS, 0); /* no such layer: only the way there */
    const uint32_t no_layer = measured_ticks;
    put(&nothing, sizeof nothing);
    put(&no_layer, sizeof no_layer);
    system_exit(0);
    return 0;
}
