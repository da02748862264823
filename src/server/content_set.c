/*
 * A set and its documents: copying, changing before it is made, counting holders.
 *
 * The users' documents stay in the order of their places: an edit keeps a place, what is new comes last. A copy
 * copies texts too, so that a set needs nothing of the one before.
 */
#include "server/content_set.h"

#include <errno.h>
#include <stdlib.h>

int set_new(const struct managed *managed, struct content_set **ret)
{
    struct content_set *set = mem_zalloc(sizeof(*set));
    if (!set) {
        return -ENOMEM;
    }
    set->refs = 1;
    set->managed = managed;
    arena_init(&set->arena, CONTENT_SET_MAX);
    *ret = set;
    return 0;
}

struct content_set *set_hold(struct content_set *set)
{
    __atomic_add_fetch(&set->refs, 1, __ATOMIC_RELAXED);
    return set;
}

void set_drop(struct content_set *set)
{
    if (!set || __atomic_sub_fetch(&set->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    for (size_t i = 0; i < set->nlists; i++) {
        smap_done(&set->lists[i].by_item);
    }
    smap_done(&set->lists_by_name);
    policies_free(set->policies);
    ruleset_free(set->ruleset);
    loader_free(set->loader);
    arena_done(&set->arena);
    free(set);
}

static bool keep(struct content_set *set, struct str *s)
{
    *s = arena_str(&set->arena, *s);
    return s->p != NULL;
}

/* With its texts in the set's arena. */
static int add_copy(struct content_set *set, const struct document *d)
{
    struct document copy = *d;
    if (!keep(set, &copy.name) || !keep(set, &copy.text) || !keep(set, &copy.file) ||
        !keep(set, &copy.base) || !keep(set, &copy.conflict)) {
        return -ENOMEM;
    }
    return documents_add(&set->documents, &set->arena, &copy);
}

static struct taken *find_taken(struct content_set *set, struct str list)
{
    for (size_t i = 0; i < set->ntaken; i++) {
        if (str_eq(set->taken[i].list, list)) {
            return &set->taken[i];
        }
    }
    return NULL;
}

/* The list's entry with room for one item more; NULL: memory is out. */
static struct taken *make_taken(struct content_set *set, struct str list)
{
    struct taken *t = find_taken(set, list);
    if (!t) {
        struct taken *all = ARENA_ARRAY(&set->arena, struct taken, set->ntaken + 1);
        if (!all || !keep(set, &list)) {
            return NULL;
        }
        if (set->ntaken > 0) {
            memcpy(all, set->taken, set->ntaken * sizeof(*all));
        }
        set->taken = all;
        t = &all[set->ntaken++];
        *t = (struct taken){ .list = list };
    }
    if ((t->n & (t->n - 1)) == 0) {
        struct str *items = ARENA_ARRAY(&set->arena, struct str, t->n ? t->n * 2 : 1);
        if (!items) {
            return NULL;
        }
        if (t->n > 0) {
            memcpy(items, t->items, t->n * sizeof(*items));
        }
        t->items = items;
    }
    return t;
}

void set_untake(struct content_set *set, struct str list)
{
    struct taken *t = find_taken(set, list);
    if (t) {
        t->n = 0;
    }
}

int set_take(struct content_set *set, struct str list, struct str item, bool out)
{
    struct taken *t = find_taken(set, list);
    size_t at = 0;
    while (t && at < t->n && !str_eq(t->items[at], item)) {
        at++;
    }
    bool is_out = t && at < t->n;
    if (is_out == out) {
        return 0;
    }
    if (is_out) {
        t->items[at] = t->items[--t->n];
        return 0;
    }
    t = make_taken(set, list);
    if (!t || !keep(set, &item)) {
        return -ENOMEM;
    }
    t->items[t->n++] = item;
    return 0;
}

int set_copy(const struct content_set *from, struct content_set **ret)
{
    struct content_set *set = NULL;
    int r = set_new(from->managed, &set);
    for (size_t i = 0; i < from->documents.n && r == 0; i++) {
        r = add_copy(set, &from->documents.items[i]);
    }
    for (size_t i = 0; i < from->ntaken && r == 0; i++) {
        for (size_t k = 0; k < from->taken[i].n && r == 0; k++) {
            r = set_take(set, from->taken[i].list, from->taken[i].items[k], true);
        }
    }
    if (r < 0) {
        set_drop(set);
        return r;
    }
    *ret = set;
    return 0;
}

int set_put(struct content_set *set, const struct document *d)
{
    struct document *old = documents_find(&set->documents, d->kind, d->name, d->part);
    if (!d->text.p) {
        if (old) {
            size_t at = (size_t)(old - set->documents.items);
            memmove(old, old + 1, (set->documents.n - at - 1) * sizeof(*old));
            set->documents.n--;
        }
        return 0;
    }
    if (!old) {
        return set->documents.n < CONTENT_DOCUMENTS_MAX ? add_copy(set, d) : -ENOMEM;
    }
    struct document copy = *d;
    copy.place = old->place;
    if (!keep(set, &copy.text) || !keep(set, &copy.base) || !keep(set, &copy.conflict) ||
        !keep(set, &copy.file)) {
        return -ENOMEM;
    }
    copy.name = old->name;
    *old = copy;
    return 0;
}

struct list_info *set_list(const struct content_set *set, struct str name)
{
    return smap_get(&set->lists_by_name, name);
}

const struct document *set_document(const struct content_set *set, enum content_kind kind,
                                    struct str name)
{
    const struct document *d = documents_find(&set->documents, kind, name, PART_OWN);
    return d ? d : documents_find(&set->managed->documents, kind, name, PART_MANAGED);
}
