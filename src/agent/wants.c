/*
 * Residuals by thread index, in chunks made when first needed. A residual costs far more than one event, so
 * it is computed only after a thread was asked about WAIT times under one key (the thread's serial and
 * generations, the state's epoch); until then the demand of all rules answers.
 */
#include "agent/wants.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "event/state.h"
#include "rules/demand.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK 256
#define WAIT  16

struct kept {
    uint64_t epoch;
    uint32_t serial, generations;
    uint32_t count; /* WAIT: the residual is there */
    struct residual residual;
};

struct wants {
    struct matcher *matcher;
    const struct demand *demand;
    struct residual all; /* of any thread */
    uint32_t nchunks;
    struct kept *chunks[];
};

static bool has(const struct residual *r, uint16_t name, unsigned open_access)
{
    return name < NAME_MAX_ID && r->names.bits[name / 64] >> (name % 64) & 1 &&
           (open_access == 0 || r->open_access & open_access);
}

int wants_new(struct matcher *matcher, uint32_t threads_max, struct wants **ret)
{
    uint32_t nchunks = (threads_max + CHUNK - 1) / CHUNK;
    struct wants *w = mem_zalloc(sizeof *w + nchunks * sizeof w->chunks[0]);
    if (!w) {
        return -ENOMEM;
    }
    w->matcher = matcher;
    w->nchunks = nchunks;
    w->demand = matcher_demand(matcher);
    w->all.open_access = UINT8_MAX;
    for (uint16_t name = 0; name < NAME_MAX_ID; name++) {
        if (demand_of(w->demand, name)->wanted) {
            w->all.names.bits[name / 64] |= UINT64_C(1) << (name % 64);
        }
    }
    *ret = w;
    return 0;
}

void wants_free(struct wants *w)
{
    if (w) {
        for (uint32_t i = 0; i < w->nchunks; i++) {
            free(w->chunks[i]);
        }
        free(w);
    }
}

static struct kept *slot_of(struct wants *w, const struct thread *thread)
{
    uint32_t chunk = thread->index / CHUNK;
    if (chunk >= w->nchunks) {
        return NULL;
    }
    if (!w->chunks[chunk]) {
        w->chunks[chunk] = mem_zalloc(CHUNK * sizeof(struct kept));
    }
    return w->chunks[chunk] ? &w->chunks[chunk][thread->index % CHUNK] : NULL;
}

bool wants_event(struct wants *w, struct view *view, const struct thread *thread, uint16_t name,
                 unsigned open_access)
{
    if (!has(&w->all, name, open_access) || !thread) {
        return has(&w->all, name, open_access);
    }
    struct kept *kept = slot_of(w, thread);
    if (!kept) {
        return true;
    }
    uint64_t epoch = state_epoch(view->state);
    if (kept->serial != thread->serial || kept->generations != thread->generations ||
        kept->epoch != epoch || kept->count == 0) {
        *kept = (struct kept){ .epoch = epoch,
                               .serial = thread->serial,
                               .generations = thread->generations };
    }
    if (kept->count < WAIT) {
        if (++kept->count < WAIT) {
            return true;
        }
        matcher_residual(w->matcher, view, thread, &kept->residual);
    }
    return has(&kept->residual, name, open_access);
}
