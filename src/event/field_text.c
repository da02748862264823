/*
 * field_text: extracted values as text and as JSON, in the reference's forms.
 *
 * Numbers are decimal; what is left of a second is padded to nine digits; booleans are true and false;
 * bytes that cannot be printed are dots; a list is "(a,b)". In JSON numbers stay numbers, and clock
 * times are the event's time in nanoseconds.
 */
#include "event/field_internal.h"

#include "event/text.h"

#include <inttypes.h>

static bool is_padded(enum field_id id)
{
    switch (id) {
    case FIELD_EVT_LATENCY_NS:
    case FIELD_EVT_DELTATIME_NS:
    case FIELD_EVT_RAWTIME_NS:
    case FIELD_EVT_RELTIME_NS:
        return true;
    default:
        return false;
    }
}

static void double_text(struct buf *buf, double d)
{
    buf_printf(buf, "%.1f", d);
}

static void value_text(enum field_id id, const struct value *value, struct buf *buf)
{
    switch (value->type) {
    case TYPE_CHARBUF:
        buf_puts(buf, value->s);
        return;
    case TYPE_BYTEBUF:
        text_dots(buf, value->s);
        return;
    case TYPE_BOOL:
        buf_puts(buf, bool_str(value->u));
        return;
    case TYPE_INT16:
    case TYPE_INT32:
    case TYPE_INT64:
        buf_i64(buf, value->i);
        return;
    case TYPE_DOUBLE:
        double_text(buf, value->d);
        return;
    case TYPE_IPADDR:
        field_ip_text(buf, &value->ip);
        return;
    case TYPE_IPNET:
        field_ip_text(buf, &value->net.ip);
        buf_putc(buf, '/');
        buf_u64(buf, value->net.prefix_bits);
        return;
    default:
        if (is_padded(id)) {
            buf_printf(buf, "%09" PRIu64, value->u);
        } else {
            buf_u64(buf, value->u);
        }
    }
}

/* Is it printed as a list, even with one value or none? */
static bool is_list(const struct field_ref *field, const struct extracted *value)
{
    return value->n > 1 || ((field_table[field->id].flags & FIELD_LIST) && !field->has_arg);
}

void field_text(const struct field_ref *field, const struct extracted *value, struct buf *buf)
{
    if (!is_list(field, value)) {
        if (value->n) {
            value_text(field->id, value->v, buf);
        }
        return;
    }
    buf_putc(buf, '(');
    for (uint32_t i = 0; i < value->n; i++) {
        if (i) {
            buf_putc(buf, ',');
        }
        value_text(field->id, &value->v[i], buf);
    }
    buf_putc(buf, ')');
}

static void value_json(const struct value *value, struct buf *buf)
{
    char storage[64];
    struct buf text;
    switch (value->type) {
    case TYPE_CHARBUF:
        buf_json_str(buf, value->s);
        return;
    case TYPE_BYTEBUF:
        buf_putc(buf, '"');
        for (size_t i = 0; i < value->s.n; i++) {
            char c = value->s.p[i];
            char shown = c >= ' ' && c <= '~' ? c : '.';
            if (shown == '"' || shown == '\\') {
                buf_putc(buf, '\\');
            }
            buf_putc(buf, shown);
        }
        buf_putc(buf, '"');
        return;
    case TYPE_IPADDR:
    case TYPE_IPNET:
        buf_init_fixed(&text, storage, sizeof(storage));
        value_text(FIELD_COUNT, value, &text);
        buf_json_str(buf, buf_str(&text));
        return;
    case TYPE_DOUBLE:
        if (value->d != value->d || value->d - value->d != 0) {
            buf_puts(buf, STR("null")); /* JSON has no such numbers */
        } else {
            buf_printf(buf, "%.17g", value->d);
        }
        return;
    default:
        value_text(FIELD_COUNT, value, buf);
    }
}

static bool is_clock(enum field_id id)
{
    return (id >= FIELD_EVT_TIME && id <= FIELD_EVT_DATETIME_S) || id == FIELD_EVT_OUTPUTTIME;
}

void field_json(const struct field_ref *field, const struct extracted *value,
                const struct view *view, struct buf *buf)
{
    if (is_clock(field->id)) {
        buf_u64(buf, view->event->ts_ns);
        return;
    }
    if (value->n == 0) {
        buf_puts(buf, STR("null"));
        return;
    }
    if (!is_list(field, value)) {
        value_json(value->v, buf);
        return;
    }
    buf_putc(buf, '[');
    for (uint32_t i = 0; i < value->n; i++) {
        if (i) {
            buf_putc(buf, ',');
        }
        value_json(&value->v[i], buf);
    }
    buf_putc(buf, ']');
}
