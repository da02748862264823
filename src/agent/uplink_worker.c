/*
 * uplink_worker: one loop over the agent's messages and the server's answers.
 *
 * It decides nothing: each message of the agent is one request, each request ends in one message. Before the
 * certificate that is pinned was seen, requests end at once, with the reason.
 */
#include "agent/uplink_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 1000

static void tell(struct uplink_worker *w, const struct uplink_message *message, int fd)
{
    int r = uplink_send(w->socket, message, fd);
    w->stop |= r < 0 && r != -EAGAIN;
}

/* A request that could not even begin. */
static void fail(struct uplink_worker *w, uint32_t what, const char *why)
{
    struct uplink_message message = { .type = UPLINK_DONE, .what = what };
    snprintf(message.text, sizeof(message.text), "%s", why);
    tell(w, &message, -1);
}

static void begin(struct uplink_worker *w, const struct uplink_call *call)
{
    int r = w->requests[call->slot].what ? -EBUSY : !w->ca_known ? -EAGAIN : uplink_begin(w, call);
    if (r < 0) {
        fail(w, call->what, r == -EAGAIN ? w->error : strerror(-r));
    }
}

static void begin_batch(struct uplink_worker *w, const struct uplink_message *m, int fd)
{
    struct uplink_request *request = &w->requests[SLOT_BATCH];
    char path[128], spool[64], first[64];
    int r =
        request->what ? -EBUSY : uplink_batch_body(m, fd, str_of(w->id), &w->plain, &request->body);
    if (r < 0) {
        fail(w, UPLINK_BATCH, strerror(-r));
        return;
    }
    snprintf(path, sizeof(path), "/v1/agents/%s/batches", w->id);
    snprintf(spool, sizeof(spool), "Hinomi-Spool: %.16s", m->id);
    snprintf(first, sizeof(first), "Hinomi-First: %" PRIu64, m->lost ? m->lost : m->first);
    begin(w, &(struct uplink_call){ .slot = SLOT_BATCH,
                                    .what = UPLINK_BATCH,
                                    .path = path,
                                    .secret = w->secret,
                                    .type = "application/x-ndjson",
                                    .headers = { "Content-Encoding: zstd", spool, first },
                                    .timeout_s = UPLINK_ANSWER_S });
}

static void begin_heartbeat(struct uplink_worker *w, const struct uplink_message *m, int fd)
{
    struct uplink_request *request = &w->requests[SLOT_HEARTBEAT];
    char path[128];
    if (request->what) {
        fail(w, UPLINK_HEARTBEAT, strerror(EBUSY));
        return;
    }
    buf_clear(&request->body);
    if (uplink_body_read(fd, m->end, UPLINK_STATUS_MAX, &request->body) < 0) {
        fail(w, UPLINK_HEARTBEAT, strerror(EINVAL));
        return;
    }
    snprintf(path, sizeof(path), "/v1/agents/%s/heartbeat", w->id);
    begin(w, &(struct uplink_call){ .slot = SLOT_HEARTBEAT,
                                    .what = UPLINK_HEARTBEAT,
                                    .path = path,
                                    .secret = w->secret,
                                    .type = "application/json",
                                    .timeout_s = UPLINK_ANSWER_S });
}

static void begin_order(struct uplink_worker *w, const struct uplink_message *m)
{
    struct uplink_request *request = &w->requests[SLOT_ORDER];
    char path[192];
    if (!request->what) {
        buf_clear(&request->body);
        buf_putz(&request->body, m->text);
    }
    snprintf(path, sizeof(path), "/v1/agents/%s/orders/%" PRIu64, w->id, m->first);
    begin(w, &(struct uplink_call){ .slot = SLOT_ORDER,
                                    .what = UPLINK_ORDER,
                                    .path = path,
                                    .secret = w->secret,
                                    .type = "application/json",
                                    .timeout_s = UPLINK_ANSWER_S });
}

static void begin_poll(struct uplink_worker *w, const struct uplink_message *m)
{
    char path[192];
    uint64_t wait_s = m->end < UPLINK_WAIT_MOST_S ? m->end : UPLINK_WAIT_MOST_S;
    snprintf(path, sizeof(path),
             "/v1/agents/%s/bundle?after=%" PRIu64 "&orders=%" PRIu64 "&wait=%" PRIu64, w->id,
             m->first, m->last, wait_s);
    begin(w, &(struct uplink_call){ .slot = SLOT_POLL,
                                    .what = UPLINK_POLL,
                                    .path = path,
                                    .secret = w->secret,
                                    .timeout_s = (long)wait_s + UPLINK_POLL_MORE_S });
}

