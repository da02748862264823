/*
 * respond: what is done from a finding, for the verb `findings`.
 */
#pragma once

#include "cli/client_list.h"

int client_respond_order(struct client *client, const struct client_args *args); /* ID ACTION */
int respond_list(struct client *client, const struct client_args *args);         /* ID */
