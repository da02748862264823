/*
 * An application for the tests of the hand-off; one source for glibc and musl, static and dynamic.
 *
 *     load run FILE         threads and a child open files until FILE is there; then a line of JSON: steps of each,
 *                           the longest pause in ms, calls that failed, and whether wait() saw the holder
 *     load read FILE TIMES  opens and reads it so often, with pauses; then a line of JSON: calls that failed, the
 *                           median, 99th and longest time from an open to its close, in us
 *     load touch PATH...    makes files
 *     load kill PID         SIGKILL; prints what came of it
 *     load as UID ARGUMENT...  the rest as this user
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS       3
#define WORKERS       (THREADS + 1)
#define READS_MAX     10000
#define READ_PAUSE_US 5000

struct worker {
    _Atomic uint64_t steps, failed, longest_ns;
    _Atomic int error;
};

struct all {
    _Atomic int stop;
    struct worker workers[WORKERS];
};

static struct all *all;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *work(void *data)
{
    struct worker *w = data;
    while (!all->stop) {
        uint64_t start = now_ns();
        int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            w->error = errno;
            w->failed++;
        } else {
            close(fd);
        }
        uint64_t took = now_ns() - start;
        w->longest_ns = took > w->longest_ns ? took : w->longest_ns;
        w->steps++;
    }
    return NULL;
}

/* Before any child: the holder must not be seen. */
static int sees_children(void)
{
    return waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
}

static void print(int seen, int status)
{
    uint64_t failed = 0, longest = 0;
    int error = 0;
    printf("{\"seen\": %d, \"status\": %d, \"steps\": [", seen, status);
    for (int i = 0; i < WORKERS; i++) {
        const struct worker *w = &all->workers[i];
        failed += w->failed;
        error = w->error ? w->error : error;
        longest = w->longest_ns > longest ? w->longest_ns : longest;
        printf("%s%llu", i ? ", " : "", (unsigned long long)w->steps);
    }
    printf("], \"failed\": %llu, \"error\": %d, \"longest_ms\": %llu}\n",
           (unsigned long long)failed, error, (unsigned long long)(longest / 1000000));
    fflush(stdout);
}

static int run(const char *file)
{
    pthread_t threads[THREADS];
    int seen = sees_children(), status = 0;
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) {
        return 1;
    }
    pid_t child = fork();
    if (child == 0) {
        work(&all->workers[THREADS]);
        _exit(7);
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, &all->workers[i]) != 0) {
            return 1;
        }
    }
    while (access(file, F_OK) < 0) {
        usleep(50000);
    }
    all->stop = 1;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    if (waitpid(-1, &status, 0) != child) {
        seen = 2;
    }
    print(seen, WEXITSTATUS(status));
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int read_often(const char *path, int times)
{
    static uint64_t took[READS_MAX];
    int n = times < 1 ? 1 : times > READS_MAX ? READS_MAX : times, failed = 0;
    for (int i = 0; i < n; i++) {
        char text[64];
        uint64_t start = now_ns();
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        failed += fd < 0 || read(fd, text, sizeof(text)) < 0;
        if (fd >= 0) {
            close(fd);
        }
        took[i] = (now_ns() - start) / 1000;
        usleep(READ_PAUSE_US);
    }
    qsort(took, (size_t)n, sizeof(*took), compare);
    printf("{\"reads\": %d, \"failed\": %d, \"median_us\": %llu, \"p99_us\": %llu, "
           "\"longest_us\": %llu}\n",
           n, failed, (unsigned long long)took[n / 2], (unsigned long long)took[(n * 99 - 1) / 100],
           (unsigned long long)took[n - 1]);
    fflush(stdout);
    return failed != 0;
}

static int touch(char **paths)
{
    for (; *paths; paths++) {
        int fd = open(*paths, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0) {
            printf("{\"touched\": \"%s\"}\n", strerror(errno));
            return 1;
        }
        close(fd);
    }
    printf("{\"touched\": \"all\"}\n");
    return 0;
}

static int kill_one(int pid)
{
    int r = kill(pid, SIGKILL);
    printf("{\"killed\": %d}\n", r < 0 ? errno : 0);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "as") == 0) {
        uid_t uid = (uid_t)strtoul(argv[2], NULL, 10);
        if (setgid(uid) < 0 || setuid(uid) < 0) {
            return 1;
        }
        argv[2] = argv[0];
        return main(argc - 2, argv + 2);
    }
    if (argc < 3) {
        return 2;
    }
    int number = (int)strtol(argv[2], NULL, 10);
    if (argc == 4 && strcmp(argv[1], "read") == 0) {
        return read_often(argv[2], (int)strtol(argv[3], NULL, 10));
    }
    return strcmp(argv[1], "run") == 0     ? run(argv[2])
           : strcmp(argv[1], "touch") == 0 ? touch(argv + 2)
           : strcmp(argv[1], "kill") == 0  ? kill_one(number)
                                           : 2;
}
