/*
 * read: documents, and the items that are no rules.
 *
 * The first of the keys required_engine_version, required_plugin_versions, list, macro, rule that a
 * map has decides what it is. An item that cannot be read is reported and left out; its name is
 * remembered, so that what uses it is not blamed too.
 */
#include "rules/load.h"

#include "rules/lex.h"

#include <errno.h>
#include <stdio.h>

#define KEYS_MAX 16

struct where node_where(const struct reader *reader, const struct doc_node *node)
{
    return (struct where){ reader->file, node->offset };
}

struct context context_of(const struct reader *reader, const char *type, struct str name,
                          const struct doc_node *node)
{
    return (struct context){ .type = type, .name = name, .where = node_where(reader, node) };
}

/* Reports a value of the wrong kind. */
enum presence bad_value(struct reader *reader, const struct doc_node *value, const char *key,
                        const struct context *context, const char *message)
{
    report(reader->loader, context,
           &(struct report){ .code = LOAD_ERR_YAML_VALIDATE,
                             .where = node_where(reader, value),
                             .part = "value for",
                             .part_name = str_of(key) },
           "%s", message);
    return BAD;
}

enum presence read_str(struct reader *reader, const struct doc_node *map, const char *key,
                       bool optional, const struct context *context, struct str *ret)
{
    const struct doc_node *value = doc_get(map, key);
    if (!value && optional) {
        return ABSENT;
    }
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = context->where };
    if (!value) {
        report(reader->loader, context, &what, "Item has no mapping for key '%s'", key);
        return BAD;
    }
    if (doc_is_null(value)) {
        what.where = node_where(reader, value);
        report(reader->loader, context, &what, "Mapping for key '%s' is empty", key);
        return BAD;
    }
    if (value->kind != DOC_SCALAR) {
        return bad_value(reader, value, key, context, "Value is not a scalar value");
    }
    if (value->value.n == 0) {
        return bad_value(reader, value, key, context, "Value must be non-empty");
    }
    if (str_find_char(value->value, '\0') >= 0) {
        return bad_value(reader, value, key, context, "Value holds a NUL byte");
    }
    *ret = value->value;
    return PRESENT;
}

enum presence read_bool(struct reader *reader, const struct doc_node *map, const char *key,
                        const struct context *context, bool *ret)
{
    struct str text;
    enum presence p = read_str(reader, map, key, true, context, &text);
    if (p != PRESENT) {
        return p;
    }
    return doc_bool(text, ret) ? PRESENT
                               : bad_value(reader, doc_get(map, key), key, context,
                                           "Can't decode YAML scalar value");
}

static bool is_among(struct str name, const char *const *names)
{
    for (; *names; names++) {
        if (str_eqz(name, *names)) {
            return true;
        }
    }
    return false;
}

static void warn_key(struct reader *reader, const struct doc_node *key, const char *const *names,
                     const struct context *context)
{
    struct diag_suggestion suggestion;
    char storage[128];
    struct buf hint;
    buf_init_fixed(&hint, storage, sizeof(storage));
    diag_suggest_init(&suggestion, key->value);
    for (; *names; names++) {
        diag_suggest_try(&suggestion, str_of(*names));
    }
    diag_suggest_text(&suggestion, &hint);
    report(reader->loader, context,
           &(struct report){
               .code = LOAD_UNKNOWN_KEY, .where = node_where(reader, key), .hint = buf_str(&hint) },
           "Unknown key '%.*s'", STR_ARG(str_first(key->value, 200)));
}

void check_keys(struct reader *reader, const struct doc_node *map, const char *const *names,
                const struct context *context)
{
    for (uint32_t i = 0; i + 1 < map->n; i += 2) {
        const struct doc_node *key = map->items[i];
        if (key->kind != DOC_SCALAR || !is_among(key->value, names)) {
            if (key->kind == DOC_SCALAR) {
                warn_key(reader, key, names, context);
            }
        } else if (doc_get(map, key->value.p) != map->items[i + 1]) {
            report(reader->loader, context,
                   &(struct report){ .code = LOAD_UNKNOWN_KEY, .where = node_where(reader, key) },
                   "Key '%.*s' is given twice: only the first one counts", STR_ARG(key->value));
        }
    }
}

