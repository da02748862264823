/*
 * lex: the tokens of the condition language. Internal to src/rules.
 *
 * A lexer is a cursor over borrowed text. Each lex_ function either moves the cursor behind its
 * token, remembers the token in `last` and returns true, or leaves everything as it was.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "rules/ast.h"

#include <stdbool.h>
#include <stddef.h>

/* Stands before the name of a list whose items were not copied into the text; see expand.h. */
#define LEX_LIST_MARK '\0'

struct lexer {
    struct str text;
    size_t at;
    struct str last; /* the last token; of a quoted string its value */
};

enum lex_quoted { LEX_NOT_QUOTED, LEX_QUOTED, LEX_BAD_ESCAPE, LEX_NO_MEMORY };

static inline char lex_peek(const struct lexer *lexer)
{
    return lexer->at < lexer->text.n ? lexer->text.p[lexer->at] : '\0';
}

static inline bool lex_at_end(const struct lexer *lexer)
{
    return lexer->at >= lexer->text.n;
}

bool lex_is_blank(char c);     /* what may stand between tokens */
bool lex_is_bare_char(char c); /* what an unquoted value may hold */

/* The only one that does not touch `last`. */
bool lex_blank(struct lexer *lexer);
bool lex_text(struct lexer *lexer, struct str token);
bool lex_identifier(struct lexer *lexer);
bool lex_field_name(struct lexer *lexer);
bool lex_field_arg(struct lexer *lexer);
bool lex_number(struct lexer *lexer);
bool lex_bare(struct lexer *lexer);
/* The operators of one class: "exists"; numeric; string; list. */
bool lex_operator(struct lexer *lexer, enum ast_op first, enum ast_op last, enum ast_op *ret);
/* "tolower(" and so on: `last` is the name without the parenthesis. */
bool lex_transformer(struct lexer *lexer);
/* A quoted string, unescaped into the arena when it has escapes. On LEX_BAD_ESCAPE the cursor
 * stands at the backslash. */
enum lex_quoted lex_quoted(struct lexer *lexer, struct arena *arena);
