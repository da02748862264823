/*
 * client_show: JSON of the server for people.
 *
 * A table's columns are as wide as what is in them; when the terminal is narrower, the widest flexible column is
 * made narrower until all fit, down to a few columns each. East Asian characters take two columns.
 */
#include "cli/client_show.h"

#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define COLUMN_MIN 8
#define CELL_MAX   ((size_t)1 << 20)
#define GAP        2
#define NAMES_MAX  26 /* columns of names in client_object */
#define DEPTH_MAX  8

/* ---- characters */

/* The first character of s, and its length; 0xffffffff when it is none. */
static uint32_t take_character(struct str s, size_t *ret_n)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;
    *ret_n = 1;
    if (c < 0x80) {
        return c;
    }
    if (c < 0xc2 || c > 0xf4 || n > s.n || !str_is_utf8(str_first(s, n))) {
        return UINT32_MAX;
    }
    uint32_t v = c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        v = v << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    *ret_n = n;
    return v;
}

struct range {
    uint32_t from, to;
};

static bool within(uint32_t c, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].from && c <= ranges[i].to) {
            return true;
        }
    }
    return false;
}
#define WITHIN(c, ranges) within(c, ranges, sizeof(ranges) / sizeof(*(ranges)))

/* What a terminal obeys, what turns text around, and what nobody sees. */
static bool is_hidden(uint32_t c)
{
    static const struct range hidden[] = {
        { 0, 0x1f },          { 0x7f, 0x9f },       { 0xad, 0xad },          { 0x61c, 0x61c },
        { 0x115f, 0x1160 },   { 0x180b, 0x180f },   { 0x200b, 0x200f },      { 0x2028, 0x202e },
        { 0x2060, 0x206f },   { 0x3164, 0x3164 },   { 0xe000, 0xf8ff },      { 0xfe00, 0xfe0f },
        { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },      { 0xfffe, 0xffff },
        { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, UINT32_MAX },
    };
    return WITHIN(c, hidden);
}

