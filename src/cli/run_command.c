/*
 * run: the command's own process, from fork to exec.
 *
 *     keeper                               CMD
 *     clone(CLONE_FILES) ────────────────▶ signals, process group as the front's
 *                                          filter_install(): its listener is in the keeper's table too
 *     number ◀──────────────────────────── write
 *     hands it to supervisor and holder
 *     go ────────────────────────────────▶ read
 *                                          a table of its own again
 *     "own" ◀───────────────────────────── write; exec; or errno ◀── write
 *
 * Sending the listener through a socket from here would be a call that the filter may notify, with nobody
 * to answer. After the filter only read, write, close_range, execve and _exit are used.
 */
#include "cli/run.h"

#include "base/cleanup.h"
#include "sensor/notify/feature.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin"
#define SHELL        "/bin/sh"

enum note_kind { NOTE_LISTENER = 1, NOTE_NO_FILTER, NOTE_OWN_TABLE, NOTE_NO_EXEC };

struct note {
    int32_t kind, value;
};

/* 0; EACCES: there, but not to be executed; ENOENT. */
static int can_execute(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        return errno == EACCES ? EACCES : ENOENT;
    }
    return S_ISREG(status.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : EACCES;
}

int run_find_command(const char *name, char *ret, size_t size)
{
    const char *paths = getenv("PATH");
    bool refused = false;
    if (strchr(name, '/')) {
        return snprintf(ret, size, "%s", name) < (int)size ? 0 : RUN_NOT_FOUND;
    }
    for (const char *at = paths ? paths : DEFAULT_PATH; at && name[0];) {
        const char *end = strchrnul(at, ':');
        int n = snprintf(ret, size, "%.*s%s%s", (int)(end - at), at, end > at ? "/" : "", name);
        int r = n < (int)size ? can_execute(ret) : ENOENT;
        if (r == 0) {
            return 0;
        }
        refused |= r == EACCES;
        at = *end ? end + 1 : NULL;
    }
    return refused ? RUN_CANNOT_EXECUTE : RUN_NOT_FOUND;
}

static void tell(int fd, enum note_kind kind, int value)
{
    struct note note = { (int32_t)kind, value };
    while (write(fd, &note, sizeof(note)) < 0 && errno == EINTR) {
    }
}

/* Waits for a note, or the end of the process. False: it ended. */
static bool hear_first(const struct run_command *command, struct note *ret)
{
    CLEANUP(cleanup_close) int pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
    struct pollfd items[] = {
        { .fd = command->pipes[1][0], .events = POLLIN },
        { .fd = pidfd, .events = POLLIN },
    };
    while (poll(items, 2, -1) < 0 && errno == EINTR) {
    }
    return items[0].revents && read(command->pipes[1][0], ret, sizeof *ret) == sizeof *ret;
}

/* After this the keeper may close its descriptors without closing ours. */
static bool own_table(void)
{
    return syscall(SYS_close_range, ~0U, ~0U, CLOSE_RANGE_UNSHARE) == 0 ||
           unshare(CLONE_FILES) == 0;
}

static void restore_signals(const struct run_origin *origin)
{
    sigaction(SIGCHLD, &origin->child_action, NULL);
    sigprocmask(SIG_SETMASK, &origin->mask, NULL);
}

/* 0 or -errno; *ret_listener: -1 where there is none. */
static int install(const struct run_program *program, int *ret_listener)
{
    *ret_listener = -1;
    switch (program->way) {
    case RUN_WITH_LISTENER:
        return filter_install(&program->filter, program->features, ret_listener);
    case RUN_WITH_TRACE:
        return filter_install_traced(&program->filter, program->features);
    case RUN_WITHOUT:
        break;
    }
    return 0;
}

static _Noreturn void command_main(const struct run *run, int from, int to)
{
    char **arguments = run->arguments->command;
    int listener;
    char go;
    setpgid(0, run->origin.group);
    int r = install(run->program, &listener);
    tell(to, r < 0 ? NOTE_NO_FILTER : NOTE_LISTENER, r < 0 ? -r : listener);
    while (r == 0 && (r = (int)read(from, &go, 1)) < 0 && errno == EINTR) {
        r = 0;
    }
    if (r != 1) {
        _exit(RUN_FAILED);
    }
    if (own_table()) {
        tell(to, NOTE_OWN_TABLE, 0);
    }
    restore_signals(&run->origin); /* what came meanwhile takes effect now, as the command's */
    execv(run->origin.path, arguments);
    if (errno == ENOEXEC) {
        execv(SHELL, run->origin.shell);
        errno = errno == ENOENT ? ENOEXEC : errno;
    }
    r = errno;
    tell(to, NOTE_NO_EXEC, r);
    _exit(r == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_EXECUTE);
}

static void close_end(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static void close_pipes(struct run_command *command)
{
    for (int i = 0; i < 4; i++) {
        close_end(&command->pipes[i / 2][i % 2]);
    }
}

static int start(const struct run *run, struct run_command *c)
{
    struct note note = { 0 };
    if (pipe2(c->pipes[0], O_CLOEXEC) < 0 || pipe2(c->pipes[1], O_CLOEXEC) < 0) {
        return -errno;
    }
    c->pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (c->pid < 0) {
        return -errno;
    }
    if (c->pid == 0) {
        command_main(run, c->pipes[0][0], c->pipes[1][1]);
    }
    if (!hear_first(c, &note)) {
        return -ECHILD;
    }
    c->listener = note.value;
    return note.kind == NOTE_LISTENER ? 0 : -note.value;
}

int run_command_start(const struct run *run, struct run_command *ret)
{
    struct run_command command = { .pid = -1, .listener = -1, .pipes = { { -1, -1 }, { -1, -1 } } };
    int r = start(run, &command);
    if (r < 0) {
        close_pipes(&command);
        return r;
    }
    fcntl(command.pipes[1][0], F_SETFL, O_NONBLOCK);
    *ret = command;
    return 0;
}

void run_command_go(struct run_command *command)
{
    char go = 1;
    while (write(command->pipes[0][1], &go, 1) < 0 && errno == EINTR) {
    }
}

void run_command_hear(struct run_command *command)
{
    struct note note;
    ssize_t n = 0;
    while (command->pipes[1][0] >= 0 &&
           ((n = read(command->pipes[1][0], &note, sizeof(note))) == sizeof(note) ||
            (n < 0 && errno == EINTR))) {
        if (n > 0 && note.kind == NOTE_OWN_TABLE) {
            close_end(&command->pipes[0][0]);
            close_end(&command->pipes[0][1]);
            close_end(&command->pipes[1][1]);
            run_drop_inherited();
        } else if (n > 0 && note.kind == NOTE_NO_EXEC) {
            command->exec_error = note.value;
        }
    }
    if (n == 0) {
        close_end(&command->pipes[1][0]);
    }
}
