/*
 * sidecar: the two containers that are added, as docs/fargate.md describes them.
 *
 * hinomi-init copies the shim into the volume and ends; hinomi-agent watches. Their log goes where an application's
 * awslogs goes, under prefixes of their own. The enrolment token is only ever named.
 */
#include "instrument/taskdef.h"

#include <errno.h>
#include <stdio.h>

#define TEXT_MAX 512

/* Building with what every call needs. */
struct maker {
    const struct document *doc;
    const struct instrument_options *options;
    const struct node *log; /* options of an awslogs, or NULL */
};

static struct node *text(const struct maker *m, const char *z)
{
    return node_new_text(m->doc->arena, str_of(z));
}

static void put(const struct maker *m, struct node *map, const char *name, struct node *value)
{
    node_put(m->doc, map, name, value);
}

static struct node *list_of(const struct maker *m, const char *const *words)
{
    struct node *list = node_new(m->doc->arena, NODE_LIST);
    for (; *words; words++) {
        node_append(list, (struct str){ 0 }, text(m, *words));
    }
    return list;
}

static struct node *add_map(const struct maker *m, struct node *list)
{
    return node_append(list, (struct str){ 0 }, node_new(m->doc->arena, NODE_MAP));
}

static struct node *number(const struct maker *m, uint32_t n)
{
    char word[16];
    snprintf(word, sizeof(word), "%u", n);
    return node_new_word(m->doc->arena, word);
}

static void add_mount(const struct maker *m, struct node *list, const char *volume,
                      const char *path)
{
    struct node *map = add_map(m, list);
    put(m, map, "sourceVolume", text(m, volume));
    put(m, map, "containerPath", text(m, path));
    put(m, map, "readOnly", node_new_word(m->doc->arena, "false"));
}

static struct node *mounts(const struct maker *m, bool state)
{
    struct node *list = node_new(m->doc->arena, NODE_LIST);
    add_mount(m, list, "hinomi", "/hinomi");
    if (state) {
        add_mount(m, list, "hinomi-state", "/var/lib/hinomi-agent");
    }
    return list;
}

static void put_log(const struct maker *m, struct node *container, const char *prefix)
{
    struct arena *arena = m->doc->arena;
    struct node *options = node_new(arena, NODE_MAP), *log = node_new(arena, NODE_MAP);
    if (m->options->log_group) {
        node_append(options, STR("awslogs-group"), text(m, m->options->log_group));
        node_append(options, STR("awslogs-region"), text(m, m->options->log_region));
    } else if (!m->log) {
        return;
    }
    for (const struct node *at = m->log && !m->options->log_group ? m->log->first : NULL; at;
         at = at->next) {
        /* How an application's lines are put together is not how the agent's are. */
        if (!str_eqz(at->key, "awslogs-stream-prefix") &&
            !str_eqz(at->key, "awslogs-datetime-format") &&
            !str_eqz(at->key, "awslogs-multiline-pattern")) {
            node_append(options, at->key, node_copy(arena, at));
        }
    }
    node_append(options, STR("awslogs-stream-prefix"), text(m, prefix));
    put(m, log, "logDriver", text(m, "awslogs"));
    put(m, log, "options", options);
    put(m, container, "logConfiguration", log);
}

/* Where the task has no memory of its own (EC2), each container has to say some. */
static bool needs_memory(const struct document *doc, const struct taskdef *task)
{
    return task->node ? !node_get(doc, task->node, "memory")
                      : node_get(doc, task->containers[0], "memory") ||
                            node_get(doc, task->containers[0], "memoryReservation");
}

static struct node *make_init(const struct maker *m, const struct taskdef *task)
{
    static const char *const copy[] = { "/bin/cp", "/usr/bin/hinomi-shim", INSTRUMENT_SHIM, NULL };
    struct node *map = node_new(m->doc->arena, NODE_MAP);
    put(m, map, "name", text(m, INSTRUMENT_INIT));
    put(m, map, "image", text(m, m->options->image));
    put(m, map, "essential", node_new_word(m->doc->arena, "false"));
    put(m, map, "user", text(m, "0"));
    put(m, map, "entryPoint", list_of(m, copy));
    if (needs_memory(m->doc, task)) {
        put(m, map, "memoryReservation", number(m, 16));
    }
    put(m, map, "readonlyRootFilesystem", node_new_word(m->doc->arena, "true"));
    put(m, map, "mountPoints", mounts(m, false));
    put_log(m, map, INSTRUMENT_INIT);
    return map;
}

static void add_variable(const struct maker *m, struct node *list, const char *name,
                         const char *value)
{
    if (value) {
        struct node *map = add_map(m, list);
        put(m, map, "name", text(m, name));
        put(m, map, "value", text(m, value));
    }
}

static struct node *environment(const struct maker *m)
{
    char address[32];
    struct node *list = node_new(m->doc->arena, NODE_LIST);
    snprintf(address, sizeof(address), "127.0.0.1:%u", m->options->port);
    add_variable(m, list, "HINOMI_METRICS_LISTEN", address);
    add_variable(m, list, "HINOMI_PRIORITY", m->options->security ? "security" : NULL);
    add_variable(m, list, "HINOMI_SERVER_URL", m->options->server);
    add_variable(m, list, "HINOMI_POLICIES", m->options->server ? m->options->policies : NULL);
    add_variable(m, list, "HINOMI_SERVER_CA_SHA256", m->options->ca);
    return list;
}

