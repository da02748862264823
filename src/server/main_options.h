/*
 * main_options: the command line of hinomi-server.
 */
#pragma once

#include "settings/settings.h"

#include <stdbool.h>

enum server_verb { SERVER_RUN, SERVER_BACKUP, SERVER_RESTORE, SERVER_HELP, SERVER_VERSION };

struct server_options {
    enum server_verb verb;
    const char *config;    /* a file; NULL none */
    const char *directory; /* of backup and restore */
    struct str values[2];
    struct settings_argument arguments[2];
    size_t narguments;
};

/* False: wrong usage, which was said on standard error. */
bool server_options_parse(int argc, char **argv, struct server_options *ret);
extern const char server_help[];
