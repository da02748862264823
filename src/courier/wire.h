/*
 * wire: the messages between a server and its courier, over a stream.
 *
 *     message = size (4 bytes, of what follows)  kind (4)  id (8)  fields
 *     text    = size (4)  bytes  NUL
 *
 * Numbers are the machine's own. What was decoded points into the message; each text is followed by a NUL.
 */
#pragma once

#include "base/buf.h"
#include "courier/address.h"

#define WIRE_HEAD        4
#define WIRE_MESSAGE_MAX ((size_t)6 << 20)
#define WIRE_ALLOW_MAX   256

enum wire_kind {
    WIRE_OPTIONS = 1, /* to the courier, first */
    WIRE_REQUEST,     /* to the courier */
    WIRE_ANSWER,      /* from it */
    WIRE_LEAVE,       /* from it: what has no answer was not begun; another process comes */
};

struct wire_request {
    struct courier_request request; /* headers and to point to those below */
    struct courier_header headers[COURIER_HEADERS_MAX];
    struct str to[COURIER_TO_MAX];
};

struct wire_options {
    bool allow_private;
    struct address_network allow[WIRE_ALLOW_MAX];
    unsigned nallow;
    struct str proxy, ca, agent;
};

/* Size of the first message in `stream`, with its head; 0: not whole yet; SIZE_MAX: no message of ours. */
size_t wire_size(struct str stream);
/* 0: too short. */
uint32_t wire_kind(struct str message, uint64_t *ret_id);

/* Appended; a failed buffer says that it did not fit. */
void wire_put_request(struct buf *buf, uint64_t id, const struct courier_request *request);
void wire_put_options(struct buf *buf, const struct courier_options *options);
void wire_put_answer(struct buf *buf, uint64_t id, const struct courier_answer *answer);
void wire_put_leave(struct buf *buf);

bool wire_get_request(struct str message, struct wire_request *ret);
bool wire_get_options(struct str message, struct wire_options *ret);
/* Texts of an answer come from a process that talks to anybody: they are bounded and free of control characters. */
bool wire_get_answer(struct str message, struct courier_answer *ret);
