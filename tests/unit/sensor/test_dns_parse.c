/*
 * Packets: headers, fragments, directions, TCP put together from segments; the filter, run by the kernel; queries
 * and their answers.
 */
#include "dns_bytes.h"

#include "sensor/dns/parser.h"
#include "sensor/dns/question.h"
#include "sensor/dns/stream.h"
#include "sensor/dns/tap.h"

#include <sys/socket.h>
#include <unistd.h>

static struct dns_report last;
static unsigned reports;
static struct dns_shared shared;

static void keep(void *data, const struct dns_report *report)
{
    (void)data;
    assert_true(dns_report_check(report, dns_report_size(report)));
    last = *report;
    reports++;
}

static struct parse *parser(void)
{
    struct parse *parse = calloc(1, parse_size());
    memset(&shared, 0, sizeof(shared));
    reports = 0;
    parse_init(parse, &shared, (struct parse_sink){ keep, NULL });
    return parse;
}

static struct bytes query(const char *name)
{
    struct bytes b = { 0 };
    put_header(&b, 0x0100, 0);
    put_question(&b, name, DNS_A);
    return b;
}

static void test_udp(void **unused)
{
    (void)unused;
    struct parse *parse = parser();
    struct bytes message = query("a.example"), b = { 0 };
    put_udp4(&b, 5000, 53, &message);
    parse_packet(parse, b.p, b.n, (struct parse_origin){ 2, 0 });
    assert_int_equal(reports, 1);
    assert_int_equal(last.sport, 5000);
    assert_int_equal(last.interface, 2);
    for (size_t n = 0; n < b.n; n++) { /* cut anywhere: nothing, or what is there */
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, b.p, n);
        parse_packet(parse, exact, n, (struct parse_origin){ 2, 0 });
        free(exact);
    }
    assert_int_equal(reports, 1);
    b.p[6] = 0x20; /* the first of several fragments is read */
    parse_packet(parse, b.p, b.n, (struct parse_origin){ 2, 0 });
    assert_int_equal(reports, 2);
    assert_int_equal(last.message.cut, 1);
    b.p[7] = 1; /* a later one is not */
    parse_packet(parse, b.p, b.n, (struct parse_origin){ 2, 0 });
    assert_int_equal(reports, 2);
    assert_int_equal(shared.fragments, 2);
    b.n = 0; /* a query from a server's port to somebody's */
    put_udp4(&b, 53, 5000, &message);
    parse_packet(parse, b.p, b.n, (struct parse_origin){ 2, 0 });
    assert_int_equal(reports, 2);
    free(parse);
}

static void put_udp6(struct bytes *b, const uint8_t *extensions, size_t n, uint8_t next,
                     const struct bytes *payload)
{
    put32(b, 0x60000000);
    put16(b, (unsigned)(n + 8 + payload->n));
    put8(b, next);
    put8(b, 64);
    for (unsigned i = 0; i < 32; i++) {
        put8(b, i);
    }
    put_bytes(b, extensions, n);
    put16(b, 5000);
    put16(b, 53);
    put16(b, (unsigned)(8 + payload->n));
    put16(b, 0);
    put_bytes(b, payload->p, payload->n);
}

static void test_ipv6(void **unused)
{
    (void)unused;
    static const uint8_t extensions[] = { 60, 0, 0, 0, 0, 0, 0, 0, 44, 1, 0, 0, 0, 0, 0, 0,
                                          0,  0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 7 };
    struct parse *parse = parser();
    struct bytes message = query("six.example"), b = { 0 };
    put_udp6(&b, NULL, 0, 17, &message);
    parse_packet(parse, b.p, b.n, (struct parse_origin){ 2, 0 });
    assert_int_equal(reports, 1);
    assert_int_equal(last.message.cut, 0);
    b.n = 0;
    put_udp6(&b, extensions, sizeof(extensions), 0, &message);
    parse_packet(parse, b.p, b.n, (struct parse_origin){ 2, 0 });
    assert_int_equal(reports, 2);
    assert_int_equal(last.message.cut, 1); /* more fragments to come */
    b.n = 0;
    uint8_t many[8 * (PACKET_HEADERS_MAX + 1)] = { 0 };
    for (unsigned i = 0; i <= PACKET_HEADERS_MAX; i++) {
        many[8 * i] = i == PACKET_HEADERS_MAX ? 17 : 60;
    }
    put_udp6(&b, many, sizeof(many), 60, &message);
    parse_packet(parse, b.p, b.n, (struct parse_origin){ 2, 0 });
    assert_int_equal(reports, 2);
    b.n = 0;
    put_udp6(&b, many + 8, sizeof(many) - 8, 60, &message);
    parse_packet(parse, b.p, b.n, (struct parse_origin){ 2, 0 });
    assert_int_equal(reports, 3);
    free(parse);
}

static unsigned messages;
static size_t last_size;
static bool last_cut;

static void count_message(void *data, const uint8_t *p, size_t n, bool cut)
{
    (void)data;
    (void)p;
    messages++;
    last_size = n;
    last_cut = cut;
}

static void segment(struct streams *streams, uint32_t seq, const uint8_t *p, size_t n,
                    uint8_t flags)
{
    struct packet packet = { .source.family = 4,
                             .dest.family = 4,
                             .sport = 5000,
                             .dport = 53,
                             .flags = flags,
                             .seq = seq,
                             .payload = p,
                             .payload_n = n };
    streams_add(streams, &packet, (struct stream_sink){ count_message, NULL });
}

