/*
 * Evasion 19: code and data of another process changed, and libraries loaded into programs to come.
 *
 * Memory is written where it already has the same bytes.
 */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char target[16] = "target";

static pid_t sleeping_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    return pid;
}

static int end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    return waitpid(pid, NULL, __WALL) == pid ? 0 : failed("waitpid");
}

static int poke_text(bool decisive)
{
    pid_t pid = sleeping_child();
    if (!decisive) {
        return end_child(pid);
    }
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 || waitpid(pid, NULL, __WALL) != pid) {
        return failed("PTRACE_ATTACH");
    }
    void *at = (void *)(uintptr_t)&poke_text;
    errno = 0;
    long word = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
    if (errno || ptrace(PTRACE_POKETEXT, pid, at, (void *)word) < 0) {
        return failed("PTRACE_POKETEXT");
    }
    return end_child(pid);
}

static int vm_writev(bool decisive)
{
    pid_t pid = sleeping_child();
    struct iovec here = { target, sizeof(target) }, there = here;
    ssize_t n = decisive ? process_vm_writev(pid, &here, 1, &there, 1, 0)
                         : process_vm_readv(pid, &here, 1, &there, 1, 0);
    return end_child(pid) || (n != sizeof(target) ? failed("process_vm_writev") : 0);
}

static int proc_memory(bool decisive)
{
    char path[64];
    pid_t pid = sleeping_child();
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, decisive ? "mem" : "comm");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || (decisive && pwrite(fd, target, sizeof(target), (off_t)(uintptr_t)target) !=
                                   sizeof(target))) {
        return failed(path);
    }
    return end_child(pid);
}

static int preloaded(bool decisive)
{
    static const char *const argv[] = { "true", NULL };
    static const char *const without[] = { "PATH=/usr/bin:/bin", NULL };
    static const char *const with[] = { "PATH=/usr/bin:/bin", "LD_PRELOAD=libc.so.6", NULL };
    return spawn(argv, decisive ? with : without);
}

static int preload_file(bool decisive)
{
    return open_it(decisive ? "/etc/ld.so.preload" : "/tmp/harmless", O_WRONLY | O_CREAT);
}

const struct scenario evasion_memory[] = {
    { "poke-text", poke_text }, { "vm-writev", vm_writev },       { "proc-memory", proc_memory },
    { "preloaded", preloaded }, { "preload-file", preload_file }, { NULL, NULL },
};
