/*
 * The holder against real receivers under load: processes that RECV into slots and are killed or stopped at
 * random moments. The application's threads must go on, whoever answers them.
 *
 * Each round: an application of three threads whose getppid() is notified, an agent of two receiver
 * processes, a holder. The holder samples every 2 ms here, so that "stuck" takes 20.
 */
#include "../test.h"

#include "base/clock.h"
#include "sensor/notify/holder.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS       300
#define ROUNDS_WOKEN 5
#define APP_THREADS  3
#define RECEIVERS    2
#define SAMPLE_MS    2
#define LIMIT_S      60 /* of everything: a hang becomes a failure */

/* Shared with the application. */
struct app {
    _Atomic int go, stop;
    _Atomic uint64_t calls[APP_THREADS];
    _Atomic uint64_t wrong; /* answers other than the call's own */
};

struct world {
    struct app *app;
    struct holder_shared *shared;
    int shared_fd, listener;
    int agent_socket[2]; /* [0] the holder's */
    pid_t app_pid, receivers[RECEIVERS], holder;
};

static int install(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

struct app_thread {
    struct app *app;
    int index;
    pid_t parent;
};

static void *app_thread(void *data)
{
    const struct app_thread *t = data;
    while (!t->app->stop) {
        if ((pid_t)syscall(SYS_getppid) != t->parent) {
            t->app->wrong++;
        }
        t->app->calls[t->index]++;
    }
    return NULL;
}

static void send_listener(int socket, int listener)
{
    char byte = 0;
    struct iovec part = { &byte, 1 };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (listener >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &listener, sizeof(listener));
    }
    sendmsg(socket, &message, 0);
}

/* -1: there is none. */
static int receive_listener(int socket)
{
    char byte;
    int listener = -1;
    struct iovec part = { &byte, 1 };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message)) {
        memcpy(&listener, CMSG_DATA(&control.header), sizeof(listener));
    }
    return listener;
}

static void app_main(struct app *app, pid_t parent, int socket)
{
    pthread_t threads[APP_THREADS];
    struct app_thread data[APP_THREADS];
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int listener = install();
    send_listener(socket, listener);
    close(socket);
    close(listener);
    while (!app->go) {
        sched_yield();
    }
    for (int i = 0; i < APP_THREADS; i++) {
        data[i] = (struct app_thread){ app, i, parent };
        if (pthread_create(&threads[i], NULL, app_thread, &data[i]) != 0) {
            _exit(3);
        }
    }
    for (int i = 0; i < APP_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    _exit(0);
}

/* A receiver as holder.h describes it. */
static void receiver_main(struct world *w, size_t index)
{
    struct holder_slot *slot = &w->shared->slots[index];
    struct pollfd item = { .fd = w->listener, .events = POLLIN };
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    slot->tid = (uint32_t)gettid();
    for (;;) {
        if (poll(&item, 1, -1) > 0 && (item.revents & POLLHUP)) {
            _exit(0);
        }
        memset(&slot->notif, 0, sizeof(slot->notif));
        if (ioctl(w->listener, SECCOMP_IOCTL_NOTIF_RECV, &slot->notif) < 0) {
            continue;
        }
        slot->taken_ns = clock_ns(CLOCK_MONOTONIC);
        usleep(slot->notif.id % 2 ? 100 : 0);
        struct seccomp_notif_resp response = { .id = slot->notif.id,
                                               .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        (void)ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
        slot->taken_ns = 0;
        __atomic_store_n(&slot->notif.id, 0, __ATOMIC_RELAXED);
        slot->progress++;
    }
}

static void holder_main(struct world *w)
{
    struct holder_config config = {
        .listener = w->listener,
        .agent = { .socket = w->agent_socket[0] },
        .shared = w->shared,
        .sample_ms = SAMPLE_MS,
    };
    close(w->agent_socket[1]);
    holder_detach();
    holder_serve(&config);
    _exit(0);
}

static bool start_app(struct world *w)
{
    w->app = mmap(NULL, sizeof *w->app, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(w->app, MAP_FAILED);
    pid_t parent = getpid();
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    w->app_pid = fork();
    assert_true(w->app_pid >= 0);
    if (w->app_pid == 0) {
        close(sockets[0]);
        app_main(w->app, parent, sockets[1]);
    }
    close(sockets[1]);
    w->listener = receive_listener(sockets[0]);
    close(sockets[0]);
    return w->listener >= 0;
}

/* False: no user notification here. */
static bool world_start(struct world *w)
{
    fflush(NULL);
    if (!start_app(w)) {
        kill(w->app_pid, SIGKILL);
        waitpid(w->app_pid, NULL, 0);
        return false;
    }
    assert_int_equal(holder_shared_new(&w->shared_fd, &w->shared), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->agent_socket), 0);
    w->holder = fork();
    assert_true(w->holder >= 0);
    if (w->holder == 0) {
        holder_main(w);
    }
    close(w->agent_socket[0]);
    for (size_t i = 0; i < RECEIVERS; i++) {
        w->receivers[i] = fork();
        assert_true(w->receivers[i] >= 0);
        if (w->receivers[i] == 0) {
            receiver_main(w, i);
        }
    }
    /* Only the receivers are the agent. */
    close(w->agent_socket[1]);
    w->app->go = 1;
    return true;
}

static void signal_receivers(const struct world *w, size_t n, int signal)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(kill(w->receivers[i], signal), 0);
    }
}

