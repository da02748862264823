/*
 * filter_arguments: the tests of arguments, one table, and three that depend on the options.
 *
 * A call is left out where its arguments alone show that no rule can want it: it asks instead of acts
 * (signal 0, a limit only read), it names nobody (data sent on a connected socket), or it touches no
 * standard descriptor. Pointers' targets cannot be looked at here.
 *
 *     clone        not CLONE_THREAD, when births of threads are not wanted
 *     open, openat by access mode and O_CREAT, O_TRUNC, when only readers or writers are wanted
 *     socket       of the families that are wanted
 *     dup2, dup3   onto 0, 1 or 2; fcntl: F_DUPFD, F_DUPFD_CLOEXEC that can yield these. dup: always,
 *                  it takes the lowest that is free
 *     sendto       with an address
 *     mmap, mmap2  of a file, to be executed; ia32's mmap always: its arguments lie in memory
 *     kill family  not signal 0; tkill, tgkill: nor SIGURG, with which Go preempts its own threads
 *                  100 times a second and which nobody dies of
 *     ptrace       what attaches, or changes memory or registers; not peeking, going on, asking
 *     prctl        what changes name, privileges, protection, who may trace and who gets orphans
 *     prlimit      that sets
 *     seccomp      that sets
 *     socketcall   that is one of the calls chosen
 *
 * Sources: the calls' manual pages, Linux' include/uapi.
 */
#include "sensor/notify/filter_arguments.h"

#include <fcntl.h>
#include <linux/net.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>

#define COUNT(array)  (sizeof(array) / sizeof(*(array)))
#define VALUES(array) .nvalues = COUNT(array), .values = (array)

struct entry {
    uint16_t name;
    uint16_t n;
    struct condition at[CONDITIONS_MAX];
};

static const uint32_t signal_none[] = { 0 };
static const uint32_t signal_none_or_urgent[] = { 0, SIGURG };
static const uint32_t fcntl_duplicates[] = { F_DUPFD, F_DUPFD_CLOEXEC };
/* Numbers of requests: <sys/ptrace.h> and <linux/ptrace.h> do not go together. TRACEME, POKETEXT,
 * POKEDATA, POKEUSR, KILL, SETREGS, SETFPREGS, ATTACH, SETFPXREGS, SETREGSET, SEIZE; 12 to 19 are
 * x86's. */
static const uint32_t ptrace_acts[] = { 0, 4, 5, 6, 8, 13, 15, 16, 19, 0x4205, 0x4206 };
static const uint32_t prctl_acts[] = {
    PR_SET_DUMPABLE, PR_SET_KEEPCAPS,     PR_SET_NAME,    PR_SET_SECCOMP,
    PR_CAPBSET_DROP, PR_SET_SECUREBITS,   PR_SET_MM,      PR_SET_CHILD_SUBREAPER,
    PR_CAP_AMBIENT,  PR_SET_NO_NEW_PRIVS, PR_SET_PTRACER,
};
static const uint32_t seccomp_acts[] = { 0, 1 };

#define A_MAPPED_FILE                                                                              \
    {                                                                                              \
        { .kind = IF_ANY_BIT, .argument = 2, .value = PROT_EXEC },                                 \
            { .kind = IF_NO_BIT, .argument = 3, .value = MAP_ANONYMOUS },                          \
            { .kind = IF_NO_BIT, .argument = 4, .value = UINT32_C(1) << 31 },                      \
    }
#define NOT_SIGNAL(i, array)                                                                       \
    {                                                                                              \
        { .kind = IF_NOT_ONE_OF, .argument = (i), VALUES(array) },                                 \
    }

