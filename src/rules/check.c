/*
 * check: the meaning of each operator, written down as plainly as possible.
 *
 * A missing value makes every check false. A field with several values (proc.aname without an index,
 * fd.ip, ...) holds when any of its values does, except that `!=` on a connection's two ends wants both
 * to differ. Of list fields, `in` wants all values in the set and `intersects` any.
 */
#include "rules/cond.h"
#include "rules/glob.h"
#include "rules/regex.h"

bool order_holds(enum ast_op op, int order)
{
    switch (op) {
    case OP_EQ:
    case OP_IN:
    case OP_INTERSECTS:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    case OP_GE:
        return order >= 0;
    default:
        return false;
    }
}

static bool text_holds(enum ast_op op, struct str value, struct str constant)
{
    switch (op) {
    case OP_CONTAINS:
    case OP_BCONTAINS:
        return str_find(value, constant) >= 0;
    case OP_ICONTAINS:
        return str_ifind(value, constant) >= 0;
    case OP_STARTSWITH:
    case OP_BSTARTSWITH:
        return str_starts(value, constant);
    case OP_ENDSWITH:
        return str_ends(value, constant);
    case OP_GLOB:
        return glob_match(constant, value, false);
    case OP_IGLOB:
        return glob_match(constant, value, true);
    case OP_PMATCH:
        return path_prefix_match(constant, value);
    case OP_EQ:
    case OP_IN:
    case OP_INTERSECTS:
        return str_eq(value, constant);
    case OP_NE:
        return !str_eq(value, constant);
    default:
        return order_holds(op, str_cmp(value, constant));
    }
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned bytes = bits / 8;
    if (memcmp(a, b, bytes) != 0) {
        return false;
    }
    unsigned rest = bits % 8;
    return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

static bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0;
}

static bool net_holds_ip(const struct ipnet *net, const struct ip *ip)
{
    return net->ip.family == ip->family && bits_equal(net->ip.bytes, ip->bytes, net->prefix_bits);
}

static bool is_text_type(enum field_type type)
{
    return type == TYPE_CHARBUF || type == TYPE_BYTEBUF;
}

/* -1, 0, 1. Signed and unsigned compare by what they mean. */
static int number_order(const struct value *a, const struct value *b)
{
    if (a->type == TYPE_DOUBLE || b->type == TYPE_DOUBLE) {
        double x = a->type == TYPE_DOUBLE    ? a->d
                   : type_is_signed(a->type) ? (double)a->i
                                             : (double)a->u;
        double y = b->type == TYPE_DOUBLE    ? b->d
                   : type_is_signed(b->type) ? (double)b->i
                                             : (double)b->u;
        return (x > y) - (x < y);
    }
    bool a_negative = type_is_signed(a->type) && a->i < 0;
    bool b_negative = type_is_signed(b->type) && b->i < 0;
    if (a_negative != b_negative) {
        return a_negative ? -1 : 1;
    }
    /* Of one sign: two's complement keeps the order. */
    return (a->u > b->u) - (a->u < b->u);
}

static bool value_holds(enum ast_op op, const struct value *value, const struct value *constant)
{
    if (is_text_type(value->type) || is_text_type(constant->type)) {
        return is_text_type(value->type) && is_text_type(constant->type) &&
               text_holds(op, value->s, constant->s);
    }
    bool equal;
    if (constant->type == TYPE_IPNET) {
        equal = net_holds_ip(&constant->net, &value->ip);
    } else if (constant->type == TYPE_IPADDR) {
        equal = ip_equal(&constant->ip, &value->ip);
    } else {
        return order_holds(op, number_order(value, constant));
    }
    return equal == (op != OP_NE);
}

/* The constants of a check one after the other, whatever run they are in. */
struct constant_cursor {
    const struct check *check;
    const struct extracted *right;
    uint32_t run, at, index;
};

