/*
 * event: one thing that happened, borrowed from its sensor until the sensor's next call.
 *
 * Parameters lie one after the other in `data`, encoded as the kind table says, in host (little-endian)
 * order and without alignment. An event may carry fewer parameters than its kind has.
 */
#pragma once

#include "base/str.h"
#include "event/kind.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct thread;
struct fdinfo;

enum event_via { VIA_SYSCALL, VIA_IO_URING, VIA_IA32, VIA_X32, VIA_NETWORK, VIA_COUNT };
/* How far the event's result is known. REPORTED: the result parameter is the kernel's. */
enum event_outcome { OUTCOME_REPORTED, OUTCOME_PREDICTED, OUTCOME_DENIED };

struct event {
    uint64_t ts_ns; /* since 1970 */
    uint64_t num;   /* 1 for the first event of a sensor */
    int64_t tid;
    uint16_t kind;
    uint16_t name; /* name id: kind_table[kind].name_id, or the call of a generic event */
    uint16_t cpu;
    uint16_t nparams;
    uint32_t flags;  /* of the capture */
    uint8_t via;     /* enum event_via */
    uint8_t outcome; /* enum event_outcome */
    bool exact;      /* false: pointed-to arguments may differ from what the kernel used */
    bool truncated;  /* some parameter was cut */
    const uint8_t *data;
    uint32_t at[KIND_PARAMS_MAX + 1]; /* parameter i is data[at[i] .. at[i + 1]) */

    /* The kernel's truth, where the sensor has it; empty: computed from the caller's strings. */
    struct str path;  /* the file this event is about (or: source) */
    struct str path2; /* the destination of rename, link, symlink */

    /* Filled by state_apply(); valid until state_settle(). */
    struct thread *thread; /* NULL: unknown task */
    struct fdinfo *fd;     /* the descriptor this event is about, NULL none */
    int64_t fd_num;        /* its number, -1 none */
    uint64_t delta_ns;     /* since the previous event, 0 for the first */
    uint64_t enter_ts_ns;  /* exit events: when the call began, 0 unknown */
    bool fd_name_changed;  /* this event gave the descriptor a new name (connect, UDP send) */
    struct str clean_path; /* of a call that opens: its path, once seen to be absolute and clean */
};

static inline struct str event_param(const struct event *event, unsigned i)
{
    if (i >= event->nparams) {
        return (struct str){ 0 };
    }
    return str_from(event->data + event->at[i], event->at[i + 1] - event->at[i]);
}

static inline bool event_has_param(const struct event *event, unsigned i)
{
    return i < event->nparams;
}

/* Text parameters without their NUL. */
static inline struct str event_text(const struct event *event, unsigned i)
{
    struct str s = event_param(event, i);
    return str_until_nul(s.p, s.n);
}

/* Integers of 1, 2, 4 or 8 bytes; `missing` where absent or of another length. */
static inline uint64_t number_u64(struct str s, uint64_t missing)
{
    uint64_t v = 0;
    uint32_t half;
    uint16_t quarter;
    switch (s.n) {
    case 8:
        memcpy(&v, s.p, sizeof(v));
        return v;
    case 4:
        memcpy(&half, s.p, sizeof(half));
        return half;
    case 2:
        memcpy(&quarter, s.p, sizeof(quarter));
        return quarter;
    case 1:
        return (uint8_t)s.p[0];
    default:
        return missing;
    }
}

static inline int64_t number_i64(struct str s, int64_t missing)
{
    uint64_t v = number_u64(s, (uint64_t)missing);
    switch (s.n) {
    case 4:
        return (int32_t)v;
    case 2:
        return (int16_t)v;
    case 1:
        return (int8_t)v;
    default:
        return (int64_t)v;
    }
}

static inline uint64_t event_u64(const struct event *event, unsigned i, uint64_t missing)
{
    return number_u64(event_param(event, i), missing);
}

static inline int64_t event_i64(const struct event *event, unsigned i, int64_t missing)
{
    return number_i64(event_param(event, i), missing);
}

/* As evt.via says it; empty: none such. */
struct str event_via_name(uint8_t via);

/*
 * Result of the call. True and *ret_res set when this event has one (exit events with a result).
 */
static inline bool event_result(const struct event *event, int64_t *ret_res)
{
    int8_t i = kind_table[event->kind].res_param;
    if (i < 0 || i >= event->nparams) {
        return false;
    }
    *ret_res = event_i64(event, (unsigned)i, 0);
    return true;
}