static const struct entry entries[] = {
    { NAME_dup2, 1, { { .kind = IF_AT_MOST, .argument = 1, .value = 2 } } },
    { NAME_dup3, 1, { { .kind = IF_AT_MOST, .argument = 1, .value = 2 } } },
    { NAME_fcntl,
      2,
      { { .kind = IF_ONE_OF, .argument = 1, VALUES(fcntl_duplicates) },
        { .kind = IF_AT_MOST, .argument = 2, .value = 2 } } },
    { NAME_sendto, 1, { { .kind = IF_NOT_NULL, .argument = 4 } } },
    { NAME_mmap, 3, A_MAPPED_FILE },
    { NAME_mmap2, 3, A_MAPPED_FILE },
    { NAME_kill, 1, NOT_SIGNAL(1, signal_none) },
    { NAME_rt_sigqueueinfo, 1, NOT_SIGNAL(1, signal_none) },
    { NAME_rt_tgsigqueueinfo, 1, NOT_SIGNAL(2, signal_none) },
    { NAME_pidfd_send_signal, 1, NOT_SIGNAL(1, signal_none) },
    { NAME_tkill, 1, NOT_SIGNAL(1, signal_none_or_urgent) },
    { NAME_tgkill, 1, NOT_SIGNAL(2, signal_none_or_urgent) },
    { NAME_ptrace, 1, { { .kind = IF_ONE_OF_LONG, .argument = 0, VALUES(ptrace_acts) } } },
    { NAME_prctl, 1, { { .kind = IF_ONE_OF, .argument = 0, VALUES(prctl_acts) } } },
    { NAME_prlimit, 1, { { .kind = IF_NOT_NULL, .argument = 2 } } },
    { NAME_seccomp, 1, { { .kind = IF_ONE_OF, .argument = 0, VALUES(seccomp_acts) } } },
};

static bool open_conditions(uint8_t opens, uint8_t flags, struct conditions *ret)
{
    if (opens == FILTER_OPEN_WRITE) {
        ret->at[0] = (struct condition){
            .kind = IF_ANY_BIT,
            .argument = flags,
            .value = O_ACCMODE | O_CREAT | O_TRUNC,
        };
    } else if (opens == FILTER_OPEN_READ) {
        ret->at[0] = (struct condition){
            .kind = IF_BITS_NOT,
            .argument = flags,
            .mask = O_ACCMODE,
            .value = O_WRONLY,
        };
    } else {
        return false;
    }
    ret->n = 1;
    return true;
}

/* The list of those wanted, or of those not, when the open end of all higher families is wanted. */
static bool socket_conditions(uint64_t families, struct conditions *ret)
{
    bool open_end = families & FILTER_FAMILY(FILTER_FAMILY_LAST);
    if (families == 0 || families == UINT64_MAX) {
        return false;
    }
    uint16_t n = 0;
    for (uint32_t family = 0; family < FILTER_FAMILY_LAST; family++) {
        bool wanted = families & FILTER_FAMILY(family);
        if (wanted != open_end) {
            ret->storage[n++] = family;
        }
    }
    ret->at[0] = (struct condition){
        .kind = open_end ? IF_NOT_ONE_OF : IF_ONE_OF,
        .argument = 0,
        .nvalues = n,
        .values = ret->storage,
    };
    ret->n = 1;
    return true;
}

static bool clone_conditions(bool skip_threads, struct conditions *ret)
{
    ret->at[0] = (struct condition){ .kind = IF_NO_BIT, .argument = 0, .value = CLONE_THREAD };
    ret->n = skip_threads;
    return skip_threads;
}

/* The operations that are, or may be, a call of the set. */
static bool socketcall_conditions(const struct callset *calls, struct conditions *ret)
{
    uint16_t n = 0;
    for (uint32_t operation = 0; operation < CALL_SOCKETCALLS; operation++) {
        const struct call *call = call_of_socketcall(operation);
        if (call && callset_has(calls, (size_t)(call - call_table))) {
            ret->storage[n++] = operation;
        }
    }
    ret->at[0] = (struct condition){
        .kind = IF_ONE_OF,
        .argument = 0,
        .nvalues = n,
        .values = ret->storage,
    };
    ret->n = 1;
    return true;
}

bool filter_conditions(const struct filter_options *options, uint32_t arch, uint16_t name,
                       struct conditions *ret)
{
    bool in_memory = arch == AUDIT_ARCH_I386 && name == NAME_mmap;
    ret->n = 0;
    if (!options->test_arguments || in_memory) {
        return false;
    }
    switch (name) {
    case NAME_clone:
        return clone_conditions(options->skip_threads, ret);
    case NAME_open:
        return open_conditions(options->opens, 1, ret);
    case NAME_openat:
        return open_conditions(options->opens, 2, ret);
    case NAME_socket:
        return socket_conditions(options->socket_families, ret);
    case NAME_socketcall:
        return socketcall_conditions(&options->calls, ret);
    }
    for (size_t i = 0; i < COUNT(entries); i++) {
        if (entries[i].name == name) {
            ret->n = entries[i].n;
            for (unsigned j = 0; j < ret->n; j++) {
                ret->at[j] = entries[i].at[j];
            }
            return true;
        }
    }
    return false;
}
