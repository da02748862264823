/*
 * import: lists of indicators as feeds publish them, plain or CSV, into items.
 *
 *     plain  an item a line; lines that begin with # or ; are comments; of lines of a hosts file the name counts
 *     CSV    RFC 4180; one column, by its number or by its name in the first line
 *
 * By kind items get one form: domains lower-case with a dot before them, hashes lower-case, paths without what
 * does nothing, file names without folders, addresses as inet_ntop() writes them. What is no such thing is told
 * with its line and left out. Nothing here does I/O; items live in the arena.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"

#include <stdbool.h>
#include <stdint.h>

#define IMPORT_ITEM_MAX     4096
#define IMPORT_PROBLEMS_MAX 100 /* that are told; the rest is counted */
#define IMPORT_COLUMNS_MAX  1000
#define IMPORT_MEMORY_MAX   ((size_t)1 << 30)

enum import_kind {
    IMPORT_TEXT,
    IMPORT_DOMAIN,
    IMPORT_HASH,
    IMPORT_PATH,
    IMPORT_FILENAME,
    IMPORT_ADDRESS,
    IMPORT_KINDS,
};
bool import_kind_of(struct str text, enum import_kind *ret);

struct import_options {
    enum import_kind kind;
    bool csv;
    char delimiter;         /* of CSV; 0: ',' */
    struct str column_name; /* .p == NULL: column_number, from 1 */
    uint32_t column_number;
    bool header; /* the first line is names */
};

struct import_problem {
    uint64_t line;
    struct str text; /* cut */
    const char *reason;
};

struct import {
    struct arena arena;
    struct str *items;
    size_t n, capacity;
    struct smap seen;
    uint64_t lines, comments, empty, duplicates, normalised, invalid;
    struct import_problem problems[IMPORT_PROBLEMS_MAX];
    size_t nproblems;
};

/* -EINVAL: err says why nothing could be read (no such column); -ENOMEM. import_done() in any case. */
int import_read(struct import *import, const struct import_options *options, struct str text,
                struct err *err);
void import_done(struct import *import);
/* One item in its kind's form, into buf. NULL: it is good; else why not. */
const char *import_normalise(enum import_kind kind, struct str item, struct buf *buf);
