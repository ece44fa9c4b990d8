/* A plugin for QEMU's translator: what is executed between entry and return of a function, instruction by instruction.
 *
 * Arguments: out=FILE  low=A  high=B     addresses that are counted one by one, [A, B)
 *            arm=A                       execution of A makes ready: the next entry is the one that counts
 *            begin=A  end=B              entry of the function, and where its caller goes on
 *            marks=A:B:C                 addresses (kernel entries) at which the running total is noted
 *            flash=A:B[:C:D...]          memory whose lines are followed, [A, B) and so on; without it no `fetch`, `read`
 *
 * Output, addresses in hexadecimal:
 *            mark ADDRESS TOTAL          instructions executed since `begin`, up to but without the marked one
 *            total N                     ends an interval; there is one per armed call
 * and, of the first interval only, before the `mark` or `total` that ends it, what happened since the last one:
 *            count ADDRESS N BYTES TAKEN an instruction: executions, and how often the next one was not the one behind it
 *            fetch BYTES KIND DISTANCE N a line of BYTES was entered N times; KIND is `next` from the line before it by
 *                                        running on, `jump` otherwise. DISTANCE lines were used since its last use: a
 *                                        cache of more lines, oldest out first, has it. `-`: too long ago, or never
 *            read BYTES DISTANCE N       the same for loads of data from flash; 0 is the line of the last one
 *            unaligned ADDRESS N EXTRA   an instruction's accesses that are not aligned to their size, and how many
 *                                        aligned transfers on a 32-bit bus they take beyond one each
 *
 * Counting is inline additions; following the program is one call per translated block, and one per load and store. Branches end blocks. A block that ends for another reason runs on into the address behind it, so nothing
 * is taken there. Instructions under an IT block count whether or not their condition holds.
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
typedef uint32_t qemu_plugin_meminfo_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 }; /* asked for loads alone, QEMU 7.2 tells of stores */
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *),
                                          enum qemu_plugin_cb_flags, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *),
                                            enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
                                      void (*)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *),
                                      enum qemu_plugin_cb_flags, enum qemu_plugin_mem_rw, void *);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);

EXPORT int qemu_plugin_version = 1;

static FILE *out;
static uint64_t low, high, arm, begin, end;
static uint64_t *marks;
static size_t mark_count;
enum { MOST_EDGES = 16 };
static uint64_t flash[MOST_EDGES]; /* pairs of edges */
static size_t flash_edges;

static uint64_t executed; /* by every instruction of the program */
static uint64_t started;
static uint64_t *counts; /* per byte of [low, high): instructions start at any address on x86 */
static uint64_t *taken;
static uint64_t *unaligned;
static uint64_t *extra; /* transfers of the unaligned accesses */
static uint8_t *sizes;
static bool armed, inside, done;

/* A translated block: its first address, the one behind its last instruction, and that instruction's place. */
struct block {
    uint64_t start, end;
    uint64_t *taken; /* NULL outside [low, high) */
};
static const struct block *previous;

/* Lines of memory, the last used one first, and how far down the wanted ones were found. */
enum { DEEPEST = 1024, NEVER = DEEPEST };
enum { NEXT, JUMP, READ, KINDS };
struct lines {
    unsigned shift; /* a line is 1 << shift bytes */
    unsigned known;
    uint64_t used[DEEPEST];
    uint64_t found[KINDS][DEEPEST + 1];
};
static struct lines fetched[] = {{.shift = 4}, {.shift = 5}};
static struct lines loaded[] = {{.shift = 4}, {.shift = 5}};
enum { WIDTHS = sizeof fetched / sizeof *fetched };

static void use(struct lines *lines, uint64_t line, int kind)
{
    unsigned depth = 0;
    while (depth < lines->known && lines->used[depth] != line) {
        depth++;
    }
    if (depth < lines->known) {
        lines->found[kind][depth]++;
    } else {
        lines->found[kind][NEVER]++;
        if (lines->known < DEEPEST) {
            lines->known++;
        } else {
            depth--;
        }
    }
    memmove(lines->used + 1, lines->used, depth * sizeof *lines->used);
    lines->used[0] = line;
}

static bool in_flash(uint64_t address)
{
    for (size_t i = 0; i + 1 < flash_edges; i += 2) {
        if (address >= flash[i] && address < flash[i + 1]) {
            return true;
        }
    }
    return false;
}

/* A bus of 32 bits moves a word at an odd address as byte, halfword, byte; one at a halfword's address as two. */
static void on_access(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    (void)cpu;
    if (!inside || done) {
        return;
    }
    const uint64_t size = UINT64_C(1) << qemu_plugin_mem_size_shift(info);
    if ((address & (size - 1)) != 0) {
        const size_t place = (size_t)((uint64_t *)data - counts);
        unaligned[place]++;
        extra[place] += size == 4 && (address & 1) != 0 ? 2 : 1;
    }
    if (in_flash(address) && !qemu_plugin_mem_is_store(info)) {
        for (size_t i = 0; i < WIDTHS; i++) {
            use(&loaded[i], address >> loaded[i].shift, READ);
        }
    }
}

