/*
 * bell: something that requests wait for (HTTP_WAIT) without holding a thread.
 *
 * A handler looks at what is waited for, then calls reply_wait(). A ring since the handler was entered is not
 * missed: the handler is then called again at once. Any thread rings.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bell;

int bell_new(struct bell **ret);
void bell_free(struct bell *bell); /* nobody waits any more */
void bell_ring(struct bell *bell);

/* The other side, for those who carry waiting requests. */
struct bell_waiter {
    void (*wake)(
        struct bell_waiter *waiter); /* any thread, the bell locked: short, rings nothing */
    struct bell *bell;               /* NULL: it waits for none */
    struct bell_waiter *next, *previous;
};

/* A moment, for bell_wait(). */
uint64_t bell_moment(void);
/* False: it rang since that moment, and the waiter is not added. Woken once, then no longer waiting. */
bool bell_wait(struct bell *bell, struct bell_waiter *waiter, uint64_t since);
/* Afterwards wake() is neither running nor called any more. */
void bell_leave(struct bell *bell, struct bell_waiter *waiter);
