/*
 * DNS messages: names with compression, escapes and loops; counts that lie; records linked to what was asked;
 * every cut of a message. And what the sensor takes for a report.
 */
#include "dns_bytes.h"

#include "sensor/dns/hello.h"

#include <errno.h>

static struct dns_message m;

static struct str text_of(unsigned i)
{
    assert_true(i < m.nrecords);
    return (struct str){ m.texts + m.records[i].text_at, m.records[i].text_n };
}

/* In a block of exactly its size, so that a sanitizer sees reads beyond it. */
static int parse(const struct bytes *b, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, b->p, n);
    int r = dns_message_parse(exact, n, &m);
    free(exact);
    return r;
}

static void test_query(void **unused)
{
    (void)unused;
    struct bytes b = { 0 };
    put_header(&b, 0x0100, 0);
    put_question(&b, "Pool.EXAMPLE", DNS_AAAA);
    assert_int_equal(parse(&b, b.n), 0);
    assert_str(((struct str){ m.texts, m.name_n }), "pool.example");
    assert_int_equal(m.type, DNS_AAAA);
    assert_int_equal(m.id, 0x1234);
    assert_int_equal(m.response | m.cut | m.nrecords, 0);
    for (size_t n = 0; n < b.n; n++) {
        assert_int_equal(parse(&b, n), -EBADMSG);
    }
}

