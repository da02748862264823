/*
 * ruleset: the last compilation in its public form.
 *
 * Names of the lists and macros that a rule uses, directly or through others, are gathered here by
 * walking the graph of direct uses once for each rule.
 */
#include "rules/load.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

static const char *const priority_names[] = { "Emergency", "Alert",  "Critical",      "Error",
                                              "Warning",   "Notice", "Informational", "Debug" };

const char *priority_text(enum priority priority)
{
    return priority_names[priority];
}

int priority_parse(struct str text, enum priority *ret)
{
    if (str_ieq(text, STR("info"))) {
        *ret = PRIORITY_INFORMATIONAL;
        return 0;
    }
    for (enum priority p = PRIORITY_EMERGENCY; p <= PRIORITY_DEBUG; p++) {
        if (str_ieq(text, str_of(priority_names[p]))) {
            *ret = p;
            return 0;
        }
    }
    return -EINVAL;
}

/* ---- which lists and macros a rule uses */

struct gatherer {
    const struct compilation *c;
    struct arena *arena;
    uint32_t *list_seen, *macro_seen; /* the round in which it was seen last */
    uint32_t round;
    uint32_t *pending; /* macros still to look into */
    uint32_t npending;
    struct str *lists, *macros; /* what this rule uses */
    uint32_t nlists, nmacros;
};

static void gather_direct(struct gatherer *g, const struct uses *uses)
{
    for (uint32_t i = 0; i < uses->nlists; i++) {
        uint32_t index = uses->lists[i];
        if (g->list_seen[index] != g->round) {
            g->list_seen[index] = g->round;
            g->lists[g->nlists++] = g->c->lists[index].from->item.name;
        }
    }
    for (uint32_t i = 0; i < uses->nmacros; i++) {
        uint32_t index = uses->macros[i];
        if (g->macro_seen[index] != g->round) {
            g->macro_seen[index] = g->round;
            g->macros[g->nmacros++] = g->c->macros[index].from->item.name;
            g->pending[g->npending++] = index;
        }
    }
}

static const struct str *kept_names(struct arena *arena, const struct str *names, uint32_t n)
{
    struct str *kept = ARENA_ARRAY(arena, struct str, n);
    if (kept && n > 0) {
        memcpy(kept, names, n * sizeof(*kept));
    }
    return kept;
}

static int gather(struct gatherer *g, const struct compiled_rule *from, struct rule *rule)
{
    g->round++;
    g->nlists = g->nmacros = 0;
    gather_direct(g, &from->uses);
    while (g->npending > 0) {
        gather_direct(g, &g->c->macros[g->pending[--g->npending]].uses);
    }
    rule->lists = kept_names(g->arena, g->lists, g->nlists);
    rule->nlists = g->nlists;
    rule->macros = kept_names(g->arena, g->macros, g->nmacros);
    rule->nmacros = g->nmacros;
    return rule->lists && rule->macros ? 0 : -ENOMEM;
}

static int gatherer_init(struct gatherer *g, struct compilation *c)
{
    *g = (struct gatherer){ .c = c, .arena = &c->arena };
    g->list_seen = ARENA_ARRAY(&c->arena, uint32_t, c->nlists);
    g->macro_seen = ARENA_ARRAY(&c->arena, uint32_t, c->nmacros);
    g->pending = ARENA_ARRAY(&c->arena, uint32_t, c->nmacros);
    g->lists = ARENA_ARRAY(&c->arena, struct str, c->nlists);
    g->macros = ARENA_ARRAY(&c->arena, struct str, c->nmacros);
    return g->list_seen && g->macro_seen && g->pending && g->lists && g->macros ? 0 : -ENOMEM;
}

/* ---- building */

static void fill_rule(struct loader *loader, const struct compiled_rule *from, struct rule *ret)
{
    const struct collected_rule *r = from->from;
    *ret = (struct rule){
        .name = r->item.name,
        .desc = r->desc,
        .output = from->output,
        .source = r->source,
        .priority = r->priority,
        .tags = r->tags,
        .ntags = r->ntags,
        .enabled = r->enabled,
        .capture = r->capture,
        .capture_duration_ms = r->capture_duration_ms,
        .warn_evttypes = r->warn_evttypes,
        .skip_if_unknown_filter = r->skip_if_unknown_filter,
        .pos = position_of(loader, r->item.where),
        .condition_text = r->condition.s,
        .exceptions = from->exceptions,
        .nexceptions = from->exceptions ? r->nexceptions : 0,
        .ast = from->ast,
        .cond = from->cond,
        .names = from->names,
        .any_name = from->any_name,
    };
}