/* The application ends, and everybody else because of that. */
static void world_end(struct world *w)
{
    int status;
    w->app->stop = 1;
    assert_int_equal(waitpid(w->app_pid, &status, 0), w->app_pid);
    assert_int_equal(status, 0);
    assert_int_equal(w->app->wrong, 0);
    assert_int_equal(waitpid(w->holder, &status, 0), w->holder);
    assert_int_equal(status, 0);
    signal_receivers(w, RECEIVERS, SIGKILL);
    for (size_t i = 0; i < RECEIVERS; i++) {
        waitpid(w->receivers[i], NULL, 0);
    }
    close(w->listener);
    close(w->shared_fd);
    holder_shared_free(w->shared);
    munmap(w->app, sizeof *w->app);
}

/* Every thread makes three calls more: none is stuck. */
static void wait_for_calls(const struct world *w)
{
    for (int i = 0; i < APP_THREADS; i++) {
        uint64_t from = w->app->calls[i];
        while (w->app->calls[i] < from + 3) {
            usleep(500);
        }
    }
}

static void wait_serving(const struct world *w, uint32_t serving)
{
    while (w->shared->serving != serving) {
        usleep(500);
    }
}

static uint64_t passed(const struct world *w)
{
    uint64_t n = 0;
    for (size_t i = 0; i < HOLDER_NUMBERS; i++) {
        n += w->shared->passed_by_number[i];
    }
    return n;
}

#define WORLD(w)                                                                                   \
    struct world w = { 0 };                                                                        \
    if (!world_start(&w)) {                                                                        \
        print_message("skipped: no user notification on this kernel, or a listener is there\n");   \
        skip();                                                                                    \
    }

static void test_killed(void **state)
{
    (void)state;
    uint64_t random = 1, rescued = 0;
    for (int round = 0; round < ROUNDS / 3; round++) {
        WORLD(w)
        wait_for_calls(&w);
        usleep((useconds_t)test_random_below(&random, 2000));
        signal_receivers(&w, RECEIVERS, SIGKILL);
        wait_serving(&w, 1);
        wait_for_calls(&w);
        /* On a loaded machine it may have been found stuck before. */
        uint32_t gaps = w.shared->ngaps;
        assert_in_range(gaps, 1, HOLDER_GAPS);
        assert_int_equal(w.shared->gaps[gaps - 1].cause, GAP_AGENT_GONE);
        for (uint32_t i = 0; i < gaps; i++) {
            assert_true(w.shared->gaps[i].start_ns > 0);
            rescued += w.shared->gaps[i].rescued;
        }
        world_end(&w);
    }
    print_message("%d rounds, %llu calls rescued\n", ROUNDS / 3, (unsigned long long)rescued);
    assert_true(rescued > 0);
}

static void test_stopped(void **state)
{
    (void)state;
    uint64_t random = 2, rescued = 0;
    WORLD(w)
    for (int round = 0; round < ROUNDS / 3; round++) {
        wait_for_calls(&w);
        usleep((useconds_t)test_random_below(&random, 2000));
        signal_receivers(&w, RECEIVERS, SIGSTOP);
        wait_serving(&w, 1);
        wait_for_calls(&w);
        uint32_t last = (w.shared->ngaps - 1) % HOLDER_GAPS;
        assert_int_equal(w.shared->gaps[last].cause, GAP_AGENT_STUCK);
        signal_receivers(&w, RECEIVERS, SIGCONT);
        wait_serving(&w, 0);
        assert_true(w.shared->gaps[last].end_ns >= w.shared->gaps[last].start_ns);
        assert_true(w.shared->gaps[last].passed > 0);
        rescued += w.shared->gaps[last].rescued;
    }
    assert_true(w.shared->ngaps >= ROUNDS / 3);
    assert_int_equal(passed(&w), w.shared->passed_by_number[SYS_getppid]);
    assert_true(rescued > 0);
    world_end(&w);
    print_message("%d rounds, %llu calls rescued\n", ROUNDS / 3, (unsigned long long)rescued);
}

