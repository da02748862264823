/*
 * support: a store in a temporary directory, for the tests of the store and of what stands on it.
 *
 * The directory is below TMPDIR (/tmp) and goes with the fixture, whatever is in it.
 */
#pragma once

#include "test.h"

#include "store/store.h"

#include <limits.h>

struct store_dir {
    char path[PATH_MAX];
};

void store_dir_make(struct store_dir *ret);
void store_dir_remove(struct store_dir *dir); /* with all below */

/* An implementation of store.h; the suite runs over each. */
struct store_kind {
    const char *name;
    int (*open)(const struct store_options *options, struct store **ret, struct err *err);
    int (*restore)(const char *backup, const char *dir, struct err *err);
};
extern const struct store_kind store_kinds[];
extern const size_t store_nkinds;

/* Opened with the defaults, or the test fails and says why. */
struct store *store_opened(const struct store_dir *dir);
struct store *store_opened_as(const struct store_kind *kind, const struct store_options *options);

/* As cmocka's setup and teardown: *state is a struct store_fixture. */
struct store_fixture {
    struct store_dir dir;
    struct store *store;
};
int store_setup(void **state);
int store_teardown(void **state);
