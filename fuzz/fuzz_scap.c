/*
 * fuzz scap: any bytes as a capture. Reading ends, in order or with an error; every event handed out
 * lies within its bounds and can be applied to the state; and what was read, written by our writer,
 * reads back without an error.
 */
#include "fuzz.h"

#include "sensor/replay/replay.h"

#include <sys/mman.h>
#include <unistd.h>

#define EVENTS_MAX 20000

struct copy {
    int fd;
    struct capture_writer *writer;
};

static int memory_file(const uint8_t *data, size_t size, char path[32])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static void check_event(const struct event *event)
{
    FUZZ_CHECK(event->kind < KIND_MAX && kind_table[event->kind].name);
    FUZZ_CHECK(event->nparams <= KIND_PARAMS_MAX);
    uint64_t sum = 0;
    for (unsigned i = 0; i < event->nparams; i++) {
        FUZZ_CHECK(event->at[i] <= event->at[i + 1]);
        struct str s = event_param(event, i);
        for (size_t j = 0; j < s.n; j++) {
            sum += (uint8_t)s.p[j];
        }
    }
    FUZZ_CHECK(sum < UINT64_MAX);
}

/* Reads all of it; events go to the copy's writer, if there is one. The result of reading. */
static int read_all(const char *path, struct copy *copy)
{
    struct state *state;
    struct sensor *sensor;
    struct event *event;
    struct err err = { 0 };
    struct replay_options options = { .unthreaded = true };
    FUZZ_CHECK(state_new(&(struct state_config){ .threads_max = 4096 }, &state) == 0);
    int r = replay_open_with(path, &options, state, &sensor, &err);
    if (r < 0) {
        FUZZ_CHECK(err.code < 0 && err.message[0]);
        state_free(state);
        return r;
    }
    if (copy) {
        FUZZ_CHECK(capture_write_state(copy->writer, state, &err) == 0);
    }
    for (unsigned n = 0; n < EVENTS_MAX && (r = sensor_next(sensor, &event, &err)) > 0; n++) {
        check_event(event);
        state_apply(state, event);
        if (copy) {
            FUZZ_CHECK(capture_write_event(copy->writer, event, &err) == 0);
        }
        state_settle(state, event);
    }
    FUZZ_CHECK(r >= 0 || (err.code == r && err.message[0]));
    sensor_close(sensor);
    state_free(state);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    struct err err = { 0 };
    struct copy copy = { .fd = memfd_create("copy", MFD_CLOEXEC) };
    int fd = memory_file(data, size, path);
    FUZZ_CHECK(copy.fd >= 0 && capture_writer_new(copy.fd, 0, &copy.writer, &err) == 0);
    read_all(path, &copy);
    FUZZ_CHECK(capture_writer_finish(copy.writer, &err) == 0);
    capture_writer_free(copy.writer);
    snprintf(path, sizeof path, "/proc/self/fd/%d", copy.fd);
    FUZZ_CHECK(read_all(path, NULL) >= 0);
    close(fd);
    close(copy.fd);
    return 0;
}
