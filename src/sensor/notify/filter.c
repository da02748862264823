/*
 * filter: builds the seccomp program. In words:
 *
 *     if arch == ours:
 *         if nr >= X32_BIT:  -1, a call that a tracer has taken away: allow
 *                            foreign: allow what is never watched, notify the rest; else ENOSYS
 *         search nr          JGEs over ranges of numbers with the same answer, halving
 *     if arch == i386:       foreign: search nr in ia32's table; else ENOSYS
 *     kill the process
 *     answers of a search:   allow | notify | ENOSYS (io_uring) | a test of the call's arguments
 *     a test:                conditions; all true: notify; else: allow
 *
 * Shape: the program is made from its end to its beginning, so that each jump's targets exist already. A
 * place is named by how many instructions there are from it to the end; names above the greatest length
 * are answers, for which a RET is made, or repeated, where a jump needs it. Conditional jumps reach 255
 * instructions: a target farther away gets a JA in between.
 *
 * Invariant: a number that is not watched is decided by arch and nr alone, by instructions that the
 * kernel's table of constantly allowed calls understands (5.11 on).
 *
 * Sources: seccomp(2), Linux' kernel/seccomp.c, net/core/filter.c.
 */
#include "sensor/notify/filter.h"

#include "sensor/notify/filter_arguments.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "low halves of arguments come first");

#define ANSWER_FIRST (FILTER_LENGTH_MAX + 1)

enum { ALLOW = ANSWER_FIRST, NOTIFY, REFUSE, KILL, ANSWER_END };

static const uint32_t answers[] = {
    [ALLOW - ANSWER_FIRST] = SECCOMP_RET_ALLOW,
    [NOTIFY - ANSWER_FIRST] = SECCOMP_RET_USER_NOTIF,
    [REFUSE - ANSWER_FIRST] = SECCOMP_RET_ERRNO | ENOSYS,
    [KILL - ANSWER_FIRST] = SECCOMP_RET_KILL_PROCESS,
};

/* Up to FILTER_LENGTH_MAX: so many instructions from the end. Else one of the answers. */
typedef uint32_t place;

struct program {
    const struct filter_options *options;
    struct filter filter; /* made from code[FILTER_LENGTH_MAX] backwards */
    bool full;
    place nearest[ANSWER_END - ANSWER_FIRST]; /* a RET of each answer, 0 none */
};

/* Numbers from `first` up to the next range's. */
struct range {
    uint32_t first;
    place target;
};

#define JUMP_MAX 254 /* of a conditional jump, less one that its other target may need */

static place emit(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    if (p->filter.n == FILTER_LENGTH_MAX) {
        p->full = true;
        return p->filter.n;
    }
    p->filter.n++;
    p->filter.code[FILTER_LENGTH_MAX - p->filter.n] =
        (struct sock_filter){ .code = code, .jt = yes, .jf = no, .k = k };
    return p->filter.n;
}

/* What may stand right before the instruction at the place: nothing but it. */
static place next_at(struct program *p, place target)
{
    if (target >= ANSWER_FIRST) {
        uint32_t answer = answers[target - ANSWER_FIRST];
        bool trace = p->options->trace && target == NOTIFY;
        return emit(p, BPF_RET | BPF_K, trace ? SECCOMP_RET_TRACE : answer, 0, 0);
    }
    return target == p->filter.n ? target : emit(p, BPF_JMP | BPF_JA, p->filter.n - target, 0, 0);
}

/* A place that does the same, within reach of a conditional jump. */
static place reach(struct program *p, place target)
{
    if (target < ANSWER_FIRST) {
        return p->filter.n - target <= JUMP_MAX ? target : next_at(p, target);
    }
    place *nearest = &p->nearest[target - ANSWER_FIRST];
    if (!*nearest || p->filter.n - *nearest > JUMP_MAX) {
        *nearest = next_at(p, target);
    }
    return *nearest;
}

static place jump(struct program *p, uint16_t operation, uint32_t k, place yes, place no)
{
    if (yes == no) {
        return yes;
    }
    yes = reach(p, yes);
    no = reach(p, no);
    return emit(p, BPF_JMP | BPF_K | operation, k, (uint8_t)(p->filter.n - yes),
                (uint8_t)(p->filter.n - no));
}

