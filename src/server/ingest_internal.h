/*
 * ingest_internal: what the files of the intake share; nobody outside server/ingest* includes it.
 *
 *     request → unpack → batch of records (request threads) → queue → fold, one transaction for all that wait
 *     (the writer) → results by ticket, bell → reply; messages to the hub
 *
 * A batch owns all that is in it; who has it, frees it. Requests know it only by its ticket: they may end before.
 */
#pragma once

#include "base/jscan.h"
#include "base/map.h"
#include "base/slab.h"
#include "server/bell.h"
#include "server/ingest.h"
#include "server/server.h"
#include "store/body.h"
#include "store/ingest.h"

#include <pthread.h>

#define INGEST_PACKED_MAX    ((size_t)4 << 20)  /* bytes of a batch as sent */
#define INGEST_PLAIN_MAX     ((size_t)32 << 20) /* unpacked */
#define INGEST_RECORDS_MAX   10000
#define INGEST_LINE_MAX      ((size_t)256 << 10)
#define INGEST_BATCH_MEMORY  ((size_t)96 << 20) /* arena of one batch */
#define INGEST_WINDOW_LOG    23                 /* of zstd: 8 MiB */
#define INGEST_QUEUE_BATCHES 512
#define INGEST_QUEUE_BYTES   ((size_t)64 << 20)
#define INGEST_GROUP_RECORDS 20000 /* in one transaction, but for the last batch of it */
#define INGEST_CACHE         32768 /* findings remembered */
#define INGEST_NEW_MAX       1000  /* findings that one agent makes in an hour, unless configured */
#define INGEST_NEW_FALCO     10    /* so many times that, all senders of Falco's JSON together */
#define INGEST_SOURCES       16384 /* agents whose findings of an hour are counted */
#define INGEST_SCOPES        65536
#define INGEST_RESULTS       4096
#define INGEST_CLOCK_MS      (INT64_C(24) * 3600 * 1000) /* how far a time may be from arrival */
#define INGEST_TOLD_MS       500 /* between two messages about one finding */
#define INGEST_TELL_MAX      100 /* messages of one commit */
#define INGEST_OWED_MAX      4096
#define INGEST_WHY_MAX       200
#define INGEST_AGENT_MAX     128
#define INGEST_TEXT_MAX      1024 /* bytes of one column */
#define INGEST_LONG_MAX      8192 /* of output and command line */
#define INGEST_TAGS_MAX      4096
#define INGEST_BODY_MAX      ((size_t)1 << 20) /* of a heartbeat, of Falco's JSON */

enum record_kind { RECORD_ALERT, RECORD_ACTIVITY, RECORD_GAP };

struct parsed_alert {
    struct ingest_alert alert;
    struct ingest_finding finding;
};

struct record {
    enum record_kind kind;
    int64_t n, to;
    union {
        struct parsed_alert *alert;
        struct ingest_activity *activity;
        struct ingest_gap *gap;
    };
};

struct batch {
    struct arena arena;
    struct buf plain; /* what slices point to */
    struct batch *next;
    uint64_t ticket;
    size_t bytes; /* for the queue's limit */
    struct str agent, spool;
    bool falco; /* no cursor */
    int64_t first, received_ms;
    struct record *records;
    uint32_t nrecords;
};

/* Why a batch was refused, and at which record. */
struct refusal {
    int64_t n;
    char why[INGEST_WHY_MAX];
};

struct judge {
    bool (*suppressed)(void *data, const struct ingest_finding *finding);
    void *data;
    pthread_rwlock_t lock; /* read while it judges */
};
/* judge NULL, or none set: no. */
bool ingest_is_suppressed(struct judge *judge, const struct ingest_finding *finding);

/* What parsing needs; one for each that parses at a time. */
struct parse {
    struct batch *batch;
    struct body_packer *packer;
    struct judge *judge;
};

