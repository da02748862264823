/*
 * config: the table of the server's settings, their defaults, and what must fit together.
 *
 * A server without any configuration serves plain HTTP on the loopback and keeps everything in one folder. A
 * member that the command line or the environment sets is checked like one of the file; what a setting means
 * with another (a certificate and its key) is checked when all are there.
 */
#include "server/config.h"

#include "courier/courier.h"
#include "server/host.h"
#include "server/server.h"
#include "server/summaries.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LISTEN_DEFAULT "127.0.0.1:8765"
#define AT(member)     offsetof(struct server_config, member)

static const struct setting keys[] = {
#define CONFIG_TEXT(name_, member) { .name = name_, .kind = SETTING_TEXT, .at = AT(member) },
#define CONFIG_LIST(name_, member) { .name = name_, .kind = SETTING_LIST, .at = AT(member) },
#define CONFIG_BOOL(name_, member) { .name = name_, .kind = SETTING_BOOL, .at = AT(member) },
#define CONFIG_NUMBER(name_, member, least_, most_)                                                \
    { .name = name_, .kind = SETTING_NUMBER, .at = AT(member), .least = least_, .most = most_ },
#define CONFIG_SIZE(name_, member, least_, most_)                                                  \
    { .name = name_, .kind = SETTING_SIZE, .at = AT(member), .least = least_, .most = most_ },
#include "server/config_keys.def"
};

static const struct settings_table table = { keys, sizeof(keys) / sizeof(*keys), NULL };
static const struct server_config defaults = { .listen = LISTEN_DEFAULT, .metrics = true };

const struct server_config *server_config(const struct server *server)
{
    return server->config ? server->config : &defaults;
}

/* $XDG_STATE_HOME/hinomi, which must be an absolute path as the specification says, or below the home. */
static const char *default_dir(struct arena *arena)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char storage[4096];
    struct buf path;
    if (geteuid() == 0) {
        return "/var/lib/hinomi";
    }
    buf_init_fixed(&path, storage, sizeof(storage));
    if (state && state[0] == '/') {
        buf_printf(&path, "%s/hinomi", state);
    } else if (home && home[0] == '/') {
        buf_printf(&path, "%s/.local/state/hinomi", home);
    }
    return path.n && !path.failed ? arena_str(arena, buf_str(&path)).p : NULL;
}

int server_config_init(struct server_config *config, struct err *err)
{
    *config = defaults;
    arena_init(&config->arena, SETTINGS_MEMORY_MAX);
    config->dir = default_dir(&config->arena);
    (void)err;
    return 0;
}

void server_config_done(struct server_config *config)
{
    arena_done(&config->arena);
}

static int check_proxies(const struct server_config *config, struct err *err)
{
    for (size_t i = 0; i < config->trusted_proxies.n; i++) {
        if (!address_is_network(config->trusted_proxies.items[i])) {
            return err_set(err, -EINVAL,
                           "`trusted_proxies`: `%.64s` is not ADDRESS or ADDRESS/BITS",
                           config->trusted_proxies.items[i]);
        }
    }
    return 0;
}

static int check_outbound(const struct server_config *config, struct err *err)
{
    const struct setting_list *allow = &config->outbound_allow;
    const char *proxy = config->outbound_proxy;
    for (size_t i = 0; i < allow->n; i++) {
        if (!courier_network_is_good(allow->items[i])) {
            return err_set(err, -EINVAL, "`outbound.allow`: `%.64s` is not ADDRESS or ADDRESS/BITS",
                           allow->items[i]);
        }
    }
    if (proxy && strncmp(proxy, "http://", 7) != 0 && strncmp(proxy, "https://", 8) != 0) {
        return err_set(err, -EINVAL, "`outbound.proxy` is http://HOST:PORT or https://HOST:PORT");
    }
    return 0;
}

static int check(const struct server_config *config, struct err *err)
{
    struct sockaddr_storage at;
    if (!config->dir) {
        return err_set(err, -EINVAL, "no folder to keep things in: set `dir`, or --dir");
    }
    if (!config->listen || address_parse(str_of(config->listen), &at) < 0) {
        return err_set(err, -EINVAL, "`listen` is ADDRESS:PORT, not `%.128s`",
                       config->listen ? config->listen : "");
    }
    if (!config->tls_certificate != !config->tls_key) {
        return err_set(err, -EINVAL, "`tls.certificate` and `tls.key` go together");
    }
    int r = check_proxies(config, err);
    r = r == 0 ? check_outbound(config, err) : r;
    return r == 0 ? summaries_check(config, err) : r;
}

int server_config_load(const struct settings_source *source, struct server_config *ret,
                       struct buf *text, struct err *err)
{
    int r = server_config_init(ret, err);
    const struct settings settings = { &table, ret, &ret->arena };
    r = r == 0 ? settings_load(&settings, source, text, err) : r;
    return r == 0 ? check(ret, err) : r;
}
