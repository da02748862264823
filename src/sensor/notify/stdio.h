/*
 * stdio: what descriptors 0, 1 and 2 of a process are now, whatever way they came.
 */
#pragma once

#include "event/state.h"

#include <pthread.h>

struct stdio_state {
    struct state *state;
    pthread_mutex_t *lock; /* what guards it; taken */
};

/* Compares /proc with what the state knows, and corrects that. */
void stdio_learn(const struct stdio_state *known, int64_t pid);