static int read_override(struct reader *reader, const struct doc_node *key,
                         const struct doc_node *value, const struct context *context,
                         const char *const *names, uint32_t appendable, struct overrides *ret)
{
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE,
                           .where = node_where(reader, key),
                           .part = "overrides",
                           .part_name = key->value };
    uint32_t bit = 0;
    while (names[bit] && !str_eqz(key->value, names[bit])) {
        bit++;
    }
    bool known = names[bit] != NULL;
    bool can_append = known && (appendable >> bit & 1);
    int shown = (int)(key->value.n < 200 ? key->value.n : 200);
    if (str_eq(value->value, STR("append"))) {
        if (!can_append) {
            report(reader->loader, context, &what, "Key '%.*s' cannot be appended to%s", shown,
                   key->value.p, ", use 'replace' instead");
            return -EINVAL;
        }
        ret->append |= 1u << bit;
        return 0;
    }
    if (str_eq(value->value, STR("replace"))) {
        if (!known) {
            report(reader->loader, context, &what, "Key '%.*s' cannot be replaced", shown,
                   key->value.p);
            return -EINVAL;
        }
        ret->replace |= 1u << bit;
        return 0;
    }
    what.where = node_where(reader, value);
    report(reader->loader, context, &what,
           "Invalid override operation for key '%.*s': '%.*s'. Allowed values are: %s%s", shown,
           key->value.p, STR_ARG(str_first(value->value, 64)), can_append ? "append " : "",
           known ? "replace " : "");
    return -EINVAL;
}

int read_overrides(struct reader *reader, const struct doc_node *map, const char *const *names,
                   uint32_t appendable, const struct context *context, struct overrides *ret)
{
    const struct doc_node *value = doc_get(map, "override");
    *ret = (struct overrides){ 0 };
    if (!value) {
        return 0;
    }
    if (value->kind != DOC_MAP) {
        report(reader->loader, context,
               &(struct report){ .code = LOAD_UNKNOWN_KEY, .where = node_where(reader, value) },
               "Value of 'override' is not a mapping and ignored");
        return 0;
    }
    int r = 0;
    for (uint32_t i = 0; i + 1 < value->n; i += 2) {
        const struct doc_node *key = value->items[i], *operation = value->items[i + 1];
        if (key->kind != DOC_SCALAR || operation->kind != DOC_SCALAR) {
            bad_value(reader, key, "override", context, "Value is not a scalar value");
            r = -EINVAL;
        } else if (read_override(reader, key, operation, context, names, appendable, ret) < 0) {
            r = -EINVAL;
        }
    }
    return r;
}

bool read_append(struct reader *reader, const struct doc_node *map, const struct context *context,
                 const struct overrides *overrides, bool *ret)
{
    *ret = false;
    const struct doc_node *value = doc_get(map, "append");
    if (read_bool(reader, map, "append", context, ret) == BAD) {
        return false;
    }
    struct report what = { .code = LOAD_DEPRECATED_ITEM };
    if (*ret) {
        what.where = node_where(reader, value);
        report(reader->loader, context, &what,
               "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under "
               "'override' instead.");
    }
    if (*ret && (overrides->append || overrides->replace)) {
        what.code = LOAD_ERR_YAML_VALIDATE;
        report(reader->loader, context, &what,
               "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry "
               "(e.g. 'condition: append') under 'override' instead.");
        return false;
    }
    return true;
}

/* The name of an item; an unnamed or badly named one is reported. */
bool read_name(struct reader *reader, const struct doc_node *map, const char *key, struct str *ret)
{
    struct context unnamed = context_of(reader, key, STR(""), map);
    return read_str(reader, map, key, false, &unnamed, ret) == PRESENT;
}

int item_broken(struct reader *reader, struct str name)
{
    struct loader *loader = reader->loader;
    struct str kept = keep_str(loader, name);
    return kept.p && smap_put(&loader->broken_names, kept, loader) == 0 ? -EINVAL : -ENOMEM;
}

/* ---- lists */

