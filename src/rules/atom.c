/*
 * atom: one site for each distinct expression, one atom for each distinct check, found by hashing.
 *
 * An atom's value is kept for one event by a stamp that holds the event's epoch, so nothing is ever
 * cleared. Estimates of cost and chance are rough on purpose: they choose covers and the order of
 * tests, never the result.
 */
#include "base/cleanup.h"
#include "rules/matcher_internal.h"

#include <errno.h>
#include <stdlib.h>

#define CHANCE_MAX 0.85F
#define CONTENT_COMPARED                                                                           \
    4096 /* items; longer runs that are not the same memory count as different */

struct atoms_builder {
    struct matcher *m;
    struct map sites, atoms; /* hash to the newest of that hash, + 1 */
    uint32_t *site_next, *atom_next;
    size_t site_capacity, atom_capacity;
};

int atoms_builder_new(struct matcher *m, struct atoms_builder **ret)
{
    struct atoms_builder *builder = mem_zalloc(sizeof(*builder));
    if (!builder) {
        return -ENOMEM;
    }
    builder->m = m;
    *ret = builder;
    return 0;
}

void atoms_builder_free(struct atoms_builder *builder)
{
    if (!builder) {
        return;
    }
    map_done(&builder->sites);
    map_done(&builder->atoms);
    free(builder->site_next);
    free(builder->atom_next);
    free(builder);
}

static bool value_same(const struct value *a, const struct value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case TYPE_CHARBUF:
    case TYPE_BYTEBUF:
        return str_eq(a->s, b->s);
    case TYPE_IPADDR:
        return a->ip.family == b->ip.family && memcmp(a->ip.bytes, b->ip.bytes, 16) == 0;
    case TYPE_IPNET:
        return a->net.ip.family == b->net.ip.family &&
               memcmp(a->net.ip.bytes, b->net.ip.bytes, 16) == 0 &&
               a->net.prefix_bits == b->net.prefix_bits;
    case TYPE_BOOL:
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
    case TYPE_UINT32:
    case TYPE_UINT64:
    case TYPE_RELTIME:
    case TYPE_ABSTIME:
    case TYPE_PORT:
    case TYPE_DOUBLE:
    case TYPE_DYN:
    case TYPE_COUNT:
    default:
        return a->u == b->u;
    }
}

static uint64_t mix(uint64_t hash, uint64_t v)
{
    return hash_u64(hash * UINT64_C(0x9e3779b97f4a7c15) + v);
}

static uint64_t value_hash(const struct value *v)
{
    bool text = v->type == TYPE_CHARBUF || v->type == TYPE_BYTEBUF;
    bool address = v->type == TYPE_IPADDR || v->type == TYPE_IPNET;
    if (text) {
        return str_hash(v->s);
    }
    return address ? str_hash(str_from(v->ip.bytes, 16)) : hash_u64(v->u);
}

static uint64_t expr_hash(const struct expr *expr)
{
    uint64_t hash = mix((uint64_t)expr->kind, (uint64_t)expr->type);
    if (expr->kind == EXPR_FIELD) {
        hash = mix(hash, (uint64_t)expr->field.id);
        hash = mix(hash, expr->field.has_arg ? (uint32_t)expr->field.index : UINT64_MAX);
        return mix(hash, str_hash(expr->field.key));
    }
    if (expr->kind == EXPR_LITERAL) {
        return mix(hash, value_hash(&expr->literal));
    }
    hash = mix(hash, (uint64_t)expr->transformer);
    for (uint32_t i = 0; i < expr->nargs; i++) {
        hash = mix(hash, expr_hash(expr->args[i]));
    }
    return mix(hash, str_hash(expr->getopt_arg));
}

static bool field_same(const struct field_ref *a, const struct field_ref *b)
{
    return a->id == b->id && a->type == b->type && a->has_arg == b->has_arg &&
           a->index == b->index && str_eq(a->key, b->key);
}

static bool expr_same(const struct expr *a, const struct expr *b)
{
    if (a == b) {
        return true;
    }
    if (a->kind != b->kind || a->type != b->type || a->is_list != b->is_list) {
        return false;
    }
    if (a->kind == EXPR_FIELD) {
        return field_same(&a->field, &b->field);
    }
    if (a->kind == EXPR_LITERAL) {
        return value_same(&a->literal, &b->literal);
    }
    if (a->transformer != b->transformer || a->nargs != b->nargs ||
        !str_eq(a->getopt_arg, b->getopt_arg)) {
        return false;
    }
    for (uint32_t i = 0; i < a->nargs; i++) {
        if (!expr_same(a->args[i], b->args[i])) {
            return false;
        }
    }
    return true;
}

