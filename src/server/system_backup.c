/*
 * system_backup: POST /v1/backup, a consistent copy below DIR/backups while everything goes on.
 *
 * Copying takes as long as the data is large, so a thread of its own does it and the request waits on a bell; one
 * at a time. The name is a plain word: nobody writes elsewhere through it.
 */
#include "server/system_internal.h"

#include "base/clock.h"
#include "server/bell.h"
#include "server/config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define NAME_MAX_N 64
#define WAIT_MS    (3600 * 1000)

struct system_backup {
    pthread_mutex_t lock;
    struct bell *bell;
    pthread_t thread;
    bool busy, joinable;
    struct store *store;
    char name[NAME_MAX_N + 1], path[4096];
    uint64_t number; /* of the last one begun */
    uint64_t done;   /* ... and ended, */
    struct err err;  /* like this; code 0: well */
};

int system_backup_new(struct system_backup **ret)
{
    struct system_backup *backup = mem_zalloc(sizeof *backup);
    if (!backup || bell_new(&backup->bell) < 0) {
        free(backup);
        return -ENOMEM;
    }
    pthread_mutex_init(&backup->lock, NULL);
    *ret = backup;
    return 0;
}

void system_backup_free(struct system_backup *backup)
{
    if (backup) {
        if (backup->joinable) {
            pthread_join(backup->thread, NULL);
        }
        pthread_mutex_destroy(&backup->lock);
        bell_free(backup->bell);
        free(backup);
    }
}

bool system_backup_runs(struct system_backup *backup)
{
    pthread_mutex_lock(&backup->lock);
    bool busy = backup->busy;
    pthread_mutex_unlock(&backup->lock);
    return busy;
}

static void *copy(void *data)
{
    struct system_backup *backup = data;
    struct err err = { 0 };
    int r = backup->store->ops->backup(backup->store, backup->path, &err);
    pthread_mutex_lock(&backup->lock);
    backup->err = err;
    backup->err.code = r;
    backup->done = backup->number;
    backup->busy = false;
    pthread_mutex_unlock(&backup->lock);
    bell_ring(backup->bell);
    return NULL;
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '.' && c != '_' && c != '-'))) {
            return false;
        }
    }
    return name.n > 0 && name.n <= NAME_MAX_N;
}

static struct str name_of_now(int64_t now_ms, char storage[NAME_MAX_N + 1])
{
    time_t now = (time_t)(now_ms / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    return (struct str){ storage, strftime(storage, NAME_MAX_N, "%Y%m%dT%H%M%SZ", &utc) };
}

/* False: the reply says why. */
static bool take_name(struct server *server, struct request *request, char storage[NAME_MAX_N + 1],
                      struct str *ret, struct reply *reply)
{
    struct json_object *body = NULL;
    *ret = name_of_now(server->now_ms(), storage);
    if (!request->body.n) {
        return true;
    }
    body = request_json(request, reply);
    if (!body || !request_members_only(request, body, "name", reply) ||
        !request_member_text(request, body, "name", false, NAME_MAX_N, ret, reply)) {
        return false;
    }
    if (!is_name(*ret)) {
        reply_problem(reply, 422, "bad_name",
                      "`name` has letters, digits, '.', '_' and '-', and begins with one of the "
                      "first two");
        return false;
    }
    return true;
}

/* 0 or -errno; the lock is held. */
static int begin(struct system_backup *backup, struct server *server, struct str name)
{
    const char *dir = server_config(server)->dir;
    char parent[sizeof(backup->path)];
    if (snprintf(parent, sizeof(parent), "%s/backups", dir) + NAME_MAX_N + 2 >
        (int)sizeof(parent)) {
        return -ENAMETOOLONG;
    }
    if (mkdir(parent, 0700) < 0 && errno != EEXIST) {
        return -errno;
    }
    snprintf(backup->name, sizeof(backup->name), "%.*s", STR_ARG(name));
    snprintf(backup->path, sizeof(backup->path), "%s/backups/%s", dir, backup->name);
    if (backup->joinable) {
        pthread_join(backup->thread, NULL);
        backup->joinable = false;
    }
    backup->store = server->store;
    backup->number++;
    backup->busy = true;
    int r = pthread_create(&backup->thread, NULL, copy, backup);
    backup->joinable = r == 0;
    backup->busy = r == 0;
    return -r;
}

static enum http_result start(struct server *server, struct system_backup *backup,
                              struct request *request, struct reply *reply)
{
    char storage[NAME_MAX_N + 1];
    struct str name;
    uint64_t *number = ARENA_NEW(request->arena, uint64_t);
    if (!number || !take_name(server, request, storage, &name, reply)) {
        return HTTP_DONE;
    }
    pthread_mutex_lock(&backup->lock);
    int r = backup->busy ? -EBUSY : begin(backup, server, name);
    *number = backup->number;
    pthread_mutex_unlock(&backup->lock);
    if (r == -EBUSY) {
        return reply_problem(reply, 409, "backup_running", "another backup is being made");
    }
    if (r < 0) {
        struct err err = { 0 };
        err_set(&err, r == -ENOSPC ? r : -EIO, "a backup cannot be begun: %s", strerror(-r));
        return reply_error(reply, &err);
    }
    request->kept = number;
    reply_wait(reply, backup->bell, WAIT_MS);
    return HTTP_WAIT;
}

static enum http_result finish(struct system_backup *backup, struct reply *reply)
{
    if (backup->err.code < 0) {
        return reply_error(reply, &backup->err);
    }
    struct jsonw *w = reply_json(reply, 201);
    jsonw_object(w, NULL);
    jsonw_strz(w, "name", backup->name);
    jsonw_strz(w, "path", backup->path);
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result system_post_backup(struct server *server, struct request *request,
                                    struct reply *reply)
{
    struct system_backup *backup = server->system->backup;
    enum http_result result = HTTP_DONE;
    if (!request->kept) {
        return start(server, backup, request, reply);
    }
    pthread_mutex_lock(&backup->lock);
    if (backup->done == *(const uint64_t *)request->kept) {
        result = finish(backup, reply);
    } else if (request->timed_out || backup->number != *(const uint64_t *)request->kept) {
        result = reply_problem(reply, 503, "unknown", "the backup goes on without this request");
    } else {
        reply_wait(reply, backup->bell, WAIT_MS);
        result = HTTP_WAIT;
    }
    pthread_mutex_unlock(&backup->lock);
    return result;
}
