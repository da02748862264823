/*
 * options: command lines whose options may take several words (--rules a b c), and the options by which
 * verbs choose rules.
 */
#pragma once

#include "rules/ruleset.h"

#include <stdbool.h>
#include <stddef.h>

#define OPTION_WORDS_MAX 4096 /* of each kind */

struct words {
    char **items;
    size_t n;
};

/* -E2BIG, -ENOMEM. */
int words_add(struct words *words, char *word);
void words_done(struct words *words);

struct option_spec {
    const char *name; /* "--json", "-o" */
    bool has_value;
    bool takes_words; /* and all words up to the next option */
};

/* What options_next() found; or, not negative, the index of an option. */
enum { OPTIONS_END = -1, OPTIONS_WORD = -2, OPTIONS_UNKNOWN = -3, OPTIONS_NO_VALUE = -4 };

struct options {
    const struct option_spec *specs;
    int count;
    int argc, at; /* at: next word */
    char **argv;
    int words_of;    /* option that takes the words, -1 none */
    bool only_words; /* after -- */
};

#define OPTIONS_INIT(specs_, argc_, argv_)                                                         \
    {                                                                                              \
        .specs = (specs_), .count = (int)(sizeof(specs_) / sizeof(*(specs_))), .argc = (argc_),    \
        .at = 1, .argv = (argv_), .words_of = -1                                                   \
    }

/* *ret: the option's value, or the word. */
int options_next(struct options *options, char **ret);

/* --rules, --priority, --tag, --disable-tag, --disable-rule. */
struct rule_choice {
    struct words rules, tags, disabled_tags, disabled_rules;
    enum priority priority;
    bool has_priority;
};

#define PRIORITY_HINT                                                                              \
    "--priority is one of emergency, alert, critical, error, warning, notice, informational, "     \
    "debug; not"

int rule_choice_set_priority(struct rule_choice *choice, const char *value);
void rule_choice_done(struct rule_choice *choice);
/* As Falco's options: tags choose among all rules, the rest narrows. Inits ret. -ENOMEM. */
int rule_choice_select(const struct rule_choice *choice, const struct ruleset *rules,
                       struct selection *ret);
