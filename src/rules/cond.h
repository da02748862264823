/*
 * cond: a condition with its meaning: fields resolved, constants typed, operators checked.
 *
 * cond_resolve() makes it from an expanded AST (no AST_MACRO left). cond_eval() is the plain, direct
 * evaluation of one check, which the matcher uses where it has nothing better and tests use always.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "event/field.h"
#include "rules/ast.h"

#include <stdbool.h>
#include <stdint.h>

struct regex; /* a compiled RE2, see regex.h */

enum transformer {
    TRANSFORM_TOLOWER,
    TRANSFORM_TOUPPER,
    TRANSFORM_B64, /* decodes */
    TRANSFORM_BASENAME,
    TRANSFORM_LEN,
    TRANSFORM_JOIN,
    TRANSFORM_CONCAT,
    TRANSFORM_GETOPT,
    TRANSFORM_VAL,
    TRANSFORM_COUNT,
};

/* TRANSFORM_COUNT when there is none of that name. */
enum transformer transformer_find(struct str name);
const char *transformer_text(enum transformer transformer);

struct expr {
    enum ast_expr_kind kind;
    enum field_type type;
    bool is_list; /* `in` wants all its values; not so fields of all ancestors, or of both ends */
    struct field_ref field; /* EXPR_FIELD */
    const struct field_desc *desc;
    struct value literal; /* EXPR_LITERAL */
    enum transformer transformer;
    struct expr **args;
    uint32_t nargs;
    struct str getopt_arg;
};

/* A run of constants of one type. Runs of the same list are the same memory: compare `identity`. */
struct constants {
    const struct str *strs;     /* text types: the items themselves; else NULL */
    const struct value *values; /* other types */
    uint32_t n;
    struct str list; /* name of the list they come from; empty: none */
    const void *identity;
};

struct check {
    struct expr *left;
    enum ast_op op; /* never OP_EQ_EQ */
    enum ast_modifier modifier;
    struct constants *constants;
    uint32_t nconstants;    /* runs */
    struct expr *right;     /* instead of constants */
    struct regex **regexes; /* OP_REGEX: one for each constant, in order */
    uint32_t offset;        /* into the condition's text, for messages */
    struct str macro;       /* where it came from; empty: the rule itself */
};

enum cond_kind { COND_AND, COND_OR, COND_NOT, COND_CHECK };

struct cond {
    enum cond_kind kind;
    struct cond **items; /* AND, OR: nitems >= 1; NOT: one */
    uint32_t nitems;
    struct check *check;
};

/* A problem found while resolving. `is_warning`: LOAD_COMPILE_CONDITION and deprecated fields. */
struct cond_problem {
    uint32_t offset;
    bool is_warning;
    bool is_unknown_filter; /* skip-if-unknown-filter turns this error into a skip */
    bool is_deprecated;
    struct str message;
    struct str hint;
    struct str macro; /* the macro the offending check came from */
};

struct cond_problems {
    struct cond_problem *items;
    uint32_t n;
    uint32_t capacity;
};

/*
 * What conditions of one ruleset share: constants of the same list and type are converted once (told
 * by the address of ast_values.items), and equal patterns are compiled once. It must outlive the
 * conditions, which borrow its regexes; drop it before the arrays of items go.
 */
struct cond_cache;
struct cond_cache *cond_cache_new(struct arena *arena);
void cond_cache_free(struct cond_cache *cache); /* frees the regexes too */

/*
 * Resolves everything it can and reports every problem, in the arena. *ret is NULL when there was an
 * error among them. -ENOMEM when the arena's budget is spent. Without a cache (NULL) nothing is
 * shared, and regexes are an error.
 */
int cond_resolve(struct arena *arena, struct cond_cache *cache, const struct ast *ast,
                 struct cond **ret, struct cond_problems *problems);

/*
 * Other fields than those of events: filters over kept records. Their ids begin at FIELD_COUNT; such conditions are
 * evaluated with a view whose `extract` knows them, never by the matcher.
 */
struct cond_vocabulary {
    /* As field_resolve(). *ret_desc lives as long as the condition. */
    int (*resolve)(struct str name, struct str arg, struct field_ref *ret,
                   const struct field_desc **ret_desc, struct err *err);
    const char *(*suggest)(struct str name); /* NULL: nothing resembles it */
};
int cond_resolve_in(struct arena *arena, struct cond_cache *cache,
                    const struct cond_vocabulary *vocabulary, const struct ast *ast,
                    struct cond **ret, struct cond_problems *problems);

/* One expression alone, for outputs. problems may be NULL; -EINVAL with the first error in err. */
int expr_resolve(struct arena *arena, const struct ast_expr *ast, struct expr **ret,
                 struct cond_problems *problems, struct err *err);

/*
 * Value of an expression: a field, a literal, a transformation. n == 0: missing; but a transformation
 * that yields an empty list has n == 0 and v != NULL.
 */
void expr_extract(const struct expr *expr, struct view *view, struct extracted *ret);

/* Text and JSON of a value as in outputs; see field_text(), field_json(). */
void expr_text(const struct expr *expr, const struct extracted *value, struct buf *buf);
void expr_json(const struct expr *expr, const struct extracted *value, const struct view *view,
               struct buf *buf);

/* Is `a op b` true, with order < 0, 0 or > 0 as a is less, equal or more? */
bool order_holds(enum ast_op op, int order);

/* Is the check true of these values (of its left side)? `right`: values of check->right, or NULL. */
bool check_holds(const struct check *check, const struct extracted *left,
                 const struct extracted *right);

/* Extracts and checks; walks the whole condition. The reference semantics. */
bool check_eval(const struct check *check, struct view *view);
bool cond_eval(const struct cond *cond, struct view *view);

/* Is the outcome known without an event? evt.num counts from 1, so `evt.num = 0` is never true: rules
 * use such comparisons as placeholders. No value is in an empty list. */
enum check_truth { CHECK_DEPENDS, CHECK_NEVER, CHECK_ALWAYS };
enum check_truth check_truth_of(const struct check *check);

/* Event names a condition can be true for. */
struct nameset {
    uint64_t bits[NAME_MAX_ID / 64];
};

static inline bool nameset_has(const struct nameset *set, uint16_t name)
{
    return name < NAME_MAX_ID && (set->bits[name / 64] >> (name % 64) & 1);
}

unsigned nameset_count(const struct nameset *set);
/* From evt.type and syscall.type (=, ==, !=, in), evt.num's always and never true forms. */
void cond_names(const struct cond *cond, struct nameset *ret);
