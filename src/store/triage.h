/*
 * store/triage: what people keep beside findings: notes, filters, suppressions, exceptions, responses.
 *
 * Texts are checked above the seam. Lists are whole: the limits below bound them, and what would go beyond one is
 * -EINVAL.
 */
#pragma once

#include "store/store.h"

#include <stddef.h>

#define TRIAGE_NOTES_MAX        1000 /* of one finding */
#define TRIAGE_FILTERS_MAX      200  /* of one owner */
#define TRIAGE_SUPPRESSIONS_MAX 500
#define TRIAGE_EXCEPTIONS_MAX   1000 /* active ones */
#define TRIAGE_RESPONSES_MAX    500  /* of one finding */

struct triage_note {
    int64_t id, time_ms;
    struct str finding, author, text;
};

struct triage_filter {
    int64_t id; /* 0: a new one */
    struct str owner, owner_name, name, filter;
    struct str view; /* how the console shows it: its own words */
    bool shared, preferred;
    int64_t created_ms, updated_ms;
};

struct triage_suppression {
    int64_t id, created_ms, expires_ms, hits, last_hit_ms; /* expires_ms 0: never */
    struct str name, filter, reason, author;
};

struct triage_hits {
    int64_t id, hits, last_hit_ms; /* hits: to add */
};

struct triage_exception {
    int64_t id, created_ms, expires_ms, ended_ms;
    struct str mark, rule, finding, fields, reason, author, state;
};

struct triage_response {
    int64_t id, order, created_ms, done_ms;
    struct str finding, action, reason, author, agent, target, state, result;
};

struct store_triage_ops {
    /* -ENOENT: no such finding. */
    int (*note_add)(struct store *store, const struct triage_note *note, int64_t *ret_id,
                    struct err *err);
    int (*notes)(struct store *store, struct str finding, struct arena *arena,
                 struct triage_note **ret, size_t *ret_n, struct err *err);

    /* A new one, or another content of the owner's own (-ENOENT: none of his). A preferred one is the only one of
     * its owner. -EEXIST: the owner has one of that name. */
    int (*filter_put)(struct store *store, const struct triage_filter *filter, int64_t *ret_id,
                      struct err *err);
    /* The owner's, and those that are shared. */
    int (*filters)(struct store *store, struct str owner, struct arena *arena,
                   struct triage_filter **ret, size_t *ret_n, struct err *err);
    /* `any`: a shared one of somebody else, too. */
    int (*filter_remove)(struct store *store, int64_t id, struct str owner, bool any,
                         struct err *err);

    int (*suppression_add)(struct store *store, const struct triage_suppression *suppression,
                           int64_t *ret_id, struct err *err); /* -EEXIST: the name */
    int (*suppressions)(struct store *store, struct arena *arena, struct triage_suppression **ret,
                        size_t *ret_n, struct err *err);
    /* name, filter, reason and expires_ms of the one with that id. -ENOENT; -EEXIST: the name. */
    int (*suppression_change)(struct store *store, const struct triage_suppression *suppression,
                              struct err *err);
    int (*suppression_remove)(struct store *store, int64_t id, struct err *err);
    int (*suppression_hits)(struct store *store, const struct triage_hits *hits, size_t n,
                            struct err *err);

    int (*exception_add)(struct store *store, const struct triage_exception *exception,
                         int64_t *ret_id, struct err *err);
    /* Newest first. active_only, or the last TRIAGE_EXCEPTIONS_MAX of all. */
    int (*exceptions)(struct store *store, bool active_only, struct arena *arena,
                      struct triage_exception **ret, size_t *ret_n, struct err *err);
    /* reason and expires_ms. -ENOENT: there is none that is active. */
    int (*exception_change)(struct store *store, const struct triage_exception *exception,
                            struct err *err);
    /* -ENOENT: there is none that is active. */
    int (*exception_end)(struct store *store, int64_t id, const char *state, int64_t now_ms,
                         struct err *err);

    int (*response_add)(struct store *store, const struct triage_response *response,
                        int64_t *ret_id, struct err *err);
    /* Newest first, with what became of their orders. */
    int (*responses)(struct store *store, struct str finding, struct arena *arena,
                     struct triage_response **ret, size_t *ret_n, struct err *err);
    int (*response_done)(struct store *store, const struct triage_response *response,
                         struct err *err); /* id, state, result, done_ms */
    /* What the server itself had not finished when it ended has failed. */
    int (*responses_abandon)(struct store *store, int64_t now_ms, struct err *err);
};

extern const struct store_triage_ops sqlite_triage_ops;
