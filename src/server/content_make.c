/*
 * Making a set's files: what agents load.
 *
 *     10-NAME.yaml     managed rules, as they are
 *     50-own.yaml      the users' lists, macros and rules, own ones, then overrides and switches; lists again
 *                      without what was taken out of them; an own macro stands behind those it uses
 *     policies.yaml    managed ones, or what takes their place, then own ones
 *
 * Documents go in line by line, and where each begins is remembered: what the engine says of a line is told of the
 * document.
 */
#include "server/content_set.h"

#include "rules/doc.h"

#include <errno.h>

#define MACRO_DEPTH_MAX 200

struct maker {
    struct content_set *set;
    struct buf text;
    uint32_t file, line; /* of the next line */
    size_t capacity;     /* of places */
    uint8_t *state;      /* of each document: it is being put, or there */
    struct smap macros;  /* own ones: index + 1 by name */
    int result;
};

static void put_lines(struct maker *m, struct str text)
{
    buf_puts(&m->text, text);
    for (size_t i = 0; i < text.n; i++) {
        m->line += text.p[i] == '\n';
    }
}

static void note_place(struct maker *m, const struct document *d)
{
    struct content_set *set = m->set;
    if (set->nplaces == m->capacity) {
        size_t capacity = m->capacity ? m->capacity * 2 : 64;
        struct place *places = ARENA_ARRAY(&set->arena, struct place, capacity);
        if (!places) {
            m->result = -ENOMEM;
            return;
        }
        if (set->nplaces > 0) {
            memcpy(places, set->places, set->nplaces * sizeof(*places));
        }
        set->places = places;
        m->capacity = capacity;
    }
    set->places[set->nplaces++] = (struct place){ m->file, m->line, d };
}

static void put_document(struct maker *m, const struct document *d)
{
    note_place(m, d);
    put_lines(m, d->text);
}

static void begin_file(struct maker *m, uint32_t file)
{
    buf_clear(&m->text);
    m->file = file;
    m->line = 1;
}

static void end_file(struct maker *m, const char *name)
{
    struct content_set *set = m->set;
    struct str kept = arena_str(&set->arena, buf_str(&m->text));
    if (m->text.failed || !kept.p) {
        m->result = -ENOMEM;
    } else {
        set->files[set->nfiles++] = (struct content_file){ str_of(name), kept };
    }
}

/* ---- own documents */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Behind a comment that begins here, alone in its line or after a blank. */
static size_t skip_comment(struct str text, size_t at)
{
    if (text.p[at] != '#' || (at > 0 && text.p[at - 1] != ' ' && text.p[at - 1] != '\n')) {
        return at;
    }
    ptrdiff_t end = str_find_char(str_from_offset(text, at), '\n');
    return end < 0 ? text.n : at + (size_t)end;
}

static void put_macro(struct maker *m, size_t index, unsigned depth)
{
    const struct document *d = &m->set->documents.items[index];
    struct str text = d->text;
    if (m->state[index] || depth > MACRO_DEPTH_MAX) {
        return;
    }
    m->state[index] = 1;
    for (size_t at = 0; at < text.n;) {
        at = skip_comment(text, at);
        size_t end = at;
        while (end < text.n && is_word(text.p[end])) {
            end++;
        }
        struct str word = str_first(str_from_offset(text, at), end - at);
        uintptr_t found = word.n ? (uintptr_t)smap_get(&m->macros, word) : 0;
        if (found) {
            put_macro(m, found - 1, depth + 1);
        }
        at = end + 1;
    }
    put_document(m, d);
}

static bool is_in(const struct document *d, enum content_kind kind, enum content_part part)
{
    return d->kind == kind && d->part == part && !d->excluded;
}

static void put_part(struct maker *m, enum content_kind kind, enum content_part part)
{
    const struct documents *all = &m->set->documents;
    for (size_t i = 0; i < all->n; i++) {
        if (is_in(&all->items[i], kind, part)) {
            if (kind == CONTENT_MACRO && part == PART_OWN) {
                put_macro(m, i, 0);
            } else {
                put_document(m, &all->items[i]);
            }
        }
    }
}

static int find_macros(struct maker *m)
{
    const struct documents *all = &m->set->documents;
    int r = 0;
    for (size_t i = 0; i < all->n && r == 0; i++) {
        if (is_in(&all->items[i], CONTENT_MACRO, PART_OWN)) {
            r = smap_put(&m->macros, all->items[i].name, (void *)(uintptr_t)(i + 1));
        }
    }
    return r;
}

/* ---- lists */

