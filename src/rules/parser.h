/*
 * parser: what the two halves of the parser share. Internal to parse.c and parse_right.c.
 */
#pragma once

#include "rules/lex.h"
#include "rules/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pile {
    void *items;
    size_t n;
    size_t capacity;
};

struct parser {
    struct lexer lexer;
    struct arena *arena;
    const struct parse_options *options;
    unsigned depth;
    uint32_t nodes;
    struct pile asts;   /* struct ast * */
    struct pile values; /* struct str */
    int error;
    struct err *err;
};

/* Keeps the first failure; returns NULL. */
void *parser_fail(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void *parser_fail_memory(struct parser *parser);
bool pile_push(struct parser *parser, struct pile *pile, const void *item, size_t size);
/* Moves everything above `base` to the arena. */
void *pile_take(struct parser *parser, struct pile *pile, size_t base, size_t size);

static inline uint32_t parser_here(const struct parser *parser)
{
    return (uint32_t)parser->lexer.at;
}

struct ast_expr *parser_new_expr(struct parser *parser, enum ast_expr_kind kind, uint32_t offset);
bool parser_literal_fits(struct parser *parser);
/* A quoted string. False with parser->error set: malformed. */
bool parser_quoted(struct parser *parser);
bool parser_bare(struct parser *parser);
/* A field's name; the lexer takes it. */
bool parser_field_name(struct parser *parser);
/* The lexer has just taken the field's name, which began at `offset`. */
struct ast_expr *parser_field(struct parser *parser, uint32_t offset);
/* The lexer has just taken "name(". */
struct ast_expr *parser_transform(struct parser *parser);
/* What follows a check's left side: operator and value. */
bool parser_right(struct parser *parser, struct ast_check *check);
