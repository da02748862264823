/*
 * parse_right: the right side of a check: values, lists, modifiers, fields.
 *
 *     condition = "exists"
 *               | number-operator ( field | number )
 *               | string-operator ( [ modifier ] list | field | quoted | bare )
 *               | list-operator   ( list | field | identifier )
 *     list      = "(" [ value { "," value } ] ")"
 *     field     = "val(" field-name ")" | transform
 *
 * A list is read as runs: neighbours that come from the same named list make one run, and the marked
 * name of a list stands for that list's own run.
 */
#include "rules/parser.h"

#include <errno.h>
#include <stdlib.h>

#define OPERATORS_TEXT                                                                             \
    "'exists', '<=', '<', '>=', '>', '==', '=', '!=', 'glob', 'iglob', 'contains', 'icontains', "  \
    "'bcontains', 'startswith', 'bstartswith', 'endswith', 'regex', 'intersects', 'in', 'pmatch'"
#define TRANSFORMERS_TEXT                                                                          \
    "'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'"

/* val(field): only where a field may stand on the right side. The lexer is behind "val(". */
static struct ast_expr *parse_val(struct parser *parser, uint32_t offset)
{
    struct lexer *lexer = &parser->lexer;
    struct ast_expr *val = parser_new_expr(parser, EXPR_TRANSFORM, offset);
    struct ast_expr **args = ARENA_NEW(parser->arena, struct ast_expr *);
    if (!val || !args) {
        return parser_fail_memory(parser);
    }
    lex_blank(lexer);
    uint32_t field_offset = parser_here(parser);
    if (!parser_field_name(parser)) {
        return parser_fail(parser, "expected a field within 'val' transformer");
    }
    args[0] = parser_field(parser, field_offset);
    if (!args[0]) {
        return NULL;
    }
    lex_blank(lexer);
    if (!lex_text(lexer, STR(")"))) {
        return parser_fail(parser, "expected a ')' token closing the transformer");
    }
    val->name = STR("val");
    val->args = args;
    val->nargs = 1;
    return val;
}

/* A field on the right side, if there is one; NULL and no error if not. */
static struct ast_expr *parse_right_field(struct parser *parser)
{
    uint32_t offset = parser_here(parser);
    if (lex_text(&parser->lexer, STR("val("))) {
        return parse_val(parser, offset);
    }
    return lex_transformer(&parser->lexer) ? parser_transform(parser) : NULL;
}

static bool string_operator(struct parser *parser, enum ast_op *ret)
{
    return lex_operator(&parser->lexer, OP_EQ, OP_NE, ret) ||
           lex_operator(&parser->lexer, OP_CONTAINS, OP_REGEX, ret);
}

/* The lexer's last token becomes the check's only value. */
static bool set_value(struct parser *parser, struct ast_check *check, uint32_t offset)
{
    struct str *item = ARENA_NEW(parser->arena, struct str);
    check->values = ARENA_NEW(parser->arena, struct ast_values);
    if (!item || !check->values) {
        parser_fail_memory(parser);
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
        parser_fail(parser, "expected a string value");
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
    uint32_t offset = parser_here(parser);
    if (!lex_at_end(lexer) && lex_peek(lexer) == LEX_LIST_MARK && parser->options->lists) {
        return push_shared_run(parser, reader, offset);
    }
    if (parser_quoted(parser) || parser_bare(parser)) {
        return push_value(parser, reader, offset);
    }
    parser_fail(parser, "expected a string value");
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
        parser_fail(parser, "expected a ')' token");
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
    uint32_t offset = parser_here(parser);
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
        parser_fail(parser,
                    "expected a list, an identifier, or a field with a valid transformer: one "
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
    uint32_t offset = parser_here(parser);
    if (parser->options->is_field) {
        if (!parser_quoted(parser) && !parser_bare(parser)) {
            parser_fail(parser, "expected a value");
            return false;
        }
        return set_value(parser, check, offset);
    }
    if (!lex_number(&parser->lexer)) {
        parser_fail(parser, "expected a number value or a field with a valid transformer: one "
                            "of " TRANSFORMERS_TEXT);
        return false;
    }
    return parser_literal_fits(parser) && set_value(parser, check, offset);
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
    uint32_t offset = parser_here(parser);
    if (!parser_quoted(parser) && !parser_bare(parser)) {
        parser_fail(parser, "expected a string value or a field with a valid transformer: one "
                            "of " TRANSFORMERS_TEXT);
        return false;
    }
    return set_value(parser, check, offset);
}

/* condition = "exists" | numeric-operator number | string-operator string | list-operator list */
bool parser_right(struct parser *parser, struct ast_check *check)
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
    parser_fail(parser, "expected a valid check operator: one of " OPERATORS_TEXT);
    return false;
}
