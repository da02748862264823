/*
 * image: a container's image as a folder, and how it is started.
 *
 * Images come from where an option says: a root directory as it is (never written to), or the directory of an OCI
 * layout, or a tar of one or of `docker save`, which are unpacked.
 */
#pragma once

#include "instrument/image.h"
#include "taskrun/definition.h"

#include <limits.h>

struct task_images {
    struct image_sources roots; /* files: a container's or image's name to its path */
    struct image_sources
        configs; /* files: the same, to configurations that are over the image's own */
};

struct task_image {
    struct image_config config;
    char root[PATH_MAX];
};

/* folder: where to unpack, a new one each time; not made when nothing is. */
int task_image_prepare(const struct task_images *images, const struct task_container *container,
                       const char *folder, struct arena *arena, struct task_image *ret,
                       struct err *err);
/* Do two containers have the same? */
bool task_image_same(const struct task_images *images, const struct task_container *a,
                     const struct task_container *b);
