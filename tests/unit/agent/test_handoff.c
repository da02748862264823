/*
 * The hand-off against clients that are no shims: messages, descriptors and memory of the wrong kind, too many of
 * them. It goes on for those that are.
 */
#include "../test.h"

#include "agent/handoff_internal.h"
#include "base/clock.h"
#include "rules/ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000

struct world {
    char folder[32];
    char path[64];
    struct ruleset *rules;
    struct selection selection;
    struct engine *engine;
    struct handoff *handoff;
    _Atomic int changes[HANDOFF_REFUSED + 1], gaps, outsider;
    _Atomic int last_error;
    struct handoff_container last; /* of the latest change; after it was counted */
    uint64_t lost;
    _Atomic int64_t holders[HANDOFF_CONTAINERS_MAX];
};

static void changed(void *data, enum handoff_change change, const struct handoff_container *c,
                    int error)
{
    struct world *w = data;
    assert_non_null(c->hello);
    atomic_store(&w->last_error, error);
    w->last = *c;
    atomic_fetch_add(&w->changes[change], 1);
}

static bool gap(void *data, const struct handoff_container *c, const struct handoff_gap *g)
{
    struct world *w = data;
    assert_true(c->holder > 0 && g->by_number);
    w->lost += g->lost;
    w->gaps++;
    return true;
}

static bool is_outsider(void *data, int64_t pid)
{
    struct world *w = data;
    assert_true(pid > 0);
    return atomic_load(&w->outsider);
}

static void wait_change(const struct world *w, enum handoff_change change)
{
    for (int i = 0; i < WAIT_MS && !w->changes[change]; i++) {
        usleep(1000);
    }
    assert_true(w->changes[change] > 0);
}

static struct ruleset *load(const char *text)
{
    struct loader *loader = NULL;
    struct ruleset *rules = NULL;
    assert_int_equal(loader_new(NULL, &loader), 0);
    assert_int_equal(loader_add(loader, STR("rules"), str_of(text)), 0);
    assert_int_equal(loader_finish(loader, false, &rules, NULL), 0);
    loader_free(loader);
    return rules;
}

static void start(struct world *w)
{
    struct err err = { 0 };
    memset(w, 0, sizeof *w);
    strncat(w->folder, "/tmp/hinomi-handoff-XXXXXX", sizeof(w->folder) - 1);
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof(w->path), "%s/agent.sock", w->folder);
    w->rules =
        load("- rule: opened\n  desc: d\n  condition: evt.type in (open, openat) and fd.name = /x\n"
             "  output: o\n  priority: WARNING\n");
    assert_int_equal(selection_init(&w->selection, w->rules), 0);
    struct engine_config config = {
        .rules = { .ruleset = w->rules, .selection = &w->selection },
        .output = STDERR_FILENO,
    };
    assert_int_equal(engine_new(&config, &w->engine, &err), 0);
    struct handoff_config served = {
        .path = w->path,
        .engine = w->engine,
        .features = FEATURE_NOTIFY | FEATURE_CONTINUE,
        .holders = w->holders,
        .watch = { .changed = changed, .gap = gap, .is_outsider = is_outsider, .data = w },
    };
    if (handoff_new(&served, &w->handoff, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void end(struct world *w)
{
    handoff_free(w->handoff);
    engine_free(w->engine);
    selection_done(&w->selection);
    ruleset_free(w->rules);
    assert_int_equal(access(w->path, F_OK), -1);
    assert_int_equal(rmdir(w->folder), 0);
}

static int connect_with(const struct world *w, int flags)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
    memcpy(address.sun_path, w->path, strlen(w->path));
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int try_connect(const struct world *w)
{
    return connect_with(w, 0);
}

static struct wire_hello make_hello(enum wire_kind kind)
{
    struct wire_hello hello = { .head = { WIRE_MAGIC, WIRE_VERSION, (uint16_t)kind, sizeof(hello),
                                          0 },
                                .nargs = 1,
                                .args = "test" };
    return hello;
}

static void send_fds(int socket, const void *p, size_t n, const int *fds, size_t nfds)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control = { 0 };
    struct iovec part = { (void *)p, n };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (nfds) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, nfds * sizeof(int));
    }
    assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), n);
}

