/*
 * live_run: a child's real calls under the real filter, its alerts as text. Of the tests of the agent, live.
 */
#pragma once

#include "test.h"

#include "agent/live.h"
#include "base/fd.h"
#include "rules/ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct run {
    const char *rules;
    int (*work)(void);
    bool deny;
    uint32_t features;
    int status; /* of the child */
    struct live_stats stats;
    char alerts[65536];
};

static uint32_t features; /* of this kernel */

static struct ruleset *load(const char *text)
{
    struct loader *loader = NULL;
    struct ruleset *rules = NULL;
    struct err err = { 0 };
    assert_int_equal(loader_new(NULL, &loader), 0);
    assert_int_equal(loader_add(loader, STR("rules"), str_of(text)), 0);
    if (loader_finish(loader, false, &rules, &err) < 0) {
        const struct diag_list *diags = loader_diagnostics(loader);
        fail_msg("%s %.*s", err.message, STR_ARG(diags->items[0].message));
    }
    loader_free(loader);
    return rules;
}

static void child(const struct run *run, const struct filter *filter, int tell, int go_on)
{
    int listener = -1;
    char go;
    int r = filter_install(filter, run->features, &listener);
    if (r < 0 || write(tell, &listener, sizeof(listener)) < 0 || read(go_on, &go, 1) != 1) {
        _exit(100);
    }
    syscall(SYS_close_range, 3, ~0U, 0);
    _exit(run->work());
}

/* Stops for the tracer must not be taken by a plain wait: see sensor/notify/exact.h. */
static int wait_for(pid_t pid)
{
    int status = -1;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    while (poll(&p, 1, -1) < 0 && errno == EINTR) {
    }
    close(pidfd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void run_live(struct run *run)
{
    struct ruleset *rules = load(run->rules);
    struct selection selection;
    struct err err = { 0 };
    struct live *live = NULL;
    int tell[2], go[2], listener = -1;
    char path[] = "/tmp/hinomi-live-XXXXXX";
    int output = mkostemp(path, O_CLOEXEC);
    unlink(path);
    assert_int_equal(selection_init(&selection, rules), 0);
    struct live_config config = {
        .engine = { .rules = { .ruleset = rules, .selection = &selection },
                    .options = { .matcher = { .all = true } },
                    .deny = run->deny,
                    .output = output },
        .features = run->features,
    };
    if (live_new(&config, &live, &err) < 0 || live_know_lineage(live, getpid(), &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(pipe2(tell, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
    /* A fork of libc's: whatever locks the sensor's threads hold by now, the child's are free. */
    pid_t pid = fork();
    if (pid == 0) {
        child(run, live_filter(live), tell[1], go[0]);
    }
    assert_int_equal(read(tell[0], &listener, sizeof(listener)), sizeof(listener));
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    listener = (int)syscall(SYS_pidfd_getfd, pidfd, listener, 0);
    close(pidfd);
    assert_true(listener >= 0);
    if (live_serve(live, listener, &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(write(go[1], "", 1), 1);
    run->status = wait_for(pid);
    live_wait_end(live, 2000);
    live_drain(live);
    live_get_stats(live, &run->stats);
    live_free(live);
    ssize_t n = pread(output, run->alerts, sizeof(run->alerts) - 1, 0);
    run->alerts[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2; i++) {
        close(tell[i]);
        close(go[i]);
    }
    close(output);
    selection_done(&selection);
    ruleset_free(rules);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    return n;
}

static void expect(struct run *run, const char *what, unsigned n)
{
    if (count(run->alerts, what) != n) {
        fail_msg("'%s' %u times, wanted %u, in:\n%s", what, count(run->alerts, what), n,
                 run->alerts);
    }
}
