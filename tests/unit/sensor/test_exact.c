/*
 * exact mode: results of calls, with the newest kernel's filter flag and the way of 5.10; races, signals,
 * stops and sudden deaths meanwhile.
 */
#include "test.h"

#include "exact_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPENS 3000

static bool is_killable(void **state)
{
    return *(bool *)*state;
}

static int open_many(struct loop *loop)
{
    static const char *const paths[] = { "/dev/null", "/etc/passwd", "/no/such", "/etc/shadow/x" };
    struct loop_page *page = loop->page;
    for (int i = 0; i < OPENS; i++) {
        long fd = syscall(SYS_openat, AT_FDCWD, paths[i % 4], O_RDONLY);
        struct stat st = { .st_ino = 0 };
        page->got[i] = fd >= 0 ? fd : -errno;
        if (fd >= 0) {
            fstat((int)fd, &st);
        }
        page->inode[i] = st.st_ino;
        if (i % 3 == 0 && fd >= 0) {
            close((int)fd);
        }
        if (fd > 500) {
            syscall(SYS_close_range, 3, ~0U, 0);
        }
        page->n = i + 1;
    }
    return 7;
}

/* What the program got and what was seen of it, in order; the program's EINTRs are no results. */
static void check_same(struct loop *loop)
{
    int seen = 0;
    for (int i = 0; i < loop->page->n; i++) {
        if (loop->page->got[i] == -EINTR) {
            continue;
        }
        assert_true(seen < loop->nseen);
        assert_int_equal(loop->seen[seen].result.end, EXACT_RETURNED);
        assert_int_equal(loop->seen[seen].result.result, loop->page->got[i]);
        assert_int_equal(loop->seen[seen].inode, loop->page->inode[i]);
        assert_int_equal(loop->seen[seen].state, 't');
        seen++;
    }
    assert_int_equal(seen, loop->nseen);
    assert_int_equal(loop->refused, 0);
}

static void test_results(void **state)
{
    int before = loop_count_descriptors();
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .program = open_many };
    loop_run(&loop);
    assert_int_equal(WEXITSTATUS(loop.status), 7);
    assert_int_equal(loop.page->n, OPENS);
    check_same(&loop);
    assert_int_equal(loop.restarted, 0);
    assert_int_equal(loop.pending, loop.killable ? 0 : OPENS);
    loop_done(&loop);
    assert_int_equal(loop_count_descriptors(), before);
}

int main(void)
{
    static bool ways[] = { true, false };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_results, &ways[0]),
        cmocka_unit_test_prestate(test_results, &ways[1]),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
