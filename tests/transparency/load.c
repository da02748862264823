/*
 * Work without end until told otherwise: what a sensor is disturbed under.
 *
 * opener COUNT: one process that opens and closes; it is attached to by tracers meanwhile.
 * load THREADS PROCESSES: all of them open, fork, exec and connect, until standard input ends; a SIGALRM
 * that would come if a thread made no step for LIMIT_S kills the program. Prints whether all was well.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S     15
#define WORKERS_MAX 32

struct shared {
    atomic_bool over;
    atomic_long steps[WORKERS_MAX], wrong, errors[5];
};

static struct shared *shared;

static void open_one(void)
{
    char text[64];
    int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text)) <= 0) {
        atomic_fetch_add(&shared->wrong, 1);
        fprintf(stderr, "open: %s\n", strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void make_one(unsigned worker)
{
    char path[64];
    snprintf(path, sizeof(path), "load-%u", worker);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || unlink(path) < 0) {
        atomic_fetch_add(&shared->wrong, 1);
        fprintf(stderr, "make: %s\n", strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void connect_one(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(1) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
        errno != ECONNREFUSED) {
        atomic_fetch_add(&shared->wrong, 1);
        fprintf(stderr, "connect: %s\n", strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void run_one(bool other_program)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0 && other_program) {
        execl("/bin/true", "true", (char *)NULL);
    }
    if (pid == 0) {
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        atomic_fetch_add(&shared->wrong, 1);
        fprintf(stderr, "child: %#x\n", (unsigned)status);
    }
}

static void *work(void *data)
{
    unsigned worker = (unsigned)(size_t)data;
    for (unsigned i = worker; !atomic_load(&shared->over); i++) {
        switch (i % 8) {
        case 0:
            run_one(i % 16 == 0);
            break;
        case 1:
        case 5:
            connect_one();
            break;
        case 2:
            make_one(worker);
            break;
        default:
            open_one();
        }
        atomic_fetch_add(&shared->steps[worker], 1);
    }
    return NULL;
}

static void run_threads(unsigned first, unsigned count)
{
    pthread_t threads[WORKERS_MAX];
    for (unsigned i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)(size_t)(first + i)) != 0) {
            probe_fail("thread");
        }
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* False: this worker made no step for LIMIT_S. */
static bool all_go_on(unsigned workers, long *last, time_t *since)
{
    time_t now = time(NULL);
    for (unsigned i = 0; i < workers; i++) {
        long steps = atomic_load(&shared->steps[i]);
        since[i] = steps != last[i] || since[i] == 0 ? now : since[i];
        last[i] = steps;
        if (now - since[i] > LIMIT_S) {
            printf("worker %u is stuck after %ld steps\n", i, steps);
            return false;
        }
    }
    return true;
}

/* Answers each byte that is read when every worker has made a step since; ends with its input. */
static int watch(unsigned workers)
{
    long last[WORKERS_MAX] = { 0 }, asked[WORKERS_MAX];
    time_t since[WORKERS_MAX] = { 0 };
    bool asking = false;
    for (;;) {
        struct pollfd input = { .fd = asking ? -1 : 0, .events = POLLIN };
        if (poll(&input, 1, asking ? 2 : 100) > 0) {
            if (probe_get(0) == 0) {
                return 0;
            }
            asking = true;
            memcpy(asked, last, sizeof(asked));
        }
        if (!all_go_on(workers, last, since)) {
            return 1;
        }
        bool all = asking;
        for (unsigned i = 0; i < workers; i++) {
            all &= last[i] >= asked[i] + 2;
        }
        if (all) {
            asking = false;
            probe_put(1, '+');
        }
    }
}

int load(int argc, char **argv)
{
    unsigned nthreads = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2;
    unsigned nprocesses = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
    if (nthreads * nprocesses == 0 || nthreads * nprocesses > WORKERS_MAX) {
        return 2;
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        probe_fail("mmap");
    }
    pid_t pids[WORKERS_MAX];
    for (unsigned i = 0; i < nprocesses; i++) {
        pids[i] = probe_fork();
        if (pids[i] == 0) {
            run_threads(i * nthreads, nthreads);
            _exit(0);
        }
    }
    int status = watch(nthreads * nprocesses);
    atomic_store(&shared->over, true);
    for (unsigned i = 0; i < nprocesses && status == 0; i++) {
        probe_wait("process", pids[i]);
    }
    printf("wrong %ld\n", atomic_load(&shared->wrong));
    return status ? status : atomic_load(&shared->wrong) ? 3 : 42;
}

int opener(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    long failed = 0;
    for (long i = 0; i < count; i++) {
        int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
        failed += fd < 0;
        if (fd >= 0) {
            close(fd);
        }
        usleep(100);
    }
    printf("failed %ld\n", failed);
    return failed ? 1 : 0;
}
