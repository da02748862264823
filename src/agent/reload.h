/*
 * reload: the rules that the configuration names, loaded, chosen and ready for an engine.
 */
#pragma once

#include "agent/config.h"
#include "agent/engine.h"
#include "rules/policy.h"

/* After so much was appended rules are loaded anew. */
#define LOADED_APPENDS_MAX  256
#define LOADED_APPENDED_MAX 10000 /* items */

struct loaded_rules {
    struct ruleset *ruleset;
    struct selection selection;
    struct policies *policies; /* NULL: none are configured */
    uint32_t enabled;          /* rules that can run */
    uint32_t users;            /* who holds it: its owner, and those of which it is the base */
    struct loaded_rules *base; /* NULL: it was loaded; else its selection and policies are these, */
    struct list_changes appended; /* and this its difference */
    struct arena arena;           /* of `appended` */
};

/* What is wrong, with places, is appended to `text`. -EINVAL and others, with err. */
int loaded_rules_new(const struct config *config, struct loaded_rules **ret, struct buf *text,
                     struct err *err);
/* The same of one path instead of the configuration's rules_files; NULL: those, and none if there is a server to
 * get them from. */
int loaded_rules_of_path(const struct config *config, const char *path, struct loaded_rules **ret,
                         struct buf *text, struct err *err);
/*
 * These rules with more items in their lists, without loading them. Negative (-EOPNOTSUPP: see ruleset_append(); also
 * when much was appended already): they have to be loaded. One thread at a time.
 */
int loaded_rules_append(struct loaded_rules *rules, const struct list_changes *changes,
                        struct loaded_rules **ret);
void loaded_rules_free(struct loaded_rules *rules);
/* As an engine takes them; borrowed from `rules`. */
/* Does a policy that holds somewhere deny? */
bool loaded_rules_deny(const struct loaded_rules *rules);
struct engine_rules loaded_rules_of(const struct loaded_rules *rules);
