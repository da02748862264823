/*
 * made_event: events made by hand, for tests, generators and the fake sensor.
 *
 *     struct made_event m;
 *     made_begin(&m, KIND_OPENAT_2_X, tid, ts_ns);
 *     made_int(&m, fd); made_int(&m, AT_FDCWD); made_text(&m, "/etc/passwd"); ...
 *     made_done(&m);     then m.event is one
 *
 * Parameters are appended in the order of the kind's table; made_int() takes its width from there.
 * What does not fit is left out and `overflow` set. The event borrows the storage it lies in.
 */
#pragma once

#include "event/event.h"

#define MADE_DATA_MAX (256 << 10) /* argv and environment of an exec, and the rest */

struct made_event {
    struct event event;
    size_t n;
    bool overflow;
    uint8_t data[MADE_DATA_MAX];
};

void made_begin(struct made_event *made, uint16_t kind, int64_t tid, uint64_t ts_ns);
void made_int(struct made_event *made, int64_t value);
void made_bytes(struct made_event *made, const void *p, size_t n);
void made_text(struct made_event *made, const char *text); /* with its NUL */
void made_str(struct made_event *made, struct str text);   /* and a NUL */
/* Sockets in the format's encoding; addresses of 4 bytes, ports in host order. */
void made_sockaddr4(struct made_event *made, const uint8_t ip[4], uint16_t port);
void made_tuple4(struct made_event *made, const uint8_t sip[4], uint16_t sport,
                 const uint8_t dip[4], uint16_t dport);
void made_done(struct made_event *made);
