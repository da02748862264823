/*
 * read_rule: rule items, in their four forms.
 *
 *     override: ...     keys listed there are appended or replaced, and no others may be given
 *     append: true      condition and exceptions are appended (deprecated)
 *     only `enabled`    switches an earlier rule (deprecated)
 *     otherwise         a definition, which replaces an earlier one in its place
 */
#include "rules/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* In the order of enum rule_key; the first APPENDABLE can be appended to. */
static const char *const overridable[] = {
    "condition",
    "exceptions",
    "output",
    "desc",
    "tags",
    "priority",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
    NULL,
};

enum rule_key {
    KEY_CONDITION,
    KEY_EXCEPTIONS,
    KEY_OUTPUT,
    KEY_DESC,
    KEY_TAGS,
    KEY_PRIORITY,
    KEY_ENABLED,
    KEY_WARN_EVTTYPES,
    KEY_SKIP,
    KEY_CAPTURE,
    KEY_CAPTURE_DURATION,
    KEY_COUNT,
};

#define APPENDABLE ((1u << KEY_PRIORITY) - 1)

static const char *const rule_keys[] = {
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "tags",
    "exceptions",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "override",
    "append",
    NULL,
};

/* What a rule item's keys said. `given` has a bit for each key that was there and fine. */
struct rule_values {
    uint32_t given;
    const struct doc_node *condition, *output;
    struct str desc;
    struct collected_exception *exceptions;
    uint32_t nexceptions;
    struct str *tags;
    uint32_t ntags;
    enum priority priority;
    bool enabled, warn_evttypes, skip, capture;
    uint32_t capture_duration;
};

static int tag_order(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Sorts, and drops repetitions. */
static uint32_t unique_tags(struct str *tags, uint32_t n)
{
    uint32_t kept = 0;
    if (n > 0) {
        qsort(tags, n, sizeof(*tags), tag_order);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || !str_eq(tags[kept - 1], tags[i])) {
            tags[kept++] = tags[i];
        }
    }
    return kept;
}

static int read_tags(struct reader *reader, const struct doc_node *map,
                     const struct context *context, struct rule_values *ret)
{
    const struct doc_node *tags = doc_get(map, "tags");
    if (!tags) {
        return 0;
    }
    if (tags->kind != DOC_SEQUENCE) {
        bad_value(reader, tags, "tags", context, "Value is not a sequence");
        return -EINVAL;
    }
    if (tags->n > RULE_TAGS_MAX) {
        bad_value(reader, tags, "tags", context, "The rule has more than 1000 tags");
        return -EINVAL;
    }
    ret->tags = ARENA_ARRAY(&reader->loader->arena, struct str, tags->n);
    if (!ret->tags) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < tags->n; i++) {
        if (tags->items[i]->kind != DOC_SCALAR) {
            bad_value(reader, tags->items[i], "tags", context, "sequence value is not scalar");
            return -EINVAL;
        }
        ret->tags[i] = keep_str(reader->loader, tags->items[i]->value);
        if (!ret->tags[i].p) {
            return -ENOMEM;
        }
    }
    ret->ntags = unique_tags(ret->tags, tags->n);
    return 0;
}

static enum presence read_priority(struct reader *reader, const struct doc_node *map,
                                   const struct context *context, enum priority *ret)
{
    struct str text;
    enum presence p = read_str(reader, map, "priority", false, context, &text);
    if (p == PRESENT && priority_parse(text, ret) < 0) {
        report(reader->loader, context,
               &(struct report){ .code = LOAD_ERR_YAML_VALIDATE,
                                 .where = node_where(reader, doc_get(map, "priority")),
                                 .part = "rule priority",
                                 .hint = STR("one of emergency, alert, critical, error, "
                                             "warning, notice, informational, debug") },
               "Invalid priority");
        return BAD;
    }
    return p;
}

