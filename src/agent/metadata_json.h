/*
 * metadata_json: reading what an endpoint or a runtime answers: strict JSON, whose members have the type that
 * is expected or are absent (null counts as absent).
 *
 * A reader remembers the first member of a wrong type; the whole document is then refused. Texts are copied to
 * its arena.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "event/state.h"

#include <json-c/json.h>

#define METADATA_LIST_MAX 4096 /* elements of one list or object */

struct metadata_reader {
    struct arena *arena;
    const char *wrong; /* key of the first member that is not what it should be */
    bool no_memory;
};

/* The root, an object; the caller's to put. -EBADMSG when the text is not strict JSON in UTF-8. */
int metadata_json_parse(struct str text, struct json_object **ret, struct err *err);
void metadata_json_put(struct json_object **root);
/* 0, -ENOMEM, or -EBADMSG naming the wrong member. */
int metadata_json_end(const struct metadata_reader *reader, struct err *err);

/* NULL when absent, or of another type (which is then wrong). */
struct json_object *metadata_json_member(struct metadata_reader *reader, struct json_object *object,
                                         const char *key, enum json_type type);
/* Empty when absent. */
struct str metadata_json_text(struct metadata_reader *reader, struct json_object *object,
                              const char *key);
/* 0 when absent; negative numbers and those beyond `max` are wrong. */
double metadata_json_number(struct metadata_reader *reader, struct json_object *object,
                            const char *key, double max);
bool metadata_json_bool(struct metadata_reader *reader, struct json_object *object,
                        const char *key);
/* {"key": "value", ...}; values that are no texts count as empty. Returns how many. */
uint32_t metadata_json_labels(struct metadata_reader *reader, struct json_object *object,
                              const char *key, struct container_label **ret);
/* The member is a list: its length, at most METADATA_LIST_MAX, and its elements that are objects. */
size_t metadata_json_list(struct metadata_reader *reader, struct json_object *object,
                          const char *key, struct json_object **ret_list);
struct json_object *metadata_json_at(struct metadata_reader *reader, struct json_object *list,
                                     size_t i, const char *key);
