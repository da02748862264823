/*
 * expand: names of lists become their items, as text, before a condition is parsed.
 *
 * Lists are replaced one after the other in order of definition, each everywhere in the text that
 * has come of the ones before; a name counts where blanks or "(),=" surround it, within quotes too.
 * An empty list takes a neighbouring comma along. An item that names a list which came before the
 * item's own list was last changed stands for that list's items as written (one level only).
 *
 * Copying would make a list of a million items cost its size in each condition. So where a name is
 * an element of a parenthesised list of values and all its items are plain values, only a marked
 * name goes into the text, and the parser puts the list's one shared run there.
 */
#include "rules/load.h"

#include "rules/lex.h"
#include "rules/parse.h"

#include <errno.h>
#include <stdlib.h>

static bool is_delimiter(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '(' || c == ')' || c == ',' ||
           c == '=';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct compiled_list *compiled_list_find(const struct loader *loader, const struct compilation *c,
                                         struct str name)
{
    const struct collected_list *list = table_get(&loader->lists, name);
    /* A table's order never changes, so the search is for the place in it. */
    uint32_t low = 0, high = list ? c->nlists : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->lists[middle].from->item.index < list->item.index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return list && low < c->nlists && c->lists[low].from == list ? &c->lists[low] : NULL;
}

int add_use(struct arena *arena, uint32_t **list, uint32_t *n, uint32_t index)
{
    uint32_t at = *n;
    while (at > 0 && (*list)[at - 1] > index) {
        at--;
    }
    if (at > 0 && (*list)[at - 1] == index) {
        return 0;
    }
    if ((*n & (*n - 1)) == 0) {
        uint32_t *grown = ARENA_ARRAY(arena, uint32_t, *n ? *n * 2 : 1);
        if (!grown) {
            return -ENOMEM;
        }
        if (*n > 0) {
            memcpy(grown, *list, *n * sizeof(*grown));
        }
        *list = grown;
    }
    memmove(*list + at + 1, *list + at, (*n - at) * sizeof(**list));
    (*list)[at] = index;
    (*n)++;
    return 0;
}

/* ---- the lists themselves */

/* An item as it goes into a text: in quotes when it holds a blank. .p == NULL: out of memory. */
static struct str quoted_item(struct arena *arena, struct str item)
{
    if (str_find_char(item, ' ') < 0 || item.p[0] == '"' || item.p[0] == '\'') {
        return item;
    }
    char *copy = arena_bytes(arena, item.n + 2);
    if (!copy) {
        return (struct str){ 0 };
    }
    copy[0] = '"';
    memcpy(copy + 1, item.p, item.n);
    copy[item.n + 1] = '"';
    return (struct str){ copy, item.n + 2 };
}

/* The list an item stands for, or NULL. */
static const struct collected_list *visible_list(const struct loader *loader,
                                                 const struct collected_list *list, struct str item)
{
    const struct collected_list *named = table_get(&loader->lists, item);
    return named && named->item.index < list->item.visibility ? named : NULL;
}

static int add_items(struct compilation *c, struct compiled_list *list, const struct str *items,
                     uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        list->items[list->n] = quoted_item(&c->arena, items[i]);
        if (!list->items[list->n++].p) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int expand_items(struct loader *loader, struct compilation *c, struct compiled_list *list)
{
    const struct collected_list *from = list->from;
    uint64_t n = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        const struct collected_list *named = visible_list(loader, from, from->items[i]);
        n += named ? named->n : 1;
    }
    if (n > UINT32_MAX) {
        return -ENOMEM;
    }
    list->items = ARENA_ARRAY(&c->arena, struct str, n);
    if (!list->items) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < from->n; i++) {
        const struct collected_list *named = visible_list(loader, from, from->items[i]);
        int r = named ? add_items(c, list, named->items, named->n)
                      : add_items(c, list, &from->items[i], 1);
        if (r < 0) {
            return r;
        }
        if (named) {
            struct compiled_list *inner = compiled_list_find(loader, c, named->item.name);
            inner->used = inner->copied = true;
        }
    }
    return 0;
}

