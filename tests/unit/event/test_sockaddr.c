/*
 * Socket addresses and tuples: well-formed ones, every length around the right one, foreign
 * families.
 */
#include "event/sockaddr.h"
#include "event/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define BYTES(...) str_from((const char[]){ __VA_ARGS__ }, sizeof((const char[]){ __VA_ARGS__ }))

#define MAPPED(a, b, c, d) 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, a, b, c, d
#define V6_ONE(last)       0x20, 1, 0xd, -0x48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last

static char storage[512];

static const char *text_of(void (*put)(struct buf *, struct str), struct str bytes)
{
    /* A copy of just these bytes, so that the sanitizers see a read beyond them. */
    char *copy = malloc(bytes.n ? bytes.n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes.p ? bytes.p : "", bytes.n);
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage) - 1);
    put(&buf, str_from(copy, bytes.n));
    storage[buf.n] = '\0';
    free(copy);
    return storage;
}

static void test_addresses(void **state)
{
    (void)state;
    assert_string_equal(text_of(sockaddr_text, BYTES(2, 10, 0, 0, -1, 80, 0)), "10.0.0.255:80");
    assert_string_equal(text_of(sockaddr_text, BYTES(10, V6_ONE(3), -0x2e, 4)), "2001:db8::3:1234");
    assert_string_equal(text_of(sockaddr_text, BYTES(10, MAPPED(1, 2, 3, 4), 1, 0)),
                        "::ffff:1.2.3.4:1");
    assert_string_equal(text_of(sockaddr_text, BYTES(1, '/', 'a', 0, 'b')), "/a");
    assert_string_equal(text_of(sockaddr_text, BYTES(1, 'a', '\n', 'b')), "ab");
    assert_string_equal(text_of(sockaddr_text, BYTES(1)), "");
    assert_string_equal(text_of(sockaddr_text, BYTES(16, 1, 2)), "family 16");
    assert_string_equal(text_of(sockaddr_text, BYTES(-1)), "family 255");
    assert_string_equal(text_of(sockaddr_text, BYTES(0)), "family 0");
    assert_string_equal(text_of(sockaddr_text, (struct str){ 0 }), "NULL");
}

static void test_tuples(void **state)
{
    (void)state;
    assert_string_equal(text_of(socktuple_text, BYTES(2, 10, 0, 0, 1, 80, 0, 10, 0, 0, 2, -1, -1)),
                        "10.0.0.1:80->10.0.0.2:65535");
    assert_string_equal(text_of(socktuple_text, BYTES(10, V6_ONE(1), 80, 0, V6_ONE(2), 0, 1)),
                        "2001:db8::1:80->2001:db8::2:256");
    assert_string_equal(
        text_of(socktuple_text, BYTES(10, MAPPED(1, 2, 3, 4), 80, 0, MAPPED(5, 6, 7, 8), 81, 0)),
        "1.2.3.4:80->5.6.7.8:81");
    assert_string_equal(
        text_of(socktuple_text, BYTES(10, MAPPED(1, 2, 3, 4), 80, 0, V6_ONE(2), 81, 0)),
        "::ffff:1.2.3.4:80->2001:db8::2:81");
    assert_string_equal(text_of(socktuple_text, BYTES(1, 0, 0, 0, 0, 0, 0, 0, 0, -1, 1, 0, 0, 0, 0,
                                                      0, 0, '/', 's', 0)),
                        "0->1ff /s");
    assert_string_equal(
        text_of(socktuple_text, BYTES(1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)), "1->2 ");
    assert_string_equal(text_of(socktuple_text, BYTES(17)), "family 17");
    assert_string_equal(text_of(socktuple_text, (struct str){ 0 }), "NULL");
}

