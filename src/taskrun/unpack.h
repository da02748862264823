/*
 * unpack: tars into a folder, as a layer of an image or as they are.
 *
 * The work is done by a child whose root is the folder, so that no name and no symbolic link leads out of it.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

#define UNPACK_ENTRIES_MAX 2000000
#define UNPACK_BYTES_MAX   (20ULL << 30) /* Fargate's disk */

/* layer: entries named .wh.NAME remove NAME, and .wh..wh..opq empties its folder. */
int unpack_tar(const char *tar, const char *folder, bool layer, struct err *err);