/* The kind of what it answers; 0: end of file. */
static int answer_of(int socket, int64_t *ret_value)
{
    static struct wire_filter answer;
    struct wire_word word;
    struct pollfd item = { .fd = socket, .events = POLLIN };
    assert_int_equal(poll(&item, 1, WAIT_MS), 1);
    ssize_t n = recv(socket, &answer, sizeof(answer), 0);
    if (n <= 0) {
        return 0;
    }
    memcpy(&word, &answer, sizeof(word));
    *ret_value = word.value;
    return answer.head.kind;
}

static void expect_refused(struct world *w, const void *p, size_t n, int error)
{
    int64_t value = 0;
    int fd = try_connect(w);
    send_fds(fd, p, n, NULL, 0);
    assert_int_equal(answer_of(fd, &value), WIRE_REFUSED);
    assert_int_equal(value, error);
    assert_int_equal(answer_of(fd, &value), 0);
    close(fd);
}

static void test_messages(void **state)
{
    (void)state;
    struct world w;
    struct wire_hello hello = make_hello(WIRE_HELLO);
    start(&w);
    expect_refused(&w, "x", 1, EPROTO);
    expect_refused(&w, &hello, sizeof(hello) - 1, EPROTO);
    hello.head.version = WIRE_VERSION + 1;
    expect_refused(&w, &hello, sizeof(hello), EPROTONOSUPPORT);
    hello = make_hello(WIRE_LISTENER);
    expect_refused(&w, &hello, sizeof(hello), EPROTO);
    hello = make_hello(WIRE_RESUME); /* without descriptors */
    expect_refused(&w, &hello, sizeof(hello), EBADF);
    hello = make_hello(WIRE_HELLO);
    int64_t value;
    int fd = try_connect(&w);
    send_fds(fd, &hello, sizeof(hello), NULL, 0);
    assert_int_equal(answer_of(fd, &value), WIRE_FILTER);
    send_fds(fd, &hello, sizeof(hello), NULL, 0); /* once more */
    assert_int_equal(answer_of(fd, &value), WIRE_REFUSED);
    close(fd);
    end(&w);
}

static int memory_file(unsigned seals, size_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

/* RESUME with these; the answer's errno, 0 when it is served. The socket stays open in *ret. */
static int resume_with(struct world *w, const int *fds, size_t nfds, int *ret)
{
    struct wire_hello hello = make_hello(WIRE_RESUME);
    int64_t value = 0;
    *ret = try_connect(w);
    send_fds(*ret, &hello, sizeof(hello), fds, nfds);
    return answer_of(*ret, &value) == WIRE_READY ? 0 : (int)value;
}

/* Its listener. */
static int take_filter(void)
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

/* -1: none came. */
static int receive_fd(int socket)
{
    char byte;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    int fd = -1;
    message.msg_control = &control;
    message.msg_controllen = sizeof(control);
    assert_int_equal(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), 1);
    if (CMSG_FIRSTHDR(&message)) {
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    }
    return fd;
}

/* A listener of a child that waits; -1: there can be none here. */
static int make_listener(pid_t *ret_child)
{
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    *ret_child = fork();
    if (*ret_child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        int fd = take_filter();
        send_fds(sockets[1], "x", 1, &fd, fd >= 0);
        close(fd);
        pause();
        _exit(0);
    }
    int listener = receive_fd(sockets[0]);
    close(sockets[0]);
    close(sockets[1]);
    return listener;
}

