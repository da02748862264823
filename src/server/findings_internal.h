/*
 * findings_internal: what the files of the findings module, and those of summaries, share; nobody else includes it.
 */
#pragma once

#include "server/audit.h"
#include "server/findings.h"
#include "server/server.h"
#include "store/triage.h"

#define FINDINGS_NAME_MAX   100
#define FINDINGS_REASON_MAX 1000
#define FINDINGS_NOTE_MAX   10000

struct suppress;
struct respond;

struct findings {
    struct suppress *suppress;
    struct respond *respond;
    int64_t looked_ms; /* when exceptions' expiry was looked at last */
    int64_t content;   /* version of the content then */
    unsigned trials;   /* atomic */
};

/* {id} of the path as a number. False: the reply is a 404. */
bool findings_number(struct request *request, int64_t *ret, struct reply *reply);
/* Members "reason", and "expires_ms" (0 when absent or null; in the past is a 422). */
bool findings_reason(struct request *request, struct json_object *body, struct str *ret,
                     struct reply *reply);
bool findings_expires(struct server *server, struct request *request, struct json_object *body,
                      int64_t *ret, struct reply *reply);
/* A text for people: UTF-8, not only blanks, no control characters but, if `lines`, newline and tab. */
bool findings_text(struct request *request, struct json_object *body, const char *key, size_t max,
                   bool lines, struct str *ret, struct reply *reply);
/* Zero as null. */
void findings_put_time(struct jsonw *w, const char *key, int64_t ms);
/* The finding that the path names. False: the reply is a 404. */
bool findings_of_path(struct server *server, struct request *request, struct finding *ret,
                      struct reply *reply);
/* `what` of it, e.g. "suppression:12", with a detail of one text (empty: none). */
void findings_audit(struct server *server, struct request *request, const char *action,
                    struct str object, struct str detail);
struct str findings_object(struct request *request, const char *kind, int64_t id);
void findings_tell(struct server *server, struct str id, const char *change);

/* findings_suppress.c */
int suppress_start(struct server *server, struct suppress **ret, struct err *err);
void suppress_tick(struct server *server, struct suppress *suppress);
void suppress_stop(struct server *server, struct suppress *suppress);

/* findings_exceptions.c */
void exceptions_tick(struct server *server);

/* findings_respond.c */
int responses_start(struct server *server, struct respond **ret, struct err *err);
void responses_stop(struct respond *respond);

/* What reads all that is kept: few at a time, since it holds a thread. False: the reply is a 503. */
bool findings_trial_begin(struct server *server, struct reply *reply);
void findings_trial_end(struct server *server);

/* Fields that an undecided condition lacked. */
#define MISSING_MAX 64
struct missing_field {
    const char *name; /* of the field table */
    uint64_t n;
};
struct missing_fields {
    struct missing_field v[MISSING_MAX];
    uint32_t n;
};
struct cond;
/* Fields of the condition that the record does not carry. */
void missing_note(struct missing_fields *missing, const struct cond *cond,
                  struct json_object *fields);
void missing_write(struct jsonw *w, const char *of, const struct missing_fields *missing);
/* A kept record's body: its fields, and tags; both borrowed from *ret. False: it is none. */
bool record_open(struct str body, struct json_object **ret, struct json_object **ret_fields,
                 struct json_object **ret_tags);

/* Routes. */
#define HANDLER(name)                                                                              \
    enum http_result name(struct server *server, struct request *request, struct reply *reply)
HANDLER(findings_notes);
HANDLER(findings_history);
HANDLER(findings_note_add);
HANDLER(findings_filters);
HANDLER(findings_filter_add);
HANDLER(findings_filter_change);
HANDLER(findings_filter_remove);
HANDLER(findings_suppressions);
HANDLER(findings_suppression_add);
HANDLER(findings_suppression_change);
HANDLER(findings_suppression_remove);
HANDLER(findings_exceptions);
HANDLER(findings_exception_preview);
HANDLER(findings_exception_add);
HANDLER(findings_exception_change);
HANDLER(findings_exception_remove);
HANDLER(findings_dry_run);
HANDLER(findings_export);
HANDLER(findings_respond);
HANDLER(findings_responses);
