/*
 * names: a bounded table from address to a few names with their askers, in memory charged to the state.
 *
 * Full: the clock's hand looks at EVICT_LOOK addresses and takes the one that expires first. Askers of DNS
 * queries are a ring, written when a socket gets port 53 for its peer.
 */
#include "event/names.h"
#include "event/state_internal.h"

#include <errno.h>
#include <stdlib.h>

#define NS_PER_S   UINT64_C(1000000000)
#define EVICT_LOOK 16
#define FRESH_NS   NS_PER_S
#define DNS_PORT   53
#define NAME_MAX_N 1024

struct known_name {
    struct shared_str *name; /* NULL: free */
    uint64_t expires_ns, learned_ns;
    int64_t pid;
    uint32_t container; /* index of the asker's, + 1; 0 the host or not known */
};

struct known_address {
    struct ip ip; /* first: the key's bytes */
    bool used;
    struct known_name names[NAMES_PER_ADDRESS_MAX];
};

struct asker {
    int64_t pid;
    uint64_t ts_ns;
    uint16_t port;
    uint8_t l4proto; /* 0: free */
};

struct names {
    struct slab addresses;
    struct smap by_ip;
    uint32_t hand;
    void (*catch_up)(void *data);
    void *data;
    uint64_t learned, evicted;
    unsigned next_asker;
    struct asker askers[NAMES_ASKERS];
};

static struct str key_of(const struct ip *ip)
{
    return str_from(ip, sizeof(*ip));
}

int names_init(struct state *state)
{
    state->names = mem_zalloc(sizeof(*state->names));
    if (!state->names) {
        return -ENOMEM;
    }
    slab_init(&state->names->addresses, sizeof(struct known_address), NAMES_ADDRESSES_MAX);
    return 0;
}

static void forget(struct names *names, uint32_t index)
{
    struct known_address *address = slab_at(&names->addresses, index);
    smap_remove(&names->by_ip, key_of(&address->ip));
    for (unsigned i = 0; i < NAMES_PER_ADDRESS_MAX; i++) {
        shared_str_unref(address->names[i].name);
    }
    address->used = false;
    slab_give(&names->addresses, index);
}

void names_clear(struct state *state)
{
    struct names *names = state->names;
    for (uint32_t i = 0; i < names->addresses.high; i++) {
        if (((struct known_address *)slab_at(&names->addresses, i))->used) {
            forget(names, i);
        }
    }
    memset(names->askers, 0, sizeof(names->askers));
}

void names_done(struct state *state)
{
    if (state->names) {
        names_clear(state);
        smap_done(&state->names->by_ip);
        slab_done(&state->names->addresses);
        free(state->names);
    }
}

static uint64_t expiry(const struct known_address *address)
{
    uint64_t last = 0;
    for (unsigned i = 0; i < NAMES_PER_ADDRESS_MAX; i++) {
        const struct known_name *name = &address->names[i];
        last = name->name && name->expires_ns > last ? name->expires_ns : last;
    }
    return last;
}

static void make_room(struct names *names)
{
    uint64_t best = UINT64_MAX;
    uint32_t victim = UINT32_MAX, high = names->addresses.high;
    for (unsigned i = 0; i < EVICT_LOOK; i++) {
        uint32_t index = names->hand;
        names->hand = (names->hand + 1) % high;
        const struct known_address *address = slab_at(&names->addresses, index);
        if (address->used && expiry(address) < best) {
            best = expiry(address);
            victim = index;
        }
    }
    if (victim != UINT32_MAX) {
        forget(names, victim);
        names->evicted++;
    }
}

static struct known_address *address_of(struct names *names, const struct ip *ip)
{
    struct known_address *address = smap_get(&names->by_ip, key_of(ip));
    uint32_t index;
    if (address) {
        return address;
    }
    if (names->addresses.count == NAMES_ADDRESSES_MAX) {
        make_room(names);
    }
    address = slab_take(&names->addresses, &index);
    if (!address) {
        return NULL;
    }
    address->ip = *ip;
    if (smap_put(&names->by_ip, key_of(&address->ip), address) < 0) {
        slab_give(&names->addresses, index);
        return NULL;
    }
    address->used = true;
    return address;
}

/* The same name of the same asker (who may have been unknown), else a free place, else the oldest. */
static struct known_name *place_for(struct known_address *address, struct str text, int64_t pid)
{
    struct known_name *place = &address->names[0];
    for (unsigned i = 0; i < NAMES_PER_ADDRESS_MAX; i++) {
        struct known_name *name = &address->names[i];
        if (name->name && (name->pid == pid || name->pid < 0) && str_eq(name->name->s, text)) {
            return name;
        }
        bool is_better = !name->name || name->learned_ns < place->learned_ns;
        place = place->name && is_better ? name : place;
    }
    return place;
}

static uint32_t container_of(const struct thread *thread)
{
    return thread && thread->container ? thread->container->index + 1 : 0;
}