static int build_rules(struct loader *loader, struct compilation *c, struct owned_ruleset *ret)
{
    struct rule *rules = ARENA_ARRAY(&c->arena, struct rule, c->nrules);
    struct gatherer g;
    if (!rules || gatherer_init(&g, c) < 0) {
        return -ENOMEM;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->nrules; i++) {
        if (!c->rules[i].from || c->rules[i].broken) {
            continue;
        }
        fill_rule(loader, &c->rules[i], &rules[n]);
        rules[n].index = n;
        if (gather(&g, &c->rules[i], &rules[n]) < 0 ||
            smap_put(&ret->by_name, rules[n].name, &rules[n]) < 0) {
            return -ENOMEM;
        }
        n++;
    }
    ret->public.rules = rules;
    ret->public.nrules = n;
    return 0;
}

static int build_macros(struct loader *loader, struct compilation *c, struct ruleset *ret)
{
    struct macro *macros = ARENA_ARRAY(&c->arena, struct macro, c->nmacros);
    if (!macros) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < c->nmacros; i++) {
        const struct collected_macro *from = c->macros[i].from;
        macros[i] = (struct macro){ .name = from->item.name,
                                    .condition_text = from->condition.s,
                                    .pos = position_of(loader, from->item.where),
                                    .used = c->macros[i].used };
    }
    ret->macros = macros;
    ret->nmacros = c->nmacros;
    return 0;
}

static int build_lists(struct loader *loader, struct compilation *c, struct ruleset *ret)
{
    struct list *lists = ARENA_ARRAY(&c->arena, struct list, c->nlists);
    if (!lists) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < c->nlists; i++) {
        const struct compiled_list *from = &c->lists[i];
        lists[i] = (struct list){ .name = from->from->item.name,
                                  .pos = position_of(loader, from->from->item.where),
                                  .items = from->shared ? from->run.items : from->items,
                                  .nitems = from->n,
                                  .used = from->used };
    }
    ret->lists = lists;
    ret->nlists = c->nlists;
    return 0;
}

static int build_files(struct loader *loader, struct compilation *c, struct ruleset *ret)
{
    struct str *files = ARENA_ARRAY(&c->arena, struct str, loader->nfiles);
    if (!files) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < loader->nfiles; i++) {
        files[i] = loader->files[i].name;
    }
    ret->files = files;
    ret->nfiles = loader->nfiles;
    return 0;
}

static int build(struct loader *loader, struct owned_ruleset *ret)
{
    struct compilation *c = loader->compilation;
    int r = build_rules(loader, c, ret);
    if (r == 0) {
        r = build_macros(loader, c, &ret->public);
    }
    if (r == 0) {
        r = build_lists(loader, c, &ret->public);
    }
    return r == 0 ? build_files(loader, c, &ret->public) : r;
}

/* The loader keeps nothing that the ruleset now owns. */
static void hand_over(struct loader *loader, struct owned_ruleset *ruleset)
{
    ruleset->arena = loader->arena;
    ruleset->compilation = loader->compilation;
    arena_init(&loader->arena, loader->memory_max);
    loader->compilation = NULL;
    table_done(&loader->lists);
    table_done(&loader->macros);
    table_done(&loader->rules);
    smap_done(&loader->broken_names);
    loader->broken_names = (struct smap){ 0 };
    loader->nfiles = 0;
    loader->nplugins = 0;
}

int loader_finish(struct loader *loader, bool partial, struct ruleset **ret, struct err *err)
{
    if ((!loader->compilation || loader->stale) && compile_all(loader) < 0) {
        return err_set(err, -ENOMEM, "the rules need more memory than allowed");
    }
    if (loader->out_of_memory) {
        return err_set(err, -ENOMEM, "the rules need more memory than allowed");
    }
    report_unused(loader);
    if (loader->diags.nerrors > 0 && !partial) {
        return err_set(err, -EINVAL, "the rules have %u error%s", loader->diags.nerrors,
                       loader->diags.nerrors > 1 ? "s" : "");
    }
    struct owned_ruleset *ruleset = mem_zalloc(sizeof(*ruleset));
    if (!ruleset || build(loader, ruleset) < 0) {
        if (ruleset) {
            smap_done(&ruleset->by_name);
        }
        free(ruleset);
        return err_set(err, -ENOMEM, "the rules need more memory than allowed");
    }
    hand_over(loader, ruleset);
    *ret = &ruleset->public;
    return 0;
}

void ruleset_free(struct ruleset *ruleset)
{
    struct owned_ruleset *owned = (struct owned_ruleset *)ruleset;
    if (!owned) {
        return;
    }
    smap_done(&owned->by_name);
    compilation_free(owned->compilation);
    arena_done(&owned->arena);
    free(owned);
}

const struct ruleset *ruleset_base(const struct ruleset *ruleset)
{
    const struct owned_ruleset *owned = (const struct owned_ruleset *)ruleset;
    return owned->base ? &owned->base->public : ruleset;
}

const struct rule *ruleset_find(const struct ruleset *ruleset, struct str name)
{
    const struct owned_ruleset *owned = (const struct owned_ruleset *)ruleset;
    const struct rule *rule = smap_get(&(owned->base ? owned->base : owned)->by_name, name);
    return rule ? &ruleset->rules[rule->index] : NULL;
}