uint32_t expr_volatilities(const struct expr *expr)
{
    uint32_t set = 0;
    if (expr->kind == EXPR_FIELD) {
        return 1U << field_table[expr->field.id].volatility;
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        set |= expr_volatilities(expr->args[i]);
    }
    return set;
}

/* Nanoseconds or so of drawing the value. */
static uint32_t expr_cost(const struct expr *expr)
{
    if (expr->kind == EXPR_LITERAL) {
        return 1;
    }
    if (expr->kind == EXPR_FIELD) {
        const struct field_desc *field = &field_table[expr->field.id];
        if (field->flags & FIELD_LIST || field->volatility == VOLATILE_LINEAGE) {
            return 25;
        }
        if (expr->field.id == FIELD_EVT_ARGS || expr->field.id == FIELD_EVT_INFO) {
            return 80;
        }
        if (expr->field.id == FIELD_EVT_ARG || expr->field.id == FIELD_EVT_RES) {
            return 20;
        }
        return field->type == TYPE_CHARBUF ? 8 : 4;
    }
    uint32_t cost = 20;
    for (uint32_t i = 0; i < expr->nargs; i++) {
        cost += expr_cost(expr->args[i]);
    }
    return cost;
}

static int grow(void **p, size_t *capacity, size_t n, size_t size)
{
    if (n < *capacity) {
        return 0;
    }
    size_t bigger = *capacity * 2 + 64;
    void *q = mem_resize(*p, bigger, size);
    if (!q || bigger >= NONE / 4) {
        *p = q ? q : *p;
        return q ? -E2BIG : -ENOMEM;
    }
    *p = q;
    *capacity = bigger;
    return 0;
}

/* Adds entry `id` to the chain of its hash. */
static int chain_put(struct map *map, uint64_t hash, uint32_t *next, uint32_t id)
{
    next[id] = (uint32_t)(uintptr_t)map_get(map, hash);
    return map_put(map, hash, (void *)(uintptr_t)(id + 1));
}

static int site_of(struct atoms_builder *b, const struct expr *expr, uint32_t *ret)
{
    uint64_t hash = expr_hash(expr);
    uint32_t at = (uint32_t)(uintptr_t)map_get(&b->sites, hash);
    for (; at; at = b->site_next[at - 1]) {
        if (expr_same(b->m->sites[at - 1].expr, expr)) {
            *ret = at - 1;
            return 0;
        }
    }
    uint32_t id = b->m->nsites;
    size_t capacity = b->site_capacity;
    int r = grow((void **)&b->m->sites, &capacity, id, sizeof(*b->m->sites));
    capacity = b->site_capacity;
    r = r < 0 ? r : grow((void **)&b->site_next, &capacity, id, sizeof(*b->site_next));
    if (r < 0) {
        return r;
    }
    b->site_capacity = capacity;
    b->m->sites[id] = (struct site){ .expr = expr,
                                     .volatilities = expr_volatilities(expr),
                                     .cost = expr_cost(expr) };
    for (unsigned i = 0; i < GROUP_KINDS; i++) {
        b->m->sites[id].groups[i] = NONE;
    }
    r = chain_put(&b->sites, hash, b->site_next, id);
    b->m->nsites += r == 0;
    *ret = id;
    return r;
}

