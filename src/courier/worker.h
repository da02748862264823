/*
 * worker: the process that talks to others.
 */
#pragma once

#include "base/map.h"
#include "courier/check.h"
#include "courier/wire.h"

#include <curl/curl.h>

#define WORKER_ANSWERS_MAX ((size_t)64 << 20)  /* bodies of answers, all together */
#define HEADERS_BYTES_MAX  ((size_t)128 << 10) /* of one answer, whatever comes before its last */

struct worker;

/* One exchange. */
struct transfer {
    struct transfer *next; /* waiting */
    struct worker *worker;
    uint64_t id;
    char *message; /* what `wire` points into; overwritten when it is freed */
    size_t nmessage;
    struct wire_request wire;
    struct target target;
    uint64_t key; /* of the target: who shares it waits for the other */
    uint64_t came_ns, begun_ns;
    CURL *easy;
    struct curl_slist *headers, *to;
    size_t sent;       /* of a mail's body */
    struct buf answer; /* body */
    size_t nheaders;   /* bytes of headers that came */
    bool too_large, connected;
    char refused[64]; /* an address that may not be connected to */
    char address[64];
    char line[COURIER_TEXT_MAX]; /* the last of a mail server */
    char error[CURL_ERROR_SIZE];
};

struct worker {
    int socket;
    bool ends, has_options;
    CURLM *multi;
    char *options_message;
    struct wire_options options;
    struct buf in, out;
    size_t out_sent;
    struct transfer *waiting, **last;
    unsigned nwaiting, nrunning;
    struct transfer *running[COURIER_RUNNING_MAX];
    size_t answer_bytes;
    uint64_t looked_ns;
    uint64_t names[3]; /* of the files that names are looked up with */
};

/* Until the server is gone. The exit status. */
int worker_run(int socket);

/* transfer.c. A message of kind WIRE_REQUEST, copied. NULL: out of memory or not well-formed. */
struct transfer *transfer_new(struct worker *worker, struct str message);
void transfer_free(struct transfer *transfer);
bool transfer_begin(struct transfer *transfer);
/* What came of it; the body is the transfer's. */
void transfer_judge(struct transfer *transfer, CURLcode code, struct courier_answer *ret);

/* sandbox.c. No rights, no files but those for names and certificates, no programs, no listening. */
void courier_confine(void);
