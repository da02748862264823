/*
 * regex: RE2 behind C. POSIX syntax, both ends anchored, linear time; bytes that are not UTF-8 become
 * U+FFFD before matching. A regex may be used by several threads, a regex_set by one at a time.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGEX_TEXT_MAX       4096 /* bytes of a pattern */
#define REGEX_MEMORY_MAX     ((int64_t)8 << 20)
#define REGEX_SET_MEMORY_MAX ((int64_t)64 << 20)

#ifdef __cplusplus
extern "C" {
#endif

struct regex;
struct regex_set;

/* -EINVAL with RE2's reason, -E2BIG when it needs more than REGEX_MEMORY_MAX. */
int regex_new(struct str pattern, struct regex **ret, struct err *err);
void regex_free(struct regex *regex);
bool regex_match(const struct regex *regex, struct str text);
/* Instructions of the compiled program: what it costs in memory, about 16 bytes each. */
uint32_t regex_size(const struct regex *regex);

/* Many at once: which of the patterns match. Patterns must have passed regex_new(). */
int regex_set_new(const struct str *patterns, uint32_t n, struct regex_set **ret, struct err *err);
void regex_set_free(struct regex_set *set);
/* Sets ret[i] for each matching pattern (ret has n entries, not cleared here). -ENOMEM: RE2 gave up,
 * nothing set: try them one by one. */
int regex_set_match(const struct regex_set *set, struct str text, bool *ret);

#ifdef __cplusplus
}
#endif
