/*
 * Policies: the files, and what follows from them for each rule.
 *
 * After the last file each rule has a run of entries, one for each enabled policy that names it, the most
 * severe first: judging an alert walks that run and asks the scopes. Rules of no policy have empty runs.
 */
#include "rules/policy_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

CLEANUP_DEFINE(struct policies, policies_free);

int policies_new(const struct ruleset *ruleset, struct policies **ret)
{
    CLEANUP(cleanup_policies_free) struct policies *p = mem_zalloc(sizeof *p);
    if (!p) {
        return -ENOMEM;
    }
    p->ruleset = ruleset;
    arena_init(&p->arena, POLICY_MEMORY_MAX);
    arena_init(&p->diag_arena, DIAG_MEMORY_MAX);
    diag_init(&p->diags, &p->diag_arena);
    p->cache = cond_cache_new(&p->arena);
    p->items = ARENA_ARRAY(&p->arena, struct policy, POLICIES_MAX);
    p->files = ARENA_ARRAY(&p->arena, struct str, POLICY_FILES_MAX);
    p->actions = ARENA_ARRAY(&p->arena, uint8_t, ruleset->nrules);
    p->silenced = ARENA_ARRAY(&p->arena, bool, ruleset->nrules);
    p->seen = ARENA_ARRAY(&p->arena, uint32_t, ruleset->nrules);
    if (!p->cache || !p->items || !p->files || !p->actions || !p->silenced || !p->seen) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < ruleset->nrules; i++) {
        if (smap_put(&p->rules, ruleset->rules[i].name, (void *)(uintptr_t)(i + 1)) < 0) {
            return -ENOMEM;
        }
    }
    *ret = TAKE(p);
    return 0;
}

void policies_free(struct policies *p)
{
    if (p) {
        cond_cache_free(p->cache);
        diag_done(&p->diags);
        smap_done(&p->rules);
        arena_done(&p->diag_arena);
        arena_done(&p->arena);
        free(p);
    }
}

/* The line around the offset, and the position in it. */
static struct str line_at(const struct policy_source *source, uint32_t offset,
                          struct source_pos *ret)
{
    struct str text = source->content;
    size_t at = offset < text.n ? offset : text.n;
    size_t start = at;
    while (start > 0 && text.p[start - 1] != '\n') {
        start--;
    }
    *ret = (struct source_pos){ source->file, 1, (uint32_t)(at - start) + 1 };
    for (size_t i = 0; i < start; i++) {
        ret->line += text.p[i] == '\n';
    }
    struct str line = str_from_offset(text, start);
    ptrdiff_t end = str_find_char(line, '\n');
    return str_first(str_first(line, end < 0 ? line.n : (size_t)end), DIAG_SNIPPET_MAX);
}

void policy_report(struct policy_source *source, uint32_t offset, struct str item, struct str hint,
                   const char *format, ...)
{
    struct policies *p = source->policies;
    char message[1024];
    va_list args;
    source->failed = true;
    if (p->diags.n >= POLICY_ERRORS_MAX) {
        p->diags.nerrors++;
        return;
    }
    va_start(args, format);
    int n = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct diagnostic d = {
        .code = LOAD_ERR_VALIDATE,
        .offset = offset,
        .item_type = STR("policy"),
        .item_name = item,
        .message = str_from(message, n < 0 ? 0 : strlen(message)),
        .hint = hint,
    };
    d.snippet = line_at(source, offset, &d.pos);
    d.caret = d.pos.column <= DIAG_SNIPPET_MAX ? d.pos.column : 0;
    diag_add(&p->diags, &d);
}

int policies_add(struct policies *p, struct str file_name, struct str content)
{
    struct policy_source source = { .policies = p, .content = content, .file = p->nfiles };
    struct doc_documents documents;
    struct err err = { 0 };
    uint32_t offset = 0;
    if (p->nfiles == POLICY_FILES_MAX) {
        source.file--;
        policy_report(&source, 0, file_name, (struct str){ 0 }, "too many files of policies");
        return -EINVAL;
    }
    p->files[p->nfiles] = arena_str(&p->arena, file_name);
    if (!p->files[p->nfiles++].p) {
        return -ENOMEM;
    }
    int r = content.n > POLICY_FILE_MAX
                ? err_set(&err, -EINVAL, "the file is larger than %zu bytes", POLICY_FILE_MAX)
                : doc_parse(&p->arena, content, &documents, &offset, &err);
    if (r < 0) {
        policy_report(&source, offset, (struct str){ 0 }, (struct str){ 0 }, "%s", err.message);
        return r;
    }
    for (uint32_t i = 0; i < documents.n; i++) {
        policy_read(&source, documents.roots[i]);
    }
    return source.failed ? -EINVAL : 0;
}

void policies_add_unreadable(struct policies *p, struct str file_name, struct str reason)
{
    struct policy_source source = { .policies = p, .file = p->nfiles };
    if (p->nfiles == POLICY_FILES_MAX) {
        source.file--;
    } else {
        p->files[p->nfiles++] = arena_str(&p->arena, file_name);
    }
    policy_report(&source, 0, (struct str){ 0 }, (struct str){ 0 }, "%.*s", STR_ARG(reason));
}