static void fetch(const struct block *block, bool runs_on)
{
    for (size_t i = 0; i < WIDTHS; i++) {
        struct lines *const lines = &fetched[i];
        const uint64_t last = (block->end - 1) >> lines->shift;
        for (uint64_t line = block->start >> lines->shift; line <= last; line++) {
            if (!(runs_on && lines->known > 0 && lines->used[0] == line)) {
                use(lines, line, runs_on ? NEXT : JUMP);
            }
            runs_on = true;
        }
    }
}

static void on_block(unsigned cpu, void *data)
{
    (void)cpu;
    const struct block *const block = data;
    if (inside && !done) {
        const bool runs_on = previous != NULL && previous->end == block->start;
        if (!runs_on && previous != NULL && previous->taken != NULL) {
            ++*previous->taken;
        }
        if (in_flash(block->start)) {
            fetch(block, runs_on);
        }
    }
    previous = block;
}

static void print_lines(const char *name, const char *kind, struct lines *lines, uint64_t *found)
{
    for (unsigned depth = 0; depth <= NEVER; depth++) {
        if (found[depth] != 0) {
            fprintf(out, "%s %u%s ", name, 1U << lines->shift, kind);
            if (depth == NEVER) {
                fprintf(out, "- %" PRIu64 "\n", found[depth]);
            } else {
                fprintf(out, "%u %" PRIu64 "\n", depth, found[depth]);
            }
            found[depth] = 0;
        }
    }
}

/* What happened since the last call, to the file; the counters start again. */
static void print_part(void)
{
    for (uint64_t i = 0; i < high - low; i++) {
        if (counts[i] != 0) {
            fprintf(out, "count %" PRIx64 " %" PRIu64 " %u %" PRIu64 "\n", low + i, counts[i], sizes[i], taken[i]);
            counts[i] = 0;
            taken[i] = 0;
        }
        if (unaligned[i] != 0) {
            fprintf(out, "unaligned %" PRIx64 " %" PRIu64 " %" PRIu64 "\n", low + i, unaligned[i], extra[i]);
            unaligned[i] = 0;
            extra[i] = 0;
        }
    }
    for (size_t i = 0; i < WIDTHS; i++) {
        print_lines("fetch", " next", &fetched[i], fetched[i].found[NEXT]);
        print_lines("fetch", " jump", &fetched[i], fetched[i].found[JUMP]);
        print_lines("read", "", &loaded[i], loaded[i].found[READ]);
    }
}

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
    if (!done) {
        memset(counts, 0, (high - low) * sizeof *counts);
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
    if (!done) {
        print_part();
        done = true;
    }
    fprintf(out, "total %" PRIu64 "\n", executed - started);
}

/* Callbacks of an instruction run before its inline additions: `executed` does not include it yet. */
static void on_mark(unsigned cpu, void *data)
{
    (void)cpu;
    if (inside) {
        if (!done) {
            print_part();
        }
        fprintf(out, "mark %" PRIx64 " %" PRIu64 "\n", *(uint64_t *)data, executed - started);
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *translated)
{
    (void)id;
    const size_t count = qemu_plugin_tb_n_insns(translated);
    struct block *const block = calloc(1, sizeof *block); /* lives as long as the code that was translated */
    if (block == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(translated, i);
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
        if (i == 0) {
            block->start = at;
        }
        block->end = at + qemu_plugin_insn_size(insn);
        block->taken = NULL;
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &executed, 1);
        if (at >= low && at < high) {
            sizes[at - low] = (uint8_t)qemu_plugin_insn_size(insn);
            block->taken = &taken[at - low];
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &counts[at - low], 1);
            qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                             &counts[at - low]);
        }
    }
    qemu_plugin_register_vcpu_tb_exec_cb(translated, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void on_exit(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fclose(out);
}

static const char *value_of(const char *argument, const char *name)
{
    const size_t length = strlen(name);
    return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

/* Hexadecimal numbers with colons between them; at most `most`. */
static size_t read_numbers(const char *text, uint64_t *numbers, size_t most)
{
    char *rest;
    size_t count = 0;
    for (; *text != '\0' && count < most; text = *rest == ':' ? rest + 1 : rest) {
        numbers[count] = strtoull(text, &rest, 16);
        if (rest == text) {
            break;
        }
        count++;
    }
    return count;
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
                read_numbers(value, numbers[k].value, 1);
            }
        }
        if ((value = value_of(argv[i], "out")) != NULL) {
            out = fopen(value, "w");
        }
        if ((value = value_of(argv[i], "marks")) != NULL) {
            const size_t most = strlen(value) / 2 + 1;
            marks = calloc(most, sizeof *marks);
            mark_count = marks == NULL ? 0 : read_numbers(value, marks, most);
        }
        if ((value = value_of(argv[i], "flash")) != NULL) {
            flash_edges = read_numbers(value, flash, MOST_EDGES);
        }
    }
    if (out == NULL || high <= low) {
        fprintf(stderr, "count: out=FILE low=A high=B are needed\n");
        return 1;
    }
    counts = calloc(high - low, sizeof *counts);
    taken = calloc(high - low, sizeof *taken);
    unaligned = calloc(high - low, sizeof *unaligned);
    extra = calloc(high - low, sizeof *extra);
    sizes = calloc(high - low, 1);
    if (counts == NULL || taken == NULL || unaligned == NULL || extra == NULL || sizes == NULL) {
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
