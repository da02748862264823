/*
 * client_list: pages of the server as one list, a table or JSON; for the verbs that list.
 */
#pragma once

#include "cli/client.h"
#include "cli/client_show.h"

#define CLIENT_LIMIT     100
#define CLIENT_LIMIT_MAX 1000000

/* Asks for pages until the limit. Shows columns, or with --json {"items":[…],"next":…,"total":…}. */
int client_list(struct client *client, const struct client_args *args, struct client_path *path,
                const struct column *columns);
/* One object: names and values, or with --json as it is. */
int client_one(struct client *client, const struct client_args *args, const char *path,
               const char *skip);
/* What the last call answered: with --json as it is, else the sentence. */
int client_done(struct client *client, const struct client_args *args, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* {"comment":...,"version":...} of --comment and --version; NULL when --version is no number. */
struct json_object *client_body(const struct client_args *args);
void client_put(struct json_object *body, const char *key, const char *value); /* NULL: not */
/* "key": [words] */
void client_put_words(struct json_object *body, const char *key, char *const *words, int n);

/* --reason, which has to be given; false after saying so. */
bool client_reason(const struct client_args *args, struct json_object *body);
/* DELETE of `of` and the first word, which is said to be over: "exception 3 is over". */
int client_end(struct client *client, const struct client_args *args, const char *of,
               const char *what);
/* PATCH of `of` and the first word with the body, which has to say something. The body is taken. */
int client_change(struct client *client, const struct client_args *args, const char *of,
                  struct json_object *body);
/* --expires as "expires_ms", null for `never`; false after saying what is wrong. */
bool client_expiry(const struct client_args *args, struct json_object *body);

/* A clock that only goes forward, for waits. */
int64_t client_now_ms(void);
void client_sleep_ms(long ms);
