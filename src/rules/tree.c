/*
 * tree: a condition as and/or nodes over literals, negations pushed down to the checks, nested nodes of
 * one kind joined, children ordered so that what is cheap and telling comes first. Compiled from the
 * last test to the first into steps that each name the next step for true and for false: running a
 * rule is a walk without recursion.
 *
 * Depth is bounded by TREE_DEPTH_MAX; what lies deeper becomes one atom that cond_eval() decides.
 */
#include "rules/matcher_internal.h"

#include <errno.h>
#include <stdlib.h>

struct maker {
    struct atoms_builder *builder;
    struct arena *arena;
};

static int literal_node(struct maker *maker, uint32_t atom, bool negated, struct node **ret)
{
    struct node *node = ARENA_NEW(maker->arena, struct node);
    if (!node) {
        return -ENOMEM;
    }
    node->kind = NODE_LITERAL;
    node->literal = (struct literal){ atom, negated };
    *ret = node;
    return 0;
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

static int make(struct maker *maker, const struct cond *cond, bool negated, unsigned depth,
                struct node **ret);

/* Appends the operands of `cond`, those of nested nodes of the same kind too. */
static int gather(struct maker *maker, const struct cond *cond, bool negated, unsigned depth,
                  struct node *into)
{
    for (uint32_t i = 0; i < cond->nitems; i++) {
        bool item_negated = negated;
        const struct cond *item = inner(cond->items[i], &item_negated);
        bool joins = item->kind != COND_CHECK && kind_of(item, item_negated) == into->kind &&
                     depth < TREE_DEPTH_MAX;
        if (joins) {
            int r = gather(maker, item, item_negated, depth + 1, into);
            if (r < 0) {
                return r;
            }
            continue;
        }
        if ((into->nitems & (into->nitems - 1)) == 0) {
            uint32_t capacity = into->nitems ? into->nitems * 2 : 1;
            struct node **items = ARENA_ARRAY(maker->arena, struct node *, capacity);
            if (!items) {
                return -ENOMEM;
            }
            if (into->nitems) {
                memcpy(items, into->items, into->nitems * sizeof(*items));
            }
            into->items = items;
        }
        int r = make(maker, item, item_negated, depth + 1, &into->items[into->nitems]);
        if (r < 0) {
            return r;
        }
        into->nitems++;
    }
    return 0;
}

static int make(struct maker *maker, const struct cond *cond, bool negated, unsigned depth,
                struct node **ret)
{
    uint32_t atom;
    cond = inner(cond, &negated);
    if (cond->kind == COND_CHECK || depth >= TREE_DEPTH_MAX) {
        int r = cond->kind == COND_CHECK ? atom_of(maker->builder, cond->check, &atom)
                                         : atom_of_cond(maker->builder, cond, &atom);
        return r < 0 ? r : literal_node(maker, atom, negated, ret);
    }
    struct node *node = ARENA_NEW(maker->arena, struct node);
    if (!node) {
        return -ENOMEM;
    }
    node->kind = kind_of(cond, negated);
    int r = gather(maker, cond, negated, depth, node);
    if (r < 0) {
        return r;
    }
    *ret = node->nitems == 1 ? node->items[0] : node;
    return 0;
}

int tree_build(struct atoms_builder *builder, struct arena *arena, const struct cond *cond,
               struct node **ret)
{
    struct maker maker = { builder, arena };
    return make(&maker, cond, false, 0, ret);
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
    uint32_t next = 0;
    for (uint32_t i = node->nitems; i-- > 0;) {
        bool is_last = i + 1 == node->nitems;
        uint32_t go_on = is_last ? (node->kind == NODE_AND ? on_true : on_false) : next;
        next = node->kind == NODE_AND ? tree_compile(m, node->items[i], go_on, on_false)
                                      : tree_compile(m, node->items[i], on_true, go_on);
    }
    return next;
}
