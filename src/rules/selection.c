/*
 * selection: which rules run: what the files say, then switches by name, tag and priority, in
 * order.
 */
#include "rules/ruleset.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

int selection_init(struct selection *selection, const struct ruleset *ruleset)
{
    *selection = (struct selection){ .enabled = mem_resize(NULL, ruleset->nrules, sizeof(bool)),
                                     .n = ruleset->nrules };
    if (!selection->enabled) {
        selection->n = 0;
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < ruleset->nrules; i++) {
        selection->enabled[i] = ruleset->rules[i].enabled;
    }
    return 0;
}

void selection_done(struct selection *selection)
{
    free(selection->enabled);
    *selection = (struct selection){ 0 };
}

static uint32_t set(struct selection *selection, uint32_t i, bool enabled)
{
    bool changes = selection->enabled[i] != enabled;
    selection->enabled[i] = enabled;
    return changes;
}

/* `*` any run of bytes, `?` one byte; the whole text. Never backtracks further than the last star.
 */
static bool wildcard_matches(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') {
        p++;
    }
    return p == pattern.n;
}

uint32_t selection_set_name(struct selection *s, const struct ruleset *r, struct str pattern,
                            bool as_substring, bool enabled)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < r->nrules; i++) {
        struct str name = r->rules[i].name;
        if (as_substring ? str_find(name, pattern) >= 0 : wildcard_matches(pattern, name)) {
            changed += set(s, i, enabled);
        }
    }
    return changed;
}

static bool has_tag(const struct rule *rule, struct str tag)
{
    for (uint32_t i = 0; i < rule->ntags; i++) {
        if (str_eq(rule->tags[i], tag)) {
            return true;
        }
    }
    return false;
}

uint32_t selection_set_tag(struct selection *s, const struct ruleset *r, struct str tag,
                           bool enabled)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < r->nrules; i++) {
        if (has_tag(&r->rules[i], tag)) {
            changed += set(s, i, enabled);
        }
    }
    return changed;
}

uint32_t selection_set_priority(struct selection *s, const struct ruleset *r, enum priority least)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < r->nrules; i++) {
        if (r->rules[i].priority > least) {
            changed += set(s, i, false);
        }
    }
    return changed;
}
