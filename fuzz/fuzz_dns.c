/*
 * fuzz dns: any bytes as packets: no read beyond them, no endless loop, and whatever comes of them is what the
 * sensor takes for a report of its parser.
 *
 * Input: a byte that chooses (packets, a DNS message, a ClientHello, a report), then bytes. Packets have two
 * bytes of length before each.
 */
#include "fuzz.h"

#include "sensor/dns/hello.h"
#include "sensor/dns/parser.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static void check_report(void *data, const struct dns_report *report)
{
    unsigned *count = data;
    ++*count;
    FUZZ_CHECK(dns_report_check(report, dns_report_size(report)));
}

static void packets(const uint8_t *p, size_t n)
{
    unsigned count = 0;
    struct dns_shared shared = { 0 };
    struct parse *parse = calloc(1, parse_size());
    FUZZ_CHECK(parse);
    parse_init(parse, &shared, (struct parse_sink){ check_report, &count });
    while (n >= 2) {
        size_t length = (size_t)p[0] << 8 | p[1];
        length = length < n - 2 ? length : n - 2;
        uint8_t *exact = malloc(length ? length : 1);
        FUZZ_CHECK(exact);
        memcpy(exact, p + 2, length);
        parse_packet(parse, exact, length, (struct parse_origin){ 1, 0 });
        free(exact);
        p += 2 + length;
        n -= 2 + length;
    }
    free(parse);
}

static void as_report(struct dns_report *report, uint8_t kind)
{
    report->kind = kind;
    report->proto = IPPROTO_UDP;
    report->source.family = report->dest.family = 4;
    FUZZ_CHECK(dns_report_check(report, dns_report_size(report)));
}

static void report(const uint8_t *p, size_t n)
{
    static struct dns_report report;
    size_t taken = n < sizeof(report) ? n : sizeof(report);
    memcpy(&report, p, taken);
    if (dns_report_check(&report, taken)) {
        const struct dns_message *m = &report.message;
        for (unsigned i = 0; i < m->nrecords; i++) {
            FUZZ_CHECK(m->records[i].text_at + m->records[i].text_n <= m->texts_n);
        }
        FUZZ_CHECK(m->name_n <= m->texts_n && m->texts_n <= sizeof(m->texts));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dns_report made;
    if (size == 0) {
        return 0;
    }
    switch (data[0] & 3) {
    case 0:
        packets(data + 1, size - 1);
        break;
    case 1:
        if (dns_message_parse(data + 1, size - 1, &made.message) == 0) {
            as_report(&made, REPORT_DNS);
        }
        break;
    case 2:
        if (hello_parse(data + 1, size - 1, &made.message) == 0) {
            as_report(&made, REPORT_HELLO);
        }
        break;
    default:
        report(data + 1, size - 1);
    }
    return 0;
}
