/*
 * The hand-off against clients that are no shims: messages, descriptors and memory of the wrong kind, too many of
 * them. It goes on for those that are.
 */
#include "handoff_world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
    world_start(&w);
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
    world_end(&w);
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
    world_start(&w);
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
    world_end(&w);
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
    world_start(&w);
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
    world_end(&w);
}

/* Of one place only so many are heard; when they go, others come in. */
static void test_many(void **state)
{
    (void)state;
    struct world w;
    struct wire_hello hello = make_hello(WIRE_HELLO);
    int fds[HANDOFF_PER_PLACE + 1];
    int64_t value = 0;
    world_start(&w);
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
    world_end(&w);
}

/* Who connects again and again and says nothing leaves places to others. */
static void test_silent(void **state)
{
    (void)state;
    struct world w;
    int fds[HANDOFF_PENDING_MAX + 8];
    char byte;
    unsigned closed = 0;
    world_start(&w);
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
    world_end(&w);
}

static void test_socket(void **state)
{
    (void)state;
    struct world w;
    struct err err = { 0 };
    struct handoff *other = NULL;
    world_start(&w);
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
    world_end(&w);
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
        cmocka_unit_test(test_socket),       cmocka_unit_test(test_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
