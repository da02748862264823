/*
 * parse: the parser's entry for the loader, which knows lists and macros. Internal to src/rules.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "rules/ast.h"

/* What the parser asks about lists while it reads a condition after expansion. */
struct parse_lists {
    /* The shared run of the list named after a LEX_LIST_MARK; NULL: none. */
    const struct ast_values *(*run)(const void *data, struct str name);
    /* Which list the text at that offset was copied from; empty: none. */
    struct str (*origin)(const void *data, uint32_t offset);
    const void *data;
};

struct parse_options {
    unsigned depth_max;
    struct str macro;                /* put into every node */
    const struct parse_lists *lists; /* NULL: the text was not expanded */
    /* NULL, or: names without a dot that are fields too; numbers may then be any value ("-24h"). */
    bool (*is_field)(struct str name);
};

/* As parse_condition(). *ret_nodes counts the nodes made. */
int parse_expanded(struct arena *arena, struct str text, const struct parse_options *options,
                   struct ast **ret, uint32_t *ret_nodes, uint32_t *ret_offset, struct err *err);

/* A field or a transformer of fields, as the fields of exceptions are written. */
int parse_left_side(struct arena *arena, struct str text, struct ast_expr **ret, struct err *err);

/* Is the text exactly one value, quoted or bare? Its value goes to *ret. */
bool parse_is_plain_value(struct arena *arena, struct str text, struct str *ret);
