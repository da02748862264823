/*
 * notice: what Hinomi says of itself among the alerts: gaps in what was seen, losses, responses. A line of text,
 * or an object shaped like an alert with the source "hinomi" and, of an agent's, uuid and `hinomi` too. No rule,
 * priority or selection filters them.
 */
#pragma once

#include "base/buf.h"
#include "rules/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

#define NOTICE_SOURCE      "hinomi"
#define NOTICE_GAP_RULE    "Hinomi gap"
#define NOTICE_TEST_RULE   "Hinomi test detection"
#define NOTICE_FIELDS_MAX  16
#define NOTICE_TEXT_MAX    4096                 /* of a message or a field; the rest is cut */
#define NOTICE_OPEN_GAP_NS UINT64_C(1000000000) /* an open gap is said when it is older */

struct engine;
struct alert_format;
struct notice_gap;

enum notice_kind { NOTICE_TEXT, NOTICE_NUMBER, NOTICE_TIME, NOTICE_NULL };

/* One of output_fields. */
struct notice_field {
    const char *key;
    enum notice_kind kind;
    struct str text;
    uint64_t number; /* or nanoseconds of CLOCK_REALTIME, said as RFC 3339 in UTC */
};

struct notice {
    const char *rule; /* what stands where an alert has its rule */
    enum priority priority;
    uint64_t ts_ns;     /* CLOCK_REALTIME; 0: now */
    struct str message; /* bytes of any kind */
    const struct notice_field *fields;
    uint32_t nfields;
    const struct notice_gap *gap; /* that it tells of; NULL: none */
};

/* Any thread, at any time but with the engine's lock held. -ENOBUFS: the output's queue is full; counted
 * with the dropped alerts. */
int notice_say(struct engine *engine, const struct notice *notice);
/* The line alone, with its newline. `seq`: of its alert id where the format has those; 0: without. */
void notice_write(const struct alert_format *format, const struct notice *notice, uint64_t seq,
                  struct buf *buf);

/* Calls that passed unseen. */
struct notice_gap {
    uint64_t start_ns, end_ns; /* CLOCK_REALTIME; end 0: still open */
    struct str cause;          /* "agent gone", "agent stuck", "sensor lost", ... */
    uint64_t passed;           /* calls, those rescued among them */
    uint64_t rescued;          /* taken by a receiver that never answered */
    uint64_t refused;          /* beside those that passed: answered EPERM */
    uint64_t lost;             /* gaps before this one whose record was overwritten */
    struct str calls;          /* "openat=12 connect=3": which they were; empty: not known */
    struct str container;      /* its id; empty: not in one, or not known */
};

/*
 * Says it; counted in engine_stats (gaps_*) when it is closed. An open gap (end_ns 0) younger than
 * NOTICE_OPEN_GAP_NS is not said: returns -EAGAIN, ask again. The caller says an open gap once, and the
 * closed one always. Threads and errors as of notice_say().
 */
int notice_gap(struct engine *engine, const struct notice_gap *gap);
