/*
 * read_exception: exceptions of rules: reading, completing, appending, and the clause each becomes.
 *
 *     fields: a scalar        values are scalars    (f comp (v1, v2))
 *     fields: a list          values are tuples     ((f1 c1 v1 and f2 c2 v2) or (...))
 *
 * Values are written into the condition's text as they are, in double quotes when they hold a
 * blank, so that names of lists among them are expanded like everywhere else.
 */
#include "rules/load.h"

#include "event/field.h"
#include "rules/parse.h"

#include <errno.h>

#define ENTRY_DEPTH_MAX 8

static const char *const exception_keys[] = { "name", "fields", "comps", "values", NULL };

static int read_entry(struct reader *reader, const struct doc_node *node, unsigned depth,
                      const struct context *context, struct entry *ret)
{
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = node_where(reader, node) };
    ret->is_set = true;
    if (node->kind == DOC_SCALAR) {
        if (node->value.n == 0 || str_find_char(node->value, '\0') >= 0) {
            report(reader->loader, context, &what,
                   node->value.n ? "Value holds a NUL byte" : "Value must be non-empty");
            return -EINVAL;
        }
        ret->item = keep_str(reader->loader, node->value);
        return ret->item.p ? 0 : -ENOMEM;
    }
    ret->is_list = true;
    if (node->kind == DOC_MAP || depth == ENTRY_DEPTH_MAX) {
        report(reader->loader, context, &what, "%s",
               depth == ENTRY_DEPTH_MAX ? "Values are nested too deeply"
                                        : "Value is neither a scalar nor a sequence");
        return -EINVAL;
    }
    ret->items = ARENA_ARRAY(&reader->loader->arena, struct entry, node->n);
    if (!ret->items) {
        return -ENOMEM;
    }
    ret->n = node->n;
    int r = 0;
    for (uint32_t i = 0; i < node->n && r == 0; i++) {
        r = read_entry(reader, node->items[i], depth + 1, context, &ret->items[i]);
    }
    return r;
}

static int read_values(struct reader *reader, const struct doc_node *map, bool append,
                       const struct context *context, struct collected_exception *ret)
{
    const struct doc_node *values = doc_get(map, "values");
    if (!values) {
        if (append) {
            report(reader->loader, context,
                   &(struct report){ .code = LOAD_APPEND_NO_VALUES, .where = context->where },
                   "Overriding/appending exception with no values");
        }
        return 0;
    }
    if (values->kind != DOC_SEQUENCE) {
        report(reader->loader, context,
               &(struct report){ .code = LOAD_ERR_YAML_VALIDATE,
                                 .where = node_where(reader, values),
                                 .part = "exception values" },
               "Rule exception values must be a sequence");
        return -EINVAL;
    }
    struct entry all = { 0 };
    int r = read_entry(reader, values, 0, context, &all);
    ret->values = all.items;
    ret->nvalues = all.n;
    return r;
}

static int read_exception(struct reader *reader, const struct doc_node *map, bool append,
                          const struct context *rule, struct collected_exception *ret)
{
    struct context context = context_of(reader, "exception", STR(""), map);
    context.parent = rule;
    struct report what = { .code = LOAD_ERR_YAML_VALIDATE, .where = context.where };
    if (map->kind != DOC_MAP) {
        report(reader->loader, &context, &what, "Rule exception must be a mapping");
        return -EINVAL;
    }
    struct str name;
    if (read_str(reader, map, "name", false, &context, &name) != PRESENT) {
        return -EINVAL;
    }
    ret->name = context.name = keep_str(reader->loader, name);
    ret->where = context.where;
    check_keys(reader, map, exception_keys, &context);
    const struct doc_node *fields = doc_get(map, "fields"), *comps = doc_get(map, "comps");
    if (!fields && !append) {
        report(reader->loader, &context, &what, "Item has no mapping for key 'fields'");
        return -EINVAL;
    }
    int r = fields ? read_entry(reader, fields, 0, &context, &ret->fields) : 0;
    if (r == 0 && comps) {
        r = read_entry(reader, comps, 0, &context, &ret->comps);
    }
    return r < 0 ? r : read_values(reader, map, append, &context, ret);
}

