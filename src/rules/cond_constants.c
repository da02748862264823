/*
 * cond_constants: the constants of checks, converted once for each list and type.
 *
 * The loader hands the items of one list as one array to all conditions that name the list; the cache
 * is keyed by that array, so it must be thrown away before such arrays are. Items of text types are
 * used where they are, without a copy, unless one holds a NUL: fields are C strings, and so are they.
 */
#include "rules/cond_impl.h"
#include "rules/constant.h"

#include "base/map.h"
#include "rules/regex.h"

#include <errno.h>

#define REGEXES_MAX            20000     /* of one ruleset */
#define REGEX_INSTRUCTIONS_MAX (1 << 22) /* of one ruleset: about 64 MiB */

enum constant_form { FORM_PLAIN, FORM_HEX };

struct run {
    struct run *next; /* same hash */
    const struct str *items;
    uint32_t n;
    enum field_type type;
    enum constant_form form;
    bool suspicious; /* some item earns a warning */
    struct constants constants;
};

struct cond_cache {
    struct arena *arena;
    struct map runs;     /* hash of items and type → struct run */
    struct smap regexes; /* pattern → struct regex */
    uint64_t instructions;
    uint32_t hints;
};

bool resolver_hints(struct resolver *r)
{
    return !r->cache || r->cache->hints++ < RESOLVER_HINTS_MAX;
}

struct cond_cache *cond_cache_new(struct arena *arena)
{
    struct cond_cache *cache = ARENA_NEW(arena, struct cond_cache);
    if (cache) {
        cache->arena = arena;
    }
    return cache;
}

void cond_cache_free(struct cond_cache *cache)
{
    if (!cache) {
        return;
    }
    size_t cursor = 0;
    const struct smap_slot *slot;
    while ((slot = smap_next(&cache->regexes, &cursor)) != NULL) {
        regex_free(slot->value);
    }
    smap_done(&cache->regexes);
    map_done(&cache->runs);
}

static uint64_t run_key(const struct run *run)
{
    return hash_u64((uint64_t)(uintptr_t)run->items) + (uint64_t)run->type * 2 + run->form;
}

static struct run *run_find(const struct resolver *r, const struct run *wanted)
{
    struct run *run = r->cache ? map_get(&r->cache->runs, run_key(wanted)) : NULL;
    while (run && (run->items != wanted->items || run->n != wanted->n ||
                   run->type != wanted->type || run->form != wanted->form)) {
        run = run->next;
    }
    return run;
}

static void run_keep(struct resolver *r, struct run *run)
{
    if (r->cache) {
        run->next = map_get(&r->cache->runs, run_key(run));
        r->no_memory |= map_put(&r->cache->runs, run_key(run), run) < 0;
    }
}

static bool literal_fits(struct resolver *r, struct str text)
{
    if (text.n > LITERAL_MAX) {
        resolver_error(r, "filter parameter too long: %.64s...", text.p);
        return false;
    }
    return true;
}

static bool any_needs_copy(const struct run *run)
{
    for (uint32_t i = 0; i < run->n; i++) {
        if (run->items[i].n && memchr(run->items[i].p, '\0', run->items[i].n)) {
            return true;
        }
    }
    return false;
}

/* Texts: in place, or cut at their NULs, or from hexadecimal. */
static bool convert_texts(struct resolver *r, struct run *run)
{
    for (uint32_t i = 0; i < run->n; i++) {
        if (!literal_fits(r, run->items[i])) {
            return false;
        }
    }
    run->constants.strs = run->items;
    if (run->form == FORM_PLAIN && (run->type == TYPE_BYTEBUF || !any_needs_copy(run))) {
        return true;
    }
    struct str *strs = ARENA_ARRAY(r->arena, struct str, run->n);
    if (!strs) {
        r->no_memory = true;
        return false;
    }
    for (uint32_t i = 0; i < run->n; i++) {
        struct err err = { 0 };
        if (run->form == FORM_PLAIN) {
            strs[i] = str_until_nul(run->items[i].p, run->items[i].n);
        } else if (constant_unhex(r->arena, run->items[i], &strs[i], &err) < 0) {
            r->no_memory |= err.code == -ENOMEM;
            resolver_error(r, "%s", err.message);
            return false;
        }
    }
    run->constants.strs = strs;
    return true;
}

static bool convert_values(struct resolver *r, struct run *run)
{
    struct value *values = ARENA_ARRAY(r->arena, struct value, run->n);
    if (!values) {
        r->no_memory = true;
        return false;
    }
    for (uint32_t i = 0; i < run->n; i++) {
        struct err err = { 0 };
        if (constant_parse(run->type, run->items[i], &values[i], &err) < 0) {
            resolver_error(r, "%s", err.message);
            return false;
        }
    }
    run->constants.values = values;
    return true;
}

static bool warn_about_items(struct resolver *r, const struct run *run)
{
    bool warned = false;
    for (uint32_t i = 0; i < run->n; i++) {
        warned |= warn_about_text(r, run->items[i]);
    }
    return warned;
}