static void test_descriptors(void **state)
{
    (void)state;
    struct world w;
    pid_t child;
    int socket, listener = make_listener(&child);
    if (listener < 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        print_message("skipped: no user notification on this kernel, or a listener is there\n");
        skip();
    }
    start(&w);
    size_t size = sizeof(struct holder_shared);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int good = memory_file(F_SEAL_SHRINK | F_SEAL_GROW, size);
    int growing = memory_file(F_SEAL_SHRINK, size), shrinking = memory_file(F_SEAL_GROW, size);
    int smaller = memory_file(F_SEAL_SHRINK | F_SEAL_GROW, size - 1);
    const int wrong[][2] = {
        { null, good },        { good, good },          { listener, null },
        { listener, growing }, { listener, shrinking }, { listener, smaller }
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_true(resume_with(&w, wrong[i], 2, &socket) > 0);
        close(socket);
    }
    assert_int_equal(resume_with(&w, &listener, 1, &socket), EBADF);
    close(socket);
    const int many[4] = { listener, good, null, null };
    int r = resume_with(&w, many, 4, &socket); /* what is too much is dropped */
    close(socket);
    assert_true(r == 0 || r == EBADF);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(listener);
    close(null);
    close(good);
    close(growing);
    close(shrinking);
    close(smaller);
    end(&w);
}

/* ---- who is a holder */

struct pair {
    pid_t application, holder;
    int told; /* the answer to the holder's RESUME, once */
};

enum pair_kind {
    PAIR_LATE, /* the holder is made after the filter, so has it too */
    PAIR_HERE,
    PAIR_IN_CONTAINER, /* in a mount namespace of its own */
};

static void enter_container(pid_t beside)
{
    char path[48];
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)beside);
    int fd = beside ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int r = beside ? setns(fd, CLONE_NEWNS) : unshare(CLONE_NEWNS);
    close(fd);
    if (r < 0) {
        _exit(1);
    }
}

