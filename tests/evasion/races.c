/*
 * Evasions 1 to 3: another thread changes what an argument points to while the call is under way.
 *
 * Each prints `done N`: how often the kernel really did what must be seen (the opened file is the secret
 * one, the peer is the one outside), which this program finds out by itself. An alert is due for each,
 * and for no other try. Tries: SCENARIO_TRIES, 3000 without.
 */
#include "scenario.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES_DEFAULT 3000
#define FAULT_TRIES   200
#define STALL_TRIES   2
#define WAITING       4 /* connections that fill a backlog */
#define OUTSIDE       "203.0.113.7"
#define MINING_PORT   3333

static int tries(int otherwise)
{
    const char *text = getenv("SCENARIO_TRIES");
    long n = text ? strtol(text, NULL, 10) : otherwise;
    return n > 0 && n < 10000000 ? (int)n : otherwise;
}

static int done(int n)
{
    printf("done %d\n", n);
    fflush(stdout);
    return 0;
}

/* "/etc/shadow" and "/etc/shadox" in turn: one byte, so that every read gives one of the two. */
static char flipped[] = "/etc/shadox";
static _Atomic bool flip_on;

static void *flip_path(void *data)
{
    (void)data;
    volatile char *last = &flipped[sizeof(flipped) - 2];
    while (flip_on) {
        *last = 'w';
        for (int i = 0; i < 40; i++) {
            __asm__ volatile("pause");
        }
        *last = 'x';
    }
    return NULL;
}

static bool is_secret(int fd)
{
    struct stat secret, opened;
    return stat("/etc/shadow", &secret) == 0 && fstat(fd, &opened) == 0 &&
           secret.st_ino == opened.st_ino && secret.st_dev == opened.st_dev;
}

static int open_flipped(bool decisive, int n)
{
    pthread_t other;
    int secrets = 0;
    flip_on = decisive;
    if (decisive && pthread_create(&other, NULL, flip_path, NULL) != 0) {
        return failed("pthread_create");
    }
    for (int i = 0; i < n; i++) {
        int fd = open(flipped, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return failed(flipped);
        }
        secrets += is_secret(fd);
        close(fd);
    }
    flip_on = false;
    if (decisive) {
        pthread_join(other, NULL);
    }
    return done(secrets);
}

static int open_race(bool decisive)
{
    return open_flipped(decisive, tries(TRIES_DEFAULT));
}

/* 4,000 instructions before each call is allowed. */
static int install_slow_filter(void)
{
    static struct sock_filter code[4000];
    size_t n = sizeof(code) / sizeof(*code);
    for (size_t i = 0; i < n - 1; i++) {
        code[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(i % 8 * 8));
    }
    code[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { (unsigned short)n, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
        return failed("seccomp");
    }
    return 0;
}

static int slow_filter_race(bool decisive)
{
    return install_slow_filter() || open_flipped(decisive, tries(TRIES_DEFAULT));
}

/*
 * The page of the path is missing: whoever reads it first waits for this program, which gives the
 * harmless path and changes it a moment later.
 */
struct faults {
    int fd;
    char *page;
    _Atomic bool stop;
    pthread_mutex_t lock; /* the page is not taken away while it is being given */
};

static void *serve_faults(void *data)
{
    struct faults *faults = data;
    static char harmless[4096] = "/etc/shadox";
    struct uffd_msg message;
    while (!faults->stop) {
        if (read(faults->fd, &message, sizeof(message)) != sizeof(message)) {
            usleep(20);
            continue;
        }
        struct uffdio_copy copy = { (uintptr_t)faults->page, (uintptr_t)harmless, 4096, 0, 0 };
        pthread_mutex_lock(&faults->lock);
        if (ioctl(faults->fd, UFFDIO_COPY, &copy) == 0) {
            for (volatile int i = 0; i < 3000; i++) {
            }
            faults->page[10] = 'w';
        }
        pthread_mutex_unlock(&faults->lock);
    }
    return NULL;
}

static int fault_setup(struct faults *faults)
{
    struct uffdio_api api = { .api = UFFD_API };
    faults->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    faults->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (faults->fd < 0) {
        return skipped("no userfaultfd here");
    }
    struct uffdio_register range = { { (uintptr_t)faults->page, 4096 },
                                     UFFDIO_REGISTER_MODE_MISSING,
                                     0 };
    if (faults->page == MAP_FAILED || ioctl(faults->fd, UFFDIO_API, &api) < 0 ||
        ioctl(faults->fd, UFFDIO_REGISTER, &range) < 0) {
        return failed("userfaultfd");
    }
    return 0;
}

static int fault_race(bool decisive)
{
    struct faults faults = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t server;
    int secrets = 0;
    int status = fault_setup(&faults);
    if (status) {
        return status;
    }
    if (pthread_create(&server, NULL, serve_faults, &faults) != 0) {
        return failed("pthread_create");
    }
    for (int i = 0; i < tries(FAULT_TRIES); i++) {
        pthread_mutex_lock(&faults.lock);
        madvise(faults.page, 4096, MADV_DONTNEED);
        pthread_mutex_unlock(&faults.lock);
        int fd = open(decisive ? faults.page : "/etc/shadox", O_RDONLY | O_CLOEXEC);
        secrets += fd >= 0 && is_secret(fd);
        close(fd);
    }
    faults.stop = true;
    pthread_join(server, NULL);
    return done(secrets);
}

static struct sockaddr_in peer = { .sin_family = AF_INET };
static in_addr_t addresses[2];

static void *flip_peer(void *data)
{
    (void)data;
    volatile in_addr_t *address = &peer.sin_addr.s_addr;
    while (flip_on) {
        *address = addresses[1];
        for (int i = 0; i < 40; i++) {
            __asm__ volatile("pause");
        }
        *address = addresses[0];
    }
    return NULL;
}

static void *accept_all(void *data)
{
    int listener = *(int *)data;
    for (;;) {
        close(accept(listener, NULL, NULL));
    }
    return NULL;
}

/* Both ends close at once, without TIME_WAIT; 1: the peer was the one outside. */
static int connect_once(void)
{
    struct sockaddr_in is = { 0 };
    socklen_t n = sizeof(is);
    struct linger linger = { 1, 0 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof(peer)) < 0) {
        close(fd);
        return -1;
    }
    int outside =
        getpeername(fd, (struct sockaddr *)&is, &n) == 0 && is.sin_addr.s_addr == addresses[1];
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
    return outside;
}

