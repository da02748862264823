/*
 * fuzz json: whatever bytes go in, the emitter writes well-formed JSON that a strict parser reads
 * back, and text that was UTF-8 comes back unchanged.
 *
 * The first byte chooses the buffer's limit, so that running out of room is met as well.
 */
#include "fuzz.h"

#include "base/buf.h"

#include <json-c/json.h>

#define LIMIT ((size_t)16 << 20)

static void write_document(struct buf *buf, struct str text)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    jsonw_array(&w, "a");
    jsonw_str(&w, NULL, text);
    jsonw_end(&w);
    jsonw_key(&w, text);
    jsonw_u64(&w, NULL, text.n);
    jsonw_end(&w);
}

static void check_document(const struct buf *buf, struct str text)
{
    struct json_tokener *parser = json_tokener_new();
    json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *document = json_tokener_parse_ex(parser, buf->p, (int)buf->n);
    FUZZ_CHECK(document);
    FUZZ_CHECK(json_tokener_get_parse_end(parser) == buf->n);

    struct json_object *list = json_object_object_get(document, "a");
    FUZZ_CHECK(list);
    if (json_object_is_type(list, json_type_array)) { /* else the text itself was "a" */
        struct json_object *item = json_object_array_get_idx(list, 0);
        struct str back =
            str_from(json_object_get_string(item), (size_t)json_object_get_string_len(item));
        FUZZ_CHECK(str_is_utf8(back));
        FUZZ_CHECK(str_eq(back, text) == str_is_utf8(text));
    }
    json_object_put(document);
    json_tokener_free(parser);
}

static void check_small(struct str text, size_t limit)
{
    char storage[256];
    struct buf buf;
    buf_init_fixed(&buf, storage, limit);
    buf_json_str(&buf, text);
    FUZZ_CHECK(buf.n <= limit);
    FUZZ_CHECK(buf.failed || (buf.n >= 2 && storage[buf.n - 1] == '"'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) {
        return 0;
    }
    struct str text = str_from(data + 1, size - 1);
    check_small(text, data[0]);

    struct buf buf;
    buf_init(&buf, LIMIT);
    write_document(&buf, text);
    if (!buf.failed) {
        check_document(&buf, text);
    }
    buf_done(&buf);
    return 0;
}
