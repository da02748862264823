/*
 * options: the words of a command line, one at a time.
 *
 * An option is "--name", "--name=value" or "-x"; a value may also be the next word. After an option that
 * takes words, every word up to the next option is a value of it. "--" ends the options.
 */
#include "agent/options.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

int words_add(struct words *words, char *word)
{
    if (words->n == OPTION_WORDS_MAX) {
        return -E2BIG;
    }
    char **items = mem_resize(words->items, words->n + 1, sizeof *items);
    if (!items) {
        return -ENOMEM;
    }
    words->items = items;
    items[words->n++] = word;
    return 0;
}

void words_done(struct words *words)
{
    free(words->items);
}

/* *ret_value: NULL without "=". */
static int find_option(const struct options *o, char *word, char **ret_value)
{
    char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    *ret_value = equals ? equals + 1 : NULL;
    for (int i = 0; i < o->count; i++) {
        const struct option_spec *spec = &o->specs[i];
        if (n == strlen(spec->name) && memcmp(word, spec->name, n) == 0 &&
            (!equals || spec->has_value)) {
            return i;
        }
    }
    return OPTIONS_UNKNOWN;
}

int options_next(struct options *o, char **ret)
{
    if (o->at >= o->argc) {
        return OPTIONS_END;
    }
    char *word = o->argv[o->at++];
    char *value;
    *ret = word;
    if (o->only_words || word[0] != '-' || word[1] == '\0') {
        return o->only_words || o->words_of < 0 ? OPTIONS_WORD : o->words_of;
    }
    if (strcmp(word, "--") == 0) {
        o->only_words = true;
        return options_next(o, ret);
    }
    int found = find_option(o, word, &value);
    if (found < 0) {
        return found;
    }
    const struct option_spec *spec = &o->specs[found];
    o->words_of = spec->takes_words ? found : -1;
    if (spec->has_value && !value) {
        if (o->at == o->argc) {
            return OPTIONS_NO_VALUE;
        }
        value = o->argv[o->at++];
    }
    *ret = value;
    return found;
}

int rule_choice_set_priority(struct rule_choice *choice, const char *value)
{
    choice->has_priority = true;
    return priority_parse(str_of(value), &choice->priority);
}

void rule_choice_done(struct rule_choice *choice)
{
    words_done(&choice->rules);
    words_done(&choice->tags);
    words_done(&choice->disabled_tags);
    words_done(&choice->disabled_rules);
}

int rule_choice_select(const struct rule_choice *choice, const struct ruleset *rules,
                       struct selection *ret)
{
    int r = selection_init(ret, rules);
    if (r < 0) {
        return r;
    }
    if (choice->tags.n) {
        selection_set_name(ret, rules, STR("*"), false, false);
    }
    for (size_t i = 0; i < choice->tags.n; i++) {
        selection_set_tag(ret, rules, str_of(choice->tags.items[i]), true);
    }
    for (size_t i = 0; i < choice->disabled_tags.n; i++) {
        selection_set_tag(ret, rules, str_of(choice->disabled_tags.items[i]), false);
    }
    for (size_t i = 0; i < choice->disabled_rules.n; i++) {
        selection_set_name(ret, rules, str_of(choice->disabled_rules.items[i]), true, false);
    }
    selection_set_priority(ret, rules, choice->priority);
    return 0;
}
