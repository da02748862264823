/*
 * uplink_answer: the few members of the server's answers that matter, from strict JSON.
 */
#include "agent/uplink_internal.h"

#include <json-c/json.h>
#include <string.h>

#define DEPTH 16

static struct json_object *parse(struct str text)
{
    struct json_tokener *parser = json_tokener_new_ex(DEPTH);
    if (!parser || text.n == 0 || text.n > UPLINK_ANSWER_MAX) {
        json_tokener_free(parser);
        return NULL;
    }
    json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(parser, text.p, (int)text.n);
    json_tokener_free(parser);
    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        return NULL;
    }
    return object;
}

/* What people are told is cut; what goes into paths, headers and keys is whole, or the answer is none. */
static void take_words(struct json_object *object, const char *key, char *to, size_t size)
{
    struct json_object *member = json_object_object_get(object, key);
    if (json_object_is_type(member, json_type_string)) {
        size_t n = (size_t)json_object_get_string_len(member);
        n = n < size ? n : size - 1;
        memcpy(to, json_object_get_string(member), n);
        to[n] = '\0';
    }
}

static bool take_text(struct json_object *object, const char *key, size_t size, char *to,
                      struct uplink_message *ret)
{
    struct json_object *member = json_object_object_get(object, key);
    size_t n = json_object_is_type(member, json_type_string)
                   ? (size_t)json_object_get_string_len(member)
                   : 0;
    if (n < size) {
        take_words(object, key, to, size);
        return true;
    }
    ret->status = 0;
    snprintf(ret->text, sizeof(ret->text), "the answer's `%s` has %zu bytes, %zu are the most", key,
             n, size - 1);
    return false;
}

static void take_number(struct json_object *object, const char *key, uint64_t *ret)
{
    struct json_object *member = json_object_object_get(object, key);
    if (json_object_is_type(member, json_type_int) && json_object_get_int64(member) > 0) {
        *ret = (uint64_t)json_object_get_int64(member);
    }
}

void uplink_read_answer(struct str json, struct uplink_message *ret)
{
    static const char *const numbers[] = { "ack", "expect", "record", "bundle" };
    struct json_object *object = parse(json);
    if (!object) {
        return;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers) && ret->number == 0; i++) {
        take_number(object, numbers[i], &ret->number);
    }
    take_words(object, "code", ret->code, sizeof(ret->code));
    take_words(object, "detail", ret->text, sizeof(ret->text));
    if (take_text(object, "id", sizeof(ret->id), ret->id, ret) &&
        take_text(object, "credential", sizeof(ret->secret), ret->secret, ret)) {
        take_text(object, "sign_key", UPLINK_SECRET_MAX, ret->text, ret);
    }
    json_object_put(object);
}
