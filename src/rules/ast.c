/*
 * ast: names of operators, and the canonical text of a condition.
 *
 * Canonical: one blank between tokens, every `and` and `or` in parentheses, values quoted only
 * where they must be. Parsing it again gives the same text: a value is quoted when it is empty or
 * holds a blank, a control character, a quote, a backslash or one of "(),=".
 */
#include "rules/ast.h"

#include "rules/lex.h"

static const char *const op_texts[OP_COUNT] = {
    [OP_EXISTS] = "exists",
    [OP_EQ] = "=",
    [OP_EQ_EQ] = "==",
    [OP_NE] = "!=",
    [OP_LT] = "<",
    [OP_LE] = "<=",
    [OP_GT] = ">",
    [OP_GE] = ">=",
    [OP_CONTAINS] = "contains",
    [OP_ICONTAINS] = "icontains",
    [OP_BCONTAINS] = "bcontains",
    [OP_STARTSWITH] = "startswith",
    [OP_BSTARTSWITH] = "bstartswith",
    [OP_ENDSWITH] = "endswith",
    [OP_GLOB] = "glob",
    [OP_IGLOB] = "iglob",
    [OP_REGEX] = "regex",
    [OP_IN] = "in",
    [OP_INTERSECTS] = "intersects",
    [OP_PMATCH] = "pmatch",
};

static const char *const transformers[] = { "tolower", "toupper", "b64",    "basename", "len",
                                            "join",    "concat",  "getopt", "val" };

const char *op_text(enum ast_op op)
{
    return op < OP_COUNT ? op_texts[op] : "";
}

const char *modifier_text(enum ast_modifier modifier)
{
    static const char *const texts[] = { "", "oneof", "anyof", "allof" };
    return texts[modifier];
}

enum ast_op op_find(struct str text)
{
    enum ast_op op = 0;
    while (op < OP_COUNT && !str_eqz(text, op_texts[op])) {
        op++;
    }
    return op;
}

bool op_is_list(enum ast_op op)
{
    return op == OP_IN || op == OP_INTERSECTS || op == OP_PMATCH;
}

bool transformer_is_known(struct str name)
{
    for (size_t i = 0; i < sizeof(transformers) / sizeof(*transformers); i++) {
        if (str_eqz(name, transformers[i])) {
            return true;
        }
    }
    return false;
}

/* The letter after a backslash that stands for the byte, or 0. */
static char escape_letter(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void put_quoted(struct str s, struct buf *buf)
{
    buf_putc(buf, '"');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], letter = escape_letter(c);
        if (letter) {
            buf_putc(buf, '\\');
            buf_putc(buf, letter);
        } else if ((unsigned char)c < ' ' || c == 0x7f) {
            buf_printf(buf, "\\x%02x", (unsigned)(unsigned char)c);
        } else {
            buf_putc(buf, c);
        }
    }
    buf_putc(buf, '"');
}

static bool is_plain_char(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && c != '\\' && c != '"' && c != '\'';
}

static void put_value(struct str s, struct buf *buf)
{
    bool bare = s.n > 0;
    for (size_t i = 0; i < s.n && bare; i++) {
        bare = is_plain_char(s.p[i]) && lex_is_bare_char(s.p[i]);
    }
    if (bare) {
        buf_puts(buf, s);
    } else {
        put_quoted(s, buf);
    }
}

static void put_arg(struct str arg, struct buf *buf)
{
    bool bare = arg.n > 0;
    for (size_t i = 0; i < arg.n && bare; i++) {
        bare = is_plain_char(arg.p[i]) && arg.p[i] != '[' && arg.p[i] != ']';
    }
    buf_putc(buf, '[');
    if (bare) {
        buf_puts(buf, arg);
    } else {
        put_quoted(arg, buf);
    }
    buf_putc(buf, ']');
}

