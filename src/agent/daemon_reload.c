/*
 * daemon_reload: the configuration and its rules anew, between two events.
 *
 * New rules are complete before the engine hears of them; if anything is wrong the old ones go on. Settings that
 * a running agent does not change are named.
 */
#include "agent/daemon_internal.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <limits.h>

CLEANUP_DEFINE(struct loaded_rules, loaded_rules_free);

static int replace(struct daemon *d, struct loaded_rules **fresh, struct err *err)
{
    struct engine_rules rules = loaded_rules_of(*fresh);
    bool before = loaded_rules_deny(d->rules), deny = loaded_rules_deny(*fresh);
    pthread_mutex_lock(&d->rules_lock);
    sensors_set_deny(&d->sensors, before || deny); /* when the first of the new rules matches */
    int r = engine_replace(d->engine, &rules, err);
    sensors_set_deny(&d->sensors, r == 0 ? deny : before);
    if (r == 0) {
        struct loaded_rules *old = d->rules;
        d->rules = *fresh;
        *fresh = old;
        responders_rules_changed(&d->responders);
    }
    pthread_mutex_unlock(&d->rules_lock);
    return r;
}

static void name_the_rest(const struct daemon *d, const struct config *fresh)
{
    char storage[1024];
    struct buf names;
    buf_init_fixed(&names, storage, sizeof(storage));
    config_not_reloaded(&d->config, fresh, &names);
    if (names.n) {
        log_warning("changed, but taken over at the next start only: %.*s",
                    STR_ARG(buf_str(&names)));
    }
}

/* path: of the server's rules; NULL: those of the settings */
static int load(struct daemon *d, const char *path, struct buf *text, struct err *err)
{
    CLEANUP(config_done) struct config fresh;
    CLEANUP(cleanup_loaded_rules_free) struct loaded_rules *rules = NULL;
    int r = config_load(d->source, &fresh, text, err);
    r = r == 0 ? loaded_rules_of_path(&fresh, path, &rules, text, err) : r;
    r = r == 0 ? replace(d, &rules, err) : r;
    if (r == 0) {
        name_the_rest(d, &fresh);
    }
    return r;
}

/* The rules in force with more items; negative: they have to be loaded. */
static int append(struct daemon *d, const struct bundle_changes *changes)
{
    CLEANUP(cleanup_loaded_rules_free) struct loaded_rules *rules = NULL;
    struct err err = { 0 };
    int r = d->bundle && d->bundle == changes->from ? 0 : -ESTALE;
    r = r == 0 ? loaded_rules_append(d->rules, &changes->lists, &rules) : r;
    return r == 0 ? replace(d, &rules, &err) : r;
}

static int load_new(struct daemon *d, struct buf *text, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/bundle.new", d->config.spool_dir);
    return load(d, path, text, err);
}

int daemon_use_rules(void *data, const struct bundle_changes *changes, struct buf *text,
                     struct err *err)
{
    struct daemon *d = data;
    struct err why = { 0 };
    pthread_mutex_lock(&d->reload_lock);
    /* What can be appended is in force before its files are written. */
    bool appended = changes && append(d, changes) == 0;
    int r = changes ? bundle_delta(d->config.spool_dir, changes, appended ? &why : err) : 0;
    int loaded = appended ? 0 : r < 0 ? r : load_new(d, text, err);
    if (loaded == 0) {
        r = r == 0 ? bundle_keep(d->config.spool_dir, &why) : r;
        d->bundle = appended ? changes->to : 0;
        if (r == 0 && !appended) {
            bundle_version(d->config.spool_dir, &d->bundle);
        }
        if (r == 0) {
            d->server.rejected[0] = '\0';
        } else {
            log_error("the next start will have older rules: %s", why.message);
        }
    }
    pthread_mutex_unlock(&d->reload_lock);
    return loaded < 0 ? loaded : r < 0;
}

void daemon_reload(struct daemon *d)
{
    struct err err = { 0 };
    struct buf text;
    buf_init(&text, (size_t)16 << 20);
    char path[PATH_MAX] = "";
    pthread_mutex_lock(&d->reload_lock);
    if (!d->server.rejected[0]) {
        server_rules_path(&d->server, path, sizeof(path));
    }
    int r = load(d, path[0] ? path : NULL, &text, &err);
    if (r == 0) {
        d->bundle = 0;
        if (path[0]) {
            bundle_version(d->config.spool_dir, &d->bundle);
        }
    }
    pthread_mutex_unlock(&d->reload_lock);
    daemon_log_lines(&text);
    buf_done(&text);
    atomic_store(&d->last_failed, r < 0);
    if (r < 0) {
        atomic_fetch_add(&d->reloads_failed, 1);
        log_error("reload failed, the old rules go on: %s", err.message);
        return;
    }
    atomic_fetch_add(&d->reloads, 1);
    log_info("reloaded: %u of %u rules", d->rules->enabled, d->rules->ruleset->nrules);
}
