/* policy_internal: what the files of the policies share; nobody else includes it. */
#pragma once

#include "rules/policy.h"

#include "base/arena.h"
#include "rules/doc.h"

struct policy_entry {
    const struct policy *policy;
    uint8_t actions, severity;
};

struct policies {
    const struct ruleset *ruleset;
    struct arena arena, diag_arena;
    struct cond_cache *cache;
    struct diag_list diags;
    struct smap rules; /* rule index + 1 by name */
    struct str *files; /* names */
    uint32_t nfiles;
    struct policy *items;
    uint32_t n;
    uint32_t file_first; /* of the file being read, for names that occur twice */
    uint32_t *from;      /* entries of rule i are from[i] .. from[i + 1] */
    struct policy_entry *entries;
    uint8_t *actions;
    uint32_t *seen; /* by rule: the policy that named it last, counting from 1 */
    uint32_t nread; /* policies read so far */
    bool *silenced; /* rules that policies name and none enables */
};

/* A file being read. */
struct policy_source {
    struct policies *policies;
    struct str content;
    uint32_t file;
    bool failed;
};

/* `item`: the policy's name, empty none. */
void policy_report(struct policy_source *source, uint32_t offset, struct str item, struct str hint,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The scope's condition; reports what is wrong with it. */
const struct cond *policy_scope(struct policy_source *source, const struct doc_node *node,
                                struct str item);
/* All policies of a document. */
void policy_read(struct policy_source *source, const struct doc_node *root);
