/*
 * parse: one packet becomes reports: IP, then DNS over UDP, DNS over TCP by way of streams, or a ClientHello.
 *
 * Whoever has port 53 is the server; where both have, or Docker's resolver hides it, the message itself says
 * whether it is an answer. Nothing is allocated; counters are shared with the sensor.
 */
#include "sensor/dns/hello.h"
#include "sensor/dns/packet.h"
#include "sensor/dns/parser.h"
#include "sensor/dns/stream.h"

#include <errno.h>
#include <netinet/in.h>

#define PORT 53

struct parse {
    struct dns_shared *shared;
    struct parse_sink sink;
    const struct packet *packet; /* the present one */
    struct parse_origin origin;
    struct dns_report report;
    struct streams streams;
};

size_t parse_size(void)
{
    return sizeof(struct parse);
}

void parse_init(struct parse *parse, struct dns_shared *shared, struct parse_sink sink)
{
    parse->shared = shared;
    parse->sink = sink;
}

static bool is_docker(const struct ip *ip)
{
    static const uint8_t address[4] = { 127, 0, 0, 11 };
    return ip->family == 4 && memcmp(ip->bytes, address, sizeof(address)) == 0;
}

static bool is_server(const struct ip *ip, uint16_t port)
{
    return port == PORT || is_docker(ip);
}

static void tell(struct parse *parse, uint8_t kind)
{
    const struct packet *packet = parse->packet;
    struct dns_report *report = &parse->report;
    report->kind = kind;
    report->proto = packet->proto;
    report->interface = parse->origin.interface;
    report->ts_ns = parse->origin.ts_ns;
    report->source = packet->source;
    report->dest = packet->dest;
    report->sport = packet->sport;
    report->dport = packet->dport;
    report->message.cut |= packet->cut || packet->fragment;
    parse->sink.report(parse->sink.data, report);
}

static void malformed(struct parse *parse)
{
    atomic_fetch_add_explicit(&parse->shared->malformed, 1, memory_order_relaxed);
}

static void dns(void *data, const uint8_t *p, size_t n, bool cut)
{
    struct parse *parse = data;
    const struct packet *packet = parse->packet;
    struct dns_message *m = &parse->report.message;
    if (dns_message_parse(p, n, m) < 0 ||
        (m->response ? !is_server(&packet->source, packet->sport)
                     : !is_server(&packet->dest, packet->dport))) {
        malformed(parse);
        return;
    }
    m->cut |= cut;
    tell(parse, REPORT_DNS);
}

static void hello(struct parse *parse)
{
    const struct packet *packet = parse->packet;
    if (packet->fragment ||
        hello_parse(packet->payload, packet->payload_n, &parse->report.message) < 0) {
        malformed(parse);
        return;
    }
    tell(parse, REPORT_HELLO);
}

static void transport(struct parse *parse, const struct packet *packet)
{
    bool to_server = is_server(&packet->dest, packet->dport);
    if (packet->proto == IPPROTO_UDP) {
        if (to_server || is_server(&packet->source, packet->sport)) {
            dns(parse, packet->payload, packet->payload_n, false);
        }
    } else if (to_server || is_server(&packet->source, packet->sport)) {
        uint64_t lost = parse->streams.lost;
        streams_add(&parse->streams, packet, (struct stream_sink){ dns, parse });
        atomic_fetch_add_explicit(&parse->shared->gaps, parse->streams.lost - lost,
                                  memory_order_relaxed);
    } else if (packet->payload_n > 0) {
        hello(parse);
    }
}

void parse_packet(struct parse *parse, const uint8_t *p, size_t n, struct parse_origin origin)
{
    struct packet packet;
    int r = packet_parse(p, n, &packet);
    atomic_fetch_add_explicit(&parse->shared->packets, 1, memory_order_relaxed);
    if (r == -EAGAIN || (r == 0 && packet.fragment)) {
        atomic_fetch_add_explicit(&parse->shared->fragments, 1, memory_order_relaxed);
    }
    if (r == -EBADMSG) {
        malformed(parse);
    }
    if (r == 0) {
        parse->packet = &packet;
        parse->origin = origin;
        transport(parse, &packet);
        parse->packet = NULL;
    }
}
