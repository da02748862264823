/*
 * sql: a filter as a WHERE clause.
 *
 *     own column, plain operator     f.status = ?            (NULL counts as false, as a missing field does)
 *     everything else                holds(?, body, number, column, ...)
 *
 * Without such a function a check that SQL cannot say becomes 1 where it may only widen the result, and 0 where it
 * stands under a not: the result then holds at least what the filter does.
 */
#include "filter/filter.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define SQL_MAX     ((size_t)4 << 20)
#define PARAMS_MAX  30000 /* below SQLite's 32,766 */
#define LIST_NATIVE 1000  /* items of one `in`; longer lists are looked at by the function */

struct writer {
    const struct filter *filter;
    const struct filter_dialect *dialect;
    struct arena *arena;
    struct buf buf;
    struct filter_param *params;
    uint32_t nparams, capacity;
    bool inexact, uses_body, no_memory;
};

static void param(struct writer *w, struct filter_param param)
{
    if (w->nparams == w->capacity) {
        uint32_t capacity = w->capacity ? w->capacity * 2 : 16;
        struct filter_param *params = ARENA_ARRAY(w->arena, struct filter_param, capacity);
        if (!params || capacity > 2 * PARAMS_MAX) {
            w->no_memory = true;
            return;
        }
        if (w->nparams) {
            memcpy(params, w->params, w->nparams * sizeof(*params));
        }
        w->params = params;
        w->capacity = capacity;
    }
    w->params[w->nparams++] = param;
    buf_putc(&w->buf, '?');
}

static enum own_field own_of(const struct expr *expr)
{
    return expr->kind == EXPR_FIELD ? own_of_field(&expr->field) : OWN_FIELDS;
}

static void column(struct writer *w, enum own_field own)
{
    buf_printf(&w->buf, "%s.%s", w->dialect->table, own_table[own].column);
}

static void value(struct writer *w, const struct constants *run, uint32_t i)
{
    if (run->strs) {
        param(w, (struct filter_param){ .kind = FILTER_PARAM_TEXT, .text = run->strs[i] });
    } else {
        param(w, (struct filter_param){ .kind = FILTER_PARAM_INT, .number = run->values[i].i });
    }
}

static uint32_t count_constants(const struct check *check)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        n += check->constants[i].n;
    }
    return n;
}

static bool is_native(const struct check *check, enum own_field own)
{
    if (own == OWN_FIELDS || own_table[own].column[0] == '\0' || check->left->is_list ||
        check->right || check->modifier != MODIFIER_NONE) {
        return false;
    }
    switch (check->op) {
    case OP_EQ:
    case OP_NE:
    case OP_CONTAINS:
    case OP_STARTSWITH:
    case OP_ENDSWITH:
        return count_constants(check) == 1;
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return count_constants(check) == 1 && own_table[own].desc.type != TYPE_CHARBUF;
    case OP_IN:
        return count_constants(check) <= LIST_NATIVE;
    case OP_EXISTS:
        return true;
    default:
        return false;
    }
}

/* coalesce(COLUMN OPERATOR ?, 0) */
static void compare(struct writer *w, const struct check *check, enum own_field own,
                    const char *operator)
{
    buf_putz(&w->buf, "coalesce(");
    column(w, own);
    buf_printf(&w->buf, " %s ", operator);
    value(w, &check->constants[0], 0);
    buf_putz(&w->buf, ",0)");
}

/* IS is never NULL, and indexes serve it. */
static void equals(struct writer *w, const struct check *check, enum own_field own)
{
    buf_putc(&w->buf, '(');
    column(w, own);
    buf_putz(&w->buf, " IS ");
    value(w, &check->constants[0], 0);
    buf_putc(&w->buf, ')');
}

static void one_of(struct writer *w, const struct check *check, enum own_field own)
{
    bool first = true;
    buf_putz(&w->buf, "coalesce(");
    column(w, own);
    buf_putz(&w->buf, " IN (");
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t k = 0; k < check->constants[i].n; k++) {
            buf_putz(&w->buf, first ? "" : ",");
            value(w, &check->constants[i], k);
            first = false;
        }
    }
    buf_putz(&w->buf, "),0)");
}

/* Texts are compared as bytes: casts keep lengths and places from being counted in characters. */
static void text_operator(struct writer *w, const struct check *check, enum own_field own)
{
    const struct str text = check->constants[0].strs[0];
    if (check->op == OP_CONTAINS) {
        buf_putz(&w->buf, "coalesce(instr(");
        column(w, own);
        buf_putc(&w->buf, ',');
        value(w, &check->constants[0], 0);
        buf_putz(&w->buf, ")>0,0)");
        return;
    }
    buf_putz(&w->buf, "coalesce(substr(CAST(");
    column(w, own);
    if (check->op == OP_STARTSWITH) {
        buf_printf(&w->buf, " AS BLOB),1,%zu)=CAST(", text.n);
    } else if (text.n > 0) {
        buf_printf(&w->buf, " AS BLOB),-%zu)=CAST(", text.n);
    } else {
        buf_putz(&w->buf, " AS BLOB),1,0)=CAST(");
    }
    value(w, &check->constants[0], 0);
    buf_putz(&w->buf, " AS BLOB),0)");
}

