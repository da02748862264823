/*
 * Showing documents: lists of them, one of them, and what uses it.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what is known of one */

static const struct policy *find_policy(const struct content_set *set, struct str name)
{
    for (uint32_t i = 0; i < policies_count(set->policies); i++) {
        if (str_eq(policies_at(set->policies, i)->name, name)) {
            return policies_at(set->policies, i);
        }
    }
    return NULL;
}

static bool names_rule(const struct policy *policy, struct str rule)
{
    for (uint32_t i = 0; i < policy->nrules; i++) {
        if (str_eq(policy->rules[i].rule->name, rule)) {
            return true;
        }
    }
    return false;
}

static void put_policies_of(struct jsonw *w, const struct content_set *set, struct str rule)
{
    jsonw_array(w, "policies");
    for (uint32_t i = 0; i < policies_count(set->policies); i++) {
        if (names_rule(policies_at(set->policies, i), rule)) {
            jsonw_str(w, NULL, policies_at(set->policies, i)->name);
        }
    }
    jsonw_end(w);
}

static void put_strs(struct jsonw *w, const char *key, const struct str *items, uint32_t n)
{
    jsonw_array(w, key);
    for (uint32_t i = 0; i < n; i++) {
        jsonw_str(w, NULL, items[i]);
    }
    jsonw_end(w);
}

static void put_severity(struct jsonw *w, uint8_t tenths)
{
    char text[8];
    snprintf(text, sizeof(text), "%d.%d", tenths / 10, tenths % 10);
    jsonw_raw(w, "severity", str_of(text));
}

static void put_rule(struct jsonw *w, const struct content_set *set, struct str name)
{
    const struct rule *rule = ruleset_find(set->ruleset, name);
    if (!rule) {
        jsonw_bool(w, "enabled", false);
        return;
    }
    jsonw_bool(w, "enabled", rule->enabled && rule->cond);
    jsonw_strz(w, "priority", priority_text(rule->priority));
    put_severity(w, policy_severity_of(rule->priority));
    jsonw_str(w, "description", rule->desc);
    jsonw_str(w, "source", rule->source.n ? rule->source : STR("syscall"));
    put_strs(w, "tags", rule->tags, rule->ntags);
    put_policies_of(w, set, name);
}