uint8_t policy_severity_of(enum priority priority)
{
    static const uint8_t tenths[] = { 100, 95, 90, 75, 55, 30, 5, 0 };
    return priority <= PRIORITY_DEBUG ? tenths[priority] : 0;
}

/* The entry's own, else its policy's, else what fits the rule's priority. */
static uint8_t severity_in(const struct policy *policy, const struct policy_rule *entry)
{
    return entry->severity != POLICY_BY_PRIORITY    ? entry->severity
           : policy->severity != POLICY_BY_PRIORITY ? policy->severity
                                                    : policy_severity_of(entry->rule->priority);
}

/* Into the run of its rule, behind those that are as severe. */
static void insert(struct policies *p, const struct policy *policy, const struct policy_rule *entry,
                   uint32_t *used)
{
    uint32_t i = entry->rule->index;
    uint32_t at = p->from[i] + used[i]++;
    uint8_t severity = severity_in(policy, entry);
    while (at > p->from[i] && p->entries[at - 1].severity < severity) {
        p->entries[at] = p->entries[at - 1];
        at--;
    }
    p->entries[at] = (struct policy_entry){ policy, entry->actions, severity };
    p->actions[i] |= entry->actions;
}

static bool is_active(const struct policy *policy, uint32_t i)
{
    return policy->enabled && policy->rules[i].enabled;
}

static void count_entries(struct policies *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        for (uint32_t k = 0; k < p->items[i].nrules; k++) {
            uint32_t rule = p->items[i].rules[k].rule->index;
            p->from[rule + 1] += is_active(&p->items[i], k);
            p->silenced[rule] = true;
        }
    }
    for (uint32_t i = 0; i < p->ruleset->nrules; i++) {
        p->silenced[i] &= p->from[i + 1] == 0;
        p->from[i + 1] += p->from[i];
    }
}

int policies_finish(struct policies *p, struct err *err)
{
    uint32_t nrules = p->ruleset->nrules;
    if (p->diags.nerrors) {
        return err_set(err, -EINVAL, "%u errors in policies", p->diags.nerrors);
    }
    p->from = ARENA_ARRAY(&p->arena, uint32_t, (size_t)nrules + 1);
    uint32_t *used = ARENA_ARRAY(&p->arena, uint32_t, nrules);
    if (p->from && used) {
        count_entries(p);
        p->entries = ARENA_ARRAY(&p->arena, struct policy_entry, p->from[nrules]);
    }
    if (!p->from || !used || !p->entries) {
        p->from = NULL;
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < p->n; i++) {
        for (uint32_t k = 0; k < p->items[i].nrules; k++) {
            if (is_active(&p->items[i], k)) {
                insert(p, &p->items[i], &p->items[i].rules[k], used);
            }
        }
    }
    return 0;
}

const struct diag_list *policies_diagnostics(const struct policies *p)
{
    return &p->diags;
}

void policies_explain(const struct policies *p, struct buf *buf)
{
    for (uint32_t i = 0; i < p->diags.n; i++) {
        const struct diagnostic *d = &p->diags.items[i];
        struct str file = d->pos.file < p->nfiles ? p->files[d->pos.file] : STR("policies");
        diag_text(d, file, buf);
    }
    if (p->diags.nerrors > p->diags.n) {
        buf_printf(buf, "and %u more errors\n", p->diags.nerrors - p->diags.n);
    }
}

uint32_t policies_count(const struct policies *p)
{
    return p->n;
}

const struct policy *policies_at(const struct policies *p, uint32_t i)
{
    return &p->items[i];
}

const uint8_t *policies_actions(const struct policies *p)
{
    return p->actions;
}

uint8_t policies_ask(const struct policies *p)
{
    uint8_t all = 0;
    for (uint32_t i = 0; p && i < p->ruleset->nrules; i++) {
        all |= p->actions[i];
    }
    return all;
}

void policies_select(const struct policies *p, struct selection *selection)
{
    for (uint32_t i = 0; i < selection->n && i < p->ruleset->nrules; i++) {
        selection->enabled[i] &= !p->silenced[i];
    }
}

static void take(struct policy_verdict *ret, const struct policy_entry *entry)
{
    if (!ret->policy) {
        ret->policy = entry->policy;
        ret->severity = entry->severity;
    }
    for (unsigned bit = 0; bit < POLICY_ACTIONS; bit++) {
        if ((entry->actions & ~ret->actions) & 1u << bit) {
            ret->asked_by[bit] = entry->policy;
        }
    }
    ret->actions |= entry->actions;
}

void policies_judge(const struct policies *p, const struct rule *rule, struct view *view,
                    struct policy_verdict *ret)
{
    *ret = (struct policy_verdict){ .severity = policy_severity_of(rule->priority) };
    if (!p || !p->from) {
        return;
    }
    for (uint32_t i = p->from[rule->index]; i < p->from[rule->index + 1]; i++) {
        const struct policy_entry *entry = &p->entries[i];
        if (!entry->policy->scope || cond_eval(entry->policy->scope, view)) {
            take(ret, entry);
        }
    }
}