static struct run *run_make(struct resolver *r, const struct run *wanted)
{
    struct run *run = ARENA_NEW(r->arena, struct run);
    if (!run) {
        r->no_memory = true;
        return NULL;
    }
    *run = *wanted;
    run->constants.n = run->n;
    bool is_text = run->type == TYPE_CHARBUF || run->type == TYPE_BYTEBUF;
    if (!(is_text ? convert_texts(r, run) : convert_values(r, run))) {
        return NULL;
    }
    run->constants.identity =
        is_text ? (const void *)run->constants.strs : (const void *)run->constants.values;
    run->suspicious = warn_about_items(r, run);
    run_keep(r, run);
    return run;
}

static bool resolve_run(struct resolver *r, const struct ast_values *from, struct check *check,
                        struct constants *ret)
{
    bool is_hex = check->op == OP_BCONTAINS || check->op == OP_BSTARTSWITH;
    struct run wanted = {
        .items = from->items,
        .n = from->n,
        .type = check->left->type,
        .form = is_hex ? FORM_HEX : FORM_PLAIN,
    };
    struct run *run = run_find(r, &wanted);
    if (!run) {
        run = run_make(r, &wanted);
        if (!run) {
            return false;
        }
    } else if (run->suspicious) {
        warn_about_items(r, run);
    }
    *ret = run->constants;
    ret->list = from->list;
    return true;
}

/* The event name nearest to a misspelt one. */
static const char *event_name_suggest(struct str text)
{
    unsigned best = 3;
    const char *nearest = NULL;
    for (uint16_t id = 0; id < NAME_MAX_ID; id++) {
        const char *name = name_text(id);
        unsigned distance = name ? str_distance(text, str_of(name), best - 1) : best;
        if (distance < best) {
            best = distance;
            nearest = name;
        }
    }
    return nearest;
}

static bool event_names_known(struct resolver *r, const struct check *check)
{
    bool known = true;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        const struct constants *run = &check->constants[i];
        for (uint32_t j = 0; j < run->n; j++) {
            if (name_find(run->strs[j]) == NAME_NONE) {
                known = false;
                resolver_unknown(
                    r, resolver_hints(r) ? event_name_suggest(str_first(run->strs[j], 64)) : NULL,
                    "unknown event type %.*s", STR_ARG(str_first(run->strs[j], 128)));
            }
        }
    }
    return known;
}

static bool names_events(const struct check *check)
{
    return check->left->kind == EXPR_FIELD && check->left->field.id == FIELD_EVT_TYPE &&
           (check->op == OP_EQ || check->op == OP_NE || check->op == OP_IN ||
            check->op == OP_INTERSECTS);
}

bool resolve_constants(struct resolver *r, const struct ast_check *ast, struct check *check)
{
    check->constants = ARENA_ARRAY(r->arena, struct constants, ast->nvalues);
    if (!check->constants) {
        r->no_memory = true;
        return false;
    }
    check->nconstants = ast->nvalues;
    uint32_t check_offset = r->offset;
    for (uint32_t i = 0; i < ast->nvalues; i++) {
        r->offset = ast->values[i].offset ? ast->values[i].offset : check_offset;
        if (!resolve_run(r, &ast->values[i], check, &check->constants[i])) {
            return false;
        }
    }
    if (ast->nvalues && ast->values[0].offset) {
        r->offset = ast->values[0].offset;
    }
    return !names_events(check) || event_names_known(r, check);
}

static struct regex *resolve_regex(struct resolver *r, struct str pattern)
{
    struct regex *regex = smap_get(&r->cache->regexes, pattern);
    if (regex) {
        return regex;
    }
    struct err err = { 0 };
    if (r->cache->regexes.count >= REGEXES_MAX || r->cache->instructions > REGEX_INSTRUCTIONS_MAX) {
        resolver_error(r, "too many regex patterns, or too large ones together");
        return NULL;
    }
    if (regex_new(pattern, &regex, &err) < 0) {
        r->no_memory |= err.code == -ENOMEM;
        resolver_error(r, "%s", err.message);
        return NULL;
    }
    if (smap_put(&r->cache->regexes, pattern, regex) < 0) {
        regex_free(regex);
        r->no_memory = true;
        return NULL;
    }
    r->cache->instructions += regex_size(regex);
    return regex;
}

bool resolve_regexes(struct resolver *r, struct check *check)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        n += check->constants[i].n;
    }
    check->regexes = ARENA_ARRAY(r->arena, struct regex *, n);
    if (!check->regexes) {
        r->no_memory = true;
        return false;
    }
    if (!r->cache) {
        resolver_error(r, "filter error: regexes need a cache to own them");
        return false;
    }
    bool ok = true;
    uint32_t at = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; j < check->constants[i].n; j++) {
            struct str pattern = check->constants[i].strs[j];
            warn_about_regex(r, pattern);
            check->regexes[at] = resolve_regex(r, pattern);
            ok &= check->regexes[at++] != NULL;
        }
    }
    return ok;
}
