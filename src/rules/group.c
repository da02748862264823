/*
 * group: atoms on one site that one search decides together.
 *
 * Constants become texts of a set: the items of a list as they are, numbers and addresses by their
 * bytes, networks as prefixes of addresses, globs and regexes by the literal text they begin with or hold. Such
 * a text, and a glob's, is only necessary: its row holds the atom as a "maybe" and the atom is then
 * checked directly. A list used by many atoms is added once, with a row that holds them all.
 */
#include "rules/matcher_internal.h"

#include "base/cleanup.h"
#include "rules/glob.h"
#include "rules/regex.h"

#include <errno.h>
#include <stdlib.h>

#define PATH_ITEM_MAX    4000 /* longer pmatch items are not grouped */
#define PATH_VALUE_MAX   4096 /* bytes of a value that can matter to them */
#define REGEX_GROUP_FROM 4
#define ADDRESS_KEY_MAX  17

/* One list of texts and all the members it makes true. */
struct run {
    uint64_t key;
    uint32_t group;
    const struct str *texts;
    uint32_t n;
    uint32_t *members;
    uint32_t nmembers;
    uint32_t capacity;
};

struct builder {
    struct matcher *m;
    struct map index; /* key to run's number + 1 */
    struct run *runs;
    size_t nruns, capacity;
};

/* What a run of constants becomes. */
struct derived {
    struct str *certain, *maybe;
    uint32_t ncertain, nmaybe;
};

static enum textset_kind set_kind(enum group_kind kind)
{
    switch (kind) {
    case GROUP_ADDRESS:
    case GROUP_PREFIX:
        return TEXTSET_PREFIX;
    case GROUP_SUFFIX:
        return TEXTSET_SUFFIX;
    case GROUP_PATH:
        return TEXTSET_PATH;
    case GROUP_CONTAINS:
        return TEXTSET_CONTAINS;
    case GROUP_ICONTAINS:
        return TEXTSET_ICONTAINS;
    default:
        return TEXTSET_EXACT;
    }
}

static struct str literal_prefix(enum ast_op op, struct str pattern)
{
    const char *stops = op == OP_REGEX ? "\\^$.[|()?*+{" : "\\*?[";
    size_t n = 0;
    while (n < pattern.n && !strchr(stops, pattern.p[n]) && (unsigned char)pattern.p[n] < 0x80 &&
           pattern.p[n]) {
        n++;
    }
    if (op == OP_REGEX && n < pattern.n && n && strchr("?*{", pattern.p[n])) {
        n--;
    }
    if (op == OP_REGEX && str_find_char(pattern, '|') >= 0) {
        n = 0;
    }
    return str_first(pattern, n);
}

/* Where the bracket that opens at `at` closes; inside, a leading "]" and those of "[:class:]" do not. */
static size_t bracket_end(struct str pattern, size_t at)
{
    at++;
    at += at < pattern.n && pattern.p[at] == '^';
    at += at < pattern.n && pattern.p[at] == ']';
    while (at < pattern.n && pattern.p[at] != ']') {
        struct str rest = str_from_offset(pattern, at);
        ptrdiff_t end = str_starts(rest, STR("[:")) ? str_find(rest, STR(":]")) : -1;
        at += end > 0 ? (size_t)end + 2 : 1;
    }
    return at;
}

/*
 * The longest text that whatever the regex matches must hold: a run of plain characters outside of
 * groups and brackets, without the one a quantifier makes optional. Empty where it has alternatives.
 */
static struct str literal_inside(enum ast_op op, struct str pattern)
{
    struct str best = { 0 };
    size_t start = 0;
    (void)op;
    if (str_find_char(pattern, '|') >= 0 || str_find_char(pattern, '\\') >= 0) {
        return best;
    }
    for (size_t i = 0, depth = 0; i <= pattern.n; i++) {
        char c = i < pattern.n ? pattern.p[i] : '^';
        bool plain = !strchr("^$.[|()?*+{", c) && (unsigned char)c < 0x80 && !depth;
        if (plain) {
            continue;
        }
        size_t end = i > start && strchr("?*{", c) ? i - 1 : i;
        if (!depth && end > start && end - start > best.n) {
            best = str_from(pattern.p + start, end - start);
        }
        if (c == '[') {
            i = bracket_end(pattern, i);
        } else if (c == '{') {
            for (; i < pattern.n && pattern.p[i] != '}'; i++) {
            }
        } else {
            depth += c == '(';
            depth -= c == ')' && depth;
        }
        start = i + 1;
    }
    return best;
}

