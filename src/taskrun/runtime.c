/*
 * runtime: runc, one process for each thing that is asked of it.
 *
 * What it starts is detached: when runc has ended, the container's process is this process' child, as the first of its
 * process namespace. Which one it is stands in a file.
 */
#include "taskrun/run.h"

#include "base/clock.h"
#include "base/fd.h"
#include "taskrun/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NUMBER_SIZE 16
#define ARGS_MAX    24

struct ask {
    char root[PATH_MAX], log[PATH_MAX], pid_file[PATH_MAX];
    const char *args[ARGS_MAX];
    int out, err; /* -1: nowhere */
};

static void begin(struct ask *ask, const struct run *run, const struct slot *slot)
{
    ask->out = ask->err = -1;
    snprintf(ask->root, sizeof(ask->root), "%.4000s/runc", run->private);
    snprintf(ask->log, sizeof(ask->log), "%.4000s/log", slot->bundle);
    const char *const first[] = { run->options->runtime, "--root", ask->root, "--log", ask->log };
    memcpy(ask->args, first, sizeof(first));
}

#define FIRST_ARGS 5

static _Noreturn void be_runtime(const struct ask *ask)
{
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char *const environment[] = { path, NULL };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    bool good = null >= 0 && dup2(null, 0) == 0 && dup2(ask->out < 0 ? null : ask->out, 1) == 1 &&
                dup2(ask->err < 0 ? null : ask->err, 2) == 2;
    if (good && close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
        execvpe(ask->args[0], (char *const *)ask->args, environment);
        dprintf(2, "%s: %s\n", ask->args[0], strerror(errno));
    }
    _exit(127);
}

static pid_t spawn(struct run *run, const struct ask *ask)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        be_runtime(ask);
    }
    if (pid < 0) {
        err_set(run->err, -errno, "no process: %s", strerror(errno));
    }
    return pid;
}

static int open_streams(struct run *run, struct slot *slot, int ret_ends[2])
{
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0) {
            return err_set(run->err, -errno, "no pipe: %s", strerror(errno));
        }
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        slot->streams[i].fd = ends[0];
        slot->streams[i].to = i + 1;
        slot->streams[i].n = 0;
        ret_ends[i] = ends[1];
    }
    return 0;
}

int runtime_start(struct run *run, struct slot *slot)
{
    struct ask ask = { 0 };
    int ends[2] = { -1, -1 };
    begin(&ask, run, slot);
    snprintf(ask.pid_file, sizeof(ask.pid_file), "%.4000s/pid", slot->bundle);
    unlink(ask.pid_file);
    const char *const args[] = { "run",        "--detach",   "--bundle", slot->bundle,
                                 "--pid-file", ask.pid_file, slot->id };
    memcpy(ask.args + FIRST_ARGS, args, sizeof(args));
    int r = open_streams(run, slot, ends);
    ask.out = ends[0];
    ask.err = ends[1];
    slot->runtime = r == 0 ? spawn(run, &ask) : -1;
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
    bool good = slot->runtime > 0;
    slot->runtime = good ? slot->runtime : 0;
    return good ? 0 : -EAGAIN;
}

int runtime_check(struct run *run, struct slot *slot)
{
    struct ask ask = { 0 };
    char process[PATH_MAX];
    begin(&ask, run, slot);
    snprintf(ask.pid_file, sizeof(ask.pid_file), "%.4000s/check-pid", slot->bundle);
    snprintf(process, sizeof(process), "%.4000s/check.json", slot->bundle);
    unlink(ask.pid_file);
    int r = bundle_write_process(run, slot, process, &slot->def->health.command);
    const char *const args[] = { "exec",       "--detach",   "--process", process,
                                 "--pid-file", ask.pid_file, slot->id };
    memcpy(ask.args + FIRST_ARGS, args, sizeof(args));
    pid_t pid = r == 0 ? spawn(run, &ask) : -1;
    slot->check.runtime = pid > 0 ? pid : 0;
    return pid > 0 ? 0 : -EAGAIN;
}

int runtime_remove(struct run *run, struct slot *slot)
{
    struct ask ask = { 0 };
    begin(&ask, run, slot);
    const char *const args[] = { "delete", "--force", slot->id };
    memcpy(ask.args + FIRST_ARGS, args, sizeof(args));
    pid_t pid = spawn(run, &ask);
    slot->runtime = pid > 0 ? pid : 0;
    return pid > 0 ? 0 : -EAGAIN;
}

pid_t runtime_pid(const struct slot *slot, const char *name)
{
    char path[PATH_MAX], storage[NUMBER_SIZE] = "";
    struct buf text;
    pid_t pid = 0;
    buf_init_fixed(&text, storage, sizeof(storage) - 1);
    if (path_join(path, sizeof(path), slot->bundle, name, NULL) < 0 ||
        file_read(path, &text, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < text.n && storage[i] >= '0' && storage[i] <= '9'; i++) {
        pid = pid * 10 + (storage[i] - '0');
    }
    return pid;
}
