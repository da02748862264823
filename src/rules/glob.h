/*
 * glob: shell patterns and path prefixes, on borrowed bytes. Bytes, not characters (the C locale).
 *
 * Time is at most pattern length times text length, whatever the pattern.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>

/* fnmatch(3) with no flags, or with FNM_CASEFOLD: '*' also crosses '/'. */
bool glob_match(struct str pattern, struct str text, bool ignore_case);

/* Does the text hold a character that glob_match() does not take literally: * ? or [ */
bool glob_has_wildcard(struct str text);

/*
 * The operator pmatch: are the components of `item` the first components of `path`? Each component may
 * be a glob. Empty components (leading, doubled and trailing slashes) do not count.
 */
bool path_prefix_match(struct str item, struct str path);
