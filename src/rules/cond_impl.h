/*
 * cond_impl: what the parts of the resolver share. Not for other modules.
 */
#pragma once

#include "rules/cond.h"

#include <stdbool.h>
#include <stdint.h>

/* One run of cond_resolve(). Errors of the input go to `problems`; memory running out stops it. */
struct resolver {
    struct arena *arena;
    struct cond_cache *cache;                 /* NULL: nothing shared, no regexes */
    const struct cond_vocabulary *vocabulary; /* NULL: events' fields */
    struct cond_problems *problems;           /* NULL: errors go to first_error only */
    struct err *first_error;                  /* may be NULL */
    bool failed;                              /* there was an error */
    bool no_memory;
    struct str macro; /* of the check being resolved */
    uint32_t offset;  /* of the part of it being resolved */
};

/* Adds a problem at the resolver's place; the message is formatted into its arena. */
void resolver_error(struct resolver *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void resolver_warning(struct resolver *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* For skip-if-unknown-filter; hint may be NULL. */
void resolver_unknown(struct resolver *r, const char *suggestion, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Is it still worth while to look for names that resemble an unknown one? */
#define RESOLVER_HINTS_MAX 1000
bool resolver_hints(struct resolver *r);
void resolver_deprecated(struct resolver *r, const char *field);

/* NULL after an error. Not the transformer val() on the left: see resolve_left(). */
struct expr *resolve_expr(struct resolver *r, const struct ast_expr *ast);

/* How an expression is called in messages: the field's name, or INTERNAL's place, the transformer's. */
const char *expr_name(const struct expr *expr);

/* The constants on the right of a check; false after an error. */
bool resolve_constants(struct resolver *r, const struct ast_check *ast, struct check *check);
bool resolve_regexes(struct resolver *r, struct check *check);

/* Warnings about constants that look like something else. */
void warn_about_regex(struct resolver *r, struct str pattern);
/* Looks like a field or a transformer; true when it warned. */
bool warn_about_text(struct resolver *r, struct str text);