/* join's list begins at its second argument, getopt's ends before its last one. */
static void put_args(const struct ast_expr *expr, struct buf *buf)
{
    bool is_join = str_eq(expr->name, STR("join"));
    bool is_getopt = str_eq(expr->name, STR("getopt"));
    uint32_t begin = is_join ? 1 : is_getopt ? 0 : UINT32_MAX;
    uint32_t end = is_join ? expr->nargs : is_getopt ? expr->nargs - 1 : UINT32_MAX;
    for (uint32_t i = 0; i <= expr->nargs; i++) {
        buf_putz(buf, i && i < expr->nargs && i != end ? ", " : "");
        if (i == begin) {
            buf_putz(buf, i == expr->nargs ? ", (" : "(");
        }
        if (i == end) {
            buf_putz(buf, i < expr->nargs ? "), " : ")");
        }
        if (i < expr->nargs) {
            ast_expr_text(expr->args[i], buf);
        }
    }
}

void ast_expr_text(const struct ast_expr *expr, struct buf *buf)
{
    switch (expr->kind) {
    case EXPR_FIELD:
        buf_puts(buf, expr->name);
        if (expr->arg.p) {
            put_arg(expr->arg, buf);
        }
        break;
    case EXPR_LITERAL:
        if (expr->quoted) {
            put_quoted(expr->name, buf);
        } else {
            buf_puts(buf, expr->name);
        }
        break;
    case EXPR_TRANSFORM:
        buf_puts(buf, expr->name);
        buf_putc(buf, '(');
        put_args(expr, buf);
        buf_putc(buf, ')');
        if (expr->getopt_arg.p) {
            put_arg(expr->getopt_arg, buf);
        }
        break;
    }
}

static void put_values(const struct ast_check *check, struct buf *buf)
{
    const char *between = "";
    for (uint32_t run = 0; run < check->nvalues; run++) {
        for (uint32_t i = 0; i < check->values[run].n && !buf->failed; i++) {
            buf_putz(buf, between);
            put_value(check->values[run].items[i], buf);
            between = ", ";
        }
    }
}

static void put_check(const struct ast_check *check, struct buf *buf)
{
    ast_expr_text(check->left, buf);
    buf_putc(buf, ' ');
    buf_putz(buf, op_text(check->op));
    if (check->op == OP_EXISTS) {
        return;
    }
    buf_putc(buf, ' ');
    if (check->modifier != MODIFIER_NONE) {
        buf_putz(buf, modifier_text(check->modifier));
        buf_putc(buf, ' ');
    }
    if (check->right) {
        ast_expr_text(check->right, buf);
        return;
    }
    buf_putz(buf, check->is_list ? "(" : "");
    put_values(check, buf);
    buf_putz(buf, check->is_list ? ")" : "");
}

static void put_items(const struct ast *ast, const char *between, struct buf *buf)
{
    buf_putc(buf, '(');
    for (uint32_t i = 0; i < ast->nitems && !buf->failed; i++) {
        buf_putz(buf, i ? between : "");
        ast_text(ast->items[i], buf);
    }
    buf_putc(buf, ')');
}

/* A name `not` would be the operator without parentheses. */
static void put_name(struct str name, struct buf *buf)
{
    bool is_not = str_eq(name, STR("not"));
    buf_putz(buf, is_not ? "(" : "");
    buf_puts(buf, name);
    buf_putz(buf, is_not ? ")" : "");
}

void ast_text(const struct ast *ast, struct buf *buf)
{
    switch (ast->kind) {
    case AST_AND:
        put_items(ast, " and ", buf);
        break;
    case AST_OR:
        put_items(ast, " or ", buf);
        break;
    case AST_NOT:
        buf_putz(buf, "not ");
        ast_text(ast->items[0], buf);
        break;
    case AST_MACRO:
        put_name(ast->name, buf);
        break;
    case AST_CHECK:
        put_check(&ast->check, buf);
        break;
    }
}
