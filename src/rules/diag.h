/*
 * diag: what the rule compiler has to say, collected instead of printed.
 *
 * Codes and messages are Falco's, so that tools reading its output read ours; file, line, column,
 * source line and hint are our addition.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIAG_MAX         10000 /* further ones are counted only */
#define DIAG_SNIPPET_MAX 160
#define DIAG_MEMORY_MAX  ((size_t)64 << 20)

enum diag_code {
    /* errors */
    LOAD_ERR_FILE_READ,
    LOAD_ERR_YAML_PARSE,
    LOAD_ERR_YAML_VALIDATE,
    LOAD_ERR_COMPILE_CONDITION,
    LOAD_ERR_COMPILE_OUTPUT,
    LOAD_ERR_VALIDATE,
    LOAD_ERR_EXTENSION,
    /* warnings */
    LOAD_UNKNOWN_SOURCE,
    LOAD_UNSAFE_NA_CHECK,
    LOAD_NO_EVTTYPE,
    LOAD_UNKNOWN_FILTER,
    LOAD_UNUSED_MACRO,
    LOAD_UNUSED_LIST,
    LOAD_UNKNOWN_ITEM,
    LOAD_DEPRECATED_ITEM,
    LOAD_WARNING_EXTENSION,
    LOAD_APPEND_NO_VALUES,
    LOAD_EXCEPTION_NAME_NOT_UNIQUE,
    LOAD_INVALID_MACRO_NAME,
    LOAD_INVALID_LIST_NAME,
    LOAD_COMPILE_CONDITION,
    LOAD_UNKNOWN_KEY,
};

/* line and column count from 1; 0: not known. Columns are bytes. */
struct source_pos {
    uint32_t file; /* index of the loader's files */
    uint32_t line;
    uint32_t column;
};

/* One step of the way to the spot: "rule" "My rule" at its position. */
struct diag_place {
    struct str type;
    struct str name;
    struct source_pos pos;
    uint32_t offset; /* bytes from the file's start */
};

struct diagnostic {
    enum diag_code code;
    struct source_pos pos;
    uint32_t offset;      /* of pos, bytes from the file's start */
    struct str item_type; /* "rule", "macro", "list", "exception", "rules content", ... */
    struct str item_name;
    struct str message;
    struct str hint;          /* "did you mean `fd.filename`?"; empty none */
    struct str snippet;       /* the source line, without its newline; cut to DIAG_SNIPPET_MAX */
    uint32_t caret;           /* column within the snippet, from 1 */
    struct diag_place parent; /* around the item (an exception's rule); type empty: none */
    struct diag_place item;   /* where the item begins */
    struct diag_place part;   /* within the item ("rule condition"); type empty: none */
};

struct diag_list {
    struct arena *arena;
    struct diagnostic *items;
    uint32_t n;
    uint32_t capacity;
    uint32_t nerrors;
    uint32_t dropped; /* beyond DIAG_MAX or out of memory */
    struct smap seen; /* what was added, to drop repetitions */
};

const char *diag_code_text(enum diag_code code); /* "LOAD_ERR_VALIDATE" */
const char *
diag_code_summary(enum diag_code code); /* Falco's codedesc: "Error validating rule ..." */
bool diag_is_error(enum diag_code code);

/* The list's memory is `arena`, which must outlive it; diag_done() frees the rest. */
void diag_init(struct diag_list *list, struct arena *arena);
void diag_done(struct diag_list *list);

/* Copies all text into the list's arena. Never fails: what does not fit counts as dropped. A repetition
 * (same code, place, item and message) is ignored. */
void diag_add(struct diag_list *list, const struct diagnostic *diagnostic);

/* "did you mean `x`?" for the candidate nearest to a misspelt name; empty when none is near. */
struct diag_suggestion {
    struct str name;
    struct str best;
    unsigned distance;
};
void diag_suggest_init(struct diag_suggestion *suggestion, struct str name);
void diag_suggest_try(struct diag_suggestion *suggestion, struct str candidate);
void diag_suggest_text(const struct diag_suggestion *suggestion, struct buf *buf);

/* file:line:column: error: message [CODE], the source line, a caret, the hint. */
void diag_text(const struct diagnostic *diagnostic, struct str file, struct buf *buf);

/* Falco's shape {code, codedesc, message, context:{locations, snippet}} plus line, column, hint. */
void diag_json(const struct diagnostic *diagnostic, struct str file, struct jsonw *w);
