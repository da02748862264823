/*
 * settings_file: the YAML file, each value at its place.
 *
 * One document, a map. A key is a setting, or a section: a map whose keys are the settings after its dot. The
 * loader of rule files reads it, so its limits hold: depth, aliases, no NUL bytes, UTF-8. All that is wrong is
 * told at once, up to SETTINGS_ERRORS_MAX.
 */
#include "settings/settings.h"

#include "base/fd.h"
#include "rules/diag.h"
#include "rules/doc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct reading {
    const struct settings *settings;
    struct str name, content;
    struct buf *text;
    unsigned nerrors;
};

struct place {
    unsigned line, column;
};

static struct place place_of(const struct reading *r, uint32_t offset)
{
    struct place place = { 1, 1 };
    for (uint32_t i = 0; i < offset && i < r->content.n; i++) {
        place.column++;
        if (r->content.p[i] == '\n') {
            place = (struct place){ place.line + 1, 1 };
        }
    }
    return place;
}

static void __attribute__((format(printf, 3, 4)))
complain(struct reading *r, uint32_t offset, const char *format, ...)
{
    struct err message = { 0 };
    va_list args;
    if (r->nerrors++ >= SETTINGS_ERRORS_MAX) {
        return;
    }
    va_start(args, format);
    vsnprintf(message.message, sizeof(message.message), format, args);
    va_end(args);
    struct place at = place_of(r, offset);
    buf_printf(r->text, "%.*s:%u:%u: %s\n", STR_ARG(r->name), at.line, at.column, message.message);
}

static bool is_section(const struct settings_table *table, struct str name)
{
    for (size_t i = 0; i < table->n; i++) {
        struct str key = str_of(table->items[i].name);
        if (key.n > name.n && str_starts(key, name) && key.p[name.n] == '.') {
            return true;
        }
    }
    return false;
}

/* The nearest name at the same level: settings and sections. */
static void hint_for(const struct settings_table *table, struct str section, struct str key,
                     struct buf *hint)
{
    struct diag_suggestion near;
    diag_suggest_init(&near, key);
    for (size_t i = 0; i < table->n; i++) {
        struct str name = str_of(table->items[i].name);
        if (section.n && !(str_starts(name, section) && name.p[section.n] == '.')) {
            continue;
        }
        name = str_from_offset(name, section.n ? section.n + 1 : 0);
        ptrdiff_t dot = str_find_char(name, '.');
        diag_suggest_try(&near, dot < 0 ? name : str_first(name, (size_t)dot));
    }
    diag_suggest_text(&near, hint);
}

static void no_such_key(struct reading *r, struct str section, const struct doc_node *key)
{
    char storage[256];
    struct buf hint;
    buf_init_fixed(&hint, storage, sizeof(storage));
    hint_for(r->settings->table, section, key->value, &hint);
    complain(r, key->offset, "there is no setting `%.*s%s%.*s`%s%.*s", STR_ARG(section),
             section.n ? "." : "", STR_ARG(str_first(key->value, 64)), hint.n ? "; " : "",
             STR_ARG(buf_str(&hint)));
}

/* Texts of a value, at most SETTINGS_LIST_MAX + 1 of them; -EINVAL: complained of. */
static int values_of(struct reading *r, const struct doc_node *value, struct str *ret,
                     size_t *ret_n)
{
    if (value->kind == DOC_SCALAR) {
        ret[0] = value->value;
        *ret_n = 1;
        return 0;
    }
    if (value->kind == DOC_MAP) {
        complain(r, value->offset, "a value is wanted here, or a list of values; not a map");
        return -EINVAL;
    }
    *ret_n = 0;
    for (uint32_t i = 0; i < value->n && *ret_n <= SETTINGS_LIST_MAX; i++) {
        if (value->items[i]->kind != DOC_SCALAR || doc_is_null(value->items[i])) {
            complain(r, value->items[i]->offset, "a text is wanted here");
            return -EINVAL;
        }
        ret[(*ret_n)++] = value->items[i]->value;
    }
    return 0;
}

static void read_value(struct reading *r, const struct setting *key, const struct doc_node *value)
{
    struct str values[SETTINGS_LIST_MAX + 1];
    struct err err = { 0 };
    size_t n;
    if (doc_is_null(value)) {
        complain(r, value->offset, "`%s` has no value", key->name);
    } else if (value->kind == DOC_SEQUENCE && key->kind != SETTING_LIST) {
        complain(r, value->offset, "`%s` takes one value, not a list", key->name);
    } else if (values_of(r, value, values, &n) == 0 &&
               settings_set_key(r->settings, key, values, n, &err) < 0) {
        complain(r, value->offset, "`%s` %s", key->name, err.message);
    }
}

