/*
 * report: what the parser's process tells the sensor: one datagram of fixed layout for each message, and
 * counters in memory that both see. The sensor believes neither: dns_report_check() before anything is used.
 */
#pragma once

#include "event/value.h"
#include "sensor/dns/message.h"

#include <stdatomic.h>

enum dns_report_kind { REPORT_DNS = 1, REPORT_HELLO = 2 };

struct dns_report {
    uint8_t kind;  /* enum dns_report_kind */
    uint8_t proto; /* IPPROTO_UDP, IPPROTO_TCP */
    uint16_t sport, dport;
    int32_t interface;
    uint64_t ts_ns; /* when the kernel saw it, since 1970; 0 not known */
    struct ip source, dest;
    struct dns_message message; /* last: sent as far as its texts go */
};

/* Written by the parser's process. */
struct dns_shared {
    atomic_uint busy; /* it may have taken packets whose reports are not sent yet */
    atomic_ulong packets, malformed, fragments, gaps, unsent;
};

/* Bytes of a report to be sent. */
size_t dns_report_size(const struct dns_report *report);
/* Is a received datagram of n bytes a report, all of whose numbers, offsets and texts are within bounds? */
bool dns_report_check(const struct dns_report *report, size_t n);
