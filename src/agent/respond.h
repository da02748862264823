/*
 * respond: what policies ask for beside alerts, done: kill a process, stop or pause its container, keep a
 * capture. Denials are the sensors'; they are only reported here.
 *
 *     engine ── respond_event(), under its lock: queues ── own thread: checks, limits, acts, reports
 *
 * Each action, refusal and limit is a notice among the alerts (rule "Hinomi response") and counted; the same
 * within a minute is told once with its number. Never hit: this process, those protected, process 1,
 * threads of the kernel, anything outside containers unless allowed, and a process whose id was reused.
 */
#pragma once

#include "agent/engine.h"
#include "agent/recorder.h"

#include <stdbool.h>
#include <stdint.h>

#define RESPOND_RULE          "Hinomi response"
#define RESPOND_QUEUE         256
#define RESPOND_PROTECTED_MAX 1024
#define RESPOND_LIMIT_MAX     1000 /* per minute */
#define RESPOND_SOCKETS_MAX   8
#define RESPOND_PER_MINUTE    30 /* of each action, of all containers */
#define RESPOND_PER_CONTAINER 10 /* of all actions, in one container */
#define RESPOND_STOP_S        2  /* what a container has between the signal to end and the kill */
#define RESPOND_ACTIONS       5  /* bits of enum policy_action */

struct respond_config {
    /* Each may be 0: the default. Captures count as actions, denials do not. */
    uint32_t per_minute[RESPOND_ACTIONS]; /* by bit of enum policy_action */
    uint32_t per_container;
    bool never[RESPOND_ACTIONS]; /* refused whatever policies say */
    bool allow_host;             /* processes outside containers may be killed */
    bool local;                  /* the application is in the agent's own container */
    /* Unix sockets of Docker's or Podman's API; NULL: their usual places. Borrowed, texts too. */
    const char *const *sockets;
    size_t nsockets;
    const char *cgroup_root; /* NULL: /sys/fs/cgroup */
    struct recorder
        *recorder; /* NULL: captures are refused. Borrowed; switched on and off by policies */
};

struct respond;

/* May be made before its engine, for engine_config.watch. Does nothing before respond_start(). */
int respond_new(const struct respond_config *config, struct respond **ret, struct err *err);
int respond_start(struct respond *respond, struct engine *engine, struct err *err);
/* For a recorder made after the engine. Before the first event. */
void respond_set_recorder(struct respond *respond, struct recorder *recorder);
/* Nothing is done any more; what is queued is dropped. Then the recorder may go, which reports its last file
 * here, then this, then the engine. */
void respond_stop(struct respond *respond);
void respond_free(struct respond *respond);

/* Of engine_watch (data: the respond); under the engine's lock. */
void respond_event(void *respond, const struct event *event, const struct rule *const *rules,
                   uint32_t nrules);
/* recorder_config.done: reports a capture. */
void respond_captured(void *respond, const struct recorder_result *result);
/* After engine_new() and engine_replace(): switches the recorder as the present policies want. */
int respond_policies(struct respond *respond);
/* Holders, other agents: a process never to be hit, until released; a later one of its number is not meant.
 * start_ticks: as /proc says, since boot. -ENOSPC. */
int respond_protect(struct respond *respond, int64_t pid, uint64_t start_ticks);
void respond_release(struct respond *respond, int64_t pid, uint64_t start_ticks);
/* Never hit; any thread. */
bool respond_is_protected(struct respond *respond, int64_t pid);
/* What somebody asks for. Processes by pid, in the agent's namespace, and start (struct thread); with a container
 * alone, any process of it that is known. Queued, limited and reported like the rest; any thread but with the
 * engine's lock held. */
struct respond_order {
    unsigned action; /* one of enum policy_action */
    int64_t pid;     /* 0: of the container */
    uint64_t start_ns;
    struct str container; /* id; empty: not told */
    struct str reason;    /* reported as the rule */
    uint64_t id;
    /* What became of it; any thread. NULL: nobody. A capture is done when it has begun. */
    void (*done)(void *data, uint64_t id, bool ok, const char *why);
    void *data;
};
void respond_order(struct respond *respond, const struct respond_order *order);
/* Until everything queued so far was done and said. */
void respond_drain(struct respond *respond);

enum respond_result {
    RESPOND_DONE,
    RESPOND_GONE,    /* the process had ended, or its id is another's */
    RESPOND_REFUSED, /* it may not be hit, or the action is switched off */
    RESPOND_LIMITED,
    RESPOND_FAILED,
    RESPOND_DROPPED, /* the queue was full */
    RESPOND_RESULTS,
};
const char *respond_result_text(enum respond_result result); /* "done" */

struct respond_stats {
    uint64_t counts[RESPOND_ACTIONS][RESPOND_RESULTS];
};
void respond_get_stats(struct respond *respond, struct respond_stats *ret);
