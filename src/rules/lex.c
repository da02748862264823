/*
 * lex: tokens, by hand, with the character classes of the reference grammar:
 *
 *     identifier   [a-zA-Z]+[a-zA-Z0-9_]*
 *     field name   identifier ( '.' identifier )+
 *     argument     [^][\"'[:space:]]+
 *     number       0[xX][0-9a-zA-Z]+  or  [+-]?[0-9]+[.]?[0-9]*([eE][+-][0-9]+)?
 *     bare value   [^()\"'[:space:]=,]+
 *
 * Operators and transformers match as prefixes: "in(" is `in` and a parenthesis. Word operators on
 * strings must be followed by a blank. A backspace separates tokens; form feed and vertical tab do
 * not.
 */
#include "rules/lex.h"

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool lex_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\b' || c == '\r' || c == '\n';
}

bool lex_is_bare_char(char c)
{
    return !is_space(c) && c != '(' && c != ')' && c != '"' && c != '\'' && c != '=' && c != ',' &&
           c != LEX_LIST_MARK;
}

static bool is_arg_char(char c)
{
    return !is_space(c) && c != '[' && c != ']' && c != '"' && c != '\'';
}

static char char_at(const struct lexer *lexer, size_t at)
{
    return at < lexer->text.n ? lexer->text.p[at] : '\0';
}

/* Accepts the bytes up to `end` as a token, if there are any. */
static bool accept(struct lexer *lexer, size_t end)
{
    if (end <= lexer->at) {
        return false;
    }
    lexer->last = (struct str){ lexer->text.p + lexer->at, end - lexer->at };
    lexer->at = end;
    return true;
}

bool lex_blank(struct lexer *lexer)
{
    size_t start = lexer->at;
    while (lexer->at < lexer->text.n && lex_is_blank(lexer->text.p[lexer->at])) {
        lexer->at++;
    }
    return lexer->at > start;
}

bool lex_text(struct lexer *lexer, struct str token)
{
    return str_starts(str_from_offset(lexer->text, lexer->at), token) &&
           accept(lexer, lexer->at + token.n);
}

/* The end of the identifier that starts at `at`; `at` when none does. */
static size_t identifier_end(const struct lexer *lexer, size_t at)
{
    if (!is_alpha(char_at(lexer, at))) {
        return at;
    }
    size_t end = at + 1;
    while (is_alpha(char_at(lexer, end)) || is_digit(char_at(lexer, end)) ||
           char_at(lexer, end) == '_') {
        end++;
    }
    return end;
}

bool lex_identifier(struct lexer *lexer)
{
    return accept(lexer, identifier_end(lexer, lexer->at));
}

bool lex_field_name(struct lexer *lexer)
{
    size_t end = identifier_end(lexer, lexer->at);
    size_t parts = end > lexer->at;
    while (parts > 0 && char_at(lexer, end) == '.') {
        size_t next = identifier_end(lexer, end + 1);
        if (next == end + 1) {
            break;
        }
        end = next;
        parts++;
    }
    return parts >= 2 && accept(lexer, end);
}

bool lex_field_arg(struct lexer *lexer)
{
    size_t end = lexer->at;
    while (end < lexer->text.n && is_arg_char(lexer->text.p[end])) {
        end++;
    }
    return accept(lexer, end);
}

bool lex_bare(struct lexer *lexer)
{
    size_t end = lexer->at;
    while (end < lexer->text.n && lex_is_bare_char(lexer->text.p[end])) {
        end++;
    }
    return accept(lexer, end);
}

static size_t digits_end(const struct lexer *lexer, size_t at)
{
    while (is_digit(char_at(lexer, at))) {
        at++;
    }
    return at;
}

static bool lex_hexadecimal(struct lexer *lexer)
{
    char x = char_at(lexer, lexer->at + 1);
    if (lex_peek(lexer) != '0' || (x != 'x' && x != 'X')) {
        return false;
    }
    size_t end = lexer->at + 2;
    while (is_digit(char_at(lexer, end)) || is_alpha(char_at(lexer, end))) {
        end++;
    }
    return end > lexer->at + 2 && accept(lexer, end);
}

