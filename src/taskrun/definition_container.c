/*
 * definition_container: one element of containerDefinitions.
 *
 * Refused is what Fargate refuses: privilege, devices, capabilities but SYS_PTRACE, other memory settings, host names.
 */
#include "taskrun/definition_internal.h"

#include <errno.h>

#define START_TIMEOUT_S 180 /* Fargate's, where none is said */
#define STOP_TIMEOUT_S  30
#define ATTEMPT_S       300

static void read_health_command(struct reader *r, const struct node *check,
                                struct task_health *health)
{
    struct task_words given = reader_words(r, check, "command");
    if (given.n == 0 || str_eqz(given.items[0], "NONE")) {
        return;
    }
    if (str_eqz(given.items[0], "CMD") && given.n > 1) {
        health->command = (struct task_words){ given.items + 1, given.n - 1 };
        return;
    }
    if (!str_eqz(given.items[0], "CMD-SHELL") || given.n != 2) {
        reader_fail(r, check,
                    "healthCheck.command: neither CMD with a command nor CMD-SHELL with one text");
        return;
    }
    struct str *words = ARENA_ARRAY(r->doc.arena, struct str, 3);
    if (!words) {
        reader_fail(r, NULL, "the definition is too large");
        return;
    }
    words[0] = STR("/bin/sh");
    words[1] = STR("-c");
    words[2] = given.items[1];
    health->command = (struct task_words){ words, 3 };
}

static void read_health(struct reader *r, const struct node *map, struct task_health *health)
{
    const struct node *check = reader_get(r, map, "healthCheck");
    if (!check) {
        return;
    }
    read_health_command(r, check, health);
    health->interval_s = reader_number(r, check, "interval", 300, 30);
    health->timeout_s = reader_number(r, check, "timeout", 60, 5);
    health->retries = reader_number(r, check, "retries", 10, 3);
    health->start_period_s = reader_number(r, check, "startPeriod", 300, 0);
    if (!r->code && (health->interval_s < 1 || health->timeout_s < 1 || health->retries < 1)) {
        reader_fail(r, check, "healthCheck: interval, timeout and retries are at least 1");
    }
}

static void read_restart(struct reader *r, const struct node *map, struct task_restart *restart)
{
    const struct node *policy = reader_get(r, map, "restartPolicy");
    restart->enabled = reader_bool(r, policy, "enabled", false);
    restart->attempt_period_s = reader_number(r, policy, "restartAttemptPeriod", 1800, ATTEMPT_S);
    const struct node *codes = reader_list(r, policy, "ignoredExitCodes", 50);
    for (const struct node *at = codes ? codes->first : NULL; at && !r->code; at = at->next) {
        uint32_t code = 0;
        for (size_t i = 0; i < at->value.n && code < 256; i++) {
            unsigned digit = (unsigned)(at->value.p[i] - '0');
            code = digit < 10 ? code * 10 + digit : 256;
        }
        if (at->kind != NODE_SCALAR || at->value.n == 0 || code > 255) {
            reader_fail(r, at, "ignoredExitCodes: not an exit status");
        } else {
            restart->ignored[code] = 1;
        }
    }
}

static void read_capabilities(struct reader *r, const struct node *linux_parameters,
                              struct task_container *ret)
{
    const struct node *capabilities = reader_get(r, linux_parameters, "capabilities");
    struct task_words added = reader_words(r, capabilities, "add");
    ret->capabilities_dropped = reader_words(r, capabilities, "drop");
    for (uint32_t i = 0; i < added.n; i++) {
        if (!str_eqz(added.items[i], "SYS_PTRACE")) {
            reader_fail(r, capabilities, "capability %.*s: Fargate adds none but SYS_PTRACE",
                        STR_ARG(str_first(added.items[i], 32)));
        }
        ret->ptrace = true;
    }
}

static void read_tmpfs(struct reader *r, const struct node *parameters, struct task_container *ret)
{
    const struct node *list = reader_list(r, parameters, "tmpfs", TASK_VOLUMES_MAX);
    for (const struct node *at = list ? list->first : NULL; at && !r->code; at = at->next) {
        struct task_tmpfs *one = &ret->tmpfs[ret->ntmpfs++];
        one->path = reader_text(r, at, "containerPath");
        one->size_mib = reader_number(r, at, "size", 1048576, 64);
        one->options = reader_words(r, at, "mountOptions");
        if (!one->path.n || one->path.p[0] != '/') {
            reader_fail(r, at, "tmpfs: a containerPath that is not absolute");
        }
    }
}

