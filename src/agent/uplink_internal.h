/*
 * uplink_internal: what the files of the uplink's process share; nobody else includes it.
 */
#pragma once

#include "agent/uplink_process.h"
#include "agent/uplink_wire.h"

#include <curl/curl.h>

#define UPLINK_URL_MAX     2048
#define UPLINK_PLAIN_MAX   ((size_t)32 << 20)
#define UPLINK_CONNECT_S   10L
#define UPLINK_ANSWER_S    60L
#define UPLINK_POLL_MORE_S 15L /* than it was asked to wait */
#define UPLINK_IDLE_S                                                                              \
    3L /* a connection that nothing used for so long is closed by the next request */

/* Requests that may be under way at a time. */
enum uplink_slot { SLOT_BATCH, SLOT_HEARTBEAT, SLOT_POLL, SLOT_ORDER, SLOT_CA, UPLINK_SLOTS };

struct uplink_request {
    CURL *curl; /* reused; NULL: not made yet */
    struct curl_slist *headers;
    struct buf body, answer;
    uint32_t what; /* enum uplink_type; 0: idle */
};

struct uplink_worker {
    const struct uplink_settings *settings;
    int socket;
    CURLM *multi;
    struct uplink_request requests[UPLINK_SLOTS];
    struct buf plain;
    struct str ca; /* what the server's certificate is checked with; empty: the system's */
    struct buf ca_text;
    bool ca_known;
    uint64_t ca_after_ns; /* when it is asked for again */
    bool stop;
    char id[UPLINK_ID_MAX], secret[UPLINK_SECRET_MAX];
    char error[CURL_ERROR_SIZE];
};

/* uplink_http.c: a request on its way; -ENOMEM and others. type: of the body, NULL: a GET. */
struct uplink_call {
    enum uplink_slot slot;
    uint32_t what;
    const char *path;   /* behind the URL of the server */
    const char *secret; /* NULL: none */
    const char *type;
    const char *headers[3]; /* more of them */
    long timeout_s;
};
int uplink_begin(struct uplink_worker *worker, const struct uplink_call *call);
/* It is over: what it brought. Takes it off. */
void uplink_end(struct uplink_worker *worker, struct uplink_request *request, CURLcode result,
                struct uplink_message *ret);
void uplink_request_done(struct uplink_request *request);
/* The server shows its certificate: is it the one that is pinned? Then it counts from now on. */
void uplink_take_ca(struct uplink_worker *worker, struct str pem, bool answered);

/* uplink_body.c: records of a segment as the body of a batch: lines, compressed. */
int uplink_batch_body(const struct uplink_message *batch, int fd, struct str agent,
                      struct buf *plain, struct buf *body);
/* uplink_answer.c: numbers and words of an answer. */
/* An answer with a member that is too long is none: status 0, and text says why. */
void uplink_read_answer(struct str json, struct uplink_message *ret);
