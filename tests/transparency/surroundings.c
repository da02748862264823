/*
 * What a program finds around itself: limits, signals, ids, descriptors, environment, terminal; and closing
 * all descriptors, whoever's they are.
 */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static void show_status(void)
{
    static const char *const names[] = { "Uid",    "Gid",       "Groups",      "SigBlk",
                                         "SigIgn", "SigCgt",    "CapInh",      "CapPrm",
                                         "CapEff", "CapBnd",    "CapAmb",      "Cpus_allowed",
                                         "Umask",  "TracerPid", "THP_enabled", "Threads" };
    char line[4096];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file)) {
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
            size_t n = strlen(names[i]);
            if (strncmp(line, names[i], n) == 0 && line[n] == ':') {
                fputs(line, stdout);
            }
        }
    }
    if (file) {
        fclose(file);
    }
}

static int count_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder)) {
        count++;
    }
    if (folder) {
        closedir(folder);
    }
    return count - 3;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show_environment(void)
{
    size_t count = 0;
    while (environ[count]) {
        count++;
    }
    qsort(environ, count, sizeof(*environ), compare);
    for (size_t i = 0; i < count; i++) {
        puts(environ[i]);
    }
}

static void show_terminal(void)
{
    for (int fd = 0; fd < 3; fd++) {
        printf("descriptor %d: terminal %d, flags %#x\n", fd, isatty(fd),
               (unsigned)fcntl(fd, F_GETFL));
    }
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    printf("/dev/tty: %s\n", terminal < 0 ? strerror(errno) : "there");
    if (terminal >= 0) {
        close(terminal);
    }
}

int environment(int argc, char **argv)
{
    char folder[4096];
    int death = -1;
    for (int i = 0; i < argc; i++) {
        printf("argument %d: %s\n", i, argv[i]);
    }
    for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit = { 0 };
        getrlimit((int)i, &limit);
        printf("limit %u: %lld %lld\n", i, (long long)limit.rlim_cur, (long long)limit.rlim_max);
    }
    prctl(PR_GET_PDEATHSIG, &death);
    printf("nice %d, policy %d, personality %#x\n", getpriority(PRIO_PROCESS, 0),
           sched_getscheduler(0), (unsigned)personality(0xffffffff));
    printf(
        "dumpable %d, keepcaps %d, securebits %d, timerslack %d, death signal %d, subreaper %d\n",
        prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS),
        prctl(PR_GET_TIMERSLACK), death, prctl(PR_GET_CHILD_SUBREAPER, NULL));
    printf("ioprio %ld, folder %s\n", syscall(SYS_ioprio_get, 1, 0),
           getcwd(folder, sizeof(folder)));
    show_status();
    show_terminal();
    printf("descriptors %d\n", count_descriptors());
    show_environment();
    return 0;
}

/* Closes all it has, opens again; then closes them by ones; a table of its own. */
int descriptors(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("before: %d\n", count_descriptors());
    fflush(stdout);
    int out = fcntl(1, F_DUPFD_CLOEXEC, 1000);
    syscall(SYS_close_range, 0, 999, 0);
    syscall(SYS_close_range, 1001, ~0U, 0);
    int first = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    int second = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    dup2(out, 1);
    printf("after: %d and %d, %d in all\n", first, second, count_descriptors());
    printf("table of its own: %ld\n", syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE));
    int lost = 0;
    for (int fd = 3; fd < 5000; fd++) {
        lost += close(fd) == 0;
    }
    printf("closed one by one: %d\n", lost);
    pid_t pid = probe_fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "ls /proc/self/fd | wc -l; : </etc/hostname", (char *)NULL);
    }
    probe_wait("shell", pid);
    return 0;
}
