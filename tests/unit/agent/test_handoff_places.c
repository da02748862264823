/*
 * The hand-off and where its clients come from: who is taken for a holder, and what one container can take from
 * others.
 */
#include "handoff_world.h"

#include "base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct pair {
    pid_t application, holder;
    int told; /* the answer to the holder's RESUME, once */
};

enum pair_kind {
    PAIR_LATE, /* the holder is made after the filter, so has it too */
    PAIR_HERE,
    PAIR_IN_CONTAINER, /* in a mount namespace of its own */
};

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

static void test_holder(void **state)
{
    (void)state;
    struct world w;
    if (lacks_listeners()) {
        skip();
    }
    world_start(&w);
    struct pair pair = make_pair(&w, PAIR_HERE, 0);
    assert_null(w.last.doubt);
    assert_true(w.last.holder_start > 0 && w.last.place != 0);
    assert_true(is_listed(&w, pair.holder));
    /* It ends while somebody else has its socket: its number may be another's soon. */
    kill(pair.holder, SIGKILL);
    wait_change(&w, HANDOFF_HOLDER_LOST);
    assert_false(is_listed(&w, pair.holder));
    end_pair(&w, &pair);
    world_end(&w);
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
    world_start(&w);
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
    world_end(&w);
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
    world_start(&w);
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
    world_end(&w);
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

/* Holds as many connections as it is left, and says nothing on them. */
static pid_t make_silent(const struct world *w)
{
    pid_t pid = fork();
    if (pid == 0) {
        int fds[HANDOFF_PER_PLACE + 1];
        char byte;
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        enter_container(0);
        memset(fds, 0xff, sizeof(fds));
        for (;;) {
            for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                if (fds[i] >= 0 && recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0) {
                    close(fds[i]);
                    fds[i] = -1;
                }
                fds[i] = fds[i] < 0 ? connect_with(w, SOCK_NONBLOCK) : fds[i];
            }
            usleep(1000);
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
    world_start(&w);
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
    world_end(&w);
}

/* Two containers cannot hold all places for those that have not said all yet. */
static void test_silent_places(void **state)
{
    (void)state;
    struct world w;
    struct handoff_stats stats;
    if (lacks_namespaces()) {
        skip();
    }
    world_start(&w);
    pid_t silent[] = { make_silent(&w), make_silent(&w) };
    for (int i = 0; i < WAIT_MS; i++) {
        handoff_get_stats(w.handoff, &stats);
        if (stats.pending == HANDOFF_PENDING_MAX && stats.closed > 0) {
            break;
        }
        usleep(1000);
    }
    assert_int_equal(stats.pending, HANDOFF_PENDING_MAX);
    for (int i = 0; i < 8; i++) {
        assert_true(is_heard(&w));
    }
    for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
        kill(silent[i], SIGKILL);
        waitpid(silent[i], NULL, 0);
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holder),   cmocka_unit_test(test_no_holder),
        cmocka_unit_test(test_outsider), cmocka_unit_test(test_places),
        cmocka_unit_test(test_flood),    cmocka_unit_test(test_silent_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
