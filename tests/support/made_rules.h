/*
 * made_rules: a ruleset from conditions alone, through the real parser and resolver, without rule files.
 */
#pragma once

#include "rules/ruleset.h"

struct made_rules {
    struct arena arena;
    struct cond_cache *cache;
    struct rule *rules;
    uint32_t capacity;
    struct ruleset ruleset;
};

int made_rules_init(struct made_rules *made, uint32_t capacity, size_t memory);
void made_rules_done(struct made_rules *made);

/* Name and condition are copied. 0, or an error with its message. */
int made_rules_add(struct made_rules *made, const char *name, const char *condition,
                   struct err *err);

/*
 * The same; each right side "(LIST)" of the condition stands for these items, which are borrowed and
 * shared by all conditions that are given the same array.
 */
struct made_list {
    const struct str *items;
    uint32_t n;
};
int made_rules_add_list(struct made_rules *made, const char *name, const char *condition,
                        const struct made_list *list, struct err *err);
