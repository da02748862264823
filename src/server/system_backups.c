/*
 * system_backups: GET /v1/backups, the copies below DIR/backups, the newest first.
 *
 * A copy is complete once it has its backup.json, which is written last; its time is that of the copy. Others may put
 * whatever they like into that directory: what is no directory is not listed, names that are no plain words neither,
 * and only so many are looked at.
 */
#include "server/system_internal.h"

#include "base/cleanup.h"
#include "server/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BACKUPS_MAX 1000
#define LOOKED_MAX  10000
#define NAME_MAX_N  64

struct backup {
    struct str name;
    int64_t made_ms;
    bool complete;
};

struct backups {
    struct backup v[BACKUPS_MAX];
    size_t n;
};

static void cleanup_dir(DIR **dir)
{
    if (*dir) {
        closedir(*dir);
    }
}

static int64_t changed_ms(const struct stat *s)
{
    return (int64_t)s->st_mtim.tv_sec * 1000 + s->st_mtim.tv_nsec / 1000000;
}

static void look_at(int dir, const char *entry, struct arena *arena, struct backups *all)
{
    char path[NAME_MAX_N + 16];
    struct stat itself, last;
    size_t n = strlen(entry);
    if (entry[0] == '.' || n > NAME_MAX_N ||
        fstatat(dir, entry, &itself, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(itself.st_mode)) {
        return;
    }
    snprintf(path, sizeof(path), "%s/backup.json", entry);
    bool complete = fstatat(dir, path, &last, AT_SYMLINK_NOFOLLOW) == 0;
    struct str name = arena_str(arena, str_from(entry, n));
    if (name.p && str_is_utf8(name)) {
        all->v[all->n++] = (struct backup){ .name = name,
                                            .made_ms = changed_ms(complete ? &last : &itself),
                                            .complete = complete };
    }
}

static int newest_first(const void *a, const void *b)
{
    const struct backup *one = a, *other = b;
    return (one->made_ms < other->made_ms) - (one->made_ms > other->made_ms);
}

/* 0 or -errno; no such directory is none. */
static int read_all(const char *path, struct arena *arena, struct backups *all)
{
    CLEANUP(cleanup_dir) DIR *dir = opendir(path);
    if (!dir) {
        return errno == ENOENT ? 0 : -errno;
    }
    for (size_t looked = 0; looked < LOOKED_MAX && all->n < BACKUPS_MAX; looked++) {
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            break;
        }
        look_at(dirfd(dir), entry->d_name, arena, all);
    }
    qsort(all->v, all->n, sizeof(all->v[0]), newest_first);
    return 0;
}

enum http_result system_get_backups(struct server *server, struct request *request,
                                    struct reply *reply)
{
    char path[4096];
    struct err err = { 0 };
    struct backups *all = ARENA_NEW(request->arena, struct backups);
    int n = snprintf(path, sizeof(path), "%s/backups", server_config(server)->dir);
    int r = !all ? -ENOMEM : n >= (int)sizeof(path) ? -ENAMETOOLONG : 0;
    r = r < 0 ? r : read_all(path, request->arena, all);
    if (r < 0) {
        err_set(&err, r, "the backups cannot be listed: %s", strerror(-r));
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < all->n; i++) {
        jsonw_object(w, NULL);
        jsonw_str(w, "name", all->v[i].name);
        jsonw_i64(w, "made_ms", all->v[i].made_ms);
        jsonw_bool(w, "complete", all->v[i].complete);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_bool(w, "running", system_backup_runs(server->system->backup));
    jsonw_end(w);
    return HTTP_DONE;
}