/* Every length from nothing to beyond: only the right one parses. */
static void check_lengths(uint8_t family, size_t right, bool tuple)
{
    for (size_t n = 1; n <= right + 2; n++) {
        char *bytes = calloc(1, n);
        assert_non_null(bytes);
        bytes[0] = (char)family;
        struct sock_address a;
        struct sock_tuple t;
        int code = tuple ? socktuple_parse(str_from(bytes, n), &t)
                         : sockaddr_parse(str_from(bytes, n), &a);
        assert_int_equal(code, n == right ? 0 : -EINVAL);
        assert_int_equal(tuple ? t.family : a.family, family);
        free(bytes);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    check_lengths(FAMILY_INET, 7, false);
    check_lengths(FAMILY_INET6, 19, false);
    check_lengths(FAMILY_INET, 13, true);
    check_lengths(FAMILY_INET6, 37, true);
    struct sock_tuple t;
    char bytes[17] = { FAMILY_UNIX };
    assert_int_equal(socktuple_parse(str_from(bytes, 16), &t), -EINVAL);
    assert_int_equal(socktuple_parse(str_from(bytes, 17), &t), 0);
    assert_int_equal(t.path.n, 0);
    struct sock_address a;
    assert_int_equal(sockaddr_parse((struct str){ 0 }, &a), -ENODATA);
    assert_int_equal(socktuple_parse((struct str){ 0 }, &t), -ENODATA);
    assert_int_equal(sockaddr_parse(BYTES(3, 1), &a), -EAFNOSUPPORT);
    assert_int_equal(socktuple_parse(BYTES(3, 1), &t), -EAFNOSUPPORT);
    assert_string_equal(text_of(sockaddr_text, BYTES(2, 1, 2, 3, 4, 5)), "INVALID IPv4");
    assert_string_equal(text_of(socktuple_text, BYTES(10, 1)), "INVALID IPv6");
    assert_string_equal(text_of(socktuple_text, BYTES(1, 1)), "family 1");
}

static void test_fields(void **state)
{
    (void)state;
    struct sock_tuple t;
    struct str bytes = BYTES(10, MAPPED(1, 2, 3, 4), 80, 0, MAPPED(5, 6, 7, 8), 81, 1);
    assert_int_equal(socktuple_parse(bytes, &t), 0);
    assert_int_equal(t.sip.family, 6);
    assert_true(ip_is_mapped(&t.sip));
    socktuple_unmap(&t);
    assert_int_equal(t.family, FAMILY_INET);
    assert_int_equal(t.sip.family, 4);
    assert_memory_equal(t.dip.bytes, ((const uint8_t[]){ 5, 6, 7, 8 }), 4);
    assert_int_equal(t.sport, 80);
    assert_int_equal(t.dport, 337);
    struct ip none = { 0 };
    assert_false(ip_is_mapped(&none));
    assert_int_equal(ip_unmapped(&none).family, 0);
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    ip_text(&buf, &none);
    assert_int_equal(buf.n, 0);
}

static const char *printable(struct str s)
{
    return text_of(text_printable, s);
}

static void test_printable(void **state)
{
    (void)state;
    assert_string_equal(printable(STR("")), "");
    assert_string_equal(printable(STR("a b~")), "a b~");
    assert_string_equal(printable(STR("\1a\x7f\nb\t")), "ab");
    assert_string_equal(printable(STR("h\xc3\xa9\xe7\x81\xab\xf0\x9f\x94\xa5")),
                        "h\xc3\xa9\xe7\x81\xab\xf0\x9f\x94\xa5");
    assert_string_equal(printable(STR("a\xc3")), "a");
    assert_string_equal(printable(STR("a\xe7\x81")), "a");
    assert_string_equal(printable(STR("\xc0\xaf\xed\xa0\x80\xffz")), "z");
    assert_string_equal(printable(STR("\xc2\x9b[31m")), "[31m");
    assert_string_equal(text_of(text_dots, STR("a\0b\xff\n~")), "a.b..~");
}

/* What does not fit is cut, and said so. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t room = 0; room < 5; room++) {
        struct buf buf;
        buf_init_fixed(&buf, storage, room);
        text_dots(&buf, STR("abcd"));
        assert_int_equal(buf.n, room < 4 ? room : 4);
        assert_int_equal(buf.failed, room < 4);
        buf_init_fixed(&buf, storage, room);
        text_printable(&buf, STR("a\1bcd"));
        assert_int_equal(buf.n, room < 4 ? room : 4);
        assert_int_equal(buf.failed, room < 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_tuples),
        cmocka_unit_test(test_lengths),   cmocka_unit_test(test_fields),
        cmocka_unit_test(test_printable), cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
