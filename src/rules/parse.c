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

#include "rules/lex.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN_SHOWN_MAX 64 /* bytes of a token in a message */
#define OPERATORS_TEXT                                                                             \
    "'exists', '<=', '<', '>=', '>', '==', '=', '!=', 'glob', 'iglob', 'contains', 'icontains', "  \
    "'bcontains', 'startswith', 'bstartswith', 'endswith', 'regex', 'intersects', 'in', 'pmatch'"
#define TRANSFORMERS_TEXT                                                                          \
    "'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'"

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

static struct ast *parse_or(struct parser *parser);
static struct ast_expr *parse_transform(struct parser *parser);

static void *fail(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void *fail(struct parser *parser, const char *format, ...)
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

static void *fail_memory(struct parser *parser)
{
    if (parser->error == 0) {
        parser->error = err_set(parser->err, -ENOMEM, "the condition needs too much memory");
    }
    return NULL;
}

static bool pile_push(struct parser *parser, struct pile *pile, const void *item, size_t size)
{
    if (pile->n == pile->capacity) {
        size_t capacity = pile->capacity ? pile->capacity * 2 : 16;
        void *items = mem_resize(pile->items, capacity, size);
        if (!items) {
            fail_memory(parser);
            return false;
        }
        pile->items = items;
        pile->capacity = capacity;
    }
    memcpy((char *)pile->items + pile->n++ * size, item, size);
    return true;
}

/* Moves everything above `base` to the arena. */
static void *pile_take(struct parser *parser, struct pile *pile, size_t base, size_t size)
{
    size_t n = pile->n - base;
    void *items = arena_array(parser->arena, n, size);
    if (!items) {
        return fail_memory(parser);
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
        fail(parser, "exceeded max depth limit of %u", parser->options->depth_max);
        return false;
    }
    parser->depth++;
    return true;
}

static uint32_t here(const struct parser *parser)
{
    return (uint32_t)parser->lexer.at;
}

static struct ast *new_ast(struct parser *parser, enum ast_kind kind, uint32_t offset)
{
    struct ast *ast = ARENA_NEW(parser->arena, struct ast);
    if (!ast) {
        return fail_memory(parser);
    }
    *ast = (struct ast){ .kind = kind, .offset = offset, .macro = parser->options->macro };
    parser->nodes++;
    return ast;
}

static struct ast_expr *new_expr(struct parser *parser, enum ast_expr_kind kind, uint32_t offset)
{
    struct ast_expr *expr = ARENA_NEW(parser->arena, struct ast_expr);
    if (!expr) {
        return fail_memory(parser);
    }
    expr->kind = kind;
    expr->offset = offset;
    expr->name = parser->lexer.last;
    return expr;
}

static bool literal_fits(struct parser *parser)
{
    if (parser->lexer.last.n > LITERAL_MAX) {
        fail(parser, "a value of more than %d bytes", LITERAL_MAX);
        return false;
    }
    return true;
}

/* Quoted string. False with parser->error set: malformed. */
static bool quoted(struct parser *parser)
{
    switch (lex_quoted(&parser->lexer, parser->arena)) {
    case LEX_QUOTED:
        return literal_fits(parser);
    case LEX_BAD_ESCAPE:
        fail(parser, "unsupported string escape sequence: \\%c",
             parser->lexer.at + 1 < parser->lexer.text.n &&
                     parser->lexer.text.p[parser->lexer.at + 1] > ' '
                 ? parser->lexer.text.p[parser->lexer.at + 1]
                 : '?');
        return false;
    case LEX_NO_MEMORY:
        fail_memory(parser);
        return false;
    case LEX_NOT_QUOTED:
        break;
    }
    return false;
}

static bool bare(struct parser *parser)
{
    return parser->error == 0 && lex_bare(&parser->lexer) && literal_fits(parser);
}

static bool string_operator(struct parser *parser, enum ast_op *ret)
{
    return lex_operator(&parser->lexer, OP_EQ, OP_NE, ret) ||
           lex_operator(&parser->lexer, OP_CONTAINS, OP_REGEX, ret);
}

/* "[" ( quoted | argument ) "]", if there is a bracket. *ret keeps .p NULL if not. */
static bool parse_bracket(struct parser *parser, struct str *ret)
{
    struct lexer *lexer = &parser->lexer;
    if (!lex_text(lexer, STR("["))) {
        return true;
    }
    if (!quoted(parser) && (parser->error || !lex_field_arg(lexer) || !literal_fits(parser))) {
        fail(parser, "expected a valid field argument: a quoted string or a bare string");
        return false;
    }
    struct str arg = lexer->last.p ? lexer->last : STR("");
    if (!lex_text(lexer, STR("]"))) {
        fail(parser, "expected a ']' token");
        return false;
    }
    *ret = arg;
    return true;
}

/* The lexer has just taken the field's name, which began at `offset`. */
static struct ast_expr *parse_field(struct parser *parser, uint32_t offset)
{
    struct ast_expr *field = new_expr(parser, EXPR_FIELD, offset);
    return field && parse_bracket(parser, &field->arg) ? field : NULL;
}

static struct ast_expr *parse_literal(struct parser *parser, uint32_t offset, bool is_quoted)
{
    struct ast_expr *literal = new_expr(parser, EXPR_LITERAL, offset);
    if (literal) {
        literal->quoted = is_quoted;
    }
    return literal;
}

/* argument = number | quoted | transform | field */
static struct ast_expr *parse_argument(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    uint32_t offset = here(parser);
    if (lex_number(lexer)) {
        return literal_fits(parser) ? parse_literal(parser, offset, false) : NULL;
    }
    if (quoted(parser)) {
        return parse_literal(parser, offset, true);
    }
    if (parser->error) {
        return NULL;
    }
    if (lex_transformer(lexer)) {
        return parse_transform(parser);
    }
    if (lex_field_name(lexer)) {
        return parse_field(parser, offset);
    }
    return fail(parser, "expected field transformer argument: "
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
        fail(parser, "expected a '(' token: join takes a separator and a list");
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
        fail(parser, "expected a ')' token closing the transformer's list");
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
        fail(parser, "expected a ',' token after join's separator");
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
        fail(parser, "expected a ',' token after getopt's list");
        return false;
    }
    return push_argument(parser);
}

/* The lexer has just taken "name(". */
static struct ast_expr *parse_transform(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    uint32_t offset = here(parser) - (uint32_t)lexer->last.n - 1;
    struct ast_expr *expr = new_expr(parser, EXPR_TRANSFORM, offset);
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
        return fail(parser, "expected a ')' token closing the transformer");
    }
    parser->depth--;
    if (is_getopt && !parse_bracket(parser, &expr->getopt_arg)) {
        return NULL;
    }
    return parser->error ? NULL : expr;
}

