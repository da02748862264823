/*
 * cond_expr: fields and transformers of a condition, with their types.
 *
 * val() is the identity and vanishes. The arguments of a transformer are flat in the AST: join's
 * separator comes first and its list after it, getopt's list comes first and its option string last.
 */
#include "rules/cond_impl.h"
#include "rules/constant.h"

#include <errno.h>
#include <stdio.h>

static const char *const transformer_names[TRANSFORM_COUNT] = {
    [TRANSFORM_TOLOWER] = "tolower",   [TRANSFORM_TOUPPER] = "toupper", [TRANSFORM_B64] = "b64",
    [TRANSFORM_BASENAME] = "basename", [TRANSFORM_LEN] = "len",         [TRANSFORM_JOIN] = "join",
    [TRANSFORM_CONCAT] = "concat",     [TRANSFORM_GETOPT] = "getopt",   [TRANSFORM_VAL] = "val",
};

enum transformer transformer_find(struct str name)
{
    for (unsigned t = 0; t < TRANSFORM_COUNT; t++) {
        if (str_eqz(name, transformer_names[t])) {
            return (enum transformer)t;
        }
    }
    return TRANSFORM_COUNT;
}

const char *transformer_text(enum transformer transformer)
{
    return transformer < TRANSFORM_COUNT ? transformer_names[transformer] : "unknown";
}

const char *expr_name(const struct expr *expr)
{
    switch (expr->kind) {
    case EXPR_FIELD:
        return expr->desc->name;
    case EXPR_TRANSFORM:
        return expr->transformer <= TRANSFORM_LEN ? expr_name(expr->args[0])
                                                  : transformer_text(expr->transformer);
    default:
        return "INTERNAL";
    }
}

static const char *suggest_field(const struct resolver *r, struct str name)
{
    return r->vocabulary ? r->vocabulary->suggest(name) : field_suggest(name);
}

static int find_field(const struct resolver *r, const struct ast_expr *ast, struct expr *expr,
                      struct err *err)
{
    if (r->vocabulary) {
        return r->vocabulary->resolve(ast->name, ast->arg, &expr->field, &expr->desc, err);
    }
    int code = field_resolve(ast->name, ast->arg, &expr->field, err);
    expr->desc = code == 0 ? &field_table[expr->field.id] : NULL;
    return code;
}

static void field_unknown(struct resolver *r, const struct ast_expr *ast)
{
    bool has_arg = ast->arg.p != NULL;
    resolver_unknown(r, resolver_hints(r) ? suggest_field(r, ast->name) : NULL,
                     "filter_check called with nonexistent field %.*s%s%.*s%s",
                     STR_ARG(str_first(ast->name, 128)), has_arg ? "[" : "",
                     STR_ARG(str_first(ast->arg, 128)), has_arg ? "]" : "");
}

/* Fields of all ancestors have several values but are no lists: any of the values will do. */
static bool is_of_ancestors(enum field_id id)
{
    switch (id) {
    case FIELD_PROC_AEXE:
    case FIELD_PROC_AEXEPATH:
    case FIELD_PROC_ANAME:
    case FIELD_PROC_AARGS:
    case FIELD_PROC_ACMDLINE:
    case FIELD_PROC_AENV:
    case FIELD_PROC_APID:
        return true;
    default:
        return false;
    }
}

static struct expr *resolve_field(struct resolver *r, const struct ast_expr *ast, struct expr *expr)
{
    struct err err = { 0 };
    int code = find_field(r, ast, expr, NULL); /* hints cost much */
    if (code == -ENOENT) {
        field_unknown(r, ast);
        return NULL;
    }
    if (code < 0 || !expr->desc) {
        find_field(r, ast, expr, &err);
        resolver_error(r, "%s", err.message);
        return NULL;
    }
    const struct field_desc *desc = expr->desc;
    if (desc->flags & FIELD_DEPRECATED) {
        resolver_deprecated(r, desc->name);
    }
    expr->type = expr->field.type;
    expr->is_list = (desc->flags & FIELD_LIST) && !is_of_ancestors(expr->field.id);
    return expr;
}

static bool is_text(const struct expr *expr)
{
    return expr->type == TYPE_CHARBUF;
}

/* Does the one-argument transformer take this type? Sets the type of its result. */
static bool unary_type(struct expr *expr)
{
    const struct expr *arg = expr->args[0];
    expr->type = arg->type;
    expr->is_list = arg->is_list;
    switch (expr->transformer) {
    case TRANSFORM_B64:
        return is_text(arg) || arg->type == TYPE_BYTEBUF;
    case TRANSFORM_LEN:
        expr->type = TYPE_UINT64;
        expr->is_list = false;
        return arg->is_list || is_text(arg) || arg->type == TYPE_BYTEBUF;
    default:
        return is_text(arg);
    }
}

