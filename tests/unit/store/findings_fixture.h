/*
 * findings_fixture: a store of findings made at random, always the same ones, and what a filter says of each of them
 * when it is simply evaluated.
 */
#pragma once

#include "store/support.h"

#include "filter/filter.h"
#include "store/findings.h"

struct findings_fixture {
    struct store_fixture base;
    struct arena arena;
    struct filter_context *context;
    uint64_t random;
};

int findings_setup(void **state);
int findings_teardown(void **state);

/* Adds so many; the first of them has the row that is returned. */
int64_t findings_make(struct findings_fixture *fixture, uint32_t n);
/* All there are, whole, in the fixture's arena. */
uint32_t findings_all(struct findings_fixture *fixture, struct finding **ret);
/* The reference: filter_holds() over the finding's own columns and its newest alert. */
bool findings_hold(struct findings_fixture *fixture, const struct filter *filter,
                   const struct finding *finding);
