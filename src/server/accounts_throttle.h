/*
 * accounts_throttle: failures counted by key, and how long the next attempt has to wait.
 *
 * Some failures are free; then the wait doubles with each, from one second up to a most. A key without failures
 * for a while is forgotten. Fixed size: within a set the key that failed longest ago makes room. Not
 * thread-safe: the caller locks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_WAYS 8
#define THROTTLE_SETS 512

struct throttle_rule {
    unsigned free;     /* failures without a wait */
    int64_t most_ms;   /* the longest wait */
    int64_t forget_ms; /* after so long without a failure */
};

struct throttle_entry {
    uint64_t key; /* 0: free */
    unsigned failures;
    int64_t last_ms;
};

struct throttle {
    struct throttle_rule rule;
    struct throttle_entry *entries;
};

int throttle_init(struct throttle *throttle, const struct throttle_rule *rule);
void throttle_done(struct throttle *throttle);
/* ms until the key may try; 0 now. */
int64_t throttle_wait(struct throttle *throttle, uint64_t key, int64_t now_ms);
/* True: from now on it waits, and it did not before. */
bool throttle_failed(struct throttle *throttle, uint64_t key, int64_t now_ms);
void throttle_forget(struct throttle *throttle, uint64_t key);
