/*
 * content: what the verbs for policies, rules and lists share. `of` is their place in the API: "rules".
 */
#pragma once

#include "cli/client_list.h"

#define CONTENT_WAITS  (BIT(WAIT) | BIT(TIMEOUT))
#define CONTENT_CHANGE (CONTENT_WAITS | BIT(COMMENT) | BIT(VERSION) | BIT(JSON))

/* /v1/OF/NAME/REST */
const char *content_path(struct client_path *path, const char *of, const char *name,
                         const char *rest);
int content_listed(struct client *client, const struct client_args *args, const char *of,
                   const struct column *columns);
int content_show(struct client *client, const struct client_args *args, const char *of);
int content_usage(struct client *client, const struct client_args *args, const char *of);
int content_versions(struct client *client, const struct client_args *args, const char *of);
int content_revert(struct client *client, const struct client_args *args, const char *of);
int content_delete(struct client *client, const struct client_args *args, const char *of);
int content_put(struct client *client, const struct client_args *args, const char *of);
/* The last call saved a version: says so, and on how many agents it is in force; with --wait once it is on all.
 * EXIT_NEGATIVE when it is not on all of them by --timeout. */
int content_saved(struct client *client, const struct client_args *args, const char *what);
