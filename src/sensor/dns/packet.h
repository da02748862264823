/*
 * packet: an IP packet's addresses, ports and payload, from untrusted bytes. Pure.
 *
 * IPv4 with options; IPv6 with up to PACKET_HEADERS_MAX extension headers. Of a fragmented datagram the first
 * fragment is told, marked; later ones are -EAGAIN.
 */
#pragma once

#include "event/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_HEADERS_MAX 8

enum { PACKET_FIN = 1, PACKET_SYN = 2, PACKET_RST = 4 };

struct packet {
    struct ip source, dest;
    uint16_t sport, dport;
    uint8_t proto; /* IPPROTO_UDP, IPPROTO_TCP */
    uint8_t flags; /* of TCP */
    bool fragment; /* the first of several */
    bool cut;      /* the payload is longer than what is here */
    uint32_t seq;  /* of TCP */
    const uint8_t *payload;
    size_t payload_n;
};

/* 0; -EPROTONOSUPPORT: neither UDP nor TCP; -EAGAIN: a later fragment; -EBADMSG. */
int packet_parse(const uint8_t *p, size_t n, struct packet *ret);
