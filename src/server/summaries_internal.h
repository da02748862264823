/*
 * summaries_internal: what the files of summaries share; nobody else includes it.
 */
#pragma once

#include "server/findings_internal.h"
#include "server/summaries.h"
#include "store/summaries.h"
#include "summarise/summarise.h"

#include <pthread.h>

#define SUMMARIES_THREADS   4
#define SUMMARIES_QUEUE     32
#define SUMMARIES_ARENA     ((size_t)8 << 20) /* of one question and its answer */
#define SUMMARIES_URL_MAX   1024
#define SUMMARIES_HOST_MAX  256
#define SUMMARIES_KEY_MAX   1024
#define SUMMARIES_HASH_MAX  65
#define SUMMARIES_HOUR_MS   INT64_C(3600000)
#define SUMMARIES_PER_HOUR  60 /* unless the configuration says otherwise, each */
#define SUMMARIES_TOKENS    2048
#define SUMMARIES_TIMEOUT_S 60
#define SUMMARIES_RETRY_S   15 /* the longest wait that a service may ask for */
#define SUMMARIES_ATTEMPTS  3

/* The settings, as they are used. Texts are the configuration's. */
struct summaries_settings {
    bool on;
    struct summarise_model model;
    char endpoint[SUMMARIES_URL_MAX]; /* without a last slash */
    char host[SUMMARIES_HOST_MAX];    /* as the header Host has it */
    struct str region, language;
    const char *key_file, *ca;
    uint32_t per_hour, timeout_ms;
};
int summaries_settings(const struct server_config *config, struct summaries_settings *ret,
                       struct err *err);

struct summaries_job {
    struct summaries_job *next;
    int64_t id;
    char *finding, *language;
};

struct summaries {
    struct server *server;
    struct summaries_settings settings;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t more;  /* a job, or the end */
    pthread_t threads[SUMMARIES_THREADS];
    unsigned nthreads, idle, njobs;
    struct summaries_job *first, **last;
    bool ends; /* atomic */
};

/* ---- summaries_ask.c: what would be sent of a finding */

struct summaries_question {
    struct summarise_facts facts;
    struct summarise_prompt prompt;
};
int summaries_question(struct server *server, const struct finding *finding, struct str language,
                       struct arena *arena, struct summaries_question *ret, struct err *err);

/* ---- summaries_send.c: one exchange with the service, tried again where that is of use */

struct summaries_sent {
    struct summarise_reply reply;
    char hash[SUMMARIES_HASH_MAX]; /* of the last body; "" none was made */
};
int summaries_send(struct summaries *summaries, const struct summarise_prompt *prompt,
                   struct arena *arena, struct summaries_sent *ret, struct err *err);
/* False: the server ends. */
bool summaries_wait(struct summaries *summaries, int64_t seconds);

/* ---- summaries_work.c */

/* -EBUSY: the queue is full. */
int summaries_enqueue(struct summaries *summaries, int64_t id, struct str finding,
                      struct str language);
bool summaries_has_room(struct summaries *summaries);
void summaries_end(struct summaries *summaries);

HANDLER(summaries_get_settings);
HANDLER(summaries_list);
HANDLER(summaries_add);
HANDLER(summaries_remove);
HANDLER(summaries_preview);
HANDLER(summaries_report);
