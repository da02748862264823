/*
 * foresee: the number of a descriptor that does not exist yet.
 *
 * The kernel gives the lowest one that is free, but where the call names it (dup2, dup3) or the least it
 * may be (F_DUPFD).
 */
#include "sensor/notify/foresee.h"

#include "sensor/live/task.h"

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