int state_learn_name(struct state *state, const struct name_fact *fact)
{
    struct names *names = state->names;
    struct ip ip = { .family = fact->ip.family };
    memcpy(ip.bytes, fact->ip.bytes, ip.family == 4 ? 4 : sizeof(ip.bytes));
    if ((ip.family != 4 && ip.family != 6) || fact->name.n == 0 || fact->name.n > NAME_MAX_N) {
        return -EINVAL;
    }
    struct known_address *address = address_of(names, &ip);
    struct known_name *place = address ? place_for(address, fact->name, fact->pid) : NULL;
    if (place && !(place->name && str_eq(place->name->s, fact->name))) {
        struct shared_str *text = shared_str_new(&state->ledger, fact->name);
        if (text) {
            shared_str_unref(place->name);
            place->name = text;
        } else {
            place = NULL;
        }
    }
    if (!place) {
        state->stats.out_of_memory++;
        return -ENOMEM;
    }
    uint64_t ttl = fact->ttl_s * NS_PER_S;
    ttl = ttl < NAMES_TTL_MIN_NS   ? NAMES_TTL_MIN_NS
          : ttl > NAMES_TTL_MAX_NS ? NAMES_TTL_MAX_NS
                                   : ttl;
    place->pid = fact->pid;
    place->container = fact->pid < 0 ? 0 : container_of(state_thread(state, fact->pid));
    place->learned_ns = fact->ts_ns;
    place->expires_ns = fact->ts_ns + ttl;
    names->learned++;
    return 0;
}

/* 3: asked for by this process, or just before by somebody who is still being looked for; 2: by its container;
 * 1: by anybody; 4 more if it was known then: the event may be told later than it happened. */
static unsigned nearness(const struct known_name *name, const struct thread *thread, uint64_t at_ns)
{
    bool is_fresh = name->pid < 0 && at_ns < name->learned_ns + FRESH_NS;
    bool own = thread && (is_fresh || name->pid == thread->pid);
    uint32_t container = container_of(thread);
    unsigned near = own ? 3 : container && name->container == container ? 2 : 1;
    return near + (name->learned_ns <= at_ns ? 4 : 0);
}

struct str state_name_of(const struct state *state, const struct thread *thread,
                         const struct ip *ip, uint64_t at_ns)
{
    const struct names *names = state->names;
    const struct known_name *best = NULL;
    if (names->catch_up) {
        names->catch_up(names->data);
    }
    struct ip key = { .family = ip->family };
    memcpy(key.bytes, ip->bytes, ip->family == 4 ? 4 : sizeof(key.bytes));
    const struct known_address *address = smap_get(&names->by_ip, key_of(&key));
    for (unsigned i = 0; address && i < NAMES_PER_ADDRESS_MAX; i++) {
        const struct known_name *name = &address->names[i];
        if (!name->name || name->expires_ns <= at_ns) {
            continue;
        }
        unsigned now = nearness(name, thread, at_ns),
                 then = best ? nearness(best, thread, at_ns) : 0;
        if (!best || now > then || (now == then && name->learned_ns > best->learned_ns)) {
            best = name;
        }
    }
    return best ? best->name->s : (struct str){ 0 };
}

void state_set_name_source(struct state *state, void (*catch_up)(void *data), void *data)
{
    state->names->catch_up = catch_up;
    state->names->data = data;
}

struct str state_view_name(void *data, const struct ip *ip)
{
    const struct view *view = data;
    return state_name_of(view->state, view->event->thread, ip, view->event->ts_ns);
}

void names_asked(struct state *state, const struct task *task, const struct fdinfo *info)
{
    bool client = info->flags & FD_ROLE_CLIENT;
    uint16_t port = client ? info->dport : info->sport, own = client ? info->sport : info->dport;
    if (port != DNS_PORT || own == 0 || state->copied_fds) {
        return;
    }
    struct names *names = state->names;
    names->askers[names->next_asker] = (struct asker){
        .pid = task->t.pid, .ts_ns = state->now_ns, .port = own, .l4proto = info->l4proto
    };
    names->next_asker = (names->next_asker + 1) % NAMES_ASKERS;
}

int64_t state_asker(const struct state *state, uint8_t l4proto, uint16_t port)
{
    const struct names *names = state->names;
    const struct asker *newest = NULL;
    for (unsigned i = 0; i < NAMES_ASKERS; i++) {
        const struct asker *asker = &names->askers[i];
        if (asker->l4proto == l4proto && asker->port == port &&
            (!newest || asker->ts_ns > newest->ts_ns)) {
            newest = asker;
        }
    }
    bool is_fresh = newest && newest->ts_ns + STATE_EXIT_GRACE_NS > state->now_ns;
    return is_fresh ? newest->pid : -1;
}

void state_get_names_stats(const struct state *state, struct names_stats *ret)
{
    *ret = (struct names_stats){ .addresses = state->names->by_ip.count,
                                 .learned = state->names->learned,
                                 .evicted = state->names->evicted };
}