static void native(struct writer *w, const struct check *check, enum own_field own)
{
    switch (check->op) {
    case OP_EQ:
        equals(w, check, own);
        break;
    case OP_NE:
        compare(w, check, own, "<>");
        break;
    case OP_LT:
        compare(w, check, own, "<");
        break;
    case OP_LE:
        compare(w, check, own, "<=");
        break;
    case OP_GT:
        compare(w, check, own, ">");
        break;
    case OP_GE:
        compare(w, check, own, ">=");
        break;
    case OP_IN:
        one_of(w, check, own);
        break;
    case OP_EXISTS:
        buf_putc(&w->buf, '(');
        column(w, own);
        buf_putz(&w->buf, " IS NOT NULL)");
        break;
    default:
        text_operator(w, check, own);
        break;
    }
}

/* The record's parts that the expression looks at. */
struct parts {
    uint64_t own[(OWN_FIELDS + 63) / 64];
    bool body;
};

static void parts_of(const struct expr *expr, struct parts *parts)
{
    enum own_field own = own_of(expr);
    if (own < OWN_FIELDS && own_table[own].column[0] != '\0') {
        parts->own[own / 64] |= UINT64_C(1) << (own % 64);
    } else if (expr->kind == EXPR_FIELD) {
        parts->body = true;
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        parts_of(expr->args[i], parts);
    }
}

static void by_function(struct writer *w, const struct check *check)
{
    struct parts parts = { 0 };
    parts_of(check->left, &parts);
    if (check->right) {
        parts_of(check->right, &parts);
    }
    buf_printf(&w->buf, "%s(", w->dialect->holds);
    param(w, (struct filter_param){ .kind = FILTER_PARAM_CHECK, .check = check });
    buf_printf(&w->buf, ",%s", parts.body ? w->dialect->body : "NULL");
    w->uses_body = w->uses_body || parts.body;
    for (unsigned i = 0; i < OWN_FIELDS; i++) {
        if (parts.own[i / 64] >> (i % 64) & 1) {
            buf_printf(&w->buf, ",%u,", i);
            column(w, (enum own_field)i);
        }
    }
    buf_putc(&w->buf, ')');
}

static void write_check(struct writer *w, const struct check *check, bool negated)
{
    enum own_field own = own_of(check->left);
    if (is_native(check, own)) {
        native(w, check, own);
    } else if (w->dialect->holds) {
        by_function(w, check);
    } else {
        w->inexact = true;
        buf_putz(&w->buf, negated ? "0" : "1");
    }
}

static void write_cond(struct writer *w, const struct cond *cond, bool negated)
{
    if (cond->kind == COND_CHECK) {
        write_check(w, cond->check, negated);
        return;
    }
    if (cond->kind == COND_NOT) {
        buf_putz(&w->buf, "NOT ");
        buf_putc(&w->buf, '(');
        write_cond(w, cond->items[0], !negated);
        buf_putc(&w->buf, ')');
        return;
    }
    buf_putc(&w->buf, '(');
    for (uint32_t i = 0; i < cond->nitems; i++) {
        buf_putz(&w->buf, i == 0 ? "" : cond->kind == COND_AND ? " AND " : " OR ");
        write_cond(w, cond->items[i], negated);
    }
    buf_putc(&w->buf, ')');
}

int filter_sql(const struct filter *filter, const struct filter_dialect *dialect,
               struct arena *arena, struct filter_sql *ret, struct err *err)
{
    struct writer w = { .filter = filter, .dialect = dialect, .arena = arena };
    buf_init(&w.buf, SQL_MAX);
    if (filter->cond) {
        write_cond(&w, filter->cond, false);
    } else {
        buf_putc(&w.buf, '1');
    }
    struct str where = arena_str(arena, buf_str(&w.buf));
    bool failed = w.buf.failed || w.no_memory || !where.p;
    buf_done(&w.buf);
    if (failed || w.nparams > PARAMS_MAX) {
        return err_set(err, -E2BIG, "the filter is too long for the database");
    }
    *ret = (struct filter_sql){ .where = where,
                                .params = w.params,
                                .nparams = w.nparams,
                                .exact = !w.inexact,
                                .uses_body = w.uses_body };
    return 0;
}
