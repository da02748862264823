/*
 * arriving: a finding as the intake has it, before it is kept, as a record that filters are held against.
 */
#pragma once

#include "base/arena.h"
#include "filter/filter.h"
#include "store/ingest.h"

/* What is to be set apart from the finding's columns may be changed after arriving_begin(). */
struct arriving {
    struct record record;
    const struct ingest_finding *finding; /* borrowed */
    int64_t severity, count, first_seen_ms, last_seen_ms;
    struct json_object *alert, *tags;
    bool opened;
};

/* New, counted once. */
void arriving_begin(struct arriving *arriving, const struct ingest_finding *finding);
/* Before a filter that needs the alert, arriving_needs_body(). */
void arriving_open(struct arriving *arriving);
void arriving_end(struct arriving *arriving);
/* Whether columns alone are not enough for the filter. */
bool arriving_needs_body(const struct filter *filter, struct arena *arena);
