/*
 * store/ingest: what the intake writes: alerts, activity, gaps, findings, cursors, heartbeats.
 *
 * All writing is inside one write(): its body calls the operations that take a `struct ingest_tx`, and what
 * they did is kept together or not at all. One write() at a time; the caller waits for its body.
 * Who folds, and why, is above this seam (server/ingest.h).
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INGEST_KEY         16    /* bytes of a finding's key and of its scope */
#define INGEST_ID          25    /* "f" and 24 hex digits */
#define INGEST_MEMBERS_MAX 64    /* findings of one scope that a sequence looks at */
#define INGEST_SPOOLS_MAX  16    /* cursors kept per agent; the longest unused goes */
#define INGEST_GAPS_PAGE   500   /* gaps in one answer */
#define INGEST_SENDERS_MAX 10000 /* rows of agent_status */
#define INGEST_WINDOW_MS                                                                           \
    (INT64_C(6) * 3600 * 1000) /* a finding takes alerts this far from its first */

struct ingest_tx;

struct ingest_cursor {
    struct str agent, spool;
    int64_t n; /* the last record taken */
    int64_t alerts, duplicates, activity, gaps, lost;
    int64_t updated_ms;
    bool fresh; /* put_cursor: it was not there */
};

/* A finding as its newest alert tells it: the columns of table findings. Empty texts are kept as NULL. */
struct ingest_finding {
    char id[INGEST_ID + 1];
    uint8_t key[INGEST_KEY], scope[INGEST_KEY];
    int64_t row; /* add_finding: its number, above last_row() */
    bool scoped; /* it takes part in sequences: scope is kept */
    uint32_t stages;
    int64_t opened_ms, first_seen_ms, last_seen_ms, now_ms;
    int64_t count;
    int64_t proc_pid; /* -1: not known */
    uint8_t severity; /* tenths */
    bool clock, sequence, suppressed;
    bool too_many; /* it stands for others; not kept */
    struct str rule, policy, type, priority, source, title, output;
    struct str container_id, container_name, image, image_digest;
    struct str cluster, task_arn, task_id, task_family, task_revision, service, account, region;
    struct str host, agent;
    struct str proc_name, proc_exe, proc_cmdline, user_name, parent_name, parent_exe;
    struct str domain, file, list, item;
    struct str tags;      /* JSON array */
    struct str members;   /* JSON array; empty: none */
    struct str body;      /* the whole alert, packed; empty: none */
    struct str last_body; /* of a new finding: its newest alert; empty: the same */
    struct str alert;     /* the whole alert as it came, JSON: for who judges it; not kept */
};

/* What folding has to know of a finding that is there. */
struct ingest_open {
    int64_t row;
    char id[INGEST_ID + 1];
    int64_t opened_ms, first_seen_ms, last_seen_ms, count;
    uint32_t stages;
    uint8_t severity;
};

/* More alerts of a finding that is there. Status: an archived one is new again, a suppressed one too, if one
 * of the alerts was not suppressed (`loud`); an archived one stays, if all were. */
struct ingest_more {
    int64_t row;
    int64_t count;                       /* to add */
    const struct ingest_finding *newest; /* columns and body of the newest of them */
    bool loud;
};

struct ingest_result {
    int64_t count, version, first_seen_ms, last_seen_ms;
    uint8_t severity, severity_before; /* before: of one that was there */
    bool reopened;                     /* it was archived or suppressed before, and is new now */
    char status[16];
};

struct ingest_alert {
    struct str id, agent, spool, rule, body; /* body packed; spool empty: Falco's */
    int64_t n, finding, time_ms, received_ms;
    uint8_t severity;
};

struct ingest_activity {
    struct str agent, spool, kind, container_id, exe, cmdline, name, body; /* body packed */
    int64_t n, time_ms;
};

struct ingest_gap {
    struct str agent, spool, kind, container_id, body; /* body: JSON */
    int64_t n, to_n, from_ms, to_ms, received_ms;
    int64_t count; /* -1: not known */
};

/* A finding of a scope, for the sequence engine. */
struct ingest_member {
    int64_t row;
    char id[INGEST_ID + 1];
    struct str rule;
    uint32_t stages;
    int64_t opened_ms, first_seen_ms, last_seen_ms, count;
    struct str members; /* of a sequence */
    bool sequence;      /* the scope's sequence itself */
    bool quiet;         /* suppressed */
};

struct ingest_members {
    struct ingest_member *v;
    uint32_t n;
};

struct ingest_status {
    struct str agent;
    int64_t received_ms;
    struct str body; /* packed; empty: none */
};

struct ingest_gap_query {
    struct str agent;       /* empty: all */
    struct str kind;        /* empty: all */
    int64_t from_ms, to_ms; /* of arrival; to_ms 0: now */
    struct str cursor;      /* of an earlier answer; empty: the newest */
    uint32_t limit;         /* at most INGEST_GAPS_PAGE */
};

struct ingest_gap_page {
    struct ingest_gap *v; /* newest first */
    uint32_t n;
    struct str next; /* empty: the end */
};

struct ingest_totals {
    int64_t agents, spools, alerts, duplicates, activity, gaps, lost, findings;
};

struct ingest_write {
    int (*body)(void *data, struct ingest_tx *tx, struct err *err);
    void *data;
    int64_t now_ms;
};

struct store_ingest_ops {
    int (*write)(struct store *store, const struct ingest_write *write, struct err *err);

    /* Within write(). -ENOENT: unknown spool; texts of *ret are not set. */
    int (*cursor)(struct ingest_tx *tx, struct str agent, struct str spool,
                  struct ingest_cursor *ret, struct err *err);
    int (*put_cursor)(struct ingest_tx *tx, const struct ingest_cursor *cursor, struct err *err);
    int (*add_alert)(struct ingest_tx *tx, const struct ingest_alert *alert,
                     struct err *err); /* -EEXIST, without a reason: the id is there */
    int (*add_activity)(struct ingest_tx *tx, const struct ingest_activity *activity,
                        struct err *err);
    int (*add_gap)(struct ingest_tx *tx, const struct ingest_gap *gap, struct err *err);
    /* The newest finding of that key whose window holds time_ms; -ENOENT none. */
    int (*find)(struct ingest_tx *tx, const uint8_t key[INGEST_KEY], int64_t time_ms,
                struct ingest_open *ret, struct err *err);
    int (*last_row)(struct ingest_tx *tx, int64_t *ret, struct err *err);
    int (*add_finding)(struct ingest_tx *tx, const struct ingest_finding *finding, struct err *err);
    int (*more)(struct ingest_tx *tx, const struct ingest_more *more, struct ingest_result *ret,
                struct err *err);
    /* Findings of of->scope with a stage, sequences too, opened up to a window before of->last_seen_ms; the
     * newest first, at most INGEST_MEMBERS_MAX. */
    int (*members)(struct ingest_tx *tx, const struct ingest_finding *of, struct arena *arena,
                   struct ingest_members *ret, struct err *err);
    int (*put_status)(struct ingest_tx *tx, const struct ingest_status *status, struct err *err);

    /* Reading, any thread. */
    int (*statuses)(struct store *store, void (*each)(void *data, const struct ingest_status *),
                    void *data, struct err *err);
    int (*gaps)(struct store *store, const struct ingest_gap_query *query, struct arena *arena,
                struct ingest_gap_page *ret, struct err *err);
    /* `agent` empty: of all. */
    int (*totals)(struct store *store, struct str agent, struct ingest_totals *ret,
                  struct err *err);
};
