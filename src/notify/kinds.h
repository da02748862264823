/*
 * kinds: what channels there are: for each kind its settings, its secrets, and how a message becomes one exchange.
 *
 * A kind is one line of the table in kinds.c. Settings and secrets are objects of JSON; those that people send are
 * checked by notify_settings() and notify_secrets(), which give back what is kept. Nothing here connects to anything.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define NOTIFY_URL_MAX      2048
#define NOTIFY_ADDRESS_MAX  254 /* of mail */
#define NOTIFY_TO_MAX       50
#define NOTIFY_CA_MAX       65536
#define NOTIFY_SECRET_LEAST 16 /* bytes that sign */
#define NOTIFY_SECRET_MAX   1024
#define NOTIFY_SETTINGS_MAX ((size_t)128 << 10) /* bytes of JSON */
#define NOTIFY_FIELDS_MAX   8

struct notify_message; /* notify/message.h */
struct aws;
struct courier_answer;
struct courier_request;

enum notify_field_kind { NOTIFY_TEXT, NOTIFY_PORT, NOTIFY_ADDRESSES };

struct notify_field {
    const char *name;
    enum notify_field_kind kind;
    bool required;
    bool
        moves; /* says where it goes, or who is believed to be there: then secrets are asked for anew */
    size_t most;
    const char *(*wrong)(struct str value); /* NULL: good; else what it has to be */
};

struct notify_secret {
    const char *name;
    bool required;
    size_t least, most;
    const char *(*wrong)(struct str value);
};

struct notify_kind {
    const char *name;
    struct notify_field fields[NOTIFY_FIELDS_MAX];   /* up to one without a name */
    struct notify_secret secrets[NOTIFY_FIELDS_MAX]; /* likewise */
    /* What must fit together; NULL: nothing. */
    int (*fits)(struct json_object *settings, struct json_object *secrets, struct err *err);
    /* Where it goes, for people: no secret. */
    void (*target)(struct json_object *settings, struct json_object *secrets, struct buf *buf);
    /* The request's texts are in the message's arena. */
    int (*make)(const struct notify_message *message, struct courier_request *ret, struct err *err);
    /* What the answer means: 0 it arrived, -EAGAIN it may later, others not; NULL: notify_judge_answer(). */
    int (*judge)(struct aws *aws, const struct courier_answer *answer, struct err *err);
};

/* NULL: there is none of that name. */
const struct notify_kind *notify_kind(struct str name);

/* What is kept of settings that somebody sent; -EINVAL: err says what is wrong with which. */
int notify_settings(const struct notify_kind *kind, struct json_object *sent,
                    struct json_object **ret, struct err *err);
/*
 * Secrets as they are after a change: those that were kept, or, when `moved`, none of them, and what was sent over
 * them (null and "" remove one). `kept` may be NULL.
 */
int notify_secrets(const struct notify_kind *kind, struct json_object *kept, bool moved,
                   struct json_object *sent, struct json_object **ret, struct err *err);
/* Whether what moves is different. */
bool notify_moved(const struct notify_kind *kind, struct json_object *from, struct json_object *to);

/* A text or number of settings or secrets; empty and 0: absent. */
struct str notify_text(struct json_object *object, const char *key);
int64_t notify_number(struct json_object *object, const char *key);
/* NAME <ADDRESS>, or ADDRESS. False: it is neither. */
bool notify_mailbox(struct str text, struct str *ret_name, struct str *ret_address);
/* HOST[:PORT] of a URL. */
struct str notify_host_of(struct str url);
