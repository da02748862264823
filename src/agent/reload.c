/*
 * reload: files into a ruleset, narrowed to the configured priority and by policies.
 *
 * Everything that can fail happens here, before an engine is touched: old rules stay in force until new ones
 * are complete.
 */
#include "agent/reload.h"

#include "agent/load_rules.h"
#include "base/cleanup.h"

#include <errno.h>

#define APPENDED_BYTES_MAX ((size_t)16 << 20)

CLEANUP_DEFINE(struct loaded_rules, loaded_rules_free);
CLEANUP_DEFINE(struct loader, loader_free);

static uint32_t count_enabled(const struct loaded_rules *rules)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rules->ruleset->nrules; i++) {
        n += rules->selection.enabled[i] && rules->ruleset->rules[i].cond;
    }
    return n;
}

static int load_policies(const struct config *config, struct loaded_rules *rules, struct buf *text,
                         struct err *err)
{
    bool wanted = config->policies;
    for (size_t i = 0; i < config->rules_files.n && !wanted; i++) {
        wanted = load_rules_is_bundle(config->rules_files.items[i]);
    }
    if (!wanted) {
        return 0;
    }
    int r = policies_new(rules->ruleset, &rules->policies);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    for (size_t i = 0; i < config->rules_files.n && r == 0; i++) {
        r = load_policies_of_bundle(rules->policies, config->rules_files.items[i]);
    }
    if (r == 0 && config->policies) {
        r = load_policies_add(rules->policies, config->policies);
    }
    if (r != -ENOMEM) {
        r = policies_finish(rules->policies, err);
    }
    if (r < 0) {
        policies_explain(rules->policies, text);
        return err_set(err, r, "%s", r == -ENOMEM ? "out of memory" : "the policies have errors");
    }
    policies_select(rules->policies, &rules->selection);
    return 0;
}

/* Until a server sends some. */
static int load_none(struct ruleset **ret, struct err *err)
{
    CLEANUP(cleanup_loader_free) struct loader *loader = NULL;
    if (loader_new(NULL, &loader) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return loader_finish(loader, false, ret, err);
}

int loaded_rules_of_path(const struct config *config, const char *path, struct loaded_rules **ret,
                         struct buf *text, struct err *err)
{
    struct config other = *config;
    char *one[] = { (char *)path };
    if (path) {
        other.rules_files = (struct setting_list){ one, 1 };
    }
    return loaded_rules_new(&other, ret, text, err);
}

int loaded_rules_new(const struct config *config, struct loaded_rules **ret, struct buf *text,
                     struct err *err)
{
    CLEANUP(cleanup_loaded_rules_free) struct loaded_rules *rules = mem_zalloc(sizeof *rules);
    if (!rules) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    rules->users = 1;
    const struct setting_list *files = &config->rules_files;
    int r = files->n == 0 && config->server_url
                ? load_none(&rules->ruleset, err)
                : load_rules(files->items, files->n, &rules->ruleset, text, err);
    if (r < 0) {
        return r;
    }
    if (selection_init(&rules->selection, rules->ruleset) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    r = load_policies(config, rules, text, err);
    if (r < 0) {
        return r;
    }
    selection_set_priority(&rules->selection, rules->ruleset, config->rule_priority);
    rules->enabled = count_enabled(rules);
    *ret = TAKE(rules);
    return 0;
}

/* ---- more items */

/* What was appended before, and this. */
static int take_appended(struct loaded_rules *rules, const struct list_changes *before,
                         const struct list_changes *more)
{
    uint32_t n = before->n + more->n, items = 0;
    struct list_items *all =
        n <= LOADED_APPENDS_MAX ? ARENA_ARRAY(&rules->arena, struct list_items, n) : NULL;
    for (uint32_t i = 0; all && i < n; i++) {
        const struct list_items *from =
            i < before->n ? &before->items[i] : &more->items[i - before->n];
        struct str *texts = from->n <= LOADED_APPENDED_MAX - items
                                ? ARENA_ARRAY(&rules->arena, struct str, from->n)
                                : NULL;
        all[i] = (struct list_items){ arena_str(&rules->arena, from->list), texts, from->n };
        items += texts ? from->n : 0;
        for (uint32_t k = 0; texts && k < from->n; k++) {
            texts[k] = arena_str(&rules->arena, from->items[k]);
            texts = texts[k].p ? texts : NULL;
        }
        all = texts && all[i].list.p ? all : NULL;
    }
    rules->appended = (struct list_changes){ all, n };
    return all ? 0 : -EOPNOTSUPP;
}

int loaded_rules_append(struct loaded_rules *rules, const struct list_changes *changes,
                        struct loaded_rules **ret)
{
    CLEANUP(cleanup_loaded_rules_free) struct loaded_rules *made = mem_zalloc(sizeof *made);
    struct loaded_rules *base = rules->base ? rules->base : rules;
    if (!made) {
        return -ENOMEM;
    }
    made->users = 1;
    arena_init(&made->arena, APPENDED_BYTES_MAX);
    made->base = base;
    base->users++;
    made->selection = base->selection;
    made->policies = base->policies;
    made->enabled = base->enabled;
    int r = take_appended(made, &rules->appended, changes);
    r = r < 0 ? r : ruleset_append(base->ruleset, &made->appended, &made->ruleset);
    if (r == 0) {
        *ret = TAKE(made);
    }
    return r;
}

void loaded_rules_free(struct loaded_rules *rules)
{
    if (!rules || --rules->users > 0) {
        return;
    }
    ruleset_free(rules->ruleset);
    if (rules->base) {
        loaded_rules_free(rules->base);
    } else {
        policies_free(rules->policies);
        selection_done(&rules->selection);
    }
    arena_done(&rules->arena);
    free(rules);
}

bool loaded_rules_deny(const struct loaded_rules *rules)
{
    const uint8_t *actions = rules->policies ? policies_actions(rules->policies) : NULL;
    bool deny = false;
    for (uint32_t i = 0; actions && i < rules->ruleset->nrules && !deny; i++) {
        deny = actions[i] & ACTION_DENY;
    }
    return deny;
}

struct engine_rules loaded_rules_of(const struct loaded_rules *rules)
{
    return (struct engine_rules){
        .ruleset = rules->ruleset,
        .selection = &rules->selection,
        .actions = rules->policies ? policies_actions(rules->policies) : NULL,
        .policies = rules->policies,
    };
}