static bool has_name(const struct str *names, uint32_t n, struct str name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static bool rule_uses(const struct rule *rule, enum content_kind kind, struct str name)
{
    return kind == CONTENT_LIST    ? has_name(rule->lists, rule->nlists, name)
           : kind == CONTENT_MACRO ? has_name(rule->macros, rule->nmacros, name)
                                   : false;
}

static const struct macro *find_macro(const struct content_set *set, struct str name)
{
    for (uint32_t i = 0; i < set->ruleset->nmacros; i++) {
        if (str_eq(set->ruleset->macros[i].name, name)) {
            return &set->ruleset->macros[i];
        }
    }
    return NULL;
}

static void put_macro(struct jsonw *w, const struct content_set *set, struct str name)
{
    const struct macro *macro = find_macro(set, name);
    uint64_t n = 0;
    for (uint32_t i = 0; i < set->ruleset->nrules; i++) {
        n += rule_uses(&set->ruleset->rules[i], CONTENT_MACRO, name);
    }
    jsonw_str(w, "condition", macro ? macro->condition_text : STR(""));
    jsonw_u64(w, "rules_count", n);
}

static void put_actions(struct jsonw *w, uint8_t actions)
{
    jsonw_array(w, "actions");
    for (unsigned bit = 0; bit < POLICY_ACTIONS; bit++) {
        if (actions & 1u << bit) {
            jsonw_strz(w, NULL, action_text((enum policy_action)(1u << bit)));
        }
    }
    jsonw_end(w);
}

/* What some rule of it that is not switched off asks for. */
static uint8_t actions_of(const struct policy *policy)
{
    uint8_t actions = 0;
    for (uint32_t i = 0; i < policy->nrules; i++) {
        actions |= policy->rules[i].enabled ? policy->rules[i].actions : 0;
    }
    return actions;
}

static void put_policy(struct jsonw *w, const struct content_set *set, struct str name)
{
    const struct policy *policy = find_policy(set, name);
    jsonw_bool(w, "enabled", policy && policy->enabled);
    if (!policy) {
        return;
    }
    if (policy->severity == POLICY_BY_PRIORITY) {
        jsonw_null(w, "severity");
    } else {
        put_severity(w, policy->severity);
    }
    jsonw_str(w, "scope", policy->scope_text);
    jsonw_u64(w, "rules_count", policy->nrules);
    put_strs(w, "channels", policy->channels, policy->nchannels);
    put_actions(w, actions_of(policy));
}

static void put_summary(struct jsonw *w, const struct content_set *set, const struct document *d)
{
    const struct documents *users = &set->documents;
    const struct document *over = documents_find(users, d->kind, d->name, PART_OVERRIDE);
    const struct document *toggle = documents_find(users, d->kind, d->name, PART_TOGGLE);
    struct str conflict = d->conflict;
    conflict = over && over->conflict.n ? over->conflict : conflict;
    conflict = toggle && toggle->conflict.n && !conflict.n ? toggle->conflict : conflict;
    jsonw_str(w, "name", d->name);
    jsonw_strz(w, "origin", content_part_text(d->part));
    jsonw_bool(w, "overridden", over != NULL);
    if (conflict.n > 0) {
        jsonw_str(w, "conflict", conflict);
    } else {
        jsonw_null(w, "conflict");
    }
    if (d->kind == CONTENT_RULE) {
        put_rule(w, set, d->name);
    } else if (d->kind == CONTENT_POLICY) {
        put_policy(w, set, d->name);
    } else if (d->kind == CONTENT_LIST) {
        const struct list_info *list = set_list(set, d->name);
        jsonw_u64(w, "text_items", list ? list->n : 0);
    } else if (d->kind == CONTENT_MACRO) {
        put_macro(w, set, d->name);
    }
}

/* ---- lists of them */

static int by_name(const void *a, const void *b)
{
    const struct document *const *x = a, *const *y = b;
    return str_cmp((*x)->name, (*y)->name);
}

/* What defines something of that kind, by name; a name taken by both is the user's. */
static const struct document **collect(const struct content_set *set, enum content_kind kind,
                                       struct arena *arena, size_t *ret_n)
{
    const struct documents *from[] = { &set->documents, &set->managed->documents };
    size_t n = 0;
    const struct document **all =
        ARENA_ARRAY(arena, const struct document *, from[0]->n + from[1]->n);
    for (size_t k = 0; k < 2 && all; k++) {
        for (size_t i = 0; i < from[k]->n; i++) {
            const struct document *d = &from[k]->items[i];
            bool defines = d->kind == kind && (k == 1 ? !d->changes : d->part == PART_OWN);
            if (defines && set_document(set, kind, d->name) == d) {
                all[n++] = d;
            }
        }
    }
    if (all) {
        qsort(all, n, sizeof(*all), by_name);
    }
    *ret_n = n;
    return all;
}

static int count_items(struct content *content, struct str list, int64_t at, int64_t *ret,
                       struct err *err)
{
    const struct store_items_filter filter = { .list = list, .at = at, .sign = 1 };
    return content->ops->items_count(content->store, &filter, ret, err);
}

struct wanted {
    struct str search, origin, cursor;
    int64_t limit;
    struct smap changes;  /* the last of each, by name */
    struct smap appended; /* how many items each list was given, by name */
};

static void free_wanted(struct wanted *wanted)
{
    smap_done(&wanted->changes);
    smap_done(&wanted->appended);
}

static int read_changes(struct content *content, struct request *request, struct wanted *wanted,
                        struct err *err)
{
    struct store_last_change *changes = NULL;
    size_t n = 0;
    struct str kind = str_of(content_kind_text(route_kind(request)));
    int r = content->ops->last_changes(content->store, kind, request->arena, &changes, &n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = smap_put(&wanted->changes, changes[i].name, &changes[i]);
    }
    return r == -ENOMEM ? err_set(err, r, "out of memory") : r;
}

static int count_appended(struct content *content, struct request *request, int64_t version,
                          struct wanted *wanted, struct err *err)
{
    struct str *lists = NULL;
    size_t n = 0;
    int r = content->ops->items_lists(content->store, version, 1, request->arena, &lists, &n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        int64_t *count = ARENA_NEW(request->arena, int64_t);
        r = count ? count_items(content, lists[i], version, count, err) : -ENOMEM;
        r = r == 0 ? smap_put(&wanted->appended, lists[i], count) : r;
    }
    return r == -ENOMEM ? err_set(err, r, "out of memory") : r;
}

static void put_changed(struct jsonw *w, const struct store_last_change *change)
{
    if (!change) {
        jsonw_null(w, "changed");
        return;
    }
    jsonw_object(w, "changed");
    jsonw_i64(w, "version", change->version);
    jsonw_i64(w, "time_ms", change->time_ms);
    jsonw_str(w, "author", change->author);
    jsonw_end(w);
}

static bool is_wanted(const struct wanted *wanted, const struct document *d)
{
    return (!wanted->search.p || str_ifind(d->name, wanted->search) >= 0 ||
            str_ifind(d->text, wanted->search) >= 0) &&
           (!wanted->origin.p || str_eqz(wanted->origin, content_part_text(d->part)));
}

static void put_page(struct jsonw *w, const struct content_set *set,
                     const struct document *const *all, size_t n, const struct wanted *wanted)
{
    size_t shown = 0, total = 0;
    struct str next = { 0 }, last = { 0 };
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        if (!is_wanted(wanted, all[i])) {
            continue;
        }
        total++;
        if (wanted->cursor.p && str_cmp(all[i]->name, wanted->cursor) <= 0) {
            continue;
        }
        if (shown == (size_t)wanted->limit) {
            next = last;
            continue;
        }
        jsonw_object(w, NULL);
        put_summary(w, set, all[i]);
        put_changed(w, smap_get(&wanted->changes, all[i]->name));
        if (all[i]->kind == CONTENT_LIST) {
            const int64_t *appended = smap_get(&wanted->appended, all[i]->name);
            jsonw_i64(w, "appended_items", appended ? *appended : 0);
        }
        jsonw_end(w);
        last = all[i]->name;
        shown++;
    }
    jsonw_end(w);
    if (next.p) {
        jsonw_str(w, "next", next);
    } else {
        jsonw_null(w, "next");
    }
    jsonw_u64(w, "total", total);
    if (n > 0 && all[0]->kind == CONTENT_RULE) {
        jsonw_object(w, "titles");
        managed_put_titles(set->managed, w);
        jsonw_end(w);
    }
    jsonw_end(w);
}