static int too_many(struct loader *loader, const struct context *rule)
{
    report(loader, rule, &(struct report){ .code = LOAD_ERR_VALIDATE, .where = rule->where },
           "The rule has more than %d exceptions", RULE_EXCEPTIONS_MAX);
    return -EINVAL;
}

int read_exceptions(struct reader *reader, const struct doc_node *map, bool append,
                    const struct context *rule, struct collected_exception **ret, uint32_t *ret_n)
{
    const struct doc_node *list = doc_get(map, "exceptions");
    if (!list || doc_is_null(list)) {
        return 0;
    }
    struct loader *loader = reader->loader;
    if (list->kind != DOC_SEQUENCE) {
        report(loader, rule,
               &(struct report){ .code = LOAD_ERR_YAML_VALIDATE,
                                 .where = node_where(reader, list),
                                 .part = "exceptions" },
               "Rule exceptions must be a sequence");
        return -EINVAL;
    }
    if (list->n > RULE_EXCEPTIONS_MAX) {
        return too_many(loader, rule);
    }
    struct collected_exception *all =
        ARENA_ARRAY(&loader->arena, struct collected_exception, list->n);
    if (!all) {
        return -ENOMEM;
    }
    int worst = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        int r = read_exception(reader, list->items[i], append, rule, &all[i]);
        if (r == -ENOMEM) {
            return r;
        }
        worst = r < 0 ? r : worst;
        bool repeated = false;
        for (uint32_t j = 0; j < i && r == 0 && !repeated; j++) {
            repeated = str_eq(all[j].name, all[i].name);
        }
        if (repeated) {
            struct context context = { "exception", all[i].name, all[i].where, rule };
            report(
                loader, &context,
                &(struct report){ .code = LOAD_EXCEPTION_NAME_NOT_UNIQUE, .where = context.where },
                "Multiple definitions of exception '%.*s' in the same rule",
                STR_ARG(str_first(all[i].name, 200)));
        }
    }
    *ret = all;
    *ret_n = list->n;
    return worst;
}

static int fail(struct loader *loader, const struct context *context, struct str name,
                const char *message)
{
    report(loader, context, &(struct report){ .code = LOAD_ERR_VALIDATE, .where = context->where },
           name.p ? "'%.*s' %s" : "%.*s%s", STR_ARG(str_first(name, 200)), message);
    return -EINVAL;
}

static bool is_modified_op(struct str comp)
{
    ptrdiff_t blank = str_find_last(comp, ' ');
    if (blank < 0) {
        return false;
    }
    enum ast_op op = op_find(str_trim(str_first(comp, (size_t)blank)));
    struct str word = str_from_offset(comp, (size_t)blank + 1);
    bool is_modifier =
        str_eq(word, STR("oneof")) || str_eq(word, STR("anyof")) || str_eq(word, STR("allof"));
    return is_modifier && ((op >= OP_EQ && op <= OP_NE) || (op >= OP_CONTAINS && op <= OP_REGEX));
}

/* Does the operator take a list? */
static bool comp_takes_list(struct str comp)
{
    return op_is_list(op_find(comp)) || is_modified_op(comp);
}

/* Are all fields in the expression known ones? Arguments are checked with the condition. */
static bool fields_known(const struct ast_expr *expr)
{
    if (expr->kind == EXPR_FIELD) {
        struct field_ref ref;
        return field_resolve(expr->name, expr->arg, &ref, NULL) != -ENOENT;
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        if (!fields_known(expr->args[i])) {
            return false;
        }
    }
    return true;
}

static int check_field(struct loader *loader, const struct context *context,
                       const struct entry *field)
{
    struct ast_expr *expr;
    int r = field->is_list ? -EINVAL : parse_left_side(&loader->arena, field->item, &expr, NULL);
    if (r == -ENOMEM) {
        return r;
    }
    if (r == 0 && fields_known(expr)) {
        return 0;
    }
    const char *near = r == 0 && expr->kind == EXPR_FIELD ? field_suggest(expr->name) : NULL;
    char hint[128] = "";
    int n = near ? __builtin_snprintf(hint, sizeof(hint), "did you mean `%s`?", near) : 0;
    report(loader, context,
           &(struct report){ .code = LOAD_ERR_VALIDATE,
                             .where = context->where,
                             .hint = { hint, n > 0 && (size_t)n < sizeof(hint) ? (size_t)n : 0 } },
           "'%.*s' is not a supported filter field", STR_ARG(str_first(field->item, 200)));
    return -EINVAL;
}