static struct str literal_suffix(struct str glob)
{
    size_t n = 0;
    while (n < glob.n && !strchr("\\*?[]", glob.p[glob.n - n - 1])) {
        n++;
    }
    return str_from_offset(glob, glob.n - n);
}

static bool all_have(const struct check *check, struct str (*part)(enum ast_op, struct str))
{
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; j < check->constants[i].n; j++) {
            if (part(check->op, check->constants[i].strs[j]).n == 0) {
                return false;
            }
        }
    }
    return true;
}

static struct str glob_suffix(enum ast_op op, struct str pattern)
{
    (void)op;
    return literal_suffix(pattern);
}

static bool paths_fit(const struct check *check)
{
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; j < check->constants[i].n; j++) {
            if (check->constants[i].strs[j].n > PATH_ITEM_MAX) {
                return false;
            }
        }
    }
    return true;
}

static enum group_kind kind_of_text(const struct check *check)
{
    switch (check->op) {
    case OP_EQ:
    case OP_IN:
    case OP_INTERSECTS:
        return GROUP_EXACT;
    case OP_STARTSWITH:
    case OP_BSTARTSWITH:
        return GROUP_PREFIX;
    case OP_ENDSWITH:
        return GROUP_SUFFIX;
    case OP_CONTAINS:
    case OP_BCONTAINS:
        return GROUP_CONTAINS;
    case OP_ICONTAINS:
        return GROUP_ICONTAINS;
    case OP_PMATCH:
        return paths_fit(check) ? GROUP_PATH : GROUP_KINDS;
    case OP_GLOB:
        if (all_have(check, literal_prefix)) {
            return GROUP_PREFIX;
        }
        return all_have(check, glob_suffix) ? GROUP_SUFFIX : GROUP_KINDS;
    case OP_REGEX:
        if (all_have(check, literal_prefix)) {
            return GROUP_PREFIX;
        }
        return all_have(check, literal_inside) ? GROUP_CONTAINS : GROUP_REGEX;
    default:
        return GROUP_KINDS;
    }
}

static bool all_of_types(const struct check *check, uint32_t types)
{
    for (uint32_t i = 0; i < check->nconstants; i++) {
        const struct constants *run = &check->constants[i];
        for (uint32_t j = 0; j < run->n; j++) {
            if (run->strs || !(types >> run->values[j].type & 1)) {
                return false;
            }
        }
    }
    return true;
}

/* GROUP_KINDS: the atom is evaluated by itself. */
static enum group_kind kind_of(const struct check *check)
{
    const struct expr *left = check->left;
    bool is_equality = check->op == OP_EQ || check->op == OP_IN || check->op == OP_INTERSECTS;
    bool quirky = left->kind == EXPR_FIELD &&
                  (left->field.id == FIELD_FD_NET || left->field.id == FIELD_EVT_RAWARG ||
                   left->field.id == FIELD_EVT_TYPE);
    if (check->right || quirky || atom_is_trivial(check) ||
        (left->kind == EXPR_TRANSFORM && left->is_list)) {
        return GROUP_KINDS;
    }
    if (left->type == TYPE_CHARBUF || left->type == TYPE_BYTEBUF) {
        for (uint32_t i = 0; i < check->nconstants; i++) {
            if (!check->constants[i].strs && check->constants[i].n) {
                return GROUP_KINDS;
            }
        }
        return kind_of_text(check);
    }
    if (!is_equality || left->type == TYPE_BOOL || left->type == TYPE_DOUBLE) {
        return GROUP_KINDS;
    }
    if (left->type == TYPE_IPADDR || left->type == TYPE_IPNET) {
        bool all = all_of_types(check, 1U << TYPE_IPADDR | 1U << TYPE_IPNET);
        return all ? GROUP_ADDRESS : GROUP_KINDS;
    }
    return all_of_types(check, 1U << left->type) ? GROUP_NUMBER : GROUP_KINDS;
}

static uint32_t address_key(const struct ip *ip, uint8_t *ret)
{
    uint32_t n = ip->family == 4 ? 4 : 16;
    ret[0] = ip->family;
    memcpy(ret + 1, ip->bytes, n);
    return n + 1;
}