static enum presence read_duration(struct reader *reader, const struct doc_node *map,
                                   const struct context *context, uint32_t *ret)
{
    struct str text;
    enum presence p = read_str(reader, map, "capture_duration", true, context, &text);
    if (p == PRESENT && !doc_u32(text, ret)) {
        return bad_value(reader, doc_get(map, "capture_duration"), "capture_duration", context,
                         "Can't decode YAML scalar value");
    }
    return p;
}

/* Reads one key that is there. 0, -EINVAL (reported), -ENOMEM. */
static int read_key(struct reader *reader, const struct doc_node *map, enum rule_key key,
                    bool append, const struct context *context, struct rule_values *ret)
{
    struct str text;
    enum presence p = PRESENT;
    int r = 0;
    switch (key) {
    case KEY_CONDITION:
        p = read_str(reader, map, "condition", false, context, &text);
        ret->condition = doc_get(map, "condition");
        break;
    case KEY_OUTPUT:
        p = read_str(reader, map, "output", false, context, &text);
        ret->output = doc_get(map, "output");
        break;
    case KEY_DESC:
        p = read_str(reader, map, "desc", false, context, &text);
        ret->desc = p == PRESENT ? keep_str(reader->loader, text) : STR("");
        break;
    case KEY_EXCEPTIONS:
        r = read_exceptions(reader, map, append, context, &ret->exceptions, &ret->nexceptions);
        break;
    case KEY_TAGS:
        r = read_tags(reader, map, context, ret);
        break;
    case KEY_PRIORITY:
        p = read_priority(reader, map, context, &ret->priority);
        break;
    case KEY_ENABLED:
        p = read_bool(reader, map, "enabled", context, &ret->enabled);
        break;
    case KEY_WARN_EVTTYPES:
        p = read_bool(reader, map, "warn_evttypes", context, &ret->warn_evttypes);
        break;
    case KEY_SKIP:
        p = read_bool(reader, map, "skip-if-unknown-filter", context, &ret->skip);
        break;
    case KEY_CAPTURE:
        p = read_bool(reader, map, "capture", context, &ret->capture);
        break;
    case KEY_CAPTURE_DURATION:
        p = read_duration(reader, map, context, &ret->capture_duration);
        break;
    case KEY_COUNT:
        break;
    }
    if (r == 0 && p == PRESENT) {
        ret->given |= 1u << key;
    }
    return r < 0 ? r : p == BAD ? -EINVAL : 0;
}

/* Writes what was given over the rule's values. */
static int replace_values(struct reader *reader, const struct rule_values *v,
                          struct collected_rule *rule)
{
    struct loader *loader = reader->loader;
    uint32_t given = v->given;
    int r = 0;
    if (given >> KEY_CONDITION & 1) {
        r = text_set(loader, &rule->condition, v->condition->value, reader->file, v->condition);
    }
    if (r == 0 && (given >> KEY_OUTPUT & 1)) {
        r = text_set(loader, &rule->output, str_trim(v->output->value), reader->file, v->output);
    }
    if (given >> KEY_DESC & 1) {
        rule->desc = v->desc;
    }
    if (given >> KEY_EXCEPTIONS & 1) {
        rule->exceptions = v->exceptions;
        rule->nexceptions = v->nexceptions;
    }
    if (given >> KEY_TAGS & 1) {
        rule->tags = v->tags;
        rule->ntags = v->ntags;
    }
    rule->priority = given >> KEY_PRIORITY & 1 ? v->priority : rule->priority;
    rule->enabled = given >> KEY_ENABLED & 1 ? v->enabled : rule->enabled;
    rule->warn_evttypes = given >> KEY_WARN_EVTTYPES & 1 ? v->warn_evttypes : rule->warn_evttypes;
    rule->skip_if_unknown_filter = given >> KEY_SKIP & 1 ? v->skip : rule->skip_if_unknown_filter;
    rule->capture = given >> KEY_CAPTURE & 1 ? v->capture : rule->capture;
    rule->capture_duration_ms =
        given >> KEY_CAPTURE_DURATION & 1 ? v->capture_duration : rule->capture_duration_ms;
    return r;
}

