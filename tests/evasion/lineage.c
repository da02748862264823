/*
 * Evasion 23: ways to become a process that hide where it comes from. Each ends in the exec of a program
 * that is looked for (the miner), whose ancestors have to be told.
 */
#include "scenario.h"

#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void become_program(bool decisive)
{
    execl(decisive ? "/opt/box/xmrig" : "/opt/box/idle", "x", NULL);
    _exit(127);
}

/* The grandchild has lost its parent before its exec. */
static int twice(bool decisive)
{
    int ends[2];
    if (pipe(ends) < 0) {
        return failed("pipe");
    }
    pid_t child = fork();
    if (child == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            while (getppid() == parent) {
                usleep(1000);
            }
            become_program(decisive);
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    close(ends[1]);
    char byte;
    return read(ends[0], &byte, 1) == 0 ? 0 : failed("pipe");
}

static int with_flags(bool decisive, uint64_t flags)
{
    struct clone_args args = { .flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD };
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0) {
        return errno == ENOSYS ? skipped("no clone3 here") : failed("clone3");
    }
    if (pid == 0) {
        become_program(decisive);
    }
    int status = 0;
    if (flags & CLONE_PARENT) {
        for (int i = 0; i < 2000 && kill((pid_t)pid, 0) == 0; i++) {
            usleep(1000);
        }
        return 0;
    }
    waitpid((pid_t)pid, &status, 0);
    return status ? failed("the child") : 0;
}

/* A child of this process' parent. */
static int of_my_parent(bool decisive)
{
    pid_t between = fork();
    if (between == 0) {
        _exit(with_flags(decisive, CLONE_PARENT));
    }
    int status = 1;
    for (int i = 0; i < 2; i++) {
        int one;
        if (waitpid(-1, &one, __WALL) == between) {
            status = one;
        }
    }
    return status ? failed("CLONE_PARENT") : 0;
}

static int by_clone3(bool decisive)
{
    return with_flags(decisive, 0);
}

static int by_vfork(bool decisive)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl(decisive ? "/opt/box/xmrig" : "/opt/box/idle", "x", NULL);
        _exit(127);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status ? failed("vfork") : 0;
}

static void *run_in_thread(void *data)
{
    become_program(*(bool *)data);
    return NULL;
}

/* A thread that is not the first one becomes the program, and the process. */
static int by_thread(bool decisive)
{
    pid_t pid = fork();
    if (pid == 0) {
        static bool what;
        pthread_t thread;
        what = decisive;
        pthread_create(&thread, NULL, run_in_thread, &what);
        for (;;) {
            pause();
        }
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status ? failed("the thread") : 0;
}

const struct scenario evasion_lineage[] = {
    { "twice", twice },       { "of-my-parent", of_my_parent }, { "by-clone3", by_clone3 },
    { "by-vfork", by_vfork }, { "by-thread", by_thread },       { NULL, NULL },
};