static int derive_address(struct arena *arena, const struct value *value, struct derived *ret)
{
    const struct ip *ip = value->type == TYPE_IPNET ? &value->net.ip : &value->ip;
    char *key = arena_bytes(arena, ADDRESS_KEY_MAX);
    if (!key) {
        return -ENOMEM;
    }
    uint32_t n = address_key(ip, (uint8_t *)key);
    if (value->type == TYPE_IPNET) {
        n = 1 + value->net.prefix_bits / 8;
    }
    if (value->type == TYPE_IPNET && value->net.prefix_bits % 8) {
        ret->maybe[ret->nmaybe++] = str_from(key, n);
    } else {
        ret->certain[ret->ncertain++] = str_from(key, n);
    }
    return 0;
}

/* The components joined by single slashes, up to the first that is a glob (then *ret_all is false). */
static int derive_path(struct arena *arena, struct str item, struct str *ret, bool *ret_all)
{
    char *copy = arena_bytes(arena, item.n + 1);
    size_t n = 0;
    if (!copy) {
        return -ENOMEM;
    }
    *ret_all = true;
    while (item.n && *ret_all) {
        ptrdiff_t slash = str_find_char(item, '/');
        struct str component = slash < 0 ? item : str_first(item, (size_t)slash);
        item = slash < 0 ? str_from_offset(item, item.n) : str_from_offset(item, (size_t)slash + 1);
        if (component.n == 0 || !component.p) {
            continue;
        }
        *ret_all = !glob_has_wildcard(component) && str_find_char(component, '\\') < 0;
        if (*ret_all) {
            copy[n] = '/';
            n += n != 0;
            memcpy(copy + n, component.p, component.n);
            n += component.n;
        }
    }
    *ret = str_from(copy, n);
    return 0;
}

static bool path_is_plain(struct str item)
{
    return !glob_has_wildcard(item) && str_find_char(item, '\\') < 0 &&
           str_find(item, STR("//")) < 0;
}

static struct str strip_slashes(struct str s)
{
    while (s.n && s.p[0] == '/') {
        s = str_from_offset(s, 1);
    }
    while (s.n && s.p[s.n - 1] == '/') {
        s.n--;
    }
    return s;
}

static int derive_text(struct arena *arena, const struct check *check, enum group_kind kind,
                       struct str item, struct derived *ret)
{
    bool all = true;
    struct str text = item;
    if (check->op == OP_GLOB || check->op == OP_REGEX) {
        text = kind == GROUP_PREFIX     ? literal_prefix(check->op, item)
               : kind == GROUP_CONTAINS ? literal_inside(check->op, item)
                                        : literal_suffix(item);
        all = false;
    } else if (check->op == OP_PMATCH && path_is_plain(item)) {
        text = strip_slashes(item);
    } else if (check->op == OP_PMATCH) {
        int r = derive_path(arena, item, &text, &all);
        if (r < 0) {
            return r;
        }
    }
    if (all) {
        ret->certain[ret->ncertain++] = text;
    } else {
        ret->maybe[ret->nmaybe++] = text;
    }
    return 0;
}

static bool is_as_it_is(const struct check *check, enum group_kind kind)
{
    return kind == GROUP_EXACT || kind == GROUP_ICONTAINS ||
           ((kind == GROUP_PREFIX || kind == GROUP_SUFFIX || kind == GROUP_CONTAINS) &&
            check->op != OP_GLOB && check->op != OP_REGEX);
}

static bool is_maybe(const struct check *check, enum group_kind kind, const struct constants *run,
                     uint32_t i)
{
    if (kind == GROUP_ADDRESS) {
        return run->values[i].type == TYPE_IPNET && run->values[i].net.prefix_bits % 8;
    }
    return kind != GROUP_NUMBER && (check->op != OP_PMATCH || glob_has_wildcard(run->strs[i]) ||
                                    str_find_char(run->strs[i], '\\') >= 0);
}

static uint32_t count_maybes(const struct check *check, enum group_kind kind,
                             const struct constants *run)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < run->n; i++) {
        n += is_maybe(check, kind, run, i);
    }
    return n;
}

