/*
 * report: sizes and the check of what came from the parser's process, which may be in an attacker's hands.
 *
 * Texts are printable (protocols of a ClientHello have NULs between them), offsets lie within texts, families
 * are 0, 4 or 6.
 */
#include "sensor/dns/report.h"

#include <netinet/in.h>
#include <stddef.h>

#define HEAD offsetof(struct dns_report, message.texts)

size_t dns_report_size(const struct dns_report *report)
{
    return HEAD + report->message.texts_n;
}

static bool is_address(const struct ip *ip)
{
    return ip->family == 4 || ip->family == 6;
}

static bool is_record(const struct dns_message *m, const struct dns_record *r)
{
    bool family = r->family == 0 || r->family == 4 || r->family == 6;
    return family && r->linked <= 1 && r->text_at <= m->texts_n &&
           r->text_n <= m->texts_n - r->text_at;
}

static bool are_printable(const struct dns_message *m, bool with_nuls)
{
    for (unsigned i = 0; i < m->texts_n; i++) {
        unsigned char c = (unsigned char)m->texts[i];
        bool is_nul = c == '\0' && with_nuls && i >= m->name_n;
        if ((c < ' ' || c > '~') && !is_nul) {
            return false;
        }
    }
    return true;
}

bool dns_report_check(const struct dns_report *report, size_t n)
{
    const struct dns_message *m = &report->message;
    if (n < HEAD || m->texts_n > sizeof(m->texts) || n != dns_report_size(report) ||
        m->name_n > m->texts_n || m->name_n > DNS_NAME_MAX || m->nrecords > DNS_RECORDS_MAX ||
        m->response > 1 || m->cut > 1 || m->rcode > 0xfff || !is_address(&report->source) ||
        report->dest.family != report->source.family ||
        (report->proto != IPPROTO_UDP && report->proto != IPPROTO_TCP)) {
        return false;
    }
    for (unsigned i = 0; i < m->nrecords; i++) {
        if (!is_record(m, &m->records[i])) {
            return false;
        }
    }
    return (report->kind == REPORT_DNS ? m->name_n > 0 : report->kind == REPORT_HELLO) &&
           are_printable(m, report->kind == REPORT_HELLO);
}
