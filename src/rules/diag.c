/*
 * diag: collecting diagnostics, and their two forms, text with a caret and Falco's JSON.
 *
 * Everything is copied into the list's arena. Since rules are compiled again after each file, the
 * same complaint comes up again and again: a set of what was said keeps one of each.
 */
#include "rules/diag.h"

#include <stdlib.h>

static const struct {
    const char *name;
    const char *summary;
} codes[] = {
    [LOAD_ERR_FILE_READ] = { "LOAD_ERR_FILE_READ", "File read error" },
    [LOAD_ERR_YAML_PARSE] = { "LOAD_ERR_YAML_PARSE", "YAML parse error" },
    [LOAD_ERR_YAML_VALIDATE] = { "LOAD_ERR_YAML_VALIDATE",
                                 "Error validating internal structure of YAML file" },
    [LOAD_ERR_COMPILE_CONDITION] = { "LOAD_ERR_COMPILE_CONDITION", "Error compiling condition" },
    [LOAD_ERR_COMPILE_OUTPUT] = { "LOAD_ERR_COMPILE_OUTPUT", "Error compiling output" },
    [LOAD_ERR_VALIDATE] = { "LOAD_ERR_VALIDATE",
                            "Error validating rule/macro/list/exception objects" },
    [LOAD_ERR_EXTENSION] = { "LOAD_ERR_EXTENSION", "Error in extension item" },
    [LOAD_UNKNOWN_SOURCE] = { "LOAD_UNKNOWN_SOURCE", "Unknown event source" },
    [LOAD_UNSAFE_NA_CHECK] = { "LOAD_UNSAFE_NA_CHECK", "Unsafe <NA> comparison in condition" },
    [LOAD_NO_EVTTYPE] = { "LOAD_NO_EVTTYPE", "Condition has no event-type restriction" },
    [LOAD_UNKNOWN_FILTER] = { "LOAD_UNKNOWN_FILTER",
                              "Unknown field or event-type in condition or output" },
    [LOAD_UNUSED_MACRO] = { "LOAD_UNUSED_MACRO", "Unused macro" },
    [LOAD_UNUSED_LIST] = { "LOAD_UNUSED_LIST", "Unused list" },
    [LOAD_UNKNOWN_ITEM] = { "LOAD_UNKNOWN_ITEM", "Unknown rules file item" },
    [LOAD_DEPRECATED_ITEM] = { "LOAD_DEPRECATED_ITEM", "Used deprecated item" },
    [LOAD_WARNING_EXTENSION] = { "LOAD_WARNING_EXTENSION", "Warning in extension item" },
    [LOAD_APPEND_NO_VALUES] = { "LOAD_APPEND_NO_VALUES", "Overriding/appending with no values" },
    [LOAD_EXCEPTION_NAME_NOT_UNIQUE] = { "LOAD_EXCEPTION_NAME_NOT_UNIQUE",
                                         "Multiple exceptions defined with the same name" },
    [LOAD_INVALID_MACRO_NAME] = { "LOAD_INVALID_MACRO_NAME", "Invalid macro name" },
    [LOAD_INVALID_LIST_NAME] = { "LOAD_INVALID_LIST_NAME", "Invalid list name" },
    [LOAD_COMPILE_CONDITION] = { "LOAD_COMPILE_CONDITION", "Warning in rule condition" },
    [LOAD_UNKNOWN_KEY] = { "LOAD_UNKNOWN_KEY", "Unknown key in item definition" },
};

const char *diag_code_text(enum diag_code code)
{
    return codes[code].name;
}

const char *diag_code_summary(enum diag_code code)
{
    return codes[code].summary;
}

bool diag_is_error(enum diag_code code)
{
    return code <= LOAD_ERR_EXTENSION;
}

void diag_init(struct diag_list *list, struct arena *arena)
{
    *list = (struct diag_list){ .arena = arena };
}

void diag_done(struct diag_list *list)
{
    free(list->items);
    smap_done(&list->seen);
    list->items = NULL;
    list->n = list->capacity = 0;
}

/* Is this the first of its kind? Also remembers it. */
static bool is_new(struct diag_list *list, const struct diagnostic *d)
{
    struct buf key;
    buf_init(&key, (size_t)1 << 16);
    buf_printf(&key, "%u %u %u %u ", (unsigned)d->code, d->pos.file, d->pos.line, d->pos.column);
    buf_puts(&key, d->item_name);
    buf_putc(&key, '\n');
    buf_puts(&key, str_first(d->message, 1024));
    bool fresh = !key.failed && !smap_get(&list->seen, buf_str(&key));
    if (fresh) {
        struct str kept = arena_str(list->arena, buf_str(&key));
        fresh = kept.p && smap_put(&list->seen, kept, list) == 0;
        list->dropped += !fresh;
    }
    buf_done(&key);
    return fresh;
}

static bool grow(struct diag_list *list)
{
    if (list->n < list->capacity) {
        return true;
    }
    uint32_t capacity = list->capacity ? list->capacity * 2 : 16;
    struct diagnostic *items = mem_resize(list->items, capacity, sizeof(*items));
    if (!items) {
        return false;
    }
    list->items = items;
    list->capacity = capacity;
    return true;
}

static bool keep(struct arena *arena, struct str *s)
{
    *s = arena_str(arena, *s);
    return s->p != NULL;
}

static bool keep_all(struct arena *arena, struct diagnostic *d)
{
    return keep(arena, &d->item_type) && keep(arena, &d->item_name) && keep(arena, &d->message) &&
           keep(arena, &d->hint) && keep(arena, &d->snippet) && keep(arena, &d->parent.type) &&
           keep(arena, &d->parent.name) && keep(arena, &d->item.type) &&
           keep(arena, &d->item.name) && keep(arena, &d->part.type) && keep(arena, &d->part.name);
}

