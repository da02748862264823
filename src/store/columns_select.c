/*
 * columns_select: a filter over all findings at once, as sets of bits.
 *
 * Each check makes a set: a check on a text is decided per dictionary entry by the engine's own evaluation, one on a
 * number per finding. What no column tells is `maybe` for everybody. Sets are joined by Kleene's logic:
 *
 *     not   yes' = neither yes nor maybe
 *     and   yes  = all yes;  maybe = all yes or maybe, but not all yes
 *     or    yes  = any yes;  maybe = any maybe, but no yes
 */
#include "store/columns_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

struct selector {
    const struct columns *columns;
    struct filter_context *context;
    size_t words;
};

static int bits_new(size_t words, struct columns_bits *ret)
{
    ret->yes = mem_zalloc(2 * words * sizeof(uint64_t));
    ret->maybe = ret->yes ? ret->yes + words : NULL;
    return ret->yes ? 0 : -ENOMEM;
}

static void bits_done(struct columns_bits *bits)
{
    free(bits->yes);
    *bits = (struct columns_bits){ 0 };
}

static enum own_field own_of(const struct check *check)
{
    const struct expr *left = check->left;
    return left->kind == EXPR_FIELD && !check->right ? own_of_field(&left->field) : OWN_FIELDS;
}

/* The own field that an expression is about, through transformers; OWN_FIELDS: none, or several. */
static enum own_field only_own(const struct expr *expr)
{
    if (expr->kind == EXPR_FIELD) {
        return own_of_field(&expr->field);
    }
    enum own_field own = OWN_FIELDS;
    for (uint32_t i = 0; i < expr->nargs; i++) {
        if (expr->args[i]->kind == EXPR_LITERAL) {
            continue;
        }
        enum own_field one = only_own(expr->args[i]);
        if (one == OWN_FIELDS || (own != OWN_FIELDS && own != one)) {
            return OWN_FIELDS;
        }
        own = one;
    }
    return own;
}

static enum column column_of(const struct check *check)
{
    enum own_field own = check->right ? OWN_FIELDS : only_own(check->left);
    unsigned i = 0;
    while (i < COLUMN_COUNT && (own == OWN_FIELDS || column_table[i].own != own)) {
        i++;
    }
    return (enum column)i;
}

/* A record of which only one text is known. */
struct one_text {
    enum own_field own;
    struct str text;
};

static bool tell_text(void *data, enum own_field field, struct value *ret)
{
    const struct one_text *one = data;
    *ret = (struct value){ .type = TYPE_CHARBUF, .s = one->text };
    return field == one->own && one->text.n > 0;
}

static bool text_holds(const struct selector *s, const struct check *check, enum column column,
                       struct str text)
{
    struct one_text one = { column_table[column].own, text };
    struct json_object *tags = column == COLUMN_TAGS && text.n ? json_tokener_parse(text.p) : NULL;
    struct record record = { .own = tell_text, .data = &one, .tags = tags };
    bool yes = filter_check_holds(check, s->context, &record) == FILTER_YES;
    json_object_put(tags);
    return yes;
}

static int select_text(const struct selector *s, const struct check *check, enum column column,
                       struct columns_bits *ret)
{
    const struct columns *c = s->columns;
    const struct dictionary *d = &c->dictionaries[column];
    CLEANUP(cleanup_free) uint8_t *holds = mem_zalloc((size_t)d->n + 1);
    if (!holds) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i <= d->n; i++) {
        holds[i] = (i == 0 || d->uses[i] > 0) && text_holds(s, check, column, d->texts[i]);
    }
    const uint32_t *ids = c->ids[column];
    for (uint32_t p = 0; p < c->places; p++) {
        ret->yes[p / 64] |= (uint64_t)holds[ids[p]] << (p % 64);
    }
    return 0;
}

static bool number_holds(const struct check *check, uint64_t v)
{
    struct extracted left = { .one = { .type = check->left->type, .u = v }, .n = 1 };
    left.v = &left.one;
    return check_holds(check, &left, NULL);
}

static void select_number(const struct selector *s, const struct check *check, enum own_field own,
                          struct columns_bits *ret)
{
    const struct columns *c = s->columns;
    const int64_t *values = own == OWN_COUNT        ? c->counts
                            : own == OWN_FIRST_SEEN ? c->first_seen
                                                    : c->last_seen;
    for (uint32_t p = 0; p < c->places; p++) {
        ret->yes[p / 64] |= (uint64_t)number_holds(check, (uint64_t)values[p]) << (p % 64);
    }
}

