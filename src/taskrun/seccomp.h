/*
 * seccomp: Docker's profile as a container's configuration wants it.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* What an entry of the profile may ask for. */
struct seccomp_place {
    const char *const *capabilities; /* CAP_..., NULL at the end */
    const char *architecture;        /* amd64, arm64 */
    unsigned kernel;                 /* major << 16 | minor */
};

/* Writes an object: the OCI runtime specification's linux.seccomp. profile is in Docker's format. */
int seccomp_write(struct str profile, const struct seccomp_place *place, struct jsonw *w,
                  const char *key, struct arena *arena, struct err *err);
/* Of the machine that this runs on; capabilities are the caller's. */
struct seccomp_place seccomp_here(const char *const *capabilities);