/* The items of a document's items of YAML, one after the other; `replace` ones begin anew. */
static int add_text_items(struct content_set *set, struct list_info *list, const struct document *d)
{
    struct arena tree;
    struct doc_documents documents;
    uint32_t offset;
    struct err err = { 0 };
    arena_init(&tree, CONTENT_SET_MAX);
    int r = doc_parse(&tree, d->text, &documents, &offset, &err);
    const struct doc_node *root = r == 0 && documents.n == 1 ? documents.roots[0] : NULL;
    for (uint32_t i = 0; root && root->kind == DOC_SEQUENCE && i < root->n && r == 0; i++) {
        const struct doc_node *map = root->items[i], *items = NULL, *over = NULL;
        if (map->kind == DOC_MAP) {
            items = doc_get(map, "items");
            over = doc_get(map, "override");
        }
        const struct doc_node *how = over && over->kind == DOC_MAP ? doc_get(over, "items") : NULL;
        bool replaces = how && how->kind == DOC_SCALAR && str_eqz(how->value, "replace");
        uint32_t n = items && items->kind == DOC_SEQUENCE ? items->n : 0;
        size_t before = replaces ? 0 : list->nall;
        struct str *all = ARENA_ARRAY(&set->arena, struct str, before + n);
        r = all ? 0 : -ENOMEM;
        if (r == 0 && before > 0) {
            memcpy(all, list->items, before * sizeof(*all));
        }
        list->items = all;
        list->nall = before;
        for (uint32_t k = 0; k < n && r == 0; k++) {
            if (items->items[k]->kind == DOC_SCALAR) {
                struct str item = arena_str(&set->arena, items->items[k]->value);
                r = item.p ? 0 : -ENOMEM;
                list->items[list->nall++] = item;
            }
        }
    }
    arena_done(&tree);
    return r;
}

/* All of the text into by_item, and items without what was taken out. */
static int settle_list(struct content_set *set, struct list_info *list)
{
    const struct taken *taken = NULL;
    for (size_t i = 0; i < set->ntaken; i++) {
        taken = str_eq(set->taken[i].list, list->name) ? &set->taken[i] : taken;
    }
    for (size_t i = 0; i < list->nall; i++) {
        if (smap_put(&list->by_item, list->items[i], list) < 0) {
            return -ENOMEM;
        }
    }
    struct smap out = { 0 };
    int r = 0;
    for (size_t i = 0; taken && i < taken->n && r == 0; i++) {
        r = smap_put(&out, taken->items[i], list);
    }
    for (size_t i = 0; i < list->nall; i++) {
        if (!smap_get(&out, list->items[i])) {
            list->items[list->n++] = list->items[i];
        }
    }
    smap_done(&out);
    return r;
}

static int add_list(struct content_set *set, const struct document *d)
{
    struct list_info *list = &set->lists[set->nlists];
    if (set_list(set, d->name)) {
        return 0;
    }
    list->name = d->name;
    set->nlists++;
    int r = smap_put(&set->lists_by_name, list->name, list);
    const struct document *own = documents_find(&set->documents, CONTENT_LIST, d->name, PART_OWN);
    const struct document *over =
        documents_find(&set->documents, CONTENT_LIST, d->name, PART_OVERRIDE);
    const struct document *base = own && !own->excluded ? own : d;
    r = r == 0 ? add_text_items(set, list, base) : r;
    if (r == 0 && over && !over->excluded) {
        r = add_text_items(set, list, over);
    }
    return r == 0 ? settle_list(set, list) : r;
}

static int make_lists(struct content_set *set)
{
    size_t most = set->managed->documents.n + set->documents.n;
    set->lists = ARENA_ARRAY(&set->arena, struct list_info, most);
    int r = set->lists ? 0 : -ENOMEM;
    for (size_t i = 0; i < set->managed->documents.n && r == 0; i++) {
        const struct document *d = &set->managed->documents.items[i];
        r = d->kind == CONTENT_LIST && !d->changes ? add_list(set, d) : 0;
    }
    for (size_t i = 0; i < set->documents.n && r == 0; i++) {
        const struct document *d = &set->documents.items[i];
        r = is_in(d, CONTENT_LIST, PART_OWN) ? add_list(set, d) : 0;
    }
    return r;
}

/* The whole list again, where something was taken out of it. */
static void put_remaining(struct maker *m, const struct list_info *list)
{
    if (list->n == list->nall) {
        return;
    }
    struct buf buf;
    buf_init(&buf, CONTENT_SET_MAX);
    buf_putz(&buf, "- list: ");
    buf_json_str(&buf, list->name);
    buf_putz(&buf, "\n  override: {items: replace}\n  items:");
    for (size_t i = 0; i < list->n; i++) {
        buf_putz(&buf, i ? ",\n    " : " [");
        buf_json_str(&buf, list->items[i]);
    }
    buf_putz(&buf, list->n ? "]\n" : " []\n");
    m->result = buf.failed ? -ENOMEM : m->result;
    const struct document *d = set_document(m->set, CONTENT_LIST, list->name);
    if (d) {
        note_place(m, d);
    }
    put_lines(m, buf_str(&buf));
    buf_done(&buf);
}

/* ---- policies */

