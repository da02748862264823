/*
 * live_fixture: processes to look at. Each is a fork that gets itself ready, says so, and waits to be told
 * to go; folders of their own that vanish afterwards.
 */
#pragma once

#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATHS_MAX 8192

struct subject {
    pid_t pid;
    int gate; /* closed: it may go */
    int code; /* what its preparation said: 0, or it exited with this */
};

/* Runs prepare(data) in a new process, which then stays. Negative results of it mean: cannot here. */
static inline struct subject subject_start(int (*prepare)(const void *data), const void *data)
{
    int ready[2], gate[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(gate[1]);
        close(ready[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int code = prepare ? prepare(data) : 0;
        char c = (char)code;
        if (write(ready[1], &c, 1) == 1 && code == 0) {
            while (read(gate[0], &c, 1) < 0 && errno == EINTR) {
            }
        }
        _exit(0);
    }
    close(ready[1]);
    close(gate[0]);
    char c = 1;
    ssize_t n = read(ready[0], &c, 1);
    close(ready[0]);
    return (struct subject){ .pid = pid, .gate = gate[1], .code = n == 1 ? c : 0 };
}

/* Starts a program that stays until its standard input ends; exec has happened when this returns. */
static inline struct subject subject_exec(int (*run)(const void *data), const void *data)
{
    int ready[2], gate[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(gate[0], 0);
        close(gate[1]);
        char c = (char)run(data); /* returns only when it failed */
        ssize_t n = write(ready[1], &c, 1);
        _exit(n == 1 ? 1 : 2);
    }
    close(ready[1]);
    close(gate[0]);
    char c = 0;
    ssize_t n = read(ready[0], &c, 1);
    close(ready[0]);
    return (struct subject){ .pid = pid, .gate = gate[1], .code = n == 1 ? c : 0 };
}

static inline void subject_end(const struct subject *subject)
{
    close(subject->gate);
    assert_int_equal(waitpid(subject->pid, NULL, 0), subject->pid);
}

static inline char *folder_new(char path[64])
{
    snprintf(path, 64, "/tmp/live-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline int folder_remove_one(const char *path, const struct stat *st, int kind,
                                    struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void folder_remove(const char *path)
{
    nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static inline char *path_in(char path[PATHS_MAX], const char *folder, const char *name)
{
    snprintf(path, PATHS_MAX, "%s/%s", folder, name);
    return path;
}

static inline void file_put(const char *folder, const char *name, struct str text)
{
    char path[PATHS_MAX];
    int fd = open(path_in(path, folder, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    for (size_t at = 0; at < text.n;) {
        ssize_t n = write(fd, text.p + at, text.n - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    close(fd);
}

static inline void file_copy(const char *from, const char *to)
{
    char block[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, block, sizeof(block))) > 0;) {
        assert_int_equal(write(out, block, (size_t)n), n);
    }
    close(in);
    close(out);
}

static inline bool is_root(void)
{
    return geteuid() == 0;
}

#define SKIP_UNLESS(condition, why)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_message("skipped: %s\n", why);                                                   \
            skip();                                                                                \
        }                                                                                          \
    } while (0)