static void select_byte(const struct selector *s, const struct check *check, const uint8_t *values,
                        struct columns_bits *ret)
{
    bool holds[UINT8_MAX + 1];
    for (unsigned v = 0; v <= UINT8_MAX; v++) {
        holds[v] = number_holds(check, v);
    }
    for (uint32_t p = 0; p < s->columns->places; p++) {
        ret->yes[p / 64] |= (uint64_t)holds[values[p]] << (p % 64);
    }
}

static int select_check(const struct selector *s, const struct check *check,
                        struct columns_bits *ret)
{
    enum column column = column_of(check);
    if (column < COLUMN_COUNT) {
        return select_text(s, check, column, ret);
    }
    enum own_field own = own_of(check);
    switch (own) {
    case OWN_SEVERITY:
        select_byte(s, check, s->columns->severity, ret);
        return 0;
    case OWN_SEQUENCE:
        select_byte(s, check, (const uint8_t *)s->columns->sequence, ret);
        return 0;
    case OWN_COUNT:
    case OWN_FIRST_SEEN:
    case OWN_LAST_SEEN:
        select_number(s, check, own, ret);
        return 0;
    default:
        memset(ret->maybe, 0xff, s->words * sizeof(uint64_t));
        return 0;
    }
}

static void negate(const struct selector *s, struct columns_bits *bits)
{
    for (size_t i = 0; i < s->words; i++) {
        bits->yes[i] = ~(bits->yes[i] | bits->maybe[i]);
    }
}

static void join(const struct selector *s, enum cond_kind kind, struct columns_bits *to,
                 const struct columns_bits *with)
{
    for (size_t i = 0; i < s->words; i++) {
        uint64_t yes1 = to->yes[i], maybe1 = to->maybe[i], yes2 = with->yes[i],
                 maybe2 = with->maybe[i];
        to->yes[i] = kind == COND_AND ? yes1 & yes2 : yes1 | yes2;
        to->maybe[i] =
            (kind == COND_AND ? (yes1 | maybe1) & (yes2 | maybe2) : maybe1 | maybe2) & ~to->yes[i];
    }
}

/* Into zeroed bits. Depth is bounded by the filter's. */
static int select_cond(const struct selector *s, const struct cond *cond, struct columns_bits *ret)
{
    if (cond->kind == COND_CHECK) {
        return select_check(s, cond->check, ret);
    }
    int r = select_cond(s, cond->items[0], ret);
    if (cond->kind == COND_NOT) {
        negate(s, ret);
        return r;
    }
    for (uint32_t i = 1; r == 0 && i < cond->nitems; i++) {
        struct columns_bits with = { 0 };
        r = bits_new(s->words, &with);
        r = r == 0 ? select_cond(s, cond->items[i], &with) : r;
        if (r == 0) {
            join(s, cond->kind, ret, &with);
        }
        bits_done(&with);
    }
    return r;
}

/* The only column that a part is about; negations and alternatives of one column count, too. */
static enum column about(const struct cond *cond)
{
    if (cond->kind == COND_CHECK) {
        return own_of(cond->check) == OWN_SEVERITY ? COLUMN_SEVERITY : column_of(cond->check);
    }
    enum column column = about(cond->items[0]);
    for (uint32_t i = 1; i < cond->nitems; i++) {
        if (about(cond->items[i]) != column) {
            return COLUMN_COUNT;
        }
    }
    return column;
}

static int add_part(const struct selector *s, const struct cond *cond,
                    struct columns_selection *ret)
{
    if (ret->nparts == COLUMNS_ITEMS_MAX) {
        /* The rest is one part with the last. */
        struct columns_bits with = { 0 };
        int r = bits_new(s->words, &with);
        r = r == 0 ? select_cond(s, cond, &with) : r;
        if (r == 0) {
            join(s, COND_AND, &ret->parts[COLUMNS_ITEMS_MAX - 1], &with);
            ret->about[COLUMNS_ITEMS_MAX - 1] = COLUMN_COUNT;
        }
        bits_done(&with);
        return r;
    }
    struct columns_bits *part = &ret->parts[ret->nparts];
    int r = bits_new(s->words, part);
    ret->about[ret->nparts++] = about(cond);
    return r == 0 ? select_cond(s, cond, part) : r;
}

