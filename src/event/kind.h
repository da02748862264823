/*
 * kind: the table of event kinds and their parameters.
 *
 * Kinds are numbered as in `.scap` captures (PPME_*, even: enter, odd: exit), so that a capture's
 * event is ours without conversion. The table holds the newest parameter list of each kind; older
 * captures carry a prefix of it. Hinomi's own kinds start at KIND_OWN_FIRST and never appear in
 * foreign captures.
 *
 * Many kinds share one *name*, the value of evt.type: rules are filed under names. Names below
 * SYSCALL_CODE_MAX are the codes of system calls (PPM_SC_*), which generic events (kinds 0 and 1)
 * carry in their first parameter; the others follow.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KIND_MAX        512
#define KIND_OWN_FIRST  480
#define KIND_PARAMS_MAX 32

#define SYSCALL_CODE_MAX 512
#define NAME_MAX_ID      640 /* exclusive bound of name ids: sizes bit sets */
#define NAME_NONE        0xffff

/* Encoding of a parameter; the values are those of the format (PT_*). */
enum param_type {
    PARAM_NONE = 0,
    PARAM_INT8 = 1,
    PARAM_INT16 = 2,
    PARAM_INT32 = 3,
    PARAM_INT64 = 4,
    PARAM_UINT8 = 5,
    PARAM_UINT16 = 6,
    PARAM_UINT32 = 7,
    PARAM_UINT64 = 8,
    PARAM_CHARBUF = 9, /* text with its NUL */
    PARAM_BYTEBUF = 10,
    PARAM_ERRNO = 11,     /* int64: result or -errno */
    PARAM_SOCKADDR = 12,  /* u8 family, then address, port (little endian) or path */
    PARAM_SOCKTUPLE = 13, /* u8 family, then source and destination */
    PARAM_FD = 14,        /* int64 */
    PARAM_PID = 15,       /* int64 */
    PARAM_FDLIST = 16,    /* u16 count, then (int64 fd, int16 flags) */
    PARAM_FSPATH = 17,    /* text with its NUL, to be resolved against the cwd */
    PARAM_SYSCALLID = 18, /* u16 code */
    PARAM_SIGTYPE = 19,   /* u8 */
    PARAM_RELTIME = 20,   /* u64 ns */
    PARAM_ABSTIME = 21,   /* u64 ns */
    PARAM_PORT = 22,      /* u16 */
    PARAM_L4PROTO = 23,   /* u8 */
    PARAM_SOCKFAMILY = 24,
    PARAM_BOOL = 25, /* u8 or u32 by length */
    PARAM_IPV4ADDR = 26,
    PARAM_DYN = 27,
    PARAM_FLAGS8 = 28,
    PARAM_FLAGS16 = 29,
    PARAM_FLAGS32 = 30,
    PARAM_UID = 31, /* u32 */
    PARAM_GID = 32, /* u32 */
    PARAM_DOUBLE = 33,
    PARAM_SIGSET = 34,       /* u32 */
    PARAM_CHARBUFARRAY = 35, /* NUL-terminated strings one after the other */
    PARAM_CHARBUF_PAIR_ARRAY = 36,
    PARAM_IPV4NET = 37,
    PARAM_IPV6ADDR = 38,
    PARAM_IPV6NET = 39,
    PARAM_IPADDR = 40,
    PARAM_IPNET = 41,
    PARAM_MODE = 42,      /* u32, octal */
    PARAM_FSRELPATH = 43, /* text, relative to the descriptor in parameter `relative_to` */
    PARAM_ENUMFLAGS8 = 44,
    PARAM_ENUMFLAGS16 = 45,
    PARAM_ENUMFLAGS32 = 46,
    PARAM_TYPE_COUNT,
};

enum param_format { FORMAT_NA, FORMAT_DEC, FORMAT_HEX, FORMAT_OCT, FORMAT_PADDED_DEC, FORMAT_ID };

/* One name of a flag or of a value; a table ends with a NULL name. */
struct flag_name {
    const char *name;
    uint32_t value;
};

