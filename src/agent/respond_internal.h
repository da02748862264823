/* respond_internal: what the files of the responses share; nobody else includes it. */
#pragma once

#include "agent/respond.h"

#include "agent/respond_act.h"
#include "agent/respond_limit.h"

#include <pthread.h>
#include <stdatomic.h>

#define RESPOND_TEXT   128
#define RESPOND_ID     72
#define RESPOND_MERGES 32

enum { DENY_BIT, KILL_BIT, STOP_BIT, PAUSE_BIT, CAPTURE_BIT };

/* One thing to do, with copies of everything. */
struct request {
    uint8_t bit; /* of enum policy_action */
    bool in_container;
    struct act_target target; /* pid 0: not known any more */
    char container[RESPOND_ID], policy[RESPOND_TEXT], rule[RESPOND_TEXT], process[32];
    uint64_t ts_ns;
    uint64_t order; /* of an order, whom to tell; NULL: nobody */
    void (*order_done)(void *data, uint64_t id, bool ok, const char *why);
    void *order_data;
};

struct outcome {
    enum respond_result result;
    int error;      /* errno, 0 none */
    const char *by; /* "runtime", "control group", "signals", ...; NULL none */
    char reason[256];
    bool merged; /* the like of it may be told once a minute */
};

/* Outcomes that were not told, as the like of them had just been. */
struct merge {
    struct request request;
    struct outcome outcome;
    uint64_t since_ns; /* CLOCK_BOOTTIME; 0: free */
    uint64_t untold;
};

struct protected
{
    int64_t pid;
    uint64_t start_ticks;
};

struct respond {
    struct respond_config config;
    struct engine *engine; /* NULL: not started */
    pthread_mutex_t lock;  /* guards what follows, up to dropped */
    pthread_cond_t wake, idle;
    bool stopping, working;
    struct request *queue;
    uint32_t first, n;
    struct request dropped; /* the latest that did not fit */
    uint64_t ndropped;
    struct protected protected[RESPOND_PROTECTED_MAX];
    uint32_t nprotected;
    pthread_t thread;
    bool started;
    char own[RESPOND_ID];   /* our own container's id; empty: none, or not known */
    struct live_task *task; /* the thread's */
    struct limit limits[RESPOND_ACTIONS];
    struct limits *containers;
    pthread_mutex_t telling; /* guards the merges: the recorder's thread reports too */
    struct merge merges[RESPOND_MERGES];
    _Atomic uint64_t counts[RESPOND_ACTIONS][RESPOND_RESULTS];
};

/* Finds out which container this process is in. */
void respond_know_own(struct respond *respond);

/* ---- respond_do.c: the actions */
void respond_do(struct respond *respond, const struct request *request, struct outcome *ret);

/* ---- respond_report.c */
void respond_report(struct respond *respond, const struct request *request,
                    const struct outcome *outcome);
/* Tells of what was merged for a minute, or (all) at all. True: something waits still. */
bool respond_report_merged(struct respond *respond, bool all);