/* The text with `enabled` as the switch says. */
static void put_switched(struct maker *m, const struct document *d, const struct document *toggle)
{
    struct arena tree;
    struct doc_documents of, to;
    uint32_t offset;
    struct err err = { 0 };
    struct buf buf;
    arena_init(&tree, CONTENT_SET_MAX);
    buf_init(&buf, 2 * CONTENT_TEXT_MAX);
    int r = doc_parse(&tree, d->text, &of, &offset, &err);
    r = r == 0 ? doc_parse(&tree, toggle->text, &to, &offset, &err) : r;
    const struct doc_node *enabled = r == 0 ? doc_get(to.roots[0]->items[0], "enabled") : NULL;
    struct doc_node *map = r == 0 ? of.roots[0]->items[0] : NULL;
    if (map && enabled) {
        struct doc_node **items = ARENA_ARRAY(&tree, struct doc_node *, (size_t)map->n + 2);
        struct doc_node *key = ARENA_NEW(&tree, struct doc_node);
        uint32_t n = 0;
        if (items && key) {
            *key = (struct doc_node){ .kind = DOC_SCALAR, .style = DOC_PLAIN };
            key->value = STR("enabled");
            for (uint32_t i = 0; i + 1 < map->n; i += 2) {
                if (map->items[i]->kind != DOC_SCALAR ||
                    !str_eqz(map->items[i]->value, "enabled")) {
                    items[n++] = map->items[i];
                    items[n++] = map->items[i + 1];
                }
            }
            items[n++] = key;
            items[n++] = (struct doc_node *)(uintptr_t)enabled;
            map->items = items;
            map->n = n;
        }
        document_write(map, &buf);
    }
    note_place(m, d);
    put_lines(m, buf.n > 0 ? buf_str(&buf) : d->text);
    m->result = buf.failed ? -ENOMEM : m->result;
    buf_done(&buf);
    arena_done(&tree);
}

static void put_policy(struct maker *m, const struct document *d)
{
    const struct documents *all = &m->set->documents;
    const struct document *toggle = documents_find(all, CONTENT_POLICY, d->name, PART_TOGGLE);
    if (toggle && !toggle->excluded) {
        put_switched(m, d, toggle);
    } else {
        put_document(m, d);
    }
}

static int make_policies(struct maker *m)
{
    struct content_set *set = m->set;
    begin_file(m, UINT32_MAX);
    for (size_t i = 0; i < set->managed->documents.n; i++) {
        const struct document *d = &set->managed->documents.items[i];
        if (d->kind != CONTENT_POLICY) {
            continue;
        }
        const struct document *over =
            documents_find(&set->documents, CONTENT_POLICY, d->name, PART_OVERRIDE);
        const struct document *own =
            documents_find(&set->documents, CONTENT_POLICY, d->name, PART_OWN);
        over = own ? own : over;
        put_policy(m, over && !over->excluded ? over : d);
    }
    for (size_t i = 0; i < set->documents.n; i++) {
        const struct document *d = &set->documents.items[i];
        if (is_in(d, CONTENT_POLICY, PART_OWN) &&
            !documents_find(&set->managed->documents, CONTENT_POLICY, d->name, PART_MANAGED)) {
            put_policy(m, d);
        }
    }
    set->policies_text = arena_str(&set->arena, buf_str(&m->text));
    return m->text.failed || !set->policies_text.p ? -ENOMEM : m->result;
}

/* ---- all of it */

static int make_rules(struct maker *m)
{
    struct content_set *set = m->set;
    for (size_t i = 0; i < set->managed->nrules; i++) {
        set->files[set->nfiles++] = set->managed->rules[i];
    }
    begin_file(m, (uint32_t)set->nfiles);
    put_part(m, CONTENT_LIST, PART_OWN);
    put_part(m, CONTENT_LIST, PART_OVERRIDE);
    for (size_t i = 0; i < set->nlists; i++) {
        put_remaining(m, &set->lists[i]);
    }
    put_part(m, CONTENT_MACRO, PART_OWN);
    put_part(m, CONTENT_MACRO, PART_OVERRIDE);
    put_part(m, CONTENT_RULE, PART_OWN);
    put_part(m, CONTENT_RULE, PART_OVERRIDE);
    put_part(m, CONTENT_RULE, PART_TOGGLE);
    if (m->text.n > 0) {
        end_file(m, "50-own.yaml");
    }
    return m->result;
}

int set_write_files(struct content_set *set, struct err *err)
{
    struct maker m = { .set = set };
    buf_init(&m.text, CONTENT_SET_MAX);
    set->files = ARENA_ARRAY(&set->arena, struct content_file, set->managed->nrules + 2);
    m.state = ARENA_ARRAY(&set->arena, uint8_t, set->documents.n);
    int r = set->files && m.state ? make_lists(set) : -ENOMEM;
    r = r == 0 ? find_macros(&m) : r;
    r = r == 0 ? make_rules(&m) : r;
    r = r == 0 ? make_policies(&m) : r;
    buf_done(&m.text);
    smap_done(&m.macros);
    return r < 0 ? err_set(err, r, "the content is too large") : 0;
}
