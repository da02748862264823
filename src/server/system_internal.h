/*
 * system_internal: what the system module's files share.
 */
#pragma once

#include "server/server.h"

struct system_backup; /* system_backup.c: one at a time */

struct system {
    int64_t started_ms;
    uint64_t retained_ns;    /* CLOCK_BOOTTIME, of the last round */
    struct err retain_error; /* code 0: it succeeded */
    struct system_backup *backup;
};

int system_backup_new(struct system_backup **ret);
void system_backup_free(struct system_backup *backup); /* waits for its end */

/* POST /v1/backup */
enum http_result system_post_backup(struct server *server, struct request *request,
                                    struct reply *reply);
/* Whether one is being made. */
bool system_backup_runs(struct system_backup *backup);
/* GET /v1/backups: system_backups.c */
enum http_result system_get_backups(struct server *server, struct request *request,
                                    struct reply *reply);
/* GET /v1/system, GET /metrics */
enum http_result system_get(struct server *server, struct request *request, struct reply *reply);
enum http_result system_metrics(struct server *server, struct request *request,
                                struct reply *reply);
