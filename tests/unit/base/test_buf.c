/*
 * buf: limits at n - 1, n and n + 1 for growing and fixed buffers; numbers against printf; UTF-8
 * against a decoder that computes code points.
 */
#include "test.h"

#include "base/arena.h"
#include "base/buf.h"

#include <inttypes.h>

static void meets_limit(void **state)
{
    (void)state;
    static const size_t limits[] = { 0, 1, 255, 256, 257, 1000 };
    static char text[1002];
    for (size_t l = 0; l < ARRAY_SIZE(limits); l++) {
        for (size_t n = limits[l] ? limits[l] - 1 : 0; n <= limits[l] + 1; n++) {
            struct buf buf;
            buf_init(&buf, limits[l]);
            buf_put(&buf, text, n);
            assert_int_equal(buf.failed, n > limits[l]);
            assert_int_equal(buf.n, n > limits[l] ? 0 : n);
            assert_true(buf.capacity <= limits[l]);
            buf_done(&buf);

            char *storage =
                malloc(limits[l] + 1); /* of its exact size: ASan sees a byte too many */
            buf_init_fixed(&buf, storage, limits[l]);
            for (size_t i = 0; i < n; i++) {
                buf_putc(&buf, 'x');
            }
            assert_int_equal(buf.failed, n > limits[l]);
            assert_int_equal(buf.n, n < limits[l] ? n : limits[l]);
            buf_done(&buf);
            free(storage);
        }
    }
}

static void grows_in_steps(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    for (int i = 0; i < 100000; i++) {
        buf_putc(&buf, (char)i);
    }
    assert_int_equal(buf.n, 100000);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(buf.p[i], (char)i);
    }
    assert_null(buf_reserve(&buf, SIZE_MAX - 100000)); /* no such memory */
    assert_true(buf.failed);
    assert_null(buf_reserve(&buf, 0));
    buf_clear(&buf);
    assert_null(buf_reserve(&buf, SIZE_MAX));
    buf_done(&buf);
}

static void failed_stays_failed(void **state)
{
    (void)state;
    char storage[4];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    buf_putz(&buf, "abc");
    buf_putz(&buf, "de");
    buf_putz(&buf, "f");
    assert_true(buf.failed);
    assert_str(buf_str(&buf), "abc");
    buf_clear(&buf);
    buf_putz(&buf, "abcd");
    assert_false(buf.failed);
    assert_str(buf_str(&buf), "abcd");

    struct buf growing;
    buf_init(&growing, 100);
    mem_fail_after(1);
    buf_putc(&growing, 'a');
    mem_fail_after(0);
    buf_putc(&growing, 'b');
    assert_true(growing.failed && growing.n == 0);
    buf_done(&growing);
}

static void prints(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 600);
    buf_printf(&buf, "%d-%s", 7, "x");
    assert_str(buf_str(&buf), "7-x");
    for (int n = 254; n <= 257; n++) {
        buf_clear(&buf);
        buf_printf(&buf, "%*d", n, 5);
        assert_int_equal(buf.n, n);
        assert_int_equal(buf.p[n - 1], '5');
    }
    buf_clear(&buf);
    buf_printf(&buf, "%*d", 599, 5);
    assert_int_equal(buf.n, 599);
    buf_printf(&buf, "%*d", 300, 5);
    assert_true(buf.failed);
    assert_int_equal(buf.n, 599);
    buf_done(&buf);
}

static void numbers(void **state)
{
    (void)state;
    uint64_t seed = 8;
    struct buf buf;
    buf_init(&buf, 100);
    for (int i = 0; i < 2000; i++) {
        uint64_t v = i == 0   ? 0
                     : i == 1 ? UINT64_MAX
                     : i == 2 ? (uint64_t)INT64_MIN
                              : test_random(&seed) >> (i % 64);
        char expected[100];
        snprintf(expected, sizeof(expected), "%" PRIu64 " %" PRId64 " %" PRIx64, v, (int64_t)v, v);
        buf_clear(&buf);
        buf_u64(&buf, v);
        buf_putc(&buf, ' ');
        buf_i64(&buf, (int64_t)v);
        buf_putc(&buf, ' ');
        buf_hex(&buf, v);
        assert_str(buf_str(&buf), expected);
    }
    buf_done(&buf);
}

/* Bytes of the sequence when it decodes to a code point that its length is the shortest form of. */
static size_t decodes(const unsigned char *p, size_t n)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (p[0] < 0x80) {
        return 1;
    }
    size_t length = (p[0] & 0xe0) == 0xc0   ? 2
                    : (p[0] & 0xf0) == 0xe0 ? 3
                    : (p[0] & 0xf8) == 0xf0 ? 4
                                            : 0;
    if (!length || length > n) {
        return 0;
    }
    uint32_t point = p[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (p[i] & 0x3fU);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point >= least[length] && point <= 0x10ffff && !surrogate ? length : 0;
}

static bool naive_is_utf8(const unsigned char *p, size_t n)
{
    while (n) {
        size_t length = decodes(p, n);
        if (!length) {
            return false;
        }
        p += length;
        n -= length;
    }
    return true;
}

static void utf8(void **state)
{
    (void)state;
    /* The borders of each range of RFC 3629, and plain text. */
    static const unsigned char borders[] = { 0x00, 'a',  0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                             0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
                                             0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1,
                                             0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xfe, 0xff };
    const size_t n = ARRAY_SIZE(borders);
    for (size_t i = 0; i < n * n * n * n; i++) {
        unsigned char p[4] = { borders[i % n], borders[i / n % n], borders[i / n / n % n],
                               borders[i / n / n / n] };
        for (size_t length = 1; length <= 4; length++) {
            assert_int_equal(str_is_utf8(str_from(p, length)), naive_is_utf8(p, length));
        }
    }
    assert_true(str_is_utf8((struct str){ 0 }));
    for (size_t length = 1; length <= 33; length++) {
        for (size_t at = 0; at < length; at++) {
            char p[33];
            memset(p, 'a', sizeof(p));
            p[at] = (char)0x80;
            assert_false(str_is_utf8(str_from(p, length)));
            memcpy(p + at, "\xc3\xa9", at + 1 < length ? 2 : 1);
            assert_int_equal(str_is_utf8(str_from(p, length)), at + 1 < length);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meets_limit),
        cmocka_unit_test(grows_in_steps),
        cmocka_unit_test(failed_stays_failed),
        cmocka_unit_test(prints),
        cmocka_unit_test(numbers),
        cmocka_unit_test(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
