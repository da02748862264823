/*
 * bell: waiters in a list, and one count of rings for the whole process.
 *
 * A bell remembers the count of its last ring. Who is about to look takes the count as it is; a bell that rang
 * later has a higher one, so a ring between looking and waiting is seen when the waiter is added. A waiter is
 * taken off the list before it is woken, all under the bell's lock; bell_leave() takes that lock too, so a waiter
 * may be reused when it returns.
 */
#include "server/bell.h"

#include "base/arena.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct bell {
    pthread_mutex_t lock;
    uint64_t rang;
    struct bell_waiter *first;
};

static atomic_uint_fast64_t rings = 1;

int bell_new(struct bell **ret)
{
    struct bell *bell = mem_zalloc(sizeof *bell);
    if (!bell) {
        return -ENOMEM;
    }
    pthread_mutex_init(&bell->lock, NULL);
    *ret = bell;
    return 0;
}

void bell_free(struct bell *bell)
{
    if (bell) {
        pthread_mutex_destroy(&bell->lock);
        free(bell);
    }
}

static void take_off(struct bell *bell, struct bell_waiter *waiter)
{
    if (waiter->previous) {
        waiter->previous->next = waiter->next;
    } else {
        bell->first = waiter->next;
    }
    if (waiter->next) {
        waiter->next->previous = waiter->previous;
    }
    waiter->bell = NULL;
    waiter->next = waiter->previous = NULL;
}

void bell_ring(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->rang = atomic_fetch_add(&rings, 1) + 1;
    while (bell->first) {
        struct bell_waiter *waiter = bell->first;
        take_off(bell, waiter);
        waiter->wake(waiter);
    }
    pthread_mutex_unlock(&bell->lock);
}

uint64_t bell_moment(void)
{
    return atomic_load(&rings);
}

bool bell_wait(struct bell *bell, struct bell_waiter *waiter, uint64_t since)
{
    pthread_mutex_lock(&bell->lock);
    bool waits = bell->rang <= since;
    if (waits) {
        waiter->bell = bell;
        waiter->previous = NULL;
        waiter->next = bell->first;
        if (bell->first) {
            bell->first->previous = waiter;
        }
        bell->first = waiter;
    }
    pthread_mutex_unlock(&bell->lock);
    return waits;
}

void bell_leave(struct bell *bell, struct bell_waiter *waiter)
{
    pthread_mutex_lock(&bell->lock);
    if (waiter->bell == bell) {
        take_off(bell, waiter);
    }
    pthread_mutex_unlock(&bell->lock);
}
