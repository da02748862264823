/*
 * cond: from AST to typed conditions. One walk over the tree; each check is resolved on its own, so that
 * every problem of a condition is reported at once. A node with an error becomes NULL and the walk goes
 * on; only memory running out stops it.
 *
 * The rules of which operator goes with which type are those of libsinsp; so is the wording of errors.
 */
#include "rules/cond.h"

#include "rules/cond_impl.h"
#include "rules/constant.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define PROBLEMS_MAX 1000 /* of one condition; further ones are dropped */

static struct cond_problem *problem_add(struct resolver *r)
{
    struct cond_problems *list = r->problems;
    if (!list || list->n >= PROBLEMS_MAX) {
        return NULL;
    }
    if (list->n == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        struct cond_problem *items = ARENA_ARRAY(r->arena, struct cond_problem, capacity);
        if (!items) {
            r->no_memory = true;
            return NULL;
        }
        if (list->n) {
            memcpy(items, list->items, list->n * sizeof(*items));
        }
        list->items = items;
        list->capacity = capacity;
    }
    struct cond_problem *problem = &list->items[list->n++];
    *problem = (struct cond_problem){ .offset = r->offset, .macro = r->macro };
    return problem;
}

static struct str arena_text(struct resolver *r, const char *text)
{
    struct str copy = arena_str(r->arena, str_of(text));
    r->no_memory |= !copy.p;
    return copy;
}

static struct cond_problem *problem_say(struct resolver *r, bool is_error, const char *format,
                                        va_list args)
{
    char text[ERR_MESSAGE_MAX];
    vsnprintf(text, sizeof(text), format, args);
    if (is_error) {
        if (!r->failed) {
            err_set(r->first_error, -EINVAL, "%s", text);
        }
        r->failed = true;
    }
    struct cond_problem *problem = problem_add(r);
    if (problem) {
        problem->is_warning = !is_error;
        problem->message = arena_text(r, text);
    }
    return problem;
}

void resolver_error(struct resolver *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    problem_say(r, true, format, args);
    va_end(args);
}

void resolver_warning(struct resolver *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    problem_say(r, false, format, args);
    va_end(args);
}

void resolver_unknown(struct resolver *r, const char *suggestion, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct cond_problem *problem = problem_say(r, true, format, args);
    va_end(args);
    if (!problem) {
        return;
    }
    problem->is_unknown_filter = true;
    if (suggestion) {
        char hint[ERR_MESSAGE_MAX];
        snprintf(hint, sizeof(hint), "did you mean `%s`?", suggestion);
        problem->hint = arena_text(r, hint);
    }
}

void resolver_deprecated(struct resolver *r, const char *field)
{
    struct cond_problem *problem = problem_add(r);
    if (!problem) {
        return;
    }
    const char *why =
        strcmp(field, "evt.dir") == 0
            ? "newer captures and live events hold only ends of calls ('<'), older captures hold "
              "their starts ('>') too"
            : "it may be removed in a later version";
    char text[ERR_MESSAGE_MAX];
    snprintf(text, sizeof(text), "usage of deprecated field '%s' has been detected: %s", field,
             why);
    problem->is_warning = true;
    problem->is_deprecated = true;
    problem->message = arena_text(r, text);
}

/* Operators by family of types. */
#define OP_BIT(op) (UINT32_C(1) << (op))
#define OPS_EQUALITY                                                                               \
    (OP_BIT(OP_EQ) | OP_BIT(OP_NE) | OP_BIT(OP_IN) | OP_BIT(OP_INTERSECTS) | OP_BIT(OP_EXISTS))
#define OPS_ORDER (OP_BIT(OP_LT) | OP_BIT(OP_LE) | OP_BIT(OP_GT) | OP_BIT(OP_GE))
#define OPS_TEXT                                                                                   \
    (OPS_EQUALITY | OPS_ORDER | OP_BIT(OP_CONTAINS) | OP_BIT(OP_ICONTAINS) |                       \
     OP_BIT(OP_STARTSWITH) | OP_BIT(OP_ENDSWITH) | OP_BIT(OP_GLOB) | OP_BIT(OP_IGLOB) |            \
     OP_BIT(OP_REGEX) | OP_BIT(OP_PMATCH))
