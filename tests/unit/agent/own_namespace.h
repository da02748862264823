/*
 * own_namespace: a test as in a container: in a process and a mount namespace of its own, with its /proc.
 */
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns in a child there; this process ends as it does. Returns at once where that is not allowed. */
static inline void own_namespace(void)
{
    int status;
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("proc", "/proc", "proc", 0, NULL) < 0) {
            _exit(1);
        }
        return;
    }
    while (waitpid(pid, &status, 0) < 0) {
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
