/*
 * output: a rule's output template: text with %fields, compiled once, run for each alert.
 *
 * Tokens are %field, %field[arg], %Nfield (padded or cut to N bytes), %transformer(field), and %% for a
 * percent sign. The longest beginning that is a field counts: "%proc.name." ends in a full stop. A
 * missing field prints <NA>: the template is read as if it began with the `*` that Falco prepends.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "event/field.h"
#include "rules/cond.h"

#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_FIELDS_MAX 1024
#define OUTPUT_WIDTH_MAX  4096  /* of %Nfield */
#define OUTPUT_TEXT_MAX   65536 /* bytes of a template */
#define OUTPUT_MORE_MAX   64    /* fields beside the template's */
#define OUTPUT_MORE_VALUE 4096  /* bytes of one of them, as JSON; what is longer is left out... */
#define OUTPUT_MORE_BYTES 32768 /* ...and what comes when all have so many */

struct output_part {
    struct str text;      /* literal text before the token */
    struct str text_json; /* the same, escaped for a JSON string */
    struct expr *expr;    /* NULL: only text */
    struct str token;     /* "proc.aname[2]": the key in output_fields */
    struct str key_json;  /* the same as `"proc.aname[2]":` */
    uint32_t width;       /* 0: as long as it is */
    bool is_repeated;     /* an earlier part has the same token */
};

/* A field that is only in the JSON. `asked`: by the rule's condition, so that it is null where there is none. */
struct output_more {
    struct expr *expr;
    struct str key_json;
    bool asked;
};

struct output {
    struct output_part *parts;
    uint32_t nparts;
    struct output_more *more;
    uint32_t nmore;
};

/*
 * Borrows format. -ENOENT: "invalid formatting token not_a_real_field" (skip-if-unknown-filter
 * applies); -EINVAL: other errors; -ENOMEM. ret_deprecated: a deprecated field's name, or NULL.
 */
int output_compile(struct arena *arena, struct str format, struct output **ret,
                   const char **ret_deprecated, struct err *err);

/*
 * Fields beside those of the template, for who keeps the alert and asks of it later: those that the condition uses, and
 * those that exceptions are mostly made of. They cost nothing but where an alert is made. Borrows cond. -ENOMEM.
 */
int output_add_more(struct arena *arena, const struct cond *cond, struct output *output);

/* Resolved text. Not escaped. */
void output_text(const struct output *output, struct view *view, struct buf *buf);
/* {"proc.name":"cat",...}: each token once, missing ones null. Of a text that is not UTF-8 the key
 * "proc.name.base64" follows with its bytes. */
void output_fields_json(const struct output *output, struct view *view, struct buf *buf);

/*
 * The two above in steps, for who wants several forms of one extraction. Values lie in the view's
 * scratch; NULL when that is full: all fields then count as missing.
 */
const struct extracted *output_extract(const struct output *output, struct view *view);
void output_put_text(const struct output *output, const struct extracted *values, struct buf *buf);
/* The text escaped for a JSON string, without its quotes. */
void output_put_text_json(const struct output *output, const struct extracted *values,
                          struct view *view, struct buf *buf);
void output_put_fields_json(const struct output *output, const struct extracted *values,
                            struct view *view, struct buf *buf);
/* output_more.c: the fields beside, each after a comma but the first of the object. */
void output_put_more_json(const struct output *output, struct view *view, bool first,
                          struct buf *buf);