void ingest_refuse(struct refusal *refusal, int64_t n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ingest_unpack.c: a body as it was sent. -EINVAL not zstd, -EFBIG beyond the limit, -ENOMEM. The buffer is the
 * caller's in any case. */
int ingest_unpack(struct str packed, struct buf *to);

/* ingest_time.c: RFC 3339, also with +0000; a number of s, ms, us or ns since 1970. */
bool ingest_time(struct jscan value, int64_t *ret_ms);

/* ingest_alert.c */
/* Columns, key, stages and severity. False: something that must be there is not, `refusal` says what. */
bool ingest_columns(struct jscan alert, struct parse *parse, struct parsed_alert *ret,
                    struct refusal *refusal);
/* Is a text; at most max bytes, cut between characters. */
struct str ingest_cut(struct str s, size_t max);

/* ingest_record.c: -EINVAL with a refusal, -ENOMEM. */
int ingest_parse_batch(struct parse *parse, struct str plain, struct refusal *refusal);

/* ingest_falco.c: one object, an array, or lines. */
int ingest_parse_falco(struct parse *parse, struct str text, struct refusal *refusal);

struct listener_hook {
    void (*changed)(void *data, const struct ingest_change *changes, size_t n);
    void *data;
};

struct witness_hook {
    struct ingest_witness witness;
    pthread_rwlock_t lock; /* read while it is called */
};

/* ingest_fold.c: findings that are open, and what a transaction has changed of them. */
struct fold;
struct fold_config {
    struct store *store;
    struct hub *hub; /* NULL: nobody is told */
    struct judge *judge;
    const struct listener_hook *listener;
    struct witness_hook *witness;
    uint32_t new_max; /* findings of one agent in an hour; 0: INGEST_NEW_MAX */
};
int fold_new(const struct fold_config *config, struct fold **ret);
void fold_free(struct fold *fold);
/* Within a write, in this order. When the transaction fails: fold_forget(). */
void fold_begin(struct fold *fold, struct ingest_tx *tx, struct arena *arena, int64_t now_ms);
/* Keeps the alert and counts it for its finding. 1: its id was there already. */
int fold_alert(struct fold *fold, struct parsed_alert *alert, struct err *err);
int fold_end(struct fold *fold, struct err *err);
void fold_forget(struct fold *fold);
/* After the commit, while the alerts are still there. */
void fold_tell(struct fold *fold);
/* What was not told because it was told of just before; true: there is still some. */
bool fold_tell_owed(struct fold *fold, int64_t now_ms);

/* ingest_quota.c: how many findings each agent has made within the hour; of the server's clock. */
struct quota;
int quota_new(uint32_t max, struct quota **ret);
void quota_free(struct quota *quota);
void quota_begin(struct quota *quota,
                 int64_t now_ms); /* a transaction; what the last one took is given back... */
bool quota_take(struct quota *quota, struct str agent);
void quota_keep(struct quota *quota,
                struct str agent); /* ...unless it was committed: for each that was made */
/* What stands for a finding that is one too many: that there were too many, of its agent. */
void quota_instead(struct ingest_finding *finding, int64_t now_ms);

/* ingest_chain.c: which scopes could hold a sequence, so that others cost nothing. */
struct chain {
    uint64_t scope;
    uint32_t stages;
    uint32_t looked; /* the commit that looked last */
    int64_t until_ms;
};
struct chain_look {
    struct store *store;
    struct ingest_tx *tx;
    struct arena *arena;
    struct chain *chains; /* INGEST_SCOPES */
    uint32_t commit;
};
/* *ret is what is to be added or to grow: fresh a new sequence; NULL nothing. `row` is for a new one. */
struct chain_found {
    struct ingest_finding *finding;
    bool fresh;
    int64_t row, more; /* of the one that is there: how many members more */
};
int chain_look(const struct chain_look *look, const struct ingest_finding *finding,
               struct chain_found *ret, struct err *err);
void ingest_new_id(int64_t now_ms, char ret[INGEST_ID + 1]);
/* A key made of texts. */
void ingest_hash(const struct str *texts, size_t n, uint8_t ret[INGEST_KEY]);

/* ingest_writer.c */
enum outcome { OUTCOME_PENDING, OUTCOME_TAKEN, OUTCOME_HOLE, OUTCOME_FAILED, OUTCOME_UNKNOWN };

struct result {
    uint64_t ticket;
    enum outcome outcome;
    int64_t n; /* last record taken; of a hole the one that is expected */
    int code;  /* of a failure */
};

struct writer;
struct writer_counts {
    uint64_t batches, records, commits, failures, refused, queued, queued_bytes, duplicates;
    uint64_t commit_us_last, commit_us_most;
};
int writer_start(struct server *server, struct writer **ret, struct err *err);
void writer_stop(struct writer *writer); /* what waits is not written: it was not acknowledged */
/* Takes the batch. -EBUSY: the queue is full, the batch stays the caller's. */
int ingest_writer_put(struct writer *writer, struct batch *batch, uint64_t *ret_ticket);
bool writer_has_room(struct writer *writer, size_t bytes);
/* By the next commit, within a second (soon: at once); of an agent the newest counts. Copied. */
int writer_put_status(struct writer *writer, const struct ingest_status *status, bool soon);
struct result writer_result(struct writer *writer, uint64_t ticket);
struct bell *writer_bell(struct writer *writer);
void writer_counts(struct writer *writer, struct writer_counts *ret);
void batch_free(struct batch *batch);
int batch_new(struct batch **ret);

/* ingest_health.c: agents as they last spoke of themselves. */
struct health;
int health_new(struct server *server, struct health **ret, struct err *err);
void health_free(struct health *health);
void health_tick(struct health *health, int64_t now_ms);
/* Something came from a sender without heartbeats; false: there are too many of them. */
bool health_heard(struct health *health, struct str agent, int64_t now_ms);
void health_gap(struct health *health, const struct ingest_gap *gap, int64_t now_ms);

struct ingest {
    struct server *server;
    struct judge judge;
    struct listener_hook listener;
    struct witness_hook witness;
    struct writer *writer;
    struct health *health;
    pthread_mutex_t lock; /* of the packers */
    struct body_packer *packers[8];
    unsigned npackers;
    int64_t trimmed_ms;
    uint64_t trimmed_batches;
};

/* One for the time of a request; NULL: out of memory. */
struct body_packer *ingest_packer_take(struct ingest *ingest);
void ingest_packer_give(struct ingest *ingest, struct body_packer *packer);

enum http_result ingest_post_batch(struct server *server, struct request *request,
                                   struct reply *reply);
enum http_result ingest_post_falco(struct server *server, struct request *request,
                                   struct reply *reply);
enum http_result ingest_post_heartbeat(struct server *server, struct request *request,
                                       struct reply *reply);
enum http_result ingest_get_containers(struct server *server, struct request *request,
                                       struct reply *reply);
enum http_result ingest_get_coverage(struct server *server, struct request *request,
                                     struct reply *reply);
enum http_result ingest_get_gaps(struct server *server, struct request *request,
                                 struct reply *reply);
enum http_result ingest_get_stats(struct server *server, struct request *request,
                                  struct reply *reply);
