/*
 * sequence: do the findings of one task follow each other along the kill chain?
 *
 * Each finding has a set of stages, told by its type, its tags and its technique (sequences.def). A sequence is a
 * list of steps; it is there when different findings can be put to its steps so that none was over before
 * the one of the step before it began. Pure: no store, no clock.
 */
#pragma once

#include "base/jscan.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_TYPE  "AttackSequence:Runtime/CompromisedContainer"
#define SEQUENCE_STEPS 6

enum stage {
    STAGE_ENTRY = 1 << 0,    /* initial access */
    STAGE_DOWNLOAD = 1 << 1, /* a tool or a file of the attacker's comes in, or is written */
    STAGE_EXECUTE = 1 << 2,
    STAGE_PERSIST = 1 << 3,
    STAGE_ESCALATE = 1 << 4, /* privileges, or out of the container */
    STAGE_EVADE = 1 << 5,
    STAGE_CREDENTIALS = 1 << 6,
    STAGE_DISCOVER = 1 << 7,
    STAGE_CONTROL = 1 << 8, /* command and control */
    STAGE_EXFILTRATE = 1 << 9,
    STAGE_MINE = 1 << 10,
    STAGE_IMPACT = 1 << 11, /* other than mining */
    STAGE_NEW = 1 << 12,    /* run, and not of the image: written and executed in one */
    STAGE_POOL = 1 << 13,   /* a pool, by its name or its protocol: no doubt about mining */
    STAGE_LAST = STAGE_POOL,
};

/* `tags`: a JSON array of texts. */
uint32_t sequence_stages(struct str type, struct jscan tags);
/* "download", ...: the name of the first stage of the set. */
const char *sequence_stage_name(uint32_t stages);

struct sequence_item {
    uint32_t stages;
    int64_t first_ms, last_ms;
};

struct sequence_match {
    const char *name, *title;
    uint8_t severity; /* tenths */
    uint32_t nsteps;
    uint32_t items[SEQUENCE_STEPS]; /* which finding stands for each step */
};

/* Could any sequence be there among findings that have these stages between them? */
bool sequence_possible(uint32_t stages);
/* The first of the table that is there. Items in the order of first_ms. */
bool sequence_find(const struct sequence_item *items, uint32_t n, struct sequence_match *ret);
