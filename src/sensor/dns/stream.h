/*
 * stream: DNS messages of TCP connections, put together from segments in order. Bounded: so many directions
 * of connections at once, the oldest gives way; of a message longer than STREAM_BYTES its beginning.
 */
#pragma once

#include "sensor/dns/packet.h"

#define STREAMS_MAX  64
#define STREAM_BYTES 16384

struct stream {
    struct ip source, dest; /* family 0: free */
    uint16_t sport, dport;
    uint32_t next;  /* sequence number of the byte that is awaited */
    uint32_t touch; /* grows: when it was used last */
    uint32_t n;     /* bytes of the message begun, with the two of its length */
    uint32_t skip;  /* bytes of a message that are not kept */
    uint8_t bytes[STREAM_BYTES];
};

struct streams {
    uint32_t touch;
    uint64_t lost; /* gaps: what they held is not known */
    struct stream list[STREAMS_MAX];
};

struct stream_sink {
    void (*message)(void *data, const uint8_t *p, size_t n, bool cut);
    void *data;
};

/* A segment of TCP; calls sink.message for each message that it completes. A zeroed struct is empty. */
void streams_add(struct streams *streams, const struct packet *packet, struct stream_sink sink);
