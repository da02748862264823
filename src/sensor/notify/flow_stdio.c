/*
 * Standard descriptors at exec: a shell whose input is a socket is what many rules look for, and there are
 * ways to get there that no call of the sensor's tells (SCM_RIGHTS, pidfd_getfd, close and socket). What /proc
 * says is compared with what the state knows; only what differs is looked at closely.
 */
#include "sensor/notify/stdio.h"

#include "sensor/live/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINK_MAX_TEXT 256

/* "socket:[123]" and "pipe:[123]": 123; others 0. */
static uint64_t inode_in(const char *text)
{
    const char *at = strstr(text, ":[");
    return at ? strtoull(at + 2, NULL, 10) : 0;
}

static bool is_known(const struct stdio_state *known, int64_t pid, int fd, const char *text)
{
    uint64_t ino = inode_in(text);
    pthread_mutex_lock(known->lock);
    const struct thread *thread = state_thread(known->state, pid);
    const struct fdinfo *info = thread ? state_fd(known->state, thread, fd) : NULL;
    bool same = info && (ino ? info->ino == ino : str_eq(info->name, str_of(text)));
    pthread_mutex_unlock(known->lock);
    return same;
}

static void learn(const struct stdio_state *known, int64_t pid, int fd)
{
    struct fdinfo info;
    char storage[LIVE_FD_STORAGE];
    if (live_fd_read(pid, fd, &info, storage, sizeof(storage)) < 0) {
        return;
    }
    pthread_mutex_lock(known->lock);
    state_add_fd(known->state, pid, fd, &info);
    pthread_mutex_unlock(known->lock);
}

void stdio_learn(const struct stdio_state *known, int64_t pid)
{
    for (int fd = 0; fd <= 2; fd++) {
        char path[48], text[LINK_MAX_TEXT];
        snprintf(path, sizeof(path), "/proc/%lld/fd/%d", (long long)pid, fd);
        ssize_t n = readlink(path, text, sizeof(text) - 1);
        if (n <= 0) {
            continue;
        }
        text[n] = '\0';
        if (!is_known(known, pid, fd, text)) {
            learn(known, pid, fd);
        }
    }
}
