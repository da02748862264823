/*
 * ast: a condition as written, before names mean anything.
 *
 * Nodes live in the arena that parse_condition() is given, and borrow from the text it parsed.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONDITION_DEPTH_MAX 1000  /* nested parentheses and nots in rules */
#define FILTER_DEPTH_MAX    100   /* the same in single filters */
#define LITERAL_MAX         65536 /* bytes of one literal */

enum ast_kind {
    AST_AND,   /* items */
    AST_OR,    /* items */
    AST_NOT,   /* items[0] */
    AST_MACRO, /* name: an identifier to be replaced */
    AST_CHECK,
};

enum ast_op {
    OP_EXISTS,
    OP_EQ,
    OP_EQ_EQ, /* "==": the same as "=", but printed as written */
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_CONTAINS,
    OP_ICONTAINS,
    OP_BCONTAINS,
    OP_STARTSWITH,
    OP_BSTARTSWITH,
    OP_ENDSWITH,
    OP_GLOB,
    OP_IGLOB,
    OP_REGEX,
    OP_IN,
    OP_INTERSECTS,
    OP_PMATCH,
    OP_COUNT,
};

enum ast_modifier { MODIFIER_NONE, MODIFIER_ONEOF, MODIFIER_ANYOF, MODIFIER_ALLOF };

enum ast_expr_kind { EXPR_FIELD, EXPR_LITERAL, EXPR_TRANSFORM };

/* proc.name, evt.arg[0], tolower(proc.name), join("-", (fd.name, "x")). */
struct ast_expr {
    enum ast_expr_kind kind;
    uint32_t offset; /* into the condition's text */
    bool quoted;
    struct str name;        /* the field's name, the literal's value, or the transformer */
    struct str arg;         /* of a field; .p == NULL: none */
    struct ast_expr **args; /* of a transformer, flat: join's separator first */
    uint32_t nargs;
    struct str getopt_arg; /* getopt(...)[x]; .p == NULL: none */
};

/* A run of list items, maybe shared with other conditions: the items of one list, or one literal. */
struct ast_values {
    const struct str *items;
    uint32_t n;
    struct str list; /* the list's name; empty: written in place */
    uint32_t offset;
};

struct ast_check {
    struct ast_expr *left;
    enum ast_op op;
    enum ast_modifier modifier;
    bool is_list;              /* the right side is in parentheses */
    struct ast_values *values; /* right side: one value, or a list's runs in order */
    uint32_t nvalues;
    struct ast_expr *right; /* right side is a field: values unused. val(f) is a TRANSFORM "val" */
};

struct ast {
    enum ast_kind kind;
    uint32_t offset;
    struct str macro; /* which macro this node came from by expansion; empty: the rule itself */
    struct ast **items;
    uint32_t nitems;
    struct str name;
    struct ast_check check;
};

/*
 * Parses a condition (grammar only; field names are not checked). depth_max as above.
 * On failure the message tells what was expected, *ret_offset where (byte offset into text).
 */
int parse_condition(struct arena *arena, struct str text, unsigned depth_max, struct ast **ret,
                    uint32_t *ret_offset, struct err *err);

/*
 * The same for filters over kept records, whose fields may be single words: `severity >= 7 and rule contains
 * write`. `is_field` tells which. What stands behind <, <=, >, >= may be any value, not only a number.
 */
int parse_filter(struct arena *arena, struct str text, bool (*is_field)(struct str name),
                 struct ast **ret, uint32_t *ret_offset, struct err *err);

const char *op_text(enum ast_op op);
const char *modifier_text(enum ast_modifier modifier);
/* The operator of that text; OP_COUNT when there is none. */
enum ast_op op_find(struct str text);
bool op_is_list(enum ast_op op);
bool transformer_is_known(struct str name);

/* The canonical form, as in Falco: "(evt.type = open and not proc.name in (a, b))". */
void ast_text(const struct ast *ast, struct buf *buf);
void ast_expr_text(const struct ast_expr *expr, struct buf *buf);