static bool run_same(const struct constants *a, const struct constants *b)
{
    if (a->n != b->n || !a->strs != !b->strs) {
        return false;
    }
    if (a->identity && a->identity == b->identity) {
        return true;
    }
    if (a->n > CONTENT_COMPARED) {
        return false;
    }
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->strs ? !str_eq(a->strs[i], b->strs[i]) : !value_same(&a->values[i], &b->values[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t run_hash(const struct constants *run)
{
    uint64_t hash = hash_u64(run->n);
    if (run->n == 0) {
        return hash;
    }
    if (run->strs) {
        return mix(mix(hash, str_hash(run->strs[0])), str_hash(run->strs[run->n - 1]));
    }
    return mix(mix(hash, value_hash(&run->values[0])), value_hash(&run->values[run->n - 1]));
}

static bool check_same(const struct check *a, const struct check *b)
{
    if (a->op != b->op || a->modifier != b->modifier || a->nconstants != b->nconstants) {
        return false;
    }
    for (uint32_t i = 0; i < a->nconstants; i++) {
        if (!run_same(&a->constants[i], &b->constants[i])) {
            return false;
        }
    }
    return true;
}

static int atom_add(struct atoms_builder *b, uint64_t hash, const struct atom *atom, uint32_t *ret)
{
    uint32_t id = b->m->natoms;
    size_t capacity = b->atom_capacity;
    int r = grow((void **)&b->m->atoms, &capacity, id, sizeof(*b->m->atoms));
    capacity = b->atom_capacity;
    r = r < 0 ? r : grow((void **)&b->atom_next, &capacity, id, sizeof(*b->atom_next));
    if (r < 0) {
        return r;
    }
    b->atom_capacity = capacity;
    b->m->atoms[id] = *atom;
    r = chain_put(&b->atoms, hash, b->atom_next, id);
    b->m->natoms += r == 0;
    *ret = id;
    return r;
}

static bool is_any_of(const struct check *check, struct str text)
{
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t k = 0; k < check->constants[i].n; k++) {
            if (str_eq(check->constants[i].strs[k], text)) {
                return true;
            }
        }
    }
    return false;
}

/* Which event names make the check true; for checks on evt.type only. */
static struct nameset *names_of_check(struct arena *arena, const struct check *check)
{
    struct nameset *set = ARENA_NEW(arena, struct nameset);
    bool equality = (check->op == OP_EQ || check->op == OP_IN) && check->modifier == MODIFIER_NONE;
    for (uint16_t name = 0; set && name < NAME_MAX_ID; name++) {
        const char *text = name_text(name);
        struct extracted value = { .n = text ? 1 : 0 };
        value.one = (struct value){ .type = TYPE_CHARBUF, .s = str_of(text) };
        value.v = &value.one;
        if (text && (equality ? is_any_of(check, value.one.s) : check_holds(check, &value, NULL))) {
            set->bits[name / 64] |= UINT64_C(1) << (name % 64);
        }
    }
    return set;
}

static bool is_about_event_name(const struct check *check)
{
    return check->left->kind == EXPR_FIELD && check->left->field.id == FIELD_EVT_TYPE &&
           !check->right;
}

static bool expr_never_mutes(const struct expr *expr)
{
    if (expr->kind == EXPR_FIELD) {
        switch (expr->field.id) {
        case FIELD_EVT_NUM:
        case FIELD_EVT_COUNT:
        case FIELD_EVT_DELTATIME:
        case FIELD_EVT_DELTATIME_S:
        case FIELD_EVT_DELTATIME_NS:
            return true;
        default:
            return false;
        }
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        if (expr_never_mutes(expr->args[i])) {
            return true;
        }
    }
    return false;
}

static enum fast fast_of(const struct check *check)
{
    const struct expr *left = check->left;
    if (check->right || check->modifier != MODIFIER_NONE || left->is_list ||
        left->kind != EXPR_FIELD || check->nconstants != 1 || check->constants[0].n != 1) {
        return FAST_NONE;
    }
    const struct constants *constant = &check->constants[0];
    if (constant->strs) {
        return check->op == OP_EQ || check->op == OP_IN ? FAST_TEXT_EQ
               : check->op == OP_NE                     ? FAST_TEXT_NE
                                                        : FAST_NONE;
    }
    bool compares = (check->op >= OP_EQ && check->op <= OP_GE) || check->op == OP_IN;
    if (!compares || constant->values[0].type != left->type) {
        return FAST_NONE;
    }
    return type_is_signed(left->type)     ? FAST_SIGNED
           : type_is_unsigned(left->type) ? FAST_UNSIGNED
                                          : FAST_NONE;
}

static void make_fast(const struct check *check, struct atom *atom)
{
    atom->fast = (uint8_t)fast_of(check);
    if (atom->fast == FAST_TEXT_EQ || atom->fast == FAST_TEXT_NE) {
        atom->text = check->constants[0].strs[0];
    } else if (atom->fast != FAST_NONE) {
        atom->number = check->constants[0].values[0].u;
        atom->orders = (uint8_t)(order_holds(check->op, -1) | order_holds(check->op, 0) << 1 |
                                 order_holds(check->op, 1) << 2);
    }
}

static int atom_make(struct atoms_builder *b, const struct check *check, struct atom *atom)
{
    uint32_t volatilities = b->m->sites[atom->site].volatilities;
    if (atom->right != NONE) {
        volatilities |= b->m->sites[atom->right].volatilities;
    }
    atom->check = check;
    atom->group = NONE;
    atom->volatilities = (uint8_t)volatilities;
    bool never = expr_never_mutes(check->left) || (check->right && expr_never_mutes(check->right));
    atom->flags = never ? ATOM_NEVER_MUTES : 0;
    atom->flags |= check->left->is_list && check->op == OP_IN ? ATOM_ALL_VALUES : 0;
    if (is_about_event_name(check)) {
        atom->flags |= ATOM_EVENT_NAME;
        atom->names = names_of_check(&b->m->arena, check);
        if (!atom->names) {
            return -ENOMEM;
        }
    }
    make_fast(check, atom);
    atom_estimate(atom, check);
    atom->cost += b->m->sites[atom->site].cost;
    return 0;
}

int atom_of(struct atoms_builder *b, const struct check *check, uint32_t *ret)
{
    struct atom atom = { .right = NONE };
    int r = site_of(b, check->left, &atom.site);
    if (r == 0 && check->right) {
        r = site_of(b, check->right, &atom.right);
    }
    if (r < 0) {
        return r;
    }
    uint64_t hash = mix(mix(atom.site, atom.right), (uint64_t)check->op << 8 | check->modifier);
    for (uint32_t i = 0; i < check->nconstants; i++) {
        hash = mix(hash, run_hash(&check->constants[i]));
    }
    uint32_t at = (uint32_t)(uintptr_t)map_get(&b->atoms, hash);
    for (; at; at = b->atom_next[at - 1]) {
        const struct atom *old = &b->m->atoms[at - 1];
        if (old->check && old->site == atom.site && old->right == atom.right &&
            check_same(old->check, check)) {
            *ret = at - 1;
            return 0;
        }
    }
    r = atom_make(b, check, &atom);
    return r < 0 ? r : atom_add(b, hash, &atom, ret);
}

int atom_of_cond(struct atoms_builder *b, const struct cond *cond, uint32_t *ret)
{
    struct atom atom = { .cond = cond,
                         .site = NONE,
                         .right = NONE,
                         .group = NONE,
                         .cost = 1000,
                         .volatilities = KEPT_NONE,
                         .chance = 0.5F };
    return atom_add(b, hash_u64((uintptr_t)cond), &atom, ret);
}

static uint32_t op_cost(const struct check *check)
{
    switch (check->op) {
    case OP_CONTAINS:
    case OP_ICONTAINS:
    case OP_BCONTAINS:
    case OP_GLOB:
    case OP_IGLOB:
    case OP_PMATCH:
        return 20;
    case OP_REGEX:
        return 150;
    default:
        return 2;
    }
}

/* Fields with so few values that a test on one of them says little. */
static bool has_few_values(const struct expr *expr)
{
    if (expr->kind != EXPR_FIELD) {
        return false;
    }
    const struct field_desc *field = &field_table[expr->field.id];
    switch (expr->field.id) {
    case FIELD_EVT_DIR:
    case FIELD_EVT_CATEGORY:
    case FIELD_EVT_RES:
    case FIELD_EVT_IO_DIR:
    case FIELD_FD_TYPE:
    case FIELD_FD_TYPECHAR:
    case FIELD_FD_L4PROTO:
    case FIELD_FD_SOCKFAMILY:
    case FIELD_USER_NAME:
    case FIELD_USER_LOGINNAME:
    case FIELD_GROUP_NAME:
    case FIELD_EVT_SOURCE:
    case FIELD_EVT_VIA:
    case FIELD_EVT_OUTCOME:
        return true;
    default:
        return field->volatility == VOLATILE_CONTAINER || field->type == TYPE_BOOL;
    }
}

/* How often a text of this length is found in a value, roughly. */
static float chance_of_length(size_t n)
{
    return n <= 1 ? 0.3F : n <= 3 ? 0.08F : n <= 5 ? 0.03F : 0.01F;
}

static float chance_of_parts(const struct check *check)
{
    float chance = 0.01F;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; check->constants[i].strs && j < check->constants[i].n; j++) {
            chance += chance_of_length(check->constants[i].strs[j].n);
            if (chance > CHANCE_MAX) {
                return CHANCE_MAX;
            }
        }
    }
    return chance;
}