static int validate_list_form(struct loader *loader, const struct context *context,
                              bool source_known, struct collected_exception *e)
{
    if (!e->comps.is_set) {
        struct entry *equals = ARENA_ARRAY(&loader->arena, struct entry, e->fields.n);
        if (!equals) {
            return -ENOMEM;
        }
        for (uint32_t i = 0; i < e->fields.n; i++) {
            equals[i] = (struct entry){ .is_set = true, .item = STR("=") };
        }
        e->comps = (struct entry){ true, true, .items = equals, .n = e->fields.n };
    }
    if (!e->comps.is_list || e->comps.n != e->fields.n) {
        return fail(loader, context, (struct str){ 0 },
                    "Fields and comps lists must have equal length");
    }
    for (uint32_t i = 0; i < e->comps.n; i++) {
        struct str comp = e->comps.items[i].item;
        if (op_find(comp) == OP_COUNT && !is_modified_op(comp)) {
            return fail(loader, context, comp.p ? comp : STR(""),
                        "is not a supported comparison operator");
        }
    }
    int r = 0;
    for (uint32_t i = 0; i < e->fields.n && source_known; i++) {
        int r2 = check_field(loader, context, &e->fields.items[i]);
        r = r2 < 0 ? r2 : r;
    }
    return r;
}

static int validate_scalar_form(struct loader *loader, const struct context *context,
                                bool source_known, struct collected_exception *e)
{
    if (!e->comps.is_set) {
        e->comps = (struct entry){ .is_set = true, .item = STR("in") };
    }
    if (e->comps.is_list) {
        return fail(loader, context, (struct str){ 0 }, "Fields and comps must both be strings");
    }
    if (!comp_takes_list(e->comps.item)) {
        return fail(loader, context, (struct str){ 0 },
                    "When fields is a single value, comps must be one of (in, pmatch, intersects)");
    }
    return source_known ? check_field(loader, context, &e->fields) : 0;
}

int exception_validate(struct loader *loader, const struct context *rule, bool source_known,
                       struct collected_exception *exception)
{
    struct context context = { "exception", exception->name, exception->where, rule };
    if (!exception->fields.is_set) {
        return fail(loader, &context, (struct str){ 0 },
                    "Rule exception item must have fields property with a list of fields");
    }
    return exception->fields.is_list
               ? validate_list_form(loader, &context, source_known, exception)
               : validate_scalar_form(loader, &context, source_known, exception);
}

static struct collected_exception *find_exception(const struct collected_rule *rule,
                                                  struct str name)
{
    for (uint32_t i = 0; i < rule->nexceptions; i++) {
        if (str_eq(rule->exceptions[i].name, name)) {
            return &rule->exceptions[i];
        }
    }
    return NULL;
}

static void *joined(struct loader *loader, const void *a, uint32_t na, const void *b, uint32_t nb,
                    size_t size)
{
    char *all = arena_array(&loader->arena, (size_t)na + nb, size);
    if (all && na > 0) {
        memcpy(all, a, na * size);
    }
    if (all && nb > 0) {
        memcpy(all + na * size, b, nb * size);
    }
    return all;
}

/* More values for an exception that is there already. */
static int append_to_existing(struct loader *loader, const struct context *context,
                              struct collected_exception *to,
                              const struct collected_exception *more)
{
    if (more->fields.is_set) {
        return fail(loader, context, (struct str){ 0 },
                    "Can not append exception fields to existing exception, only values");
    }
    if (more->comps.is_set) {
        return fail(loader, context, (struct str){ 0 },
                    "Can not append exception comps to existing exception, only values");
    }
    to->values =
        joined(loader, to->values, to->nvalues, more->values, more->nvalues, sizeof(*to->values));
    to->nvalues += more->nvalues;
    return to->values ? 0 : -ENOMEM;
}