bool lex_number(struct lexer *lexer)
{
    if (lex_hexadecimal(lexer)) {
        return true;
    }
    char sign = lex_peek(lexer);
    size_t start = lexer->at + (sign == '+' || sign == '-');
    size_t end = digits_end(lexer, start);
    if (end == start) {
        return false;
    }
    if (char_at(lexer, end) == '.') {
        end = digits_end(lexer, end + 1);
    }
    char e = char_at(lexer, end), exponent_sign = char_at(lexer, end + 1);
    if ((e == 'e' || e == 'E') && (exponent_sign == '+' || exponent_sign == '-') &&
        is_digit(char_at(lexer, end + 2))) {
        end = digits_end(lexer, end + 2);
    }
    return accept(lexer, end);
}

static bool op_needs_blank(enum ast_op op)
{
    return op >= OP_CONTAINS && op <= OP_REGEX;
}

bool lex_operator(struct lexer *lexer, enum ast_op first, enum ast_op last, enum ast_op *ret)
{
    struct str rest = str_from_offset(lexer->text, lexer->at);
    enum ast_op found = OP_COUNT;
    size_t found_n = 0;
    for (enum ast_op op = first; op <= last; op++) {
        struct str text = str_of(op_text(op));
        bool fits = text.n > found_n && str_starts(rest, text);
        if (fits && (!op_needs_blank(op) || lex_is_blank(char_at(lexer, lexer->at + text.n)))) {
            found = op;
            found_n = text.n;
        }
    }
    if (found == OP_COUNT) {
        return false;
    }
    *ret = found;
    return accept(lexer, lexer->at + found_n);
}

bool lex_transformer(struct lexer *lexer)
{
    size_t end = identifier_end(lexer, lexer->at);
    struct str name = { lexer->text.p + lexer->at, end - lexer->at };
    if (char_at(lexer, end) != '(' || !transformer_is_known(name) || str_eq(name, STR("val"))) {
        return false;
    }
    lexer->at = end + 1;
    lexer->last = name;
    return true;
}

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that the escape at `at` (a backslash) stands for, or -1. */
static int unescape(const struct lexer *lexer, size_t at, char quote, size_t *ret_length)
{
    static const struct {
        char letter, value;
    } simple[] = { { 'b', '\b' }, { 'f', '\f' },  { 'n', '\n' }, { 'r', '\r' },
                   { 't', '\t' }, { '\\', '\\' }, { '/', '/' },  { ' ', '\\' } };
    char c = char_at(lexer, at + 1);
    *ret_length = 2;
    if (c == quote) {
        return c;
    }
    if (c == 'x') {
        int high = hex_digit(char_at(lexer, at + 2)), low = hex_digit(char_at(lexer, at + 3));
        *ret_length = 4;
        return high >= 0 && low >= 0 && high + low > 0 ? high * 16 + low : -1;
    }
    for (size_t i = 0; i < sizeof(simple) / sizeof(*simple); i++) {
        if (c == simple[i].letter) {
            return simple[i].value;
        }
    }
    return -1;
}

/* Offset behind the closing quote, or 0 when there is none. */
static size_t quoted_end(const struct lexer *lexer, char quote, bool *ret_escapes)
{
    *ret_escapes = false;
    for (size_t at = lexer->at + 1; at < lexer->text.n; at++) {
        char c = lexer->text.p[at];
        if (c == quote) {
            return at + 1;
        }
        if (c == '\\') {
            *ret_escapes = true;
            at++;
        }
    }
    return 0;
}

enum lex_quoted lex_quoted(struct lexer *lexer, struct arena *arena)
{
    char quote = lex_peek(lexer);
    if (quote != '"' && quote != '\'') {
        return LEX_NOT_QUOTED;
    }
    bool escapes;
    size_t end = quoted_end(lexer, quote, &escapes);
    if (end == 0) {
        return LEX_NOT_QUOTED;
    }
    struct str value = { lexer->text.p + lexer->at + 1, end - lexer->at - 2 };
    if (escapes) {
        char *copy = arena_bytes(arena, value.n);
        if (!copy) {
            return LEX_NO_MEMORY;
        }
        size_t n = 0;
        for (size_t at = lexer->at + 1; at < end - 1;) {
            size_t length = 1;
            int c = (unsigned char)lexer->text.p[at];
            if (c == '\\') {
                c = unescape(lexer, at, quote, &length);
            }
            if (c < 0) {
                lexer->at = at;
                return LEX_BAD_ESCAPE;
            }
            copy[n++] = (char)c;
            at += length;
        }
        value = (struct str){ copy, n };
    }
    lexer->last = value;
    lexer->at = end;
    return LEX_QUOTED;
}
