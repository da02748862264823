/*
 * gencapture: writes a large, realistic capture; the same options give the same bytes.
 *
 *     gencapture [--events N] [--bytes N] [--profile mixed|files|forks|network] [--seed N] [--gzip L] FILE
 *
 * --events counts what the capture holds (enter and exit events), --bytes uncompressed bytes; whichever
 * comes first ends it, at the end of an activity.
 */
#include "activity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct arguments {
    uint64_t events, bytes, seed;
    enum profile profile;
    int gzip;
    const char *file;
};

static int usage(void)
{
    fputs("Usage: gencapture [--events N] [--bytes N] [--profile mixed|files|forks|network]\n"
          "                  [--seed N] [--gzip LEVEL] FILE\n",
          stderr);
    return 2;
}

static bool parse_profile(const char *text, enum profile *ret)
{
    for (int i = 0; i < PROFILE_COUNT; i++) {
        if (strcmp(text, profile_names[i]) == 0) {
            *ret = (enum profile)i;
            return true;
        }
    }
    return false;
}

static bool parse_option(struct arguments *a, const char *name, const char *value)
{
    if (!value) {
        return false;
    }
    if (strcmp(name, "--profile") == 0) {
        return parse_profile(value, &a->profile);
    }
    char *end;
    errno = 0;
    uint64_t n = strtoull(value, &end, 10);
    if (errno || *end || end == value) {
        return false;
    }
    if (strcmp(name, "--events") == 0) {
        a->events = n;
    } else if (strcmp(name, "--bytes") == 0) {
        a->bytes = n;
    } else if (strcmp(name, "--seed") == 0) {
        a->seed = n;
    } else if (strcmp(name, "--gzip") == 0 && n <= 9) {
        a->gzip = (int)n;
    } else {
        return false;
    }
    return true;
}

static int run(struct gen *g, struct machine *machine, const struct arguments *a)
{
    struct capture_writer_stats stats;
    machine_start(machine, g);
    do {
        machine_act(machine, g, a->profile);
        capture_writer_get_stats(g->writer, &stats);
    } while (g->result == 0 && stats.written < a->events && stats.bytes < a->bytes);
    if (g->result == 0) {
        g->result = capture_writer_finish(g->writer, &g->err);
    }
    capture_writer_get_stats(g->writer, &stats);
    fprintf(stderr, "%s: %llu events, %llu bytes uncompressed\n", a->file,
            (unsigned long long)stats.written, (unsigned long long)stats.bytes);
    return g->result;
}

static int write_capture(const struct arguments *a, int fd, struct gen *g)
{
    struct state *state = NULL;
    struct machine *machine = NULL;
    int r = state_new(&(struct state_config){ 0 }, &state);
    machine = r == 0 ? machine_new(state) : NULL;
    if (!machine) {
        r = err_set(&g->err, -ENOMEM, "out of memory");
    }
    r = r ? r : capture_writer_new(fd, a->gzip, &g->writer, &g->err);
    r = r ? r : capture_write_state(g->writer, state, &g->err);
    r = r ? r : run(g, machine, a);
    capture_writer_free(g->writer);
    machine_free(machine);
    state_free(state);
    return r;
}

int main(int argc, char **argv)
{
    static struct gen gen = { .ts_ns = GEN_START_NS, .next_pid = 10000 };
    struct arguments a = { .events = UINT64_MAX, .bytes = UINT64_MAX, .seed = 1 };
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' && !a.file) {
            a.file = argv[i];
        } else if (!parse_option(&a, argv[i], argv[i + 1]) || ++i >= argc) {
            return usage();
        }
    }
    if (!a.file || (a.events == UINT64_MAX && a.bytes == UINT64_MAX)) {
        return usage();
    }
    int fd = open(a.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        fprintf(stderr, "gencapture: %s: %s\n", a.file, strerror(errno));
        return 1;
    }
    gen.random = a.seed;
    int r = write_capture(&a, fd, &gen);
    if (r < 0) {
        fprintf(stderr, "gencapture: %s: %s\n", a.file, gen.err.message);
    }
    close(fd);
    return r < 0;
}