void diag_add(struct diag_list *list, const struct diagnostic *diagnostic)
{
    struct diagnostic copy = *diagnostic;
    uint32_t dropped = list->dropped;
    if (list->n >= DIAG_MAX) {
        list->dropped++;
    } else if (!is_new(list, diagnostic)) {
        if (list->dropped == dropped) {
            return;
        }
    } else if (!grow(list) || !keep_all(list->arena, &copy)) {
        list->dropped++;
    } else {
        list->items[list->n++] = copy;
    }
    list->nerrors += diag_is_error(diagnostic->code);
}

void diag_suggest_init(struct diag_suggestion *suggestion, struct str name)
{
    unsigned limit = name.n < 4 ? 1 : name.n < 8 ? 2 : 3;
    *suggestion = (struct diag_suggestion){ .name = name, .distance = limit + 1 };
}

void diag_suggest_try(struct diag_suggestion *suggestion, struct str candidate)
{
    if (suggestion->distance == 0 || suggestion->name.n > 64 || candidate.n > 64) {
        return;
    }
    unsigned limit = suggestion->distance - 1;
    unsigned distance = str_distance(suggestion->name, candidate, limit);
    if (distance <= limit) {
        suggestion->distance = distance;
        suggestion->best = candidate;
    }
}

void diag_suggest_text(const struct diag_suggestion *suggestion, struct buf *buf)
{
    if (suggestion->best.n > 0) {
        buf_printf(buf, "did you mean `%.*s`?", STR_ARG(suggestion->best));
    }
}

/* Text for a terminal: control characters and broken UTF-8 become \xHH or \n. */
static void put_shown(struct buf *buf, struct str s)
{
    bool is_utf8 = str_is_utf8(s);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\t') {
            buf_putc(buf, ' ');
        } else if (c < ' ' || c == 0x7f || (c >= 0x80 && !is_utf8)) {
            buf_printf(buf, "\\x%02x", c);
        } else {
            buf_putc(buf, (char)c);
        }
    }
}

static void put_snippet(const struct diagnostic *d, struct buf *buf)
{
    if (d->snippet.n == 0) {
        return;
    }
    buf_printf(buf, "%6u | ", d->pos.line);
    put_shown(buf, d->snippet);
    buf_putz(buf, "\n       | ");
    for (uint32_t i = 1; i < d->caret; i++) {
        bool continues = i <= d->snippet.n && ((unsigned char)d->snippet.p[i - 1] & 0xc0) == 0x80;
        buf_putz(buf, continues ? "" : " ");
    }
    buf_putz(buf, "^\n");
}

void diag_text(const struct diagnostic *d, struct str file, struct buf *buf)
{
    put_shown(buf, file);
    if (d->pos.line > 0) {
        buf_printf(buf, ":%u:%u", d->pos.line, d->pos.column);
    }
    buf_printf(buf, ": %s: ", diag_is_error(d->code) ? "error" : "warning");
    if (d->item_name.n > 0) {
        put_shown(buf, d->item_type);
        buf_putz(buf, " `");
        put_shown(buf, d->item_name);
        buf_putz(buf, "`: ");
    }
    put_shown(buf, d->message);
    buf_printf(buf, " [%s]\n", diag_code_text(d->code));
    put_snippet(d, buf);
    if (d->hint.n > 0) {
        buf_putz(buf, "       = ");
        put_shown(buf, d->hint);
        buf_putc(buf, '\n');
    }
}

static void put_location(const struct diag_place *place, struct str file, struct jsonw *w)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "item_type", place->type);
    jsonw_str(w, "item_name", place->name);
    jsonw_object(w, "position");
    jsonw_str(w, "name", file);
    jsonw_u64(w, "line", place->pos.line > 0 ? place->pos.line - 1 : 0);
    jsonw_u64(w, "column", place->pos.column > 0 ? place->pos.column - 1 : 0);
    jsonw_u64(w, "offset", place->offset);
    jsonw_end(w);
    jsonw_end(w);
}

static void put_snippet_json(const struct diagnostic *d, struct jsonw *w)
{
    struct buf text;
    buf_init(&text, 4096);
    if (d->snippet.n > 0) {
        buf_puts(&text, d->snippet);
        buf_putc(&text, '\n');
        for (uint32_t i = 1; i < d->caret; i++) {
            buf_putc(&text, ' ');
        }
        buf_putz(&text, "^\n");
    } else {
        buf_putz(&text, "<No context available>\n");
    }
    jsonw_str(w, "snippet", buf_str(&text));
    buf_done(&text);
}

void diag_json(const struct diagnostic *d, struct str file, struct jsonw *w)
{
    const struct diag_place content = { .type = STR("rules content") };
    const struct diag_place *steps[] = { &d->parent, &d->item, &d->part };
    jsonw_object(w, NULL);
    jsonw_strz(w, "code", diag_code_text(d->code));
    jsonw_strz(w, "codedesc", diag_code_summary(d->code));
    jsonw_str(w, "message", d->message);
    jsonw_object(w, "context");
    jsonw_array(w, "locations");
    put_location(&content, file, w);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        if (steps[i]->type.n > 0 && !str_eq(steps[i]->type, content.type)) {
            put_location(steps[i], file, w);
        }
    }
    jsonw_end(w);
    put_snippet_json(d, w);
    jsonw_end(w);
    jsonw_u64(w, "line", d->pos.line);
    jsonw_u64(w, "column", d->pos.column);
    if (d->hint.n > 0) {
        jsonw_str(w, "hint", d->hint);
    }
    jsonw_end(w);
}
