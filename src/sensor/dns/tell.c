/*
 * tell: reports as events, in the layouts of kinds dns and tls, and as names of addresses.
 *
 * A query has no result; an answer has one (NOERROR, ...) even if it is empty. Only answers to a query that was
 * seen are believed, and of those only records that the asked name leads to.
 */
#include "sensor/dns/dns_internal.h"

#include "event/names.h"
#include "event/sockaddr.h"

#include <netinet/in.h>

#define ADDRESS_TEXT 64

static void put_sockaddr(struct made_event *made, const struct ip *ip, uint16_t port)
{
    uint8_t p[19] = { ip->family == 4 ? FAMILY_INET : FAMILY_INET6 };
    size_t n = ip->family == 4 ? 4 : 16;
    memcpy(p + 1, ip->bytes, n);
    memcpy(p + 1 + n, &port, sizeof(port));
    made_bytes(made, p, 1 + n + sizeof(port));
}

static void put_tuple(struct made_event *made, const struct dns_report *r)
{
    uint8_t p[37] = { r->source.family == 4 ? FAMILY_INET : FAMILY_INET6 };
    size_t n = r->source.family == 4 ? 4 : 16;
    memcpy(p + 1, r->source.bytes, n);
    memcpy(p + 1 + n, &r->sport, 2);
    memcpy(p + 3 + n, r->dest.bytes, n);
    memcpy(p + 3 + 2 * n, &r->dport, 2);
    made_bytes(made, p, 5 + 2 * n);
}

static struct ip address_of(const struct dns_record *record)
{
    struct ip ip = { .family = record->family };
    memcpy(ip.bytes, record->address, record->family == 4 ? 4 : 16);
    return ip;
}

/* Addresses and texts, a NUL behind each. */
static void put_answers(struct made_event *made, const struct dns_message *m)
{
    char storage[DNS_TEXTS_MAX + DNS_RECORDS_MAX * ADDRESS_TEXT];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    for (unsigned i = 0; i < m->nrecords; i++) {
        const struct dns_record *record = &m->records[i];
        struct ip ip = address_of(record);
        if (record->family) {
            ip_text(&buf, &ip);
        } else {
            buf_put(&buf, m->texts + record->text_at, record->text_n);
        }
        buf_putc(&buf, '\0');
    }
    made_bytes(made, buf.p, buf.n);
}

static void put_dns(struct made_event *made, const struct told *told)
{
    const struct dns_report *r = &told->report;
    const struct dns_message *m = &r->message;
    char type[DNS_CODE_TEXT], rcode[DNS_CODE_TEXT];
    uint16_t port;
    const struct ip *server = report_server(r, &port);
    made_str(made, (struct str){ m->texts, m->name_n });
    made_str(made, (struct str){ type, dns_type_text(m->type, type) });
    made_str(made, (struct str){ rcode, m->response ? dns_rcode_text(m->rcode, rcode) : 0 });
    put_answers(made, m);
    put_sockaddr(made, server, port);
    made_int(made, r->proto);
    made_int(made, m->id);
    made_int(made, (int64_t)told->latency_ns);
}

static void put_hello(struct made_event *made, const struct told *told)
{
    const struct dns_message *m = &told->report.message;
    made_str(made, (struct str){ m->texts, m->name_n });
    put_tuple(made, &told->report);
    made_bytes(made, m->texts + m->name_n, m->texts_n - m->name_n);
    made_int(made, m->id);
}

void tell_event(struct dns *dns, const struct told *told)
{
    bool is_dns = told->report.kind == REPORT_DNS;
    struct made_event *made = dns->made;
    made_begin(made, is_dns ? KIND_DNS_X : KIND_TLS_X, told->pid, told->ts_ns);
    if (is_dns) {
        put_dns(made, told);
    } else {
        put_hello(made, told);
    }
    made_done(made);
    made->event.via = VIA_NETWORK;
    made->event.outcome = OUTCOME_REPORTED;
    made->event.truncated = told->report.message.cut;
    dns->config.sink.event(dns->config.sink.data, &made->event);
}

unsigned tell_names(struct state *state, const struct told *told)
{
    const struct dns_message *m = &told->report.message;
    unsigned learned = 0;
    if (told->report.kind != REPORT_DNS || !m->response || !told->question || m->rcode != 0) {
        return 0;
    }
    for (unsigned i = 0; i < m->nrecords; i++) {
        const struct dns_record *record = &m->records[i];
        if (record->family && record->linked) {
            struct name_fact fact = { .ip = address_of(record),
                                      .name = { m->texts, m->name_n },
                                      .pid = told->pid,
                                      .ttl_s = record->ttl,
                                      .ts_ns = told->ts_ns };
            learned += state_learn_name(state, &fact) == 0;
        }
    }
    return learned;
}

void tell_process(struct dns *dns, int64_t pid)
{
    struct state *state = dns->config.state;
    if (state_thread(state, pid) || live_lineage_add(state, dns->scratch, pid) < 0) {
        return;
    }
    const struct thread *thread = state_thread(state, pid);
    if (thread && dns->config.sink.met) {
        dns->config.sink.met(dns->config.sink.data, thread);
    }
}
