/*
 * recorder: the seconds before and after an alert as a `.scap` file, for `hinomi replay` and sysdig.
 *
 *     recorder_event() ── ring ──┐
 *     state, now and then ───────┴── a file when asked
 *
 * The state is written down every half of `before_s` (and again when half the ring was filled), so that a
 * file begins with the state that its first event met. Files are named by time and container; the folder is
 * this user's alone (0700), its files too (0600), the oldest make room for new ones.
 *
 * Off, it costs a test per event; on, the copy of each event that the sensors make: those the rules and the
 * state need, and which happened (a refused call changed nothing).
 */
#pragma once

#include "agent/engine.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDER_BEFORE_S     30
#define RECORDER_AFTER_S      30
#define RECORDER_SECONDS_MAX  3600
#define RECORDER_RING_BYTES   ((size_t)16 << 20)
#define RECORDER_FILE_MAX     (UINT64_C(256) << 20) /* before compression */
#define RECORDER_FILES        20
#define RECORDER_FILES_MAX    10000
#define RECORDER_FOLDER_BYTES (UINT64_C(1) << 30)
#define RECORDER_EXTEND_MAX   10 /* a file goes on for alerts during it: so many times after_s */
#define RECORDER_NAME_MAX     96
#define RECORDER_TEXT_MAX     256

/* Who asked for a file; texts are copied and cut. */
struct recorder_cause {
    struct str rule, policy, container; /* container: id, empty none */
    int64_t pid;
};

struct recorder_result {
    const char *file;             /* its name within the folder; "" when there is none */
    int error;                    /* 0 or errno */
    uint64_t events, bytes, lost; /* lost: overwritten before they could be written */
    bool cut;                     /* the limit of a file was met */
    struct recorder_cause cause;
    uint32_t joined; /* other alerts during it */
};

struct recorder_config {
    struct engine *engine;
    const char *folder;         /* made if it is not there; borrowed */
    uint32_t before_s, after_s; /* 0: the defaults, as of what follows */
    size_t ring_bytes;
    uint64_t file_max, folder_max;
    uint32_t files_max;
    void (*done)(void *data, const struct recorder_result *result); /* by the recorder's thread */
    void *data;
};

struct recorder;

/* Checks limits and the folder. Starts switched off. */
int recorder_new(const struct recorder_config *config, struct recorder **ret, struct err *err);
/* Before the engine goes; a file being written is finished. */
void recorder_free(struct recorder *recorder);
/* Takes the engine's lock. On: the ring is made; off: it is given back. -ENOMEM. */
int recorder_switch(struct recorder *recorder, bool on);
/* Of engine_watch: under the engine's lock. */
void recorder_event(struct recorder *recorder, const struct event *event);
/* Any thread. 0: a file will be written and `done` called; -EALREADY: the file being written goes on for
 * this alert too; -ENODEV: switched off. */
int recorder_ask(struct recorder *recorder, const struct recorder_cause *cause);

struct recorder_stats {
    uint64_t files, failed, joined, removed, snapshots, left_out;
    uint64_t snapshot_ns; /* the engine's lock was held so long for the last one */
    bool on;
};
/* Takes the engine's lock. */
void recorder_get_stats(struct recorder *recorder, struct recorder_stats *ret);