static bool has_delimiter(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!lex_is_bare_char(name.p[i])) {
            return true;
        }
    }
    return false;
}

static int keep_items(struct reader *reader, const struct doc_node *items,
                      const struct context *context, struct collected_list *ret)
{
    struct loader *loader = reader->loader;
    ret->items = ARENA_ARRAY(&loader->arena, struct str, items->n);
    if (!ret->items) {
        return -ENOMEM;
    }
    ret->capacity = items->n;
    for (uint32_t i = 0; i < items->n; i++) {
        const struct doc_node *item = items->items[i];
        if (item->kind != DOC_SCALAR || str_find_char(item->value, '\0') >= 0) {
            bad_value(reader, item, "items", context,
                      item->kind == DOC_SCALAR ? "Value holds a NUL byte"
                                               : "sequence value is not scalar");
            return -EINVAL;
        }
        ret->items[ret->n] = keep_str(loader, item->value);
        if (!ret->items[ret->n++].p) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int read_items(struct reader *reader, const struct doc_node *map,
                      const struct context *context, struct collected_list *ret)
{
    const struct doc_node *items = doc_get(map, "items");
    if (!items) {
        report(reader->loader, context,
               &(struct report){ .code = LOAD_ERR_YAML_VALIDATE, .where = context->where },
               "Item has no mapping for key 'items'");
        return -EINVAL;
    }
    if (items->kind != DOC_SEQUENCE) {
        bad_value(reader, items, "items", context, "Value is not a sequence");
        return -EINVAL;
    }
    return keep_items(reader, items, context, ret);
}

int item_missing(struct reader *reader, const struct table *table, const struct context *context,
                 const char *message)
{
    char storage[128];
    struct buf hint;
    buf_init_fixed(&hint, storage, sizeof(storage));
    suggest_item(reader->loader, table, context->name, &hint);
    report(reader->loader, context,
           &(struct report){
               .code = LOAD_ERR_VALIDATE, .where = context->where, .hint = buf_str(&hint) },
           "%s", message);
    return -EINVAL;
}

static int list_append(struct reader *reader, const struct context *context,
                       const struct collected_list *more)
{
    struct loader *loader = reader->loader;
    struct collected_list *list = table_get(&loader->lists, more->item.name);
    if (!list) {
        return item_missing(reader, &loader->lists, context,
                            "List uses 'append' or 'override.items: append' but no list by that "
                            "name already exists");
    }
    if (list->capacity - list->n < more->n) {
        uint32_t capacity = (list->n + more->n) * 2;
        struct str *items = ARENA_ARRAY(&loader->arena, struct str, capacity);
        if (!items) {
            return -ENOMEM;
        }
        if (list->n > 0) {
            memcpy(items, list->items, list->n * sizeof(*items));
        }
        list->items = items;
        list->capacity = capacity;
    }
    if (more->n > 0) {
        memcpy(list->items + list->n, more->items, more->n * sizeof(*more->items));
    }
    list->n += more->n;
    list->item.visibility = loader->next_index++;
    return 0;
}

/* Puts an item into its table, or over the earlier one of that name, whose place it keeps. */
int item_define(struct loader *loader, struct table *table, const void *item, size_t size)
{
    struct item header;
    memcpy(&header, item, sizeof(header));
    struct item *previous = table_get(table, header.name);
    uint32_t index = loader->next_index++;
    header.index = previous ? previous->index : index;
    header.visibility = index;
    if (previous) {
        header.name = previous->name;
    } else {
        header.name = keep_str(loader, header.name);
        previous = arena_alloc(&loader->arena, size);
        if (!previous || !header.name.p || table_put(loader, table, header.name, previous) < 0) {
            return -ENOMEM;
        }
    }
    memcpy(previous, item, size);
    memcpy(previous, &header, sizeof(header));
    return 0;
}

static int read_list_of(struct reader *reader, const struct doc_node *map,
                        const struct context *context)
{
    static const char *const keys[] = { "list", "items", "append", "override", NULL };
    static const char *const overridable[] = { "items", NULL };
    struct loader *loader = reader->loader;
    struct collected_list list = { .item = { .name = context->name, .where = context->where } };
    int r = read_items(reader, map, context, &list);
    if (r < 0) {
        return r;
    }
    struct overrides overrides;
    bool append;
    if (read_overrides(reader, map, overridable, 1, context, &overrides) < 0 ||
        !read_append(reader, map, context, &overrides, &append)) {
        return -EINVAL;
    }
    check_keys(reader, map, keys, context);
    return append || overrides.append ? list_append(reader, context, &list)
                                      : item_define(loader, &loader->lists, &list, sizeof(list));
}

static int read_list(struct reader *reader, const struct doc_node *map)
{
    struct str name;
    if (!read_name(reader, map, "list", &name)) {
        return -EINVAL;
    }
    struct context context = context_of(reader, "list", name, map);
    if (has_delimiter(name)) {
        report(reader->loader, &context,
               &(struct report){ .code = LOAD_INVALID_LIST_NAME,
                                 .where = node_where(reader, doc_get(map, "list")) },
               "List has an invalid name. List names should match a regular expression: "
               "([^()\"'[:space:]=,]+)");
    }
    int r = read_list_of(reader, map, &context);
    return r == -EINVAL ? item_broken(reader, name) : r;
}

/* ---- macros */

static int macro_append(struct reader *reader, const struct context *context,
                        const struct doc_node *condition)
{
    struct loader *loader = reader->loader;
    struct collected_macro *macro = table_get(&loader->macros, context->name);
    if (!macro) {
        return item_missing(reader, &loader->macros, context,
                            "Macro uses 'append' or 'override.condition: append' but no macro by "
                            "that name already exists");
    }
    macro->item.visibility = loader->next_index++;
    return text_append(loader, &macro->condition, condition->value, reader->file, condition);
}

static int read_macro_of(struct reader *reader, const struct doc_node *map,
                         const struct context *context)
{
    static const char *const keys[] = { "macro", "condition", "append", "override", NULL };
    static const char *const overridable[] = { "condition", NULL };
    struct loader *loader = reader->loader;
    struct collected_macro macro = { .item = { .name = context->name, .where = context->where } };
    struct str condition;
    struct overrides overrides;
    bool append;
    if (read_str(reader, map, "condition", false, context, &condition) != PRESENT ||
        read_overrides(reader, map, overridable, 1, context, &overrides) < 0 ||
        !read_append(reader, map, context, &overrides, &append)) {
        return -EINVAL;
    }
    check_keys(reader, map, keys, context);
    const struct doc_node *node = doc_get(map, "condition");
    if (append || overrides.append) {
        return macro_append(reader, context, node);
    }
    int r = text_set(loader, &macro.condition, condition, reader->file, node);
    return r < 0 ? r : item_define(loader, &loader->macros, &macro, sizeof(macro));
}

static int read_macro(struct reader *reader, const struct doc_node *map)
{
    struct str name;
    if (!read_name(reader, map, "macro", &name)) {
        return -EINVAL;
    }
    struct context context = context_of(reader, "macro", name, map);
    struct lexer lexer = { .text = name };
    if (!lex_identifier(&lexer) || !lex_at_end(&lexer)) {
        report(reader->loader, &context,
               &(struct report){ .code = LOAD_INVALID_MACRO_NAME,
                                 .where = node_where(reader, doc_get(map, "macro")) },
               "Macro has an invalid name. Macro names should match a regular expression: "
               "([a-zA-Z]+[a-zA-Z0-9_]*)");
    }
    int r = read_macro_of(reader, map, &context);
    return r == -EINVAL ? item_broken(reader, name) : r;
}

/* ---- versions */

struct version {
    uint32_t major, minor, patch;
};

/* "1.2.3", with what follows a '-' or '+' ignored. */
static bool version_parse(struct str text, struct version *ret)
{
    uint32_t *parts[] = { &ret->major, &ret->minor, &ret->patch };
    for (size_t i = 0; i < 3; i++) {
        size_t n = 0;
        while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9') {
            n++;
        }
        if (!doc_u32(str_first(text, n), parts[i])) {
            return false;
        }
        text = str_from_offset(text, n);
        if (i < 2 && (text.n == 0 || text.p[0] != '.')) {
            return false;
        }
        text = str_from_offset(text, i < 2);
    }
    return text.n == 0 || text.p[0] == '-' || text.p[0] == '+';
}

static int read_engine_version(struct reader *reader, const struct doc_node *map)
{
    struct context context = context_of(reader, "required_engine_version", STR(""), map);
    const struct doc_node *value = doc_get(map, "required_engine_version");
    struct version version = { 0 };
    struct str text;
    if (read_str(reader, map, "required_engine_version", false, &context, &text) != PRESENT) {
        return -EINVAL;
    }
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = node_where(reader, value) };
    if (!doc_u32(text, &version.minor) && !version_parse(text, &version)) {
        report(reader->loader, &context, &what,
               "Can't decode YAML scalar value: unable to parse engine version '%.*s' as a semver "
               "string. Expected \"x.y.z\" semver format.",
               STR_ARG(str_first(text, 64)));
        return -EINVAL;
    }
    if (version.major > 0 || version.minor > ENGINE_VERSION_MINOR) {
        what.code = LOAD_ERR_VALIDATE;
        report(reader->loader, &context, &what,
               "Rules require engine version %.*s, but engine version is 0.%d.0",
               STR_ARG(str_first(text, 64)), ENGINE_VERSION_MINOR);
        return -EINVAL;
    }
    return 0;
}

