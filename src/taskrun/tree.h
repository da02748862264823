/*
 * tree: folders: making them, and removing them with all that is in them.
 */
#pragma once

#include "base/err.h"

#include <sys/types.h>

/* "a/b" + "/" + name, into ret of size bytes; -ENAMETOOLONG with the reason. */
int path_join(char *ret, size_t size, const char *folder, const char *name, struct err *err);

/* Makes a folder, and those above it. One that is there is good. */
int tree_make(const char *path, mode_t mode, struct err *err);

/* However deep and wide it is, with three descriptors and no recursion. Symbolic links are removed, not followed.
 * A path that is not there is good. */
int tree_remove(const char *path, struct err *err);

/* The same, but for the folder itself. */
int tree_empty(const char *path, struct err *err);

/* Writes a file of this mode, that was not there. */
int file_make(const char *path, const void *p, size_t n, mode_t mode, struct err *err);
