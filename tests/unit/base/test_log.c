/*
 * log: one line per call on standard error, levels kept apart, control characters shown as \xHH so
 * that nobody forges lines or drives the terminal.
 */
#include "test.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

static char captured[32768];

/* Runs with standard error going to a file; what was written is in `captured`. */
#define CAPTURE(statement)                                                                         \
    do {                                                                                           \
        int kept_ = dup(STDERR_FILENO);                                                            \
        int file_ = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);                            \
        assert_true(kept_ >= 0 && file_ >= 0);                                                     \
        dup2(file_, STDERR_FILENO);                                                                \
        statement;                                                                                 \
        dup2(kept_, STDERR_FILENO);                                                                \
        ssize_t n_ = pread(file_, captured, sizeof(captured) - 1, 0);                              \
        assert_true(n_ >= 0);                                                                      \
        captured[n_] = '\0';                                                                       \
        close(kept_);                                                                              \
        close(file_);                                                                              \
    } while (0)

static void writes_lines(void **state)
{
    (void)state;
    CAPTURE({
        log_error("a %d", 1);
        log_warning("b");
        log_info("c");
        log_debug("d");
    });
    assert_string_equal(captured, "hinomi: error: a 1\nhinomi: warning: b\nhinomi: c\n");
}

static void obeys_level_and_name(void **state)
{
    (void)state;
    log_set_program("watcher");
    log_set_level(LOG_ERROR);
    CAPTURE({
        log_error("a");
        log_warning("b");
    });
    assert_string_equal(captured, "watcher: error: a\n");
    log_set_level(LOG_DEBUG);
    CAPTURE(log_debug("d"));
    assert_string_equal(captured, "watcher: debug: d\n");
    log_set_program("hinomi");
    log_set_level(LOG_INFO);
}

static void escapes(void **state)
{
    (void)state;
    CAPTURE(log_info("%s", "x\nhinomi: forged\x1b[31m\x7f\xc2\x9b"
                           "火"));
    assert_string_equal(captured, "hinomi: x\\x0ahinomi: forged\\x1b[31m\\x7f\\xc2\\x9b火\n");
    for (int c = 1; c < 256; c++) {
        char text[2] = { (char)c, '\0' };
        CAPTURE(log_info("%s", text));
        assert_int_equal(strlen(captured), c < 0x20 || c == 0x7f ? 13 : 10);
    }
}

static void bounds_the_line(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, '\n', sizeof(text) - 1);
    CAPTURE(log_info("%s", text));
    size_t n = strlen(captured);
    assert_true(n > 4 * 2000 && n < 4 * 2048 + 64);
    assert_int_equal(captured[n - 1], '\n');
    assert_ptr_equal(strchr(captured, '\n'), &captured[n - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_lines),
        cmocka_unit_test(obeys_level_and_name),
        cmocka_unit_test(escapes),
        cmocka_unit_test(bounds_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