bool atom_is_trivial(const struct check *check)
{
    return has_few_values(check->left) && check->nconstants == 1 && check->constants[0].n <= 2;
}

/* What most events of most systems are like; 0: nothing is known. */
static float chance_of_habit(const struct check *check)
{
    bool one = check->left->kind == EXPR_FIELD && check->nconstants == 1 &&
               check->constants[0].n == 1 && check->constants[0].values;
    if (!one) {
        return 0.0F;
    }
    uint64_t constant = check->constants[0].values[0].u;
    switch (check->left->field.id) {
    case FIELD_EVT_IS_OPEN_READ:
        return check->op == OP_EQ && constant ? 0.8F : 0.0F;
    case FIELD_EVT_IS_OPEN_WRITE:
    case FIELD_EVT_IS_OPEN_CREATE:
        return check->op == OP_EQ && constant ? 0.12F : 0.0F;
    case FIELD_EVT_IS_OPEN_EXEC:
        return check->op == OP_EQ && constant ? 0.02F : 0.0F;
    case FIELD_FD_NUM:
    case FIELD_EVT_RAWRES:
        return check->op == OP_GE && constant == 0 ? 0.7F : 0.0F;
    default:
        return 0.0F;
    }
}

static float chance_of(const struct check *check)
{
    float habit = chance_of_habit(check);
    if (habit > 0.0F) {
        return habit;
    }
    size_t items = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        items += check->constants[i].n;
    }
    float many = 1.0F;
    for (; items > 1; items /= 4) {
        many += 0.5F;
    }
    switch (check->op) {
    case OP_EQ:
    case OP_IN:
    case OP_INTERSECTS:
        return (has_few_values(check->left) ? 0.4F : 0.01F) * many;
    case OP_STARTSWITH:
    case OP_ENDSWITH:
    case OP_PMATCH:
    case OP_CONTAINS:
    case OP_ICONTAINS:
        return chance_of_parts(check);
    case OP_EXISTS:
    case OP_NE:
        return 0.9F;
    case OP_REGEX:
    case OP_GLOB:
    case OP_IGLOB:
        return 0.05F;
    default:
        return 0.4F;
    }
}