static bool resolve_unary(struct resolver *r, struct expr *expr)
{
    if (expr->nargs != 1) {
        resolver_error(r, "%s() requires exactly 1 argument", transformer_text(expr->transformer));
        return false;
    }
    if (!unary_type(expr)) {
        const struct expr *arg = expr->args[0];
        resolver_error(
            r,
            "can't add field transformer: type '%s' is not supported by '%s' transformer "
            "applied on %sfield '%s'",
            type_text(arg->type), transformer_text(expr->transformer), arg->is_list ? "list " : "",
            expr_name(arg));
        return false;
    }
    return true;
}

/* join(separator, (items...)) or join(separator, list_field). */
static bool resolve_join(struct resolver *r, struct expr *expr)
{
    expr->type = TYPE_CHARBUF;
    if (expr->nargs == 0) {
        resolver_error(r, "join() requires exactly 2 arguments: separator and list");
        return false;
    }
    if (expr->args[0]->is_list || !is_text(expr->args[0])) {
        resolver_error(r, "join() first argument (separator) must be a single value, not a list");
        return false;
    }
    return true;
}

static bool resolve_concat(struct resolver *r, struct expr *expr)
{
    expr->type = TYPE_CHARBUF;
    if (expr->nargs < 2) {
        resolver_error(r, "concat() requires at least 2 arguments");
        return false;
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        if (!is_text(expr->args[i]) || expr->args[i]->is_list) {
            resolver_error(r, "concat() arguments must be strings");
            return false;
        }
    }
    return true;
}

static bool resolve_getopt(struct resolver *r, struct expr *expr)
{
    expr->type = TYPE_CHARBUF;
    expr->is_list = expr->getopt_arg.p == NULL;
    if (expr->nargs == 0) {
        resolver_error(r, "getopt() requires exactly 2 arguments: args list and optstring");
        return false;
    }
    if (expr->args[expr->nargs - 1]->is_list) {
        resolver_error(r, "getopt() second argument (optstring) must be a single value");
        return false;
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        if (!is_text(expr->args[i])) {
            resolver_error(r, "getopt() arguments must be strings");
            return false;
        }
    }
    if (expr->getopt_arg.p && expr->getopt_arg.n != 1) {
        resolver_error(r, "getopt() field argument must be a single option character");
        return false;
    }
    return true;
}

static bool transformer_allowed(struct resolver *r, const struct expr *arg)
{
    if (arg->kind == EXPR_FIELD && (arg->desc->flags & FIELD_NO_TRANSFORMER)) {
        resolver_error(r, "field '%s' does not support transformers", expr_name(arg));
        return false;
    }
    return true;
}

static bool resolve_args(struct resolver *r, const struct ast_expr *ast, struct expr *expr)
{
    expr->nargs = ast->nargs;
    expr->args = ARENA_ARRAY(r->arena, struct expr *, ast->nargs);
    if (!expr->args) {
        r->no_memory = true;
        return false;
    }
    for (uint32_t i = 0; i < ast->nargs; i++) {
        r->offset = ast->args[i]->offset;
        expr->args[i] = resolve_expr(r, ast->args[i]);
        if (!expr->args[i] ||
            (expr->transformer != TRANSFORM_VAL && !transformer_allowed(r, expr->args[i]))) {
            return false;
        }
    }
    r->offset = ast->offset;
    return true;
}

static struct expr *resolve_transform(struct resolver *r, const struct ast_expr *ast,
                                      struct expr *expr)
{
    expr->transformer = transformer_find(ast->name);
    expr->getopt_arg = ast->getopt_arg;
    if (expr->transformer == TRANSFORM_COUNT) {
        resolver_error(r, "filter error: unknown transformer '%.*s'",
                       STR_ARG(str_first(ast->name, 128)));
        return NULL;
    }
    if (!resolve_args(r, ast, expr)) {
        return NULL;
    }
    switch (expr->transformer) {
    case TRANSFORM_VAL:
        return expr->nargs == 1 ? expr->args[0] : NULL;
    case TRANSFORM_JOIN:
        return resolve_join(r, expr) ? expr : NULL;
    case TRANSFORM_CONCAT:
        return resolve_concat(r, expr) ? expr : NULL;
    case TRANSFORM_GETOPT:
        return resolve_getopt(r, expr) ? expr : NULL;
    default:
        return resolve_unary(r, expr) ? expr : NULL;
    }
}

struct expr *resolve_expr(struct resolver *r, const struct ast_expr *ast)
{
    struct expr *expr = ARENA_NEW(r->arena, struct expr);
    if (!expr) {
        r->no_memory = true;
        return NULL;
    }
    expr->kind = ast->kind;
    switch (ast->kind) {
    case EXPR_FIELD:
        return resolve_field(r, ast, expr);
    case EXPR_TRANSFORM:
        return resolve_transform(r, ast, expr);
    default:
        expr->type = TYPE_CHARBUF;
        expr->literal.type = TYPE_CHARBUF;
        expr->literal.s = str_until_nul(ast->name.p, ast->name.n);
        return expr;
    }
}
