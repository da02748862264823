/*
 * calls: one kind of work, timed by itself, for bench/sensors/sensors.py.
 *
 *     calls unmonitored N    getppid(2): ns a call
 *     calls open N           open and close of a file no rule is about: ns a pair
 *     calls threads N        the same by a process with a second thread (exact mode)
 *     calls fork N           fork, exec of /bin/true, wait: ns each
 *     calls latency N PATH   opens PATH every 5 ms; prints the time before each, ns since 1970
 *     calls stamp            copies nothing: prints the time at which each line of input arrived
 *     calls answer COMMAND   runs it while somebody lets each of its opens go on, unseen: what the kernel's
 *                            round trip alone costs
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLAIN_FILE "/etc/hostname"
#define PAUSE_NS   5000000

extern char **environ;

static uint64_t now_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int one_getppid(void)
{
    return syscall(SYS_getppid) < 0 ? -1 : 0;
}

static int one_open(void)
{
    int fd = open(PLAIN_FILE, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : close(fd);
}

static int one_fork(void)
{
    char *argv[] = { "true", NULL };
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        execve("/bin/true", argv, environ);
        _exit(127);
    }
    return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 ? -1 : 0;
}

static int repeat(int (*one)(void), long n)
{
    uint64_t start = now_ns(CLOCK_MONOTONIC);
    for (long i = 0; i < n; i++) {
        if (one() < 0) {
            perror("calls");
            return 1;
        }
    }
    printf("%.1f\n", (double)(now_ns(CLOCK_MONOTONIC) - start) / (double)n);
    return 0;
}

static void *wait_for_ever(void *data)
{
    pause();
    return data;
}

static int with_thread(long n)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) {
        return 1;
    }
    return repeat(one_open, n);
}

static int latency(long n, const char *path)
{
    const struct timespec pause_between = { 0, PAUSE_NS };
    for (long i = 0; i < n; i++) {
        printf("%llu\n", (unsigned long long)now_ns(CLOCK_REALTIME));
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            perror(path);
            return 1;
        }
        close(fd);
        nanosleep(&pause_between, NULL);
    }
    return 0;
}

static int stamp(void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        printf("%llu\n", (unsigned long long)now_ns(CLOCK_REALTIME));
    }
    free(line);
    return 0;
}

#define WAIT_KILLABLE (1u << 5)
#define SYNC_WAKE_UP  1ul
#define SET_FLAGS     SECCOMP_IOW(4, uint64_t)

static _Noreturn void answer_all(const _Atomic int *listener)
{
    struct pollfd p = { 0 };
    while ((p.fd = *listener) == 0) {
        usleep(100);
    }
    while (!(p.revents & POLLHUP)) {
        struct seccomp_notif notif = { 0 };
        if (ioctl(p.fd, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0) {
            poll(&p, 1, 0);
            continue;
        }
        struct seccomp_notif_resp resp = { .id = notif.id,
                                           .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        ioctl(p.fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
    }
    _exit(0);
}

static int filter_opens(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                        SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE, &program);
}

/* Who answers shares the descriptors, is nobody's business (no signal at its end), and stays behind. */
static int answered(char **command)
{
    _Atomic int *listener =
        mmap(NULL, sizeof(*listener), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (listener == MAP_FAILED) {
        return 1;
    }
    long pid = syscall(SYS_clone, CLONE_FILES, 0, 0, 0, 0);
    if (pid == 0) {
        answer_all(listener);
    }
    int fd = pid < 0 ? -1 : filter_opens();
    if (fd < 0 || ioctl(fd, SET_FLAGS, SYNC_WAKE_UP) < 0) {
        perror("calls");
        return 1;
    }
    *listener = fd;
    execvp(command[0], command);
    perror(command[0]);
    return 127;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    if (strcmp(what, "unmonitored") == 0) {
        return repeat(one_getppid, n);
    }
    if (strcmp(what, "open") == 0) {
        return repeat(one_open, n);
    }
    if (strcmp(what, "threads") == 0) {
        return with_thread(n);
    }
    if (strcmp(what, "fork") == 0) {
        return repeat(one_fork, n);
    }
    if (strcmp(what, "latency") == 0 && argc > 3) {
        return latency(n, argv[3]);
    }
    if (strcmp(what, "stamp") == 0) {
        return stamp();
    }
    if (strcmp(what, "answer") == 0 && argc > 2) {
        return answered(argv + 2);
    }
    fputs(
        "usage: calls unmonitored|open|threads|fork|latency|stamp|answer [N [PATH] | COMMAND...]\n",
        stderr);
    return 2;
}
