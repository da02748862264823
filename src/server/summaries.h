/*
 * summaries: findings told by a language model, beside what is known of them; and the report that needs no model.
 *
 * Off unless the configuration names a provider (summaries.*). What may leave is src/summarise's; it leaves by the courier,
 * when somebody who may triage asks for it, and no more often than the quota allows. An answer is kept with model, hash
 * of what was sent, time, language and who asked; nothing else of a finding is ever changed by one.
 */
#pragma once

#include "base/err.h"

struct server_config;

/* Do the settings fit together? */
int summaries_check(const struct server_config *config, struct err *err);
