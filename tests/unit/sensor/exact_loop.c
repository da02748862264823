/*
 * exact_loop: see the header. The program's process is a child of the test, its filter is installed by the
 * child itself, the listener comes over by pidfd_getfd. Exit status: by pidfd, then waitid, as exact.h says.
 */
#include "test.h"

#include "exact_loop.h"
#include "sensor/notify/feature.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static int install(const struct loop *loop)
{
    struct sock_filter code[40];
    unsigned short n = 0;
    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; loop->calls[i] >= 0; i++) {
        code[n++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)loop->calls[i], 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { n, code };
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if (geteuid() != 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    }
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                        flags | (loop->killable ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0),
                        &program);
}

struct taken {
    struct loop *loop;
    struct seccomp_notif notif;
};

static int answer(void *data)
{
    struct taken *taken = data;
    struct seccomp_notif_resp response = {
        .id = taken->notif.id,
        .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
    };
    return ioctl(taken->loop->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0 ? 0 : -errno;
}

static enum exact_want want_of(int nr)
{
    switch (nr) {
    case SYS_execve:
    case SYS_execveat:
        return EXACT_AN_EXEC;
#ifdef SYS_fork
    case SYS_fork:
    case SYS_vfork:
#endif
    case SYS_clone:
    case SYS_clone3:
        return EXACT_A_CHILD;
    default:
        return EXACT_RESULT;
    }
}

static uint64_t inode_of(pid_t tid, int64_t fd)
{
    char path[LOOP_PATH_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d/fd/%ld", tid, (long)fd);
    return fd >= 0 && stat(path, &st) == 0 ? st.st_ino : 0;
}

static uint64_t image_of(pid_t tid)
{
    char path[LOOP_PATH_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d/exe", tid);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static char state_of(pid_t tid)
{
    char path[LOOP_PATH_MAX], text[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        close(fd);
    }
    const char *end = strrchr(text, ')');
    return end ? end[2] : '-';
}

static void see(struct taken *taken, const struct exact_result *result)
{
    struct loop *loop = taken->loop;
    int i = atomic_fetch_add(&loop->nseen, 1);
    if (i < LOOP_SEEN_MAX) {
        struct loop_seen *seen = &loop->seen[i];
        seen->nr = taken->notif.data.nr;
        seen->result = *result;
        seen->inode = result->end == EXACT_RETURNED ? inode_of(result->tid, result->result)
                                                    : image_of(result->tid);
        seen->state = result->child ? state_of(result->child) : state_of(result->tid);
    }
}

static void serve(struct taken *taken)
{
    struct loop *loop = taken->loop;
    pid_t tid = (pid_t)taken->notif.pid;
    if (loop->plain || exact_is_pending(loop->exact, tid)) {
        answer(taken);
        atomic_fetch_add(&loop->pending, 1);
        return;
    }
    struct exact_call call = {
        .tid = tid,
        .want = want_of(taken->notif.data.nr),
        .listener = loop->listener,
        .notif = &taken->notif,
        .answer = answer,
        .data = taken,
    };
    struct exact_result result;
    exact_run(loop->exact, &call, &result);
    if (result.end == EXACT_REFUSED) {
        answer(taken);
        atomic_fetch_add(&loop->refused, 1);
        return;
    }
    if (result.end == EXACT_GONE) {
        atomic_fetch_add(&loop->gone, 1);
    } else if (result.end == EXACT_RETURNED && result.restarts) {
        atomic_fetch_add(&loop->restarted, 1);
    } else {
        see(taken, &result);
    }
    exact_release(loop->exact, tid, &result, loop->kills);
}

static void *receive(void *data)
{
    struct taken taken = { .loop = data };
    struct pollfd wanted = { .fd = taken.loop->listener, .events = POLLIN };
    for (;;) {
        poll(&wanted, 1, -1);
        if (wanted.revents & POLLIN) {
            memset(&taken.notif, 0, sizeof(taken.notif));
            if (ioctl(wanted.fd, SECCOMP_IOCTL_NOTIF_RECV, &taken.notif) == 0) {
                serve(&taken);
            }
            if (exact_must_end(taken.loop->exact)) {
                atomic_fetch_add(&taken.loop->ended, 1);
                return NULL;
            }
        } else if (wanted.revents & (POLLHUP | POLLERR | POLLNVAL)) {
            return NULL;
        }
    }
}

static void child(struct loop *loop)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int listener = install(loop);
    loop->page->flags[0] = listener >= 0 ? listener + 1 : -errno;
    while (loop->page->flags[1] == 0) {
        usleep(100);
    }
    close(listener);
    int code = loop->program(loop);
    syscall(SYS_exit_group, code);
}

void loop_start(struct loop *loop, pthread_t *receivers)
{
    loop->page =
        mmap(NULL, sizeof(*loop->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    loop->seen = calloc(LOOP_SEEN_MAX, sizeof(*loop->seen));
    struct err err;
    assert_int_equal(exact_new(loop->killable ? FEATURES_ALL : FEATURES_5_10, &loop->exact, &err),
                     0);
    if (loop->limit) {
        exact_limit(loop->exact, loop->limit);
    }
    loop->receivers = loop->receivers ? loop->receivers : LOOP_RECEIVERS;
    loop->pid = fork();
    if (loop->pid == 0) {
        child(loop);
    }
    loop->pidfd = (int)syscall(SYS_pidfd_open, loop->pid, 0);
    while (loop->page->flags[0] == 0) {
        usleep(100);
    }
    assert_true(loop->page->flags[0] > 0);
    loop->listener = (int)syscall(SYS_pidfd_getfd, loop->pidfd, loop->page->flags[0] - 1, 0);
    assert_true(loop->listener >= 0);
    loop->page->flags[1] = 1;
    for (int i = 0; i < loop->receivers; i++) {
        assert_int_equal(pthread_create(&receivers[i], NULL, receive, loop), 0);
    }
}

void loop_end(struct loop *loop, pthread_t *receivers)
{
    struct pollfd wanted = { .fd = loop->pidfd, .events = POLLIN };
    poll(&wanted, 1, -1);
    assert_int_equal(waitpid(loop->pid, &loop->status, 0), loop->pid);
    for (int i = 0; i < loop->receivers; i++) {
        pthread_join(receivers[i], NULL);
    }
    close(loop->pidfd);
    close(loop->listener);
    exact_free(loop->exact);
}

void loop_done(struct loop *loop)
{
    munmap(loop->page, sizeof(*loop->page));
    free(loop->seen);
}

void loop_run(struct loop *loop)
{
    pthread_t receivers[LOOP_RECEIVERS_MAX];
    loop_start(loop, receivers);
    loop_end(loop, receivers);
}

int loop_count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}
