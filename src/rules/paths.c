/*
 * paths: which rules a path seen lately triggers.
 *
 * Most of what rules say about opened files are tests of fd.name, fd.nameraw, fd.directory and
 * fd.filename, and of most files all four follow from one path. What the searches of these fields
 * trigger then depends on nothing but the class, the path and whether it is a file's, a directory's, or
 * of a call that failed: it is kept as a bit set of the class's rules, beside a copy of the path. One
 * look replaces four extractions and a dozen searches.
 *
 * A path's rules are worked out when it is seen for the second time: all searches are done then,
 * also those that guards spare most events. Each seeded hash has four places; a new path displaces one of
 * the four in turn.
 */
#include "rules/matcher_internal.h"

#include <errno.h>

static bool is_of_path(const struct expr *expr)
{
    return expr->kind == EXPR_FIELD &&
           (expr->field.id == FIELD_FD_NAME || expr->field.id == FIELD_FD_NAMERAW ||
            expr->field.id == FIELD_FD_DIRECTORY || expr->field.id == FIELD_FD_FILENAME);
}

int paths_build(struct matcher *m)
{
    bool wanted = false;
    for (uint32_t i = 0; i < m->nclasses && !m->options.no_memo; i++) {
        struct class *class = &m->classes[i];
        bool small = class->row_rules && class->nwords <= PATHS_WORDS_MAX;
        for (uint32_t j = 0; small && j < class->ngroups; j++) {
            bool is = is_of_path(m->sites[m->groups[class->groups[j]].site].expr);
            class->path_groups |= is ? UINT64_C(1) << j : 0;
        }
        wanted = wanted || class->path_groups;
        plan_fill(class, &class->all);
    }
    m->paths_bytes = wanted ? PATHS_SETS * sizeof(struct path_set) : 0;
    m->paths = wanted ? mem_pages(m->paths_bytes) : NULL;
    return wanted && !m->paths ? -ENOMEM : 0;
}

/* False: some search found more than it can hold. */
static bool work_out(struct matcher *m, const struct class *class, uint64_t *rules)
{
    memset(rules, 0, PATHS_WORDS_MAX * sizeof(*rules));
    for (uint64_t groups = class->path_groups; groups; groups &= groups - 1) {
        const struct atom_group *group =
            group_run(m, class->groups[(uint32_t)__builtin_ctzll(groups)]);
        if (group->hits.overflow) {
            return false;
        }
        for (uint32_t i = 0; i < group->hits.n; i++) {
            const uint64_t *row = class->row_rules + group->hits.rows[i] * class->nwords;
            for (uint32_t j = 0; j < class->nwords; j++) {
                rules[j] |= row[j];
            }
        }
    }
    return true;
}

static struct path_entry *displace(struct matcher *m, uint64_t hash, uint32_t class,
                                   struct str path)
{
    struct path_set *set = &m->paths[hash >> 32 & (PATHS_SETS - 1)];
    uint32_t way = m->path_way++ % PATHS_WAYS;
    for (uint32_t i = 0; i < PATHS_WAYS; i++) {
        way = set->hashes[i] ? way : i;
    }
    set->hashes[way] = hash;
    set->entries[way] = (struct path_entry){ .class = class, .length = (uint16_t)path.n };
    memcpy(set->entries[way].text, path.p, path.n);
    return &set->entries[way];
}

static struct path_entry *find(struct matcher *m, uint32_t class, struct str path)
{
    uint64_t hash = (str_hash(path) ^ class) | 1;
    struct path_set *set = &m->paths[hash >> 32 & (PATHS_SETS - 1)];
    for (uint32_t i = 0; i < PATHS_WAYS; i++) {
        struct path_entry *entry = &set->entries[i];
        if (set->hashes[i] == hash && entry->length == path.n && entry->class == class &&
            memcmp(entry->text, path.p, path.n) == 0) {
            return entry;
        }
    }
    return displace(m, hash, class, path);
}

const uint64_t *paths_recall(struct matcher *m, const struct class *class)
{
    struct str path;
    enum path_form form;
    if (!field_path_form(m->view, &path, &form) || path.n == 0 || path.n > PATHS_TEXT_MAX) {
        return NULL;
    }
    struct path_entry *entry = find(m, (uint32_t)(class - m->classes), path);
    uint8_t bit = (uint8_t)(1U << form);
    if (!(entry->known & bit)) {
        bool again = entry->seen & bit;
        entry->seen |= bit;
        if (!again || !work_out(m, class, entry->rules[form])) {
            return NULL;
        }
        entry->known |= bit;
    }
    return entry->rules[form];
}