static struct str join(struct loader *loader, struct str a, struct str b)
{
    char *joined = arena_bytes(&loader->arena, a.n + b.n + 2);
    if (!joined) {
        return (struct str){ 0 };
    }
    memcpy(joined, a.p, a.n);
    joined[a.n] = ' ';
    memcpy(joined + a.n + 1, b.p, b.n);
    joined[a.n + b.n + 1] = '\0';
    return (struct str){ joined, a.n + b.n + 1 };
}

static int append_tags(struct loader *loader, const struct context *context,
                       const struct rule_values *v, struct collected_rule *rule)
{
    if (rule->ntags + v->ntags > RULE_TAGS_MAX) {
        report(loader, context,
               &(struct report){ .code = LOAD_ERR_VALIDATE, .where = context->where },
               "The rule has more than %d tags", RULE_TAGS_MAX);
        return -EINVAL;
    }
    struct str *tags = ARENA_ARRAY(&loader->arena, struct str, rule->ntags + v->ntags);
    if (!tags) {
        return -ENOMEM;
    }
    if (rule->ntags > 0) {
        memcpy(tags, rule->tags, rule->ntags * sizeof(*tags));
    }
    if (v->ntags > 0) {
        memcpy(tags + rule->ntags, v->tags, v->ntags * sizeof(*tags));
    }
    rule->ntags = unique_tags(tags, rule->ntags + v->ntags);
    rule->tags = tags;
    return 0;
}

static int append_values(struct reader *reader, const struct context *context,
                         const struct rule_values *v, struct collected_rule *rule)
{
    struct loader *loader = reader->loader;
    int r = 0;
    if (v->given >> KEY_CONDITION & 1) {
        r = text_append(loader, &rule->condition, v->condition->value, reader->file, v->condition);
    }
    if (r == 0 && (v->given >> KEY_OUTPUT & 1)) {
        r = text_append(loader, &rule->output, v->output->value, reader->file, v->output);
    }
    if (r == 0 && (v->given >> KEY_DESC & 1)) {
        rule->desc = join(loader, rule->desc, v->desc);
        r = rule->desc.p ? 0 : -ENOMEM;
    }
    if (r == 0 && (v->given >> KEY_TAGS & 1)) {
        r = append_tags(loader, context, v, rule);
    }
    if (r == 0 && (v->given >> KEY_EXCEPTIONS & 1)) {
        r = exceptions_append(loader, context, rule, v->exceptions, v->nexceptions);
    }
    return r;
}

static int validate_exceptions(struct loader *loader, const struct context *context,
                               bool source_known, struct rule_values *v)
{
    int r = 0;
    for (uint32_t i = 0; i < v->nexceptions; i++) {
        if (exception_validate(loader, context, source_known, &v->exceptions[i]) < 0) {
            r = -EINVAL;
        }
    }
    return r;
}

/* Reads the keys of one kind of override; each must be there. */
static int read_overridden(struct reader *reader, const struct doc_node *map, uint32_t keys,
                           bool append, const struct context *context, struct rule_values *ret)
{
    int worst = 0;
    for (enum rule_key key = 0; key < KEY_COUNT; key++) {
        if (!(keys >> key & 1)) {
            continue;
        }
        if (!doc_get(map, overridable[key])) {
            report(reader->loader, context,
                   &(struct report){ .code = LOAD_ERR_YAML_VALIDATE,
                                     .where = node_where(reader, doc_get(map, "override")) },
                   "An %s override for '%s' was specified but '%s' is not defined",
                   append ? "append" : "replace", overridable[key], overridable[key]);
            worst = -EINVAL;
            continue;
        }
        int r = read_key(reader, map, key, append, context, ret);
        if (r == -ENOMEM) {
            return r;
        }
        worst = r < 0 ? r : worst;
    }
    return worst;
}