/* val(field): only where a field may stand on the right side. The lexer is behind "val(". */
static struct ast_expr *parse_val(struct parser *parser, uint32_t offset)
{
    struct lexer *lexer = &parser->lexer;
    struct ast_expr *val = new_expr(parser, EXPR_TRANSFORM, offset);
    struct ast_expr **args = ARENA_NEW(parser->arena, struct ast_expr *);
    if (!val || !args) {
        return fail_memory(parser);
    }
    lex_blank(lexer);
    uint32_t field_offset = here(parser);
    if (!lex_field_name(lexer)) {
        return fail(parser, "expected a field within 'val' transformer");
    }
    args[0] = parse_field(parser, field_offset);
    if (!args[0]) {
        return NULL;
    }
    lex_blank(lexer);
    if (!lex_text(lexer, STR(")"))) {
        return fail(parser, "expected a ')' token closing the transformer");
    }
    val->name = STR("val");
    val->args = args;
    val->nargs = 1;
    return val;
}

/* A field on the right side, if there is one; NULL and no error if not. */
static struct ast_expr *parse_right_field(struct parser *parser)
{
    uint32_t offset = here(parser);
    if (lex_text(&parser->lexer, STR("val("))) {
        return parse_val(parser, offset);
    }
    return lex_transformer(&parser->lexer) ? parse_transform(parser) : NULL;
}

