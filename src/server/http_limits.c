/*
 * http_limits: token buckets and counts of connections, by a hash of whom they are for.
 *
 * A table has sets of four places. A bucket is a moment: when it will be full again; a request moves it on by the
 * time one takes. One that lies in the past is full, which is what a new one would be: its place is free. When
 * all four of a set are busy the least busy one is shared with the newcomer, so nobody gets more than allowed by
 * coming from many addresses. Connections are counted likewise; there a place is free at zero.
 */
#include "server/http_limits.h"

#include "base/arena.h"
#include "base/clock.h"
#include "server/config.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SETS       4096
#define PLACES     4
#define BURST_S    2 /* a bucket holds what is allowed in so many seconds */
#define IPV6_BYTES 8 /* one client has a /64 */

struct bucket {
    uint64_t key, full_ns;
};

struct table {
    pthread_mutex_t lock;
    uint64_t step_ns; /* of one request */
    struct bucket places[SETS][PLACES];
};

struct counted {
    uint64_t key;
    uint32_t n;
};

struct limits {
    struct table addresses, principals;
    pthread_mutex_t lock;
    struct counted connections[SETS][PLACES];
    uint32_t per_address;
    atomic_uint_fast64_t bodies;
};

int http_limits_new(const struct server_config *config, struct limits **ret)
{
    struct limits *limits = mem_zalloc(sizeof *limits);
    if (!limits) {
        return -ENOMEM;
    }
    uint32_t address = config->rate_per_address ? config->rate_per_address : LIMITS_RATE_ADDRESS;
    uint32_t principal =
        config->rate_per_principal ? config->rate_per_principal : LIMITS_RATE_PRINCIPAL;
    limits->addresses.step_ns = NS_PER_S / address;
    limits->principals.step_ns = NS_PER_S / principal;
    limits->per_address =
        config->connections_per_address ? config->connections_per_address : LIMITS_PER_ADDRESS;
    pthread_mutex_init(&limits->addresses.lock, NULL);
    pthread_mutex_init(&limits->principals.lock, NULL);
    pthread_mutex_init(&limits->lock, NULL);
    *ret = limits;
    return 0;
}

void http_limits_free(struct limits *limits)
{
    if (limits) {
        pthread_mutex_destroy(&limits->addresses.lock);
        pthread_mutex_destroy(&limits->principals.lock);
        pthread_mutex_destroy(&limits->lock);
        free(limits);
    }
}

/* Seeded at random: nobody chooses whom to share a place with. Never 0. */
static uint64_t address_key(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        return str_hash(str_from(&in->sin_addr, sizeof(in->sin_addr))) | 1;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    return str_hash(mapped ? str_from(in6->sin6_addr.s6_addr + 12, 4)
                           : str_from(in6->sin6_addr.s6_addr, IPV6_BYTES)) |
           1;
}

static struct bucket *place_of(struct table *table, uint64_t key)
{
    struct bucket *set = table->places[(key >> 8) % SETS], *least = set;
    for (unsigned i = 0; i < PLACES; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (set[i].full_ns < least->full_ns) {
            least = &set[i];
        }
    }
    least->key = key;
    return least;
}

static unsigned take(struct table *table, uint64_t key, uint64_t now_ns)
{
    unsigned wait_s = 0;
    pthread_mutex_lock(&table->lock);
    struct bucket *bucket = place_of(table, key);
    uint64_t full = bucket->full_ns > now_ns ? bucket->full_ns : now_ns;
    if (full + table->step_ns > now_ns + BURST_S * NS_PER_S) {
        wait_s = 1;
    } else {
        bucket->full_ns = full + table->step_ns;
    }
    pthread_mutex_unlock(&table->lock);
    return wait_s;
}

unsigned limits_take_address(struct limits *limits, const struct sockaddr_storage *address,
                             uint64_t now_ns)
{
    return take(&limits->addresses, address_key(address), now_ns);
}

unsigned limits_take_principal(struct limits *limits, struct str who, uint64_t now_ns)
{
    return take(&limits->principals, str_hash(who) | 1, now_ns);
}

/* The address's own place; else a free one; else the emptiest. */
static struct counted *count_of(struct limits *limits, uint64_t key)
{
    struct counted *set = limits->connections[(key >> 8) % SETS], *least = set;
    for (unsigned i = 0; i < PLACES; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (set[i].n < least->n) {
            least = &set[i];
        }
    }
    return least;
}

int limits_connect(struct limits *limits, const struct sockaddr_storage *address)
{
    uint64_t key = address_key(address);
    int place = -1;
    pthread_mutex_lock(&limits->lock);
    struct counted *counted = count_of(limits, key);
    if (counted->n < limits->per_address) {
        counted->key = counted->n ? counted->key : key;
        counted->n++;
        place = (int)(counted - &limits->connections[0][0]);
    }
    pthread_mutex_unlock(&limits->lock);
    return place;
}

void limits_disconnect(struct limits *limits, int place)
{
    if (place >= 0) {
        pthread_mutex_lock(&limits->lock);
        limits->connections[place / PLACES][place % PLACES].n--;
        pthread_mutex_unlock(&limits->lock);
    }
}

bool limits_take_body(struct limits *limits, uint64_t bytes)
{
    if (atomic_fetch_add(&limits->bodies, bytes) + bytes > LIMITS_BODIES_MAX) {
        atomic_fetch_sub(&limits->bodies, bytes);
        return false;
    }
    return true;
}

void limits_give_body(struct limits *limits, uint64_t bytes)
{
    atomic_fetch_sub(&limits->bodies, bytes);
}