static size_t width_of(uint32_t c)
{
    static const struct range none[] = {
        { 0x300, 0x36f },   { 0x483, 0x489 },   { 0x1ab0, 0x1aff },
        { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0xfe20, 0xfe2f }
    };
    static const struct range two[] = {
        { 0x1100, 0x115e },  { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xa960, 0xa97c },
        { 0xac00, 0xd7a3 },  { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
        { 0xffe0, 0xffe6 },  { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
        { 0x20000, 0x3fffd }
    };
    return c < 0x300 ? 1 : WITHIN(c, none) ? 0 : WITHIN(c, two) ? 2 : 1;
}

/* One character as it is shown; returns its columns. */
static size_t put_character(struct buf *buf, struct str s, size_t *ret_n)
{
    uint32_t c = take_character(s, ret_n);
    size_t before = buf->n;
    if (c == UINT32_MAX) {
        buf_printf(buf, "\\x%02x", (unsigned char)s.p[0]);
    } else if (c == '\n' || c == '\t' || c == '\r') {
        buf_printf(buf, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    } else if (is_hidden(c)) {
        buf_printf(buf, c < 0x80 ? "\\x%02x" : "\\u{%x}", c);
    } else {
        buf_put(buf, s.p, *ret_n);
        return width_of(c);
    }
    return buf->n - before;
}

size_t client_visible(struct buf *buf, struct str s, size_t columns)
{
    size_t used = 0;
    size_t cut_at = buf->n, cut_used = 0; /* where the ellipsis would go */
    while (s.n > 0) {
        size_t n;
        used += put_character(buf, s, &n);
        s = str_from_offset(s, n);
        if (columns && used > columns) {
            buf->n = cut_at;
            buf_putz(buf, "…");
            return cut_used + 1;
        }
        if (used + 1 <= columns) {
            cut_at = buf->n;
            cut_used = used;
        }
    }
    return used;
}

/* ---- members */

struct json_object *client_member(struct json_object *object, const char *key)
{
    char name[64];
    for (const char *dot; (dot = strchr(key, '.')); key = dot + 1) {
        snprintf(name, sizeof(name), "%.*s", (int)(dot - key), key);
        if (!json_object_object_get_ex(object, name, &object)) {
            return NULL;
        }
    }
    return json_object_object_get_ex(object, key, &object) ? object : NULL;
}

size_t client_length(struct json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *client_item(struct json_object *answer, int64_t id)
{
    struct json_object *items = client_member(answer, "items");
    for (size_t i = 0; i < client_length(items); i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        if (client_int(item, "id") == id) {
            return item;
        }
    }
    return NULL;
}

const char *client_text(struct json_object *object, const char *key)
{
    struct json_object *member = client_member(object, key);
    return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : "";
}

int64_t client_int(struct json_object *object, const char *key)
{
    return json_object_get_int64(client_member(object, key));
}

void client_time(struct buf *buf, int64_t ms)
{
    char text[32];
    struct tm tm;
    time_t s = (time_t)(ms / 1000);
    if (ms > 0 && localtime_r(&s, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm)) {
        buf_putz(buf, text);
    } else {
        buf_putc(buf, '-');
    }
}

static const char *band_of(double severity)
{
    return severity >= 9   ? "critical"
           : severity >= 7 ? "high"
           : severity >= 4 ? "medium"
           : severity >= 1 ? "low"
                           : "info";
}

static struct str text_of(struct json_object *value)
{
    return json_object_is_type(value, json_type_string)
               ? str_from(json_object_get_string(value), (size_t)json_object_get_string_len(value))
               : str_of(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
}

/* `key`: of each, which is an object; NULL: each as it is. */
static void put_list(struct buf *buf, struct json_object *array, const char *key)
{
    for (size_t i = 0; i < client_length(array); i++) {
        struct json_object *item = json_object_array_get_idx(array, i);
        buf_putz(buf, i ? ", " : "");
        buf_puts(buf, text_of(key ? client_member(item, key) : item));
    }
    buf_putz(buf, client_length(array) ? "" : "-");
}

/* What a cell says, not yet made visible. */
static void put_value(struct buf *buf, struct json_object *value, enum column_kind kind)
{
    bool array = json_object_is_type(value, json_type_array);
    if (!value ||
        (json_object_is_type(value, json_type_string) && !json_object_get_string_len(value))) {
        buf_putc(buf, '-');
    } else if (kind == COLUMN_TIME) {
        client_time(buf, json_object_get_int64(value));
    } else if (kind == COLUMN_BAND) {
        double severity = json_object_get_double(value);
        buf_printf(buf, "%s %.1f", band_of(severity), severity);
    } else if (kind == COLUMN_COUNT) {
        buf_u64(buf, array ? client_length(value) : 1);
    } else if (array) {
        put_list(buf, value, kind == COLUMN_REASONS ? "text" : NULL);
    } else if (json_object_is_type(value, json_type_boolean)) {
        buf_putz(buf, json_object_get_boolean(value) ? "yes" : "no");
    } else {
        buf_puts(buf, text_of(value));
    }
}

/* ---- tables */

/* "a|b": a, or where there is none, b. */
static struct json_object *value_of(struct json_object *item, const char *key)
{
    char first[64];
    const char *bar = strchr(key, '|');
    snprintf(first, sizeof(first), "%.*s", bar ? (int)(bar - key) : (int)strlen(key), key);
    struct json_object *value = client_member(item, first);
    return value || !bar ? value : client_member(item, bar + 1);
}

static size_t cell(struct buf *buf, struct json_object *item, const struct column *column,
                   size_t columns)
{
    struct buf raw;
    buf_init(&raw, CELL_MAX);
    put_value(&raw, value_of(item, column->key), column->kind);
    size_t used = client_visible(buf, buf_str(&raw), columns);
    buf_done(&raw);
    return used;
}

static size_t count_columns(const struct column *columns)
{
    size_t n = 0;
    while (n < COLUMNS_MAX && columns[n].title) {
        n++;
    }
    return n;
}

static void measure(struct json_object *items, const struct column *columns, size_t n, size_t *ret)
{
    struct buf text;
    buf_init(&text, CELL_MAX * 8);
    for (size_t c = 0; c < n; c++) {
        ret[c] = strlen(columns[c].title);
    }
    for (size_t i = 0; i < client_length(items); i++) {
        for (size_t c = 0; c < n; c++) {
            buf_clear(&text);
            size_t used = cell(&text, json_object_array_get_idx(items, i), &columns[c], 0);
            ret[c] = used > ret[c] ? used : ret[c];
        }
    }
    buf_done(&text);
}

static void fit(const struct column *columns, size_t n, size_t width, size_t *widths)
{
    size_t sum = n ? GAP * (n - 1) : 0;
    for (size_t c = 0; c < n; c++) {
        sum += widths[c];
    }
    while (width && sum > width) {
        size_t widest = n;
        for (size_t c = 0; c < n; c++) {
            bool may = columns[c].flexible && widths[c] > COLUMN_MIN;
            widest = may && (widest == n || widths[c] > widths[widest]) ? c : widest;
        }
        if (widest == n) {
            return;
        }
        widths[widest]--;
        sum--;
    }
}

static void put_padded(struct buf *buf, struct str text, size_t used, size_t width, bool right)
{
    for (size_t i = used; i < width && right; i++) {
        buf_putc(buf, ' ');
    }
    buf_puts(buf, text);
    for (size_t i = used; i < width && !right; i++) {
        buf_putc(buf, ' ');
    }
}

static void put_row(struct buf *buf, struct json_object *item, const struct column *columns,
                    size_t n, const size_t *widths)
{
    for (size_t c = 0; c < n; c++) {
        struct buf text;
        bool last = c + 1 == n, right = columns[c].kind == COLUMN_NUMBER;
        buf_init(&text, CELL_MAX * 8);
        size_t used;
        if (item) {
            used = cell(&text, item, &columns[c], widths[c]);
        } else {
            buf_putz(&text, columns[c].title);
            used = text.n;
        }
        put_padded(buf, buf_str(&text), used, last && !right ? 0 : widths[c], right);
        buf_putz(buf, last ? "\n" : "  ");
        buf_done(&text);
    }
}

void client_table(struct buf *buf, struct json_object *items, const struct column *columns,
                  size_t width)
{
    size_t n = count_columns(columns);
    size_t widths[COLUMNS_MAX];
    measure(items, columns, n, widths);
    fit(columns, n, width, widths);
    put_row(buf, NULL, columns, n, widths);
    for (size_t i = 0; i < client_length(items); i++) {
        put_row(buf, json_object_array_get_idx(items, i), columns, n, widths);
    }
}

/* ---- objects */

static bool is_listed(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; at && (at = strstr(at, word)); at += n) {
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static void indent(struct buf *buf, unsigned depth)
{
    for (unsigned i = 0; i < depth * 2; i++) {
        buf_putc(buf, ' ');
    }
}

static bool is_plain(struct json_object *value)
{
    return !json_object_is_type(value, json_type_object) &&
           !json_object_is_type(value, json_type_array);
}

static bool is_plain_list(struct json_object *value)
{
    for (size_t i = 0; i < client_length(value); i++) {
        if (!is_plain(json_object_array_get_idx(value, i))) {
            return false;
        }
    }
    return true;
}

/* Text of several lines, each made visible. */
static void put_block(struct buf *buf, struct str text, unsigned depth)
{
    buf_putc(buf, '\n');
    while (text.n > 0) {
        ptrdiff_t end = str_find_char(text, '\n');
        struct str line = end < 0 ? text : str_first(text, (size_t)end);
        indent(buf, depth + 2);
        client_visible(buf, line, 0);
        buf_putc(buf, '\n');
        text = str_from_offset(text, line.n + 1);
    }
}

static void put_members(struct buf *buf, struct json_object *object, const char *skip,
                        unsigned depth);

static void put_item(struct buf *buf, struct json_object *item, unsigned depth)
{
    if (json_object_is_type(item, json_type_object)) {
        put_members(buf, item, NULL, depth);
        buf_putc(buf, '\n');
    } else {
        indent(buf, depth);
        client_visible(buf, text_of(item), 0);
        buf_putc(buf, '\n');
    }
}

static void put_plain(struct buf *buf, const char *key, struct json_object *value, unsigned depth)
{
    struct str text = text_of(value);
    struct buf raw;
    bool time = str_ends(str_of(key), STR("_ms")) && json_object_get_int64(value) > INT64_C(1)
                                                                                        << 36;
    if (json_object_is_type(value, json_type_string) && str_find_char(text, '\n') >= 0) {
        put_block(buf, text, depth);
        return;
    }
    buf_init(&raw, CELL_MAX);
    put_value(&raw, value,
              time ? COLUMN_TIME
              : strcmp(key, "severity") == 0 && !json_object_is_type(value, json_type_string)
                  ? COLUMN_BAND
                  : COLUMN_TEXT);
    client_visible(buf, buf_str(&raw), 0);
    buf_putc(buf, '\n');
    buf_done(&raw);
}

static void put_member(struct buf *buf, const char *key, struct json_object *value, unsigned depth)
{
    indent(buf, depth);
    size_t used = depth * 2 + client_visible(buf, str_of(key), 0);
    bool nested =
        !is_plain(value) && !(json_object_is_type(value, json_type_array) && is_plain_list(value));
    if (nested) {
        buf_putc(buf, '\n');
    } else {
        for (; used < NAMES_MAX - 1; used++) {
            buf_putc(buf, ' ');
        }
        buf_putc(buf, ' ');
        put_plain(buf, key, value, depth);
        return;
    }
    if (json_object_is_type(value, json_type_object)) {
        put_members(buf, value, NULL, depth + 1);
        return;
    }
    for (size_t i = 0; i < client_length(value); i++) {
        put_item(buf, json_object_array_get_idx(value, i), depth + 1);
    }
}

static void put_members(struct buf *buf, struct json_object *object, const char *skip,
                        unsigned depth)
{
    if (depth > DEPTH_MAX) {
        indent(buf, depth);
        client_visible(buf, text_of(object), 0);
        buf_putc(buf, '\n');
        return;
    }
    json_object_object_foreach(object, key, value)
    {
        bool empty =
            !value || (json_object_is_type(value, json_type_array) && !client_length(value)) ||
            (json_object_is_type(value, json_type_object) && !json_object_object_length(value));
        if (!empty && !is_listed(skip, key)) {
            put_member(buf, key, value, depth);
        }
    }
}

void client_object(struct buf *buf, struct json_object *object, const char *skip)
{
    put_members(buf, object, skip, 0);
}

/* ---- out */

size_t client_terminal(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col) {
        return 0;
    }
    return size.ws_col;
}

int client_print(struct buf *buf)
{
    bool good = !buf->failed && fwrite(buf->p, 1, buf->n, stdout) == buf->n && fflush(stdout) == 0;
    buf_clear(buf);
    if (!good) {
        fputs("hinomi: cannot write to standard output\n", stderr);
    }
    return good ? EXIT_OK : EXIT_NEGATIVE;
}

int client_print_json(struct json_object *json)
{
    puts(json_object_to_json_string_ext(json,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_NEGATIVE;
}
