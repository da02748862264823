/*
 * path: lexical resolution of path names, as a reader of system calls sees them.
 */
#pragma once

#include "base/str.h"

#define PATH_TEXT_MAX 8192 /* longest resolved path; longer ones are cut */

/* Is the path absolute, and what path_resolve() would give? */
bool path_is_clean(struct str path);
bool path_has_double_slash(struct str path);

/*
 * `path` relative to the directory `base`, without ".", ".." and repeated or trailing slashes;
 * symbolic links are not followed. An absolute path ignores base; ".." does not climb over the
 * root, nor over a base that is not absolute ("<UNKNOWN>"). The result is `path` itself when
 * nothing had to change, else lies in `storage`; cut at `size` bytes.
 */
struct str path_resolve(struct str base, struct str path, char *storage, size_t size);