/* Where the holder knows whom it waits for, one that was stopped does not stay so. */
static void test_woken(void **state)
{
    (void)state;
    WORLD(w)
    atomic_store(&w.shared->agent_pid, (uint32_t)w.receivers[0]);
    for (int round = 0; round < ROUNDS_WOKEN; round++) {
        wait_for_calls(&w);
        uint64_t before = atomic_load(&w.shared->slots[0].progress);
        signal_receivers(&w, RECEIVERS, SIGSTOP);
        while (atomic_load(&w.shared->slots[0].progress) < before + 100) {
            usleep(500);
        }
        signal_receivers(&w, RECEIVERS, SIGCONT);
    }
    world_end(&w);
}

/* One of the two is stopped or killed; the other goes on, so the holder does not take over, and the call
 * that was in the lost one's hands is answered. */
static void test_one_of_two(void **state)
{
    (void)state;
    uint64_t random = 3;
    WORLD(w)
    for (int round = 0; round < ROUNDS / 3; round++) {
        wait_for_calls(&w);
        usleep((useconds_t)test_random_below(&random, 2000));
        signal_receivers(&w, 1, SIGSTOP);
        wait_for_calls(&w);
        signal_receivers(&w, 1, SIGCONT);
    }
    signal_receivers(&w, 1, SIGKILL);
    wait_for_calls(&w);
    assert_int_equal(w.shared->serving, 0);
    world_end(&w);
}

/* While the agent serves nothing passes it; a stuck agent that is then killed is gone. */
static void test_causes(void **state)
{
    (void)state;
    WORLD(w)
    wait_for_calls(&w);
    usleep(20 * SAMPLE_MS * 1000);
    uint32_t before = w.shared->ngaps; /* none, but on a loaded machine */
    assert_true(before > 0 || passed(&w) == 0);
    signal_receivers(&w, RECEIVERS, SIGSTOP);
    wait_serving(&w, 1);
    wait_for_calls(&w);
    signal_receivers(&w, RECEIVERS, SIGKILL);
    while (w.shared->ngaps < before + 2) {
        usleep(500);
    }
    wait_for_calls(&w);
    uint32_t gone = w.shared->ngaps - 1;
    assert_in_range(gone, 1, HOLDER_GAPS - 1);
    assert_int_equal(w.shared->gaps[gone - 1].cause, GAP_AGENT_STUCK);
    assert_int_equal(w.shared->gaps[gone].cause, GAP_AGENT_GONE);
    assert_true(w.shared->gaps[gone - 1].end_ns != 0);
    assert_true(w.shared->gaps[gone].end_ns == 0);
    world_end(&w);
}

/* An id in no slot: found by trying its neighbours. */
static void test_lost_id(void **state)
{
    (void)state;
    WORLD(w)
    wait_for_calls(&w);
    signal_receivers(&w, RECEIVERS, SIGSTOP);
    wait_serving(&w, 1);
    wait_for_calls(&w);
    struct seccomp_notif notif = { 0 };
    while (ioctl(w.listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0) {
        memset(&notif, 0, sizeof(notif));
    }
    signal_receivers(&w, RECEIVERS, SIGKILL);
    wait_for_calls(&w);
    struct seccomp_notif_resp response = { .id = notif.id,
                                           .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
    assert_int_equal(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_SEND, &response), -1);
    world_end(&w);
}

static void test_shared_memory(void **state)
{
    (void)state;
    struct holder_shared *shared;
    int fd;
    assert_int_equal(holder_shared_new(&fd, &shared), 0);
    assert_true(shared->version > 0);
    for (size_t i = 0; i < HOLDER_SLOTS; i++) {
        assert_int_equal(shared->slots[i].notif.id, 0);
    }
    shared->slots[HOLDER_SLOTS - 1].progress = 7;
    struct holder_shared *again = mmap(NULL, sizeof *again, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(again, MAP_FAILED);
    assert_int_equal(again->slots[HOLDER_SLOTS - 1].progress, 7);
    munmap(again, sizeof *again);
    holder_shared_free(shared);
    holder_shared_free(NULL);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_memory), cmocka_unit_test(test_killed),
        cmocka_unit_test(test_stopped),       cmocka_unit_test(test_one_of_two),
        cmocka_unit_test(test_causes),        cmocka_unit_test(test_lost_id),
        cmocka_unit_test(test_woken),
    };
    alarm(LIMIT_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
