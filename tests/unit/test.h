/*
 * test: what the unit tests share: cmocka with its includes, strings in assertions, a small random
 * number generator (fixed seeds: a failure repeats), and the folder of shared test data.
 */
#pragma once

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Shows both texts when they differ. */
#define assert_str(actual, expected)                                                               \
    do {                                                                                           \
        struct str actual_ = (actual);                                                             \
        struct str expected_ = str_of(expected);                                                   \
        if (!str_eq(actual_, expected_)) {                                                         \
            print_error("got      |%.*s|\nexpected |%.*s|\n", STR_ARG(actual_),                    \
                        STR_ARG(expected_));                                                       \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

static inline uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t test_random_below(uint64_t *state, uint64_t n)
{
    return test_random(state) % n;
}

/* Where shared data is: $HINOMI_SHARED, else ../shared beside the source tree. NULL when absent, after
 * saying so: the test then calls skip(). */
static inline const char *test_shared(const char *source_root, char *storage, size_t size)
{
    const char *given = getenv("HINOMI_SHARED");
    snprintf(storage, size, given ? "%s" : "%s/../shared", given ? given : source_root);
    FILE *readme = NULL;
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/README.md", storage) < (int)sizeof(path)) {
        readme = fopen(path, "re");
    }
    if (!readme) {
        print_message("skipped: no shared test data in %s (set HINOMI_SHARED)\n", storage);
        return NULL;
    }
    fclose(readme);
    return storage;
}
