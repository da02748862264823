/*
 * store/findings: findings as people look at them: lists, facets, histograms, one finding, triage.
 *
 * Filters are compiled above the seam (filter/filter.h). Every query has a deadline; -ETIMEDOUT says that it
 * was not answered within it, and that a narrower filter or time would help.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "filter/filter.h"
#include "store/columns.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define FINDINGS_PAGE_MAX  500
#define FINDINGS_SKIP_MAX  500000
#define FINDINGS_FACET_MAX 100
#define FINDINGS_BULK_MAX  100000

/* Texts that are NULL in the store are empty. proc_pid -1: not known. */
struct finding {
    int64_t row;
#define FINDING_TEXT(member) struct str member;
#define FINDING_INT(member)  int64_t member;
#include "store/finding_columns.def"
    struct str first_alert, last_alert; /* of get(): Alert v1 */
};

struct findings_query {
    const struct filter *filter;    /* over FILTER_FINDINGS; NULL: all */
    struct filter_context *context; /* the caller's */
    int64_t from_ms, to_ms;         /* of last_seen_ms, to_ms excluded; 0: open */
    uint32_t deadline_ms;           /* 0: 5,000 */
};

struct findings_page {
    struct finding *v;
    uint32_t n;
    uint64_t total;
    bool more;
    struct columns_place last; /* where the next page resumes */
};

struct findings_facet {
    enum column column;
    struct columns_value *v;
    uint32_t n;
    uint64_t rest;
};

struct findings_facets {
    struct findings_facet *v; /* as asked for */
    uint32_t n;
    uint64_t bands[COLUMNS_BANDS]; /* without what the filter says of severity */
    uint64_t total;
};

struct findings_histogram {
    int64_t from_ms, width_ms; /* in: 0 to be chosen, from what is there */
    uint32_t n;
    uint64_t (*v)[COLUMNS_BANDS];
    uint64_t total;
};

/* What triage changes; `set_` tells which. */
struct findings_change {
    bool set_status, set_assignee;
    struct str status, assignee; /* status is one of the four; assignee empty: nobody */
    int64_t version;             /* of what was looked at; 0: whatever it is. -ESTALE */
    int64_t now_ms;
};

struct store_findings_ops {
    int (*list)(struct store *store, const struct findings_query *query,
                const struct columns_page *page, struct arena *arena, struct findings_page *ret,
                struct err *err);
    int (*facets)(struct store *store, const struct findings_query *query,
                  const enum column *columns, uint32_t ncolumns, uint32_t max, struct arena *arena,
                  struct findings_facets *ret, struct err *err);
    int (*histogram)(struct store *store, const struct findings_query *query, struct arena *arena,
                     struct findings_histogram *ret, struct err *err);
    /* Rows of all that are selected, newest first, at most max; for what is done to many. */
    int (*select)(struct store *store, const struct findings_query *query, uint32_t max,
                  struct arena *arena, int64_t **ret_rows, uint32_t *ret_n, struct err *err);
    int (*get)(struct store *store, struct str id, struct arena *arena, struct finding *ret,
               struct err *err);
    int (*by_rows)(struct store *store, const int64_t *rows, uint32_t n, struct arena *arena,
                   struct finding *ret, uint32_t *ret_n, struct err *err);
    int (*change)(struct store *store, const int64_t *rows, uint32_t n,
                  const struct findings_change *change, uint32_t *ret_n, struct err *err);
    int (*columns_size)(struct store *store, uint64_t *ret_bytes, struct err *err);
};

extern const struct store_findings_ops sqlite_findings_ops;
