/*
 * dns: the sensor of names: which process asked for which, what it was answered, and, through the state's names
 * (event/names.h), which connection followed.
 *
 * A packet socket sees UDP and TCP on port 53 of this process' network namespace; a process without rights
 * parses what comes (parser.h); a thread here finds out whose socket it was and makes events of the kinds
 * dns and tls. Everything that touches state or sink happens under the lock. Names are learned before
 * any rule that looks for one runs, however fast the program connects.
 *
 * Needs CAP_NET_RAW when made. Make it early: the parser's process is a fork of this one.
 */
#pragma once

#include "base/err.h"
#include "event/state.h"
#include "sensor/sink.h"

#include <pthread.h>

#define DNS_QUEUE_MAX 128 /* reports that wait for their owner to be found */

struct dns_config {
    struct state *state; /* borrowed; its names have one source at a time */
    struct sink sink;
    pthread_mutex_t *lock; /* of both; borrowed */
    bool tls;              /* names in ClientHellos of connections made from here, too */
};

struct dns_stats {
    uint64_t packets;         /* that the filter passed */
    uint64_t dropped;         /* lost because the parser was too slow */
    uint64_t malformed;       /* not DNS, though on its port; or a ClientHello that is none */
    uint64_t fragments;       /* first ones are read as far as they go, later ones not seen */
    uint64_t gaps;            /* of TCP: bytes that were never seen */
    uint64_t unsent, refused; /* reports lost; that the parser should not have sent */
    uint64_t repeated;        /* the same packet, seen at another interface */
    uint64_t queries, answers, hellos;
    uint64_t unasked;  /* answers to queries never seen: names in them are not believed */
    uint64_t unowned;  /* messages whose process is not known */
    uint64_t by_state; /* known only because its calls had been seen: the socket was gone */
    uint64_t searches, searches_refused; /* through all of /proc; too many a second */
    uint64_t learned, names;             /* addresses with their names: so often; now */
    uint64_t restarts;                   /* of the parser's process, after it died */
};

struct dns;

/* -EPERM: no packet socket. */
int dns_new(const struct dns_config *config, struct dns **ret, struct err *err);
void dns_free(struct dns *dns); /* not under the lock */
/* Takes the lock. */
void dns_get_stats(struct dns *dns, struct dns_stats *ret);
/* The parser's process, to be protected; it can change. -1 none. */
int64_t dns_parser_pid(struct dns *dns);
/* Waits until all packets that have arrived became events, at most timeout_ms. Not under the lock. */
void dns_drain(struct dns *dns, int timeout_ms);