/* Is that plugin claimed, in a version that will do? */
static bool plugin_fits(const struct loader *loader, struct str name, const struct version *wanted)
{
    for (uint32_t i = 0; i < loader->nplugins; i++) {
        ptrdiff_t blank = str_find_last(loader->plugins[i], ' ');
        struct version have;
        if (blank > 0 && str_eq(str_first(loader->plugins[i], (size_t)blank), name) &&
            version_parse(str_from_offset(loader->plugins[i], (size_t)blank + 1), &have)) {
            return have.major == wanted->major &&
                   (have.minor > wanted->minor ||
                    (have.minor == wanted->minor && have.patch >= wanted->patch));
        }
    }
    return false;
}

/* One {name, version}. *ret_fits: the plugin is there. */
static int read_plugin(struct reader *reader, const struct doc_node *map, const char *type,
                       bool *ret_fits)
{
    struct context context = context_of(reader, type, STR(""), map);
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = context.where };
    if (map->kind != DOC_MAP) {
        report(reader->loader, &context, &what, "Plugin version must be a mapping");
        return -EINVAL;
    }
    struct str name, text;
    if (read_str(reader, map, "name", false, &context, &name) != PRESENT) {
        return -EINVAL;
    }
    context.name = name;
    if (read_str(reader, map, "version", false, &context, &text) != PRESENT) {
        return -EINVAL;
    }
    struct version version;
    if (!version_parse(text, &version)) {
        what.code = LOAD_ERR_VALIDATE;
        report(reader->loader, &context, &what, "Invalid required version '%.*s' for plugin '%.*s'",
               STR_ARG(str_first(text, 64)), STR_ARG(str_first(name, 64)));
        return -EINVAL;
    }
    *ret_fits |= plugin_fits(reader->loader, name, &version);
    return 0;
}

