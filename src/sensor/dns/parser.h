/*
 * parser: the process that reads packets: no rights, no files, four system calls.
 *
 * It is forked from this one, so it should be made early, while this one is small. It has nobody's user id
 * where it may, no capabilities, no_new_privs, and a seccomp filter that lets it receive from the tap, send to
 * its parent, wait and exit. It ends with its parent's socket.
 */
#pragma once

#include "base/err.h"
#include "sensor/dns/report.h"

struct parser {
    int64_t pid; /* -1: none */
    int socket;  /* reports come here; -1 */
};

/* `tap` is what it reads; `shared` is memory that both see. */
int parser_start(struct parser *parser, int tap, struct dns_shared *shared, struct err *err);
/* Ends it, if it is not over already; returns its status as of wait(2). */
int parser_stop(struct parser *parser);

/* What it does with a packet: for tests and fuzzing. report() is called for each message. */
struct parse;
struct parse_sink {
    void (*report)(void *data, const struct dns_report *report);
    void *data;
};
size_t parse_size(void);
/* Where and when it was seen. */
struct parse_origin {
    int32_t interface;
    uint64_t ts_ns;
};
void parse_packet(struct parse *parse, const uint8_t *p, size_t n, struct parse_origin origin);
/* Zeroed memory of parse_size() bytes, ready. */
void parse_init(struct parse *parse, struct dns_shared *shared, struct parse_sink sink);