#define OPS_BUFFER                                                                                 \
    (OPS_EQUALITY | OP_BIT(OP_CONTAINS) | OP_BIT(OP_BCONTAINS) | OP_BIT(OP_STARTSWITH) |           \
     OP_BIT(OP_BSTARTSWITH) | OP_BIT(OP_ENDSWITH))
#define OPS_LIST (OP_BIT(OP_IN) | OP_BIT(OP_INTERSECTS) | OP_BIT(OP_EXISTS))

static uint32_t ops_of_type(enum field_type type, const char **ret_family)
{
    switch (type) {
    case TYPE_CHARBUF:
        *ret_family = "string";
        return OPS_TEXT;
    case TYPE_BYTEBUF:
        *ret_family = "buffer";
        return OPS_BUFFER;
    case TYPE_IPADDR:
    case TYPE_IPNET:
        *ret_family = "ip address and network";
        return OPS_EQUALITY;
    case TYPE_BOOL:
        *ret_family = "numeric";
        return OPS_EQUALITY;
    default:
        *ret_family = "numeric";
        return OPS_EQUALITY | OPS_ORDER;
    }
}

static bool list_type_is_comparable(enum field_type type)
{
    return type == TYPE_CHARBUF || type == TYPE_UINT64 || type == TYPE_RELTIME ||
           type == TYPE_ABSTIME || type == TYPE_BOOL || type == TYPE_IPADDR || type == TYPE_IPNET;
}

static bool op_fits_type(struct resolver *r, enum ast_op op, const struct expr *left)
{
    if (op == OP_EXISTS) {
        return true;
    }
    if (left->is_list) {
        if (!list_type_is_comparable(left->type)) {
            resolver_error(r, "filter error: list filters are not supported for type '%s'",
                           type_text(left->type));
            return false;
        }
        if (!(OPS_LIST & OP_BIT(op))) {
            resolver_error(r, "filter error: '%s' operator not supported list filters",
                           op_text(op));
            return false;
        }
        return true;
    }
    if (left->type == TYPE_DYN) {
        resolver_error(r, "filter error: '%s' operator not supported for type 'DYN'", op_text(op));
        return false;
    }
    const char *family;
    if (!(ops_of_type(left->type, &family) & OP_BIT(op))) {
        resolver_error(r, "filter error: '%s' operator not supported for %s filters", op_text(op),
                       family);
        return false;
    }
    return true;
}

static bool expr_is_event_type(const struct expr *expr)
{
    return expr->kind == EXPR_FIELD &&
           (expr->field.id == FIELD_EVT_TYPE || expr->field.id == FIELD_SYSCALL_TYPE);
}

static bool expr_holds_event_type(const struct expr *expr)
{
    if (expr_is_event_type(expr)) {
        return true;
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        if (expr_holds_event_type(expr->args[i])) {
            return true;
        }
    }
    return false;
}

static bool field_has_flag(const struct expr *expr, enum field_flag flag)
{
    return expr->kind == EXPR_FIELD && (expr->desc->flags & flag);
}

/* What may stand on the right as a field: see the field's flags, and the same type on both sides. */
static bool right_fits(struct resolver *r, enum ast_op op, const struct expr *left,
                       const struct expr *right)
{
    if (op == OP_PMATCH || op == OP_REGEX) {
        resolver_error(r, "operator '%s' doesn't support right-hand side fields", op_text(op));
    } else if (left->type == TYPE_IPNET) {
        resolver_error(r, "field type 'IPNET' doesn't support right-hand side fields");
    } else if (field_has_flag(left, FIELD_NO_RHS)) {
        resolver_error(r, "field '%s' doesn't support right-hand side fields", expr_name(left));
    } else if (field_has_flag(right, FIELD_NO_RHS)) {
        resolver_error(r, "field '%s' can't be used as a right-hand side field", expr_name(right));
    } else if (left->type != right->type || left->is_list != right->is_list) {
        resolver_error(r,
                       "field '%s' has type '%s%s' while the right-hand side field '%s' has "
                       "incompatible type '%s%s'",
                       expr_name(left), type_text(left->type), left->is_list ? " (list)" : "",
                       expr_name(right), type_text(right->type), right->is_list ? " (list)" : "");
    } else if (expr_is_event_type(left) && (op == OP_EQ || op == OP_NE || op == OP_IN)) {
        resolver_error(r,
                       "right-hand field comparisons on `evt.type`/`syscall.type` checks are not "
                       "supported by event code search");
    } else {
        return true;
    }
    return false;
}