HANDLER(content_list_documents)
{
    CLEANUP(free_wanted)
    struct wanted wanted = { .search = request_query(request, "search"),
                             .origin = request_query(request, "origin"),
                             .cursor = request_query(request, "cursor") };
    struct err err = { 0 };
    if (!request_number(request, "limit", 1, CONTENT_PAGE_MAX, CONTENT_PAGE_MAX, &wanted.limit,
                        reply)) {
        return HTTP_DONE;
    }
    if (read_changes(server->content, request, &wanted, &err) < 0) {
        return reply_error(reply, &err);
    }
    size_t n = 0;
    int64_t version = 0;
    struct content_set *set = content_hold(server->content, &version);
    if (route_kind(request) == CONTENT_LIST &&
        count_appended(server->content, request, version, &wanted, &err) < 0) {
        set_drop(set);
        return reply_error(reply, &err);
    }
    const struct document **all = collect(set, route_kind(request), request->arena, &n);
    if (all) {
        put_page(reply_json(reply, 200), set, all, n, &wanted);
    } else {
        reply_memory(reply);
    }
    set_drop(set);
    return HTTP_DONE;
}

/* ---- one */

static void put_parts(struct jsonw *w, const struct content_set *set, const struct document *of)
{
    const struct documents *from[] = { &set->managed->documents, &set->documents };
    jsonw_array(w, "parts");
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < from[k]->n; i++) {
            const struct document *d = &from[k]->items[i];
            if (d->kind != of->kind || !str_eq(d->name, of->name)) {
                continue;
            }
            jsonw_object(w, NULL);
            jsonw_strz(w, "part", content_part_text(d->part));
            jsonw_str(w, "text", d->text);
            jsonw_bool(w, "in_force", !d->excluded);
            if (d->conflict.n > 0) {
                jsonw_str(w, "conflict", d->conflict);
            }
            if (d->part == PART_MANAGED) {
                jsonw_str(w, "file", d->file);
                jsonw_u64(w, "line", d->line);
            }
            jsonw_end(w);
        }
    }
    jsonw_end(w);
}

