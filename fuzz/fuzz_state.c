/*
 * fuzz_state: arbitrary kinds and parameters into the state. A record is kind (u16), thread (u8),
 * time step (u8), number of parameters (u8), then a length (u8) and bytes for each. Ids are few, so
 * that everything meets everything; the tables are small, so that they fill.
 */
#include "fuzz.h"

#include "event/state.h"

#include <string.h>

#define THREADS_MAX 24
#define EVENTS_MAX  4096
#define TIME_STEP   UINT64_C(100000000)

struct input {
    const uint8_t *p;
    size_t n;
};

static uint64_t take(struct input *in, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n && in->n > 0; i++, in->p++, in->n--) {
        v |= (uint64_t)*in->p << 8 * i;
    }
    return v;
}

static void take_event(struct input *in, struct event *event, uint64_t *ts_ns, uint8_t *data)
{
    *event = (struct event){ .kind = (uint16_t)(take(in, 2) % KIND_MAX),
                             .tid = (int64_t)take(in, 1) % 32,
                             .data = data };
    *ts_ns += take(in, 1) * TIME_STEP;
    event->ts_ns = *ts_ns;
    event->nparams = (uint16_t)(take(in, 1) % (KIND_PARAMS_MAX + 1));
    for (unsigned i = 0; i < event->nparams; i++) {
        size_t n = take(in, 1);
        n = n < in->n ? n : in->n;
        memcpy(data + event->at[i], in->p, n);
        event->at[i + 1] = event->at[i] + (uint32_t)n;
        in->p += n;
        in->n -= n;
    }
}

static void look(const struct state *state, const struct event *event)
{
    struct state_stats stats;
    state_get_stats(state, &stats);
    FUZZ_CHECK(stats.threads <= THREADS_MAX);
    if (!event->thread) {
        return;
    }
    FUZZ_CHECK(event->thread->image);
    const struct thread *main = state_main(state, event->thread);
    FUZZ_CHECK(main && main->pid == event->thread->pid);
    const struct thread *parent = main;
    for (unsigned i = 0; i < STATE_ANCESTORS_MAX && parent; i++) {
        FUZZ_CHECK(parent->image);
        parent = state_parent(state, parent);
    }
    size_t cursor = 0;
    size_t n = 0;
    int64_t fd;
    struct fdinfo *info;
    while (state_fd_next(state, event->thread, &cursor, &fd, &info)) {
        FUZZ_CHECK(state_fd(state, event->thread, fd) == info);
        n += info->name.n ? info->name.p[info->name.n - 1] != 0 : 0;
    }
    FUZZ_CHECK(n <= state_fd_count(state, event->thread));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state_config config = { .threads_max = THREADS_MAX };
    struct state *state = NULL;
    FUZZ_CHECK(state_new(&config, &state) == 0);
    struct input in = { data, size };
    uint64_t ts_ns = 1;
    uint8_t bytes[KIND_PARAMS_MAX * 256];
    for (unsigned i = 0; i < EVENTS_MAX && in.n > 0; i++) {
        struct event event;
        take_event(&in, &event, &ts_ns, bytes);
        state_apply(state, &event);
        look(state, &event);
        state_settle(state, &event);
    }
    state_free(state);
    return 0;
}
