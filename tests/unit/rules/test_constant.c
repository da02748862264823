/*
 * constant: each type's texts, good and bad, and the limits on both sides.
 */
#include "rules/constant.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct value parsed(enum field_type type, const char *text)
{
    struct value value = { 0 };
    struct err err = { 0 };
    int r = constant_parse(type, str_of(text), &value, &err);
    if (r < 0) {
        print_error("%s: %s\n", text, err.message);
    }
    assert_int_equal(r, 0);
    assert_int_equal(value.type, type);
    return value;
}

static void refused(enum field_type type, const char *text, const char *message)
{
    struct value value = { 0 };
    struct err err = { 0 };
    assert_int_equal(constant_parse(type, str_of(text), &value, &err), -EINVAL);
    assert_string_equal(err.message, message);
}

static void test_integers(void **state)
{
    (void)state;
    assert_int_equal(parsed(TYPE_INT64, "-9223372036854775808").i, INT64_MIN);
    assert_int_equal(parsed(TYPE_INT64, "9223372036854775807").i, INT64_MAX);
    assert_int_equal(parsed(TYPE_INT64, "+7").i, 7);
    assert_int_equal(parsed(TYPE_INT64, " 7 ").i, 7);
    assert_int_equal(parsed(TYPE_INT64, "0x1F").i, 31);
    assert_int_equal(parsed(TYPE_INT64, "-0x1f").i, -31);
    assert_int_equal(parsed(TYPE_INT64, "010").i, 10);
    assert_int_equal(parsed(TYPE_INT16, "32767").i, 32767);
    assert_int_equal(parsed(TYPE_INT32, "-2147483648").i, INT32_MIN);
    assert_true(parsed(TYPE_UINT64, "18446744073709551615").u == UINT64_MAX);
    assert_int_equal(parsed(TYPE_UINT32, "-1").u, UINT32_MAX);
    assert_true(parsed(TYPE_UINT64, "-1").u == UINT64_MAX);
    assert_int_equal(parsed(TYPE_RELTIME, "1000").u, 1000);
    assert_int_equal(parsed(TYPE_ABSTIME, "0").u, 0);
}

static void test_bad_integers(void **state)
{
    (void)state;
    refused(TYPE_INT64, "9223372036854775808", "9223372036854775808 is not a valid number");
    refused(TYPE_INT16, "32768", "32768 is not a valid number");
    refused(TYPE_INT16, "-32769", "-32769 is not a valid number");
    refused(TYPE_UINT32, "4294967296", "4294967296 is not a valid number");
    refused(TYPE_UINT64, "18446744073709551616", "18446744073709551616 is not a valid number");
    refused(TYPE_INT64, "abc", "abc is not a valid number");
    refused(TYPE_INT64, "12abc", "12abc is not a valid number");
    refused(TYPE_INT64, "", " is not a valid number");
    refused(TYPE_INT64, "-", "- is not a valid number");
    refused(TYPE_INT64, "0x", "0x is not a valid number");
    refused(TYPE_INT64, "1.5", "1.5 is not a valid number");
}

static void test_doubles(void **state)
{
    (void)state;
    assert_true(parsed(TYPE_DOUBLE, "1.5").d == 1.5);
    assert_true(parsed(TYPE_DOUBLE, "-2e3").d == -2000);
    refused(TYPE_DOUBLE, "1.5x", "1.5x is not a valid number");
    refused(TYPE_DOUBLE, "nan", "nan is not a valid number");
    refused(TYPE_DOUBLE, "", " is not a valid number");
}

static void test_ports(void **state)
{
    (void)state;
    assert_int_equal(parsed(TYPE_PORT, "443").u, 443);
    assert_int_equal(parsed(TYPE_PORT, "65535").u, 65535);
    assert_int_equal(parsed(TYPE_PORT, "https").u, 443);
    assert_int_equal(parsed(TYPE_PORT, "ssh").u, 22);
    assert_int_equal(parsed(TYPE_PORT, "").u, 0);
    refused(TYPE_PORT, "65536", "65536 is not a valid number");
    refused(TYPE_PORT, "-1", "-1 is not a valid number");
    refused(TYPE_PORT, "nosuchservice", "unrecognized protocol nosuchservice");
}

