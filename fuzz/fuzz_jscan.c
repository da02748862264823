/*
 * fuzz jscan: any bytes as JSON: accepted exactly when json-c in its strict mode accepts them, walks stay within
 * the text, and texts are the same.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/jscan.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>

static void same(struct jscan value, struct json_object *other, struct arena *arena);

static void same_members(struct jscan value, struct json_object *other, struct arena *arena)
{
    struct jscan key, member;
    for (struct jscan_walk walk = jscan_begin(value); jscan_member(&walk, &key, &member);) {
        struct str name = jscan_text(key, arena);
        FUZZ_CHECK(name.p && member.raw.p >= value.raw.p &&
                   member.raw.p + member.raw.n < value.raw.p + value.raw.n);
        if (jscan_get(value, name).raw.p != member.raw.p ||
            memchr(value.raw.p, '\\', value.raw.n)) {
            continue;
        }
        struct str z = arena_str(arena, name);
        struct json_object *found = NULL;
        FUZZ_CHECK(z.p && json_object_object_get_ex(other, z.p, &found));
        same(member, found, arena);
    }
}

static void same_elements(struct jscan value, struct json_object *other, struct arena *arena)
{
    size_t n = 0;
    struct jscan element;
    for (struct jscan_walk walk = jscan_begin(value); jscan_element(&walk, &element); n++) {
        same(element, json_object_array_get_idx(other, n), arena);
    }
    FUZZ_CHECK(n == json_object_array_length(other));
}

static void same_text(struct jscan value, struct json_object *other, struct arena *arena)
{
    struct str text = jscan_text(value, arena);
    struct str theirs =
        str_from(json_object_get_string(other), (size_t)json_object_get_string_len(other));
    FUZZ_CHECK(text.p && str_is_utf8(text) && !memchr(text.p, '\0', text.n));
    if (str_find(text, STR("\xef\xbf\xbd")) < 0) { /* what stands for something else */
        FUZZ_CHECK(str_eq(text, theirs));
    }
}

static void same(struct jscan value, struct json_object *other, struct arena *arena)
{
    static const enum json_type types[] = {
        [JSCAN_NULL] = json_type_null,     [JSCAN_BOOL] = json_type_boolean,
        [JSCAN_TEXT] = json_type_string,   [JSCAN_ARRAY] = json_type_array,
        [JSCAN_OBJECT] = json_type_object,
    };
    int64_t whole = 0;
    double number = 0;
    bool truth = false;
    FUZZ_CHECK(value.type != JSCAN_NONE);
    if (value.type == JSCAN_NUMBER) {
        if (jscan_i64(value, &whole) && json_object_is_type(other, json_type_int)) {
            FUZZ_CHECK(whole == json_object_get_int64(other));
        }
        FUZZ_CHECK(value.raw.n > 64 || jscan_double(value, &number));
        return;
    }
    FUZZ_CHECK(json_object_is_type(other, types[value.type]));
    if (value.type == JSCAN_OBJECT) {
        same_members(value, other, arena);
    } else if (value.type == JSCAN_ARRAY) {
        same_elements(value, other, arena);
    } else if (value.type == JSCAN_TEXT) {
        same_text(value, other, arena);
    } else if (value.type == JSCAN_BOOL) {
        FUZZ_CHECK(jscan_bool(value, &truth) && truth == (bool)json_object_get_boolean(other));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jscan value = { 0 };
    const char *why = NULL;
    size_t at = 0;
    struct arena arena;
    char *text = malloc(size ? size : 1); /* its end is where reading beyond it shows */
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    arena_init(&arena, (size_t)16 << 20);
    int rc = jscan_check(str_from(text, size), &value, &why, &at);
    FUZZ_CHECK(rc == 0 || (why && at <= size));

    struct json_tokener *tokener = json_tokener_new_ex(JSCAN_DEPTH + 2);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *other = json_tokener_parse_ex(tokener, text, (int)size);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    if (rc == 0 && error == json_tokener_success) {
        same(value, other, &arena);
    }
    json_object_put(other);
    json_tokener_free(tokener);
    arena_done(&arena);
    free(text);
    return 0;
}