static int read_plugin_entry(struct reader *reader, const struct doc_node *map)
{
    static const char type[] = "required plugin versions entry";
    bool fits = false;
    int r = read_plugin(reader, map, type, &fits);
    if (r < 0) {
        return r;
    }
    struct context context = context_of(reader, type, doc_get(map, "name")->value, map);
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = context.where };
    const struct doc_node *alternatives = doc_get(map, "alternatives");
    if (alternatives && alternatives->kind != DOC_SEQUENCE) {
        report(reader->loader, &context, &what,
               "Value of plugin version alternatives must be a sequence");
        return -EINVAL;
    }
    for (uint32_t i = 0; alternatives && i < alternatives->n && r == 0; i++) {
        r = read_plugin(reader, alternatives->items[i], "required plugin versions alternative",
                        &fits);
    }
    if (r == 0 && !fits) {
        what.code = LOAD_ERR_VALIDATE;
        report(reader->loader, &context, &what,
               "Plugin requirement not satisfied: no plugin '%.*s' "
               "of a fitting version, nor an alternative",
               STR_ARG(str_first(context.name, 64)));
        return -EINVAL;
    }
    return r;
}

static int read_plugin_versions(struct reader *reader, const struct doc_node *map)
{
    const struct doc_node *entries = doc_get(map, "required_plugin_versions");
    struct context context = context_of(reader, "required plugin versions", STR(""), entries);
    if (entries->kind != DOC_SEQUENCE) {
        report(reader->loader, &context,
               &(struct report){ .code = LOAD_ERR_YAML_VALIDATE, .where = context.where },
               "Value of required_plugin_versions must be a sequence");
        return -EINVAL;
    }
    int r = 0;
    for (uint32_t i = 0; i < entries->n; i++) {
        if (read_plugin_entry(reader, entries->items[i]) < 0) {
            r = -EINVAL;
        }
    }
    return r;
}

