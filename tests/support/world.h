/*
 * world: a small invented system whose processes open files, connect, execute, fork, change users and
 * directories, exit, have their ids reused, and whose containers' metadata comes late. All of it goes
 * through the real state. Everything follows from the seed.
 */
#pragma once

#include "event/field.h"
#include "event/state.h"

#include <stdint.h>

#define WORLD_TASKS 24

struct world_task {
    bool alive;
    int64_t ptid;
    unsigned container; /* 0: the host */
    unsigned name;      /* of world_names */
};

struct world {
    uint64_t random;
    uint64_t now_ns;
    struct state *state;
    struct world_task tasks[WORLD_TASKS]; /* by pid - WORLD_PID_FIRST */
};

#define WORLD_PID_FIRST 100

int world_init(struct world *world, uint64_t seed);
void world_done(struct world *world);

/* The next event; not applied yet. State may also change between events (metadata). */
struct event *world_next(struct world *world);

uint32_t world_random(struct world *world, uint32_t below);

/* What conditions are made of: texts that occur, parts of them, and some that do not. */
const char *world_path(struct world *world);
const char *world_name(struct world *world);
