/*
 * foresee: the number of a descriptor that does not exist yet.
 *
 * The kernel gives the lowest one that is free, but where the call names it (dup2, dup3) or the least it
 * may be (F_DUPFD).
 */
#include "sensor/notify/foresee.h"

#include "sensor/live/task.h"

#include <errno.h>
#include <fcntl.h>

static bool makes_fd(const struct call *call)
{
    return call->flags & CALL_OPEN || kind_table[call->kind].flags & KIND_CREATES_FD;
}

int64_t foresee_fd(const struct call_args *args)
{
    const struct call *call = args->call;
    const uint64_t *reg = args->reg;
    bool duplicates =
        call->name == NAME_fcntl && ((int)reg[1] == F_DUPFD || (int)reg[1] == F_DUPFD_CLOEXEC);
    if (call->name == NAME_dup2 || call->name == NAME_dup3) {
        return (int32_t)reg[1];
    }
    if (!duplicates && call->name != NAME_dup && !makes_fd(call)) {
        return 0;
    }
    int64_t fd = live_fd_lowest(args->tid, duplicates ? (int32_t)reg[2] : 0);
    return fd >= 0 ? fd : FORESEE_OPENED;
}

void foresee_opened(const struct call_args *args, int64_t fd, struct resolved *at)
{
    struct fdinfo info;
    if (live_fd_read(args->tid, fd, &info, at->storage, sizeof(at->storage)) < 0) {
        return;
    }
    bool created = at->error == -ENOENT && args->open_flags & O_CREAT;
    at->error = created ? -ENOENT : 0;
    at->unsure = at->cut = at->deleted = false;
    at->path = info.name;
    at->ino = info.ino;
    at->dev = info.dev;
    at->upper_layer = info.flags & FD_UPPER_LAYER;
    at->lower_layer = info.flags & FD_LOWER_LAYER;
}