/* ---- documents */

/* A hint for a map none of whose keys says what it is. */
static void suggest_key(const struct doc_node *item, const char *const *keys, struct buf *hint)
{
    for (uint32_t i = 0; i + 1 < item->n && hint->n == 0; i += 2) {
        struct diag_suggestion suggestion;
        diag_suggest_init(&suggestion,
                          item->items[i]->kind == DOC_SCALAR ? item->items[i]->value : STR(""));
        for (const char *const *key = keys; *key; key++) {
            diag_suggest_try(&suggestion, str_of(*key));
        }
        diag_suggest_text(&suggestion, hint);
    }
}

static int read_item(struct reader *reader, const struct doc_node *item)
{
    static const struct {
        const char *key;
        int (*read)(struct reader *, const struct doc_node *);
    } kinds[] = {
        { "required_engine_version", read_engine_version },
        { "required_plugin_versions", read_plugin_versions },
        { "list", read_list },
        { "macro", read_macro },
        { "rule", read_rule },
    };
    static const char *const keys[] = {
        "required_engine_version", "required_plugin_versions", "list", "macro", "rule", NULL
    };
    struct context context = context_of(reader, "rules content item", STR(""), item);
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = context.where };
    if (item->kind != DOC_MAP) {
        report(reader->loader, &context, &what,
               "Unexpected element type. Each element should be a yaml associative array.");
        return -EINVAL;
    }
    if (item->n / 2 > ITEM_KEYS_MAX) {
        report(reader->loader, &context, &what, "The item has more than %d keys", ITEM_KEYS_MAX);
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (doc_get(item, kinds[i].key)) {
            return kinds[i].read(reader, item);
        }
    }
    char storage[128];
    struct buf hint;
    buf_init_fixed(&hint, storage, sizeof(storage));
    suggest_key(item, keys, &hint);
    what.code = LOAD_UNKNOWN_ITEM;
    what.hint = buf_str(&hint);
    report(reader->loader, &context, &what, "Unknown top level item");
    return 0;
}

static int read_document(struct reader *reader, const struct doc_node *root)
{
    struct context context = context_of(reader, "rules content", STR(""), root);
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = context.where };
    if (doc_is_null(root)) {
        return 0;
    }
    if (root->kind != DOC_SEQUENCE) {
        report(reader->loader, &context, &what, "Rules content is not yaml%s",
               root->kind == DOC_MAP ? " array of objects" : "");
        return -EINVAL;
    }
    int worst = 0;
    for (uint32_t i = 0; i < root->n; i++) {
        int r = doc_is_null(root->items[i]) ? 0 : read_item(reader, root->items[i]);
        if (r == -ENOMEM) {
            return r;
        }
        worst = r < 0 ? r : worst;
    }
    return worst;
}

int read_documents(struct reader *reader, const struct doc_documents *documents)
{
    int worst = 0;
    for (uint32_t i = 0; i < documents->n; i++) {
        int r = read_document(reader, documents->roots[i]);
        if (r == -ENOMEM) {
            return r;
        }
        worst = r < 0 ? r : worst;
    }
    return worst;
}
