/*
 * Limits: the times of the last `max` actions. There is room when the oldest of them is a window ago, so
 * no minute, wherever it begins, holds more.
 */
#include "agent/respond_limit.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

int limit_init(struct limit *limit, uint32_t max)
{
    *limit = (struct limit){ .max = max };
    if (max == 0 || max > LIMIT_MAX) {
        return -EINVAL;
    }
    limit->times = mem_zalloc(max * sizeof(*limit->times));
    return limit->times ? 0 : -ENOMEM;
}

void limit_done(struct limit *limit)
{
    free(limit->times);
    limit->times = NULL;
}

bool limit_has_room(const struct limit *limit, uint64_t now_ns)
{
    return limit->n < limit->max || now_ns - limit->times[limit->at] >= LIMIT_WINDOW_NS;
}

void limit_count(struct limit *limit, uint64_t now_ns)
{
    limit->times[limit->at] = now_ns;
    limit->at = (limit->at + 1) % limit->max;
    limit->n += limit->n < limit->max;
}

struct named {
    char name[LIMIT_NAME_MAX];
    size_t n;
    uint64_t used_ns;
    struct limit limit;
};

struct limits {
    struct named items[LIMIT_NAMES];
};

int limits_new(uint32_t max, struct limits **ret)
{
    struct limits *limits = mem_zalloc(sizeof *limits);
    for (size_t i = 0; limits && i < LIMIT_NAMES; i++) {
        int r = limit_init(&limits->items[i].limit, max);
        if (r < 0) {
            limits_free(limits);
            return r;
        }
    }
    *ret = limits;
    return limits ? 0 : -ENOMEM;
}

void limits_free(struct limits *limits)
{
    for (size_t i = 0; limits && i < LIMIT_NAMES; i++) {
        limit_done(&limits->items[i].limit);
    }
    free(limits);
}

struct limit *limits_of(struct limits *limits, struct str name, uint64_t now_ns)
{
    struct named *oldest = &limits->items[0], *item = NULL;
    name = str_first(name, LIMIT_NAME_MAX);
    for (size_t i = 0; i < LIMIT_NAMES && !item; i++) {
        struct named *one = &limits->items[i];
        if (one->used_ns && str_eq(str_from(one->name, one->n), name)) {
            item = one;
        } else if (one->used_ns < oldest->used_ns) {
            oldest = one;
        }
    }
    if (!item) {
        item = oldest;
        item->n = name.n;
        item->limit.n = item->limit.at = 0;
        if (name.n) {
            memcpy(item->name, name.p, name.n);
        }
    }
    item->used_ns = now_ns ? now_ns : 1;
    return &item->limit;
}
