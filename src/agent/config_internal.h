/* config_internal: the table, for config.c and its test. */
#pragma once

#include "agent/config.h"

extern const struct setting config_keys[];
extern const size_t config_nkeys;

int config_set_key(struct config *config, const struct setting *key, const struct str *values,
                   size_t n, struct err *err);
