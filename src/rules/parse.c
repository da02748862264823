/*
 * parse: recursive descent over the condition grammar, one function per production.
 *
 *     or        = and { "or" ( blank and | "(" or ")" ) }
 *     and       = not { "and" ( blank not | "(" or ")" ) }
 *     not       = { "not" blank } ( "not(" or ")" | check )
 *     check     = "(" or ")" | left condition | identifier
 *     left      = field | transform
 *     field     = field-name [ "[" ( quoted | argument ) "]" ]
 *
 * Depth counts parentheses, transformers and nots and is limited, so the stack is. Items of lists
 * and of and/or are collected on two piles shared by all levels and copied to the arena when
 * complete. The first failure is kept and everything above it returns NULL.
 */
#include "rules/parse.h"

#include "rules/parser.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN_SHOWN_MAX 64 /* bytes of a token in a message */

static struct ast *parse_or(struct parser *parser);

void *parser_fail(struct parser *parser, const char *format, ...)
{
    if (parser->error == 0) {
        char message[ERR_MESSAGE_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        parser->error = err_set(parser->err, -EINVAL, "%s", message);
    }
    return NULL;
}

void *parser_fail_memory(struct parser *parser)
{
    if (parser->error == 0) {
        parser->error = err_set(parser->err, -ENOMEM, "the condition needs too much memory");
    }
    return NULL;
}

bool pile_push(struct parser *parser, struct pile *pile, const void *item, size_t size)
{
    if (pile->n == pile->capacity) {
        size_t capacity = pile->capacity ? pile->capacity * 2 : 16;
        void *items = mem_resize(pile->items, capacity, size);
        if (!items) {
            parser_fail_memory(parser);
            return false;
        }
        pile->items = items;
        pile->capacity = capacity;
    }
    memcpy((char *)pile->items + pile->n++ * size, item, size);
    return true;
}

/* Moves everything above `base` to the arena. */
void *pile_take(struct parser *parser, struct pile *pile, size_t base, size_t size)
{
    size_t n = pile->n - base;
    void *items = arena_array(parser->arena, n, size);
    if (!items) {
        return parser_fail_memory(parser);
    }
    if (n > 0) {
        memcpy(items, (char *)pile->items + base * size, n * size);
    }
    pile->n = base;
    return items;
}

static bool enter(struct parser *parser)
{
    if (parser->depth >= parser->options->depth_max) {
        parser_fail(parser, "exceeded max depth limit of %u", parser->options->depth_max);
        return false;
    }
    parser->depth++;
    return true;
}

static struct ast *new_ast(struct parser *parser, enum ast_kind kind, uint32_t offset)
{
    struct ast *ast = ARENA_NEW(parser->arena, struct ast);
    if (!ast) {
        return parser_fail_memory(parser);
    }
    *ast = (struct ast){ .kind = kind, .offset = offset, .macro = parser->options->macro };
    parser->nodes++;
    return ast;
}

struct ast_expr *parser_new_expr(struct parser *parser, enum ast_expr_kind kind, uint32_t offset)
{
    struct ast_expr *expr = ARENA_NEW(parser->arena, struct ast_expr);
    if (!expr) {
        return parser_fail_memory(parser);
    }
    expr->kind = kind;
    expr->offset = offset;
    expr->name = parser->lexer.last;
    return expr;
}

bool parser_literal_fits(struct parser *parser)
{
    if (parser->lexer.last.n > LITERAL_MAX) {
        parser_fail(parser, "a value of more than %d bytes", LITERAL_MAX);
        return false;
    }
    return true;
}

/* Quoted string. False with parser->error set: malformed. */
bool parser_quoted(struct parser *parser)
{
    switch (lex_quoted(&parser->lexer, parser->arena)) {
    case LEX_QUOTED:
        return parser_literal_fits(parser);
    case LEX_BAD_ESCAPE:
        parser_fail(parser, "unsupported string escape sequence: \\%c",
                    parser->lexer.at + 1 < parser->lexer.text.n &&
                            parser->lexer.text.p[parser->lexer.at + 1] > ' '
                        ? parser->lexer.text.p[parser->lexer.at + 1]
                        : '?');
        return false;
    case LEX_NO_MEMORY:
        parser_fail_memory(parser);
        return false;
    case LEX_NOT_QUOTED:
        break;
    }
    return false;
}

bool parser_bare(struct parser *parser)
{
    return parser->error == 0 && lex_bare(&parser->lexer) && parser_literal_fits(parser);
}

/* "[" ( quoted | argument ) "]", if there is a bracket. *ret keeps .p NULL if not. */
static bool parse_bracket(struct parser *parser, struct str *ret)
{
    struct lexer *lexer = &parser->lexer;
    if (!lex_text(lexer, STR("["))) {
        return true;
    }
    if (!parser_quoted(parser) &&
        (parser->error || !lex_field_arg(lexer) || !parser_literal_fits(parser))) {
        parser_fail(parser, "expected a valid field argument: a quoted string or a bare string");
        return false;
    }
    struct str arg = lexer->last.p ? lexer->last : STR("");
    if (!lex_text(lexer, STR("]"))) {
        parser_fail(parser, "expected a ']' token");
        return false;
    }
    *ret = arg;
    return true;
}

bool parser_field_name(struct parser *parser)
{
    struct lexer before = parser->lexer;
    if (lex_field_name(&parser->lexer)) {
        return true;
    }
    if (parser->options->is_field && lex_identifier(&parser->lexer) &&
        parser->options->is_field(parser->lexer.last)) {
        return true;
    }
    parser->lexer = before;
    return false;
}

/* The lexer has just taken the field's name, which began at `offset`. */
struct ast_expr *parser_field(struct parser *parser, uint32_t offset)
{
    struct ast_expr *field = parser_new_expr(parser, EXPR_FIELD, offset);
    return field && parse_bracket(parser, &field->arg) ? field : NULL;
}

static struct ast_expr *parse_literal(struct parser *parser, uint32_t offset, bool is_quoted)
{
    struct ast_expr *literal = parser_new_expr(parser, EXPR_LITERAL, offset);
    if (literal) {
        literal->quoted = is_quoted;
    }
    return literal;
}

/* argument = number | quoted | transform | field */
static struct ast_expr *parse_argument(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    uint32_t offset = parser_here(parser);
    if (lex_number(lexer)) {
        return parser_literal_fits(parser) ? parse_literal(parser, offset, false) : NULL;
    }
    if (parser_quoted(parser)) {
        return parse_literal(parser, offset, true);
    }
    if (parser->error) {
        return NULL;
    }
    if (lex_transformer(lexer)) {
        return parser_transform(parser);
    }
    if (parser_field_name(parser)) {
        return parser_field(parser, offset);
    }
    return parser_fail(parser, "expected field transformer argument: "
                               "field, transformer, quoted string, number, or transformer list");
}

static bool push_argument(struct parser *parser)
{
    lex_blank(&parser->lexer);
    struct ast_expr *arg = parse_argument(parser);
    return arg && pile_push(parser, &parser->asts, &arg, sizeof(arg)) &&
           (lex_blank(&parser->lexer), true);
}

/* argument { "," argument } */
static bool push_arguments(struct parser *parser)
{
    do {
        if (!push_argument(parser)) {
            return false;
        }
    } while (lex_text(&parser->lexer, STR(",")));
    return true;
}

/* list = "(" [ arguments ] ")" */
static bool push_list(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    if (!lex_text(lexer, STR("("))) {
        parser_fail(parser, "expected a '(' token: join takes a separator and a list");
        return false;
    }
    lex_blank(lexer);
    if (lex_text(lexer, STR(")"))) {
        return true;
    }
    if (!push_arguments(parser)) {
        return false;
    }
    if (!lex_text(lexer, STR(")"))) {
        parser_fail(parser, "expected a ')' token closing the transformer's list");
        return false;
    }
    return true;
}

/* join's: argument "," list */
static bool push_join_arguments(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    if (!push_argument(parser)) {
        return false;
    }
    if (!lex_text(lexer, STR(","))) {
        parser_fail(parser, "expected a ',' token after join's separator");
        return false;
    }
    lex_blank(lexer);
    return push_list(parser);
}

/* getopt's: ( list | argument ) "," argument. The first is a list field, when it is no list. */
static bool push_getopt_arguments(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    lex_blank(lexer);
    bool is_list = lexer->at < lexer->text.n && lexer->text.p[lexer->at] == '(';
    if (is_list ? !push_list(parser) : !push_argument(parser)) {
        return false;
    }
    lex_blank(lexer);
    if (!lex_text(lexer, STR(","))) {
        parser_fail(parser, "expected a ',' token after getopt's list");
        return false;
    }
    return push_argument(parser);
}

/* The lexer has just taken "name(". */
struct ast_expr *parser_transform(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    uint32_t offset = parser_here(parser) - (uint32_t)lexer->last.n - 1;
    struct ast_expr *expr = parser_new_expr(parser, EXPR_TRANSFORM, offset);
    if (!expr || !enter(parser)) {
        return NULL;
    }
    size_t base = parser->asts.n;
    bool is_getopt = str_eq(expr->name, STR("getopt"));
    bool ok = str_eq(expr->name, STR("join")) ? push_join_arguments(parser)
              : is_getopt                     ? push_getopt_arguments(parser)
                                              : push_arguments(parser);
    if (!ok) {
        return NULL;
    }
    expr->nargs = (uint32_t)(parser->asts.n - base);
    expr->args = pile_take(parser, &parser->asts, base, sizeof(struct ast_expr *));
    lex_blank(lexer);
    if (!lex_text(lexer, STR(")"))) {
        return parser_fail(parser, "expected a ')' token closing the transformer");
    }
    parser->depth--;
    if (is_getopt && !parse_bracket(parser, &expr->getopt_arg)) {
        return NULL;
    }
    return parser->error ? NULL : expr;
}

static struct ast *parse_check_of(struct parser *parser, struct ast_expr *left)
{
    struct ast *ast = left ? new_ast(parser, AST_CHECK, left->offset) : NULL;
    if (!ast) {
        return NULL;
    }
    ast->check.left = left;
    return parser_right(parser, &ast->check) ? ast : NULL;
}

/* The rest of "(" or ")". */
static struct ast *parse_parenthesised(struct parser *parser)
{
    if (!enter(parser)) {
        return NULL;
    }
    struct ast *ast = parse_or(parser);
    if (!ast) {
        return NULL;
    }
    if (!lex_text(&parser->lexer, STR(")"))) {
        return parser_fail(parser, "expected a ')' token");
    }
    parser->depth--;
    return ast;
}

static struct ast *parse_check(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    lex_blank(lexer);
    uint32_t offset = parser_here(parser);
    if (lex_text(lexer, STR("("))) {
        return parse_parenthesised(parser);
    }
    if (parser_field_name(parser)) {
        return parse_check_of(parser, parser_field(parser, offset));
    }
    if (lex_transformer(lexer)) {
        return parse_check_of(parser, parser_transform(parser));
    }
    if (!lex_identifier(lexer)) {
        return parser_fail(parser, "expected a '(' token, a field check, or an identifier");
    }
    if (parser->options->is_field) { /* filters have no macros */
        return parser_fail(parser, "there is no field '%.*s'",
                           STR_ARG(str_first(lexer->last, TOKEN_SHOWN_MAX)));
    }
    struct ast *ast = new_ast(parser, AST_MACRO, offset);
    if (ast) {
        ast->name = lexer->last;
    }
    return ast;
}

static bool lex_not(struct lexer *lexer)
{
    struct lexer before = *lexer;
    if (lex_text(lexer, STR("not")) && lex_blank(lexer)) {
        return true;
    }
    *lexer = before;
    return false;
}

static struct ast *negate(struct parser *parser, struct ast *child, uint32_t offset)
{
    struct ast *ast = child ? new_ast(parser, AST_NOT, offset) : NULL;
    struct ast **items = ast ? ARENA_NEW(parser->arena, struct ast *) : NULL;
    if (!items) {
        return child ? parser_fail_memory(parser) : NULL;
    }
    items[0] = child;
    ast->items = items;
    ast->nitems = 1;
    return ast;
}

/* Two nots cancel each other. */
static struct ast *parse_not(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    lex_blank(lexer);
    uint32_t offset = parser_here(parser);
    unsigned depth = parser->depth;
    bool negated = false;
    while (lex_not(lexer)) {
        negated = !negated;
        if (!enter(parser)) {
            return NULL;
        }
    }
    struct ast *child;
    if (lex_text(lexer, STR("not("))) {
        negated = !negated;
        child = parse_parenthesised(parser);
    } else {
        child = parse_check(parser);
    }
    if (!child) {
        return NULL;
    }
    parser->depth = depth;
    return negated ? negate(parser, child, offset) : child;
}

static struct ast *parse_and(struct parser *parser);

/* One level of "and" or "or": what stands between the keywords is read by `operand`. */
static struct ast *parse_level(struct parser *parser, enum ast_kind kind, struct str keyword,
                               struct ast *(*operand)(struct parser *))
{
    struct lexer *lexer = &parser->lexer;
    lex_blank(lexer);
    uint32_t offset = parser_here(parser);
    size_t base = parser->asts.n;
    struct ast *child = operand(parser);
    while (child) {
        if (!pile_push(parser, &parser->asts, &child, sizeof(child))) {
            return NULL;
        }
        lex_blank(lexer);
        if (!lex_text(lexer, keyword)) {
            break;
        }
        if (lex_blank(lexer)) {
            child = operand(parser);
        } else if (lex_text(lexer, STR("("))) {
            child = parse_parenthesised(parser);
        } else {
            child = parser_fail(parser, "expected blank or '(' after '%.*s'", STR_ARG(keyword));
        }
    }
    if (!child) {
        return NULL;
    }
    if (parser->asts.n - base == 1) {
        parser->asts.n = base;
        return child;
    }
    struct ast *ast = new_ast(parser, kind, offset);
    if (!ast) {
        return NULL;
    }
    ast->nitems = (uint32_t)(parser->asts.n - base);
    ast->items = pile_take(parser, &parser->asts, base, sizeof(struct ast *));
    return ast->items ? ast : NULL;
}

static struct ast *parse_and(struct parser *parser)
{
    return parse_level(parser, AST_AND, STR("and"), parse_not);
}

static struct ast *parse_or(struct parser *parser)
{
    return parse_level(parser, AST_OR, STR("or"), parse_and);
}

static void fail_unexpected(struct parser *parser)
{
    struct str last = parser->lexer.last;
    parser_fail(parser, "unexpected token after '%.*s%s', expecting 'or', 'and'",
                STR_ARG(str_first(last, TOKEN_SHOWN_MAX)), last.n > TOKEN_SHOWN_MAX ? "..." : "");
}

int parse_expanded(struct arena *arena, struct str text, const struct parse_options *options,
                   struct ast **ret, uint32_t *ret_nodes, uint32_t *ret_offset, struct err *err)
{
    struct parser parser = {
        .lexer = { .text = text }, .arena = arena, .options = options, .err = err
    };
    struct ast *ast = NULL;
    if (text.n == 0) {
        parser_fail(&parser, "filter input string is empty");
    } else if (text.n > UINT32_MAX) {
        parser_fail(&parser, "the condition is too long");
    } else {
        ast = parse_or(&parser);
        if (ast && !lex_at_end(&parser.lexer)) {
            fail_unexpected(&parser);
        }
    }
    free(parser.asts.items);
    free(parser.values.items);
    if (parser.error) {
        *ret_offset = parser_here(&parser);
        return parser.error;
    }
    *ret = ast;
    *ret_nodes = parser.nodes;
    return 0;
}

/* Text from a person, that was not expanded. */
static int parse_whole(struct arena *arena, struct str text, const struct parse_options *options,
                       struct ast **ret, uint32_t *ret_offset, struct err *err)
{
    ptrdiff_t nul = str_find_char(text, '\0');
    if (nul >= 0) {
        *ret_offset = (uint32_t)nul;
        return err_set(err, -EINVAL, "the condition holds a NUL byte");
    }
    uint32_t nodes;
    return parse_expanded(arena, text, options, ret, &nodes, ret_offset, err);
}

int parse_condition(struct arena *arena, struct str text, unsigned depth_max, struct ast **ret,
                    uint32_t *ret_offset, struct err *err)
{
    struct parse_options options = { .depth_max = depth_max };
    return parse_whole(arena, text, &options, ret, ret_offset, err);
}

int parse_filter(struct arena *arena, struct str text, bool (*is_field)(struct str name),
                 struct ast **ret, uint32_t *ret_offset, struct err *err)
{
    struct parse_options options = { .depth_max = FILTER_DEPTH_MAX, .is_field = is_field };
    return parse_whole(arena, text, &options, ret, ret_offset, err);
}

int parse_left_side(struct arena *arena, struct str text, struct ast_expr **ret, struct err *err)
{
    struct parse_options options = { .depth_max = FILTER_DEPTH_MAX };
    struct parser parser = {
        .lexer = { .text = text }, .arena = arena, .options = &options, .err = err
    };
    struct ast_expr *expr = NULL;
    lex_blank(&parser.lexer);
    uint32_t offset = parser_here(&parser);
    if (lex_field_name(&parser.lexer)) {
        expr = parser_field(&parser, offset);
    } else if (lex_transformer(&parser.lexer)) {
        expr = parser_transform(&parser);
    }
    lex_blank(&parser.lexer);
    if (!expr || !lex_at_end(&parser.lexer)) {
        parser_fail(&parser, "expected a field or a field with a valid transformer");
    }
    free(parser.asts.items);
    if (parser.error) {
        return parser.error;
    }
    *ret = expr;
    return 0;
}

bool parse_is_plain_value(struct arena *arena, struct str text, struct str *ret)
{
    struct lexer lexer = { .text = text };
    if (text.n > LITERAL_MAX) {
        return false;
    }
    if (lex_quoted(&lexer, arena) != LEX_QUOTED && !lex_bare(&lexer)) {
        return false;
    }
    if (!lex_at_end(&lexer)) {
        return false;
    }
    *ret = lexer.last;
    return true;
}