static bool constant_next(struct constant_cursor *c, struct value *ret)
{
    if (c->check->right) {
        if (!c->right || c->at >= c->right->n) {
            return false;
        }
        *ret = c->right->v[c->at++];
        return true;
    }
    while (c->run < c->check->nconstants && c->at >= c->check->constants[c->run].n) {
        c->run++;
        c->at = 0;
    }
    if (c->run >= c->check->nconstants) {
        return false;
    }
    const struct constants *run = &c->check->constants[c->run];
    if (run->strs) {
        *ret = (struct value){ .type = c->check->left->type, .s = run->strs[c->at] };
    } else {
        *ret = run->values[c->at];
    }
    c->at++;
    c->index++;
    return true;
}

static bool constant_holds(const struct check *check, const struct constant_cursor *cursor,
                           const struct value *value, const struct value *constant)
{
    if (check->op == OP_REGEX) {
        return is_text_type(value->type) &&
               regex_match(check->regexes[cursor->index - 1], value->s);
    }
    return value_holds(check->op, value, constant);
}

/* fd.net in (a, b) looks at a only: a quirk of the reference that rules may rest on. */
static bool only_first_constant(const struct check *check)
{
    return check->left->kind == EXPR_FIELD && check->left->field.id == FIELD_FD_NET;
}

/* One value against all constants. Without a modifier any constant will do. */
static bool one_holds(const struct check *check, const struct value *value,
                      const struct extracted *right)
{
    struct constant_cursor cursor = { .check = check, .right = right };
    struct value constant;
    uint32_t n = 0;
    uint32_t held = 0;
    while (constant_next(&cursor, &constant)) {
        n++;
        held += constant_holds(check, &cursor, value, &constant);
        if (only_first_constant(check)) {
            break;
        }
    }
    switch (check->modifier) {
    case MODIFIER_ONEOF:
        return held == 1;
    case MODIFIER_ALLOF:
        return n > 0 && held == n;
    default:
        return held > 0;
    }
}

static bool is_both_ends(const struct expr *expr)
{
    if (expr->kind != EXPR_FIELD) {
        return false;
    }
    return expr->field.id == FIELD_FD_IP || expr->field.id == FIELD_FD_PORT ||
           expr->field.id == FIELD_FD_PROTO || expr->field.id == FIELD_FD_NET;
}

static bool wants_all_values(const struct check *check)
{
    return check->left->is_list ? check->op == OP_IN
                                : check->op == OP_NE && is_both_ends(check->left);
}

bool check_holds(const struct check *check, const struct extracted *left,
                 const struct extracted *right)
{
    bool is_empty_list = check->left->kind == EXPR_TRANSFORM && check->left->is_list && left->v;
    if (left->n == 0 && !is_empty_list) {
        return false;
    }
    if (check->op == OP_EXISTS) {
        return true;
    }
    if (check->right && (!right || right->n == 0)) {
        return false;
    }
    bool all = wants_all_values(check);
    for (uint32_t i = 0; i < left->n; i++) {
        if (one_holds(check, &left->v[i], right) != all) {
            return !all;
        }
    }
    return all;
}

bool check_eval(const struct check *check, struct view *view)
{
    struct extracted left;
    struct extracted right;
    expr_extract(check->left, view, &left);
    if (!check->right) {
        return check_holds(check, &left, NULL);
    }
    expr_extract(check->right, view, &right);
    return check_holds(check, &left, &right);
}

bool cond_eval(const struct cond *cond, struct view *view)
{
    switch (cond->kind) {
    case COND_CHECK:
        return check_eval(cond->check, view);
    case COND_NOT:
        return !cond_eval(cond->items[0], view);
    default: {
        bool is_or = cond->kind == COND_OR;
        for (uint32_t i = 0; i < cond->nitems; i++) {
            if (cond_eval(cond->items[i], view) == is_or) {
                return is_or;
            }
        }
        return !is_or;
    }
    }
}