static void refuse(struct reader *r, const struct node *map, const char *name)
{
    const struct node *node = r->code ? NULL : node_get(&r->doc, map, name);
    bool set = node && !node_is_null(node) && (node->kind == NODE_SCALAR || node->n > 0) &&
               !str_eqz(node->value, "false") && !(node->quoted && node->value.n == 0);
    if (set) {
        reader_fail(r, node, "%s: Fargate does not have this", name);
    }
}

static void read_linux(struct reader *r, const struct node *map, struct task_container *ret)
{
    static const char *const absent[] = { "devices", "sharedMemorySize", "maxSwap", "swappiness" };
    const struct node *parameters = reader_get(r, map, "linuxParameters");
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
        refuse(r, parameters, absent[i]);
    }
    read_capabilities(r, parameters, ret);
    read_tmpfs(r, parameters, ret);
    ret->init = reader_bool(r, parameters, "initProcessEnabled", false);
}

static void read_limits(struct reader *r, const struct node *map, struct task_container *ret)
{
    const struct node *list = reader_list(r, map, "ulimits", TASK_VOLUMES_MAX);
    for (const struct node *at = list ? list->first : NULL; at && !r->code; at = at->next) {
        struct task_limit *one = &ret->limits[ret->nlimits++];
        one->name = reader_text(r, at, "name");
        one->soft = reader_number(r, at, "softLimit", INT32_MAX, 0);
        one->hard = reader_number(r, at, "hardLimit", INT32_MAX, 0);
        if (!str_eqz(one->name, "nofile")) {
            reader_fail(r, at, "ulimit %.*s: Fargate sets none but nofile",
                        STR_ARG(str_first(one->name, 32)));
        } else if (one->soft > one->hard) {
            reader_fail(r, at, "ulimits: a soft limit above the hard one");
        }
    }
}

static uint32_t read_timeout(struct reader *r, const struct node *map, const char *name,
                             uint32_t least, uint32_t absent)
{
    uint32_t s = reader_number(r, map, name, 120, absent);
    if (s < least && reader_get(r, map, name)) {
        reader_fail(r, reader_get(r, map, name), "%s: at least %u", name, least);
    }
    return s;
}

static void refuse_all(struct reader *r, const struct node *map)
{
    static const char *const absent[] = {
        "privileged", "dockerSecurityOptions", "extraHosts",       "hostname", "links",
        "dnsServers", "dnsSearchDomains",      "disableNetworking"
    };
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
        refuse(r, map, absent[i]);
    }
    const struct node *files = reader_list(r, map, "environmentFiles", TASK_ITEMS_MAX);
    if (files) {
        reader_fail(r, files, "environmentFiles: they are in S3; write them into environment");
    }
}

void task_container_read(struct reader *r, const struct node *map, struct task_container *ret)
{
    *ret = (struct task_container){ 0 };
    ret->name = reader_text(r, map, "name");
    ret->image = reader_text(r, map, "image");
    ret->user = reader_text(r, map, "user");
    ret->working_directory = reader_text(r, map, "workingDirectory");
    ret->entry_point = reader_words(r, map, "entryPoint");
    ret->command = reader_words(r, map, "command");
    ret->environment = reader_pairs(r, map, "environment", "name", "value");
    ret->secrets = reader_pairs(r, map, "secrets", "name", "valueFrom");
    ret->sysctls = reader_pairs(r, map, "systemControls", "namespace", "value");
    ret->labels = reader_map(r, map, "dockerLabels");
    ret->log_driver = reader_text(r, reader_get(r, map, "logConfiguration"), "logDriver");
    ret->log_options = reader_map(r, reader_get(r, map, "logConfiguration"), "options");
    ret->essential = reader_bool(r, map, "essential", true);
    ret->read_only = reader_bool(r, map, "readonlyRootFilesystem", false);
    ret->start_timeout_s = read_timeout(r, map, "startTimeout", 2, START_TIMEOUT_S);
    ret->stop_timeout_s = read_timeout(r, map, "stopTimeout", 0, STOP_TIMEOUT_S);
    ret->cpu = reader_size(r, map, "cpu");
    ret->memory_mib = reader_size(r, map, "memory");
    ret->reservation_mib = reader_size(r, map, "memoryReservation");
    read_health(r, map, &ret->health);
    read_restart(r, map, &ret->restart);
    read_linux(r, map, ret);
    read_limits(r, map, ret);
    refuse_all(r, map);
}

