/*
 * store: where the server keeps what must survive: one seam for every kind of database.
 *
 * A store is a set of operation tables, one per area, each declared in a header of its own (store/ingest.h,
 * store/findings.h, ...). Callers say `store->findings->list(store, ...)`; nothing above the seam names an
 * engine. One test suite (tests/unit/store) runs over every implementation.
 *
 * Threads: every operation may be called from any thread. An operation that changes something is one
 * transaction: when it returns 0, what it did is durable and seen by every later read.
 * Errors: 0 or -errno, with a reason for people in err: -ENOENT no such thing, -EEXIST taken, -ESTALE changed
 * meanwhile (a version did not match), -EINVAL not allowed by the data, -ENOSPC disk full, -EBUSY try again,
 * -EIO the store failed.
 * Texts given are borrowed for the call; texts returned live in the arena given.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct
    store_accounts_ops;  /* store/accounts.h: users, sessions, tokens, agents' credentials, audit */
struct store_ingest_ops; /* store/ingest.h: alerts, activity, gaps, heartbeats, cursors */
struct store_findings_ops; /* store/findings.h: findings, their alerts, activity, saved filters */
struct store_records_ops;  /* store/records.h: alerts and activity as they came */
struct store_content_ops;  /* store/content.h: policies, rules, macros, lists and their versions */
struct store_triage_ops;   /* store/triage.h: notes, filters, suppressions, exceptions, responses */
struct store_summaries_ops; /* store/summaries.h: what language models said of findings */
struct store_notify_ops;    /* store/notify.h: channels, their rules, deliveries */

struct store {
    const struct store_accounts_ops *accounts;
    const struct store_ingest_ops *ingest;
    const struct store_findings_ops *findings;
    const struct store_records_ops *records;
    const struct store_content_ops *content;
    const struct store_triage_ops *triage;
    const struct store_summaries_ops *summaries;
    const struct store_notify_ops *notify;
    const struct store_ops *ops;
};

struct store_options {
    const char *dir;        /* made if absent, mode 0700 */
    unsigned readers;       /* connections for reading; 0: 4 */
    uint64_t keep_days;     /* of alerts and activity; 0: 7 */
    uint64_t max_bytes;     /* of everything; the oldest day goes first; 0: no limit */
    uint64_t keep_findings; /* days, of those archived and suppressed; 0: 90 */
};

struct store_size {
    uint64_t bytes; /* on disk, everything */
    uint64_t alerts, activity, findings;
    uint32_t days;
    int64_t oldest_day_ms; /* 0: none */
    uint64_t taken_back;   /* rows that were written but never acknowledged, since opened */
};

struct store_ops {
    void (*close)(struct store *store);
    /* Drops whole days (UTC) that ended keep_days ago, and the oldest while all is beyond max_bytes, but never
     * today's; returns how many went. Any time; who reads a day reads on. Findings that are archived or suppressed
     * go keep_findings days after their last alert and their last change. */
    int (*retain)(struct store *store, int64_t now_ms, struct err *err);
    /* A consistent copy into a directory that is absent or empty, while running; the small files beside the
     * databases (keys, certificates) with it. -EEXIST: not empty. A copy that failed is no backup. */
    int (*backup)(struct store *store, const char *dir, struct err *err);
    int (*size)(struct store *store, struct store_size *ret, struct err *err);
    /* Quick check that reading and writing work: for health. */
    int (*probe)(struct store *store, struct err *err);
};

/* SQLite in options->dir (store/sqlite.c). Migrates forward; refuses what a newer program wrote. */
int store_open_sqlite(const struct store_options *options, struct store **ret, struct err *err);
/* ops->backup() by another process than the server's, whether that runs or not. */
int store_backup_sqlite(const char *dir, const char *to, struct err *err);
/* Puts a backup in place of an absent or empty directory, after checking it. */
int store_restore_sqlite(const char *backup, const char *dir, struct err *err);
void store_close(struct store *store); /* NULL is fine */
