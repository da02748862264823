/*
 * fake_fields: the real table of fields, values from the test, and the simplest printing.
 */
#include "fake_fields.h"

#include "base/arena.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

const struct field_desc field_table[FIELD_COUNT] = {
#define FIELD(id, name, type, flags, volatility, class, doc)                                       \
    [FIELD_##id] = { name, type, flags, volatility, class, doc },
#include "event/fields.def"
#undef FIELD
};

static struct {
    struct value v[FAKE_VALUES_MAX];
    uint32_t n;
} fake_values[FIELD_COUNT];

unsigned fake_extractions;

void fake_clear(void)
{
    memset(fake_values, 0, sizeof(fake_values));
    fake_extractions = 0;
}

void fake_add(enum field_id id, struct value value)
{
    value.type = field_table[id].type == TYPE_IPNET ? TYPE_IPADDR : field_table[id].type;
    fake_values[id].v[fake_values[id].n++] = value;
}

void fake_str(enum field_id id, struct str s)
{
    fake_add(id, (struct value){ .s = s });
}

void fake_strz(enum field_id id, const char *z)
{
    fake_str(id, str_of(z));
}

void fake_u64(enum field_id id, uint64_t u)
{
    fake_add(id, (struct value){ .u = u });
}

void fake_i64(enum field_id id, int64_t i)
{
    fake_add(id, (struct value){ .i = i });
}

void fake_ip(enum field_id id, const char *text)
{
    struct value value = { .ip.family = strchr(text, ':') ? 6 : 4 };
    inet_pton(value.ip.family == 4 ? AF_INET : AF_INET6, text, value.ip.bytes);
    fake_add(id, value);
}

int field_resolve(struct str name, struct str arg, struct field_ref *ret, struct err *err)
{
    for (unsigned id = 0; id < FIELD_COUNT; id++) {
        if (!str_eqz(name, field_table[id].name)) {
            continue;
        }
        bool required = field_table[id].flags & FIELD_ARG_REQUIRED;
        bool allowed = field_table[id].flags & FIELD_ARG_ALLOWED;
        if (required && !arg.p) {
            return err_set(err, -EINVAL, "field '%.*s' requires an argument", STR_ARG(name));
        }
        if (arg.p && !required && !allowed) {
            return err_set(err, -EINVAL, "field '%.*s' takes no argument", STR_ARG(name));
        }
        *ret = (struct field_ref){ .id = (enum field_id)id, .type = field_table[id].type };
        ret->has_arg = arg.p != NULL;
        ret->key = arg;
        return 0;
    }
    return err_set(err, -ENOENT, "unknown field '%.*s'", STR_ARG(name));
}

const char *field_suggest(struct str name)
{
    unsigned best = 3;
    const char *nearest = NULL;
    for (unsigned id = 0; id < FIELD_COUNT; id++) {
        unsigned distance = str_distance(name, str_of(field_table[id].name), 3);
        if (distance < best) {
            best = distance;
            nearest = field_table[id].name;
        }
    }
    return nearest;
}

int scratch_init(struct scratch *scratch)
{
    *scratch = (struct scratch){ .p = mem_alloc(SCRATCH_SIZE), .capacity = SCRATCH_SIZE };
    return scratch->p ? 0 : -ENOMEM;
}

void scratch_done(struct scratch *scratch)
{
    free(scratch->p);
    *scratch = (struct scratch){ 0 };
}

void field_extract(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)view;
    fake_extractions++;
    ret->v = fake_values[field->id].v;
    ret->n = fake_values[field->id].n;
}

static void value_text(const struct value *value, struct buf *buf)
{
    char text[INET6_ADDRSTRLEN];
    switch (value->type) {
    case TYPE_CHARBUF:
    case TYPE_BYTEBUF:
        buf_puts(buf, value->s);
        break;
    case TYPE_BOOL:
        buf_putz(buf, value->u ? "true" : "false");
        break;
    case TYPE_IPADDR:
        inet_ntop(value->ip.family == 4 ? AF_INET : AF_INET6, value->ip.bytes, text, sizeof(text));
        buf_putz(buf, text);
        break;
    case TYPE_DOUBLE:
        buf_printf(buf, "%.1f", value->d);
        break;
    default:
        if (type_is_signed(value->type)) {
            buf_i64(buf, value->i);
        } else {
            buf_u64(buf, value->u);
        }
        break;
    }
}

void field_text(const struct field_ref *field, const struct extracted *value, struct buf *buf)
{
    bool is_list = field_table[field->id].flags & FIELD_LIST;
    buf_putz(buf, is_list ? "(" : "");
    for (uint32_t i = 0; i < value->n; i++) {
        buf_putz(buf, i ? "," : "");
        value_text(&value->v[i], buf);
    }
    buf_putz(buf, is_list ? ")" : "");
}

void field_json(const struct field_ref *field, const struct extracted *value,
                const struct view *view, struct buf *buf)
{
    (void)view;
    bool is_list = field_table[field->id].flags & FIELD_LIST;
    buf_putz(buf, value->n == 0 ? "null" : is_list ? "[" : "");
    for (uint32_t i = 0; i < value->n; i++) {
        const struct value *v = &value->v[i];
        bool is_text = v->type == TYPE_CHARBUF || v->type == TYPE_BYTEBUF || v->type == TYPE_IPADDR;
        char storage[4096];
        struct buf text;
        buf_init_fixed(&text, storage, sizeof(storage));
        value_text(v, &text);
        buf_putz(buf, i ? "," : "");
        if (is_text) {
            buf_json_str(buf, buf_str(&text));
        } else {
            buf_puts(buf, buf_str(&text));
        }
    }
    buf_putz(buf, is_list && value->n ? "]" : "");
}
