/*
 * eval: does a kept record satisfy a condition?
 *
 * Checks are the engine's own; a view whose fields come from the record stands in for event and state. A record may be
 * partial: then a field that it does not carry makes the checks on it undecided, and what follows from an undecided
 * part is told apart from yes and no (Kleene's logic).
 */
#include "filter/filter.h"

#include "base/cleanup.h"
#include "event/sockaddr.h"
#include "rules/constant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE (FIELD_ARG_MAX + 64)

struct filter_context {
    struct view view;
    struct event event;
    const struct record *record;
    bool unknown; /* a field was asked for that the record cannot tell */
};

/* The keys under which outputs and activity name a field: "proc.aname[2]", "evt.arg.flags". */
static bool find_value(struct json_object *fields, const struct field_ref *field,
                       struct json_object **ret)
{
    char name[NAME_SIZE];
    const char *base = field_table[field->id].name;
    if (!fields || !field->has_arg) {
        return fields && json_object_object_get_ex(fields, base, ret);
    }
    if (field->key.p) {
        snprintf(name, sizeof(name), "%s[%.*s]", base, STR_ARG(field->key));
        if (json_object_object_get_ex(fields, name, ret)) {
            return true;
        }
        snprintf(name, sizeof(name), "%s.%.*s", base, STR_ARG(field->key));
    } else {
        snprintf(name, sizeof(name), "%s[%d]", base, field->index);
    }
    return json_object_object_get_ex(fields, name, ret);
}

static bool number_of(struct json_object *json, enum field_type type, struct value *ret)
{
    if (json_object_is_type(json, json_type_string)) {
        struct str text = { json_object_get_string(json),
                            (size_t)json_object_get_string_len(json) };
        return constant_parse(type, text, ret, NULL) == 0;
    }
    *ret = (struct value){ .type = type };
    if (type == TYPE_DOUBLE) {
        ret->d = json_object_get_double(json);
    } else if (type_is_signed(type)) {
        ret->i = json_object_get_int64(json);
    } else {
        int64_t i = json_object_get_int64(json);
        ret->u = i < 0 ? (uint64_t)i : json_object_get_uint64(json);
    }
    return json_object_is_type(json, json_type_int) ||
           json_object_is_type(json, json_type_double) ||
           json_object_is_type(json, json_type_boolean);
}

static bool value_of(struct json_object *json, enum field_type type, struct value *ret)
{
    switch (type) {
    case TYPE_CHARBUF:
    case TYPE_BYTEBUF:
        *ret = (struct value){ .type = type };
        ret->s.p = json_object_get_string(json);
        ret->s.n = json_object_is_type(json, json_type_string)
                       ? (size_t)json_object_get_string_len(json)
                       : strlen(ret->s.p);
        return true;
    case TYPE_IPADDR:
    case TYPE_IPNET: {
        struct str text = str_of(json_object_get_string(json));
        bool ok = constant_parse(TYPE_IPADDR, text, ret, NULL) == 0;
        ret->type = type;
        return ok;
    }
    case TYPE_DYN:
    case TYPE_COUNT:
        return false;
    default:
        return number_of(json, type, ret);
    }
}

static void give_array(struct filter_context *c, struct json_object *array, enum field_type type,
                       struct extracted *ret)
{
    size_t n = json_object_array_length(array);
    struct scratch *s = &c->view.scratch;
    size_t at = (s->n + 15) & ~(size_t)15;
    if (at > s->capacity || n > (s->capacity - at) / sizeof(struct value)) {
        return; /* cut: as if it were missing */
    }
    struct value *values = (struct value *)(void *)(s->p + at);
    uint32_t found = 0;
    for (size_t i = 0; i < n; i++) {
        struct json_object *item = json_object_array_get_idx(array, i);
        found += item && value_of(item, type, &values[found]);
    }
    s->n = at + n * sizeof(struct value);
    ret->v = values;
    ret->n = found;
}

static void give(struct filter_context *c, struct json_object *json, enum field_type type,
                 struct extracted *ret)
{
    if (json_object_is_type(json, json_type_array)) {
        give_array(c, json, type, ret);
    } else if (value_of(json, type, &ret->one)) {
        ret->v = &ret->one;
        ret->n = 1;
    }
}

/* A null is a field that the event did not have; one that is not there may not have been kept. */
static void extract_event_field(struct filter_context *c, const struct field_ref *field,
                                struct extracted *ret)
{
    struct json_object *json = NULL;
    if (!find_value(c->record->fields, field, &json)) {
        c->unknown = c->unknown || c->record->partial;
    } else if (json) {
        give(c, json, field->type, ret);
    }
}

static void extract(void *data, const struct field_ref *field, struct extracted *ret)
{
    struct filter_context *c = data;
    const struct record *record = c->record;
    enum own_field own = own_of_field(field);
    *ret = (struct extracted){ 0 };
    if (own == OWN_FIELDS) {
        extract_event_field(c, field, ret);
        return;
    }
    if (own == OWN_TAG && record->tags) {
        give_array(c, record->tags, TYPE_CHARBUF, ret);
        return;
    }
    if (record->own && record->own(record->data, own, &ret->one)) {
        ret->one.type = own_table[own].desc.type;
        ret->v = &ret->one;
        ret->n = 1;
        return;
    }
    struct field_ref event_field;
    if (!record->own && field_resolve(str_of(own_table[own].desc.name), (struct str){ 0 },
                                      &event_field, NULL) == 0) {
        extract_event_field(c, &event_field, ret);
    }
}

int filter_context_new(struct filter_context **ret)
{
    struct filter_context *c = mem_zalloc(sizeof(*c));
    if (!c || scratch_init(&c->view.scratch) < 0) {
        free(c);
        return -ENOMEM;
    }
    c->view.event = &c->event;
    c->view.extract = extract;
    c->view.extract_data = c;
    *ret = c;
    return 0;
}

void filter_context_free(struct filter_context *context)
{
    if (context) {
        scratch_done(&context->view.scratch);
        free(context);
    }
}

enum filter_answer filter_check_holds(const struct check *check, struct filter_context *context,
                                      const struct record *record)
{
    context->record = record;
    context->unknown = false;
    context->view.scratch.n = 0;
    bool yes = check_eval(check, &context->view);
    return context->unknown ? FILTER_UNDECIDED : yes ? FILTER_YES : FILTER_NO;
}

static enum filter_answer opposite(enum filter_answer answer)
{
    return answer == FILTER_YES ? FILTER_NO : answer == FILTER_NO ? FILTER_YES : answer;
}

enum filter_answer filter_cond_holds(const struct cond *cond, struct filter_context *context,
                                     const struct record *record)
{
    switch (cond->kind) {
    case COND_CHECK:
        return filter_check_holds(cond->check, context, record);
    case COND_NOT:
        return opposite(filter_cond_holds(cond->items[0], context, record));
    default:
        break;
    }
    enum filter_answer settles = cond->kind == COND_AND ? FILTER_NO : FILTER_YES;
    enum filter_answer answer = opposite(settles);
    for (uint32_t i = 0; i < cond->nitems && answer != settles; i++) {
        enum filter_answer one = filter_cond_holds(cond->items[i], context, record);
        answer = one == opposite(settles) ? answer : one;
    }
    return answer;
}

enum filter_answer filter_holds(const struct filter *filter, struct filter_context *context,
                                const struct record *record)
{
    return filter->cond ? filter_cond_holds(filter->cond, context, record) : FILTER_YES;
}
