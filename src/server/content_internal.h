/*
 * content_internal: what the files of the content module share; nobody else includes it.
 *
 * The newest set and version hang in struct content; readers take them (content_hold()) and are held up by nobody.
 * Changes are made one at a time, from change_begin() to change_end(): documents and items are collected, a new
 * set is made and checked where more changes than appended items, the store commits, and the new version is
 * published: agents and listeners that wait are woken.
 */
#pragma once

#include "server/bell.h"
#include "server/bundle.h"
#include "server/content.h"
#include "server/content_set.h"
#include "store/content.h"

#include <pthread.h>

#define CONTENT_APPEND_MAX     10000 /* items of one request in JSON */
#define CONTENT_COMMENT_MAX    1000
#define CONTENT_LIST_ITEMS_MAX 5000000 /* of one list */
#define CONTENT_IMPORT_MAX     ((size_t)64 << 20)
#define CONTENT_WAIT_MS        2000 /* for somebody else's change */
#define CONTENT_PAGE_MAX       1000
#define CONTENT_POLL_S         60      /* a poll waits so long at most, and if it does not say */
#define CONTENT_JUMP_MAX       1000000 /* versions that agents may be ahead of a restored store */
#define CONTENT_JUMP_MS        3600000 /* between two such jumps */
#define CONTENT_HEARD_MS       60000 /* an agent silent for longer does not count in the rollout */

struct content {
    struct server *server;
    struct store *store;
    const struct store_content_ops *ops;
    struct managed *managed;
    struct bell *bell;
    pthread_mutex_t change; /* held while something is changed */
    bool importing;         /* by an import, which takes long */
    pthread_mutex_t lock;   /* of what follows */
    struct content_set *set;
    int64_t version;
    struct bundles bundles;
    int64_t orders; /* that are open, about: 0 none */
    int64_t ahead;  /* the newest version that an agent said it has, beyond ours; 0 none */
    int64_t jumped_ms;
};

/* The newest set, to be dropped. */
struct content_set *content_hold(struct content *content, int64_t *ret_version);

/* What a route is about: "/v1/rules/{name}". name.p NULL: all of that kind, or all content. */
struct content_subject {
    enum content_kind kind;
    struct str name;
};
struct content_subject content_subject_of(const struct request *request);

/* Something being changed. Texts given are borrowed until change_end(). */
struct change {
    struct content *content;
    struct request *request;
    struct reply *reply; /* NULL: nobody asked; errors go to err alone */
    struct arena *arena;
    struct content_set *old, *set; /* set: NULL while nothing but appended items changes */
    int64_t version;               /* before; after change_commit() the new one */
    struct store_document_change *documents;
    size_t ndocuments, documents_capacity;
    struct store_items_change *items;
    size_t nitems;
    struct store_content_note *notes;
    size_t nnotes, notes_capacity;
    struct str author, comment, delta;
    struct err err;
    bool locked;
};

/* False: the reply says why not (somebody else is at it). */
bool change_begin(struct change *change, struct content *content, struct request *request,
                  struct reply *reply);
/* The same for a request's body, which may be NULL: its comment, and that nobody changed the subject (NULL: none)
 * since the version it names. */
bool change_open(struct change *change, struct request *request, struct reply *reply,
                 const struct content_subject *subject, struct json_object *body);
void change_end(struct change *change);
/* A document as it shall be, text.p == NULL: gone. False: the reply says why. */
bool change_put(struct change *change, const struct document *document);
/* Items of one list; the set changes where they are of its text. */
bool change_items(struct change *change, const struct store_items_change *items);
bool change_note(struct change *change, const struct store_content_note *note);
/* The engine's word. False: the reply is a 422 with the diagnostics. */
bool change_check(struct change *change);
/* Into the store, and told to everybody. False: the reply says why. */
bool change_commit(struct change *change);
/* Did nobody change it since the version that If-Match or `version` names? False: the reply is a 409. */
bool change_matches(struct change *change, enum content_kind kind, struct str name,
                    struct json_object *body);
/* The body of a request with these members and no others; NULL: the reply says why not. */
struct json_object *content_body(struct request *request, const char *members, struct reply *reply);
/* 422 with diagnostics. */
enum http_result reply_diags(struct reply *reply, struct arena *arena,
                             const struct content_diag *diags, size_t n);
enum http_result reply_memory(struct reply *reply);

/* "rule" of "/v1/rules/{name}" */
enum content_kind route_kind(const struct request *request);
/* {"version":N} and the ETag. */
enum http_result reply_version(struct reply *reply, unsigned status, int64_t version);

/* A text of YAML into documents. False: the reply is a 422 with the place. */
bool content_split_text(struct request *request, struct reply *reply, struct str text,
                        struct documents *ret);
/* `items` of a body (texts) as what is appended; `list` NULL: a new one. False: the reply says why. */
bool content_read_items(struct request *request, struct reply *reply, struct json_object *body,
                        const struct list_info *list, struct store_items_change *ret);

/* Items to a file of a bundle, one a line; the newest version of them. */
int content_list_lines(struct content *content, struct str list, int64_t version, struct buf *buf,
                       struct err *err);

/* Difference of two texts as people read it, with three lines around; nothing when they are equal. */
void content_diff(struct str from, struct str to, struct arena *arena, struct buf *ret);

#define HANDLER(name)                                                                              \
    enum http_result name(struct server *server, struct request *request, struct reply *reply)
HANDLER(content_list_documents);
HANDLER(content_get_document);
HANDLER(content_create_document);
HANDLER(content_replace_document);
HANDLER(content_patch_document);
HANDLER(content_remove_document);
HANDLER(content_get_usage);
HANDLER(content_get_items);
HANDLER(content_append_items);
HANDLER(content_remove_items);
HANDLER(content_replace_items);
HANDLER(content_import_items);
HANDLER(content_check_items);
HANDLER(content_export_items);
HANDLER(content_import_files);
HANDLER(content_check_text);
HANDLER(content_complete);
HANDLER(content_overview);
HANDLER(content_get_versions);
HANDLER(content_get_diff);
HANDLER(content_revert);
HANDLER(content_get_rollout);
HANDLER(content_poll);
HANDLER(content_get_orders);
HANDLER(content_test_agent);
HANDLER(content_finish_order);
