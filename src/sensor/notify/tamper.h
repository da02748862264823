/*
 * tamper: is a call aimed at one of the processes that must not be signalled, traced or written to?
 */
#pragma once

#include "sensor/notify/call.h"

struct seccomp_data;

struct tamper_aim {
    int64_t tid; /* who calls */
    const struct seccomp_data *data;
    const int64_t *protected; /* process ids; 0: free */
    size_t n;
    const _Atomic int64_t *also_protected; /* the same, changing meanwhile; NULL: none */
    size_t nalso_protected;
};

/* By the registers alone. */
bool tamper_is_aimed(const struct tamper_aim *aimed, const struct call *call);
