/*
 * tree: a condition as and/or nodes over literals, negations pushed down to the checks, nested nodes of
 * one kind joined, children ordered so that what is cheap and telling comes first. Compiled from the
 * last test to the first into steps that each name the next step for true and for false: running a
 * rule is a walk without recursion.
 *
 * Checks whose outcome is known without an event are folded away first, so that what they make
 * unreachable has no atoms, no cover and no say in residuals. A condition that is known as a whole is a
 * node without operands: an `and` is true, an `or` false.
 *
 * Depth is bounded by TREE_DEPTH_MAX; what lies deeper becomes one atom that cond_eval() decides.
 */
#include "rules/matcher_internal.h"

#include <errno.h>
#include <stdlib.h>

static int node_new(struct arena *arena, enum node_kind kind, struct node **ret)
{
    struct node *node = ARENA_NEW(arena, struct node);
    if (!node) {
        return -ENOMEM;
    }
    node->kind = kind;
    *ret = node;
    return 0;
}

/* A literal without its atom yet, or the constant that the check is. */
static int leaf(struct arena *arena, const struct cond *cond, bool negated, struct node **ret)
{
    enum check_truth truth = cond->kind == COND_CHECK ? check_truth_of(cond->check) : CHECK_DEPENDS;
    if (truth != CHECK_DEPENDS) {
        return node_new(arena, (truth == CHECK_ALWAYS) != negated ? NODE_AND : NODE_OR, ret);
    }
    int r = node_new(arena, NODE_LITERAL, ret);
    if (r == 0) {
        (*ret)->cond = cond;
        (*ret)->literal = (struct literal){ NONE, negated };
    }
    return r;
}

static enum node_kind kind_of(const struct cond *cond, bool negated)
{
    return (cond->kind == COND_AND) != negated ? NODE_AND : NODE_OR;
}

/* Skips negations. */
static const struct cond *inner(const struct cond *cond, bool *negated)
{
    while (cond->kind == COND_NOT) {
        *negated = !*negated;
        cond = cond->items[0];
    }
    return cond;
}

static int make(struct arena *arena, const struct cond *cond, bool negated, unsigned depth,
                struct node **ret);

static int append(struct arena *arena, struct node *into, struct node *item)
{
    if ((into->nitems & (into->nitems - 1)) == 0) {
        uint32_t capacity = into->nitems ? into->nitems * 2 : 1;
        struct node **items = ARENA_ARRAY(arena, struct node *, capacity);
        if (!items) {
            return -ENOMEM;
        }
        if (into->nitems) {
            memcpy(items, into->items, into->nitems * sizeof(*items));
        }
        into->items = items;
    }
    into->items[into->nitems++] = item;
    return 0;
}

/*
 * Appends the operands of `cond`, those of nested nodes of the same kind too. 1: one of them decides
 * all of it (a false one of an `and`).
 */
static int gather(struct arena *arena, const struct cond *cond, bool negated, unsigned depth,
                  struct node *into)
{
    int r = 0;
    for (uint32_t i = 0; i < cond->nitems && r == 0; i++) {
        bool item_negated = negated;
        const struct cond *item = inner(cond->items[i], &item_negated);
        bool joins = item->kind != COND_CHECK && kind_of(item, item_negated) == into->kind &&
                     depth < TREE_DEPTH_MAX;
        if (joins) {
            r = gather(arena, item, item_negated, depth + 1, into);
            continue;
        }
        struct node *node;
        r = make(arena, item, item_negated, depth + 1, &node);
        if (r == 0 && tree_truth(node) != TRUTH_UNKNOWN) {
            r = node->kind != into->kind;
        } else if (r == 0) {
            r = append(arena, into, node);
        }
    }
    return r;
}

static int make(struct arena *arena, const struct cond *cond, bool negated, unsigned depth,
                struct node **ret)
{
    struct node *node;
    cond = inner(cond, &negated);
    if (cond->kind == COND_CHECK || depth >= TREE_DEPTH_MAX) {
        return leaf(arena, cond, negated, ret);
    }
    int r = node_new(arena, kind_of(cond, negated), &node);
    r = r < 0 ? r : gather(arena, cond, negated, depth, node);
    if (r < 0) {
        return r;
    }
    if (r == 1) {
        node->kind = node->kind == NODE_AND ? NODE_OR : NODE_AND;
        node->nitems = 0;
    }
    *ret = node->nitems == 1 ? node->items[0] : node;
    return 0;
}

