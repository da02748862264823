/*
 * transform: values of expressions. What a transformer makes is put into the event's scratch memory;
 * when that is full the result is missing and the event marked as truncated.
 *
 * A missing argument makes the result missing. Texts are C strings: a decoded NUL ends one.
 */
#include "rules/cond.h"

#include <stdalign.h>
#include <stdio.h>

static void *scratch_take(struct view *view, size_t n, size_t align)
{
    struct scratch *s = &view->scratch;
    size_t at = (s->n + align - 1) & ~(align - 1);
    if (at > s->capacity || n > s->capacity - at) {
        s->truncated = true;
        if (view->event) {
            view->event->truncated = true;
        }
        return NULL;
    }
    s->n = at + n;
    return s->p + at;
}

static struct value *take_values(struct view *view, size_t n)
{
    return scratch_take(view, (n ? n : 1) * sizeof(struct value), alignof(struct value));
}

static void missing(struct extracted *ret)
{
    *ret = (struct extracted){ 0 };
}

static void give_one(struct extracted *ret, struct value value)
{
    ret->one = value;
    ret->v = &ret->one;
    ret->n = 1;
}

static void give_text(struct extracted *ret, struct str s)
{
    give_one(ret, (struct value){ .type = TYPE_CHARBUF, .s = str_until_nul(s.p, s.n) });
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static bool map_bytes(struct view *view, struct str s, char (*change)(char c), struct str *ret)
{
    char *p = scratch_take(view, s.n, 1);
    if (!p) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        p[i] = change(s.p[i]);
    }
    *ret = str_from(p, s.n);
    return true;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Padding may be absent. False: not base64. */
static bool base64_decode(struct view *view, struct str s, struct str *ret)
{
    for (unsigned padding = 0; padding < 2 && s.n && s.p[s.n - 1] == '='; padding++) {
        s.n--;
    }
    char *p = s.n % 4 == 1 ? NULL : scratch_take(view, s.n / 4 * 3 + 3, 1);
    if (!p) {
        return false;
    }
    size_t n = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = base64_digit(s.p[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            p[n++] = (char)(bits >> have);
        }
    }
    *ret = str_from(p, n);
    return true;
}

static struct str basename_of(struct str s)
{
    ptrdiff_t slash = str_find_last(s, '/');
    return slash < 0 ? s : str_from_offset(s, (size_t)slash + 1);
}

/* One value of tolower, toupper, b64, basename. */
static bool change_value(enum transformer transformer, struct view *view, struct value *value)
{
    switch (transformer) {
    case TRANSFORM_TOLOWER:
        return map_bytes(view, value->s, to_lower, &value->s);
    case TRANSFORM_TOUPPER:
        return map_bytes(view, value->s, to_upper, &value->s);
    case TRANSFORM_B64:
        if (!base64_decode(view, value->s, &value->s)) {
            return false;
        }
        if (value->type == TYPE_CHARBUF) {
            value->s = str_until_nul(value->s.p, value->s.n);
        }
        return true;
    default:
        value->s = basename_of(value->s);
        return true;
    }
}

static void change_values(const struct expr *expr, struct view *view, struct extracted *ret)
{
    struct extracted from;
    expr_extract(expr->args[0], view, &from);
    if (from.n == 1) {
        struct value value = from.v[0];
        if (change_value(expr->transformer, view, &value)) {
            give_one(ret, value);
        } else {
            missing(ret);
        }
        return;
    }
    struct value *values = from.v ? take_values(view, from.n) : NULL;
    for (uint32_t i = 0; values && i < from.n; i++) {
        values[i] = from.v[i];
        if (!change_value(expr->transformer, view, &values[i])) {
            values = NULL;
        }
    }
    *ret = (struct extracted){ .v = values, .n = values ? from.n : 0 };
}

static void length_of(const struct expr *expr, struct view *view, struct extracted *ret)
{
    struct extracted from;
    const struct expr *arg = expr->args[0];
    expr_extract(arg, view, &from);
    bool empty_list = from.n == 0 && arg->kind == EXPR_TRANSFORM && arg->is_list && from.v;
    if (from.n == 0 && !empty_list) {
        missing(ret);
        return;
    }
    uint64_t length = arg->is_list ? from.n : from.v[0].s.n;
    give_one(ret, (struct value){ .type = TYPE_UINT64, .u = length });
}

/* Text that grows at the end of the scratch memory. */
struct composer {
    struct view *view;
    struct buf buf;
};

static void composer_start(struct composer *c, struct view *view)
{
    struct scratch *s = &view->scratch;
    c->view = view;
    buf_init_fixed(&c->buf, s->p + s->n, s->capacity - s->n);
}

static void composer_finish(struct composer *c, struct extracted *ret)
{
    if (c->buf.failed) {
        c->view->scratch.truncated = true;
        c->view->event->truncated = true;
        missing(ret);
        return;
    }
    c->view->scratch.n += c->buf.n;
    give_text(ret, buf_str(&c->buf));
}

/*
 * Composing needs all arguments extracted first: extraction itself uses the scratch. NULL: one is
 * missing. Lists among them count as their values.
 */
static struct extracted *extract_args(const struct expr *expr, struct view *view)
{
    struct extracted *args = scratch_take(view, expr->nargs * sizeof(*args), alignof(struct value));
    for (uint32_t i = 0; args && i < expr->nargs; i++) {
        expr_extract(expr->args[i], view, &args[i]);
        if (args[i].n == 0 && !args[i].v) {
            args = NULL;
        }
    }
    return args;
}

static void append_value(const struct expr *expr, const struct extracted *from, uint32_t i,
                         struct buf *buf)
{
    if (from->v[i].type == TYPE_CHARBUF) {
        buf_puts(buf, from->v[i].s);
        return;
    }
    struct extracted single = { .v = &from->v[i], .n = 1 };
    expr_text(expr, &single, buf);
}

/* join: args[0] between the values of the others; concat: all of them. */
static void compose(const struct expr *expr, struct view *view, struct extracted *ret)
{
    bool is_join = expr->transformer == TRANSFORM_JOIN;
    const struct extracted *args = extract_args(expr, view);
    if (!args || (is_join && args[0].n == 0)) {
        missing(ret);
        return;
    }
    struct composer c;
    composer_start(&c, view);
    bool first = true;
    for (uint32_t i = is_join; i < expr->nargs; i++) {
        for (uint32_t j = 0; j < args[i].n; j++) {
            if (is_join && !first) {
                buf_puts(&c.buf, args[0].v[0].s);
            }
            append_value(expr->args[i], &args[i], j, &c.buf);
            first = false;
        }
    }
    composer_finish(&c, ret);
}

/* getopt(3) over texts: results in order, or the last one of the selected option. */
struct getopt_run {
    bool valid[256], takes_value[256];
    int selected; /* -1: all */
    struct value *values;
    uint32_t n, max;
    bool found;
    struct str last;
};

static void getopt_options(struct getopt_run *run, struct str options)
{
    size_t i = options.n && options.p[0] == ':';
    for (; i < options.n; i++) {
        unsigned char c = (unsigned char)options.p[i];
        if (c == ':') {
            continue;
        }
        run->valid[c] = true;
        run->takes_value[c] |= i + 1 < options.n && options.p[i + 1] == ':';
    }
}

static void getopt_put(struct getopt_run *run, struct str s)
{
    if (run->n < run->max) {
        run->values[run->n++] = (struct value){ .type = TYPE_CHARBUF, .s = s };
    }
}

static void getopt_found(struct getopt_run *run, struct str name, const struct str *value)
{
    if (run->selected >= 0) {
        if (run->selected == (unsigned char)name.p[0]) {
            run->found = true;
            run->last = value ? *value : name;
        }
        return;
    }
    getopt_put(run, name);
    if (value) {
        getopt_put(run, *value);
    }
}

/* One cluster of short options, "-nt hello". *at moves past a value taken from the next word. */
static void getopt_cluster(struct getopt_run *run, const struct str *words, uint32_t n,
                           uint32_t *at)
{
    struct str word = words[*at];
    for (size_t i = 1; i < word.n; i++) {
        unsigned char c = (unsigned char)word.p[i];
        struct str name = str_from(word.p + i, 1);
        if (!run->valid[c]) {
            if (run->selected < 0) {
                getopt_put(run, STR("?"));
            }
            continue;
        }
        if (!run->takes_value[c]) {
            getopt_found(run, name, NULL);
            continue;
        }
        struct str value = str_from_offset(word, i + 1);
        if (value.n) {
            getopt_found(run, name, &value);
        } else if (*at + 1 < n) {
            getopt_found(run, name, &words[++*at]);
        } else if (run->selected < 0) {
            getopt_put(run, (struct str){ 0 });
        } else {
            getopt_found(run, name, &value);
        }
        return;
    }
}

static void getopt_words(struct getopt_run *run, const struct str *words, uint32_t n)
{
    for (uint32_t at = 0; at < n; at++) {
        struct str word = words[at];
        if (str_eqz(word, "--") || word.n < 2 || word.p[0] != '-') {
            return; /* the end of the options, or the first word that is none */
        }
        if (word.p[1] != '-') {
            getopt_cluster(run, words, n, &at);
        }
    }
}

/* All values of the arguments but the last, one after the other. */
static struct str *getopt_argv(const struct expr *expr, const struct extracted *args,
                               struct view *view, uint32_t *ret_n, size_t *ret_bytes)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i + 1 < expr->nargs; i++) {
        n += args[i].n;
    }
    struct str *words = scratch_take(view, (n ? n : 1) * sizeof(*words), alignof(struct str));
    uint32_t at = 0;
    for (uint32_t i = 0; words && i + 1 < expr->nargs; i++) {
        for (uint32_t j = 0; j < args[i].n; j++) {
            words[at] = args[i].v[j].s;
            *ret_bytes += words[at++].n;
        }
    }
    *ret_n = n;
    return words;
}

