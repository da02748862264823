/*
 * Processes: how they end, posix_spawn, many short ones, daemons, groups and sessions, death of a parent.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_PROCESSES 2500 /* of each kind */
#define SPAWNS          100

extern char **environ;

static void end_by(int number)
{
    struct rlimit none = { 0, 0 };
    sigset_t set;
    setrlimit(RLIMIT_CORE, &none);
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(number, SIG_DFL);
    kill(getpid(), number);
    _exit(0);
}

/* All 256 statuses and 64 signals of children; every fourth child is another program. */
int statuses(int argc, char **argv)
{
    char text[16], name[32];
    (void)argc, (void)argv;
    for (int status = 0; status < 256; status++) {
        pid_t pid = probe_fork();
        if (pid == 0 && status % 4 == 0) {
            snprintf(text, sizeof(text), "exit %d", status);
            execl("/bin/sh", "sh", "-c", text, (char *)NULL);
        }
        if (pid == 0) {
            _exit(status);
        }
        snprintf(name, sizeof(name), "exit %d", status);
        probe_wait(name, pid);
    }
    for (int number = 1; number <= 64; number++) {
        if (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU) {
            continue;
        }
        pid_t pid = probe_fork();
        if (pid == 0) {
            end_by(number);
        }
        snprintf(name, sizeof(name), "signal %d", number);
        probe_wait(name, pid);
    }
    return 0;
}

static pid_t spawn(const char *path, char **words, const posix_spawn_file_actions_t *actions,
                   const posix_spawnattr_t *attributes)
{
    pid_t pid;
    fflush(stdout);
    errno = posix_spawn(&pid, path, actions, attributes, words, environ);
    if (errno != 0) {
        printf("spawn of %s: %s\n", path, strerror(errno));
        return -1;
    }
    return pid;
}

int spawns(int argc, char **argv)
{
    static char sh[] = "sh", c[] = "-c", say[] = "cat; echo to 5 >&5; exit 7", quiet[] = "exit 3";
    char *speaking[] = { sh, c, say, NULL }, *silent[] = { sh, c, quiet, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    (void)argc, (void)argv;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/etc/hostname", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, 1, 5);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &set);
    probe_wait("speaking", spawn("/bin/sh", speaking, &actions, &attributes));
    for (long i = 0; i < SPAWNS * probe_scale(); i++) {
        int status;
        pid_t pid = spawn("/bin/sh", silent, NULL, NULL);
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 3) {
            probe_fail("silent");
        }
    }
    spawn("/nonexistent", silent, NULL, NULL);
    spawn("/etc/passwd", silent, NULL, NULL);
    posix_spawn_file_actions_addopen(&actions, 6, "/nonexistent", O_RDONLY, 0);
    spawn("/bin/sh", silent, &actions, NULL);
    return 0;
}

static void run_short(long i, bool other_program)
{
    int status;
    pid_t pid = other_program ? vfork() : fork();
    if (pid < 0) {
        probe_fail("fork");
    }
    if (pid == 0 && other_program) {
        execl("/bin/true", "true", (char *)NULL);
    }
    if (pid == 0) {
        _exit((int)(i & 127));
    }
    int expected = other_program ? 0 : (int)(i & 127);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != expected) {
        printf("%s %ld: %#x\n", other_program ? "program" : "process", i, (unsigned)status);
    }
}

/* 10,000: two at a time, every other one a program of its own. */
int shorts(int argc, char **argv)
{
    long count = SHORT_PROCESSES * probe_scale();
    (void)argc, (void)argv;
    pid_t other = probe_fork();
    for (long i = 0; i < count; i++) {
        run_short(i, false);
        run_short(i, true);
    }
    if (other == 0) {
        fflush(stdout);
        _exit(0);
    }
    probe_wait("other", other);
    printf("%ld processes\n", 4 * count);
    return 0;
}

/* A daemon that outlives everybody: it makes the file when told by SIGUSR1, half a second later. */
int daemons(int argc, char **argv)
{
    int ends[2];
    if (argc < 2 || pipe(ends) < 0) {
        return 2;
    }
    if (probe_fork() == 0) {
        setsid();
        if (probe_fork() != 0) {
            _exit(0);
        }
        char folder[4096];
        if (chdir("/") < 0) {
            probe_fail("chdir");
        }
        snprintf(folder, sizeof(folder), "%s/daemon", argv[1]);
        probe_put(ends[1], 'x');
        for (int fd = 0; fd < 64; fd++) {
            close(fd);
        }
        usleep(500000);
        mkdir(folder, 0755);
        _exit(0);
    }
    wait(NULL);
    close(ends[1]);
    printf("started %c\n", probe_get(ends[0]));
    printf("closed %d\n", probe_get(ends[0]));
    return 0;
}

static void show_group(const char *who, pid_t leader)
{
    printf("%s: group %s, session %s\n", who,
           getpgrp() == leader     ? "the program's"
           : getpgrp() == getpid() ? "own"
                                   : "another",
           getsid(0) == leader     ? "the program's"
           : getsid(0) == getpid() ? "own"
                                   : "another");
}

/* Groups, sessions, a signal for a group, WUNTRACED and WCONTINUED. */
int groups(int argc, char **argv)
{
    (void)argc, (void)argv;
    bool leads = getpgrp() == getpid();
    printf("leads its group: %d\n", leads);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = { "plain", "group", "session" };
        pid_t pid = probe_fork();
        if (pid == 0) {
            i == 1 ? setpgid(0, 0) : i == 2 ? setsid() : 0;
            show_group(names[i], getppid());
            fflush(stdout);
            _exit(i);
        }
        probe_wait(names[i], pid);
    }
    pid_t stopped = probe_fork();
    if (stopped == 0) {
        setpgid(0, 0);
        raise(SIGSTOP);
        pause();
    }
    int status;
    waitpid(stopped, &status, WUNTRACED);
    printf("stopped: %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
    kill(stopped, SIGCONT);
    waitpid(stopped, &status, WCONTINUED);
    printf("continued: %d\n", WIFCONTINUED(status));
    kill(-stopped, SIGTERM);
    probe_wait("killed with its group", stopped);
    return 0;
}

/* PDEATHSIG: kept by fork? no; by exec? yes. Orphans: who adopts them when the program asks for it. */
int parents(int argc, char **argv)
{
    int ends[2], before = -1, after = -1;
    (void)argc, (void)argv;
    if (pipe(ends) < 0) {
        return 2;
    }
    prctl(PR_GET_PDEATHSIG, &before);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    prctl(PR_GET_PDEATHSIG, &after);
    printf("signal of the parent's death: %d, then %d\n", before, after);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t parent = probe_fork();
    if (parent == 0) {
        if (probe_fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            probe_put(ends[1], 'x');
            pause();
        }
        probe_get(ends[0]);
        _exit(4);
    }
    probe_wait("parent", parent);
    int status;
    pid_t orphan = wait(&status);
    printf("orphan came back: %d, by signal %d\n", orphan > 0, WTERMSIG(status));
    return 0;
}
