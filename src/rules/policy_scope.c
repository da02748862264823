/*
 * Scopes: conditions of the rule language over where something happens, not over what.
 *
 * Compiled by the rule compiler; macros are refused, since policies outlive the rule files they were
 * written beside, and so is every field that is not the place's.
 */
#include "rules/policy_internal.h"

#include <errno.h>

/* A name that stands where a check is expected: a macro's. */
static const struct ast *find_macro(const struct ast *ast)
{
    if (ast->kind == AST_MACRO) {
        return ast;
    }
    const struct ast *found = NULL;
    for (uint32_t i = 0; i < ast->nitems && !found && ast->kind != AST_CHECK; i++) {
        found = find_macro(ast->items[i]);
    }
    return found;
}

static bool is_of_place(const struct field_ref *field)
{
    static const char *const classes[] = { "container", "k8s", "ecs", "aws" };
    const struct field_desc *desc = &field_table[field->id];
    bool is = field->id == FIELD_EVT_HOSTNAME;
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes) && !is; i++) {
        is = strcmp(desc->class, classes[i]) == 0;
    }
    return is;
}

/* The first field of the expression that a scope may not have; NULL: none. */
static const struct field_ref *foreign_field(const struct expr *expr)
{
    const struct field_ref *found = NULL;
    if (!expr) {
        return NULL;
    }
    if (expr->kind == EXPR_FIELD) {
        return is_of_place(&expr->field) ? NULL : &expr->field;
    }
    for (uint32_t i = 0; i < expr->nargs && !found; i++) {
        found = foreign_field(expr->args[i]);
    }
    return found;
}

struct scope_text {
    struct policy_source *source;
    const struct doc_node *node;
    struct str item;
};

static void report_at(const struct scope_text *text, uint32_t at, struct str message,
                      struct str hint)
{
    uint32_t offset = doc_locate(text->source->content, text->node, at);
    policy_report(text->source, offset, text->item, hint, "scope: %.*s", STR_ARG(message));
}

static void check_fields(const struct scope_text *text, const struct cond *cond)
{
    for (uint32_t i = 0; i < cond->nitems && cond->kind != COND_CHECK; i++) {
        check_fields(text, cond->items[i]);
    }
    if (cond->kind != COND_CHECK) {
        return;
    }
    const struct field_ref *field = foreign_field(cond->check->left);
    field = field ? field : foreign_field(cond->check->right);
    if (field) {
        char message[192];
        struct buf buf;
        buf_init_fixed(&buf, message, sizeof(message));
        buf_printf(&buf, "%s does not say where something happens", field_table[field->id].name);
        report_at(text, cond->check->offset, buf_str(&buf),
                  STR("a scope has container.*, k8s.*, ecs.*, aws.* and evt.hostname"));
    }
}

static const struct cond *resolve(const struct scope_text *text, const struct ast *ast)
{
    struct policies *p = text->source->policies;
    struct cond_problems problems = { 0 };
    struct cond *cond = NULL;
    if (cond_resolve(&p->arena, p->cache, ast, &cond, &problems) == -ENOMEM) {
        report_at(text, 0, STR("takes too much memory"), (struct str){ 0 });
        return NULL;
    }
    for (uint32_t i = 0; i < problems.n; i++) {
        if (!problems.items[i].is_warning) {
            report_at(text, problems.items[i].offset, problems.items[i].message,
                      problems.items[i].hint);
        }
    }
    if (cond) {
        check_fields(text, cond);
    }
    return cond;
}

const struct cond *policy_scope(struct policy_source *source, const struct doc_node *node,
                                struct str item)
{
    struct scope_text text = { source, node, item };
    struct ast *ast = NULL;
    uint32_t at = 0;
    struct err err = { 0 };
    if (node->value.n > POLICY_SCOPE_MAX) {
        report_at(&text, 0, STR("is too long"), (struct str){ 0 });
        return NULL;
    }
    int r =
        parse_condition(&source->policies->arena, node->value, FILTER_DEPTH_MAX, &ast, &at, &err);
    if (r < 0) {
        report_at(&text, at, str_of(err.message), (struct str){ 0 });
        return NULL;
    }
    const struct ast *macro = find_macro(ast);
    if (macro) {
        report_at(&text, macro->offset, STR("is no comparison; macros are not known here"),
                  (struct str){ 0 });
        return NULL;
    }
    return resolve(&text, ast);
}
