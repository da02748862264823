/*
 * guardduty: one object, written in the order of GuardDuty's own documentation.
 *
 * The finding's columns say what is known of all its alerts; processes come from the newest alert. What is not known is
 * left out: a field that is there says something. Texts are cut at GUARDDUTY_TEXT_MAX bytes, at a character.
 */
#include "notify/guardduty.h"

#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

static struct str cut(struct str s)
{
    size_t n = s.n < GUARDDUTY_TEXT_MAX ? s.n : GUARDDUTY_TEXT_MAX;
    while (n < s.n && n > GUARDDUTY_TEXT_MAX - 3 && ((unsigned char)s.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return str_first(s, n);
}

static void put(struct jsonw *w, const char *key, struct str s)
{
    if (s.n) {
        jsonw_str(w, key, cut(s));
    }
}

static void put_time(struct jsonw *w, const char *key, int64_t ms)
{
    char text[40];
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    if (ms > 0 && gmtime_r(&s, &tm)) {
        size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
        jsonw_strz(w, key, text);
    }
}

/* ---- what an alert says */

static struct json_object *member(struct json_object *object, const char *key, enum json_type type)
{
    struct json_object *value = NULL;
    return object && json_object_is_type(object, json_type_object) &&
                   json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, type)
               ? value
               : NULL;
}

static struct str text(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key, json_type_string);
    return value ? (struct str){ json_object_get_string(value),
                                 (size_t)json_object_get_string_len(value) }
                 : (struct str){ 0 };
}

static void put_number(struct jsonw *w, const char *key, struct json_object *object,
                       const char *from)
{
    struct json_object *value = member(object, from, json_type_int);
    if (value) {
        jsonw_i64(w, key, json_object_get_int64(value));
    }
}

static struct json_object *hinomi_of(const struct guardduty *what)
{
    return member(what->alert, "hinomi", json_type_object);
}

static struct json_object *fields_of(const struct guardduty *what)
{
    return member(what->alert, "output_fields", json_type_object);
}

/* ---- resource */

/* NAME of "arn:...:cluster/NAME", or what is a name already. */
static struct str name_of(struct str arn)
{
    ptrdiff_t slash = str_find_last(arn, '/');
    return str_starts(arn, STR("arn:")) && slash >= 0 ? str_from_offset(arn, (size_t)slash + 1)
                                                      : arn;
}

static struct str partition_of(const struct finding *f)
{
    struct str rest = str_from_offset(f->task_arn, 4);
    ptrdiff_t colon = str_find_char(rest, ':');
    return str_starts(f->task_arn, STR("arn:")) && colon > 0 ? str_first(rest, (size_t)colon)
                                                             : STR("aws");
}

/* "arn:aws:ecs:REGION:ACCOUNT:KIND/..." */
static void put_arn(struct jsonw *w, const char *key, const struct finding *f, const char *kind,
                    struct str name, struct str version)
{
    char storage[512];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    if (!f->region.n || !f->account.n || !name.n) {
        return;
    }
    buf_puts(&buf, STR("arn:"));
    buf_puts(&buf, partition_of(f));
    buf_puts(&buf, STR(":ecs:"));
    buf_puts(&buf, f->region);
    buf_putc(&buf, ':');
    buf_puts(&buf, f->account);
    buf_printf(&buf, ":%s/", kind);
    buf_puts(&buf, name);
    if (version.n) {
        buf_putc(&buf, ':');
        buf_puts(&buf, version);
    }
    if (!buf.failed) {
        jsonw_str(w, key, buf_str(&buf));
    }
}

static void put_container(struct jsonw *w, const char *key, const struct finding *f)
{
    jsonw_object(w, key);
    put(w, "id", f->container_id);
    put(w, "name", f->container_name);
    put(w, "image", f->image);
    put(w, "imageDigest", f->image_digest);
    jsonw_end(w);
}

static void put_task(struct jsonw *w, const struct guardduty *what)
{
    const struct finding *f = what->finding;
    struct json_object *ecs = member(hinomi_of(what), "ecs", json_type_object);
    jsonw_object(w, "taskDetails");
    put(w, "arn", f->task_arn);
    put_arn(w, "definitionArn", f, "task-definition", f->task_family, f->task_revision);
    put(w, "version", f->task_revision);
    if (f->service.n) {
        struct buf group;
        char storage[512];
        buf_init_fixed(&group, storage, sizeof(storage));
        buf_puts(&group, STR("service:"));
        buf_puts(&group, f->service);
        put(w, "group", group.failed ? (struct str){ 0 } : buf_str(&group));
    }
    put(w, "launchType", text(ecs, "launch_type"));
    jsonw_array(w, "containers");
    put_container(w, NULL, f);
    jsonw_end(w);
    jsonw_end(w);
}

static void put_resource(struct jsonw *w, const struct guardduty *what)
{
    const struct finding *f = what->finding;
    bool ecs = f->task_arn.n || f->cluster.n;
    jsonw_object(w, "resource");
    jsonw_strz(w, "resourceType",
               ecs                 ? "ECSCluster"
               : f->container_id.n ? "Container"
                                   : "Instance");
    if (ecs) {
        struct str name = name_of(f->cluster);
        jsonw_object(w, "ecsClusterDetails");
        put(w, "name", name);
        put_arn(w, "arn", f, "cluster", name, (struct str){ 0 });
        put_task(w, what);
        jsonw_end(w);
    } else if (f->container_id.n) {
        put_container(w, "containerDetails", f);
    }
    jsonw_end(w);
}

/* ---- service */