static int append_new(struct loader *loader, const struct context *context,
                      struct collected_rule *to, struct collected_exception *more)
{
    if (!more->fields.is_set) {
        return fail(loader, context, (struct str){ 0 },
                    "Rule exception must have fields property with a list of fields");
    }
    if (more->nvalues == 0) {
        return fail(loader, context, (struct str){ 0 },
                    "Rule exception must have values property with a list of values");
    }
    if (to->nexceptions >= RULE_EXCEPTIONS_MAX) {
        return too_many(loader, context->parent);
    }
    int r = exception_validate(loader, context->parent, to->source_known, more);
    if (r < 0) {
        return r;
    }
    to->exceptions =
        joined(loader, to->exceptions, to->nexceptions, more, 1, sizeof(*to->exceptions));
    to->nexceptions++;
    return to->exceptions ? 0 : -ENOMEM;
}

int exceptions_append(struct loader *loader, const struct context *rule, struct collected_rule *to,
                      struct collected_exception *more, uint32_t n)
{
    int worst = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct context context = { "exception", more[i].name, more[i].where, rule };
        struct collected_exception *existing = find_exception(to, more[i].name);
        int r = existing ? append_to_existing(loader, &context, existing, &more[i])
                         : append_new(loader, &context, to, &more[i]);
        if (r == -ENOMEM) {
            return r;
        }
        worst = r < 0 ? r : worst;
    }
    return worst;
}

static void put_value(struct str value, struct buf *buf)
{
    bool quote = str_find_char(value, ' ') >= 0 && value.p[0] != '"' && value.p[0] != '\'';
    buf_putz(buf, quote ? "\"" : "");
    buf_puts(buf, value);
    buf_putz(buf, quote ? "\"" : "");
}

static bool put_list(const struct entry *list, struct buf *buf)
{
    buf_putc(buf, '(');
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->items[i].is_list) {
            return false;
        }
        buf_putz(buf, i ? ", " : "");
        put_value(list->items[i].item, buf);
    }
    buf_putc(buf, ')');
    return true;
}

/* "f1 c1 v1 and f2 c2 v2" */
static bool put_tuple(const struct collected_exception *e, const struct entry *values,
                      struct buf *buf)
{
    for (uint32_t i = 0; i < e->fields.n; i++) {
        const struct entry *value = &values->items[i];
        struct str comp = e->comps.items[i].item;
        buf_putz(buf, i ? " and " : "");
        buf_puts(buf, e->fields.items[i].item);
        buf_putc(buf, ' ');
        buf_puts(buf, comp);
        buf_putc(buf, ' ');
        if (value->is_list) {
            if (!put_list(value, buf)) {
                return false;
            }
        } else if (comp_takes_list(comp)) {
            bool has_paren = value->item.p[0] == '(';
            struct entry alone = { true, true, .items = &(struct entry){ .item = value->item },
                                   .n = 1 };
            if (has_paren) {
                buf_puts(buf, value->item);
            } else {
                put_list(&alone, buf);
            }
        } else {
            put_value(value->item, buf);
        }
    }
    return true;
}

int exception_clause(struct loader *loader, const struct context *rule,
                     const struct collected_exception *e, struct buf *buf)
{
    struct context context = { "exception", e->name, e->where, rule };
    if (e->nvalues == 0) {
        return 0;
    }
    static const char not_strings[] = "Expected values array to contain a list of strings";
    if (!e->fields.is_list) {
        struct entry all = { true, true, .items = e->values, .n = e->nvalues };
        buf_putc(buf, '(');
        buf_puts(buf, e->fields.item);
        buf_putc(buf, ' ');
        buf_puts(buf, e->comps.item);
        buf_putc(buf, ' ');
        bool ok = put_list(&all, buf);
        buf_putc(buf, ')');
        return ok ? 0 : fail(loader, &context, (struct str){ 0 }, not_strings);
    }
    buf_putc(buf, '(');
    for (uint32_t i = 0; i < e->nvalues; i++) {
        if (!e->values[i].is_list || e->values[i].n != e->fields.n) {
            return fail(loader, &context, (struct str){ 0 },
                        "Fields and values lists must have equal length");
        }
        buf_putz(buf, i ? " or (" : "(");
        if (!put_tuple(e, &e->values[i], buf)) {
            return fail(loader, &context, (struct str){ 0 }, not_strings);
        }
        buf_putc(buf, ')');
    }
    buf_putc(buf, ')');
    return 0;
}