/* As a shim and its holder; `beside`: in the container of that process. */
static void become_pair(const struct world *w, enum pair_kind kind, pid_t beside, int told)
{
    bool late = kind == PAIR_LATE;
    int sockets[2];
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (kind == PAIR_IN_CONTAINER) {
        enter_container(beside);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    int listener = late ? take_filter() : -1;
    pid_t child = fork();
    if (child > 0 && !late) {
        listener = take_filter();
    }
    if (child > 0) {
        send_fds(sockets[1], "x", 1, &listener, 1);
    } else {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        int fds[2] = { receive_fd(sockets[0]),
                       memory_file(F_SEAL_SHRINK | F_SEAL_GROW, sizeof(struct holder_shared)) };
        int socket, error = resume_with((struct world *)w, fds, 2, &socket);
        assert_int_equal(write(told, &error, sizeof(error)), sizeof(error));
    }
    for (;;) {
        pause();
    }
}

static struct pair make_pair(struct world *w, enum pair_kind kind, pid_t beside)
{
    int told[2], error = -1, before = w->changes[HANDOFF_RESUMED];
    assert_int_equal(pipe(told), 0);
    struct pair pair = { .application = fork() };
    if (pair.application == 0) {
        become_pair(w, kind, beside, told[1]);
    }
    close(told[1]);
    assert_int_equal(read(told[0], &error, sizeof(error)), sizeof(error));
    assert_int_equal(error, 0);
    close(told[0]);
    for (int i = 0; i < WAIT_MS && w->changes[HANDOFF_RESUMED] == before; i++) {
        usleep(1000);
    }
    pair.holder = (pid_t)w->last.holder;
    assert_int_equal(w->last.pid, pair.application);
    return pair;
}

static void end_pair(struct world *w, struct pair *pair)
{
    int before = w->changes[HANDOFF_LEFT];
    kill(pair->holder, SIGKILL);
    kill(pair->application, SIGKILL);
    waitpid(pair->application, NULL, 0);
    for (int i = 0; i < WAIT_MS && w->changes[HANDOFF_LEFT] == before; i++) {
        usleep(1000);
    }
    assert_int_equal(w->changes[HANDOFF_LEFT], before + 1);
}

static bool is_listed(const struct world *w, pid_t pid)
{
    bool found = false;
    for (size_t i = 0; i < HANDOFF_CONTAINERS_MAX; i++) {
        found |= atomic_load(&w->holders[i]) == pid;
    }
    return found;
}

static bool lacks_listeners(void)
{
    pid_t child;
    int listener = make_listener(&child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (listener < 0) {
        print_message("skipped: no user notification on this kernel, or a listener is there\n");
        return true;
    }
    close(listener);
    return false;
}

static void test_holder(void **state)
{
    (void)state;
    struct world w;
    if (lacks_listeners()) {
        skip();
    }
    start(&w);
    struct pair pair = make_pair(&w, PAIR_HERE, 0);
    assert_null(w.last.doubt);
    assert_true(w.last.holder_start > 0 && w.last.place != 0);
    assert_true(is_listed(&w, pair.holder));
    /* It ends while somebody else has its socket: its number may be another's soon. */
    kill(pair.holder, SIGKILL);
    wait_change(&w, HANDOFF_HOLDER_LOST);
    assert_false(is_listed(&w, pair.holder));
    end_pair(&w, &pair);
    end(&w);
}

/* One that has the filter of what it hands over, or whose parent has none. */
static void test_no_holder(void **state)
{
    (void)state;
    struct world w;
    pid_t child;
    int socket;
    if (lacks_listeners()) {
        skip();
    }
    start(&w);
    struct pair late = make_pair(&w, PAIR_LATE, 0);
    assert_non_null(strstr(w.last.doubt, "no fewer seccomp filters"));
    assert_false(is_listed(&w, late.holder));
    const int fds[2] = { make_listener(&child),
                         memory_file(F_SEAL_SHRINK | F_SEAL_GROW, sizeof(struct holder_shared)) };
    w.changes[HANDOFF_RESUMED] = 0;
    assert_int_equal(resume_with(&w, fds, 2, &socket), 0);
    wait_change(&w, HANDOFF_RESUMED);
    assert_int_equal(w.last.holder, getpid());
    assert_non_null(w.last.doubt);
    assert_false(is_listed(&w, getpid()));
    struct handoff_stats stats;
    handoff_get_stats(w.handoff, &stats);
    assert_int_equal(stats.doubted, 2);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    wait_change(&w, HANDOFF_LEFT);
    close(fds[0]);
    close(fds[1]);
    close(socket);
    end_pair(&w, &late);
    end(&w);
}

static bool lacks_namespaces(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(unshare(CLONE_NEWNS) < 0);
    }
    waitpid(pid, &status, 0);
    if (status) {
        print_message("skipped: no mount namespace can be made here\n");
    }
    return status != 0;
}

static void wait_tick(void)
{
    usleep(30000); /* starts are known to 10 ms */
}

/* Of two applications of one place the later one came from outside, whoever connects first. */
static void test_outsider(void **state)
{
    (void)state;
    struct world w;
    if (lacks_listeners() || lacks_namespaces()) {
        skip();
    }
    start(&w);
    struct pair elder = make_pair(&w, PAIR_IN_CONTAINER, 0);
    assert_null(w.last.doubt);
    wait_tick();
    struct pair later = make_pair(&w, PAIR_IN_CONTAINER, elder.application);
    assert_non_null(strstr(w.last.doubt, "from outside"));
    assert_true(is_listed(&w, elder.holder) && !is_listed(&w, later.holder));
    end_pair(&w, &later);
    end_pair(&w, &elder);
    atomic_store(&w.outsider, 1);
    struct pair alone = make_pair(&w, PAIR_IN_CONTAINER, 0);
    assert_non_null(strstr(w.last.doubt, "from outside"));
    end_pair(&w, &alone);
    end(&w);
}

static void test_lying_record(void **state)
{
    (void)state;
    struct world w;
    pid_t child;
    int socket, listener = make_listener(&child);
    if (listener < 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        print_message("skipped: no user notification on this kernel, or a listener is there\n");
        skip();
    }
    start(&w);
    int record = memory_file(F_SEAL_SHRINK | F_SEAL_GROW, sizeof(struct holder_shared));
    struct holder_shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, record, 0);
    memset(shared, 0xff, sizeof *shared);
    shared->ntold = 5;
    shared->ngaps = 1000;
    const int fds[2] = { listener, record };
    assert_int_equal(resume_with(&w, fds, 2, &socket), 0);
    for (int i = 0; i < WAIT_MS && w.gaps < 2 * HANDOFF_GAPS_AT_ONCE; i++) {
        usleep(1000);
    }
    assert_true(w.gaps >= 2 * HANDOFF_GAPS_AT_ONCE);
    /* As many as a holder keeps, then few. */
    for (int i = 0; i < WAIT_MS && w.gaps < HOLDER_GAPS; i++) {
        shared->ngaps += HOLDER_GAPS;
        usleep(1000);
    }
    usleep(4 * HANDOFF_TICK_MS * 1000);
    assert_in_range(w.gaps, HOLDER_GAPS, HOLDER_GAPS + HANDOFF_GAPS_PER_MIN / 2);
    assert_true(w.lost > 0);
    shared->ngaps = 0; /* it goes on */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (int i = 0; i < WAIT_MS && !w.changes[HANDOFF_LEFT]; i++) {
        usleep(1000);
    }
    assert_int_equal(w.changes[HANDOFF_RESUMED], 1);
    assert_int_equal(w.changes[HANDOFF_LEFT], 1);
    munmap(shared, sizeof *shared);
    close(record);
    close(listener);
    close(socket);
    end(&w);
}