static void getopt_values(const struct expr *expr, struct view *view, struct extracted *ret)
{
    missing(ret);
    const struct extracted *args = extract_args(expr, view);
    if (!args || args[expr->nargs - 1].n == 0) {
        return;
    }
    uint32_t n;
    size_t bytes = 0;
    const struct str *words = getopt_argv(expr, args, view, &n, &bytes);
    bool select = expr->getopt_arg.p != NULL;
    struct getopt_run run = { .selected = select ? (unsigned char)expr->getopt_arg.p[0] : -1 };
    run.max = select ? 0 : (uint32_t)bytes + n;
    run.values = take_values(view, run.max);
    if (!words || !run.values) {
        return;
    }
    getopt_options(&run, args[expr->nargs - 1].v[0].s);
    getopt_words(&run, words, n);
    if (!select) {
        *ret = (struct extracted){ .v = run.values, .n = run.n };
    } else if (run.found) {
        give_text(ret, run.last);
    }
}

void expr_extract(const struct expr *expr, struct view *view, struct extracted *ret)
{
    switch (expr->kind) {
    case EXPR_FIELD:
        if (view->extract) {
            view->extract(view->extract_data, &expr->field, ret);
        } else {
            field_extract(&expr->field, view, ret);
        }
        ret->v = ret->n ? ret->v : NULL;
        return;
    case EXPR_LITERAL:
        give_one(ret, expr->literal);
        return;
    case EXPR_TRANSFORM:
        break;
    }
    switch (expr->transformer) {
    case TRANSFORM_LEN:
        length_of(expr, view, ret);
        return;
    case TRANSFORM_JOIN:
    case TRANSFORM_CONCAT:
        compose(expr, view, ret);
        return;
    case TRANSFORM_GETOPT:
        getopt_values(expr, view, ret);
        return;
    case TRANSFORM_VAL:
        expr_extract(expr->args[0], view, ret);
        return;
    default:
        change_values(expr, view, ret);
        return;
    }
}