static void in_time(const struct columns *c, const struct columns_query *query, uint64_t *bits)
{
    int64_t to = query->to_ms ? query->to_ms : INT64_MAX;
    for (uint32_t p = 0; p < c->places; p++) {
        bool yes = c->row[p] != 0 && c->last_seen[p] >= query->from_ms && c->last_seen[p] < to;
        bits[p / 64] |= (uint64_t)yes << (p % 64);
    }
}

/* The part that stands for the times, and for places that hold a finding, is the first one. */
static int select_parts(const struct selector *s, const struct columns_query *query,
                        struct columns_selection *ret)
{
    int r = bits_new(s->words, &ret->parts[0]);
    if (r < 0) {
        return r;
    }
    ret->about[0] = COLUMN_COUNT;
    ret->nparts = 1;
    in_time(s->columns, query, ret->parts[0].yes);
    const struct cond *cond = query->filter ? query->filter->cond : NULL;
    if (!cond) {
        return 0;
    }
    if (cond->kind != COND_AND) {
        return add_part(s, cond, ret);
    }
    for (uint32_t i = 0; r == 0 && i < cond->nitems; i++) {
        r = add_part(s, cond->items[i], ret);
    }
    return r;
}

static void join_parts(const struct selector *s, struct columns_selection *ret)
{
    memcpy(ret->all.yes, ret->parts[0].yes, s->words * sizeof(uint64_t));
    for (uint32_t i = 1; i < ret->nparts; i++) {
        join(s, COND_AND, &ret->all, &ret->parts[i]);
    }
    for (size_t i = 0; i < s->words; i++) {
        ret->open = ret->open || ret->all.maybe[i] != 0;
    }
}

int columns_select(struct columns *columns, const struct columns_query *query,
                   struct columns_selection *ret)
{
    struct selector s = { columns, query->context, columns_words(columns->places) };
    struct columns_selection selection = { .places = columns->places };
    int r = bits_new(s.words, &selection.all);
    r = r == 0 ? select_parts(&s, query, &selection) : r;
    if (r < 0) {
        columns_selection_done(&selection);
        return r;
    }
    join_parts(&s, &selection);
    *ret = selection;
    return 0;
}

void columns_selection_done(struct columns_selection *selection)
{
    bits_done(&selection->all);
    for (uint32_t i = 0; i < selection->nparts; i++) {
        bits_done(&selection->parts[i]);
    }
    selection->nparts = 0;
}

int64_t columns_next_open(const struct columns *columns, const struct columns_selection *selection,
                          uint32_t *cursor)
{
    for (uint32_t p = *cursor; p < selection->places; p++) {
        uint64_t word = selection->all.maybe[p / 64] >> (p % 64);
        if (word == 0) {
            p |= 63;
            continue;
        }
        p += (uint32_t)__builtin_ctzll(word);
        *cursor = p + 1;
        return columns->row[p];
    }
    *cursor = selection->places;
    return 0;
}

static void settle(struct columns_bits *bits, uint32_t place, bool yes)
{
    uint64_t bit = UINT64_C(1) << (place % 64);
    if (bits->maybe[place / 64] & bit) {
        bits->maybe[place / 64] &= ~bit;
        bits->yes[place / 64] |= yes ? bit : 0;
    }
}

void columns_settle(const struct columns *columns, struct columns_selection *selection, int64_t row,
                    bool yes)
{
    int64_t place = columns_place_of(columns, row);
    if (place < 0 || place >= selection->places) {
        return;
    }
    settle(&selection->all, (uint32_t)place, yes);
    for (uint32_t i = 0; i < selection->nparts; i++) {
        settle(&selection->parts[i], (uint32_t)place, yes);
    }
}

void columns_settle_rest(struct columns_selection *selection)
{
    size_t n = columns_words(selection->places) * sizeof(uint64_t);
    memset(selection->all.maybe, 0, n);
    for (uint32_t i = 0; i < selection->nparts; i++) {
        memset(selection->parts[i].maybe, 0, n);
    }
    selection->open = false;
}

void columns_without(const struct columns_selection *selection, enum column column, uint64_t *ret)
{
    size_t words = columns_words(selection->places);
    memcpy(ret, selection->parts[0].yes, words * sizeof(uint64_t));
    for (uint32_t i = 1; i < selection->nparts; i++) {
        if (selection->about[i] == column && column != COLUMN_COUNT) {
            continue;
        }
        for (size_t k = 0; k < words; k++) {
            ret[k] &= selection->parts[i].yes[k];
        }
    }
}