/* Of one place only so many are heard; when they go, others come in. */
static void test_many(void **state)
{
    (void)state;
    struct world w;
    struct wire_hello hello = make_hello(WIRE_HELLO);
    int fds[HANDOFF_PER_PLACE + 1];
    int64_t value = 0;
    start(&w);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = try_connect(&w);
        assert_true(fds[i] >= 0);
        send_fds(fds[i], &hello, sizeof(hello), NULL, 0);
        bool fits = i < HANDOFF_PER_PLACE;
        assert_int_equal(answer_of(fds[i], &value), fits ? WIRE_FILTER : WIRE_REFUSED);
    }
    assert_int_equal(value, EUSERS);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
    struct handoff_stats stats;
    for (int i = 0; i < WAIT_MS; i++) {
        handoff_get_stats(w.handoff, &stats);
        if (stats.pending == 0) {
            break;
        }
        usleep(1000);
    }
    assert_int_equal(stats.pending, 0);
    assert_int_equal(stats.refused, 1);
    end(&w);
}

/* Who connects again and again and says nothing leaves places to others. */
static void test_silent(void **state)
{
    (void)state;
    struct world w;
    int fds[HANDOFF_PENDING_MAX + 8];
    char byte;
    unsigned closed = 0;
    start(&w);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = try_connect(&w);
        assert_true(fds[i] >= 0);
    }
    for (size_t i = HANDOFF_PER_PLACE + 1; i < ARRAY_SIZE(fds); i++) {
        struct pollfd item = { .fd = fds[i], .events = POLLIN };
        assert_int_equal(poll(&item, 1, WAIT_MS), 1);
        closed += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
    }
    assert_int_equal(closed, ARRAY_SIZE(fds) - HANDOFF_PER_PLACE - 1);
    struct handoff_stats stats;
    handoff_get_stats(w.handoff, &stats);
    assert_int_equal(stats.pending, HANDOFF_PER_PLACE + 1);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        close(fds[i]);
    }
    end(&w);
}

/* Tokens: of each place its own, so many at once; the one not heard of longest is forgotten. */
static void test_places(void **state)
{
    (void)state;
    static struct handoff h;
    uint64_t now = NS_PER_S;
    for (int i = 0; i < HANDOFF_BURST; i++) {
        assert_true(bucket_take(place_bucket(&h, 1), HANDOFF_RATE, HANDOFF_BURST, now));
    }
    assert_false(bucket_take(place_bucket(&h, 1), HANDOFF_RATE, HANDOFF_BURST, now));
    for (uint64_t place = 2; place <= HANDOFF_PLACES; place++) {
        assert_true(bucket_take(place_bucket(&h, place), HANDOFF_RATE, HANDOFF_BURST, now + place));
    }
    now += NS_PER_S / HANDOFF_RATE + 1;
    assert_true(bucket_take(place_bucket(&h, 1), HANDOFF_RATE, HANDOFF_BURST, now));
    assert_false(bucket_take(place_bucket(&h, 1), HANDOFF_RATE, HANDOFF_BURST, now));
    /* One more than are remembered: the second was used longest ago. */
    struct bucket *second = place_bucket(&h, 2);
    assert_ptr_equal(place_bucket(&h, HANDOFF_PLACES + 1), second);
    assert_true(second->filled_ns == 0);
    now += NS_PER_S;
    for (int i = 0; i < HANDOFF_RATE; i++) {
        assert_true(bucket_take(place_bucket(&h, 1), HANDOFF_RATE, HANDOFF_BURST, now));
    }
    assert_false(bucket_take(place_bucket(&h, 1), HANDOFF_RATE, HANDOFF_BURST, now));
}

