/*
 * cover: which positive atoms a rule cannot match without, and which literals it needs at all.
 *
 * A cover of an `and` is the best cover of one operand, of an `or` the union of all operands' covers.
 * Literals on the event's name are decided first, so that a rule for several names has a cover for
 * each. Guards are the literals that every way to make the condition true goes through.
 */
#include "rules/matcher_internal.h"

#include <errno.h>
#include <stdlib.h>

#define KEPT_WEIGHT      0.5F
#define COVER_WEIGHT_MAX 3.0F /* rules whose cover fires more often simply run */

static int cover_of_literal(const struct matcher *m, struct arena *arena, const struct node *node,
                            struct cover *ret)
{
    const struct atom *atom = &m->atoms[node->literal.atom];
    *ret = (struct cover){ .possible = false };
    if (node->literal.negated || atom->group == NONE) {
        return 0;
    }
    ret->atoms = ARENA_NEW(arena, uint32_t);
    if (!ret->atoms) {
        return -ENOMEM;
    }
    ret->atoms[0] = node->literal.atom;
    ret->n = 1;
    ret->possible = true;
    /* A search that costs more must fire that much less often. What is true of a thread's state is true
     * at each of its events, and where it is not, residuals know. */
    bool kept = !(atom->volatilities & KEPT_NONE);
    ret->weight =
        atom->chance + (float)m->groups[atom->group].cost * 0.0005F + (kept ? KEPT_WEIGHT : 0.0F);
    return 0;
}

static int cover_unite(struct arena *arena, struct cover *into, const struct cover *with)
{
    uint32_t *atoms = ARENA_ARRAY(arena, uint32_t, (size_t)into->n + with->n);
    if (!atoms) {
        return -ENOMEM;
    }
    uint32_t n = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < into->n || j < with->n) {
        bool first = j == with->n || (i < into->n && into->atoms[i] <= with->atoms[j]);
        uint32_t next = first ? into->atoms[i] : with->atoms[j];
        i += first;
        j += !first;
        if (n == 0 || atoms[n - 1] != next) {
            atoms[n++] = next;
        }
    }
    into->atoms = atoms;
    into->n = n;
    into->weight += with->weight;
    return 0;
}

int cover_choose(const struct matcher *m, struct arena *arena, const struct node *node,
                 struct cover *ret)
{
    if (node->kind == NODE_LITERAL) {
        return cover_of_literal(m, arena, node, ret);
    }
    bool is_and = node->kind == NODE_AND;
    struct cover best = { .possible = !is_and };
    for (uint32_t i = 0; i < node->nitems; i++) {
        if (node->items[i]->truth != TRUTH_UNKNOWN) {
            continue;
        }
        struct cover item;
        int r = cover_choose(m, arena, node->items[i], &item);
        if (r == 0 && is_and && item.possible) {
            best = !best.possible || item.weight < best.weight ? item : best;
        } else if (r == 0 && !is_and && !item.possible) {
            best.possible = false;
        } else if (r == 0 && !is_and) {
            r = cover_unite(arena, &best, &item);
            best.possible = best.weight < COVER_WEIGHT_MAX;
        }
        if (r < 0) {
            return r;
        }
        if (!is_and && !best.possible) {
            break;
        }
    }
    best.possible = best.possible && best.n && best.weight < COVER_WEIGHT_MAX;
    *ret = best;
    return 0;
}

/* Cheap fields that tell much about whole families of rules. */
static bool is_guard(const struct matcher *m, const struct atom *atom)
{
    if (!atom->check || atom->right != NONE || atom->flags & ATOM_EVENT_NAME) {
        return false;
    }
    const struct expr *expr = m->sites[atom->site].expr;
    if (expr->kind != EXPR_FIELD) {
        return false;
    }
    switch (expr->field.id) {
    case FIELD_EVT_IS_OPEN_READ:
    case FIELD_EVT_IS_OPEN_WRITE:
    case FIELD_EVT_IS_OPEN_EXEC:
    case FIELD_EVT_IS_OPEN_CREATE:
    case FIELD_EVT_FAILED:
    case FIELD_EVT_RAWRES:
    case FIELD_FD_NUM:
    case FIELD_FD_TYPECHAR:
    case FIELD_FD_TYPE:
    case FIELD_FD_L4PROTO:
    case FIELD_FD_CONNECTED:
    case FIELD_FD_NAME_CHANGED:
    case FIELD_CONTAINER_ID:
        return true;
    default:
        return false;
    }
}

static int order_literal(const struct literal *a, const struct literal *b)
{
    return a->atom != b->atom ? (a->atom > b->atom) - (a->atom < b->atom)
                              : (int)a->negated - (int)b->negated;
}

static int merge(struct arena *arena, const struct literals *a, const struct literals *b,
                 bool is_union, struct literals *ret)
{
    struct literal *items = ARENA_ARRAY(arena, struct literal, (size_t)a->n + b->n + 1);
    if (!items) {
        return -ENOMEM;
    }
    uint32_t n = 0;
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < a->n || j < b->n) {
        int order = i == a->n ? 1 : j == b->n ? -1 : order_literal(&a->items[i], &b->items[j]);
        if (order == 0 || is_union) {
            items[n++] = order <= 0 ? a->items[i] : b->items[j];
        }
        i += order <= 0;
        j += order >= 0;
    }
    *ret = (struct literals){ items, n };
    return 0;
}

int cover_guards(const struct matcher *m, struct arena *arena, const struct node *node,
                 struct literals *ret)
{
    *ret = (struct literals){ 0 };
    if (node->kind == NODE_LITERAL) {
        if (is_guard(m, &m->atoms[node->literal.atom])) {
            ret->items = ARENA_NEW(arena, struct literal);
            if (!ret->items) {
                return -ENOMEM;
            }
            ret->items[0] = node->literal;
            ret->n = 1;
        }
        return 0;
    }
    bool is_and = node->kind == NODE_AND;
    bool first = true;
    struct literals all = { 0 };
    for (uint32_t i = 0; i < node->nitems; i++) {
        if (node->items[i]->truth != TRUTH_UNKNOWN) {
            continue;
        }
        struct literals item;
        int r = cover_guards(m, arena, node->items[i], &item);
        r = r < 0 || first ? r : merge(arena, &all, &item, is_and, &item);
        if (r < 0) {
            return r;
        }
        all = item;
        first = false;
    }
    *ret = all;
    return 0;
}
