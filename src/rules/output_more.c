/*
 * output_more: fields of an alert beside those of its rule's output.
 *
 * Who tries an exception or a rule on alerts that were kept can decide only what they carry. So the fields that the
 * rule's condition uses go along, and the usual ones of exceptions. A field that the event does not have is null, which
 * decides; but a descriptor or path that no rule asked about may not have been followed, so it is then left out, and so is
 * what would be cut: what is not there decides nothing.
 *
 * They are extracted one after another in the scratch that the template's values left.
 */
#include "rules/output.h"

#include <errno.h>

static const struct usual {
    const char *name, *arg;
    bool followed; /* missing means that the event has none */
} usual[] = {
    { "evt.type", NULL, true },
    { "proc.name", NULL, true },
    { "proc.exepath", NULL, true },
    { "proc.exe", NULL, true },
    { "proc.cmdline", NULL, true },
    { "proc.pname", NULL, true },
    { "proc.pexepath", NULL, true },
    { "proc.pcmdline", NULL, true },
    { "proc.aname", "2", true },
    { "proc.tty", NULL, true },
    { "proc.cwd", NULL, true },
    { "user.name", NULL, true },
    { "user.uid", NULL, true },
    { "container.id", NULL, true },
    { "container.name", NULL, true },
    { "container.image.repository", NULL, true },
    { "container.image.tag", NULL, true },
    { "ecs.cluster", NULL, true },
    { "ecs.task.family", NULL, true },
    { "ecs.service", NULL, true },
    { "dns.question.name", NULL, true },
    { "fd.name", NULL, false },
    { "fd.directory", NULL, false },
    { "fd.sip", NULL, false },
    { "fd.sport", NULL, false },
    { "fs.path.name", NULL, false },
};
#define USUAL (sizeof(usual) / sizeof(*usual))

/* ---- which */

static void put_key(struct buf *buf, const struct field_ref *field)
{
    buf_putc(buf, '"');
    buf_putz(buf, field_table[field->id].name);
    if (field->has_arg && field->key.p) {
        buf_putc(buf, '[');
        buf_json_escaped(buf, field->key);
        buf_putc(buf, ']');
    } else if (field->has_arg) {
        buf_printf(buf, "[%d]", field->index);
    }
    buf_putz(buf, "\":");
}

static bool is_there(const struct output *output, struct str key_json)
{
    for (uint32_t i = 0; i < output->nparts; i++) {
        if (output->parts[i].expr && str_eq(output->parts[i].key_json, key_json)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < output->nmore; i++) {
        if (str_eq(output->more[i].key_json, key_json)) {
            return true;
        }
    }
    return false;
}

static int add(struct arena *arena, struct output *output, struct expr *expr, bool asked)
{
    char storage[256 + FIELD_ARG_MAX * 6];
    struct buf key;
    uint16_t flags = field_table[expr->field.id].flags;
    buf_init_fixed(&key, storage, sizeof(storage));
    put_key(&key, &expr->field);
    if (flags & (FIELD_FILTER_ONLY | FIELD_EMPTY) || key.failed ||
        output->nmore == OUTPUT_MORE_MAX || is_there(output, buf_str(&key))) {
        return 0;
    }
    struct output_more *more = &output->more[output->nmore];
    *more = (struct output_more){ expr, arena_str(arena, buf_str(&key)), asked };
    output->nmore += more->key_json.p != NULL;
    return more->key_json.p ? 0 : -ENOMEM;
}

static int add_of_expr(struct arena *arena, struct output *output, struct expr *expr)
{
    int r = 0;
    if (!expr) {
        return 0;
    }
    if (expr->kind == EXPR_FIELD) {
        return add(arena, output, expr, true);
    }
    for (uint32_t i = 0; i < expr->nargs && r == 0; i++) {
        r = add_of_expr(arena, output, expr->args[i]);
    }
    return r;
}

/* Conditions nest no deeper than the compiler lets them. */
static int add_of_cond(struct arena *arena, struct output *output, const struct cond *cond)
{
    int r = 0;
    if (cond->kind == COND_CHECK) {
        r = add_of_expr(arena, output, cond->check->left);
        return r == 0 ? add_of_expr(arena, output, cond->check->right) : r;
    }
    for (uint32_t i = 0; i < cond->nitems && r == 0; i++) {
        r = add_of_cond(arena, output, cond->items[i]);
    }
    return r;
}

static int add_usual(struct arena *arena, struct output *output, const struct usual *u)
{
    struct expr *expr = ARENA_NEW(arena, struct expr);
    struct str arg = u->arg ? str_of(u->arg) : (struct str){ 0 };
    if (!expr) {
        return -ENOMEM;
    }
    *expr = (struct expr){ .kind = EXPR_FIELD };
    if (field_resolve(str_of(u->name), arg, &expr->field, NULL) < 0) {
        return 0;
    }
    expr->type = expr->field.type;
    expr->desc = &field_table[expr->field.id];
    return add(arena, output, expr, u->followed);
}

int output_add_more(struct arena *arena, const struct cond *cond, struct output *output)
{
    output->more = ARENA_ARRAY(arena, struct output_more, OUTPUT_MORE_MAX);
    output->nmore = 0;
    int r = !output->more ? -ENOMEM : cond ? add_of_cond(arena, output, cond) : 0;
    for (size_t i = 0; i < USUAL && r == 0; i++) {
        r = add_usual(arena, output, &usual[i]);
    }
    return r;
}

/* ---- what they are */

/* False: it is left out. */
static bool put_value(const struct output_more *more, struct view *view, struct buf *buf)
{
    struct extracted value = { 0 };
    expr_extract(more->expr, view, &value);
    if (value.n == 0 && !more->asked) {
        return false;
    }
    buf_puts(buf, more->key_json);
    if (value.n == 0) {
        buf_puts(buf, STR("null"));
    } else {
        expr_json(more->expr, &value, view, buf);
    }
    return !view->scratch.truncated;
}

void output_put_more_json(const struct output *output, struct view *view, bool first,
                          struct buf *buf)
{
    size_t begin = buf->n, kept = view->scratch.n;
    bool truncated = view->scratch.truncated, event_truncated = view->event->truncated;
    for (uint32_t i = 0; i < output->nmore && buf->n - begin < OUTPUT_MORE_BYTES; i++) {
        size_t before = buf->n;
        bool failed = buf->failed;
        buf_puts(buf, first ? (struct str){ 0 } : STR(","));
        view->scratch.truncated = false;
        bool good = put_value(&output->more[i], view, buf);
        view->scratch.n = kept;
        if (!good || buf->failed || buf->n - before > OUTPUT_MORE_VALUE) {
            buf->n = before;
            buf->failed = failed;
        } else {
            first = false;
        }
    }
    view->scratch.truncated = truncated;
    view->event->truncated = event_truncated;
}