static void put_token(const struct maker *m, struct node *agent)
{
    const struct instrument_options *o = m->options;
    if (!o->token_secret && !o->token_ref) {
        return;
    }
    struct node *value =
        o->token_secret ? text(m, o->token_secret) : node_new(m->doc->arena, NODE_MAP);
    if (!o->token_secret) {
        node_append(value, STR("Ref"), text(m, o->token_ref));
    }
    struct node *list = node_new(m->doc->arena, NODE_LIST), *map = add_map(m, list);
    put(m, map, "name", text(m, "HINOMI_SERVER_TOKEN"));
    put(m, map, "valueFrom", value);
    put(m, agent, "secrets", list);
}

/* The image has a shell, and nothing else that speaks HTTP. */
static struct node *health_check(const struct maker *m)
{
    char script[TEXT_MAX];
    snprintf(script, sizeof(script),
             "exec 3<>/dev/tcp/127.0.0.1/%u && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && "
             "read -r _ status _ <&3 && [ \"$status\" = 200 ]",
             m->options->port);
    const char *const words[] = { "CMD", "/bin/bash", "-c", script, NULL };
    struct node *map = node_new(m->doc->arena, NODE_MAP);
    put(m, map, "command", list_of(m, words));
    put(m, map, "interval", number(m, 10));
    put(m, map, "timeout", number(m, 5));
    put(m, map, "retries", number(m, 3));
    put(m, map, "startPeriod", number(m, 10));
    return map;
}

static struct node *capabilities(const struct maker *m)
{
    static const char *const words[] = { "SYS_PTRACE", NULL };
    struct node *parameters = node_new(m->doc->arena, NODE_MAP);
    struct node *sets = node_new(m->doc->arena, NODE_MAP);
    put(m, sets, "add", list_of(m, words));
    put(m, parameters, "capabilities", sets);
    return parameters;
}

static struct node *after_init(const struct maker *m)
{
    struct node *list = node_new(m->doc->arena, NODE_LIST), *map = add_map(m, list);
    put(m, map, "containerName", text(m, INSTRUMENT_INIT));
    put(m, map, "condition", text(m, "SUCCESS"));
    return list;
}

/* With a server the image's rules hold until the server's do: what an application does in its first second counts. */
static void put_command(const struct maker *m, struct node *map)
{
    static const char *const program[] = { "/usr/bin/hinomi-agent", NULL };
    const char *const alone[] = { "--rules", m->options->rules, "--output", "json", NULL };
    const char *const with_server[] = { "--rules", m->options->rules, NULL };
    put(m, map, "entryPoint", list_of(m, program));
    put(m, map, "command", list_of(m, m->options->server ? with_server : alone));
}

static struct node *make_agent(const struct maker *m, struct str record)
{
    struct arena *arena = m->doc->arena;
    struct node *map = node_new(arena, NODE_MAP), *labels = node_new(arena, NODE_MAP);
    put(m, map, "name", text(m, INSTRUMENT_AGENT));
    put(m, map, "image", text(m, m->options->image));
    put(m, map, "essential", node_new_word(arena, m->options->security ? "true" : "false"));
    put(m, map, "user", text(m, "0"));
    put_command(m, map);
    put(m, map, "environment", environment(m));
    put_token(m, map);
    if (m->options->cpu > 0) {
        put(m, map, "cpu", number(m, m->options->cpu));
    }
    put(m, map, "memoryReservation", number(m, m->options->memory));
    put(m, map, "readonlyRootFilesystem", node_new_word(arena, "true"));
    put(m, map, "linuxParameters", capabilities(m));
    put(m, map, "dependsOn", after_init(m));
    put(m, map, "mountPoints", mounts(m, m->options->server));
    put(m, map, "healthCheck", health_check(m));
    put_log(m, map, INSTRUMENT_AGENT);
    node_append(labels, STR(INSTRUMENT_LABEL), node_new_text(arena, record));
    put(m, map, "dockerLabels", labels);
    return map;
}

/* Options of the first container's awslogs that can be seen into. */
static const struct node *find_log(const struct document *doc, const struct taskdef *task)
{
    for (uint32_t i = 0; i < task->n; i++) {
        const struct node *log = node_get(doc, task->containers[i], "logConfiguration");
        const struct node *driver = node_get(doc, log, "logDriver");
        const struct node *options = node_get(doc, log, "options");
        if (driver && str_eqz(driver->value, "awslogs") && options && options->kind == NODE_MAP &&
            !node_is_intrinsic(options)) {
            return options;
        }
    }
    return NULL;
}

int sidecar_add(struct edits *edits, struct taskdef *task, const struct instrument_options *options,
                struct str record, struct instrument_result *result)
{
    struct maker m = { edits->doc, options, find_log(edits->doc, task) };
    edit_append(edits, task->definitions, make_init(&m, task));
    edit_append(edits, task->definitions, make_agent(&m, record));
    result->no_log |= !m.log && !options->log_group;
    return 0;
}
