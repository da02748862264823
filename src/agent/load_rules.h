/*
 * load_rules: rule files, lists and policies into a ruleset, and what a person has to read when they are wrong.
 */
#pragma once

#include "base/buf.h"
#include "rules/policy.h"
#include "rules/ruleset.h"

/* Of all diagnostics together, as text. */
#define LOAD_RULES_TEXT_MAX ((size_t)1 << 24)

/*
 * Adds files and directories in the given order. Of a directory that has a subdirectory `rules` (a bundle) that
 * one's *.yaml and *.yml, alphabetically, otherwise its own; and after the rules of all paths lists/NAME.txt,
 * items appended to the list NAME. -ENOMEM only; what else fails is diagnosed.
 */
int load_rules_add(struct loader *loader, char *const *paths, size_t n);

bool load_rules_is_bundle(const char *path);

/* Policies of a file, or of all *.yaml and *.yml of a directory. -ENOMEM only. */
int load_policies_add(struct policies *policies, const char *path);
/* Those of a bundle's policies.yaml, if the path is a bundle and has one. */
int load_policies_of_bundle(struct policies *policies, const char *path);

/*
 * Loads all of them. On failure (-EINVAL: the rules have errors; -ENOENT: there are no files; -ENOMEM) the
 * errors with their places are appended to `text`, and err says how it ended. Warnings are not told.
 */
int load_rules(char *const *paths, size_t n, struct ruleset **ret, struct buf *text,
               struct err *err);
