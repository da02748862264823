/*
 * tap: a packet socket that sees DNS, and, if wanted, the first message of TLS connections made here.
 *
 *     on the loopback interface only what is sent, or each packet would be seen twice
 *     IPv4: no later fragments; UDP or TCP from or to port 53, or 127.0.0.11 (Docker's resolver, whose port
 *           is rewritten before a packet is seen)
 *     IPv6: UDP or TCP from or to port 53; whatever has extension headers
 *     TLS:  TCP that is sent and whose payload begins as a ClientHello does
 *
 * Needs CAP_NET_RAW once. Nothing is ever sent by it.
 */
#pragma once

#include "base/err.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#define TAP_PROGRAM_MAX 96
#define TAP_LOOPBACK    1 /* number of the loopback interface in every network namespace */

/* A descriptor (non-blocking, close-on-exec), or -EPERM and others with the reason. */
int tap_open(bool tls, struct err *err);
/* The filter; returns its length. */
unsigned tap_program(bool tls, struct sock_filter ret[TAP_PROGRAM_MAX]);
/* Packets that found the socket's buffer full since the last time. */
uint64_t tap_drops(int fd);
/* Is a packet waiting? */
bool tap_has_packet(int fd);