/* Gives the literals that are left their atoms. */
static int bind(struct atoms_builder *builder, struct node *node)
{
    if (node->kind == NODE_LITERAL) {
        return node->cond->kind == COND_CHECK
                   ? atom_of(builder, node->cond->check, &node->literal.atom)
                   : atom_of_cond(builder, node->cond, &node->literal.atom);
    }
    int r = 0;
    for (uint32_t i = 0; i < node->nitems && r == 0; i++) {
        r = bind(builder, node->items[i]);
    }
    return r;
}

int tree_build(struct atoms_builder *builder, struct arena *arena, const struct cond *cond,
               struct node **ret)
{
    struct node *node;
    int r = make(arena, cond, false, 0, &node);
    r = r < 0 ? r : bind(builder, node);
    if (r == 0) {
        *ret = node;
    }
    return r;
}

/* What a test costs for each unit of its chance to end the evaluation. */
static float and_rank(const struct node *node)
{
    return node->cost / (1.01F - node->chance);
}

static float or_rank(const struct node *node)
{
    return node->cost / (0.01F + node->chance);
}

static int order_and(const void *a, const void *b)
{
    float x = and_rank(*(struct node *const *)a);
    float y = and_rank(*(struct node *const *)b);
    return (x > y) - (x < y);
}

static int order_or(const void *a, const void *b)
{
    float x = or_rank(*(struct node *const *)a);
    float y = or_rank(*(struct node *const *)b);
    return (x > y) - (x < y);
}

void tree_order(const struct matcher *m, struct node *node)
{
    if (node->kind == NODE_LITERAL) {
        const struct atom *atom = &m->atoms[node->literal.atom];
        node->cost = (float)atom->cost;
        node->chance = node->literal.negated ? 1.0F - atom->chance : atom->chance;
        return;
    }
    bool is_and = node->kind == NODE_AND;
    float reached = 1.0F;
    node->cost = 0.0F;
    for (uint32_t i = 0; i < node->nitems; i++) {
        tree_order(m, node->items[i]);
    }
    if (node->nitems == 0) {
        node->chance = is_and ? 1.0F : 0.0F;
        return;
    }
    qsort(node->items, node->nitems, sizeof(struct node *), is_and ? order_and : order_or);
    for (uint32_t i = 0; i < node->nitems; i++) {
        node->cost += reached * node->items[i]->cost;
        reached *= is_and ? node->items[i]->chance : 1.0F - node->items[i]->chance;
    }
    node->chance = is_and ? reached : 1.0F - reached;
}

size_t tree_steps(const struct node *node)
{
    size_t n = node->kind == NODE_LITERAL;
    for (uint32_t i = 0; i < node->nitems; i++) {
        n += tree_steps(node->items[i]);
    }
    return n;
}

enum truth tree_fold(const struct matcher *m, struct node *node, uint32_t name, bool *ret_named)
{
    if (node->kind == NODE_LITERAL) {
        const struct atom *atom = &m->atoms[node->literal.atom];
        node->truth = TRUTH_UNKNOWN;
        if (atom->flags & ATOM_EVENT_NAME) {
            *ret_named = true;
            if (name != NONE) {
                bool is = nameset_has(atom->names, (uint16_t)name) != node->literal.negated;
                node->truth = is ? TRUTH_TRUE : TRUTH_FALSE;
            }
        }
        return node->truth;
    }
    enum truth ends = node->kind == NODE_AND ? TRUTH_FALSE : TRUTH_TRUE;
    enum truth truth = node->kind == NODE_AND ? TRUTH_TRUE : TRUTH_FALSE;
    for (uint32_t i = 0; i < node->nitems; i++) {
        enum truth item = tree_fold(m, node->items[i], name, ret_named);
        if (item == ends || truth == ends) {
            truth = ends;
        } else if (item == TRUTH_UNKNOWN) {
            truth = TRUTH_UNKNOWN;
        }
    }
    node->truth = truth;
    return truth;
}

uint32_t tree_compile(struct matcher *m, const struct node *node, uint32_t on_true,
                      uint32_t on_false)
{
    if (node->kind == NODE_LITERAL) {
        bool negated = node->literal.negated;
        m->steps[m->nsteps] = (struct step){ .atom = node->literal.atom,
                                             .on_true = negated ? on_false : on_true,
                                             .on_false = negated ? on_true : on_false };
        return (uint32_t)m->nsteps++;
    }
    uint32_t next = node->kind == NODE_AND ? on_true : on_false;
    for (uint32_t i = node->nitems; i-- > 0;) {
        bool is_last = i + 1 == node->nitems;
        uint32_t go_on = is_last ? (node->kind == NODE_AND ? on_true : on_false) : next;
        next = node->kind == NODE_AND ? tree_compile(m, node->items[i], go_on, on_false)
                                      : tree_compile(m, node->items[i], on_true, go_on);
    }
    return next;
}