static int check_unlisted(struct reader *reader, const struct doc_node *map, uint32_t listed,
                          const struct context *context)
{
    int r = 0;
    for (enum rule_key key = 0; key < KEY_COUNT; key++) {
        const struct doc_node *value = doc_get(map, overridable[key]);
        if (value && !(listed >> key & 1)) {
            report(reader->loader, context,
                   &(struct report){ .code = LOAD_ERR_YAML_VALIDATE,
                                     .where = node_where(reader, value),
                                     .part = "overrides",
                                     .part_name = str_of(overridable[key]) },
                   "Unexpected key '%s': no corresponding entry under 'override' is defined.",
                   overridable[key]);
            r = -EINVAL;
        }
    }
    return r;
}

static int apply_append(struct reader *reader, const struct context *context,
                        const struct rule_values *v)
{
    struct loader *loader = reader->loader;
    struct collected_rule *rule = table_get(&loader->rules, context->name);
    if (!rule) {
        return item_missing(reader, &loader->rules, context,
                            "Rule uses 'append' or 'override.<key>: append' but no rule by that "
                            "name already exists");
    }
    if (v->given == 0) {
        report(loader, context,
               &(struct report){ .code = LOAD_ERR_VALIDATE, .where = context->where },
               "Appended rule must have exceptions or condition property");
        return -EINVAL;
    }
    rule->item.visibility = loader->next_index++;
    return append_values(reader, context, v, rule);
}

static int apply_replace(struct reader *reader, const struct context *context,
                         struct rule_values *v)
{
    struct loader *loader = reader->loader;
    struct collected_rule *rule = table_get(&loader->rules, context->name);
    if (!rule) {
        return item_missing(reader, &loader->rules, context,
                            "An 'override.<key>: replace' to a rule was requested but no rule by "
                            "that name already exists");
    }
    if (validate_exceptions(loader, context, rule->source_known, v) < 0) {
        return -EINVAL;
    }
    rule->item.visibility = loader->next_index++;
    return replace_values(reader, v, rule);
}

static int read_override_form(struct reader *reader, const struct doc_node *map,
                              const struct overrides *overrides, const struct context *context)
{
    struct rule_values more = { 0 }, instead = { 0 };
    int r = read_overridden(reader, map, overrides->append, true, context, &more);
    int r2 = r == -ENOMEM
                 ? r
                 : read_overridden(reader, map, overrides->replace, false, context, &instead);
    if (r < 0 || r2 < 0) {
        return r == -ENOMEM || r2 == -ENOMEM ? -ENOMEM : -EINVAL;
    }
    if (overrides->append && (r = apply_append(reader, context, &more)) < 0) {
        return r;
    }
    if (overrides->replace && (r = apply_replace(reader, context, &instead)) < 0) {
        return r;
    }
    return check_unlisted(reader, map, overrides->append | overrides->replace, context);
}

static int read_append_form(struct reader *reader, const struct doc_node *map,
                            const struct context *context)
{
    struct rule_values v = { 0 };
    for (enum rule_key key = KEY_CONDITION; key <= KEY_EXCEPTIONS; key++) {
        int r = doc_get(map, overridable[key]) ? read_key(reader, map, key, true, context, &v) : 0;
        if (r < 0) {
            return r;
        }
    }
    return apply_append(reader, context, &v);
}

static int read_enabled_form(struct reader *reader, const struct doc_node *map,
                             const struct context *context)
{
    struct loader *loader = reader->loader;
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = context->where };
    struct rule_values v = { 0 };
    int r = read_key(reader, map, KEY_ENABLED, false, context, &v);
    if (r < 0) {
        return r;
    }
    if (v.given == 0) {
        report(loader, context, &what, "Item has no mapping for key 'enabled'");
        return -EINVAL;
    }
    what.code = LOAD_DEPRECATED_ITEM;
    what.where = node_where(reader, doc_get(map, "enabled"));
    report(loader, context, &what,
           "The standalone 'enabled' key usage is deprecated. The correct approach requires also a "
           "'replace' entry under the 'override' key (i.e. 'enabled: replace').");
    struct collected_rule *rule = table_get(&loader->rules, context->name);
    if (!rule) {
        return item_missing(reader, &loader->rules, context,
                            "Rule has 'enabled' key but no rule by that name already exists");
    }
    rule->enabled = v.enabled;
    return 0;
}

