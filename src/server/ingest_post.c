/*
 * ingest_post: the requests that bring something: an agent's batches, and Falco's JSON.
 *
 * The first call unpacks and parses on the request's thread and queues the batch; then the request waits for the
 * bell without a thread, holding only its ticket. The answer comes after the commit.
 */
#include "server/ingest_internal.h"

#include <errno.h>

#define RETRY_S      "1"
#define WAIT_MS      1000
#define WAITS_MAX    60
#define SPOOL_DIGITS 16
#define NDJSON       "application/x-ndjson"

struct pending {
    uint64_t ticket;
    unsigned waits;
};

static enum http_result busy(struct reply *reply)
{
    reply_header(reply, "Retry-After", STR(RETRY_S));
    return reply_problem(reply, 429, "busy", "the server has as much to store as it can hold");
}

/* A problem with one member more, for programs: which record. */
static enum http_result problem_at(struct reply *reply, unsigned status, const char *member,
                                   const struct refusal *refusal)
{
    struct jsonw *w = reply_json(reply, status);
    jsonw_object(w, NULL);
    jsonw_strz(w, "type", "about:blank");
    jsonw_strz(w, "title", status == 409 ? "Conflict" : "Unprocessable Content");
    jsonw_i64(w, "status", status);
    jsonw_strz(w, "code", status == 409 ? "hole" : "record_refused");
    jsonw_strz(w, "detail", refusal->why);
    jsonw_i64(w, member, refusal->n);
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result acknowledge(const struct request *request, struct reply *reply,
                                    const struct result *result)
{
    struct jsonw *w = reply_json(reply, 200);
    bool falco = request->principal->kind != PRINCIPAL_AGENT;
    jsonw_object(w, NULL);
    jsonw_i64(w, falco ? "accepted" : "ack", result->n);
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result answer(struct server *server, struct request *request, struct reply *reply)
{
    struct pending *pending = request->kept;
    struct writer *writer = server->ingest->writer;
    struct result result = writer_result(writer, pending->ticket);
    struct refusal hole = { .n = result.n };
    switch (result.outcome) {
    case OUTCOME_TAKEN:
        return acknowledge(request, reply, &result);
    case OUTCOME_HOLE:
        ingest_refuse(&hole, result.n, "record %lld is expected", (long long)result.n);
        return problem_at(reply, 409, "expect", &hole);
    case OUTCOME_FAILED:
        reply_header(reply, "Retry-After", STR(RETRY_S));
        return reply_problem(reply, result.code == -ENOSPC ? 507 : 503, "not_stored",
                             "the batch could not be stored; send it again");
    case OUTCOME_UNKNOWN:
        return busy(reply);
    case OUTCOME_PENDING:
        break;
    }
    if (++pending->waits > WAITS_MAX) {
        return busy(reply);
    }
    reply_wait(reply, writer_bell(writer), WAIT_MS);
    return HTTP_WAIT;
}

static enum http_result enqueue(struct server *server, struct request *request, struct reply *reply,
                                struct batch *batch)
{
    struct pending *pending = ARENA_NEW(request->arena, struct pending);
    if (!pending || ingest_writer_put(server->ingest->writer, batch, &pending->ticket) < 0) {
        batch_free(batch);
        return busy(reply);
    }
    request->kept = pending;
    return answer(server, request, reply);
}

static bool all_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool hex = (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f');
        if (!hex) {
            return false;
        }
    }
    return true;
}

static bool parse_first(struct str text, int64_t *ret)
{
    struct jscan number;
    const char *why;
    size_t at;
    return text.p && jscan_check(text, &number, &why, &at) == 0 && jscan_i64(number, ret) &&
           *ret >= 1 && *ret < INT64_MAX - INGEST_RECORDS_MAX;
}

/* False: the reply says what is wrong. */
static bool read_headers(const struct request *request, struct batch *batch, struct reply *reply)
{
    struct str spool = request_header(request, "Hinomi-Spool");
    struct str type = request_header(request, "Content-Type");
    if (!str_starts(type, STR(NDJSON))) {
        reply_problem(reply, 415, "type", "a batch is " NDJSON);
        return false;
    }
    if (spool.n != SPOOL_DIGITS || !all_hex(spool)) {
        reply_problem(reply, 400, "spool", "Hinomi-Spool is 16 hexadecimal digits");
        return false;
    }
    if (!parse_first(request_header(request, "Hinomi-First"), &batch->first)) {
        reply_problem(reply, 400, "first", "Hinomi-First is the number of the first record");
        return false;
    }
    batch->agent = arena_str(&batch->arena, request_param(request, "id"));
    batch->spool = arena_str(&batch->arena, spool);
    if (!batch->agent.p || !batch->spool.p) {
        reply_problem(reply, 503, "busy", "out of memory");
        return false;
    }
    return true;
}

static bool unpack_failed(int r, struct reply *reply)
{
    if (r == -EFBIG) {
        reply_problem(reply, 413, "too_large", "a batch is at most 32 MiB unpacked");
    } else if (r == -EINVAL) {
        reply_problem(reply, 400, "encoding",
                      "the body is not zstd with a window of at most 8 MiB");
    } else if (r < 0) {
        reply_problem(reply, 503, "busy", "out of memory");
    }
    return r < 0;
}

/* False: the reply says what is wrong. */
static bool read_body(const struct request *request, struct batch *batch, struct reply *reply)
{
    struct str encoding = request_header(request, "Content-Encoding");
    if (!encoding.p || str_ieq(encoding, STR("identity"))) {
        buf_puts(&batch->plain, request->body);
        return !unpack_failed(batch->plain.failed ? -ENOMEM : 0, reply);
    }
    if (!str_ieq(encoding, STR("zstd"))) {
        reply_header(reply, "Accept-Encoding", STR("zstd"));
        reply_problem(reply, 415, "encoding", "bodies are taken plain or packed by zstd");
        return false;
    }
    return !unpack_failed(ingest_unpack(request->body, &batch->plain), reply);
}

static bool parse_failed(int r, const struct refusal *refusal, struct reply *reply)
{
    if (r == -ENOMEM) {
        reply_problem(reply, 413, "too_large",
                      "the batch takes too much memory; send less at once");
    } else if (r < 0) {
        problem_at(reply, 422, "record", refusal);
    }
    return r < 0;
}

/* Parses what is in batch->plain. False: the reply says what is wrong. */
static bool parse_body(struct server *server, struct batch *batch,
                       int (*function)(struct parse *, struct str, struct refusal *),
                       struct reply *reply)
{
    struct ingest *ingest = server->ingest;
    struct refusal refusal = { 0 };
    struct parse parse = {
        .batch = batch,
        .packer = ingest_packer_take(ingest),
        .judge = &ingest->judge,
    };
    if (!parse.packer) {
        reply_problem(reply, 503, "busy", "out of memory");
        return false;
    }
    batch->received_ms = server->now_ms();
    int r = function(&parse, buf_str(&batch->plain), &refusal);
    ingest_packer_give(ingest, parse.packer);
    return !parse_failed(r, &refusal, reply);
}

/* A gap that an agent declares shows in its coverage. */
static void note_gaps(struct server *server, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->nrecords; i++) {
        if (batch->records[i].kind == RECORD_GAP) {
            health_gap(server->ingest->health, batch->records[i].gap, batch->received_ms);
        }
    }
}