/* The lexer's last token becomes the check's only value. */
static bool set_value(struct parser *parser, struct ast_check *check, uint32_t offset)
{
    struct str *item = ARENA_NEW(parser->arena, struct str);
    check->values = ARENA_NEW(parser->arena, struct ast_values);
    if (!item || !check->values) {
        fail_memory(parser);
        return false;
    }
    *item = parser->lexer.last;
    check->values[0] = (struct ast_values){ .items = item, .n = 1, .offset = offset };
    check->nvalues = 1;
    return true;
}

/* A list while it is read: runs on the pile `runs`, items of the current one on parser->values. */
struct list_reader {
    struct pile runs; /* struct ast_values */
    struct str list;  /* of the run that is open */
    uint32_t offset;
    size_t base;
};

static bool close_run(struct parser *parser, struct list_reader *reader)
{
    if (parser->values.n == reader->base) {
        return true;
    }
    struct ast_values run = {
        .n = (uint32_t)(parser->values.n - reader->base),
        .list = reader->list,
        .offset = reader->offset,
    };
    run.items = pile_take(parser, &parser->values, reader->base, sizeof(struct str));
    return run.items && pile_push(parser, &reader->runs, &run, sizeof(run));
}

/* The marked name of a list whose items are kept apart. */
static bool push_shared_run(struct parser *parser, struct list_reader *reader, uint32_t offset)
{
    struct lexer *lexer = &parser->lexer;
    lexer->at++;
    const struct ast_values *run = NULL;
    if (lex_bare(lexer)) {
        run = parser->options->lists->run(parser->options->lists->data, lexer->last);
    }
    if (!run) {
        fail(parser, "expected a string value");
        return false;
    }
    struct ast_values own = *run;
    own.offset = offset;
    return close_run(parser, reader) && pile_push(parser, &reader->runs, &own, sizeof(own));
}

static bool push_value(struct parser *parser, struct list_reader *reader, uint32_t offset)
{
    const struct parse_lists *lists = parser->options->lists;
    struct str list = lists ? lists->origin(lists->data, offset) : (struct str){ 0 };
    if (!str_eq(list, reader->list)) {
        if (!close_run(parser, reader)) {
            return false;
        }
        reader->list = list;
    }
    if (parser->values.n == reader->base) {
        reader->offset = offset;
    }
    return pile_push(parser, &parser->values, &parser->lexer.last, sizeof(struct str));
}

/* value = quoted | bare | marked list */
static bool parse_list_item(struct parser *parser, struct list_reader *reader)
{
    struct lexer *lexer = &parser->lexer;
    lex_blank(lexer);
    uint32_t offset = here(parser);
    if (!lex_at_end(lexer) && lex_peek(lexer) == LEX_LIST_MARK && parser->options->lists) {
        return push_shared_run(parser, reader, offset);
    }
    if (quoted(parser) || bare(parser)) {
        return push_value(parser, reader, offset);
    }
    fail(parser, "expected a string value");
    return false;
}

static bool read_list(struct parser *parser, struct list_reader *reader)
{
    struct lexer *lexer = &parser->lexer;
    lex_blank(lexer);
    char next = lex_peek(lexer);
    if (next != ')' && next != ',' && next != '(' && next != '=' && !lex_at_end(lexer)) {
        do {
            if (!parse_list_item(parser, reader)) {
                return false;
            }
            lex_blank(lexer);
        } while (lex_text(lexer, STR(",")));
    }
    if (!lex_text(lexer, STR(")"))) {
        fail(parser, "expected a ')' token");
        return false;
    }
    return close_run(parser, reader);
}

