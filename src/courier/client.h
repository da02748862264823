/*
 * client: the server's side: calls that wait, were sent, and are answered.
 */
#pragma once

#include "base/map.h"
#include "courier/wire.h"

#include <pthread.h>

struct call {
    struct call *next;     /* waiting */
    uint64_t id, until_ns; /* when it is given up */
    courier_done *done;
    void *context;
    struct buf message;
};

struct courier {
    int control, wake;
    pthread_t thread;
    bool runs;            /* the thread */
    pthread_mutex_t lock; /* of the members up to `bytes` */
    bool closed;
    struct call *first, **last;
    unsigned ncalls; /* waiting and sent */
    size_t bytes;    /* of their messages */
    uint64_t next_id;
    struct map sent;      /* from here on: the thread's */
    int socket;           /* -1: no worker */
    bool leaves;          /* the worker said so */
    struct call *writing; /* a part of it was written */
    size_t written;
    struct buf options, in;
    size_t options_written;
};

/* client_loop.c: the thread. */
void *client_loop(void *courier);
/* client.c */
void client_answer_call(struct courier *courier, struct call *call,
                        const struct courier_answer *answer);
void client_end_call(struct courier *courier, struct call *call, enum courier_outcome outcome,
                     const char *text);
