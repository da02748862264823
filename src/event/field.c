/*
 * field: the table of fields, and extraction through one function pointer for each.
 *
 * Shape: fields.def makes the table; field_dispatch.c names each field's extractor; the extractors live
 * in field_event.c, field_fd.c, field_thread.c and so on, by subject. Here are what they share: the
 * scratch memory in which texts and lists of one event are composed.
 *
 * Invariants: extraction never fails and never allocates. Values point into the event, the state, or
 * the scratch, and live until the next event. Text is valid C text: it never holds a NUL.
 */
#include "event/field.h"
#include "event/field_internal.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

/* lint: table */
const struct field_desc field_table[FIELD_COUNT] = {
#define FIELD(id, name, type, flags, volatility, class, doc)                                       \
    [FIELD_##id] = { name, type, flags, volatility, class, doc },
#include "event/fields.def"
#undef FIELD
};

int scratch_init(struct scratch *scratch)
{
    *scratch = (struct scratch){ .p = mem_alloc(SCRATCH_SIZE), .capacity = SCRATCH_SIZE };
    if (!scratch->p) {
        scratch->capacity = 0;
        return -ENOMEM;
    }
    return 0;
}

void scratch_done(struct scratch *scratch)
{
    free(scratch->p);
    *scratch = (struct scratch){ 0 };
}

static void overflowed(struct view *view)
{
    view->scratch.truncated = true;
    if (view->event) {
        view->event->truncated = true;
    }
}

void *scratch_array(struct view *view, size_t n, size_t size)
{
    struct scratch *scratch = &view->scratch;
    size_t start = (scratch->n + 15) & ~(size_t)15;
    if (start > scratch->capacity || n > (scratch->capacity - start) / size) {
        overflowed(view);
        return NULL;
    }
    scratch->n = start + n * size;
    return scratch->p + start;
}

void compose_begin(struct compose *text, struct view *view)
{
    struct scratch *scratch = &view->scratch;
    text->view = view;
    buf_init_fixed(&text->buf, scratch->p + scratch->n, scratch->capacity - scratch->n);
}

void compose_puts(struct compose *text, struct str s)
{
    size_t room = text->buf.capacity - text->buf.n;
    if (s.n > room) {
        buf_puts(&text->buf, str_first(s, room));
        text->buf.failed = true;
        return;
    }
    buf_puts(&text->buf, s);
}

void compose_putc(struct compose *text, char c)
{
    buf_putc(&text->buf, c);
}

struct str compose_end(struct compose *text)
{
    if (text->buf.failed) {
        overflowed(text->view);
    }
    text->view->scratch.n += text->buf.n;
    return buf_str(&text->buf);
}

void put_composed(struct extracted *ret, struct compose *text)
{
    struct str s = compose_end(text);
    put_str(ret, str_until_nul(s.p, s.n));
}

void field_extract(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    ret->n = 0;
    field_extractors[field->id](field, view, ret);
}