static void put_rule_details(struct jsonw *w, const struct content_set *set, struct str name)
{
    const struct rule *rule = ruleset_find(set->ruleset, name);
    if (rule) {
        jsonw_str(w, "condition", rule->condition_text);
        jsonw_str(w, "output", rule->output);
        jsonw_object(w, "texts");
        managed_put_texts(set->managed, name, w);
        jsonw_end(w);
        jsonw_object(w, "uses");
        put_strs(w, "macros", rule->macros, rule->nmacros);
        put_strs(w, "lists", rule->lists, rule->nlists);
        jsonw_end(w);
    }
}

static bool is_word_byte(char c)
{
    return !strchr(" \t\n\r(),=\"'", c);
}

static bool has_word(struct str text, struct str word)
{
    for (size_t at = 0; at + word.n <= text.n; at++) {
        ptrdiff_t found = str_find(str_from_offset(text, at), word);
        if (found < 0) {
            return false;
        }
        at += (size_t)found;
        bool begins = at == 0 || !is_word_byte(text.p[at - 1]);
        bool ends = at + word.n == text.n || !is_word_byte(text.p[at + word.n]);
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

static void put_named(struct jsonw *w, const char *key, const struct content_set *set,
                      const struct macro *macro)
{
    bool macros = strcmp(key, "macros") == 0;
    size_t n = macros ? set->ruleset->nmacros : set->nlists;
    jsonw_array(w, key);
    for (size_t i = 0; i < n; i++) {
        struct str name = macros ? set->ruleset->macros[i].name : set->lists[i].name;
        if (!str_eq(name, macro->name) && has_word(macro->condition_text, name)) {
            jsonw_str(w, NULL, name);
        }
    }
    jsonw_end(w);
}

static void put_macro_details(struct jsonw *w, const struct content_set *set, struct str name)
{
    const struct macro *macro = find_macro(set, name);
    if (macro) {
        jsonw_object(w, "uses");
        put_named(w, "macros", set, macro);
        put_named(w, "lists", set, macro);
        jsonw_end(w);
    }
}

static void put_policy_details(struct jsonw *w, const struct content_set *set, struct str name)
{
    const struct policy *policy = find_policy(set, name);
    jsonw_array(w, "rules");
    for (uint32_t i = 0; policy && i < policy->nrules; i++) {
        const struct policy_rule *r = &policy->rules[i];
        jsonw_object(w, NULL);
        jsonw_str(w, "name", r->rule->name);
        jsonw_bool(w, "enabled", r->enabled);
        put_actions(w, r->actions);
        if (r->severity != POLICY_BY_PRIORITY) {
            put_severity(w, r->severity);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
}

static enum http_result show(struct content *content, struct request *request, struct reply *reply,
                             const struct content_set *set, int64_t now)
{
    struct err err = { 0 };
    int64_t version = 0, appended = 0;
    char tag[32];
    enum content_kind kind = route_kind(request);
    struct str name = request_param(request, "name");
    const struct document *d = set_document(set, kind, name);
    if (!d) {
        return reply_problem(reply, 404, "not_found", "There is no such %s.",
                             content_kind_text(kind));
    }
    if (content->ops->changed(content->store, str_of(content_kind_text(kind)), name, &version,
                              &err) < 0 ||
        (kind == CONTENT_LIST && count_items(content, name, now, &appended, &err) < 0)) {
        return reply_error(reply, &err);
    }
    snprintf(tag, sizeof(tag), "\"%lld\"", (long long)version);
    reply_header(reply, "ETag", str_of(tag));
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    put_summary(w, set, d);
    jsonw_i64(w, "version", version);
    put_parts(w, set, d);
    if (kind == CONTENT_RULE) {
        put_rule_details(w, set, name);
    } else if (kind == CONTENT_POLICY) {
        put_policy_details(w, set, name);
    } else if (kind == CONTENT_MACRO) {
        put_macro_details(w, set, name);
    } else if (kind == CONTENT_LIST) {
        jsonw_i64(w, "appended_items", appended);
    }
    jsonw_end(w);
    return HTTP_DONE;
}

HANDLER(content_get_document)
{
    int64_t now = 0;
    struct content_set *set = content_hold(server->content, &now);
    enum http_result result = show(server->content, request, reply, set, now);
    set_drop(set);
    return result;
}

/* ---- what uses it */

static void put_usage(struct jsonw *w, const struct content_set *set, enum content_kind kind,
                      struct str name)
{
    const struct ruleset *rules = set->ruleset;
    jsonw_object(w, NULL);
    jsonw_array(w, "rules");
    for (uint32_t i = 0; i < rules->nrules; i++) {
        if (rule_uses(&rules->rules[i], kind, name)) {
            jsonw_str(w, NULL, rules->rules[i].name);
        }
    }
    jsonw_end(w);
    jsonw_array(w, "macros");
    for (uint32_t i = 0; i < rules->nmacros && kind != CONTENT_POLICY; i++) {
        if (kind != CONTENT_RULE && !str_eq(rules->macros[i].name, name) &&
            has_word(rules->macros[i].condition_text, name)) {
            jsonw_str(w, NULL, rules->macros[i].name);
        }
    }
    jsonw_end(w);
    jsonw_array(w, "lists");
    for (size_t i = 0; i < set->nlists && kind == CONTENT_LIST; i++) {
        if (smap_get(&set->lists[i].by_item, name)) {
            jsonw_str(w, NULL, set->lists[i].name);
        }
    }
    jsonw_end(w);
    jsonw_array(w, "policies");
    for (uint32_t i = 0; i < policies_count(set->policies); i++) {
        const struct policy *policy = policies_at(set->policies, i);
        bool uses = kind == CONTENT_RULE && names_rule(policy, name);
        for (uint32_t k = 0; k < policy->nrules && !uses; k++) {
            uses = rule_uses(policy->rules[k].rule, kind, name);
        }
        if (uses) {
            jsonw_str(w, NULL, policy->name);
        }
    }
    jsonw_end(w);
    jsonw_end(w);
}

HANDLER(content_get_usage)
{
    enum content_kind kind = route_kind(request);
    struct str name = request_param(request, "name");
    struct content_set *set = content_hold(server->content, NULL);
    if (set_document(set, kind, name)) {
        put_usage(reply_json(reply, 200), set, kind, name);
    } else {
        reply_problem(reply, 404, "not_found", "There is no such %s.", content_kind_text(kind));
    }
    set_drop(set);
    return HTTP_DONE;
}
