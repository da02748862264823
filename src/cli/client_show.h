/*
 * client_show: JSON of the server for people: tables, and objects as names and values.
 *
 * All text goes through client_visible(): what comes from watched programs cannot steer a terminal.
 */
#pragma once

#include "base/buf.h"

#include <json-c/json.h>

/* Appends s: control characters, what changes the direction of text, invisible characters and bytes that are no UTF-8
 * as \n, \t, \xHH or \u{HEX}. Cuts it with an ellipsis when it would take more than `columns` (0: never). Returns
 * how many columns it takes. */
size_t client_visible(struct buf *buf, struct str s, size_t columns);

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER,  /* at the right */
    COLUMN_TIME,    /* milliseconds since 1970, or null */
    COLUMN_BAND,    /* severity: "critical 9.5" */
    COLUMN_COUNT,   /* of an array's items */
    COLUMN_REASONS, /* "text" of an array's objects */
};

struct column {
    const char *title;
    const char *key; /* "health.state": within an object; "a|b": b where a is null */
    enum column_kind kind;
    bool flexible; /* may be cut so that the table fits */
};

#define COLUMNS_MAX 12

/* A line for each item of the array. width 0: as wide as it gets. */
void client_table(struct buf *buf, struct json_object *items, const struct column *columns,
                  size_t width);
/* "name  value" for each member that is not null; members `skip` (blank separated) are left out. */
void client_object(struct buf *buf, struct json_object *object, const char *skip);

/* Columns of the terminal at standard output; 0 when there is none. */
size_t client_terminal(void);
/* Writes it all to standard output and empties it. EXIT_OK, or EXIT_NEGATIVE after saying why. */
int client_print(struct buf *buf);
int client_print_json(struct json_object *json);

/* A member, by dotted key; NULL when there is none or it is null. */
struct json_object *client_member(struct json_object *object, const char *key);
/* 0 when it is no array. */
size_t client_length(struct json_object *array);
/* Of `items` of an answer the one with that id; NULL. */
struct json_object *client_item(struct json_object *answer, int64_t id);
const char *client_text(struct json_object *object, const char *key); /* "" when absent */
int64_t client_int(struct json_object *object, const char *key);      /* 0 when absent */
void client_time(struct buf *buf, int64_t ms);                        /* local, to the second */
