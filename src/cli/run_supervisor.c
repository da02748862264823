/*
 * run: the supervisor: loads the rules, runs the sensor, and stays as long as any task has the filter.
 *
 * It has a session of its own, so that neither the terminal nor the command's process group reaches it,
 * and that whether that group is orphaned does not depend on it. All signals are blocked in all its threads.
 */
#include "cli/run.h"

#include "agent/live.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/load_rules.h"
#include "sensor/notify/feature.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NEEDED (FEATURE_NOTIFY | FEATURE_CONTINUE)

struct supervisor {
    struct run *run;
    const struct run_arguments *arguments;
    struct ruleset *ruleset;
    struct selection selection;
    struct live *live;
    int output; /* -1: standard error */
    int front, keeper, holder;
};

static int fail(const char *message)
{
    fprintf(stderr, "hinomi run: %s\n", message);
    return RUN_FAILED;
}

static void send_value(int socket, enum run_message_kind kind, int value)
{
    struct run_message message = { .kind = kind, .value = value };
    run_message_send(socket, &message);
}

static int refused(int error)
{
    char text[ERR_MESSAGE_MAX];
    if (error == EBUSY) {
        return fail(
            "these processes are watched by a seccomp listener already, and there can be only "
            "one: is this inside another `hinomi run`, or a watched container?");
    }
    snprintf(text, sizeof(text), "the command could not be put under the filter: %s",
             error == ECHILD ? "it ended before" : strerror(error));
    return fail(text);
}

static int refuse_notify(const struct supervisor *s, bool busy)
{
    if (s->arguments->without & NEEDED) {
        return fail("--without takes away what watching needs");
    }
    return busy ? refused(EBUSY)
                : fail("this kernel or container has no seccomp user notification; --sensor ptrace "
                       "does without, `hinomi doctor` tells more");
}

static void use_ptrace(const struct supervisor *s, bool filter, struct live_config *ret)
{
    filter = filter && !s->arguments->no_filter;
    ret->sensor = filter ? LIVE_PTRACE : LIVE_PTRACE_UNFILTERED;
    s->run->program->way = filter ? RUN_WITH_TRACE : RUN_WITHOUT;
}

/* An outer listener is asked instead of a tracer, so there a filter would hide calls: none then, nor where
 * filters are refused. */
static int choose_sensor(const struct supervisor *s, struct live_config *ret)
{
    enum run_sensor wanted = s->arguments->sensor;
    uint32_t features = feature_probe() & ~s->arguments->without;
    bool can_notify = (features & NEEDED) == NEEDED;
    bool busy = !can_notify && doctor_try_listener() == -EBUSY;
    ret->features = s->arguments->old_kernel ? features & FEATURES_5_10 : features;
    if (wanted == RUN_SENSOR_PTRACE || (wanted == RUN_SENSOR_AUTO && !can_notify)) {
        use_ptrace(s, !busy && doctor_try_filter() == 0, ret);
        return 0;
    }
    return can_notify ? 0 : refuse_notify(s, busy);
}

static int load(struct supervisor *s)
{
    const struct rule_choice *choice = &s->arguments->choice;
    if (cli_load_rules(choice->rules.items, (int)choice->rules.n, &s->ruleset) != EXIT_OK) {
        return RUN_FAILED;
    }
    return rule_choice_select(choice, s->ruleset, &s->selection) < 0 ? fail("out of memory") : 0;
}

static int open_output(struct supervisor *s)
{
    const char *path = s->arguments->output;
    struct err err = { 0 };
    s->output = -1;
    if (path) {
        s->output = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
        if (s->output < 0) {
            err_set(&err, -errno, "cannot write %s: %s", path, strerror(errno));
            return fail(err.message);
        }
    }
    return 0;
}

static int make_live(struct supervisor *s)
{
    const struct run_arguments *a = s->arguments;
    struct err err = { 0 };
    struct live_config config = {
        .engine = { .rules = { .ruleset = s->ruleset, .selection = &s->selection },
                    .options = { .matcher = { .all = a->all }, .format = { .json = a->json } },
                    .deny = a->deny,
                    .all_calls = a->all_calls,
                    .output = s->output < 0 ? STDERR_FILENO : s->output,
                    .capture = a->capture },
        .protected = { s->run->holder, s->run->keeper },
        .shared = s->run->shared,
    };
    int r = choose_sensor(s, &config);
    if (r == 0 && live_new(&config, &s->live, &err) < 0) {
        r = fail(err.message);
    }
    if (r == 0) {
        s->run->program->features = config.features;
        s->run->program->filter = *live_filter(s->live);
    }
    return r;
}

/* From the filter to the command's exec. */
static int start_command(struct supervisor *s)
{
    struct run_message message = { 0 };
    struct err err = { 0 };
    int listener = -1;
    send_value(s->keeper, MESSAGE_START, 0);
    if (!run_message_receive(s->keeper, &message, &listener)) {
        return fail("the command's parent ended early");
    }
    bool notifies = s->run->program->way == RUN_WITH_LISTENER;
    if (message.kind != MESSAGE_LISTENER || (notifies && listener < 0)) {
        return refused(message.kind == MESSAGE_NO_FILTER ? message.value : EPROTO);
    }
    if (notifies) {
        struct run_message to_holder = { .kind = MESSAGE_LISTENER };
        run_message_send_fd(s->holder, &to_holder, listener);
    } else {
        close(s->holder); /* it has nothing to hold: it ends */
    }
    if (live_know_lineage(s->live, message.value, &err) < 0 ||
        (notifies ? live_serve(s->live, listener, &err)
                  : live_adopt(s->live, message.value, &err)) < 0) {
        return fail(err.message);
    }
    send_value(s->keeper, MESSAGE_GO, 0);
    return 0;
}

