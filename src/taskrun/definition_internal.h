/*
 * definition_internal: a reader that keeps its first error, so that members are read one after the other.
 */
#pragma once

#include "instrument/taskdef.h"
#include "taskrun/definition.h"

struct reader {
    struct document doc;
    struct task_definition *task;
    struct err *err;
    int code; /* of the first error; then everything reads as absent */
};

/* Sets the error, with the line of node (NULL: none). */
void reader_fail(struct reader *r, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* NULL: absent or null. */
const struct node *reader_get(struct reader *r, const struct node *map, const char *name);
/* .p is NULL when absent. */
struct str reader_text(struct reader *r, const struct node *map, const char *name);
struct str reader_text_of(struct reader *r, const struct node *node, const char *name);
bool reader_bool(struct reader *r, const struct node *map, const char *name, bool absent);
uint32_t reader_number(struct reader *r, const struct node *map, const char *name, uint32_t most,
                       uint32_t absent);
/* The elements' list, or NULL; refuses more than `most`. */
const struct node *reader_list(struct reader *r, const struct node *map, const char *name,
                               uint32_t most);
struct task_words reader_words(struct reader *r, const struct node *map, const char *name);
/* [{"name": .., VALUE: ..}] */
struct task_pairs reader_pairs(struct reader *r, const struct node *map, const char *name,
                               const char *key, const char *value);
/* {"key": "value"} */
struct task_pairs reader_map(struct reader *r, const struct node *map, const char *name);
/* "512", "0.5 vCPU", "1 GB" in units and MiB. */
uint32_t reader_size(struct reader *r, const struct node *map, const char *name);

/* Everything but what names other containers and volumes. */
void task_container_read(struct reader *r, const struct node *map, struct task_container *ret);
/* dependsOn, volumesFrom, mountPoints. */
void task_container_read_links(struct reader *r, const struct node *map,
                               struct task_container *ret);
