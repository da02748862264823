/*
 * made_rules: parses and resolves one condition a rule. A list is put in place of the literal LIST
 * after parsing, so that a million items need no text.
 */
#include "made_rules.h"

#include <errno.h>
#include <stdio.h>

int made_rules_init(struct made_rules *made, uint32_t capacity, size_t memory)
{
    *made = (struct made_rules){ .capacity = capacity };
    arena_init(&made->arena, memory);
    made->cache = cond_cache_new(&made->arena);
    made->rules = ARENA_ARRAY(&made->arena, struct rule, capacity);
    made->ruleset.rules = made->rules;
    return made->cache && made->rules ? 0 : -ENOMEM;
}

void made_rules_done(struct made_rules *made)
{
    cond_cache_free(made->cache);
    arena_done(&made->arena);
}

static void put_list(struct ast *ast, const struct made_list *list)
{
    for (uint32_t i = 0; i < ast->nitems; i++) {
        put_list(ast->items[i], list);
    }
    for (uint32_t i = 0; ast->kind == AST_CHECK && i < ast->check.nvalues; i++) {
        struct ast_values *values = &ast->check.values[i];
        if (values->n == 1 && str_eq(values->items[0], STR("LIST"))) {
            values->items = list->items;
            values->n = list->n;
            values->list = STR("made");
        }
    }
}

static int resolve(struct made_rules *made, const struct ast *ast, struct rule *rule,
                   struct err *err)
{
    struct cond_problems problems = { 0 };
    struct cond *cond = NULL;
    int r = cond_resolve(&made->arena, made->cache, ast, &cond, &problems);
    if (r < 0) {
        return err_set(err, r, "cannot resolve");
    }
    if (!cond) {
        const struct cond_problem *p = &problems.items[0];
        for (uint32_t i = 0; i < problems.n && p->is_warning; i++) {
            p = &problems.items[i];
        }
        return err_set(err, -EINVAL, "%.*s", STR_ARG(p->message));
    }
    rule->ast = ast;
    rule->cond = cond;
    cond_names(cond, &rule->names);
    rule->any_name = nameset_count(&rule->names) > 100;
    return 0;
}

int made_rules_add_list(struct made_rules *made, const char *name, const char *condition,
                        const struct made_list *list, struct err *err)
{
    if (made->ruleset.nrules == made->capacity) {
        return err_set(err, -ENOSPC, "too many rules");
    }
    struct rule *rule = &made->rules[made->ruleset.nrules];
    struct ast *ast = NULL;
    uint32_t offset = 0;
    *rule = (struct rule){ .index = made->ruleset.nrules, .enabled = true };
    rule->name = arena_str(&made->arena, str_of(name));
    rule->condition_text = arena_str(&made->arena, str_of(condition));
    rule->priority = PRIORITY_NOTICE;
    int r = parse_condition(&made->arena, rule->condition_text, CONDITION_DEPTH_MAX, &ast, &offset,
                            err);
    if (r < 0) {
        return r;
    }
    if (list) {
        put_list(ast, list);
    }
    r = resolve(made, ast, rule, err);
    made->ruleset.nrules += r == 0;
    return r;
}

int made_rules_add(struct made_rules *made, const char *name, const char *condition,
                   struct err *err)
{
    return made_rules_add_list(made, name, condition, NULL, err);
}
