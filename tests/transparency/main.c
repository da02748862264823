/*
 * Small programs in one executable: probe NAME [ARGUMENT...].
 *
 * The runner compares their output and status under the sensor with those without it.
 */
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    probe_main main;
} programs[] = {
    { "statuses", statuses },
    { "spawns", spawns },
    { "shorts", shorts },
    { "daemons", daemons },
    { "groups", groups },
    { "parents", parents },
    { "environment", environment },
    { "descriptors", descriptors },
    { "storm", storm },
    { "own-filter", own_filter },
    { "own-listener", own_listener },
    { "opener", opener },
    { "load", load },
};

long probe_scale(void)
{
    const char *text = getenv("TRANSPARENCY_SCALE");
    long scale = text ? strtol(text, NULL, 10) : 1;
    return scale > 0 ? scale : 1;
}

void probe_fail(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

pid_t probe_fork(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        probe_fail("fork");
    }
    return pid;
}

void probe_put(int fd, char byte)
{
    if (write(fd, &byte, 1) != 1) {
        probe_fail("write");
    }
}

char probe_get(int fd)
{
    char byte = 0;
    ssize_t n = read(fd, &byte, 1);
    return n == 1 ? byte : 0;
}

void probe_wait(const char *name, pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            probe_fail(name);
        }
    }
    if (WIFEXITED(status)) {
        printf("%s: status %d\n", name, WEXITSTATUS(status));
    } else {
        printf("%s: signal %d\n", name, WTERMSIG(status));
    }
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(programs) / sizeof(*programs); i++) {
        if (strcmp(programs[i].name, argv[1]) == 0) {
            return programs[i].main(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "usage: probe NAME [ARGUMENT...]\n");
    return 2;
}
