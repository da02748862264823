/*
 * output: a rule's output template: text with %fields, compiled once, run for each alert.
 *
 * Tokens are %field, %field[arg], %Nfield (pad or cut to N columns), %transformer(field), and %% for a
 * percent sign. A leading * means: a missing field prints <NA>; Falco always prepends it, so do we.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "event/field.h"
#include "rules/cond.h"

#include <stdint.h>

#define OUTPUT_FIELDS_MAX 1024

struct output_part {
    struct str text;    /* literal text before the token */
    struct expr *expr;  /* NULL: only text */
    struct str token;   /* "proc.aname[2]": the key in output_fields */
    uint32_t width;     /* 0: as long as it is */
};

struct output {
    struct output_part *parts;
    uint32_t nparts;
};

/* -EINVAL: "invalid formatting token not_a_real_field". deprecated: a deprecated field's name, or NULL. */
int output_compile(struct arena *arena, struct str format, struct output **ret,
                   const char **ret_deprecated, struct err *err);

/* Resolved text. Not escaped. */
void output_text(const struct output *output, struct view *view, struct buf *buf);
/* {"proc.name":"cat",...}: each token once, missing ones null. */
void output_fields_json(const struct output *output, struct view *view, struct buf *buf);