static void begin_enrolment(struct uplink_worker *w, const struct uplink_message *m)
{
    struct uplink_request *request = &w->requests[SLOT_HEARTBEAT];
    if (!request->what) {
        buf_clear(&request->body);
        buf_putz(&request->body, m->text);
    }
    begin(w, &(struct uplink_call){ .slot = SLOT_HEARTBEAT,
                                    .what = UPLINK_ENROL,
                                    .path = "/v1/agents",
                                    .secret = m->secret,
                                    .type = "application/json",
                                    .timeout_s = UPLINK_ANSWER_S });
}

static void take(struct uplink_worker *w, const struct uplink_message *m, int fd)
{
    switch (m->type) {
    case UPLINK_IDENTITY:
        memcpy(w->id, m->id, sizeof(w->id));
        memcpy(w->secret, m->secret, sizeof(w->secret));
        break;
    case UPLINK_ENROL:
        begin_enrolment(w, m);
        break;
    case UPLINK_BATCH:
        begin_batch(w, m, fd);
        break;
    case UPLINK_HEARTBEAT:
        begin_heartbeat(w, m, fd);
        break;
    case UPLINK_ORDER:
        begin_order(w, m);
        break;
    case UPLINK_POLL:
        begin_poll(w, m);
        break;
    default:
        break;
    }
}

static void take_all(struct uplink_worker *w)
{
    struct uplink_message message;
    int r, fd = -1;
    while ((r = uplink_receive(w->socket, &message, &fd)) > 0) {
        take(w, &message, fd);
        cleanup_close(&fd);
        fd = -1;
    }
    w->stop |= r < 0;
}

static void finish(struct uplink_worker *w, struct uplink_request *request, CURLcode result)
{
    struct uplink_message message;
    bool is_ca = request == &w->requests[SLOT_CA];
    uplink_end(w, request, result, &message);
    if (is_ca) {
        uplink_take_ca(w, buf_str(&request->answer), message.status == 200);
        return;
    }
    CLEANUP(cleanup_close) int body = -1;
    if (message.what == UPLINK_POLL && message.status == 200) {
        body = uplink_body(buf_str(&request->answer));
        message.status = body < 0 ? 0 : message.status;
    }
    tell(w, &message, body);
}

static void finish_all(struct uplink_worker *w)
{
    const CURLMsg *done;
    int left;
    while ((done = curl_multi_info_read(w->multi, &left))) {
        struct uplink_request *request = NULL;
        if (done->msg == CURLMSG_DONE) {
            CURLcode result = done->data.result;
            curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, (char **)&request);
            finish(w, request, result);
        }
    }
}

static void ask_for_ca(struct uplink_worker *w)
{
    if (w->ca_known || w->requests[SLOT_CA].what || clock_boot_ns() < w->ca_after_ns) {
        return;
    }
    uplink_begin(w, &(struct uplink_call){ .slot = SLOT_CA,
                                           .what = UPLINK_READY,
                                           .path = "/v1/ca",
                                           .timeout_s = UPLINK_CONNECT_S });
}

static void loop(struct uplink_worker *w)
{
    bool ready = false;
    while (!w->stop) {
        struct curl_waitfd agent = { .fd = w->socket, .events = CURL_WAIT_POLLIN };
        int running;
        ask_for_ca(w);
        if (!ready && (w->ca_known || w->error[0])) {
            ready = true;
            tell(w, &(struct uplink_message){ .type = UPLINK_READY }, -1);
        }
        curl_multi_perform(w->multi, &running);
        finish_all(w);
        curl_multi_poll(w->multi, &agent, 1, WAIT_MS, NULL);
        take_all(w);
    }
}

void uplink_work(const struct uplink_settings *settings, int socket)
{
    static struct uplink_worker w;
    w.settings = settings;
    w.socket = socket;
    w.ca = settings->ca;
    w.ca_known = !settings->ca_sha256;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    w.multi = curl_multi_init();
    buf_init(&w.plain, UPLINK_PLAIN_MAX);
    buf_init(&w.ca_text, UPLINK_ANSWER_MAX);
    for (size_t i = 0; i < UPLINK_SLOTS; i++) {
        buf_init(&w.requests[i].body, UPLINK_PLAIN_MAX);
        buf_init(&w.requests[i].answer, i == SLOT_POLL ? UPLINK_BUNDLE_MAX : UPLINK_ANSWER_MAX);
    }
    if (w.multi) {
        loop(&w);
    }
    for (size_t i = 0; i < UPLINK_SLOTS; i++) {
        if (w.requests[i].what) {
            curl_multi_remove_handle(w.multi, w.requests[i].curl);
        }
        uplink_request_done(&w.requests[i]);
    }
    curl_multi_cleanup(w.multi);
    buf_done(&w.plain);
    buf_done(&w.ca_text);
}
