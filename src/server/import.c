/*
 * Reading lists of indicators.
 *
 * One pass over the text; each item is brought into its form in one small buffer and copied once, when it is new.
 * A quoted field of CSV may hold newlines and doubled quotes; a quote that never ends takes the rest and is told.
 */
#include "server/import.h"

#include <errno.h>
#include <stdlib.h>

#define PROBLEM_TEXT_MAX 100

struct reader {
    struct import *import;
    const struct import_options *options;
    struct buf form;  /* an item in its form */
    struct buf field; /* a field of CSV without quotes */
    uint64_t line;
};

void import_done(struct import *import)
{
    smap_done(&import->seen);
    free(import->items);
    arena_done(&import->arena);
    import->items = NULL;
}

static void problem(struct reader *r, struct str text, const char *reason)
{
    struct import *import = r->import;
    import->invalid++;
    if (import->nproblems < IMPORT_PROBLEMS_MAX) {
        struct str shown = str_first(text, PROBLEM_TEXT_MAX);
        while (shown.n > 0 && shown.n < text.n && ((unsigned char)text.p[shown.n] & 0xc0) == 0x80) {
            shown.n--;
        }
        import->problems[import->nproblems++] =
            (struct import_problem){ r->line, arena_str(&import->arena, shown), reason };
    }
}

static int keep(struct import *import, struct str item)
{
    if (smap_get(&import->seen, item)) {
        import->duplicates++;
        return 0;
    }
    if (import->n == import->capacity) {
        size_t capacity = import->capacity ? import->capacity * 2 : 1024;
        struct str *items = mem_resize(import->items, capacity, sizeof(*items));
        if (!items) {
            return -ENOMEM;
        }
        import->items = items;
        import->capacity = capacity;
    }
    struct str kept = arena_str(&import->arena, item);
    if (!kept.p || smap_put(&import->seen, kept, import) < 0) {
        return -ENOMEM;
    }
    import->items[import->n++] = kept;
    return 0;
}

static int take(struct reader *r, struct str item)
{
    item = str_trim(item);
    if (item.n == 0) {
        r->import->empty++;
        return 0;
    }
    const char *why = import_normalise(r->options->kind, item, &r->form);
    if (why) {
        problem(r, item, why);
        return 0;
    }
    struct str formed = buf_str(&r->form);
    r->import->normalised += !str_eq(formed, item);
    return keep(r->import, formed);
}

/* ---- plain */

/* Of "0.0.0.0 name  # why" the name. */
static struct str of_hosts_line(struct str line)
{
    ptrdiff_t comment = str_find(line, STR(" #"));
    line = str_trim(comment >= 0 ? str_first(line, (size_t)comment) : line);
    size_t blank = 0;
    while (blank < line.n && line.p[blank] != ' ' && line.p[blank] != '\t') {
        blank++;
    }
    struct str first = str_first(line, blank);
    bool address = str_eqz(first, "0.0.0.0") || str_eqz(first, "127.0.0.1") ||
                   str_eqz(first, "::1") || str_eqz(first, "::");
    return address && blank < line.n ? str_trim(str_from_offset(line, blank)) : line;
}

static int read_plain(struct reader *r, struct str text)
{
    int result = 0;
    for (size_t at = 0; at < text.n && result == 0;) {
        struct str rest = str_from_offset(text, at);
        ptrdiff_t end = str_find_char(rest, '\n');
        struct str line = str_first(rest, end < 0 ? rest.n : (size_t)end);
        at += line.n + 1;
        r->line++;
        line = str_trim(line);
        if (line.n > 0 && (line.p[0] == '#' || line.p[0] == ';')) {
            r->import->comments++;
            continue;
        }
        result = take(r, r->options->kind == IMPORT_DOMAIN ? of_hosts_line(line) : line);
    }
    return result;
}

/* ---- CSV */

/* The field at *at into r->field; *at moves behind its delimiter. True: the line ends with it. */
static bool next_field(struct reader *r, struct str text, size_t *at)
{
    char delimiter = r->options->delimiter ? r->options->delimiter : ',';
    bool quoted = *at < text.n && text.p[*at] == '"';
    buf_clear(&r->field);
    *at += quoted;
    while (*at < text.n) {
        char c = text.p[(*at)++];
        if (quoted && c == '"') {
            bool doubled = *at < text.n && text.p[*at] == '"';
            quoted = doubled;
            if (!doubled) {
                continue;
            }
            (*at)++;
        } else if (!quoted && (c == delimiter || c == '\n')) {
            return c == '\n';
        }
        r->line += quoted && c == '\n';
        buf_putc(&r->field, c);
    }
    if (quoted) {
        problem(r, str_first(buf_str(&r->field), 40), "a quote does not end");
        buf_clear(&r->field);
    }
    return true;
}

/* The number of the column of that name; 0: there is none. */
static uint32_t find_column(struct reader *r, struct str text, size_t *at)
{
    uint32_t found = 0, column = 0;
    bool end = false;
    r->line++;
    while (!end) {
        end = next_field(r, text, at);
        column++;
        if (!found && str_ieq(str_trim(buf_str(&r->field)), r->options->column_name)) {
            found = column;
        }
    }
    return found;
}

static int read_line(struct reader *r, struct str text, size_t *at, uint32_t wanted)
{
    uint32_t column = 0;
    bool end = false, there = false;
    int result = 0;
    size_t start = *at;
    uint64_t line = ++r->line;
    if (text.p[*at] == '#') {
        ptrdiff_t stop = str_find_char(str_from_offset(text, *at), '\n');
        *at = stop < 0 ? text.n : *at + (size_t)stop + 1;
        r->import->comments++;
        return 0;
    }
    while (!end && result == 0) {
        end = next_field(r, text, at);
        if (++column == wanted) {
            there = true;
            if (r->field.failed) {
                problem(r, buf_str(&r->field), "longer than 4096 bytes");
            } else {
                result = take(r, buf_str(&r->field));
            }
        }
    }
    if (!there && result == 0) {
        struct str shown = str_trim(str_first(str_from_offset(text, start), *at - start));
        r->import->empty += shown.n == 0;
        if (shown.n > 0) {
            uint64_t now = r->line;
            r->line = line;
            problem(r, shown, "the line has no such column");
            r->line = now;
        }
    }
    return result;
}

static int read_csv(struct reader *r, struct str text, struct err *err)
{
    uint32_t wanted = r->options->column_number ? r->options->column_number : 1;
    size_t at = 0;
    int result = 0;
    if (r->options->column_name.p) {
        wanted = text.n > 0 ? find_column(r, text, &at) : 0;
        if (wanted == 0) {
            return err_set(err, -EINVAL, "there is no column of that name in the first line");
        }
    } else if (r->options->header && text.n > 0) {
        r->line++;
        while (!next_field(r, text, &at)) {
        }
    }
    while (at < text.n && result == 0) {
        result = read_line(r, text, &at, wanted);
    }
    return result;
}

int import_read(struct import *import, const struct import_options *options, struct str text,
                struct err *err)
{
    struct reader r = { .import = import, .options = options };
    *import = (struct import){ 0 };
    arena_init(&import->arena, IMPORT_MEMORY_MAX);
    buf_init(&r.form, IMPORT_ITEM_MAX);
    buf_init(&r.field, 2 * IMPORT_ITEM_MAX);
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        text = str_from_offset(text, 3);
    }
    int result = options->csv ? read_csv(&r, text, err) : read_plain(&r, text);
    import->lines = r.line;
    buf_done(&r.form);
    buf_done(&r.field);
    return result == -ENOMEM ? err_set(err, result, "the list is too large") : result;
}