static bool is_repeated(const struct doc_node *map, uint32_t i)
{
    for (uint32_t k = 0; k < i; k += 2) {
        if (map->items[k]->kind == DOC_SCALAR &&
            str_eq(map->items[k]->value, map->items[i]->value)) {
            return true;
        }
    }
    return false;
}

static void read_map(struct reading *r, struct str section, const struct doc_node *map)
{
    for (uint32_t i = 0; i + 1 < map->n && r->nerrors < SETTINGS_ERRORS_MAX; i += 2) {
        const struct doc_node *key = map->items[i], *value = map->items[i + 1];
        char storage[SETTINGS_NAME_MAX];
        struct buf name;
        buf_init_fixed(&name, storage, sizeof(storage));
        buf_printf(&name, "%.*s%s", STR_ARG(section), section.n ? "." : "");
        buf_puts(&name, key->kind == DOC_SCALAR ? key->value : STR(""));
        const struct setting *known =
            name.failed ? NULL : settings_find(r->settings->table, buf_str(&name));
        if (key->kind != DOC_SCALAR) {
            complain(r, key->offset, "the name of a setting is wanted here");
        } else if (is_repeated(map, i)) {
            complain(r, key->offset, "`%.*s` is there twice", STR_ARG(buf_str(&name)));
        } else if (known) {
            read_value(r, known, value);
        } else if (section.n || name.failed || !is_section(r->settings->table, buf_str(&name))) {
            no_such_key(r, section, key);
        } else if (value->kind == DOC_MAP) {
            read_map(r, key->value, value);
        } else if (!doc_is_null(value)) {
            complain(r, value->offset, "`%.*s` is a section: settings are wanted below it",
                     STR_ARG(key->value));
        }
    }
}

static void read_documents(struct reading *r, const struct doc_documents *documents)
{
    if (documents->n > 1) {
        complain(r, documents->roots[1]->offset, "a second document; there can be only one");
    }
    if (documents->n && documents->roots[0]->kind == DOC_MAP) {
        read_map(r, STR(""), documents->roots[0]);
    } else if (documents->n && !doc_is_null(documents->roots[0])) {
        complain(r, documents->roots[0]->offset, "a map of settings is wanted");
    }
}

int settings_parse(const struct settings *settings, struct str name, struct str content,
                   struct buf *text, struct err *err)
{
    struct reading r = { .settings = settings, .name = name, .content = content, .text = text };
    struct doc_documents documents;
    struct err why = { 0 };
    struct arena arena;
    uint32_t offset;
    arena_init(&arena, SETTINGS_MEMORY_MAX);
    int e = doc_parse(&arena, content, &documents, &offset, &why);
    if (e < 0) {
        complain(&r, offset, "%s", why.message);
    } else {
        read_documents(&r, &documents);
    }
    arena_done(&arena);
    if (r.nerrors > SETTINGS_ERRORS_MAX) {
        buf_printf(text, "%.*s: and more\n", STR_ARG(name));
    }
    return r.nerrors ? err_set(err, -EINVAL, "the configuration has errors") : 0;
}

int settings_read(const struct settings *settings, const char *path, struct buf *text,
                  struct err *err)
{
    struct buf content;
    buf_init(&content, SETTINGS_FILE_MAX);
    int r = file_read(path, &content, err);
    if (r == 0) {
        r = settings_parse(settings, str_of(path), buf_str(&content), text, err);
    }
    buf_done(&content);
    return r;
}

static int take_arguments(const struct settings *settings, const struct settings_source *source,
                          struct err *err)
{
    for (size_t i = 0; i < source->narguments; i++) {
        const struct settings_argument *a = &source->arguments[i];
        int r = settings_set(settings, str_of(a->key), a->values, a->n, err);
        if (r < 0) {
            err_wrap(err, "`%s` on the command line", a->key);
            return r;
        }
    }
    return 0;
}

int settings_load(const struct settings *settings, const struct settings_source *source,
                  struct buf *text, struct err *err)
{
    int r = source->path ? settings_read(settings, source->path, text, err) : 0;
    r = r == 0 ? settings_environment(settings, source->environment, text, err) : r;
    return r == 0 ? take_arguments(settings, source, err) : r;
}
