/*
 * A small agent for the tests of the hand-off: rules, a socket, alerts to a file, everything else as lines of
 * JSON on standard output.
 *
 *     agent SOCKET RULES ALERTS
 *
 * It ends by SIGTERM. SIGUSR1: prints statistics.
 */
#include "agent/handoff.h"
#include "base/buf.h"
#include "base/fd.h"
#include "rules/ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RULES_MAX ((size_t)16 << 20)

static const char *const changes[] = { "joined",    "resumed", "left",    "holder lost",
                                       "unwatched", "local",   "doubted", "refused" };

static void changed(void *data, enum handoff_change change, const struct handoff_container *c,
                    int error)
{
    (void)data;
    struct str command = handoff_argument(c->hello, 0);
    printf(
        "{\"change\": \"%s\", \"pid\": %" PRId64 ", \"holder\": %" PRId64
        ", \"command\": \"%.*s\", \"error\": %d, \"other\": %d, \"priority\": %u, \"doubt\": %d}\n",
        changes[change], c->pid, c->holder, STR_ARG(command), error, c->other_filter,
        c->hello->priority, c->doubt != NULL);
    fflush(stdout);
}

static bool gap(void *data, const struct handoff_container *c, const struct handoff_gap *g)
{
    (void)data;
    uint64_t numbered = 0;
    for (size_t i = 0; i < HOLDER_NUMBERS; i++) {
        numbered += g->by_number[i];
    }
    printf("{\"gap\": %u, \"pid\": %" PRId64 ", \"start\": %" PRIu64 ", \"end\": %" PRIu64
           ", \"passed\": %" PRIu64 ", \"rescued\": %" PRIu64 ", \"refused\": %" PRIu64
           ", \"numbered\": %" PRIu64 ", \"lost\": %" PRIu64 "}\n",
           g->gap.cause, c->pid, g->gap.start_ns, g->gap.end_ns, g->gap.passed, g->gap.rescued,
           g->gap.refused, numbered, g->lost);
    fflush(stdout);
    return true;
}

static int fail(const char *what)
{
    fprintf(stderr, "agent: %s\n", what);
    return 1;
}

static struct ruleset *load(const char *path)
{
    struct buf text;
    struct loader *loader = NULL;
    struct ruleset *rules = NULL;
    struct err err = { 0 };
    buf_init(&text, RULES_MAX);
    if (file_read(path, &text, &err) == 0 && loader_new(NULL, &loader) == 0 &&
        loader_add(loader, str_of(path), buf_str(&text)) == 0) {
        loader_finish(loader, false, &rules, &err);
    }
    if (!rules) {
        fprintf(stderr, "agent: %s: %s\n", path, err.message);
    }
    loader_free(loader);
    buf_done(&text);
    return rules;
}

static void print_stats(struct handoff *handoff)
{
    struct handoff_stats s;
    handoff_get_stats(handoff, &s);
    printf("{\"stats\": %u, \"pending\": %u, \"joined\": %" PRIu64 ", \"resumed\": %" PRIu64
           ", \"gaps\": %" PRIu64 ", \"passed\": %" PRIu64 ", \"refused\": %" PRIu64
           ", \"notifications\": %" PRIu64 ", \"unreadable\": %" PRIu64 ", \"tampering\": %" PRIu64
           "}\n",
           s.containers, s.pending, s.joined, s.resumed, s.gaps, s.passed, s.refused,
           s.sensor.notifications, s.sensor.unreadable, s.sensor.tampering);
    fflush(stdout);
}

static void serve(struct handoff *handoff, const sigset_t *signals)
{
    int number = 0;
    while (sigwait(signals, &number) == 0 && number != SIGTERM) {
        print_stats(handoff);
    }
}

int main(int argc, char **argv)
{
    struct engine *engine = NULL;
    struct handoff *handoff = NULL;
    struct selection selection;
    struct err err = { 0 };
    sigset_t signals;
    if (argc != 4) {
        return fail("agent SOCKET RULES ALERTS");
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int output = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    struct ruleset *rules = load(argv[2]);
    if (output < 0 || !rules || selection_init(&selection, rules) < 0) {
        return fail("cannot begin");
    }
    struct engine_config config = { .rules = { .ruleset = rules, .selection = &selection },
                                    .options = { .matcher = { .all = true },
                                                 .format = { .json = true } },
                                    .output = output };
    if (engine_new(&config, &engine, &err) < 0) {
        return fail(err.message);
    }
    struct handoff_config served = { .path = argv[1],
                                     .engine = engine,
                                     .features = feature_probe(),
                                     .watch = { .changed = changed, .gap = gap } };
    if (handoff_new(&served, &handoff, &err) < 0) {
        return fail(err.message);
    }
    printf("{\"ready\": %d}\n", (int)getpid());
    fflush(stdout);
    serve(handoff, &signals);
    print_stats(handoff);
    handoff_free(handoff);
    engine_free(engine);
    selection_done(&selection);
    ruleset_free(rules);
    return 0;
}
