/*
 * Signals a thousand times a second while a program opens, reads, forks and connects: storm [restart] [threads].
 *
 * A call that a signal interrupts must look as it does without a sensor. Opens and forks never fail with
 * EINTR there (with and without SA_RESTART); reads of a pipe and connects do without it, so that these are
 * repeated and not counted.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS   300
#define STORM_US 1000
#define THREADS  3

static atomic_long signals, interrupted, failed;

static void on_alarm(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

static void note(const char *what)
{
    if (errno == EINTR) {
        atomic_fetch_add(&interrupted, 1);
    } else if (atomic_fetch_add(&failed, 1) < 5) {
        printf("%s: %s\n", what, strerror(errno));
    }
}

static void open_and_read(void)
{
    char text[64];
    int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        note("open");
        return;
    }
    if (read(fd, text, sizeof(text)) < 0) {
        note("read");
    }
    close(fd);
    fd = open("/nonexistent/file", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT) {
        note("absent");
    }
}

static void fork_and_wait(bool other_program)
{
    int status = 0;
    pid_t pid = fork();
    if (pid < 0) {
        note("fork");
        return;
    }
    if (pid == 0) {
        if (other_program) {
            execl("/bin/true", "true", (char *)NULL);
        }
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        printf("child: %#x\n", (unsigned)status);
        atomic_fetch_add(&failed, 1);
    }
}

static void connect_nowhere(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/nonexistent/socket" };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        note("socket");
        return;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != ENOENT) {
        note("connect");
    }
    close(fd);
}

static void *work(void *data)
{
    (void)data;
    for (long i = 0; i < ROUNDS * probe_scale(); i++) {
        open_and_read();
        connect_nowhere();
        if (i % 4 == 0) {
            fork_and_wait(i % 8 == 0);
        }
    }
    return NULL;
}

int storm(int argc, char **argv)
{
    bool restart = argc > 1 && strcmp(argv[1], "restart") == 0;
    bool threaded = argc > 2;
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = restart ? SA_RESTART : 0 };
    struct itimerval timer = { { 0, STORM_US }, { 0, STORM_US } };
    pthread_t threads[THREADS];
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int i = 0; threaded && i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            probe_fail("thread");
        }
    }
    work(NULL);
    for (int i = 0; threaded && i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    timer = (struct itimerval){ 0 };
    setitimer(ITIMER_REAL, &timer, NULL);
    printf("signals %s, failed %ld\n", atomic_load(&signals) > 0 ? "came" : "did not come",
           atomic_load(&failed));
    if (restart) {
        printf("interrupted %ld\n", atomic_load(&interrupted));
    } else {
        fprintf(stderr, "interrupted %s\n", atomic_load(&interrupted) ? "some" : "none");
    }
    return 0;
}
