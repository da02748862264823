/*
 * question: queries that wait for their answers, so that an answer has its asker and its delay, and nobody's
 * word is taken who was not asked. Bounded: the oldest gives way.
 */
#pragma once

#include "sensor/dns/report.h"

#define QUESTIONS_MAX        1024
#define QUESTION_WAYS        8 /* places that one question can have */
#define QUESTION_LIFE_NS     (UINT64_C(30) * 1000000000)
#define QUESTION_PREVIOUS    32
#define QUESTION_REPEATED_NS (UINT64_C(1) * 1000000000)

struct question {
    uint64_t ts_ns; /* 0: free */
    uint64_t hash;  /* of client, id, protocol and name */
    struct ip server;
    int64_t pid; /* who asked; -1 not known (yet) */
};

/* A report seen before, at another interface: passed on through this namespace. */
struct previous {
    uint64_t hash, ts_ns;
    int32_t interface;
};

struct questions {
    struct question list[QUESTIONS_MAX];
    struct previous previous[QUESTION_PREVIOUS];
    unsigned next_previous;
};

/* The same message as one just seen at another interface? Remembers it. */
bool question_is_repeated(struct questions *questions, const struct dns_report *report,
                          uint64_t now_ns);
/* A query: where it is kept. Never NULL; what was there is lost. */
struct question *question_ask(struct questions *questions, const struct dns_report *report,
                              uint64_t now_ns);
/* The query that this answers, NULL: nobody asked this server. Stays: answers may come twice. */
struct question *question_answered(struct questions *questions, const struct dns_report *report,
                                   uint64_t now_ns);
/* The client's and the server's ends of a message. */
const struct ip *report_client(const struct dns_report *report, uint16_t *ret_port);
const struct ip *report_server(const struct dns_report *report, uint16_t *ret_port);
