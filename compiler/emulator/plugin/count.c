/* A plugin for QEMU's translator: how often every instruction is executed between entry and return of a function.
 *
 * Arguments: out=FILE  low=A  high=B     addresses that are counted one by one, [A, B)
 *            arm=A                       execution of A makes ready: the next entry is the one that counts
 *            begin=A  end=B              entry of the function, and where its caller goes on
 *            marks=A:B:C                 addresses (kernel entries) at which the running total is noted
 *
 * Output, addresses in hexadecimal:
 *            mark ADDRESS TOTAL          instructions executed since `begin`, up to but without the marked one
 *            total N                     ends an interval; there is one per armed call
 *            count ADDRESS N BYTES       of the first interval only, at the end of the file
 *
 * QEMU's header is not part of distributions, so the few declarations needed are here; they are those of version 1 of
 * the plugin interface (QEMU 4.2 to 8.2). */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *),
                                            enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);

EXPORT int qemu_plugin_version = 1;

static FILE *out;
static uint64_t low, high, arm, begin, end;
static uint64_t *marks;
static size_t mark_count;

static uint64_t executed; /* by every instruction of the program */
static uint64_t started;
static uint64_t *counts;   /* per halfword of [low, high) */
static uint8_t *sizes;
static uint64_t *first;    /* the counts of the first interval */
static bool armed, inside;

static void on_arm(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    armed = true;
}

static void on_begin(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (!armed || inside) {
        return;
    }
    armed = false;
    inside = true;
    started = executed;
    if (first == NULL) {
        memset(counts, 0, (high - low) / 2 * sizeof *counts);
    }
}

static void on_end(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    armed = false;
    if (!inside) {
        return;
    }
    inside = false;
    fprintf(out, "total %" PRIu64 "\n", executed - started);
    if (first == NULL) {
        const size_t bytes = (high - low) / 2 * sizeof *counts;
        first = malloc(bytes + 1);
        if (first == NULL) {
            abort();
        }
        memcpy(first, counts, bytes);
    }
}

/* Callbacks of an instruction run before its inline additions: `executed` does not include it yet. */
static void on_mark(unsigned cpu, void *data)
{
    (void)cpu;
    if (inside) {
        fprintf(out, "mark %" PRIx64 " %" PRIu64 "\n", *(uint64_t *)data, executed - started);
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    const size_t count = qemu_plugin_tb_n_insns(block);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(block, i);
        const uint64_t at = qemu_plugin_insn_vaddr(insn);
        if (at == arm) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_arm, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
        if (at == begin) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
        if (at == end) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
        for (size_t k = 0; k < mark_count; k++) {
            if (at == marks[k]) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_NO_REGS, &marks[k]);
            }
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &executed, 1);
        if (at >= low && at < high) {
            const size_t place = (at - low) / 2;
            sizes[place] = (uint8_t)qemu_plugin_insn_size(insn);
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &counts[place], 1);
        }
    }
}

static void on_exit(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    for (size_t i = 0; first != NULL && i < (high - low) / 2; i++) {
        if (first[i] != 0) {
            fprintf(out, "count %" PRIx64 " %" PRIu64 " %u\n", low + 2 * i, first[i], sizes[i]);
        }
    }
    fclose(out);
}

static const char *value_of(const char *argument, const char *name)
{
    const size_t length = strlen(name);
    return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

static void read_marks(const char *text)
{
    char *rest;
    marks = calloc(strlen(text) / 2 + 1, sizeof *marks);
    for (; marks != NULL && *text != '\0'; text = *rest == ':' ? rest + 1 : rest) {
        marks[mark_count++] = strtoull(text, &rest, 16);
        if (rest == text) {
            break;
        }
    }
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"low", &low}, {"high", &high}, {"arm", &arm}, {"begin", &begin}, {"end", &end}};
    for (int i = 0; i < argc; i++) {
        const char *value;
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            if ((value = value_of(argv[i], numbers[k].name)) != NULL) {
                *numbers[k].value = strtoull(value, NULL, 16);
            }
        }
        if ((value = value_of(argv[i], "out")) != NULL) {
            out = fopen(value, "w");
        }
        if ((value = value_of(argv[i], "marks")) != NULL) {
            read_marks(value);
        }
    }
    if (out == NULL || high <= low) {
        fprintf(stderr, "count: out=FILE low=A high=B are needed\n");
        return 1;
    }
    counts = calloc((high - low) / 2 + 1, sizeof *counts);
    sizes = calloc((high - low) / 2 + 1, 1);
    if (counts == NULL || sizes == NULL) {
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
