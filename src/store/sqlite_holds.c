/*
 * sqlite_holds: the SQL function by which a filter's checks that SQL cannot say are evaluated.
 *
 *     hinomi_holds(check, body, number, column, number, column, ...)
 *
 * check is a pointer bound as SQLITE_HOLDS_POINTER, body a packed alert or activity record (or NULL), number an
 * own field (filter/fields.def) and column its value. Yields 1 or 0. The record that was unpacked last is kept: filters often
 * have several checks on one body.
 */
#include "store/sqlite_store.h"

#include "base/cleanup.h"
#include "filter/filter.h"
#include "store/body.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#define OWN_MAX    16
#define PACKED_MAX ((size_t)256 << 10) /* bytes of a packed body that is remembered */

struct holds {
    struct filter_context *context;
    struct body_packer *packer;
    struct arena arena;
    struct json_object *body;
    void *packed;
    size_t npacked;
};

static void holds_free(void *data)
{
    struct holds *h = data;
    if (h) {
        filter_context_free(h->context);
        body_packer_free(h->packer);
        arena_done(&h->arena);
        json_object_put(h->body);
        free(h->packed);
        free(h);
    }
}

static struct json_object *parse_body(struct holds *h, const void *p, size_t n)
{
    arena_reset(&h->arena);
    struct str text = body_unpack(h->packer, str_from(p, n), &h->arena);
    CLEANUP(cleanup_free) char *copy = text.p ? str_dupz(text) : NULL;
    return copy ? json_tokener_parse(copy) : NULL;
}

static struct json_object *body_of(struct holds *h, sqlite3_value *value)
{
    const void *p = sqlite3_value_blob(value);
    size_t n = (size_t)sqlite3_value_bytes(value);
    if (!p) {
        return NULL;
    }
    if (h->packed && n == h->npacked && memcmp(h->packed, p, n) == 0) {
        return h->body;
    }
    json_object_put(h->body);
    h->body = parse_body(h, p, n);
    h->npacked = 0;
    void *packed = n <= PACKED_MAX ? mem_resize(h->packed, n + 1, 1) : NULL;
    if (packed) {
        memcpy(packed, p, n);
        h->packed = packed;
        h->npacked = n;
    }
    return h->body;
}

struct own_values {
    enum own_field fields[OWN_MAX];
    sqlite3_value *values[OWN_MAX];
    unsigned n;
};

static bool tell_own(void *data, enum own_field field, struct value *ret)
{
    const struct own_values *own = data;
    for (unsigned i = 0; i < own->n; i++) {
        if (own->fields[i] != field || sqlite3_value_type(own->values[i]) == SQLITE_NULL) {
            continue;
        }
        *ret = (struct value){ .type = own_table[field].desc.type };
        if (ret->type == TYPE_CHARBUF) {
            const char *text = (const char *)sqlite3_value_text(own->values[i]);
            ret->s = str_from(text, (size_t)sqlite3_value_bytes(own->values[i]));
        } else {
            ret->i = sqlite3_value_int64(own->values[i]);
        }
        return true;
    }
    return false;
}

static struct json_object *member(struct json_object *object, const char *key, enum json_type type)
{
    struct json_object *value = NULL;
    return object && json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, type)
               ? value
               : NULL;
}

/* Of the column; a finding may have no body. */
static struct json_object *tags_of(const struct own_values *own)
{
    for (unsigned i = 0; i < own->n; i++) {
        const char *text =
            own->fields[i] == OWN_TAG ? (const char *)sqlite3_value_text(own->values[i]) : NULL;
        struct json_object *tags = text ? json_tokener_parse(text) : NULL;
        if (tags && json_object_is_type(tags, json_type_array)) {
            return tags;
        }
        json_object_put(tags);
    }
    return NULL;
}

static void holds(sqlite3_context *sql, int argc, sqlite3_value **argv)
{
    struct holds *h = sqlite3_user_data(sql);
    const struct check *check = sqlite3_value_pointer(argv[0], SQLITE_HOLDS_POINTER);
    if (!check || argc < 2) {
        sqlite3_result_error(sql, "not for use in SQL from outside", -1);
        return;
    }
    struct own_values own = { 0 };
    for (int i = 2; i + 1 < argc && own.n < OWN_MAX; i += 2, own.n++) {
        own.fields[own.n] = (enum own_field)sqlite3_value_int(argv[i]);
        own.values[own.n] = argv[i + 1];
    }
    struct json_object *body = body_of(h, argv[1]);
    struct json_object *fields = member(body, "output_fields", json_type_object);
    struct json_object *tags = tags_of(&own);
    struct record record = {
        .own = tell_own,
        .data = &own,
        .fields = fields ? fields : member(body, "fields", json_type_object),
        .tags = tags ? tags : member(body, "tags", json_type_array),
    };
    sqlite3_result_int(sql, filter_check_holds(check, h->context, &record) == FILTER_YES);
    json_object_put(tags);
}

int sqlite_holds_register(struct sqlite3 *db, struct err *err)
{
    struct holds *h = mem_zalloc(sizeof(*h));
    if (!h || filter_context_new(&h->context) < 0 || body_packer_new(&h->packer) < 0) {
        holds_free(h);
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&h->arena, 4 * BODY_MAX);
    if (sqlite3_create_function_v2(db, "hinomi_holds", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, h,
                                   holds, NULL, NULL, holds_free) != SQLITE_OK) {
        return sqlite_err(db, err, NULL); /* SQLite freed it */
    }
    return 0;
}