enum http_result ingest_post_batch(struct server *server, struct request *request,
                                   struct reply *reply)
{
    struct batch *batch;
    if (request->kept) {
        return answer(server, request, reply);
    }
    if (!writer_has_room(server->ingest->writer, request->body.n) || batch_new(&batch) < 0) {
        return busy(reply);
    }
    if (!read_headers(request, batch, reply) || !read_body(request, batch, reply) ||
        !parse_body(server, batch, ingest_parse_batch, reply)) {
        batch_free(batch);
        return HTTP_DONE;
    }
    note_gaps(server, batch);
    return enqueue(server, request, reply, batch);
}

enum http_result ingest_post_falco(struct server *server, struct request *request,
                                   struct reply *reply)
{
    struct batch *batch;
    if (request->kept) {
        return answer(server, request, reply);
    }
    if (!writer_has_room(server->ingest->writer, request->body.n) || batch_new(&batch) < 0) {
        return busy(reply);
    }
    if (!read_body(request, batch, reply) ||
        !parse_body(server, batch, ingest_parse_falco, reply)) {
        batch_free(batch);
        return HTTP_DONE;
    }
    for (uint32_t i = 0; i < batch->nrecords; i++) {
        if (!health_heard(server->ingest->health, batch->records[i].alert->alert.agent,
                          batch->received_ms)) {
            batch_free(batch);
            return reply_problem(reply, 429, "senders", "too many hosts have sent already");
        }
    }
    return enqueue(server, request, reply, batch);
}
