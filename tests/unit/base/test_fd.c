/*
 * fd: whole files through files, pipes and short reads, at the limit and past it; errors say the path.
 */
#include "test.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

static int scratch_file(const void *p, size_t n)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, p, n), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void reads_up_to_limit(void **state)
{
    (void)state;
    static char text[70000];
    memset(text, 'x', sizeof(text));
    static const size_t limits[] = { 0, 1, 1000, 65536, 69999 };
    for (size_t l = 0; l < ARRAY_SIZE(limits); l++) {
        for (size_t n = limits[l] ? limits[l] - 1 : 0; n <= limits[l] + 1; n++) {
            CLEANUP(cleanup_close) int fd = scratch_file(text, n);
            struct buf buf;
            buf_init(&buf, limits[l]);
            assert_int_equal(fd_read_all(fd, &buf), n > limits[l] ? -EFBIG : 0);
            assert_int_equal(buf.n, n < limits[l] ? n : limits[l]);
            assert_true(buf.n == 0 || memcmp(buf.p, text, buf.n) == 0);
            buf_done(&buf);
        }
    }
}

static void through_a_pipe(void **state)
{
    (void)state;
    static char text[300000];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(i * 7 + i / 251);
    }
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        _exit(fd_write_all(ends[1], text, sizeof(text)) < 0);
    }
    close(ends[1]);
    struct buf buf;
    buf_init(&buf, 1 << 20);
    buf_putz(&buf, "kept:");
    assert_int_equal(fd_read_all(ends[0], &buf), 0);
    assert_int_equal(buf.n, 5 + sizeof(text));
    assert_memory_equal(buf.p + 5, text, sizeof(text));
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    buf_done(&buf);
    close(ends[0]);
}

static void reports_errors(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct buf buf;
    buf_init(&buf, 10);
    assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
    assert_int_equal(fd_write_all(-1, NULL, 0), 0);
    assert_int_equal(fd_read_all(-1, &buf), -EBADF);
    buf_clear(&buf);

    assert_int_equal(file_read("/nonexistent/file", &buf, &err), -ENOENT);
    assert_string_equal(err.message, "cannot open /nonexistent/file: No such file or directory");
    assert_int_equal(file_read("/", &buf, &err), -EISDIR);
    assert_string_equal(err.message, "cannot read /: Is a directory");
    assert_int_equal(file_read("/proc/self/maps", &buf, &err), -EFBIG);
    assert_string_equal(err.message, "/proc/self/maps is larger than the limit of 10 bytes");
    buf_done(&buf);

    buf_init(&buf, 10);
    mem_fail_after(1);
    int r = file_read("/proc/self/maps", &buf, &err);
    mem_fail_after(0);
    assert_int_equal(r, -ENOMEM);
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_up_to_limit),
        cmocka_unit_test(through_a_pipe),
        cmocka_unit_test(reports_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
