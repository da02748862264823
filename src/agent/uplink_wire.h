/*
 * uplink_wire: what the agent and its uplink process say to each other, over a socket pair of whole messages.
 *
 * Each message is one struct of fixed size, with at most one descriptor: bodies of any size travel in memory
 * files. The agent believes nothing of it: numbers are checked against what it handed out, texts are cut,
 * bodies are copied before they are looked at, bundles are verified by their signature.
 */
#pragma once

#include "agent/spool_record.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define UPLINK_TEXT_MAX    4096
#define UPLINK_REFUSED_MAX 32
#define UPLINK_ID_MAX      64
#define UPLINK_SECRET_MAX  256
#define UPLINK_ANSWER_MAX  ((size_t)64 << 10) /* of the server, but bundles */
#define UPLINK_BUNDLE_MAX  ((size_t)64 << 20)
#define UPLINK_STATUS_MAX  ((size_t)1 << 20) /* of a heartbeat */
#define UPLINK_WAIT_MOST_S 60                /* of a poll; the server's */

enum uplink_type {
    /* of the agent */
    UPLINK_IDENTITY = 1, /* id, secret: the agent's id and credential */
    UPLINK_ENROL,        /* secret: the token; text: the body */
    UPLINK_BATCH,        /* first, last, at, end; lost; refused; id: the spool's; fd: the segment */
    UPLINK_HEARTBEAT,    /* end: bytes; fd: the body */
    UPLINK_ORDER,        /* first: its number; text: the body */
    UPLINK_POLL, /* first: the bundle's version that is there; last: the last order done; end: seconds */
    /* of the uplink */
    UPLINK_READY,
    UPLINK_DONE, /* what: the request; status */
};

struct uplink_message {
    uint32_t type, what;
    uint32_t status;  /* of HTTP; 0: no answer, text says why */
    uint32_t retry_s; /* Retry-After; 0: none */
    uint64_t first, last, at, end;
    uint64_t lost;   /* records from here to `first` - 1 are told as lost; 0: none */
    uint64_t number; /* of the answer: ack, expect, record, version; 0: none */
    uint32_t nrefused;
    uint32_t unused;
    uint64_t refused[UPLINK_REFUSED_MAX]; /* told as refused */
    char id[UPLINK_ID_MAX];
    char secret[UPLINK_SECRET_MAX];
    char text[UPLINK_TEXT_MAX]; /* reasons; of answers: their code; of a bundle: its type */
    char code[UPLINK_ID_MAX];
};

/* fd -1: none; it stays the caller's. 0 or -errno: -EPIPE the other side is gone. */
int uplink_send(int socket, const struct uplink_message *message, int fd);
/* 1: one; 0: none waits; -errno. *ret_fd: -1 or the caller's to close. Texts end. */
int uplink_receive(int socket, struct uplink_message *ret, int *ret_fd);
/* A memory file of these bytes. */
int uplink_body(struct str bytes);
/* Copies a body; -EFBIG. */
int uplink_body_read(int fd, uint64_t n, size_t max, struct buf *buf);