/* The rest of "(" [ value { "," value } ] ")". */
static bool parse_list(struct parser *parser, struct ast_check *check)
{
    struct list_reader reader = { .base = parser->values.n };
    bool ok = read_list(parser, &reader);
    if (ok) {
        check->is_list = true;
        check->nvalues = (uint32_t)reader.runs.n;
        check->values = pile_take(parser, &reader.runs, 0, sizeof(struct ast_values));
    }
    free(reader.runs.items);
    return ok && check->values;
}

/* "(" list | identifier. `check` keeps what was set when it returns false without an error. */
static bool parse_list_or_name(struct parser *parser, struct ast_check *check)
{
    uint32_t offset = here(parser);
    if (lex_text(&parser->lexer, STR("("))) {
        return parse_list(parser, check);
    }
    return lex_identifier(&parser->lexer) && set_value(parser, check, offset);
}

static bool parse_list_right(struct parser *parser, struct ast_check *check)
{
    lex_blank(&parser->lexer);
    if (lex_peek(&parser->lexer) != '(') {
        check->right = parse_right_field(parser);
        if (check->right || parser->error) {
            return check->right != NULL;
        }
    }
    if (!parse_list_or_name(parser, check)) {
        fail(parser, "expected a list, an identifier, or a field with a valid transformer: one "
                     "of " TRANSFORMERS_TEXT);
        return false;
    }
    return true;
}

static bool parse_number_right(struct parser *parser, struct ast_check *check)
{
    lex_blank(&parser->lexer);
    check->right = parse_right_field(parser);
    if (check->right || parser->error) {
        return check->right != NULL;
    }
    uint32_t offset = here(parser);
    if (!lex_number(&parser->lexer)) {
        fail(parser, "expected a number value or a field with a valid transformer: one "
                     "of " TRANSFORMERS_TEXT);
        return false;
    }
    return literal_fits(parser) && set_value(parser, check, offset);
}

/*
 * modifier = ( "oneof" | "anyof" | "allof" ) blank ( "(" list ")" | identifier )
 *
 * The words are values too: where no operand follows, or only `and` or `or` does, the cursor goes
 * back and *ret stays MODIFIER_NONE.
 */
static bool parse_modifier(struct parser *parser, struct ast_check *check)
{
    struct lexer *lexer = &parser->lexer;
    struct lexer before = *lexer;
    for (enum ast_modifier m = MODIFIER_ONEOF; m <= MODIFIER_ALLOF; m++) {
        if (!lex_text(lexer, str_of(modifier_text(m)))) {
            continue;
        }
        struct lexer behind = *lexer;
        bool operand =
            lex_blank(lexer) &&
            (lex_peek(lexer) == '(' || (lex_identifier(lexer) && !str_eq(lexer->last, STR("and")) &&
                                        !str_eq(lexer->last, STR("or"))));
        *lexer = operand ? behind : before;
        if (operand) {
            lex_blank(lexer);
            check->modifier = m;
            return parse_list_or_name(parser, check);
        }
    }
    return true;
}

static bool parse_string_right(struct parser *parser, struct ast_check *check)
{
    if (lex_blank(&parser->lexer) && !parse_modifier(parser, check)) {
        return false;
    }
    if (check->modifier != MODIFIER_NONE) {
        return true;
    }
    check->right = parse_right_field(parser);
    if (check->right || parser->error) {
        return check->right != NULL;
    }
    uint32_t offset = here(parser);
    if (!quoted(parser) && !bare(parser)) {
        fail(parser, "expected a string value or a field with a valid transformer: one "
                     "of " TRANSFORMERS_TEXT);
        return false;
    }
    return set_value(parser, check, offset);
}

