/* dns_internal: what the files of the sensor share; nobody else includes it. */
#pragma once

#include "sensor/dns/dns.h"
#include "sensor/dns/owner.h"
#include "sensor/dns/parser.h"
#include "sensor/dns/question.h"
#include "sensor/fake/made_event.h"
#include "sensor/live/task.h"

#include <stdatomic.h>

/* A report on its way to be an event. */
struct told {
    struct dns_report report;
    uint64_t ts_ns, latency_ns; /* as the kernel saw it */
    uint64_t seen_ns;           /* by us */
    struct question *question;  /* of an answer: what it answers, of a query: itself; NULL */
    uint64_t question_ts_ns;    /* to see it replaced */
    bool learned;
    int64_t learned_pid; /* for this asker */
    int64_t pid;
};

struct dns {
    struct dns_config config;
    int tap, wake;
    struct parser parser;
    struct dns_shared *shared;
    uint64_t dropped;
    pthread_t thread;
    bool has_thread;
    atomic_bool stop;

    /* Guards the queue, questions, parser.socket's reading and the counters; taken after config.lock. */
    pthread_mutex_t mutex;
    struct told *queue; /* DNS_QUEUE_MAX; [head] belongs to the thread, but for .learned */
    unsigned head, count;
    bool over; /* the parser's socket was closed: it died */
    struct questions questions;
    struct dns_stats stats;
    struct owner_stats owner_stats;

    /* The thread's. */
    struct owner_finder *finder;
    struct live_task *scratch;
    struct made_event *made;
};

/* tell.c: under config.lock. */
void tell_event(struct dns *dns, const struct told *told);
/* What an answer says of addresses goes into the state's names; under config.lock. */
unsigned tell_names(struct state *state, const struct told *told);
/* The process becomes known to the state, with its ancestors, if it is not. */
void tell_process(struct dns *dns, int64_t pid);