static place load(struct program *p, size_t offset, place next)
{
    next_at(p, next);
    return emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static place load_low(struct program *p, const struct condition *c, place next)
{
    return load(p, offsetof(struct seccomp_data, args) + 8 * (size_t)c->argument, next);
}

static place load_high(struct program *p, const struct condition *c, place next)
{
    return load(p, offsetof(struct seccomp_data, args) + 8 * (size_t)c->argument + 4, next);
}

static place one_of(struct program *p, const struct condition *c, place yes, place no)
{
    for (size_t i = c->nvalues; i-- > 0;) {
        no = jump(p, BPF_JEQ, c->values[i], yes, no);
    }
    return no;
}

static place masked(struct program *p, uint32_t mask, place next)
{
    next_at(p, next);
    return emit(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
}

static place condition(struct program *p, const struct condition *c, place yes, place no)
{
    switch ((enum condition_kind)c->kind) {
    case IF_ANY_BIT:
        return load_low(p, c, jump(p, BPF_JSET, c->value, yes, no));
    case IF_NO_BIT:
        return load_low(p, c, jump(p, BPF_JSET, c->value, no, yes));
    case IF_AT_MOST:
        return load_low(p, c, jump(p, BPF_JGT, c->value, no, yes));
    case IF_ONE_OF:
        return load_low(p, c, one_of(p, c, yes, no));
    case IF_NOT_ONE_OF:
        return load_low(p, c, one_of(p, c, no, yes));
    case IF_BITS_NOT:
        return load_low(p, c, masked(p, c->mask, jump(p, BPF_JEQ, c->value, no, yes)));
    case IF_ONE_OF_LONG:
        yes = load_low(p, c, one_of(p, c, yes, no));
        return load_high(p, c, jump(p, BPF_JEQ, 0, yes, no));
    case IF_NOT_NULL:
        no = load_low(p, c, jump(p, BPF_JEQ, 0, no, yes));
        return load_high(p, c, jump(p, BPF_JEQ, 0, no, yes));
    }
    return yes;
}

/* socketcall is, when one of those it may be is. */
static bool is_chosen(const struct program *p, const struct call *call)
{
    bool chosen = callset_has(&p->options->calls, (size_t)(call - call_table));
    for (uint32_t i = 0; call->name == NAME_socketcall && i < CALL_SOCKETCALLS; i++) {
        const struct call *other = call_of_socketcall(i);
        chosen |= other && callset_has(&p->options->calls, (size_t)(other - call_table));
    }
    return chosen;
}

static place call_target(struct program *p, uint32_t arch, const struct call *call)
{
    if (call->name == NAME_io_uring_setup && p->options->deny_io_uring) {
        return REFUSE;
    }
    if (!is_chosen(p, call)) {
        return ALLOW;
    }
    struct conditions all;
    place target = NOTIFY;
    if (filter_conditions(p->options, arch, call->name, &all)) {
        for (unsigned i = all.n; i-- > 0;) {
            target = condition(p, &all.at[i], target, ALLOW);
        }
    }
    return target;
}

/* From A, the number, to the target of its range. */
static place search(struct program *p, const struct range *ranges, size_t n)
{
    if (n == 1) {
        return ranges[0].target;
    }
    place high = search(p, ranges + n / 2, n - n / 2);
    place low = search(p, ranges, n / 2);
    return jump(p, BPF_JGE, ranges[n / 2].first, high, low);
}

static place numbers(struct program *p, uint32_t arch)
{
    struct range ranges[CALL_NUMBERS + 1] = { { 0, ALLOW } };
    size_t n = 1;
    for (uint32_t nr = 0; nr <= CALL_NUMBERS; nr++) {
        const struct call *call = nr < CALL_NUMBERS ? call_of_number(arch, nr) : NULL;
        place target = call ? call_target(p, arch, call) : ALLOW;
        if (nr == 0) {
            ranges[0].target = target;
        } else if (target != ranges[n - 1].target) {
            ranges[n++] = (struct range){ nr, target };
        }
    }
    return search(p, ranges, n);
}

#ifdef __x86_64__
/* Calls of the x32 convention that are let pass like their likes. */
static place x32(struct program *p)
{
    static const uint16_t never[] = {
        NAME_read,       NAME_write,        NAME_readv,           NAME_writev,  NAME_close,
        NAME_exit,       NAME_rt_sigreturn, NAME_recvfrom,        NAME_recvmsg, NAME_recvmmsg,
        NAME_exit_group, NAME_futex,        NAME_restart_syscall,
    };
    place target = p->options->foreign ? NOTIFY : REFUSE;
    for (uint32_t nr = CALL_X32_BIT; nr < CALL_X32_END && p->options->foreign; nr++) {
        uint16_t name = call_name_of_number(CALL_ARCH_NATIVE, nr);
        for (size_t i = 0; i < COUNT(never); i++) {
            if (name == never[i]) {
                target = jump(p, BPF_JEQ, nr, ALLOW, target);
            }
        }
        if (name == NAME_io_uring_setup && p->options->deny_io_uring) {
            target = jump(p, BPF_JEQ, nr, REFUSE, target);
        }
    }
    return jump(p, BPF_JEQ, UINT32_MAX, ALLOW, target);
}

static place architectures(struct program *p)
{
    size_t nr = offsetof(struct seccomp_data, nr);
    place other = KILL;
    place ia32 = p->options->foreign ? load(p, nr, numbers(p, AUDIT_ARCH_I386)) : REFUSE;
    other = jump(p, BPF_JEQ, AUDIT_ARCH_I386, ia32, other);
    place foreign = x32(p);
    place native = numbers(p, CALL_ARCH_NATIVE);
    native = load(p, nr, jump(p, BPF_JGE, CALL_X32_BIT, foreign, native));
    return jump(p, BPF_JEQ, CALL_ARCH_NATIVE, native, other);
}
#else
static place architectures(struct program *p)
{
    place native = load(p, offsetof(struct seccomp_data, nr), numbers(p, CALL_ARCH_NATIVE));
    return jump(p, BPF_JEQ, CALL_ARCH_NATIVE, native, KILL);
}
#endif

int filter_build(const struct filter_options *options, struct filter *ret, struct err *err)
{
    struct program p = { .options = options };
    load(&p, offsetof(struct seccomp_data, arch), architectures(&p));
    if (p.full) {
        return err_set(err, -E2BIG, "the seccomp filter would have more than %d instructions",
                       FILTER_LENGTH_MAX);
    }
    ret->n = p.filter.n;
    memcpy(ret->code, p.filter.code + FILTER_LENGTH_MAX - p.filter.n,
           p.filter.n * sizeof(*ret->code));
    return 0;
}