/* Connects without end, from a container of its own. */
static pid_t make_flood(const struct world *w)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        enter_container(0);
        for (;;) {
            int fd = connect_with(w, SOCK_NONBLOCK);
            if (fd >= 0) {
                close(fd);
            }
        }
    }
    return pid;
}

/* As a shim does: it does not wait in the queue, but tries again. */
static bool is_heard(const struct world *w)
{
    const struct wire_hello hello = make_hello(WIRE_HELLO);
    int64_t value;
    for (int i = 0; i < WAIT_MS / 20; i++) {
        int fd = connect_with(w, SOCK_NONBLOCK);
        bool heard = fd >= 0 && send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) > 0 &&
                     answer_of(fd, &value) == WIRE_FILTER;
        if (fd >= 0) {
            close(fd);
        }
        if (heard) {
            return true;
        }
        usleep(20000);
    }
    return false;
}

/* One container's flood uses up what is its own; others are heard beside it. */
static void test_flood(void **state)
{
    (void)state;
    struct world w;
    struct handoff_stats stats;
    if (lacks_namespaces()) {
        skip();
    }
    start(&w);
    pid_t flood = make_flood(&w);
    for (int i = 0; i < WAIT_MS; i++) {
        handoff_get_stats(w.handoff, &stats);
        if (stats.closed > 4 * HANDOFF_BURST) {
            break;
        }
        usleep(1000);
    }
    assert_true(stats.closed > 4 * HANDOFF_BURST);
    for (int i = 0; i < 8; i++) {
        assert_true(is_heard(&w));
    }
    kill(flood, SIGKILL);
    waitpid(flood, NULL, 0);
    end(&w);
}

static void test_socket(void **state)
{
    (void)state;
    struct world w;
    struct err err = { 0 };
    struct handoff *other = NULL;
    start(&w);
    struct handoff_config config = { .path = w.path, .engine = w.engine };
    assert_int_equal(handoff_new(&config, &other, &err), -EADDRINUSE);
    config.path = "/";
    assert_int_equal(handoff_new(&config, &other, &err), -EINVAL);
    assert_int_equal(unlink(w.path), 0);
    int fd = -1;
    for (int i = 0; i < WAIT_MS && (fd = try_connect(&w)) < 0; i++) {
        usleep(1000);
    }
    assert_true(fd >= 0);
    close(fd);
    end(&w);
}

static void test_argument(void **state)
{
    (void)state;
    struct wire_hello hello = make_hello(WIRE_HELLO);
    memcpy(hello.args, "sh\0-c\0\0last", 12);
    hello.nargs = 4;
    assert_int_equal(handoff_argument(&hello, 0).n, 2);
    assert_memory_equal(handoff_argument(&hello, 1).p, "-c", 2);
    assert_int_equal(handoff_argument(&hello, 2).n, 0);
    assert_memory_equal(handoff_argument(&hello, 3).p, "last", 4);
    assert_int_equal(handoff_argument(&hello, 4).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),     cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_lying_record), cmocka_unit_test(test_many),
        cmocka_unit_test(test_silent),       cmocka_unit_test(test_silent),
        cmocka_unit_test(test_holder),       cmocka_unit_test(test_no_holder),
        cmocka_unit_test(test_outsider),     cmocka_unit_test(test_places),
        cmocka_unit_test(test_flood),        cmocka_unit_test(test_socket),
        cmocka_unit_test(test_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
