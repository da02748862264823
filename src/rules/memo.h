/*
 * memo: the tables of what was found out about texts and paths seen lately; memo.c and paths.c, which
 * tell how, fill them. Sizes are fixed when the matcher is built.
 */
#pragma once

#include "event/field.h"

#include <stdint.h>

#define MEMO_ENTRIES   2048 /* of a site whose texts change with each event; a power of two */
#define MEMO_KEPT      256  /* of a site on state, which residuals spare most searches */
#define MEMO_TEXT_MAX  146
#define MEMO_ROWS_MAX  6
#define MEMO_SITES_MAX 64

struct memo_entry {
    uint64_t hash;
    uint16_t length; /* 0: free */
    uint16_t known;  /* bit for each group kind whose rows are here */
    uint16_t quiet;  /* of those, the ones without rows */
    uint8_t nrows;
    uint8_t kinds[MEMO_ROWS_MAX]; /* of each row */
    uint32_t rows[MEMO_ROWS_MAX];
    char text[MEMO_TEXT_MAX];
};

/*
 * Which rules of a class the groups on fd.name, fd.nameraw, fd.directory and fd.filename trigger, for a
 * path that all four follow from.
 */
#define PATHS_SETS      1024 /* a power of two */
#define PATHS_WAYS      4    /* places for a path */
#define PATHS_TEXT_MAX  144
#define PATHS_WORDS_MAX 2 /* of bit sets over a class's rules; larger classes keep none */

struct path_entry {
    uint32_t class;
    uint16_t length;
    uint8_t seen, known; /* bit for each enum path_form; known: rules[form] is right */
    uint64_t rules[PATH_FORMS][PATHS_WORDS_MAX];
    char text[PATHS_TEXT_MAX];
};

struct path_set {
    uint64_t hashes[PATHS_WAYS]; /* 0: free */
    struct path_entry entries[PATHS_WAYS];
};
