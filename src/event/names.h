/*
 * names: what answers to DNS queries have told about addresses, so that a connection carries the name that was
 * asked for. Nothing is ever resolved here.
 *
 * Part of the state: same writer, same lock. Names are kept as long as the answer allows, but at least
 * NAMES_TTL_MIN_NS (programs keep addresses longer than they should) and at most NAMES_TTL_MAX_NS. Several
 * names can lead to one address: the one that the process itself asked for comes first (or that was asked
 * for just now by nobody knows whom), then its container's, then anybody's; among those the newest.
 */
#pragma once

#include "event/state.h"

#define NAMES_ADDRESSES_MAX   16384
#define NAMES_PER_ADDRESS_MAX 4
#define NAMES_TTL_MIN_NS      (UINT64_C(300) * 1000000000)
#define NAMES_TTL_MAX_NS      (UINT64_C(86400) * 1000000000)
#define NAMES_ASKERS          256 /* sockets remembered that were used to ask */

struct name_fact {
    struct ip ip;
    struct str name;
    int64_t pid; /* who asked; -1 not known */
    uint32_t ttl_s;
    uint64_t ts_ns; /* of the answer */
};

/* 0, -ENOMEM (counted in the state's out_of_memory), -EINVAL: no address or no name. Of an answer known already only the time changes. */
int state_learn_name(struct state *state, const struct name_fact *fact);
/* The name at that time; empty: none known. Valid until the next name is learned. */
struct str state_name_of(const struct state *state, const struct thread *thread,
                         const struct ip *ip, uint64_t at_ns);

/*
 * Called before an address is looked up: whoever learns names should learn now what has arrived, for a program
 * connects right after its answer came. Under the lock of the state. NULL: nobody.
 */
void state_set_name_source(struct state *state, void (*catch_up)(void *data), void *data);
/* The same for fields: data is a struct view. */
struct str state_view_name(void *view, const struct ip *ip);

/*
 * Process that connected or sent to port 53 from this port lately, as its calls told; -1 not known. Its socket
 * may be gone by now.
 */
int64_t state_asker(const struct state *state, uint8_t l4proto, uint16_t port);

struct names_stats {
    uint64_t addresses, learned, evicted;
};
void state_get_names_stats(const struct state *state, struct names_stats *ret);