static bool event_type_fits(struct resolver *r, enum ast_op op, const struct expr *left)
{
    bool is_code_op = op == OP_EQ || op == OP_NE || op == OP_IN || op == OP_EXISTS;
    if (left->kind == EXPR_TRANSFORM && is_code_op && expr_holds_event_type(left)) {
        resolver_error(r, "event code search does not support `evt.type` checks with transformers");
        return false;
    }
    if (left->kind == EXPR_FIELD && left->field.id == FIELD_EVT_AROUND && op != OP_EQ) {
        resolver_error(r, "filter error: evt.around supports only '=' comparison operator");
        return false;
    }
    return true;
}

static bool resolve_right(struct resolver *r, const struct ast_check *ast, struct check *check)
{
    if (check->op == OP_EXISTS) {
        return true;
    }
    if (!ast->right) {
        return resolve_constants(r, ast, check) &&
               (check->op != OP_REGEX || resolve_regexes(r, check));
    }
    r->offset = ast->right->offset;
    check->right = resolve_expr(r, ast->right);
    return check->right && right_fits(r, check->op, check->left, check->right);
}

static struct check *resolve_check(struct resolver *r, const struct ast *ast)
{
    struct check *check = ARENA_NEW(r->arena, struct check);
    if (!check) {
        r->no_memory = true;
        return NULL;
    }
    r->macro = ast->macro;
    r->offset = ast->check.left->offset;
    check->op = ast->check.op == OP_EQ_EQ ? OP_EQ : ast->check.op;
    check->modifier = ast->check.modifier;
    check->offset = ast->offset;
    check->macro = ast->macro;
    check->left = resolve_expr(r, ast->check.left);
    if (!check->left) {
        return NULL;
    }
    r->offset = ast->offset;
    if (!op_fits_type(r, check->op, check->left) || !event_type_fits(r, check->op, check->left)) {
        return NULL;
    }
    return resolve_right(r, &ast->check, check) ? check : NULL;
}

static struct cond *resolve_node(struct resolver *r, const struct ast *ast)
{
    struct cond *cond = ARENA_NEW(r->arena, struct cond);
    if (!cond) {
        r->no_memory = true;
        return NULL;
    }
    switch (ast->kind) {
    case AST_CHECK:
        cond->kind = COND_CHECK;
        cond->check = resolve_check(r, ast);
        return cond->check ? cond : NULL;
    case AST_MACRO:
        r->offset = ast->offset;
        r->macro = ast->macro;
        resolver_error(r, "filter error: unexpected identifier '%.*s'", STR_ARG(ast->name));
        return NULL;
    case AST_AND:
        cond->kind = COND_AND;
        break;
    case AST_OR:
        cond->kind = COND_OR;
        break;
    case AST_NOT:
        cond->kind = COND_NOT;
        break;
    }
    cond->nitems = ast->nitems;
    cond->items = ARENA_ARRAY(r->arena, struct cond *, ast->nitems);
    if (!cond->items) {
        r->no_memory = true;
        return NULL;
    }
    for (uint32_t i = 0; i < ast->nitems && !r->no_memory; i++) {
        cond->items[i] = resolve_node(r, ast->items[i]);
    }
    return cond;
}

int cond_resolve(struct arena *arena, struct cond_cache *cache, const struct ast *ast,
                 struct cond **ret, struct cond_problems *problems)
{
    return cond_resolve_in(arena, cache, NULL, ast, ret, problems);
}

int cond_resolve_in(struct arena *arena, struct cond_cache *cache,
                    const struct cond_vocabulary *vocabulary, const struct ast *ast,
                    struct cond **ret, struct cond_problems *problems)
{
    struct resolver r = {
        .arena = arena, .cache = cache, .vocabulary = vocabulary, .problems = problems
    };
    struct cond *cond = resolve_node(&r, ast);
    if (r.no_memory) {
        return -ENOMEM;
    }
    *ret = r.failed ? NULL : cond;
    return 0;
}

int expr_resolve(struct arena *arena, const struct ast_expr *ast, struct expr **ret,
                 struct cond_problems *problems, struct err *err)
{
    struct resolver r = {
        .arena = arena, .problems = problems, .first_error = err, .offset = ast->offset
    };
    struct expr *expr = resolve_expr(&r, ast);
    if (r.no_memory) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (!expr) {
        return -EINVAL;
    }
    *ret = expr;
    return 0;
}