static int derive(struct arena *arena, const struct check *check, enum group_kind kind,
                  const struct constants *run, struct derived *ret)
{
    *ret = (struct derived){ 0 };
    if (run->strs && is_as_it_is(check, kind)) {
        ret->certain = (struct str *)run->strs;
        ret->ncertain = run->n;
        return 0;
    }
    uint32_t maybes = count_maybes(check, kind, run);
    ret->certain = ARENA_ARRAY(arena, struct str, run->n - maybes);
    ret->maybe = ARENA_ARRAY(arena, struct str, maybes);
    if (!ret->certain || !ret->maybe) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < run->n; i++) {
        int r = 0;
        if (kind == GROUP_NUMBER) {
            ret->certain[ret->ncertain++] = str_from(&run->values[i].u, sizeof(uint64_t));
        } else if (kind == GROUP_ADDRESS) {
            r = derive_address(arena, &run->values[i], ret);
        } else if (run->strs) {
            r = derive_text(arena, check, kind, run->strs[i], ret);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int member_add(struct run *run, uint32_t member)
{
    if (run->nmembers == run->capacity) {
        uint32_t capacity = run->capacity * 2 + 2;
        uint32_t *p = mem_resize(run->members, capacity, sizeof(*p));
        if (!p) {
            return -ENOMEM;
        }
        run->members = p;
        run->capacity = capacity;
    }
    run->members[run->nmembers++] = member;
    return 0;
}

static struct run *run_find(const struct builder *b, uint64_t key)
{
    uintptr_t at = (uintptr_t)map_get(&b->index, key);
    return at ? &b->runs[at - 1] : NULL;
}

static int run_new(struct builder *b, uint64_t key, const struct run *run)
{
    if (b->nruns == b->capacity) {
        size_t capacity = b->capacity * 2 + 64;
        struct run *p = mem_resize(b->runs, capacity, sizeof(*p));
        if (!p) {
            return -ENOMEM;
        }
        b->runs = p;
        b->capacity = capacity;
    }
    b->runs[b->nruns++] = *run;
    return map_put(&b->index, key, (void *)(uintptr_t)b->nruns);
}

/* Keys are 64-bit hashes of a group, an operator and a list's identity. */
static uint64_t run_key(uint32_t group, const struct check *check, const void *identity, bool maybe)
{
    uint64_t key = hash_u64((uint64_t)group << 16 | (uint64_t)check->op << 8 |
                            (uint64_t)(check->modifier != MODIFIER_NONE) << 1 | maybe);
    return hash_u64(key ^ (uintptr_t)identity);
}

static int run_join(struct builder *b, uint64_t key, const struct run *new_run, uint32_t member)
{
    if (new_run->n == 0) {
        return 0;
    }
    int r = run_find(b, key) ? 0 : run_new(b, key, new_run);
    return r < 0 ? r : member_add(run_find(b, key), member);
}

static int add_constants(struct builder *b, uint32_t group, enum group_kind kind, uint32_t id,
                         const struct constants *constants)
{
    const struct check *check = b->m->atoms[id].check;
    bool inexact = check->modifier == MODIFIER_ONEOF || check->modifier == MODIFIER_ALLOF;
    const void *identity = constants->identity ? constants->identity
                           : constants->strs   ? (const void *)constants->strs
                                               : (const void *)constants->values;
    uint64_t certain_key = run_key(group, check, identity, false);
    uint64_t maybe_key = run_key(group, check, identity, true);
    uint32_t member = id << 1 | inexact;
    struct run *certain = run_find(b, certain_key);
    struct run *maybe = run_find(b, maybe_key);
    if (!certain && !maybe) {
        struct derived derived;
        int r = derive(&b->m->arena, check, kind, constants, &derived);
        struct run new_run = { .group = group, .texts = derived.certain, .n = derived.ncertain };
        r = r < 0 ? r : run_join(b, certain_key, &new_run, member);
        new_run = (struct run){ .group = group, .texts = derived.maybe, .n = derived.nmaybe };
        return r < 0 ? r : run_join(b, maybe_key, &new_run, id << 1 | 1);
    }
    int r = certain ? member_add(certain, member) : 0;
    return r < 0 || !maybe ? r : member_add(maybe, id << 1 | 1);
}

static uint32_t group_search_cost(enum group_kind kind)
{
    switch (kind) {
    case GROUP_CONTAINS:
    case GROUP_ICONTAINS:
        return 50;
    case GROUP_REGEX:
        return 200;
    case GROUP_PREFIX:
    case GROUP_SUFFIX:
    case GROUP_PATH:
        return 15;
    default:
        return 8;
    }
}

/* m->groups has room for one group a kind and site. */
static uint32_t group_of(struct matcher *m, uint32_t site, enum group_kind kind)
{
    uint32_t *at = &m->sites[site].groups[kind];
    if (*at == NONE) {
        *at = m->ngroups++;
        m->groups[*at] = (struct atom_group){
            .kind = kind, .site = site, .cost = m->sites[site].cost + group_search_cost(kind)
        };
    }
    return *at;
}

static int add_atom(struct builder *b, uint32_t id)
{
    struct atom *atom = &b->m->atoms[id];
    enum group_kind kind = atom->check ? kind_of(atom->check) : GROUP_KINDS;
    if (kind == GROUP_KINDS) {
        return 0;
    }
    uint32_t group = group_of(b->m, atom->site, kind);
    atom->group = group;
    b->m->groups[group].natoms++;
    for (uint32_t i = 0; i < atom->check->nconstants; i++) {
        int r = add_constants(b, group, kind, id, &atom->check->constants[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int order_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int run_row(struct matcher *m, const struct run *run, uint32_t *ret)
{
    uint32_t n = 0;
    qsort(run->members, run->nmembers, sizeof(*run->members), order_u32);
    for (uint32_t i = 0; i < run->nmembers; i++) {
        if (n == 0 || run->members[n - 1] != run->members[i]) {
            run->members[n++] = run->members[i];
        }
    }
    return rows_intern(&m->rows, run->members, n, ret);
}

static int fill_sets(struct builder *b)
{
    struct matcher *m = b->m;
    CLEANUP(cleanup_free) size_t *items = mem_zalloc((m->ngroups + 1) * sizeof(*items));
    if (!items) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < b->nruns; i++) {
        items[b->runs[i].group] += b->runs[i].n;
    }
    for (uint32_t i = 0; i < m->ngroups; i++) {
        int r = m->groups[i].kind == GROUP_REGEX
                    ? 0
                    : textset_new(set_kind(m->groups[i].kind), items[i], &m->groups[i].set);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < b->nruns; i++) {
        const struct run *run = &b->runs[i];
        uint32_t row;
        int r = run_row(m, run, &row);
        if (r == 0 && m->groups[run->group].set) {
            r = textset_add(m->groups[run->group].set, run->texts, run->n, row);
        }
        if (r < 0) {
            return r;
        }
    }
    for (uint32_t i = 0; i < m->ngroups; i++) {
        int r = m->groups[i].set ? textset_finish(m->groups[i].set, &m->rows) : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Patterns that do not fit together are matched one by one. */
static void ungroup(struct matcher *m, uint32_t group)
{
    for (uint32_t i = 0; i < m->natoms; i++) {
        if (m->atoms[i].group == group) {
            m->atoms[i].group = NONE;
        }
    }
}

static int fill_regexes(struct builder *b, uint32_t id)
{
    struct matcher *m = b->m;
    struct atom_group *group = &m->groups[id];
    uint32_t n = 0;
    for (size_t i = 0; i < b->nruns; i++) {
        n += b->runs[i].group == id ? b->runs[i].n : 0;
    }
    if (n < REGEX_GROUP_FROM) {
        ungroup(m, id);
        return 0;
    }
    struct str *patterns = ARENA_ARRAY(&m->arena, struct str, n);
    group->regex_rows = ARENA_ARRAY(&m->arena, uint32_t, n);
    group->regex_found = ARENA_ARRAY(&m->arena, bool, n);
    if (!patterns || !group->regex_rows || !group->regex_found) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < b->nruns; i++) {
        for (uint32_t j = 0; b->runs[i].group == id && j < b->runs[i].n; j++) {
            int r = run_row(m, &b->runs[i], &group->regex_rows[group->nregexes]);
            if (r < 0) {
                return r;
            }
            patterns[group->nregexes++] = b->runs[i].texts[j];
        }
    }
    int r = regex_set_new(patterns, n, &group->regexes, NULL);
    if (r == -ENOMEM) {
        return r;
    }
    if (r < 0) {
        ungroup(m, id);
    }
    return 0;
}

static void builder_done(struct builder *b)
{
    for (size_t i = 0; i < b->nruns; i++) {
        free(b->runs[i].members);
    }
    free(b->runs);
    map_done(&b->index);
}

/* One search for many comparisons is cheaper than each by itself. */
static void search_before_comparing(struct matcher *m)
{
    for (uint32_t i = 0; i < m->natoms; i++) {
        struct atom *atom = &m->atoms[i];
        if (atom->group != NONE && m->groups[atom->group].natoms > GROUP_FAST_MAX) {
            atom->fast = FAST_NONE;
        }
    }
}

int groups_build(struct matcher *m)
{
    CLEANUP(builder_done) struct builder b = { .m = m };
    size_t most = (size_t)m->nsites * GROUP_KINDS;
    most = most < m->natoms ? most : m->natoms;
    m->groups = ARENA_ARRAY(&m->arena, struct atom_group, most + 1);
    int r = m->groups ? 0 : -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < m->natoms; i++) {
        r = add_atom(&b, i);
    }
    for (size_t i = 0; i < b.nruns; i++) {
        for (uint32_t j = 0; j < b.runs[i].nmembers; j++) {
            m->groups[b.runs[i].group].has_maybes |= b.runs[i].members[j] & 1;
        }
    }
    r = r < 0 ? r : fill_sets(&b);
    for (uint32_t i = 0; r == 0 && i < m->ngroups; i++) {
        r = m->groups[i].kind == GROUP_REGEX ? fill_regexes(&b, i) : 0;
    }
    search_before_comparing(m);
    return r;
}

void group_free(struct atom_group *group)
{
    textset_free(group->set);
    if (group->regexes) {
        regex_set_free(group->regexes);
    }
}

size_t group_bytes(const struct atom_group *group)
{
    return group->set ? textset_bytes(group->set) : 0;
}

static void search_regexes(struct atom_group *group, struct str value)
{
    memset(group->regex_found, 0, group->nregexes * sizeof(*group->regex_found));
    if (!group->regexes || regex_set_match(group->regexes, value, group->regex_found) < 0) {
        group->hits.overflow = true;
        return;
    }
    for (uint32_t i = 0; i < group->nregexes && !group->hits.overflow; i++) {
        if (group->regex_found[i] && group->hits.n < TEXTSET_HITS_MAX) {
            group->hits.rows[group->hits.n++] = group->regex_rows[i];
        } else if (group->regex_found[i]) {
            group->hits.overflow = true;
        }
    }
}

/* Without doubled slashes; of longer paths only the part that an item can match. */
static void search_path(struct atom_group *group, struct str value)
{
    while (value.n && value.p && value.p[0] == '/') {
        value = str_from_offset(value, 1);
    }
    if (!value.p || str_find(value, STR("//")) < 0) {
        textset_find(group->set, value, &group->hits);
        return;
    }
    char copy[PATH_VALUE_MAX];
    size_t n = 0;
    bool after_slash = false;
    for (size_t i = 0; i < value.n && n < sizeof(copy); i++) {
        bool slash = value.p[i] == '/';
        if (!slash || !after_slash) {
            copy[n++] = value.p[i];
        }
        after_slash = slash;
    }
    textset_find(group->set, str_from(copy, n), &group->hits);
}

static void search_value(struct atom_group *group, const struct value *value)
{
    uint8_t key[ADDRESS_KEY_MAX];
    switch (group->kind) {
    case GROUP_NUMBER:
        textset_find(group->set, str_from(&value->u, sizeof(value->u)), &group->hits);
        break;
    case GROUP_ADDRESS:
        if (value->type == TYPE_IPADDR || value->type == TYPE_IPNET) {
            uint32_t n = address_key(&value->ip, key);
            textset_find(group->set, str_from(key, n), &group->hits);
        }
        break;
    case GROUP_REGEX:
        search_regexes(group, value->s);
        break;
    case GROUP_PATH:
        search_path(group, value->s);
        break;
    default:
        textset_find(group->set, value->s, &group->hits);
        break;
    }
}

void group_search(struct matcher *m, struct atom_group *group)
{
    const struct extracted *value = site_value(m, group->site);
    struct site *site = &m->sites[group->site];
    struct memo_entry *entry = site->memo ? site_entry(m, site) : NULL;
    group->hits.n = 0;
    group->hits.overflow = false;
    if (entry && memo_recall(entry, group->kind, &group->hits)) {
        return;
    }
    for (uint32_t i = 0; i < value->n; i++) {
        search_value(group, &value->v[i]);
    }
    if (entry) {
        memo_keep(entry, group->kind, &group->hits);
    }
}
