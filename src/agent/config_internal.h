/* config_internal: what the configuration's files share; nobody else includes it. */
#pragma once

#include "agent/config.h"

enum config_kind { KEY_TEXT, KEY_LIST, KEY_BOOL, KEY_NUMBER, KEY_CHOICE };

struct config_key {
    const char *name;
    enum config_kind kind;
    size_t at; /* in struct config */
    bool reloads;
    uint32_t least, most;
    const char *const *words; /* by value; NULL at the end */
};

extern const struct config_key config_keys[];
extern const size_t config_nkeys;

const struct config_key *config_key(struct str name); /* NULL: there is none */
int config_set_key(struct config *config, const struct config_key *key, const struct str *values,
                   size_t n, struct err *err);
