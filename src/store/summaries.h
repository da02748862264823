/*
 * store/summaries: what language models said of findings, and who asked.
 */
#pragma once

#include "store/store.h"

#include <stddef.h>

#define SUMMARIES_MAX 200 /* of one finding, removed ones among them */

struct store_summary {
    int64_t id, created_ms, done_ms;     /* done_ms 0: not yet */
    int64_t input_tokens, output_tokens; /* -1: not known */
    struct str finding, language, author, provider, model, state, prompt_hash;
    struct str body; /* JSON */
    struct str error;
};

struct store_summaries_quota {
    int64_t since_ms;
    uint32_t most;
};

struct store_summaries_ops {
    /* A queued one. -ENOENT: no such finding. -EEXIST: one in this language is queued, *ret_id. -EDQUOT: as many as
     * there may be were asked for since then. -EINVAL: SUMMARIES_MAX. */
    int (*add)(struct store *store, const struct store_summary *summary,
               const struct store_summaries_quota *quota, int64_t *ret_id, struct err *err);
    /* Newest first, without removed ones. */
    int (*list)(struct store *store, struct str finding, struct arena *arena,
                struct store_summary **ret, size_t *ret_n, struct err *err);
    /* id; state, done_ms, prompt_hash, body, error and tokens of one that is queued. -ENOENT: it is not any more. */
    int (*done)(struct store *store, const struct store_summary *summary, struct err *err);
    /* -ENOENT: the finding has none of that number that is over. */
    int (*remove)(struct store *store, struct str finding, int64_t id, struct err *err);
    /* What is queued when a server begins has failed. */
    int (*abandon)(struct store *store, int64_t now_ms, struct err *err);
    /* How many were asked for since then, removed ones among them. */
    int (*used)(struct store *store, int64_t since_ms, int64_t *ret, struct err *err);
};

extern const struct store_summaries_ops sqlite_summaries_ops;