void atom_estimate(struct atom *atom, const struct check *check)
{
    float chance = chance_of(check);
    atom->cost = op_cost(check);
    atom->chance = chance < CHANCE_MAX ? chance : CHANCE_MAX;
}

/* Does the group's search settle it? */
static bool group_decides(struct matcher *m, const struct atom *atom, uint32_t id, bool *ret)
{
    if (group_is_quiet(m, atom->group)) {
        *ret = false;
        return true;
    }
    const struct atom_group *group = group_run(m, atom->group);
    bool certain = false;
    bool possible = group->hits.overflow;
    for (uint32_t i = 0; i < group->hits.n && !certain; i++) {
        struct row row = rows_get(&m->rows, group->hits.rows[i]);
        certain = row_has(row, id << 1);
        possible = possible || (group->has_maybes && row_has(row, id << 1 | 1));
    }
    if (certain && atom->flags & ATOM_ALL_VALUES && m->sites[atom->site].value.n > 1) {
        return false;
    }
    *ret = certain;
    return certain || !possible;
}

static inline bool fast_value(const struct atom *atom, const struct value *value)
{
    switch ((enum fast)atom->fast) {
    case FAST_TEXT_EQ:
        return str_eq(value->s, atom->text);
    case FAST_TEXT_NE:
        return !str_eq(value->s, atom->text);
    case FAST_SIGNED: {
        int64_t number = (int64_t)atom->number;
        return atom->orders >> (1 + (value->i > number) - (value->i < number)) & 1;
    }
    case FAST_UNSIGNED:
    case FAST_NONE:
    default:
        return atom->orders >> (1 + (value->u > atom->number) - (value->u < atom->number)) & 1;
    }
}

bool atom_compute(struct matcher *m, uint32_t id)
{
    const struct atom *atom = &m->atoms[id];
    bool value = false;
    m->stats.atoms_evaluated++;
    if (atom->flags & ATOM_EVENT_NAME && nameset_has(&m->names_decide, m->view->event->name)) {
        return nameset_has(atom->names, m->view->event->name);
    }
    if (atom->fast != FAST_NONE) {
        const struct extracted *left = site_value(m, atom->site);
        if (left->n <= 1) {
            return left->n && (left->v->type == atom->check->left->type
                                   ? fast_value(atom, left->v)
                                   : check_holds(atom->check, left, NULL));
        }
    }
    if (atom->group != NONE && group_decides(m, atom, id, &value)) {
        return value;
    }
    if (!atom->check) {
        return cond_eval(atom->cond, m->view);
    }
    return check_holds(atom->check, site_value(m, atom->site),
                       atom->right == NONE ? NULL : site_value(m, atom->right));
}
