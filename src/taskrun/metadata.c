/*
 * metadata: the documents of the task metadata endpoint, version 4, as Fargate writes them.
 *
 *     /v4/ID             the container           /v4/ID/stats          its use, as Docker writes it
 *     /v4/ID/task        the task                /v4/ID/task/stats     by the containers' ids
 *     /v4/ID/taskWithTags
 */
#include "taskrun/run.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static void put_time(struct jsonw *w, const char *key, uint64_t ns)
{
    char text[64], whole[32];
    struct tm tm;
    time_t s = (time_t)(ns / NS_PER_S);
    if (ns && gmtime_r(&s, &tm)) {
        strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(text, sizeof(text), "%s.%09lluZ", whole, (unsigned long long)(ns % NS_PER_S));
        jsonw_strz(w, key, text);
    }
}

static void put_format(struct jsonw *w, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_format(struct jsonw *w, const char *key, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    jsonw_strz(w, key, text);
}

static const char *status_of(const struct slot *slot)
{
    return slot->phase == PHASE_RUNNING    ? "RUNNING"
           : slot->phase == PHASE_WAITING  ? "NONE"
           : slot->phase == PHASE_STARTING ? "CREATED"
                                           : "STOPPED";
}

static void put_limits(struct jsonw *w, const struct task_container *c)
{
    jsonw_object(w, "Limits");
    jsonw_u64(w, "CPU", c->cpu > 2 ? c->cpu : 2);
    if (c->memory_mib) {
        jsonw_u64(w, "Memory", c->memory_mib);
    }
    jsonw_end(w);
}

static void put_labels(struct jsonw *w, const struct run *run, const struct slot *slot)
{
    const char *region = run->task.region.p, *cluster = run->options->cluster;
    jsonw_object(w, "Labels");
    put_format(w, "com.amazonaws.ecs.cluster", "arn:aws:ecs:%s:%s:cluster/%s", region,
               run->task.account.p, cluster);
    jsonw_str(w, "com.amazonaws.ecs.container-name", slot->def->name);
    put_format(w, "com.amazonaws.ecs.task-arn", "arn:aws:ecs:%s:%s:task/%s/%s", region,
               run->task.account.p, cluster, run->id);
    jsonw_str(w, "com.amazonaws.ecs.task-definition-family", run->task.family);
    jsonw_str(w, "com.amazonaws.ecs.task-definition-version", run->task.revision);
    for (uint32_t i = 0; i < slot->def->labels.n; i++) {
        jsonw_key(w, slot->def->labels.items[i].name);
        jsonw_str(w, NULL, slot->def->labels.items[i].value);
    }
    jsonw_end(w);
}

static void put_log(struct jsonw *w, const struct task_container *c)
{
    if (!c->log_driver.n) {
        return;
    }
    jsonw_str(w, "LogDriver", c->log_driver);
    jsonw_object(w, "LogOptions");
    for (uint32_t i = 0; i < c->log_options.n; i++) {
        jsonw_key(w, c->log_options.items[i].name);
        jsonw_str(w, NULL, c->log_options.items[i].value);
    }
    jsonw_end(w);
}

static void put_networks(struct jsonw *w)
{
    jsonw_array(w, "Networks");
    jsonw_object(w, NULL);
    jsonw_strz(w, "NetworkMode", "awsvpc");
    jsonw_array(w, "IPv4Addresses");
    jsonw_strz(w, NULL, "127.0.0.1");
    jsonw_end(w);
    jsonw_end(w);
    jsonw_end(w);
}

static void put_health(struct jsonw *w, const struct slot *slot)
{
    static const char *const names[] = { "UNKNOWN", "HEALTHY", "UNHEALTHY" };
    if (slot->def->health.command.n && slot->started) {
        jsonw_object(w, "Health");
        jsonw_strz(w, "status", names[slot->health]);
        put_time(w, "statusSince", slot->check.since_ns);
        jsonw_end(w);
    }
}

static void put_container(struct jsonw *w, const struct run *run, const struct slot *slot)
{
    const struct task_container *c = slot->def;
    jsonw_object(w, NULL);
    jsonw_strz(w, "DockerId", slot->id);
    jsonw_str(w, "Name", c->name);
    jsonw_str(w, "DockerName", c->name);
    jsonw_str(w, "Image", c->image);
    if (slot->image && slot->image->config.digest.n) {
        jsonw_str(w, "ImageID", slot->image->config.digest);
    }
    put_labels(w, run, slot);
    jsonw_strz(w, "DesiredStatus", slot->stopping || run->stopping ? "STOPPED" : "RUNNING");
    jsonw_strz(w, "KnownStatus", status_of(slot));
    if (slot->phase > PHASE_RUNNING && slot->status >= 0) {
        jsonw_i64(w, "ExitCode", slot->status);
    }
    put_limits(w, c);
    put_time(w, "CreatedAt", slot->created_ns);
    put_time(w, "StartedAt", slot->started_ns);
    put_time(w, "FinishedAt", slot->finished_ns);
    jsonw_strz(w, "Type", "NORMAL");
    put_health(w, slot);
    put_log(w, c);
    put_format(w, "ContainerARN", "arn:aws:ecs:%s:%s:container/%s/%s/%s", run->task.region.p,
               run->task.account.p, run->options->cluster, run->id, slot->id);
    put_networks(w);
    jsonw_strz(w, "Snapshotter", "overlayfs");
    jsonw_end(w);
}

static void put_task_limits(struct jsonw *w, const struct task_definition *task)
{
    if (!task->cpu && !task->memory_mib) {
        return;
    }
    jsonw_object(w, "Limits");
    if (task->cpu) {
        jsonw_double(w, "CPU", task->cpu / 1024.0);
    }
    if (task->memory_mib) {
        jsonw_u64(w, "Memory", task->memory_mib);
    }
    jsonw_end(w);
}

static void put_task(struct jsonw *w, const struct run *run)
{
    bool starting = false;
    jsonw_object(w, NULL);
    put_format(w, "Cluster", "arn:aws:ecs:%s:%s:cluster/%s", run->task.region.p,
               run->task.account.p, run->options->cluster);
    put_format(w, "TaskARN", "arn:aws:ecs:%s:%s:task/%s/%s", run->task.region.p,
               run->task.account.p, run->options->cluster, run->id);
    jsonw_str(w, "Family", run->task.family);
    jsonw_str(w, "Revision", run->task.revision);
    jsonw_strz(w, "DesiredStatus", run->stopping ? "STOPPED" : "RUNNING");
    for (uint32_t i = 0; i < run->task.ncontainers; i++) {
        starting |= run->slots[i].phase < PHASE_RUNNING;
    }
    jsonw_strz(w, "KnownStatus", starting ? "PENDING" : "RUNNING");
    put_task_limits(w, &run->task);
    put_time(w, "PullStartedAt", run->began_ns);
    put_time(w, "PullStoppedAt", run->began_ns);
    put_format(w, "AvailabilityZone", "%sa", run->task.region.p);
    jsonw_strz(w, "LaunchType", "FARGATE");
    jsonw_array(w, "Containers");
    for (uint32_t i = 0; i < run->task.ncontainers; i++) {
        if (run->slots[i].phase != PHASE_WAITING && run->slots[i].phase != PHASE_NEVER) {
            put_container(w, run, &run->slots[i]);
        }
    }
    jsonw_end(w);
    jsonw_end(w);
}

static void put_stats(struct jsonw *w, const struct run *run, const struct slot *slot)
{
    struct group_use use;
    groups_use(&run->groups, slot->group, &use);
    jsonw_object(w, NULL);
    put_time(w, "read", clock_real_ns());
    jsonw_strz(w, "name", slot->def->name.p);
    jsonw_strz(w, "id", slot->id);
    jsonw_object(w, "cpu_stats");
    jsonw_object(w, "cpu_usage");
    jsonw_u64(w, "total_usage", use.cpu_ns);
    jsonw_end(w);
    jsonw_end(w);
    jsonw_object(w, "memory_stats");
    jsonw_u64(w, "usage", use.memory);
    if (use.memory_limit) {
        jsonw_u64(w, "limit", use.memory_limit);
    }
    jsonw_end(w);
    jsonw_end(w);
}

static void put_all_stats(struct jsonw *w, const struct run *run)
{
    jsonw_object(w, NULL);
    for (uint32_t i = 0; i < run->task.ncontainers; i++) {
        if (run->slots[i].phase == PHASE_RUNNING) {
            jsonw_key(w, str_of(run->slots[i].id));
            put_stats(w, run, &run->slots[i]);
        }
    }
    jsonw_end(w);
}

static const struct slot *find_slot(const struct run *run, struct str id)
{
    for (uint32_t i = 0; i < run->task.ncontainers; i++) {
        if (str_eqz(id, run->slots[i].id)) {
            return &run->slots[i];
        }
    }
    return NULL;
}

bool metadata_answer(const struct run *run, struct str path, struct buf *ret)
{
    struct jsonw w = { .buf = ret };
    if (!str_starts(path, STR("/v4/"))) {
        return false;
    }
    path = str_from_offset(path, 4);
    ptrdiff_t slash = str_find_char(path, '/');
    struct str rest = slash < 0 ? STR("") : str_from_offset(path, (size_t)slash);
    const struct slot *slot = find_slot(run, slash < 0 ? path : str_first(path, (size_t)slash));
    if (!slot) {
        return false;
    }
    if (rest.n == 0 || str_eqz(rest, "/")) {
        put_container(&w, run, slot);
    } else if (str_eqz(rest, "/task") || str_eqz(rest, "/taskWithTags")) {
        put_task(&w, run);
    } else if (str_eqz(rest, "/stats")) {
        put_stats(&w, run, slot);
    } else if (str_eqz(rest, "/task/stats")) {
        put_all_stats(&w, run);
    } else {
        return false;
    }
    return true;
}