static void test_booleans(void **state)
{
    (void)state;
    assert_int_equal(parsed(TYPE_BOOL, "true").u, 1);
    assert_int_equal(parsed(TYPE_BOOL, "false").u, 0);
    refused(TYPE_BOOL, "1", "filter error: unrecognized boolean value 1");
    refused(TYPE_BOOL, "True", "filter error: unrecognized boolean value True");
}

static void test_addresses(void **state)
{
    (void)state;
    struct value v4 = parsed(TYPE_IPADDR, "10.1.2.3");
    assert_int_equal(v4.ip.family, 4);
    assert_memory_equal(v4.ip.bytes, "\x0a\x01\x02\x03", 4);
    assert_int_equal(parsed(TYPE_IPADDR, "::1").ip.family, 6);
    assert_int_equal(parsed(TYPE_IPADDR, "::ffff:1.2.3.4").ip.family, 6);
    refused(TYPE_IPADDR, "1.2.3", "unrecognized IPv4 address 1.2.3");
    refused(TYPE_IPADDR, "1.2.3.256", "unrecognized IPv4 address 1.2.3.256");
    refused(TYPE_IPADDR, "example", "unrecognized IPv4 address example");
    refused(TYPE_IPADDR, "::g", "unrecognized IPv6 address ::g");
    refused(TYPE_IPADDR, "", "unrecognized IPv4 address ");
}

static void test_networks(void **state)
{
    (void)state;
    struct value net = parsed(TYPE_IPNET, "10.0.0.0/8");
    assert_int_equal(net.net.prefix_bits, 8);
    assert_int_equal(net.net.ip.family, 4);
    assert_int_equal(parsed(TYPE_IPNET, "::/0").net.prefix_bits, 0);
    assert_int_equal(parsed(TYPE_IPNET, "fe80::/128").net.prefix_bits, 128);
    refused(TYPE_IPNET, "10.0.0.0", "unrecognized IP network 10.0.0.0");
    refused(TYPE_IPNET, "10.0.0.0/33", "invalid netmask 33");
    refused(TYPE_IPNET, "::/129", "invalid netmask 129");
    refused(TYPE_IPNET, "::/x", "invalid netmask x");
    refused(TYPE_IPNET, "10.0.0/8", "unrecognized IPv4 address 10.0.0");
}

static void test_texts(void **state)
{
    (void)state;
    struct value value;
    assert_int_equal(constant_parse(TYPE_CHARBUF, STR("a\0b"), &value, NULL), 0);
    assert_int_equal(value.s.n, 1);
    assert_int_equal(constant_parse(TYPE_BYTEBUF, STR("a\0b"), &value, NULL), 0);
    assert_int_equal(value.s.n, 3);
    refused(TYPE_DYN, "1", "wrong parameter type DYN");
}

static void test_unhex(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct str bytes;
    struct err err = { 0 };
    assert_int_equal(constant_unhex(&arena, STR("12aBff"), &bytes, &err), 0);
    assert_int_equal(bytes.n, 3);
    assert_memory_equal(bytes.p, "\x12\xab\xff", 3);
    assert_int_equal(constant_unhex(&arena, STR(""), &bytes, &err), 0);
    assert_int_equal(bytes.n, 0);
    assert_int_equal(constant_unhex(&arena, STR("123"), &bytes, &err), -EINVAL);
    assert_int_equal(constant_unhex(&arena, STR("zz"), &bytes, &err), -EINVAL);
    assert_string_equal(
        err.message, "filter error: bcontains and bstartswith operator support hex strings only");
    arena_done(&arena);
    arena_init(&arena, 8);
    assert_int_equal(constant_unhex(&arena, STR("1234"), &bytes, &err), -ENOMEM);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_bad_integers),
        cmocka_unit_test(test_doubles),  cmocka_unit_test(test_ports),
        cmocka_unit_test(test_booleans), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_networks), cmocka_unit_test(test_texts),
        cmocka_unit_test(test_unhex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
