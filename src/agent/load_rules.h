/*
 * load_rules: rule files and directories into a ruleset, and what a person has to read when they are wrong.
 */
#pragma once

#include "base/buf.h"
#include "rules/ruleset.h"

/* Of all diagnostics together, as text. */
#define LOAD_RULES_TEXT_MAX ((size_t)1 << 24)

/* Adds files, and of directories all *.yaml and *.yml, alphabetically, in the given order. -ENOMEM only; what
 * else fails is diagnosed. */
int load_rules_add(struct loader *loader, char *const *paths, size_t n);

/*
 * Loads all of them. On failure (-EINVAL: the rules have errors; -ENOENT: there are no files; -ENOMEM) the
 * errors with their places are appended to `text`, and err says how it ended. Warnings are not told.
 */
int load_rules(char *const *paths, size_t n, struct ruleset **ret, struct buf *text,
               struct err *err);
