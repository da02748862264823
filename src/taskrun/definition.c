/*
 * definition: the task as a whole: which of a document's, what it has besides containers, and the rules that hold
 * between containers.
 */
#include "taskrun/definition_internal.h"

#include <errno.h>
#include <stdlib.h>

int task_container_find(const struct task_definition *task, struct str name)
{
    for (uint32_t i = 0; i < task->ncontainers; i++) {
        if (str_eq(task->containers[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

static void read_volumes(struct reader *r, const struct node *map)
{
    const struct node *list = reader_list(r, map, "volumes", TASK_VOLUMES_MAX);
    for (const struct node *at = list ? list->first : NULL; at && !r->code; at = at->next) {
        struct task_volume *one = &r->task->volumes[r->task->nvolumes++];
        const struct node *host = reader_get(r, at, "host");
        one->name = reader_text(r, at, "name");
        one->on_host = reader_get(r, host, "sourcePath") != NULL;
        if (!one->name.n) {
            reader_fail(r, at, "a volume without a name");
        } else if (reader_get(r, at, "dockerVolumeConfiguration")) {
            reader_fail(r, at, "dockerVolumeConfiguration: Fargate does not have this");
        }
    }
}

static void read_modes(struct reader *r, const struct node *map)
{
    struct str pid = reader_text(r, map, "pidMode"), ipc = reader_text(r, map, "ipcMode");
    struct str network = reader_text(r, map, "networkMode");
    const struct node *platform = reader_get(r, map, "runtimePlatform");
    struct str family = reader_text(r, platform, "operatingSystemFamily");
    if (pid.n && !str_eqz(pid, "task")) {
        reader_fail(r, node_get(&r->doc, map, "pidMode"), "pidMode: Fargate has none but `task`");
    } else if (ipc.n) {
        reader_fail(r, node_get(&r->doc, map, "ipcMode"), "ipcMode: Fargate does not have this");
    } else if (network.n && !str_eqz(network, "awsvpc")) {
        reader_fail(r, node_get(&r->doc, map, "networkMode"),
                    "networkMode: Fargate has none but `awsvpc`");
    } else if (family.n && !str_eqz(family, "LINUX")) {
        reader_fail(r, platform, "operatingSystemFamily: only LINUX runs here");
    }
    r->task->pid_shared = pid.n > 0;
    r->task->arm64 = str_eqz(reader_text(r, platform, "cpuArchitecture"), "ARM64");
}

static struct str part_of(struct str arn, int skip)
{
    for (; skip > 0 && arn.n; skip--) {
        ptrdiff_t colon = str_find_char(arn, ':');
        arn = str_from_offset(arn, colon < 0 ? arn.n : (size_t)colon + 1);
    }
    ptrdiff_t colon = str_find_char(arn, ':');
    return colon < 0 ? arn : str_first(arn, (size_t)colon);
}

static bool is_account(struct str text)
{
    bool good = text.n == 12;
    for (size_t i = 0; good && i < text.n; i++) {
        good = text.p[i] >= '0' && text.p[i] <= '9';
    }
    return good;
}

/* The texts of ARNs that say where the task belongs, the definition's own first. */
static struct str of_arns(struct reader *r, const struct node *map, int part)
{
    static const char *const keys[] = { "taskDefinitionArn", "executionRoleArn", "taskRoleArn" };
    struct str found = { 0 };
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && !found.n; i++) {
        const struct node *arn = node_get(&r->doc, map, keys[i]);
        found = arn && node_is_text(arn) ? part_of(arn->value, part) : found;
    }
    return found.n ? arena_str(r->doc.arena, found) : found;
}

/* Of a role's ARN the region is empty; a log's is where the task runs. */
static void find_place(struct reader *r, const struct node *map)
{
    struct task_definition *task = r->task;
    struct str account = of_arns(r, map, 4);
    task->region = of_arns(r, map, 3);
    task->account = is_account(account) ? account : STR("000000000000");
    for (uint32_t i = 0; i < task->ncontainers && !task->region.n; i++) {
        const struct task_pairs *options = &task->containers[i].log_options;
        for (uint32_t k = 0; k < options->n; k++) {
            if (str_eqz(options->items[k].name, "awslogs-region")) {
                task->region = options->items[k].value;
            }
        }
    }
}

static void read_task(struct reader *r, const struct taskdef *found)
{
    const struct node *map = found->node;
    struct task_definition *task = r->task;
    task->family = map ? reader_text(r, map, "family") : STR("task");
    task->family = task->family.n ? task->family : STR("task");
    task->revision = STR("1");
    const struct node *revision = map ? reader_get(r, map, "revision") : NULL;
    task->revision = revision ? reader_text_of(r, revision, "revision") : task->revision;
    if (map) {
        task->cpu = reader_size(r, map, "cpu");
        task->memory_mib = reader_size(r, map, "memory");
        read_modes(r, map);
        read_volumes(r, map);
    } else {
        task->pid_shared = true;
    }
}

static void read_containers(struct reader *r, const struct taskdef *found)
{
    struct task_definition *task = r->task;
    uint32_t i = 0;
    if (found->definitions->n > TASK_CONTAINERS_MAX) {
        reader_fail(r, found->definitions, "a task definition has at most %d containers",
                    TASK_CONTAINERS_MAX);
        return;
    }
    task->containers = ARENA_ARRAY(r->doc.arena, struct task_container, found->definitions->n);
    if (!task->containers) {
        reader_fail(r, NULL, "the definition is too large");
        return;
    }
    for (const struct node *at = found->definitions->first; at && !r->code; at = at->next) {
        if (node_is_intrinsic(at)) {
            reader_fail(r, at, "a container that is not known here");
        }
        task_container_read(r, at, &task->containers[i++]);
        task->ncontainers = i;
    }
    i = 0;
    for (const struct node *at = found->definitions->first; at && !r->code; at = at->next) {
        task_container_read_links(r, at, &task->containers[i++]);
    }
}

static int read_found(struct reader *r, const struct taskdefs *found)
{
    if (found->n != 1) {
        return err_set(r->err, -EINVAL, "it has %u task definitions: --resource NAME", found->n);
    }
    read_task(r, &found->items[0]);
    read_containers(r, &found->items[0]);
    if (!r->code) {
        find_place(r, found->items[0].node);
    }
    return r->code ? r->code : task_definition_check(r->task, r->err);
}

int task_definition_read(struct str text, const char *resource, struct arena *arena,
                         struct task_definition *ret, struct err *err)
{
    struct reader r = { .task = ret, .err = err };
    *ret = (struct task_definition){ 0 };
    int code = document_parse(&r.doc, arena, text, err);
    if (code < 0) {
        return code;
    }
    struct taskdefs *found = mem_zalloc(sizeof(*found));
    if (!found) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    code = taskdefs_find(&r.doc, resource, found, err);
    code = code == 0 ? read_found(&r, found) : code;
    free(found);
    return code;
}