/* condition = "exists" | numeric-operator number | string-operator string | list-operator list */
static bool parse_right(struct parser *parser, struct ast_check *check)
{
    struct lexer *lexer = &parser->lexer;
    lex_blank(lexer);
    if (lex_operator(lexer, OP_EXISTS, OP_EXISTS, &check->op)) {
        return true;
    }
    if (lex_operator(lexer, OP_LT, OP_GE, &check->op)) {
        return parse_number_right(parser, check);
    }
    if (string_operator(parser, &check->op)) {
        return parse_string_right(parser, check);
    }
    if (lex_operator(lexer, OP_IN, OP_PMATCH, &check->op)) {
        return parse_list_right(parser, check);
    }
    fail(parser, "expected a valid check operator: one of " OPERATORS_TEXT);
    return false;
}

static struct ast *parse_check_of(struct parser *parser, struct ast_expr *left)
{
    struct ast *ast = left ? new_ast(parser, AST_CHECK, left->offset) : NULL;
    if (!ast) {
        return NULL;
    }
    ast->check.left = left;
    return parse_right(parser, &ast->check) ? ast : NULL;
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
        return fail(parser, "expected a ')' token");
    }
    parser->depth--;
    return ast;
}

static struct ast *parse_check(struct parser *parser)
{
    struct lexer *lexer = &parser->lexer;
    lex_blank(lexer);
    uint32_t offset = here(parser);
    if (lex_text(lexer, STR("("))) {
        return parse_parenthesised(parser);
    }
    if (lex_field_name(lexer)) {
        return parse_check_of(parser, parse_field(parser, offset));
    }
    if (lex_transformer(lexer)) {
        return parse_check_of(parser, parse_transform(parser));
    }
    if (!lex_identifier(lexer)) {
        return fail(parser, "expected a '(' token, a field check, or an identifier");
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
        return child ? fail_memory(parser) : NULL;
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
    uint32_t offset = here(parser);
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
    uint32_t offset = here(parser);
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
            child = fail(parser, "expected blank or '(' after '%.*s'", STR_ARG(keyword));
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
    fail(parser, "unexpected token after '%.*s%s', expecting 'or', 'and'",
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
        fail(&parser, "filter input string is empty");
    } else if (text.n > UINT32_MAX) {
        fail(&parser, "the condition is too long");
    } else {
        ast = parse_or(&parser);
        if (ast && !lex_at_end(&parser.lexer)) {
            fail_unexpected(&parser);
        }
    }
    free(parser.asts.items);
    free(parser.values.items);
    if (parser.error) {
        *ret_offset = here(&parser);
        return parser.error;
    }
    *ret = ast;
    *ret_nodes = parser.nodes;
    return 0;
}

int parse_condition(struct arena *arena, struct str text, unsigned depth_max, struct ast **ret,
                    uint32_t *ret_offset, struct err *err)
{
    struct parse_options options = { .depth_max = depth_max };
    ptrdiff_t nul = str_find_char(text, '\0');
    if (nul >= 0) {
        *ret_offset = (uint32_t)nul;
        return err_set(err, -EINVAL, "the condition holds a NUL byte");
    }
    uint32_t nodes;
    return parse_expanded(arena, text, &options, ret, &nodes, ret_offset, err);
}

int parse_left_side(struct arena *arena, struct str text, struct ast_expr **ret, struct err *err)
{
    struct parse_options options = { .depth_max = FILTER_DEPTH_MAX };
    struct parser parser = {
        .lexer = { .text = text }, .arena = arena, .options = &options, .err = err
    };
    struct ast_expr *expr = NULL;
    lex_blank(&parser.lexer);
    uint32_t offset = here(&parser);
    if (lex_field_name(&parser.lexer)) {
        expr = parse_field(&parser, offset);
    } else if (lex_transformer(&parser.lexer)) {
        expr = parse_transform(&parser);
    }
    lex_blank(&parser.lexer);
    if (!expr || !lex_at_end(&parser.lexer)) {
        fail(&parser, "expected a field or a field with a valid transformer");
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
