/*
 * content: the users' policies, rules, macros and lists, in every version they had, and orders to agents.
 *
 * Versions count from 1 and are made by commit() alone, each by one transaction with what it changed. Managed
 * content is not here, only what users made of it: documents of the parts "override" and "toggle", items
 * appended to its lists (sign 1), items taken out of them (sign -1).
 *
 * A large number of items is staged in pieces, which nobody sees before the commit of that version; what was
 * staged and never committed is forgotten by recover(). One writer at a time: the caller sees to it.
 */
#pragma once

#include "store/store.h"

#include <stddef.h>

#define STORE_VERSION_NEWEST INT64_MAX
#define STORE_ITEMS_PIECE    10000 /* items of one transaction */

struct store_audit;

struct store_document {
    struct str kind, name, part, text, base;
    int64_t place, added;
};

/* text.p == NULL: it is removed. */
struct store_document_change {
    struct str kind, name, part, text, base;
};

struct store_item {
    int64_t id;
    struct str item, note, author;
    int sign;
    int64_t version, time_ms;
};

struct store_item_change {
    struct str item, note;
    bool in_text; /* the list's text has it */
};

/* Cleared first: all of it, of both signs. Then appended, then removed. What there is already, or is not, counts as
 * unchanged. */
struct store_items_change {
    struct str list;
    bool clear;
    const struct store_item_change *append, *remove;
    size_t nappend, nremove;
};

struct store_content_note {
    struct str kind, name, action;
    int64_t appended, removed;
};

struct store_content_commit {
    int64_t expected; /* the newest version there is; else -ESTALE */
    int64_t least;    /* the version is this one at least; nothing may be staged then */
    int64_t time_ms;
    struct str author, comment, managed;
    const struct store_document_change *documents;
    size_t ndocuments;
    const struct store_items_change *items;
    size_t nitems;
    const struct store_content_note *notes;
    size_t nnotes;
    const struct store_audit *audit; /* NULL none */
};

struct store_version {
    int64_t version, time_ms;
    struct str author, comment, managed;
    struct store_content_note *notes;
    size_t nnotes;
};

struct store_versions_filter {
    struct str kind, name; /* .p == NULL any */
    int64_t before;        /* smaller ones only; 0 any */
    int64_t after;         /* larger ones only */
    uint32_t limit;
};

struct store_items_filter {
    struct str list, search; /* search: part of the item, .p == NULL any */
    int64_t at;              /* version, or STORE_VERSION_NEWEST */
    int64_t after;           /* id */
    uint32_t limit;
    int sign; /* 0 both */
};

/* What differs between two versions: the items of one list. */
struct store_items_difference {
    struct str list;
    int64_t from, to;
    int64_t after; /* id */
    uint32_t limit;
};

struct store_order {
    int64_t id;
    struct str agent, kind, container, finding, author, state, result;
    int64_t pid, start_ns, created_ms, expires_ms, done_ms;
};

struct store_rollout {
    struct str agent, error;
    int64_t received_ms, version;
    bool ok;
};

struct store_last_change {
    struct str name, author;
    int64_t version, time_ms;
};

struct store_content_ops {
    int (*recover)(struct store *store, struct err *err);
    /* The newest; version 0: there is none. */
    int (*latest)(struct store *store, struct arena *arena, struct store_version *ret,
                  struct err *err);
    /* By place. */
    int (*documents)(struct store *store, int64_t at, struct arena *arena,
                     struct store_document **ret, size_t *ret_n, struct err *err);
    int (*stage)(struct store *store, int64_t version, const struct store_items_change *items,
                 int64_t *ret_changed, struct err *err);
    int (*commit)(struct store *store, const struct store_content_commit *commit,
                  int64_t *ret_version, struct err *err);
    /* The newest first. */
    int (*versions)(struct store *store, const struct store_versions_filter *filter,
                    struct arena *arena, struct store_version **ret, size_t *ret_n,
                    struct err *err);
    /* The last version that changed it; 0: none did. */
    int (*changed)(struct store *store, struct str kind, struct str name, int64_t *ret,
                   struct err *err);
    /* The same of all of that kind that some version changed. */
    int (*last_changes)(struct store *store, struct str kind, struct arena *arena,
                        struct store_last_change **ret, size_t *ret_n, struct err *err);

    /* In the order they came. */
    int (*items)(struct store *store, const struct store_items_filter *filter, struct arena *arena,
                 struct store_item **ret, size_t *ret_n, struct err *err);
    int (*items_count)(struct store *store, const struct store_items_filter *filter, int64_t *ret,
                       struct err *err);
    /* Is it there now? *ret_sign: 0 no. */
    int (*item_sign)(struct store *store, struct str list, struct str item, int *ret_sign,
                     struct err *err);
    /* Of sign 1 (appended) or -1, in the order they came; `each` returns 0 to go on. */
    int (*items_each)(struct store *store, const struct store_items_filter *filter,
                      int (*each)(void *data, struct str item), void *data, struct err *err);
    /* Lists that have items of that sign at that version. */
    int (*items_lists)(struct store *store, int64_t at, int sign, struct arena *arena,
                       struct str **ret, size_t *ret_n, struct err *err);
    /* What was not in the list at `from` and is at `to` has sign 1, what went sign -1; by id. */
    int (*items_differ)(struct store *store, const struct store_items_difference *difference,
                        struct arena *arena, struct store_item **ret, size_t *ret_n,
                        struct err *err);

    int (*order_add)(struct store *store, const struct store_order *order,
                     const struct store_audit *audit, int64_t *ret_id, struct err *err);
    /* Those that are new, or were given to the same instance and are beyond `after`; they are delivered now. */
    int (*order_take)(struct store *store, struct str agent, struct str instance, int64_t after,
                      int64_t now_ms, struct arena *arena, struct store_order **ret, size_t *ret_n,
                      struct err *err);
    /* -ENOENT: not this agent's; -ESTALE: it is over already. */
    int (*order_done)(struct store *store, const struct store_order *order, struct err *err);
    int (*orders)(struct store *store, struct str agent, struct str finding, uint32_t limit,
                  struct arena *arena, struct store_order **ret, size_t *ret_n, struct err *err);
    /* Orders that are not over, after those past their time were expired. */
    int (*orders_open)(struct store *store, int64_t now_ms, int64_t *ret, struct err *err);

    /* Agents that told their version, by id beyond `after`; version -1: any. */
    int (*rollout)(struct store *store, struct str after, uint32_t limit, struct arena *arena,
                   struct store_rollout **ret, size_t *ret_n, struct err *err);
    /* How many heard of since `since_ms` run at least that version, and how many there are. */
    int (*rollout_count)(struct store *store, int64_t version, int64_t since_ms,
                         int64_t *ret_in_force, int64_t *ret_failed, int64_t *ret_all,
                         struct err *err);
};
