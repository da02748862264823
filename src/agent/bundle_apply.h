/*
 * bundle_apply: bundles, deltas and orders as they come from the server, verified, tried and put in force by a
 * thread of its own. What fails leaves everything as it was, and says why.
 */
#pragma once

#include "agent/bundle.h"
#include "agent/identity.h"
#include "agent/uplink.h"

#define BUNDLES_ERROR_MAX 4096

struct bundles_config {
    const char *dir; /* borrowed */
    /* Puts the rules in DIR/bundle.new in force, or those in force with changes, and keeps them (bundle_keep());
     * what is wrong is appended to `text`. 1: they are in force, but could not be kept. */
    int (*use)(void *data, const struct bundle_changes *changes, struct buf *text, struct err *err);
    /* Orders for this agent that are genuine. */
    void (*orders)(void *data, struct str json);
    /* Something was applied or refused; false: the same is likely to come again. */
    void (*done)(void *data, bool good);
    void *data;
};

struct bundles;

/* Knows of the version in DIR/bundle. */
int bundles_new(const struct bundles_config *config, struct bundles **ret, struct err *err);
void bundles_free(struct bundles *bundles);
/* Whose signature counts; before the first bundle. */
void bundles_set_key(struct bundles *bundles, const uint8_t key[IDENTITY_KEY]);
/* Takes the body. False: one is being applied, or there is no key. */
bool bundles_give(struct bundles *bundles, const struct uplink_bundle *bundle);

struct bundles_stats {
    uint64_t version; /* in force; 0: none */
    uint64_t want;    /* what to ask the server for news after */
    uint64_t applied, refused;
    uint64_t last_ns; /* from receipt to in force, the last one */
    bool ok;
    char error[BUNDLES_ERROR_MAX];
};
void bundles_get_stats(struct bundles *bundles, struct bundles_stats *ret);
/* The kept one could not be loaded at the start: it counts as not there, but for older ones, which are not taken. */
void bundles_reject_kept(struct bundles *bundles, const char *why);