static uint32_t find_container(struct reader *r, const struct node *at, const char *key,
                               const char *what)
{
    struct str name = reader_text(r, at, key);
    int i = r->code ? -1 : task_container_find(r->task, name);
    if (i < 0) {
        reader_fail(r, at, "%s: there is no container `%.*s`", what, STR_ARG(str_first(name, 64)));
    }
    return i < 0 ? 0 : (uint32_t)i;
}

static void read_depends(struct reader *r, const struct node *map, struct task_container *ret)
{
    static const char *const names[] = { "START", "COMPLETE", "SUCCESS", "HEALTHY" };
    const struct node *list = reader_list(r, map, "dependsOn", TASK_CONTAINERS_MAX);
    for (const struct node *at = list ? list->first : NULL; at && !r->code; at = at->next) {
        struct task_dependency *one = &ret->depends_on[ret->ndepends_on++];
        one->on = find_container(r, at, "containerName", "dependsOn");
        struct str condition = reader_text(r, at, "condition");
        uint32_t i = 0;
        while (i < 4 && !str_eqz(condition, names[i])) {
            i++;
        }
        if (i == 4) {
            reader_fail(r, at, "dependsOn: the condition is START, COMPLETE, SUCCESS or HEALTHY");
        }
        one->condition = (enum task_condition)i;
    }
}

/* Whoever takes volumes from another starts after it. */
static void read_from(struct reader *r, const struct node *map, struct task_container *ret)
{
    const struct node *list = reader_list(r, map, "volumesFrom", TASK_CONTAINERS_MAX);
    for (const struct node *at = list ? list->first : NULL; at && !r->code; at = at->next) {
        struct task_from *one = &ret->from[ret->nfrom++];
        one->container = find_container(r, at, "sourceContainer", "volumesFrom");
        one->read_only = reader_bool(r, at, "readOnly", false);
        ret->depends_on[ret->ndepends_on++] =
            (struct task_dependency){ .on = one->container, .condition = TASK_START };
    }
}

static uint32_t find_volume(struct reader *r, const struct node *at, struct str name, bool make)
{
    struct task_definition *task = r->task;
    uint32_t i = 0;
    while (i < task->nvolumes && !str_eq(task->volumes[i].name, name)) {
        i++;
    }
    if (i == task->nvolumes && make && name.n && i < TASK_VOLUMES_MAX) {
        task->volumes[task->nvolumes++].name = name;
    } else if (i == task->nvolumes) {
        reader_fail(r, at, "mountPoints: there is no volume `%.*s`", STR_ARG(str_first(name, 64)));
        return 0;
    }
    return i;
}

static void read_mounts(struct reader *r, const struct node *map, struct task_container *ret)
{
    const struct node *list = reader_list(r, map, "mountPoints", TASK_VOLUMES_MAX);
    bool alone = r->doc.root->kind == NODE_LIST;
    for (const struct node *at = list ? list->first : NULL; at && !r->code; at = at->next) {
        struct task_mount *one = &ret->mounts[ret->nmounts++];
        one->volume = find_volume(r, at, reader_text(r, at, "sourceVolume"), alone);
        one->path = reader_text(r, at, "containerPath");
        one->read_only = reader_bool(r, at, "readOnly", false);
        if (!one->path.n || one->path.p[0] != '/') {
            reader_fail(r, at, "mountPoints: a containerPath that is not absolute");
        }
    }
}

void task_container_read_links(struct reader *r, const struct node *map, struct task_container *ret)
{
    read_depends(r, map, ret);
    read_from(r, map, ret);
    read_mounts(r, map, ret);
}
