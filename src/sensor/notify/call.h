/*
 * call: the system calls that the notify sensor knows, and what it does with each.
 *
 * One table, calls.def, in terms of event names (NAME_openat), so that it holds for every architecture;
 * numbers come from the event module's table of this machine and from ia32.def.
 */
#pragma once

#include "event/kind.h"

#include <linux/audit.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an argument register is; `struct call` has one letter for each, in order. */
enum call_arg {
    ARG_INT = 'i',      /* a number, as it is */
    ARG_FD = 'f',       /* a descriptor */
    ARG_DIRFD = 'd',    /* of the path in the next register; AT_FDCWD */
    ARG_PATH = 'p',     /* NUL-terminated */
    ARG_SOCKADDR = 's', /* its length is in the next register */
    ARG_MSGHDR = 'm',   /* its msg_name */
    ARG_ARGV = 'a',     /* NULL-terminated array of texts */
    ARG_ENVP = 'e',
    ARG_HOW = 'h',   /* struct open_how, its size in the next register */
    ARG_CLONE = 'c', /* struct clone_args, its size in the next register */
    ARG_TEXT = 't',  /* NUL-terminated, no path of the call's (mount's type, memfd_create's name) */
    ARG_STRUCT = 'b', /* bytes whose meaning the call's own reader knows */
    ARG_SKIP = '-',
};

/* How the sensor finds out what came of the call. */
enum call_manner {
    /* Frequent and quick (opens, path calls): evaluated as if it succeeded; run in exact mode only when
     * a rule would match, or the arguments can be raced. */
    MANNER_CONFIRM,
    /* Rare, quick, changes what later events depend on (ids, cwd, sessions, mounts): always exact. */
    MANNER_EXACT,
    /* May sleep for long (connect, accept, sendto): never traced; the result is predicted. */
    MANNER_PREDICT,
    MANNER_EXEC, /* seized, stopped at the exec's own stop */
    MANNER_FORK, /* seized, stopped when the child is there */
};

enum call_flag {
    CALL_STATE = 1 << 0, /* later events need it, whatever the rules want */
    CALL_OPEN = 1 << 1,  /* makes a descriptor of a path */
    CALL_PATHS = 1 << 2, /* about one or two paths */
    CALL_SOCKET = 1 << 3,
    CALL_HIDDEN_BY_DOCKER = 1 << 4, /* refused by Docker's default profile before it is notified */
    CALL_TAMPERS = 1 << 5,          /* can aim at the agent: signals, ptrace */
};

struct call {
    uint16_t name;  /* of the call; call_event_name() is what its event says */
    uint16_t kind;  /* of the exit event; KIND_GENERIC_X where the format has none */
    uint8_t manner; /* enum call_manner */
    uint8_t nargs;
    uint16_t flags; /* enum call_flag */
    const char *args;
};

#define CALLS_MAX    256
#define CALL_NUMBERS 512 /* bound of the numbers of calls, but for their x32 bit */

/* How this machine's own calls are reported. */
#ifdef __x86_64__
#define CALL_ARCH_NATIVE AUDIT_ARCH_X86_64
#define CALL_X32_BIT     UINT32_C(0x40000000) /* in numbers of the x32 convention */
#define CALL_X32_FIRST   512                  /* its own numbers, without the bit */
#define CALL_X32_END     (CALL_X32_BIT + 576) /* bound of them all */
#elif defined(__aarch64__)
#define CALL_ARCH_NATIVE AUDIT_ARCH_AARCH64
#endif

extern const struct call call_table[];
extern const size_t call_count;

/* evt.type of its events: the kind's, or its own name where the format has none. fchmodat2 is told as
 * fchmodat. */
static inline uint16_t call_event_name(const struct call *call)
{
    return call->kind == KIND_GENERIC_X ? call->name : kind_table[call->kind].name_id;
}

/* NULL: not a call of this sensor. */
const struct call *call_find(uint16_t name);
/* The call of a number as the filter reports it. `arch` is AUDIT_ARCH_*. For ia32's socketcall and ipc
 * the caller has to look at the arguments first: NAME_socketcall. NULL: none of ours. */
const struct call *call_of_number(uint32_t arch, uint32_t nr);
/* The same as a name, of calls that are none of ours too; NAME_NONE unknown. */
uint16_t call_name_of_number(uint32_t arch, uint32_t nr);
/* What ia32's socketcall is, by its first argument; NULL: none of ours. */
#define CALL_SOCKETCALLS 32 /* bound of these */
const struct call *call_of_socketcall(uint32_t operation);
/* First number on an architecture (without the x32 bit), -1 when it has none. */
int call_number(uint32_t arch, const struct call *call);

/* A set of calls, by index in call_table. */
struct callset {
    uint64_t bits[CALLS_MAX / 64];
};

static inline bool callset_has(const struct callset *set, size_t index)
{
    return set->bits[index / 64] >> (index % 64) & 1;
}

static inline void callset_add(struct callset *set, size_t index)
{
    set->bits[index / 64] |= UINT64_C(1) << (index % 64);
}

/* Those that state needs. */
void callset_state(struct callset *ret);
/* All of the table: rules that arrive later work without a restart. */
void callset_all(struct callset *ret);
/* Adds the calls whose events have this name. False: this sensor cannot see it. */
bool callset_add_name(struct callset *set, uint16_t name);
