/*
 * store/notify: channels, rules that say which findings go to them, and the deliveries: those that wait, and the log.
 *
 * A delivery is made in the transaction that changes its finding (enqueue), and is queued until settle() says that it
 * was delivered or is given up: who sends keeps nothing of it but in memory, so that a kill repeats it at worst.
 * Deliveries of a rule with a throttle wait until lead() chooses one of them to speak for all (`led`).
 * Texts are checked above the seam.
 */
#pragma once

#include "store/store.h"

#include <stddef.h>

#define NOTIFY_CHANNELS_MAX  100
#define NOTIFY_RULES_MAX     100
#define NOTIFY_OF_RULE_MAX   10    /* channels of one rule */
#define NOTIFY_QUEUE_MAX     50000 /* deliveries that wait; beyond it they are counted (overflow) */
#define NOTIFY_PAGE_MAX      200
#define NOTIFY_RESULT_MAX    1000 /* bytes */
#define NOTIFY_LOG_MAX       100000
#define NOTIFY_PRUNE_AT_ONCE 1000

struct ingest_tx;

struct notify_channel {
    int64_t id; /* 0: a new one */
    struct str name, kind, language, config, secrets, author;
    bool enabled;
    int64_t created_ms, updated_ms;
    /* as the log has it; not written by channel_put */
    int64_t queued, dead, delivered_ms, failed_ms;
    struct str error;
};

struct notify_rule {
    int64_t id; /* 0: a new one */
    struct str name, filter, language, author;
    struct str channels; /* JSON array of ids */
    bool enabled;
    int64_t throttle_s, created_ms, updated_ms, matched_ms;
};

struct notify_delivery {
    int64_t id, channel, rule, severity, told_by, held, attempts;
    int64_t created_ms, due_ms, done_ms, status;
    bool led;
    struct str finding, cause, language, state, result;
    /* of those that are read: of channel, rule and finding; empty when they are gone */
    struct str channel_name, kind, rule_name, title;
};

/* What became of an attempt. */
struct notify_settled {
    int64_t id, channel, now_ms, status, due_ms; /* due_ms: of the next attempt, of queued */
    struct str state, result;                    /* "queued": to be tried again */
};

struct notify_log_query {
    int64_t channel, rule;     /* 0: of all */
    struct str state, finding; /* empty: all */
    int64_t before;            /* ids below; 0: from the newest */
    uint32_t limit;
};

/* A rule's throttle at one channel. */
struct notify_pace {
    int64_t rule, channel, throttle_s, led_ms;
};

struct notify_deliveries {
    struct notify_delivery *v;
    size_t n;
};

struct store_notify_ops {
    /* -EEXIST: the name; -ENOENT; -EINVAL: too many. */
    int (*channel_put)(struct store *store, const struct notify_channel *channel, int64_t *ret_id,
                       struct err *err);
    /* Without `counts`, queued and dead are 0. */
    int (*channels)(struct store *store, bool counts, struct arena *arena,
                    struct notify_channel **ret, size_t *ret_n, struct err *err);
    /* What waits for it is dead, and rules name it no more. */
    int (*channel_remove)(struct store *store, int64_t id, int64_t now_ms, struct err *err);
    int (*rule_put)(struct store *store, const struct notify_rule *rule, int64_t *ret_id,
                    struct err *err);
    int (*rules)(struct store *store, struct arena *arena, struct notify_rule **ret, size_t *ret_n,
                 struct err *err);
    int (*rule_remove)(struct store *store, int64_t id, int64_t now_ms, struct err *err);

    /* Within ingest's write(). `overflow`: only counted, for the rule's next message on that channel. */
    int (*enqueue)(struct ingest_tx *tx, const struct notify_delivery *delivery, bool overflow,
                   struct err *err);
    int (*add)(struct store *store, const struct notify_delivery *delivery, int64_t *ret_id,
               struct err *err);
    /* Led, of that channel, no tests, due by now_ms, the longest due first. */
    int (*due)(struct store *store, int64_t channel, int64_t now_ms, uint32_t limit,
               struct arena *arena, struct notify_deliveries *ret, struct err *err);
    /* Tests that wait, of all channels. */
    int (*tests)(struct store *store, uint32_t limit, struct arena *arena,
                 struct notify_deliveries *ret, struct err *err);
    /* Throttles that hold something back; rules that are gone have throttle_s 0. */
    int (*waiting)(struct store *store, struct arena *arena, struct notify_pace **ret,
                   size_t *ret_n, struct err *err);
    /* The most severe that waits speaks for the others, which are held from now on. */
    int (*lead)(struct store *store, const struct notify_pace *pace, int64_t now_ms,
                struct err *err);
    /* What overflow counted is added to the next message of each rule and channel that has one queued. */
    int (*tell_overflow)(struct store *store, struct err *err);
    int (*settle)(struct store *store, const struct notify_settled *settled, size_t n,
                  struct err *err);
    /* Those that one speaks for, the most severe first. */
    int (*told_by)(struct store *store, int64_t id, uint32_t limit, struct arena *arena,
                   struct notify_deliveries *ret, struct err *err);
    /* Newest first. */
    int (*log)(struct store *store, const struct notify_log_query *query, struct arena *arena,
               struct notify_deliveries *ret, struct err *err);
    int (*get)(struct store *store, int64_t id, struct arena *arena, struct notify_delivery *ret,
               struct err *err);
    /* Queued again with its attempts at 0. -ENOENT; -EINVAL: it is not dead; -ESTALE: its channel is gone. */
    int (*retry)(struct store *store, int64_t id, int64_t now_ms, struct err *err);
    int (*queued)(struct store *store, int64_t *ret, struct err *err);
    /* Those that are done and older, or beyond NOTIFY_LOG_MAX; some at a time, true: there are more. */
    int (*prune)(struct store *store, int64_t before_ms, bool *ret_more, struct err *err);
};

extern const struct store_notify_ops sqlite_notify_ops;
