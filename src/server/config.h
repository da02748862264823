/*
 * config: the server's settings (config_keys.def), and what a server without a configuration has.
 */
#pragma once

#include "settings/settings.h"

struct server;

/* Texts are the configuration's own, or NULL: not set. Numbers: 0 is the default of whom they are for. */
struct server_config {
    struct arena arena;
#define CONFIG_TEXT(name, member)                const char *member;
#define CONFIG_LIST(name, member)                struct setting_list member;
#define CONFIG_BOOL(name, member)                bool member;
#define CONFIG_NUMBER(name, member, least, most) uint32_t member;
#define CONFIG_SIZE(name, member, least, most)   uint64_t member;
#include "server/config_keys.def"
};

/* Defaults: `dir` is /var/lib/hinomi for root, else $XDG_STATE_HOME/hinomi or ~/.local/state/hinomi. */
int server_config_init(struct server_config *config, struct err *err);
void server_config_done(struct server_config *config);
/* All sources over the defaults, checked together. Complaints as of settings_read(). */
int server_config_load(const struct settings_source *source, struct server_config *ret,
                       struct buf *text, struct err *err);

/* Never NULL: server->config, or the defaults. */
const struct server_config *server_config(const struct server *server);
