/*
 * taskrun: the process that waits: it makes the task's folder, starts the engine in a process namespace of its own, passes on
 * the wish to stop, and removes what is left when the engine has ended, however it did.
 *
 * The first SIGINT, SIGTERM or SIGHUP stops the task in order; the second ends it at once.
 */
#include "taskrun/run.h"

#include "base/clock.h"
#include "instrument/node.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DEFAULT_REGION "us-east-1"

static void listen_to(sigset_t *ret, sigset_t *ret_before)
{
    signal(SIGCHLD, SIG_DFL); /* whoever started this may ignore it */
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGHUP);
    sigaddset(ret, SIGCHLD);
    sigprocmask(SIG_BLOCK, ret, ret_before);
}

static int wait_for(pid_t engine, const sigset_t *set)
{
    int status, asked = 0;
    for (;;) {
        pid_t pid = waitpid(engine, &status, WNOHANG);
        if (pid != 0 && !(pid < 0 && errno == EINTR)) {
            return pid == engine && WIFEXITED(status) ? WEXITSTATUS(status) : TASKRUN_FAILED;
        }
        int signal = sigwaitinfo(set, NULL);
        if (signal > 0 && signal != SIGCHLD) {
            kill(engine, asked++ ? SIGKILL : SIGTERM);
        }
    }
}

static int start(struct run *run, pid_t *ret_engine)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return err_set(run->err, -errno, "no pipe: %s", strerror(errno));
    }
    fflush(NULL);
    /* Not unshare and fork: this process' other children, and threads, belong where it is itself. */
    pid_t engine = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    if (engine == 0) {
        close(ends[1]);
        run->lifeline = ends[0];
        run_engine(run);
    }
    close(ends[0]);
    if (engine < 0) {
        close(ends[1]);
        return err_set(run->err, -errno, "no process namespace: %s", strerror(errno));
    }
    *ret_engine = engine; /* the other end stays open as long as this process lives */
    return 0;
}

static int fill(struct run *run)
{
    uint32_t n = run->task.ncontainers;
    run->slots = ARENA_ARRAY(run->arena, struct slot, n);
    if (!run->slots) {
        return err_set(run->err, -ENOMEM, "out of memory");
    }
    snprintf(run->group, sizeof(run->group), GROUPS_ROOT "/%s", run->id);
    snprintf(run->hostname, sizeof(run->hostname), "task-%.12s", run->id);
    for (uint32_t i = 0; i < n; i++) {
        struct slot *slot = &run->slots[i];
        slot->def = &run->task.containers[i];
        slot->index = i;
        slot->status = -1;
        slot->streams[0].fd = slot->streams[1].fd = -1;
        snprintf(slot->id, sizeof(slot->id), "%s-%010u", run->id, 1000000007U + i);
        snprintf(slot->group, sizeof(slot->group), "%s/%s", run->group, slot->id);
    }
    return 0;
}

static int run_it(struct run *run)
{
    sigset_t set, before;
    pid_t engine = -1;
    int lock = -1;
    uint32_t removed;
    struct err left = { 0 };
    if (taskrun_clean(run->options->state, &removed, &left) < 0) {
        fprintf(stderr, "%s: left by another task: %s\n", run->options->name, left.message);
    }
    int r = state_begin(run->options->state, run->id, run->folder, &lock, run->err);
    if (r < 0) {
        return r;
    }
    listen_to(&set, &before);
    r = fill(run);
    r = r == 0 ? start(run, &engine) : r;
    int status = r == 0 ? wait_for(engine, &set) : r;
    if (state_end(run->folder, run->id, &left) < 0) {
        fprintf(stderr, "%s: %s\n", run->options->name, left.message);
    }
    close(lock);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}

int taskrun(struct str definition, const struct taskrun_options *options, struct err *err)
{
    struct arena arena;
    struct run *run = mem_zalloc(sizeof(*run));
    if (!run) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&arena, NODE_ARENA_MAX);
    run->options = options;
    run->arena = &arena;
    run->err = err;
    run->status = -1;
    run->began_ns = clock_real_ns();
    int r = task_definition_read(definition, options->resource, &arena, &run->task, err);
    if (r == 0) {
        struct str region = options->region ? str_of(options->region) : run->task.region;
        run->task.region = region.n ? region : STR(DEFAULT_REGION);
        r = run_it(run);
    }
    arena_done(&arena);
    free(run);
    return r;
}
