/*
 * items: files of plain items, one a line, appended to a list.
 *
 * An item means itself, whatever it holds, but lists are put into conditions as text. So an item that is not a
 * bare word is kept in quotes with escapes, and one that holds the name of a list has every byte escaped, so
 * that no list is put into it. Bare words, most of all items, are borrowed from the file's content: a million
 * of them cost one array.
 */
#include "rules/load.h"

#include "rules/lex.h"

#include <errno.h>

struct items_file {
    struct loader *loader;
    struct collected_list *list;
    uint32_t file;
    struct buf text; /* an item being quoted */
    bool failed;
};

static void complain(struct items_file *f, uint32_t offset, const char *hint, const char *message)
{
    struct context context = { .type = "list",
                               .name = f->list->item.name,
                               .where = { f->file, offset } };
    f->failed = true;
    report(
        f->loader, &context,
        &(struct report){ .code = LOAD_ERR_VALIDATE, .where = context.where, .hint = str_of(hint) },
        "%s", message);
}

static uint32_t count_lines(struct str content)
{
    uint64_t n = content.n > 0;
    for (size_t i = 0; i < content.n; i++) {
        n += content.p[i] == '\n';
    }
    return n <= LIST_ITEMS_MAX ? (uint32_t)n : UINT32_MAX;
}

static int make_room(struct loader *loader, struct collected_list *list, uint32_t more)
{
    if (list->capacity - list->n >= more) {
        return 0;
    }
    uint64_t capacity = (uint64_t)list->n + more;
    struct str *items = ARENA_ARRAY(&loader->arena, struct str, capacity);
    if (!items || capacity > UINT32_MAX) {
        return -ENOMEM;
    }
    if (list->n > 0) {
        memcpy(items, list->items, list->n * sizeof(*items));
    }
    list->items = items;
    list->capacity = (uint32_t)capacity;
    return 0;
}

/* Offset of the first byte that may not be in a line; -1: none. */
static ptrdiff_t bad_byte(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

static bool is_bare(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        if (!lex_is_bare_char(line.p[i]) || line.p[i] == '\\') {
            return false;
        }
    }
    return true;
}

/* The line without its escapes, into f->text. False: reported. */
static bool unescape(struct items_file *f, struct str line, uint32_t offset)
{
    buf_clear(&f->text);
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (c == '\\') {
            char escaped = i + 1 < line.n ? line.p[++i] : '\0';
            c = escaped == 'n' ? '\n' : escaped == '\\' ? '\\' : '\0';
        }
        if (c == '\0') {
            complain(f, offset + (uint32_t)i, "a backslash itself is written \\\\",
                     "Unknown escape in an item");
            return false;
        }
        buf_putc(&f->text, c);
    }
    return true;
}

static void put_quoted(struct buf *buf, struct str item, bool all)
{
    static const char digits[] = "0123456789abcdef";
    buf_putc(buf, '"');
    for (size_t i = 0; i < item.n; i++) {
        unsigned char c = (unsigned char)item.p[i];
        if (all || c < ' ' || c == '"' || c == '\\') {
            buf_putz(buf, "\\x");
            buf_putc(buf, digits[c >> 4]);
            buf_putc(buf, digits[c & 15]);
        } else {
            buf_putc(buf, (char)c);
        }
    }
    buf_putc(buf, '"');
}

/* As it goes into a condition. .p == NULL: memory is out. */
static struct str as_text(struct items_file *f, struct str item)
{
    struct buf quoted;
    buf_init(&quoted, 4 * LITERAL_MAX + 2);
    put_quoted(&quoted, item, names_list(f->loader, item));
    struct str kept = quoted.failed ? (struct str){ 0 } : keep_str(f->loader, buf_str(&quoted));
    buf_done(&quoted);
    return kept;
}

/* -ENOMEM only. */
static int add_line(struct items_file *f, struct str line, uint32_t offset)
{
    ptrdiff_t bad = bad_byte(line);
    if (bad >= 0) {
        bool cr = line.p[bad] == '\r' && (size_t)bad + 1 == line.n;
        complain(f, offset + (uint32_t)bad, cr ? "lines end in a newline alone" : "",
                 "An item holds a control character");
        return 0;
    }
    if (!str_is_utf8(line)) {
        complain(f, offset, "", "An item is not UTF-8");
        return 0;
    }
    struct str item = line;
    if (!is_bare(line) || names_list(f->loader, line)) {
        if (!unescape(f, line, offset)) {
            return 0;
        }
        item = f->text.failed ? (struct str){ 0 } : as_text(f, buf_str(&f->text));
        if (!item.p) {
            return -ENOMEM;
        }
    }
    f->list->items[f->list->n++] = item;
    return 0;
}

static int add_lines(struct items_file *f, struct str content)
{
    int r = 0;
    for (size_t at = 0; at < content.n && r == 0;) {
        struct str rest = str_from_offset(content, at);
        ptrdiff_t end = str_find_char(rest, '\n');
        struct str line = str_first(rest, end < 0 ? rest.n : (size_t)end);
        if (line.n > LITERAL_MAX) {
            complain(f, (uint32_t)at, "", "An item is too long");
        } else if (line.n > 0) {
            r = add_line(f, line, (uint32_t)at);
        }
        at += line.n + 1;
    }
    return r;
}

/* The list that is meant; NULL: reported. */
static struct collected_list *find_list(struct loader *loader, uint32_t file, struct str name)
{
    struct collected_list *list = table_get(&loader->lists, name);
    if (list || smap_get(&loader->broken_names, name)) {
        return list;
    }
    char storage[128];
    struct buf hint;
    struct context context = { .type = "list", .name = name, .where = { file, 0 } };
    buf_init_fixed(&hint, storage, sizeof(storage));
    suggest_item(loader, &loader->lists, name, &hint);
    report(loader, &context,
           &(struct report){
               .code = LOAD_ERR_VALIDATE, .where = context.where, .hint = buf_str(&hint) },
           "Items for a list that does not exist");
    return NULL;
}

static int add_content(struct loader *loader, uint32_t file, struct str list)
{
    struct items_file f = { .loader = loader, .file = file };
    struct str content = loader->files[file].content;
    uint32_t lines = count_lines(content);
    f.list = find_list(loader, file, list);
    if (!f.list) {
        return -EINVAL;
    }
    if (lines == UINT32_MAX) {
        complain(&f, 0, "", "More items than a list may have");
        return -EINVAL;
    }
    if (make_room(loader, f.list, lines) < 0) {
        return -ENOMEM;
    }
    buf_init(&f.text, LITERAL_MAX);
    int r = add_lines(&f, content);
    buf_done(&f.text);
    f.list->item.visibility = loader->next_index++;
    return r < 0 ? r : f.failed ? -EINVAL : 0;
}

int loader_add_items(struct loader *loader, struct str file_name, struct str list,
                     struct str content)
{
    bool too_large = content.n > RULES_FILE_MAX;
    int r = file_add(loader, file_name, too_large ? STR("") : content);
    if (r == 0 && too_large) {
        struct context context = { .type = "rules content", .where = { loader->nfiles - 1, 0 } };
        report(loader, &context,
               &(struct report){ .code = LOAD_ERR_FILE_READ, .where = context.where },
               "the file is larger than 64 MiB");
        return -EINVAL;
    }
    if (r == 0) {
        loader->stale = true;
        r = add_content(loader, loader->nfiles - 1, list);
    }
    if (r == -ENOMEM) {
        report_memory(loader);
    }
    return r;
}
