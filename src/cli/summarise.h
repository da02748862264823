/*
 * summarise: findings in sentences, for the verb `findings`.
 */
#pragma once

#include "cli/client_list.h"

int summarise_report(struct client *client, const struct client_args *args); /* ID */
int summarise_ask(struct client *client, const struct client_args *args);    /* ID */