static void value_text(const struct value *value, bool as_json, struct buf *buf)
{
    if (value->type == TYPE_UINT64) {
        buf_u64(buf, value->u);
    } else if (as_json) {
        buf_json_str(buf, value->s);
    } else {
        buf_puts(buf, value->s);
    }
}

static void values_text(const struct expr *expr, const struct extracted *value, bool as_json,
                        struct buf *buf)
{
    if (expr->is_list) {
        buf_putc(buf, as_json ? '[' : '(');
    }
    for (uint32_t i = 0; i < value->n; i++) {
        if (i) {
            buf_putc(buf, ',');
        }
        value_text(&value->v[i], as_json, buf);
    }
    if (expr->is_list) {
        buf_putc(buf, as_json ? ']' : ')');
    }
}

void expr_text(const struct expr *expr, const struct extracted *value, struct buf *buf)
{
    if (expr->kind == EXPR_FIELD) {
        field_text(&expr->field, value, buf);
    } else {
        values_text(expr, value, false, buf);
    }
}

void expr_json(const struct expr *expr, const struct extracted *value, const struct view *view,
               struct buf *buf)
{
    if (expr->kind == EXPR_FIELD) {
        field_json(&expr->field, value, view, buf);
    } else if (value->n == 0 && !(expr->is_list && value->v)) {
        buf_putz(buf, "null");
    } else {
        values_text(expr, value, true, buf);
    }
}