static void put_process_members(struct jsonw *w, struct json_object *process,
                                struct json_object *parent)
{
    put(w, "name", text(process, "name"));
    put(w, "executablePath", text(process, "exe"));
    put_number(w, "pid", process, "pid");
    put_number(w, "namespacePid", process, "ns_pid");
    put(w, "startTime", text(process, "start"));
    put(w, "uuid", text(process, "uuid"));
    put(w, "parentUuid", text(parent, "uuid"));
    put_number(w, "userId", process, "uid");
    put_number(w, "euid", process, "uid");
}

static void put_lineage(struct jsonw *w, struct json_object *lineage, size_t n)
{
    jsonw_array(w, "lineage");
    for (size_t i = 1; i < n && i <= GUARDDUTY_LINEAGE_MAX; i++) {
        jsonw_object(w, NULL);
        put_process_members(w, json_object_array_get_idx(lineage, i),
                            i + 1 < n ? json_object_array_get_idx(lineage, i + 1) : NULL);
        jsonw_end(w);
    }
    jsonw_end(w);
}

/* Where no alert says more, what the finding's columns have. */
static void put_known_process(struct jsonw *w, const struct finding *f)
{
    put(w, "name", f->proc_name);
    put(w, "executablePath", f->proc_exe);
    if (f->proc_pid > 0) {
        jsonw_i64(w, "pid", f->proc_pid);
    }
}

static void put_process(struct jsonw *w, const struct guardduty *what)
{
    struct json_object *lineage = member(hinomi_of(what), "lineage", json_type_array);
    struct json_object *fields = fields_of(what);
    size_t n = lineage ? json_object_array_length(lineage) : 0;
    jsonw_object(w, "process");
    if (n) {
        put_process_members(w, json_object_array_get_idx(lineage, 0),
                            n > 1 ? json_object_array_get_idx(lineage, 1) : NULL);
    } else {
        put_known_process(w, what->finding);
    }
    put(w, "executableSha256", text(fields, "proc.exe.sha256"));
    put(w, "pwd", text(fields, "proc.cwd"));
    put(w, "user", what->finding->user_name);
    put(w, "commandLine", what->finding->proc_cmdline);
    if (n && !what->brief) {
        put_lineage(w, lineage, n);
    }
    jsonw_end(w);
}

static void put_runtime(struct jsonw *w, const struct guardduty *what)
{
    jsonw_object(w, "runtimeDetails");
    put_process(w, what);
    jsonw_object(w, "context");
    put(w, "threatFilePath", what->finding->file);
    put(w, "commandLineExample", what->finding->proc_cmdline);
    jsonw_end(w);
    jsonw_end(w);
}

static void put_action(struct jsonw *w, const struct finding *f)
{
    if (f->domain.n) {
        jsonw_object(w, "action");
        jsonw_strz(w, "actionType", "DNS_REQUEST");
        jsonw_object(w, "dnsRequestAction");
        put(w, "domain", f->domain);
        jsonw_bool(w, "blocked", false);
        jsonw_end(w);
        jsonw_end(w);
    }
}

static void put_evidence(struct jsonw *w, const struct finding *f)
{
    if (f->list.n) {
        jsonw_object(w, "evidence");
        jsonw_array(w, "threatIntelligenceDetails");
        jsonw_object(w, NULL);
        put(w, "threatListName", f->list);
        jsonw_array(w, "threatNames");
        jsonw_str(w, NULL, cut(f->item));
        jsonw_end(w);
        jsonw_end(w);
        jsonw_end(w);
        jsonw_end(w);
    }
}

static void put_service(struct jsonw *w, const struct guardduty *what)
{
    const struct finding *f = what->finding;
    jsonw_object(w, "service");
    jsonw_strz(w, "serviceName", "hinomi");
    jsonw_strz(w, "featureName", "RuntimeMonitoring");
    put(w, "detectorId", f->agent);
    jsonw_strz(w, "resourceRole", "TARGET");
    jsonw_i64(w, "count", f->count);
    jsonw_bool(w, "archived", str_eqz(f->status, "archived") || str_eqz(f->status, "suppressed"));
    put_time(w, "eventFirstSeen", f->first_seen_ms);
    put_time(w, "eventLastSeen", f->last_seen_ms);
    put_action(w, f);
    put_evidence(w, f);
    put_runtime(w, what);
    jsonw_end(w);
}

static void put_own(struct jsonw *w, const struct guardduty *what)
{
    const struct finding *f = what->finding;
    jsonw_object(w, "hinomi");
    put(w, "cause", what->cause);
    put(w, "rule", f->rule);
    put(w, "policy", f->policy);
    put(w, "priority", f->priority);
    put(w, "status", f->status);
    put(w, "link", what->link);
    put(w, "output", f->output);
    put(w, "host", f->host);
    jsonw_bool(w, "sequence", f->sequence);
    jsonw_end(w);
}

void guardduty_put(struct jsonw *w, const struct guardduty *what)
{
    const struct finding *f = what->finding;
    char severity[16];
    snprintf(severity, sizeof(severity), "%d.%d", (int)(f->severity / 10), (int)(f->severity % 10));
    jsonw_object(w, NULL);
    jsonw_strz(w, "schemaVersion", "2.0");
    put(w, "accountId", f->account);
    put(w, "region", f->region);
    jsonw_str(w, "partition", partition_of(f));
    put(w, "id", f->id);
    put(w, "type", f->type.n ? f->type : f->rule);
    jsonw_raw(w, "severity", str_of(severity));
    put(w, "title", what->title);
    put(w, "description", what->summary);
    put_time(w, "createdAt", f->created_ms);
    put_time(w, "updatedAt", f->updated_ms);
    put_resource(w, what);
    put_service(w, what);
    put_own(w, what);
    jsonw_end(w);
}
