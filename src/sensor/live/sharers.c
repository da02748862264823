/*
 * sharers: processes that share one memory, by groups: a map from process to its group, which counts its
 * members. A group of one is none.
 */
#include "base/arena.h"
#include "base/map.h"
#include "sensor/live/task.h"

#include <errno.h>
#include <stdlib.h>

struct sharing {
    uint32_t members;
};

struct live_sharers {
    struct map groups; /* pid → struct sharing */
};

int live_sharers_new(struct live_sharers **ret)
{
    struct live_sharers *sharers = mem_zalloc(sizeof(*sharers));
    if (!sharers) {
        return -ENOMEM;
    }
    *ret = sharers;
    return 0;
}

void live_sharers_left(struct live_sharers *sharers, int64_t pid)
{
    struct sharing *group = map_remove(&sharers->groups, (uint64_t)pid);
    if (group && --group->members == 0) {
        free(group);
    }
}

void live_sharers_free(struct live_sharers *sharers)
{
    if (!sharers) {
        return;
    }
    size_t cursor = 0;
    for (const struct map_slot *slot; (slot = map_next(&sharers->groups, &cursor));) {
        struct sharing *group = slot->value;
        if (--group->members == 0) {
            free(group);
        }
    }
    map_done(&sharers->groups);
    free(sharers);
}

static int join(struct live_sharers *sharers, int64_t pid, struct sharing *group)
{
    int r = map_put(&sharers->groups, (uint64_t)pid, group);
    group->members += r == 0;
    return r;
}

int live_sharers_cloned(struct live_sharers *sharers, int64_t parent_pid, int64_t child_pid)
{
    live_sharers_left(sharers, child_pid);
    struct sharing *group = map_get(&sharers->groups, (uint64_t)parent_pid);
    if (!group) {
        group = mem_zalloc(sizeof(*group));
        if (!group || join(sharers, parent_pid, group) < 0) {
            free(group);
            return -ENOMEM;
        }
    }
    return join(sharers, child_pid, group);
}

bool live_sharers_has(const struct live_sharers *sharers, int64_t pid)
{
    const struct sharing *group = map_get(&sharers->groups, (uint64_t)pid);
    return group && group->members > 1;
}
