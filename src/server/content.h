/*
 * content: the rules that are kept, for the other modules of the server.
 *
 * All of it may be called from any thread, and with server->content NULL.
 */
#pragma once

#include "base/buf.h"
#include "server/server.h"

#include <stdint.h>

#define CONTENT_ORDER_LIFE_MS 60000 /* unless the order says otherwise */

/* The newest version; 0: none. */
int64_t content_version(const struct server *server);

/* Enabled policies that name channels: in order, each with the names, which live in the arena. -ENOMEM. */
struct content_told {
    struct str policy;
    struct str *channels;
    uint32_t nchannels;
};
int content_told_policies(const struct server *server, struct arena *arena,
                          struct content_told **ret, size_t *ret_n);

/* The public key that bundles and orders are signed with, base64: for the answer to an enrolment. */
void content_sign_key(const struct server *server, struct buf *buf);

/* The managed rules' texts, for reports of findings; they live as long as the server. NULL: none. */
struct report_texts;
const struct report_texts *content_report_texts(const struct server *server);

struct order {
    struct str agent, kind; /* kill, stop, pause, capture, test */
    struct str container, finding, author;
    int64_t pid, start_ns;
    int64_t expires_ms; /* 0: CONTENT_ORDER_LIFE_MS from now */
};

struct store_audit;

/*
 * To one agent, over its long poll, at once. The audit entry (NULL none) is written with it. *ret_id: what
 * GET /v1/agents/{id}/orders shows, and HUB_AGENT tells when it is over.
 */
int content_order(struct server *server, const struct order *order, const struct store_audit *audit,
                  int64_t *ret_id, struct err *err);

/*
 * An item of YAML put beside a rule (an override or append of it), told from others by `mark`, a word that is in it
 * and nowhere else. One version each. False: the reply, where there is one, says why; `err` likewise.
 */
struct content_part_of_rule {
    struct str rule, mark, item, comment;
};
bool content_add_to_rule(struct server *server, struct request *request,
                         const struct content_part_of_rule *part, int64_t *ret_version,
                         struct reply *reply);
/* Gone already is fine, version 0 then. request and reply may be NULL: the server itself does it. */
bool content_take_from_rule(struct server *server, struct request *request, struct arena *arena,
                            const struct content_part_of_rule *part, int64_t *ret_version,
                            struct reply *reply, struct err *err);

/*
 * A rule compiled with the content as it is, appended items included, to be tried on what is kept. `text`: documents
 * that count for this only; `rule` empty: the first rule of the text. False: the reply says why.
 */
struct cond;
struct content_trial;
struct content_trial_of {
    struct str text, rule,
        condition; /* condition.n: a rule is made of it, text and rule are not looked at */
};
bool content_trial_new(struct server *server, struct request *request,
                       const struct content_trial_of *of, struct content_trial **ret,
                       struct reply *reply);
const struct cond *content_trial_cond(const struct content_trial *trial);
struct str content_trial_rule(const struct content_trial *trial);
void content_trial_free(struct content_trial *trial); /* NULL is fine */
