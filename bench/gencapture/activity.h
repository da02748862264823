/*
 * activity: a machine's day, act by act.
 */
#pragma once

#include "model.h"

enum profile { PROFILE_MIXED, PROFILE_FILES, PROFILE_FORKS, PROFILE_NETWORK, PROFILE_COUNT };

extern const char *const profile_names[PROFILE_COUNT];

struct machine; /* the processes that live throughout */

/* Fills the state with what is running. NULL: memory is out. */
struct machine *machine_new(struct state *state);
void machine_free(struct machine *machine);
/* Containers' metadata, the first events. */
void machine_start(struct machine *machine, struct gen *gen);
/* One thing that happens, some ten to a hundred events. */
void machine_act(struct machine *machine, struct gen *gen, enum profile profile);
