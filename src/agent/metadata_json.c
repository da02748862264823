/*
 * metadata_json: json-c with its strict and UTF-8 checks on, and members by type.
 *
 * A wrong type is remembered instead of returned, so that reading a document is one expression per member and
 * one test at the end. Texts with a NUL in them are wrong: nobody names anything so, and C would see another.
 */
#include "agent/metadata_json.h"

#include "base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define JSON_DEPTH 16

static void cleanup_tokener(struct json_tokener **tokener)
{
    if (*tokener) {
        json_tokener_free(*tokener);
    }
}

void metadata_json_put(struct json_object **root)
{
    json_object_put(*root);
}

int metadata_json_parse(struct str text, struct json_object **ret, struct err *err)
{
    CLEANUP(cleanup_tokener) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    if (!tokener) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (text.n == 0 || text.n > INT_MAX) {
        return err_set(err, -EBADMSG, "not JSON: %zu bytes", text.n);
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *root = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    enum json_tokener_error code = json_tokener_get_error(tokener);
    if (code != json_tokener_success || !json_object_is_type(root, json_type_object)) {
        json_object_put(root);
        return err_set(err, -EBADMSG, "not a JSON object: %s",
                       code == json_tokener_continue ? "it ends too early"
                                                     : json_tokener_error_desc(code));
    }
    *ret = root;
    return 0;
}

int metadata_json_end(const struct metadata_reader *reader, struct err *err)
{
    if (reader->wrong) {
        return err_set(err, -EBADMSG, "\"%s\" is not what it should be", reader->wrong);
    }
    return reader->no_memory ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static void is_wrong(struct metadata_reader *reader, const char *key)
{
    reader->wrong = reader->wrong ? reader->wrong : key;
}

struct json_object *metadata_json_member(struct metadata_reader *reader, struct json_object *object,
                                         const char *key, enum json_type type)
{
    struct json_object *value = NULL;
    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value) || !value) {
        return NULL;
    }
    if (!json_object_is_type(value, type)) {
        is_wrong(reader, key);
        return NULL;
    }
    return value;
}

static struct str keep(struct metadata_reader *reader, struct json_object *value, const char *key)
{
    struct str s =
        str_from(json_object_get_string(value), (size_t)json_object_get_string_len(value));
    if (memchr(s.p, '\0', s.n)) {
        is_wrong(reader, key);
        return (struct str){ 0 };
    }
    s = arena_str(reader->arena, s);
    reader->no_memory |= !s.p;
    return s.p ? s : (struct str){ 0 };
}

struct str metadata_json_text(struct metadata_reader *reader, struct json_object *object,
                              const char *key)
{
    struct json_object *value = metadata_json_member(reader, object, key, json_type_string);
    return value ? keep(reader, value, key) : (struct str){ 0 };
}

double metadata_json_number(struct metadata_reader *reader, struct json_object *object,
                            const char *key, double max)
{
    struct json_object *value = NULL;
    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value) || !value) {
        return 0;
    }
    bool is_number =
        json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
    double number = is_number ? json_object_get_double(value) : -1;
    if (!(number >= 0 && number <= max)) {
        is_wrong(reader, key);
        return 0;
    }
    return number;
}

bool metadata_json_bool(struct metadata_reader *reader, struct json_object *object, const char *key)
{
    struct json_object *value = metadata_json_member(reader, object, key, json_type_boolean);
    return value && json_object_get_boolean(value);
}

uint32_t metadata_json_labels(struct metadata_reader *reader, struct json_object *object,
                              const char *key, struct container_label **ret)
{
    struct json_object *labels = metadata_json_member(reader, object, key, json_type_object);
    int length = labels ? json_object_object_length(labels) : 0;
    uint32_t n = length > METADATA_LIST_MAX ? METADATA_LIST_MAX : (uint32_t)length;
    *ret = ARENA_ARRAY(reader->arena, struct container_label, n);
    if (n == 0 || !*ret) {
        reader->no_memory |= !*ret;
        return 0;
    }
    uint32_t used = 0;
    json_object_object_foreach(labels, name, value)
    {
        if (used < n) {
            struct str copy = arena_str(reader->arena, str_of(name));
            reader->no_memory |= !copy.p;
            bool is_text = json_object_is_type(value, json_type_string);
            (*ret)[used++] = (struct container_label){ .key = copy,
                                                       .value = is_text ? keep(reader, value, key)
                                                                        : (struct str){ 0 } };
        }
    }
    return used;
}

size_t metadata_json_list(struct metadata_reader *reader, struct json_object *object,
                          const char *key, struct json_object **ret_list)
{
    *ret_list = metadata_json_member(reader, object, key, json_type_array);
    size_t n = *ret_list ? json_object_array_length(*ret_list) : 0;
    return n < METADATA_LIST_MAX ? n : METADATA_LIST_MAX;
}

struct json_object *metadata_json_at(struct metadata_reader *reader, struct json_object *list,
                                     size_t i, const char *key)
{
    struct json_object *one = json_object_array_get_idx(list, i);
    if (!json_object_is_type(one, json_type_object)) {
        is_wrong(reader, key);
        return NULL;
    }
    return one;
}
