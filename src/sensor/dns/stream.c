/*
 * stream: segments that continue what is known are appended, repeated ones trimmed, those after a gap begin
 * anew (their first bytes are taken for a length: the parser refuses what is none).
 */
#include "sensor/dns/stream.h"

#include <string.h>

static bool is_of(const struct stream *s, const struct packet *p)
{
    return s->sport == p->sport && s->dport == p->dport &&
           memcmp(&s->source, &p->source, sizeof(s->source)) == 0 &&
           memcmp(&s->dest, &p->dest, sizeof(s->dest)) == 0;
}

static struct stream *find(struct streams *streams, const struct packet *packet)
{
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        struct stream *s = &streams->list[i];
        if (s->source.family && is_of(s, packet)) {
            return s;
        }
    }
    return NULL;
}

static struct stream *make(struct streams *streams, const struct packet *packet)
{
    struct stream *oldest = &streams->list[0];
    for (unsigned i = 0; i < STREAMS_MAX && oldest->source.family; i++) {
        struct stream *s = &streams->list[i];
        bool older = (int32_t)(s->touch - oldest->touch) < 0;
        oldest = !s->source.family || older ? s : oldest;
    }
    oldest->source = packet->source;
    oldest->dest = packet->dest;
    oldest->sport = packet->sport;
    oldest->dport = packet->dport;
    oldest->n = oldest->skip = 0;
    return oldest;
}

/* Bytes of the message begun, with its length; 0 not known yet. */
static uint32_t wanted(const struct stream *s)
{
    return s->n < 2 ? 0 : 2u + (uint32_t)(s->bytes[0] << 8 | s->bytes[1]);
}

/* Takes what belongs to the present message; returns how much. */
static size_t take(struct stream *s, const uint8_t *p, size_t n)
{
    uint32_t want = wanted(s);
    size_t missing = want ? want - s->n : 2 - s->n;
    size_t room = STREAM_BYTES - s->n;
    size_t taken = n < missing ? n : missing;
    taken = taken < room ? taken : room;
    memcpy(s->bytes + s->n, p, taken);
    s->n += (uint32_t)taken;
    return taken;
}

static void append(struct stream *s, const uint8_t *p, size_t n, struct stream_sink sink)
{
    while (n > 0) {
        size_t taken = s->skip < n ? s->skip : n;
        if (s->skip > 0) {
            s->skip -= (uint32_t)taken;
        } else {
            taken = take(s, p, n);
        }
        p += taken;
        n -= taken;
        uint32_t want = wanted(s);
        if (want && (s->n == want || s->n == STREAM_BYTES)) {
            sink.message(sink.data, s->bytes + 2, s->n - 2, s->n < want);
            s->skip = want - s->n;
            s->n = 0;
        }
    }
}

void streams_add(struct streams *streams, const struct packet *packet, struct stream_sink sink)
{
    struct stream *s = find(streams, packet);
    const uint8_t *p = packet->payload;
    size_t n = packet->payload_n;
    uint32_t seq = packet->seq;
    if (packet->flags & PACKET_SYN) {
        s = s ? s : make(streams, packet);
        s->next = ++seq;
        s->n = s->skip = 0;
    } else if (!s && n > 0) {
        s = make(streams, packet);
        s->next = seq;
    }
    if (!s) {
        return;
    }
    s->touch = ++streams->touch;
    int32_t ahead = (int32_t)(seq - s->next);
    if (ahead > 0 && n > 0) {
        streams->lost++;
        s->n = s->skip = 0;
        s->next = seq;
    } else if (ahead < 0) {
        size_t known = (size_t) - (int64_t)ahead;
        known = known < n ? known : n;
        p += known;
        n -= known;
    }
    if (n > 0) {
        s->next += (uint32_t)n;
        append(s, p, n, sink);
        if (packet->cut) {
            s->n = s->skip = 0;
        }
    }
    if (packet->flags & (PACKET_FIN | PACKET_RST)) {
        s->source.family = 0;
    }
}
