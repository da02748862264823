/*
 * overlay: which layer of an overlay file system a file lies in, as far as user space can know.
 *
 * The kernel does not say. What tells: the file id that overlayfs hands out (6.6 and later) marks files
 * made in the upper layer, but keeps a copied-up file's id of the lower one; a copied-up file was born
 * after the upper layer's root, which was made with the container, while files of an image were born
 * before it. So: made or copied up in the container is UPPER, for sure or by birth; older is LOWER.
 * Without file ids, birth times, or when the mount has no upper layer: NONE, where nothing can be said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum overlay_layer { OVERLAY_NONE, OVERLAY_UPPER, OVERLAY_LOWER };

/* Is the file (any descriptor, O_PATH too) on an overlay? */
bool overlay_has(int fd);
/* Of a file on an overlay. `root`: a directory that may be the root of the same mount; -1 unknown. */
enum overlay_layer overlay_layer(int fd, int root);