static void test_streams(void **unused)
{
    (void)unused;
    static uint8_t bytes[STREAM_BYTES + 10];
    struct streams *streams = calloc(1, sizeof(*streams));
    uint32_t seq = UINT32_MAX - 3; /* numbers wrap */
    bytes[1] = 20;
    messages = 0;
    segment(streams, seq++, NULL, 0, PACKET_SYN);
    for (size_t i = 0; i < 22; i++) {
        segment(streams, seq + (uint32_t)i, bytes + i, 1, 0);
        segment(streams, seq + (uint32_t)i, bytes + i, 1, 0); /* again */
        assert_int_equal(messages, i == 21);
    }
    seq += 22;
    segment(streams, seq - 5, bytes, 5, 0); /* old */
    uint8_t two[44] = { 0, 20, [22] = 0, 20 };
    segment(streams, seq, two, 43, 0);
    assert_int_equal(messages, 2);
    segment(streams, seq + 40, two + 40, 4, 0); /* overlaps */
    assert_int_equal(messages, 3);
    seq += 44;
    assert_int_equal(streams->lost, 0);
    segment(streams, seq + 100, two, 22, 0); /* a gap: begins anew */
    assert_int_equal(messages, 4);
    assert_int_equal(streams->lost, 1);
    free(streams);
}

/* A message as long as there is room for, and longer ones. */
static void test_long_messages(void **unused)
{
    (void)unused;
    static uint8_t bytes[STREAM_BYTES + 10];
    for (unsigned extra = 0; extra <= 2; extra++) {
        struct streams *streams = calloc(1, sizeof(*streams));
        unsigned length = STREAM_BYTES - 3 + extra;
        bytes[0] = (uint8_t)(length >> 8);
        bytes[1] = (uint8_t)length;
        messages = 0;
        segment(streams, 1, bytes, length + 2, 0);
        assert_int_equal(messages, 1);
        assert_int_equal(last_cut, length + 2 > STREAM_BYTES);
        uint8_t next[] = { 0, 1, 7 };
        segment(streams, 1 + length + 2, next, 3, 0);
        assert_int_equal(messages, 2);
        assert_int_equal(last_size, 1);
        free(streams);
    }
}

/* One more connection than there is room for takes the place of the oldest. */
static void test_many_streams(void **unused)
{
    (void)unused;
    struct streams *streams = calloc(1, sizeof(*streams));
    uint8_t bytes[] = { 0, 1, 7 };
    messages = 0;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i <= STREAMS_MAX; i++) {
            struct packet packet = { .source.family = 4,
                                     .dest.family = 4,
                                     .sport = (uint16_t)i,
                                     .dport = 53,
                                     .seq = 1 + 2 * round,
                                     .payload = bytes + 2 * round,
                                     .payload_n = round ? 1 : 2 };
            if (round == 0 || i == STREAMS_MAX || i == 0) {
                streams_add(streams, &packet, (struct stream_sink){ count_message, NULL });
            }
        }
    }
    assert_int_equal(messages, 1);
    free(streams);
}

/* What the kernel passes, and that it takes the program at all. */
static void test_filter(void **unused)
{
    (void)unused;
    for (unsigned tls = 0; tls < 2; tls++) {
        struct sock_filter code[TAP_PROGRAM_MAX];
        struct sock_fprog program = { (unsigned short)tap_program(tls, code), code };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(program.len < TAP_PROGRAM_MAX);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
                         0);
        close(fd);
    }
}

static struct dns_report asked(const char *name, bool response, uint16_t id)
{
    struct dns_report r = { .kind = REPORT_DNS,
                            .proto = IPPROTO_UDP,
                            .source.family = 4,
                            .dest.family = 4,
                            .interface = 2 };
    r.sport = response ? 53 : 5000;
    r.dport = response ? 5000 : 53;
    r.source.bytes[3] = response ? 2 : 1;
    r.dest.bytes[3] = response ? 1 : 2;
    r.message.id = id;
    r.message.response = response;
    r.message.texts_n = r.message.name_n = (uint16_t)strlen(name);
    memcpy(r.message.texts, name, strlen(name));
    return r;
}

static void test_questions(void **unused)
{
    (void)unused;
    struct questions *q = calloc(1, sizeof(*q));
    struct dns_report query_a = asked("a", false, 1), answer = asked("a", true, 1);
    struct dns_report other = asked("b", true, 1), forged = asked("a", true, 2);
    assert_null(question_answered(q, &answer, 10));
    struct question *place = question_ask(q, &query_a, 10);
    assert_ptr_equal(question_answered(q, &answer, 20), place);
    assert_null(question_answered(q, &other, 20));
    assert_null(question_answered(q, &forged, 20));
    forged = answer;
    forged.source.bytes[3] = 3; /* another server */
    assert_null(question_answered(q, &forged, 20));
    forged = answer;
    forged.dport = 5001;
    assert_null(question_answered(q, &forged, 20));
    assert_non_null(question_answered(q, &answer, 9 + QUESTION_LIFE_NS));
    assert_null(question_answered(q, &answer, 10 + QUESTION_LIFE_NS));
    assert_false(question_is_repeated(q, &answer, 30));
    assert_false(question_is_repeated(q, &answer, 40)); /* asked again: the same interface */
    answer.interface = 3;
    assert_true(question_is_repeated(q, &answer, 50));
    free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp),          cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_streams),      cmocka_unit_test(test_long_messages),
        cmocka_unit_test(test_many_streams), cmocka_unit_test(test_filter),
        cmocka_unit_test(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