/* Calls for each run of bytes between delimiters that names a list. */
static int each_name(const struct loader *loader, const struct compilation *c, struct str text,
                     int (*found)(void *data, uint32_t index), void *data)
{
    for (size_t at = 0; at < text.n;) {
        size_t end = at;
        while (end < text.n && !is_delimiter(text.p[end])) {
            end++;
        }
        struct str word = { text.p + at, end - at };
        const struct compiled_list *list = word.n ? compiled_list_find(loader, c, word) : NULL;
        int r = list ? found(data, (uint32_t)(list - c->lists)) : 0;
        if (r < 0) {
            return r;
        }
        at = end + 1;
    }
    for (uint32_t i = 0; i < c->nodd; i++) {
        if (str_find(text, c->lists[c->odd_lists[i]].from->item.name) >= 0) {
            int r = found(data, c->odd_lists[i]);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

bool names_list(const struct loader *loader, struct str text)
{
    for (size_t at = 0; at < text.n;) {
        size_t end = at;
        while (end < text.n && !is_delimiter(text.p[end])) {
            end++;
        }
        struct str word = { text.p + at, end - at };
        if (word.n > 0 && table_get(&loader->lists, word)) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

struct later {
    struct compilation *c;
    struct compiled_list *list;
};

static int add_later(void *data, uint32_t index)
{
    struct later *later = data;
    uint32_t own = (uint32_t)(later->list - later->c->lists);
    return index > own ? add_use(&later->c->arena, &later->list->later, &later->list->nlater, index)
                       : 0;
}

static bool is_bare(struct str name)
{
    size_t i = 0;
    while (i < name.n && lex_is_bare_char(name.p[i])) {
        i++;
    }
    return i == name.n;
}

/* Can one run of values stand for the list's text? */
static int make_run(struct loader *loader, struct compilation *c, struct compiled_list *list)
{
    struct later later = { c, list };
    for (uint32_t i = 0; i < list->n; i++) {
        int r = each_name(loader, c, list->items[i], add_later, &later);
        if (r < 0) {
            return r;
        }
    }
    if (list->n == 0 || list->nlater > 0 || !is_bare(list->from->item.name)) {
        return 0;
    }
    struct str *values = ARENA_ARRAY(&c->arena, struct str, list->n);
    if (!values) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < list->n; i++) {
        if (!parse_is_plain_value(&c->arena, list->items[i], &values[i])) {
            return 0;
        }
    }
    list->shared = true;
    list->run = (struct ast_values){ .items = values, .n = list->n, .list = list->from->item.name };
    return 0;
}

/* Such a list can be declared but not used. */
static int too_many_odd(struct loader *loader, const struct item *item)
{
    struct context context = { .type = "list", .name = item->name, .where = item->where };
    report(loader, &context, &(struct report){ .code = LOAD_ERR_VALIDATE, .where = item->where },
           "More than %d lists have invalid names", ODD_LISTS_MAX);
    return 0;
}

int lists_compile(struct loader *loader, struct compilation *c)
{
    c->nlists = loader->lists.n;
    c->lists = ARENA_ARRAY(&c->arena, struct compiled_list, c->nlists);
    if (!c->lists) {
        return -ENOMEM;
    }
    int r = 0;
    for (uint32_t i = 0; i < c->nlists && r == 0; i++) {
        c->lists[i].from = loader->lists.items[i];
        if (!is_bare(c->lists[i].from->item.name)) {
            r = c->nodd < ODD_LISTS_MAX ? add_use(&c->arena, &c->odd_lists, &c->nodd, i)
                                        : too_many_odd(loader, &c->lists[i].from->item);
        }
    }
    for (uint32_t i = 0; i < c->nlists && r == 0; i++) {
        r = expand_items(loader, c, &c->lists[i]);
    }
    for (uint32_t i = 0; i < c->nlists && r == 0; i++) {
        r = make_run(loader, c, &c->lists[i]);
    }
    return r;
}

/* ---- texts */

/* A text with the segments that say where each part came from. */
struct draft {
    struct buf text;
    struct segment *segments;
    uint32_t n, capacity;
    bool failed;
};

static void add_segment(struct draft *draft, uint32_t in, uint32_t list)
{
    uint32_t out = (uint32_t)draft->text.n;
    if (draft->n > 0 && draft->segments[draft->n - 1].out == out) {
        draft->n--;
    }
    if (draft->n == draft->capacity) {
        uint32_t capacity = draft->capacity ? draft->capacity * 2 : 16;
        struct segment *segments = mem_resize(draft->segments, capacity, sizeof(*segments));
        if (!segments) {
            draft->failed = true;
            return;
        }
        draft->segments = segments;
        draft->capacity = capacity;
    }
    draft->segments[draft->n++] = (struct segment){ out, in, list };
}

static const struct segment *segment_at(const struct segment *segments, uint32_t n, uint32_t out)
{
    uint32_t low = 0, high = n;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (segments[middle].out <= out) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &segments[low];
}

static uint32_t origin_of(const struct segment *segment, uint32_t out)
{
    return segment->list ? segment->in : segment->in + (out - segment->out);
}

/* Copies [from, to) of one draft to the next, with what is known of it. */
static void copy_part(const struct draft *old, size_t from, size_t to, struct draft *new)
{
    if (from >= to) {
        return;
    }
    const struct segment *segment = segment_at(old->segments, old->n, (uint32_t)from);
    const struct segment *end = old->segments + old->n;
    while (from < to) {
        size_t stop = segment + 1 < end && segment[1].out < to ? segment[1].out : to;
        add_segment(new, origin_of(segment, (uint32_t)from), segment->list);
        buf_put(&new->text, old->text.p + from, stop - from);
        from = stop;
        segment++;
    }
}

/* What is known of the parentheses and quotes around the scan's place. */
struct surroundings {
    size_t at;
    char quote; /* within a quoted string */
    bool in_list;
};

static bool ends_with_word(struct str text, const char *word)
{
    struct str w = str_of(word);
    if (!str_ends(text, w)) {
        return false;
    }
    char before = text.n > w.n ? text.p[text.n - w.n - 1] : ' ';
    return is_space(before) || before == ')' || before == ']';
}

/* Does the parenthesis behind this text open a list of values? */
static bool opens_list(struct str before)
{
    static const char *const words[] = { "in", "intersects", "pmatch", "oneof", "anyof", "allof" };
    while (before.n > 0 && is_space(before.p[before.n - 1])) {
        before.n--;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (ends_with_word(before, words[i])) {
            return true;
        }
    }
    return false;
}

static void look_around(struct surroundings *s, struct str text, size_t to)
{
    for (; s->at < to; s->at++) {
        char c = text.p[s->at];
        if (s->quote) {
            if (c == '\\') {
                s->at++;
            } else if (c == s->quote) {
                s->quote = 0;
            }
        } else if (c == '"' || c == '\'') {
            s->quote = c;
        } else if (c == '(') {
            s->in_list = opens_list(str_first(text, s->at));
        } else if (c == ')') {
            s->in_list = false;
        }
    }
}

/* Is [start, end) an element of its own, in a parenthesised list of values? */
static bool is_element(struct surroundings *s, struct str text, size_t start, size_t end)
{
    look_around(s, text, start);
    if (s->quote || !s->in_list || start == 0 || end >= text.n) {
        return false;
    }
    return (text.p[start - 1] == '(' || text.p[start - 1] == ',') &&
           (text.p[end] == ')' || text.p[end] == ',');
}

static void put_items(const struct compiled_list *list, struct buf *buf)
{
    size_t start = buf->n;
    for (uint32_t i = 0; i < list->n && !buf->failed; i++) {
        buf_putz(buf, buf->n > start ? ", " : "");
        buf_puts(buf, list->items[i]);
    }
}

/* Next place of the name with delimiters on both sides; SIZE_MAX: none. */
static size_t find_name(struct str text, struct str name, size_t from)
{
    while (from <= text.n) {
        ptrdiff_t at = str_find(str_from_offset(text, from), name);
        if (at < 0 || name.n == 0) {
            break;
        }
        size_t start = from + (size_t)at, end = start + name.n;
        if ((start == 0 || is_delimiter(text.p[start - 1])) &&
            (end == text.n || is_delimiter(text.p[end]))) {
            return start;
        }
        from = start + 1;
    }
    return SIZE_MAX;
}

/* Replaces one list everywhere. */
static bool replace_list(struct compilation *c, uint32_t index, const struct draft *old,
                         struct draft *new)
{
    struct compiled_list *list = &c->lists[index];
    struct str text = buf_str(&old->text), name = list->from->item.name;
    struct surroundings around = { 0 };
    size_t done = 0;
    size_t at = find_name(text, name, 0);
    if (at == SIZE_MAX) {
        return false;
    }
    for (; at != SIZE_MAX && !new->text.failed; at = find_name(text, name, at)) {
        size_t start = at, end = at + name.n;
        while (start > done && is_space(text.p[start - 1])) {
            start--;
        }
        while (end < text.n && is_space(text.p[end])) {
            end++;
        }
        bool as_mark = list->shared && is_element(&around, text, start, end);
        uint32_t origin = origin_of(segment_at(old->segments, old->n, (uint32_t)at), (uint32_t)at);
        at = end;
        copy_part(old, done, start, new);
        size_t before = new->text.n;
        add_segment(new, origin, index + 1);
        buf_putc(&new->text, ' ');
        if (as_mark) {
            buf_putc(&new->text, LEX_LIST_MARK);
            buf_puts(&new->text, name);
        } else {
            list->copied = true;
            put_items(list, &new->text);
        }
        if (new->text.n == before + 1) {
            bool comma_before = before > 0 && new->text.p[before - 1] == ',';
            if (comma_before) {
                new->text.p[before - 1] = ' ';
            } else if (end < text.n && text.p[end] == ',') {
                end++;
            }
        }
        buf_putc(&new->text, ' ');
        done = end;
        at = at > done ? at : done;
    }
    copy_part(old, done, text.n, new);
    list->used = true;
    return true;
}

struct needed {
    struct compilation *c;
    uint32_t *lists;
    uint32_t n;
};

static int add_needed(void *data, uint32_t index)
{
    struct needed *needed = data;
    return add_use(&needed->c->arena, &needed->lists, &needed->n, index);
}

static void draft_init(struct draft *draft)
{
    buf_init(&draft->text, RULES_EXPANSION_MAX);
    draft->n = 0;
}

static void draft_done(struct draft *draft)
{
    buf_done(&draft->text);
    free(draft->segments);
}

/* Replaces list after list, in order; what a list's items name comes later and joins the queue. */
static int replace_all(struct compilation *c, struct needed *needed, struct draft drafts[2],
                       struct uses *uses, unsigned *ret_last)
{
    unsigned last = 0;
    for (uint32_t i = 0; i < needed->n; i++) {
        if (needed->n > CONDITION_LISTS_MAX) {
            return -EDOM;
        }
        uint32_t index = needed->lists[i];
        struct draft *old = &drafts[last], *new = &drafts[!last];
        buf_clear(&new->text);
        new->n = 0;
        if (!replace_list(c, index, old, new)) {
            continue;
        }
        last = !last;
        if (new->failed) {
            return -ENOMEM;
        }
        if (new->text.failed) {
            return new->text.n > RULES_EXPANSION_MAX / 2 ? -E2BIG : -ENOMEM;
        }
        int r = add_use(&c->arena, &uses->lists, &uses->nlists, index);
        for (uint32_t k = 0; k < c->lists[index].nlater && r == 0; k++) {
            r = add_needed(needed, c->lists[index].later[k]);
        }
        if (r < 0) {
            return r;
        }
    }
    *ret_last = last;
    return 0;
}

static int keep_draft(struct compilation *c, const struct draft *draft, struct expansion *ret)
{
    struct segment *segments = ARENA_ARRAY(&c->arena, struct segment, draft->n);
    ret->s = arena_str(&c->arena, buf_str(&draft->text));
    if (!segments || !ret->s.p) {
        return -ENOMEM;
    }
    if (draft->n > 0) {
        memcpy(segments, draft->segments, draft->n * sizeof(*segments));
    }
    ret->segments = segments;
    ret->nsegments = draft->n;
    return 0;
}

int expand_lists(struct loader *loader, struct compilation *c, struct str text,
                 struct expansion *ret, struct uses *uses)
{
    struct needed needed = { .c = c };
    int r = each_name(loader, c, text, add_needed, &needed);
    if (r < 0) {
        return r;
    }
    if (needed.n == 0) {
        *ret = (struct expansion){ .s = text };
        return 0;
    }
    struct draft drafts[2] = { 0 };
    draft_init(&drafts[0]);
    draft_init(&drafts[1]);
    add_segment(&drafts[0], 0, 0);
    buf_puts(&drafts[0].text, text);
    unsigned last = 0;
    r = drafts[0].text.failed ? -E2BIG : drafts[0].failed ? -ENOMEM : 0;
    if (r == 0) {
        r = replace_all(c, &needed, drafts, uses, &last);
    }
    if (r == 0) {
        r = keep_draft(c, &drafts[last], ret);
    }
    draft_done(&drafts[0]);
    draft_done(&drafts[1]);
    return r;
}

uint32_t expansion_origin(const struct expansion *expansion, uint32_t offset)
{
    if (expansion->nsegments == 0) {
        return offset;
    }
    return origin_of(segment_at(expansion->segments, expansion->nsegments, offset), offset);
}

/* ---- what the parser asks */

struct list_source {
    const struct loader *loader;
    const struct compilation *c;
    const struct expansion *expansion;
};

static const struct ast_values *run_of(const void *data, struct str name)
{
    const struct list_source *source = data;
    const struct compiled_list *list = compiled_list_find(source->loader, source->c, name);
    return list && list->shared ? &list->run : NULL;
}

static struct str list_at(const void *data, uint32_t offset)
{
    const struct list_source *source = data;
    const struct expansion *e = source->expansion;
    if (e->nsegments == 0) {
        return (struct str){ 0 };
    }
    uint32_t list = segment_at(e->segments, e->nsegments, offset)->list;
    return list ? source->c->lists[list - 1].from->item.name : (struct str){ 0 };
}

/* Reports why a condition could not be parsed, with a hint for a misspelt operator. */
static void report_parse(struct loader *loader, const struct condition_source *source,
                         const struct expansion *expansion, uint32_t offset, const struct err *err)
{
    char storage[128];
    struct buf hint;
    buf_init_fixed(&hint, storage, sizeof(storage));
    if (str_starts(str_of(err->message), STR("expected a valid check operator"))) {
        struct lexer lexer = { .text = expansion->s, .at = offset };
        lex_blank(&lexer);
        struct diag_suggestion suggestion;
        diag_suggest_init(&suggestion, lex_bare(&lexer) ? lexer.last : STR(""));
        for (enum ast_op op = 0; op < OP_COUNT; op++) {
            diag_suggest_try(&suggestion, str_of(op_text(op)));
        }
        diag_suggest_text(&suggestion, &hint);
    }
    struct where where = text_where(loader, source->text, expansion_origin(expansion, offset));
    report(loader, source->context,
           &(struct report){ .code = LOAD_ERR_COMPILE_CONDITION,
                             .where = where,
                             .part = "condition expression",
                             .hint = buf_str(&hint) },
           "%s", err->message);
}

int condition_parse(struct loader *loader, struct compilation *c,
                    const struct condition_source *source, struct expansion *ret_expansion,
                    struct uses *uses, struct ast **ret_ast, uint32_t *ret_nodes)
{
    struct err err = { 0 };
    uint32_t offset = 0;
    int r = expand_lists(loader, c, source->text->s, ret_expansion, uses);
    if (r == -E2BIG) {
        err_set(&err, r, "the condition is longer than 16 MiB after its lists were expanded");
    } else if (r == -EDOM) {
        err_set(&err, r, "the condition uses more than %d lists", CONDITION_LISTS_MAX);
    } else if (r == 0) {
        struct list_source lists = { loader, c, ret_expansion };
        struct parse_lists callbacks = { run_of, list_at, &lists };
        struct parse_options options = { CONDITION_DEPTH_MAX, source->macro, &callbacks, NULL };
        r = parse_expanded(&c->arena, ret_expansion->s, &options, ret_ast, ret_nodes, &offset,
                           &err);
    }
    if (r == -ENOMEM || r == 0) {
        return r;
    }
    report_parse(loader, source, ret_expansion, offset, &err);
    return -EINVAL;
}
