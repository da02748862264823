/*
 * bundle_changes: {"from":F,"to":T,"changes":[{"list":NAME,"append":[ITEM,...]},...]}, strictly: what a delta says.
 *
 * Names of lists are those of files that a bundle may have; what items may be is the rules' business.
 */
#include "agent/bundle_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CHANGES_MEMORY_MAX (4 * BUNDLE_DELTA_MAX)

static uint64_t number_of(struct json_object *object, const char *key)
{
    struct json_object *member = json_object_object_get(object, key);
    return json_object_is_type(member, json_type_int) && json_object_get_int64(member) > 0
               ? (uint64_t)json_object_get_int64(member)
               : 0;
}

static struct str text_of(struct bundle_changes *c, struct json_object *text)
{
    return arena_str(&c->arena, str_from(json_object_get_string(text),
                                         (size_t)json_object_get_string_len(text)));
}

static bool is_list_name(struct str list)
{
    char name[BUNDLE_NAME_MAX + 1];
    int n = snprintf(name, sizeof(name), "lists/%.*s.txt", STR_ARG(str_first(list, sizeof(name))));
    return n > 0 && (size_t)n < sizeof(name) && bundle_name_good(str_from(name, (size_t)n));
}

static int take_items(struct bundle_changes *c, struct json_object *items, struct list_items *ret,
                      struct err *err)
{
    size_t n = json_object_array_length(items);
    struct str *texts =
        n <= BUNDLE_ITEMS_MAX - c->items ? ARENA_ARRAY(&c->arena, struct str, n) : NULL;
    if (n > BUNDLE_ITEMS_MAX - c->items) {
        return err_set(err, -EINVAL, "a delta has more than %d items", BUNDLE_ITEMS_MAX);
    }
    for (size_t i = 0; texts && i < n; i++) {
        struct json_object *item = json_object_array_get_idx(items, i);
        if (!json_object_is_type(item, json_type_string)) {
            return err_set(err, -EINVAL, "a delta has an item that is no text");
        }
        texts[i] = text_of(c, item);
        texts = texts[i].p ? texts : NULL;
    }
    c->items += (uint32_t)n;
    ret->items = texts;
    ret->n = (uint32_t)n;
    return texts ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int take_change(struct bundle_changes *c, struct json_object *change, struct list_items *ret,
                       struct err *err)
{
    struct json_object *list = json_object_object_get(change, "list");
    struct json_object *items = json_object_object_get(change, "append");
    if (!json_object_is_type(list, json_type_string) ||
        !json_object_is_type(items, json_type_array)) {
        return err_set(err, -EINVAL, "a delta has a change that is none");
    }
    ret->list = text_of(c, list);
    if (!ret->list.p) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (!is_list_name(ret->list)) {
        return err_set(err, -EINVAL, "a delta names a list that cannot be one");
    }
    return take_items(c, items, ret, err);
}

static int take_all(struct bundle_changes *c, struct json_object *object, struct err *err)
{
    struct json_object *changes = json_object_object_get(object, "changes");
    if (!json_object_is_type(changes, json_type_array) || number_of(object, "to") != c->to) {
        return err_set(err, -EINVAL, "what the server sent is not a delta");
    }
    if (number_of(object, "from") != c->from) {
        return err_set(err, -ESTALE, "the delta is for another version of the rules");
    }
    size_t n = json_object_array_length(changes);
    struct list_items *lists = ARENA_ARRAY(&c->arena, struct list_items, n);
    int r = lists ? 0 : err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; r == 0 && i < n; i++) {
        struct json_object *change = json_object_array_get_idx(changes, i);
        r = json_object_is_type(change, json_type_object)
                ? take_change(c, change, &lists[i], err)
                : err_set(err, -EINVAL, "a delta has a change that is none");
    }
    c->lists = (struct list_changes){ lists, (uint32_t)n };
    return r;
}

int bundle_changes_read(struct bundle_changes *c, struct str body, struct err *err)
{
    arena_init(&c->arena, CHANGES_MEMORY_MAX);
    if (body.n > BUNDLE_DELTA_MAX) {
        return err_set(err, -EFBIG, "the delta is larger than it may be");
    }
    struct json_object *object = bundle_parse_json(body, err);
    int r = object ? take_all(c, object, err) : -EINVAL;
    json_object_put(object);
    return r;
}

void bundle_changes_done(struct bundle_changes *c)
{
    arena_done(&c->arena);
}