struct param {
    const char *name;
    uint8_t type;        /* enum param_type */
    uint8_t format;      /* enum param_format */
    uint8_t relative_to; /* PARAM_FSRELPATH: index of the directory descriptor's parameter */
    const struct flag_name *flags; /* NULL, or how values are named */
    const struct param *variants;  /* PARAM_DYN: by the first byte */
    uint8_t nvariants;
};

/* The class of a kind (EC_* of the format): evt.category and evt.is_io come from it. */
enum kind_category {
    CATEGORY_UNKNOWN,
    CATEGORY_OTHER,
    CATEGORY_FILE,
    CATEGORY_NET,
    CATEGORY_IPC,
    CATEGORY_MEMORY,
    CATEGORY_PROCESS,
    CATEGORY_SLEEP,
    CATEGORY_SYSTEM,
    CATEGORY_SIGNAL,
    CATEGORY_USER,
    CATEGORY_TIME,
    CATEGORY_PROCESSING,
    CATEGORY_IO_READ,
    CATEGORY_IO_WRITE,
    CATEGORY_IO_OTHER,
    CATEGORY_WAIT,
    CATEGORY_SCHEDULER,
    CATEGORY_INTERNAL,
};

/* Flags of a kind (EF_* of the format). */
enum kind_flag {
    KIND_CREATES_FD = 1 << 0,
    KIND_DESTROYS_FD = 1 << 1,
    KIND_USES_FD = 1 << 2,
    KIND_READS_FROM_FD = 1 << 3,
    KIND_WRITES_TO_FD = 1 << 4,
    KIND_MODIFIES_STATE = 1 << 5,
    KIND_UNUSED = 1 << 6,
    KIND_WAITS = 1 << 7,
    KIND_SKIPPARSERESET = 1 << 8,
    KIND_OLD_VERSION = 1 << 9,
    KIND_LARGE_PAYLOAD = 1 << 10,
    /* Where events of this kind come from (one of four). */
    KIND_SYSCALL = 1 << 11,
    KIND_TRACEPOINT = 1 << 12,
    KIND_PLUGIN = 1 << 13,
    KIND_META =
        1 << 14, /* made by the sensor or the engine: container, useradded, drop, dns, ... */
};

/* KIND_OPENAT_2_X and so on. */
enum kind_number {
#define KIND(number, id, ...) KIND_##id = (number),
#include "event/kinds.def"
#include "event/kinds_late.def"
#undef KIND
};

/* NAME_openat and so on: the ids of event names. */
enum name_id {
#define NAME(id, name) NAME_##name = (id),
#include "event/names.def"
#undef NAME
};

struct kind {
    const char *name; /* NULL: not in the table */
    uint16_t name_id;
    uint8_t category; /* enum kind_category */
    uint8_t nparams;
    uint16_t flags;   /* enum kind_flag */
    int8_t fd_param;  /* index of the parameter with the descriptor this kind is about, -1 none */
    int8_t res_param; /* index of the parameter with the result, -1 none */
    const struct param *params;
};

extern const struct kind kind_table[KIND_MAX];

static inline bool kind_is_exit(uint16_t kind)
{
    return kind & 1;
}

/* Bytes of a number of this enum param_type; 4 for those that are no numbers. */
size_t param_number_size(uint8_t type);

/* Index of the parameter of that name, -1 when the kind has none. */
int kind_param(uint16_t kind, struct str name);

/* Id of an event name ("open", "procexit"); NAME_NONE when there is no such event. */
uint16_t name_find(struct str name);
/* NULL for an id not in use. */
const char *name_text(uint16_t id);
/* The name_id of the system call with this number on this machine's architecture; NAME_NONE
 * unknown. */
uint16_t name_of_syscall(unsigned nr);

const char *category_text(enum kind_category category);
/* "ENOENT" for 2; NULL unknown. */
const char *errno_name(int number);
/* "SIGTERM" for 15; NULL unknown. */
const char *signal_name(unsigned number);

/* "SIGKILL|SIGTERM"-like text of flags: names of all bits (or the one value) joined by '|'. */
struct buf;
void flags_text(struct buf *buf, const struct param *param, uint32_t value);

/* Port of a service ("https", proto "tcp" or "udp"): 0 unknown; and the reverse, NULL unknown. */
uint16_t service_port(struct str name);
const char *service_name(uint16_t port, bool udp);