static void test_names(void **unused)
{
    (void)unused;
    static const struct {
        const char *wire;
        size_t n;
        const char *text; /* NULL: refused */
    } rows[] = {
        { "\0", 1, "." },
        { "\1a\0", 3, "a" },
        { "\3a.b\2c\\\0", 8, "a\\.b.c\\\\" },
        { "\3\0 \xff\0", 5, "\\000\\032\\255" },
        { "\3*-_\0", 5, "*-_" },
        { "\xc0\x0c", 2, NULL },    /* to itself */
        { "\1a\xc0\x0c", 4, NULL }, /* a loop */
        { "\xc0\x0e\0", 3, NULL },  /* forwards */
        { "\xc0\x00", 2, NULL },    /* into the header */
        { "\x40"
          "a\0",
          3, NULL }, /* a label of a kind that never came */
        { "\x3f"
          "a",
          2, NULL },
        { "\1a", 2, NULL },
        { "\xc0", 1, NULL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t p[64] = { 0 };
        char text[DNS_NAME_MAX];
        size_t at = 12;
        memcpy(p + 12, rows[i].wire, rows[i].n);
        int n = dns_name_read(p, 12 + rows[i].n, &at, text);
        if (!rows[i].text) {
            assert_int_equal(n, -EBADMSG);
        } else {
            assert_true(n > 0);
            assert_str(((struct str){ text, (size_t)n }), rows[i].text);
            assert_int_equal(at, 12 + rows[i].n);
        }
    }
}

/* 253 characters are the longest name; its bytes may all need escapes. */
static void test_longest_name(void **unused)
{
    (void)unused;
    for (unsigned last = 60; last <= 62; last++) {
        struct bytes b = { .n = 12 };
        char text[DNS_NAME_MAX];
        size_t at = 12;
        for (unsigned i = 0; i < 4; i++) {
            unsigned n = i < 3 ? 63 : last;
            put8(&b, n);
            for (unsigned j = 0; j < n; j++) {
                put8(&b, 0xff);
            }
        }
        put8(&b, 0);
        int n = dns_name_read(b.p, b.n, &at, text);
        assert_int_equal(n, last <= 61 ? (int)(4 * (189 + last) + 3) : -EBADMSG);
    }
}

static void test_answer(void **unused)
{
    (void)unused;
    static const uint8_t address[4] = { 10, 0, 0, 1 }, address6[16] = { [15] = 1 };
    struct bytes b = { 0 };
    put_header(&b, 0x8180, 6);
    put_question(&b, "a.example", DNS_A);
    put_record(&b, "c.example", DNS_A, address, 4); /* before the aliases that lead to it */
    put_name_record(&b, "A.example", DNS_CNAME, "b.example");
    put_name_record(&b, "b.example", DNS_CNAME, "c.example");
    put_record(&b, "other.example", DNS_A, address, 4);
    put_record(&b, "c.example", DNS_AAAA, address6, 16);
    put_record(&b, "a.example", DNS_TXT, "\3a\"\n\2bc", 7);
    assert_int_equal(parse(&b, b.n), 0);
    assert_int_equal(m.nrecords, 6);
    assert_int_equal(m.cut, 0);
    assert_int_equal(m.records[0].linked, 1);
    assert_int_equal(m.records[3].linked, 0);
    assert_int_equal(m.records[4].linked, 1);
    assert_int_equal(m.records[4].family, 6);
    assert_str(text_of(1), "b.example");
    assert_str(text_of(5), "a\"\\010bc");
    for (size_t n = 0; n < b.n; n++) {
        assert_int_equal(parse(&b, n), n < 27 ? -EBADMSG : 0);
        assert_true(n < 27 || m.cut);
    }
}

/* A chain in circles, and one longer than is followed. */
static void test_chains(void **unused)
{
    (void)unused;
    static const uint8_t address[4] = { 10, 0, 0, 1 };
    struct bytes b = { 0 };
    put_header(&b, 0x8180, 2);
    put_question(&b, "a", DNS_A);
    put_name_record(&b, "a", DNS_CNAME, "b");
    put_name_record(&b, "b", DNS_CNAME, "a");
    assert_int_equal(parse(&b, b.n), 0);
    assert_int_equal(m.records[0].linked & m.records[1].linked, 1);
    for (unsigned length = DNS_CHAIN_MAX - 2; length <= DNS_CHAIN_MAX; length++) {
        b.n = 0;
        put_header(&b, 0x8180, length + 1);
        put_question(&b, "a", DNS_A);
        for (unsigned i = length; i > 0; i--) { /* the last first: a pass for each */
            const char from[] = { (char)('a' + i - 1), '\0' }, to[] = { (char)('a' + i), '\0' };
            put_name_record(&b, from, DNS_CNAME, to);
        }
        const char end[] = { (char)('a' + length), '\0' };
        put_record(&b, end, DNS_A, address, 4);
        assert_int_equal(parse(&b, b.n), 0);
        assert_int_equal(m.records[length].linked, length < DNS_CHAIN_MAX);
    }
}

static void test_lies(void **unused)
{
    (void)unused;
    static const uint8_t address[4] = { 10, 0, 0, 1 };
    struct bytes b = { 0 };
    for (unsigned count = DNS_RECORDS_MAX - 1; count <= DNS_RECORDS_MAX + 1; count++) {
        b.n = 0;
        put_header(&b, 0x8180, count);
        put_question(&b, "a", DNS_A);
        for (unsigned i = 0; i < count; i++) {
            put_record(&b, "a", DNS_A, address, 4);
        }
        assert_int_equal(parse(&b, b.n), 0);
        assert_int_equal(m.nrecords, count < DNS_RECORDS_MAX ? count : DNS_RECORDS_MAX);
        assert_int_equal(m.cut, count > DNS_RECORDS_MAX);
    }
    b.n = 0;
    put_header(&b, 0x8180, 65535);
    put_question(&b, "a", DNS_A);
    put_record(&b, "a", DNS_A, address, 3); /* not as long as an address is */
    assert_int_equal(parse(&b, b.n), 0);
    assert_int_equal(m.nrecords, 0);
    assert_int_equal(m.cut, 1);
    b.p[5] = 0; /* no question */
    assert_int_equal(parse(&b, b.n), -EBADMSG);
}

/* More text than there is room for. */
static void test_room(void **unused)
{
    (void)unused;
    uint8_t data[201];
    struct bytes b = { 0 };
    memset(data, 0xff, sizeof(data));
    data[0] = 200;
    put_header(&b, 0x8180, 10);
    put_question(&b, "a", DNS_TXT);
    for (unsigned i = 0; i < 10; i++) {
        put_record(&b, "a", DNS_TXT, data, sizeof(data));
    }
    assert_int_equal(parse(&b, b.n), 0);
    assert_int_equal(m.nrecords, 10);
    assert_int_equal(m.cut, 1);
    assert_true(m.texts_n <= DNS_TEXTS_MAX);
    assert_int_equal(text_of(9).n, 0);
}

static void test_codes(void **unused)
{
    (void)unused;
    char text[DNS_CODE_TEXT];
    assert_str(((struct str){ text, dns_type_text(65535, text) }), "TYPE65535");
    assert_str(((struct str){ text, dns_type_text(16, text) }), "TXT");
    assert_str(((struct str){ text, dns_rcode_text(3, text) }), "NXDOMAIN");
    assert_str(((struct str){ text, dns_rcode_text(4095, text) }), "RCODE4095");
    struct bytes b = { 0 };
    put_header(&b, 0x8180, 0);
    b.p[11] = 1;
    put_question(&b, "a", DNS_A);
    put_name(&b, "");
    put16(&b, 41);
    put16(&b, 4096);
    put32(&b, 0x01000000);
    put16(&b, 0);
    assert_int_equal(parse(&b, b.n), 0);
    assert_int_equal(m.rcode, 16);
}

static void test_hello(void **unused)
{
    (void)unused;
    static const char hello[] = "\x16\x03\x01\0\x53\1\0\0\x4f\3\3"
                                "0123456789012345678901234567890\0"
                                "\0"
                                "\0\2\x13\1"
                                "\1\0"
                                "\0\x24"
                                "\0\0\0\x10\0\x0e\0\0\x0bSni.Example"
                                "\0\x10\0\5\0\3\2h2\0\x2b\0\3\2\3\4";
    size_t n = sizeof(hello) - 1;
    for (size_t cut = 0; cut <= n; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        memcpy(exact, hello, cut);
        int r = hello_parse(exact, cut, &m);
        assert_true(r == 0 || r == -EBADMSG);
        assert_true(r < 0 || cut == n || m.cut);
        free(exact);
    }
    assert_str(((struct str){ m.texts, m.name_n }), "sni.example");
    assert_int_equal(m.texts_n, m.name_n + 3);
    assert_string_equal(m.texts + m.name_n, "h2");
    assert_int_equal(m.id, 0x0304);
}

/* What a parser's process may not say. */
static void test_report(void **unused)
{
    (void)unused;
    struct dns_report good = { .kind = REPORT_DNS,
                               .proto = IPPROTO_UDP,
                               .source.family = 4,
                               .dest.family = 4,
                               .message = { .name_n = 1,
                                            .texts_n = 2,
                                            .nrecords = 1,
                                            .records[0] = { .text_at = 1, .text_n = 1 },
                                            .texts = "ab" } };
    size_t n = dns_report_size(&good);
    assert_true(dns_report_check(&good, n));
    assert_false(dns_report_check(&good, n - 1));
    assert_false(dns_report_check(&good, n + 1));
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        struct dns_report bad = good;                                                              \
        bad.change;                                                                                \
        assert_false(dns_report_check(&bad, dns_report_size(&bad)));                               \
    } while (0)
    REFUSED(kind = 0);
    REFUSED(kind = 3);
    REFUSED(proto = 1);
    REFUSED(source.family = 5);
    REFUSED(dest.family = 6);
    REFUSED(message.name_n = 3);
    REFUSED(message.name_n = 0);
    REFUSED(message.texts_n = DNS_TEXTS_MAX + 1);
    REFUSED(message.nrecords = DNS_RECORDS_MAX + 1);
    REFUSED(message.records[0].text_at = 2);
    REFUSED(message.records[0].text_n = 2);
    REFUSED(message.records[0].family = 7);
    REFUSED(message.response = 2);
    REFUSED(message.texts[0] = '\n');
    REFUSED(message.texts[1] = '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_longest_name), cmocka_unit_test(test_answer),
        cmocka_unit_test(test_chains),       cmocka_unit_test(test_lies),
        cmocka_unit_test(test_room),         cmocka_unit_test(test_codes),
        cmocka_unit_test(test_hello),        cmocka_unit_test(test_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