static int peers_setup(int listeners[2])
{
    static const char *const texts[] = { "127.0.0.1", OUTSIDE };
    for (int i = 0; i < 2; i++) {
        addresses[i] = inet_addr(texts[i]);
        listeners[i] = listen_at(texts[i], MINING_PORT, NULL);
        if (listeners[i] < 0) {
            return 1;
        }
    }
    peer.sin_port = htons(MINING_PORT);
    peer.sin_addr.s_addr = addresses[0];
    return 0;
}

static int connect_race(bool decisive)
{
    static int listeners[2];
    pthread_t threads[3];
    int outside = 0;
    if (peers_setup(listeners)) {
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, accept_all, &listeners[i]);
    }
    flip_on = decisive;
    pthread_create(&threads[2], NULL, flip_peer, NULL);
    for (int i = 0; i < tries(TRIES_DEFAULT); i++) {
        outside += connect_once() == 1;
    }
    flip_on = false;
    pthread_join(threads[2], NULL);
    return done(outside);
}

static void *rewrite_later(void *data)
{
    (void)data;
    usleep(200000);
    peer.sin_addr.s_addr = addresses[0];
    return NULL;
}

/* A full backlog: the connection waits a second, during which the address is changed to a harmless one. */
static int stalled_once(const int listeners[2])
{
    pthread_t other;
    int waiting[WAITING];
    peer.sin_addr.s_addr = addresses[1];
    listen(listeners[1], 0);
    for (int i = 0; i < WAITING; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(waiting[i], (struct sockaddr *)&peer, sizeof(peer));
    }
    pid_t server = fork();
    if (server == 0) {
        usleep(400000);
        for (int i = 0; i <= WAITING; i++) {
            close(accept(listeners[1], NULL, NULL));
        }
        _exit(0);
    }
    pthread_create(&other, NULL, rewrite_later, NULL);
    int outside = connect_once();
    pthread_join(other, NULL);
    for (int i = 0; i < WAITING; i++) {
        close(waiting[i]);
    }
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return outside == 1;
}

static int connect_stalled(bool decisive)
{
    int listeners[2], outside = 0;
    if (peers_setup(listeners)) {
        return 1;
    }
    for (int i = 0; decisive && i < tries(STALL_TRIES); i++) {
        outside += stalled_once(listeners) ? 1 + WAITING : 0;
    }
    return done(outside);
}

const struct scenario evasion_races[] = {
    { "open-race", open_race },
    { "slow-filter-race", slow_filter_race },
    { "fault-race", fault_race },
    { "connect-race", connect_race },
    { "connect-stalled", connect_stalled },
    { NULL, NULL },
};