/* All keys of a definition; reports everything that is wrong. */
static int read_definition(struct reader *reader, const struct doc_node *map,
                           const struct context *context, struct rule_values *ret)
{
    static const enum rule_key order[] = {
        KEY_CONDITION, KEY_OUTPUT,           KEY_DESC,      KEY_PRIORITY,
        KEY_ENABLED,   KEY_WARN_EVTTYPES,    KEY_SKIP,      KEY_TAGS,
        KEY_CAPTURE,   KEY_CAPTURE_DURATION, KEY_EXCEPTIONS
    };
    int worst = 0;
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        int r = read_key(reader, map, order[i], false, context, ret);
        if (r == -ENOMEM) {
            return r;
        }
        worst = r < 0 ? r : worst;
    }
    return worst;
}

static int check_source(struct reader *reader, const struct doc_node *map,
                        const struct context *context, struct collected_rule *rule)
{
    struct loader *loader = reader->loader;
    struct str source = STR("syscall");
    if (read_str(reader, map, "source", true, context, &source) == BAD) {
        return -EINVAL;
    }
    const struct collected_rule *previous = table_get(&loader->rules, context->name);
    struct report what = { .code = LOAD_ERR_VALIDATE, .where = context->where };
    if (previous && !str_eq(previous->source, source)) {
        report(loader, context, &what, "Rule has been re-defined with a different source");
        return -EINVAL;
    }
    rule->source = keep_str(loader, source);
    rule->source_known = str_eq(source, STR("syscall"));
    if (!rule->source_known) {
        what.code = LOAD_UNKNOWN_SOURCE;
        what.where = node_where(reader, doc_get(map, "source"));
        report(loader, context, &what, "Unknown source %.*s, skipping",
               STR_ARG(str_first(source, 64)));
    }
    return rule->source.p ? 0 : -ENOMEM;
}

static int read_definition_form(struct reader *reader, const struct doc_node *map,
                                const struct context *context)
{
    struct loader *loader = reader->loader;
    struct rule_values v = { 0 };
    struct collected_rule rule = { .item = { .name = context->name, .where = context->where },
                                   .enabled = true,
                                   .warn_evttypes = true };
    int r = read_definition(reader, map, context, &v);
    if (r < 0) {
        return r;
    }
    r = check_source(reader, map, context, &rule);
    if (r < 0) {
        return r;
    }
    if (validate_exceptions(loader, context, rule.source_known, &v) < 0) {
        return -EINVAL;
    }
    r = replace_values(reader, &v, &rule);
    return r < 0 ? r : item_define(loader, &loader->rules, &rule, sizeof(rule));
}

int read_rule(struct reader *reader, const struct doc_node *map)
{
    struct str name;
    if (!read_name(reader, map, "rule", &name)) {
        return -EINVAL;
    }
    struct context context = context_of(reader, "rule", name, map);
    struct overrides overrides;
    bool append;
    if (read_overrides(reader, map, overridable, APPENDABLE, &context, &overrides) < 0 ||
        !read_append(reader, map, &context, &overrides, &append)) {
        return -EINVAL;
    }
    check_keys(reader, map, rule_keys, &context);
    if (overrides.append || overrides.replace) {
        return read_override_form(reader, map, &overrides, &context);
    }
    if (append) {
        return read_append_form(reader, map, &context);
    }
    if (!doc_get(map, "condition") && !doc_get(map, "output") && !doc_get(map, "desc") &&
        !doc_get(map, "priority")) {
        return read_enabled_form(reader, map, &context);
    }
    return read_definition_form(reader, map, &context);
}