/* What was not seen, or not kept: said aloud, with or without --stats. */
static void report_losses(const struct supervisor *s)
{
    struct live_stats stats = { 0 };
    live_get_stats(s->live, &stats);
    if (stats.sensor.unreadable) {
        fprintf(stderr,
                "hinomi run: arguments of %llu calls could not be read, so rules on them could not "
                "match. Programs that change their user need CAP_SYS_PTRACE to be watched.\n",
                (unsigned long long)stats.sensor.unreadable);
    }
    if (stats.sensor.tampering) {
        fprintf(stderr, "hinomi run: %llu calls aimed at hinomi itself were refused\n",
                (unsigned long long)stats.sensor.tampering);
    }
    if (stats.sensor.stuck) {
        fprintf(stderr,
                "hinomi run: %llu calls were let go unseen, for reading their arguments hung\n",
                (unsigned long long)stats.sensor.stuck);
    }
    if (stats.engine.dropped_alerts) {
        fprintf(stderr, "hinomi run: %llu alerts were lost: their reader was too slow\n",
                (unsigned long long)stats.engine.dropped_alerts);
    }
    if (stats.engine.capture_error) {
        fprintf(stderr, "hinomi run: the capture is not complete: %s\n",
                stats.engine.capture_error);
    }
}

static void print_stats(const struct supervisor *s)
{
    struct live_stats stats = { 0 };
    live_get_stats(s->live, &stats);
    const struct notify_stats *n = &stats.sensor;
    fprintf(stderr,
            "%llu calls notified, %llu events, %llu alerts; %llu calls passed at once, %llu run in "
            "exact "
            "mode, %llu predicted, %llu refused, %llu interrupted\n",
            (unsigned long long)n->notifications, (unsigned long long)stats.engine.pipeline.events,
            (unsigned long long)stats.engine.pipeline.alerts, (unsigned long long)n->skipped,
            (unsigned long long)n->exact, (unsigned long long)n->predicted,
            (unsigned long long)n->denied, (unsigned long long)n->interrupted);
    fprintf(
        stderr,
        "%llu calls with arguments that could not be read, %llu answered late, %llu where tracing "
        "was not possible; %llu bytes or alerts dropped; filter of %u instructions\n",
        (unsigned long long)n->unreadable, (unsigned long long)n->stuck,
        (unsigned long long)n->refused_trace, (unsigned long long)stats.engine.dropped_alerts,
        (unsigned)live_filter(s->live)->n);
}

/* Until the command itself has ended, or its parent is gone. */
static void wait_for_command(const struct supervisor *s)
{
    struct run_message message = { 0 };
    while (run_message_receive(s->keeper, &message, NULL) && message.kind != MESSAGE_ENDED) {
    }
}

static void supervisor_done(struct supervisor *s)
{
    live_free(s->live);
    selection_done(&s->selection);
    ruleset_free(s->ruleset);
    if (s->output >= 0) {
        close(s->output);
    }
}

static int supervise(struct supervisor *s)
{
    int r = load(s);
    r = r == 0 ? open_output(s) : r;
    r = r == 0 ? make_live(s) : r;
    run_drop_inherited();
    r = r == 0 ? start_command(s) : r;
    if (r != 0) {
        send_value(s->front, MESSAGE_FAILED, r);
        return r;
    }
    wait_for_command(s);
    live_drain(s->live);
    report_losses(s);
    if (s->arguments->stats) {
        print_stats(s);
    }
    send_value(s->front, MESSAGE_DRAINED, 0);
    live_wait_end(s->live, -1);
    return 0;
}

/* Its parent-to-be of the command is made before the session changes: it stays in the caller's. */
static int fork_keeper(struct run *run)
{
    pid_t pid = fork();
    if (pid == 0) {
        close(run->links[LINK_FRONT_SUPERVISOR][1]);
        close(run->links[LINK_SUPERVISOR_KEEPER][0]);
        close(run->links[LINK_HOLDER][1]);
        _exit(run_keeper(run));
    }
    run->keeper = pid;
    close(run->links[LINK_FRONT_KEEPER][1]);
    close(run->links[LINK_SUPERVISOR_KEEPER][1]);
    return pid < 0 ? -errno : 0;
}

int run_supervisor(struct run *run)
{
    CLEANUP(supervisor_done)
    struct supervisor s = {
        .run = run,
        .arguments = run->arguments,
        .output = -1,
        .front = run->links[LINK_FRONT_SUPERVISOR][1],
        .keeper = run->links[LINK_SUPERVISOR_KEEPER][0],
        .holder = run->links[LINK_HOLDER][1],
    };
    int r = fork_keeper(run);
    if (r < 0) {
        fail(strerror(-r));
        send_value(s.front, MESSAGE_FAILED, RUN_FAILED);
        return RUN_FAILED;
    }
    signal(SIGCHLD, SIG_DFL);
    atomic_store(&run->shared->agent_pid, (uint32_t)getpid());
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_NAME, "hinomi-sensor", 0, 0, 0);
    return supervise(&s);
}
