/*
 * taskdef: finds task definitions by their shape.
 *
 *     { Resources: { X: { Type: AWS::ECS::TaskDefinition, Properties: TASK } } }     a template
 *     { taskDefinition: TASK }, TASK                                                 describe, register
 *     [ CONTAINER, ... ]                                                             Terraform
 *
 * A container may stand in a branch of Fn::If. Where one, or the list, cannot be seen into, that is an error: one that
 * is passed over would run unwatched.
 */
#include "instrument/taskdef.h"

#include <errno.h>
#include <stdio.h>

static int complain(const struct document *doc, const struct node *node, struct err *err,
                    const char *what)
{
    return err_set(err, -EINVAL, "line %u: %s", document_line(doc, node->start), what);
}

static bool is_branching(const struct node *node, const struct node **ret_branches)
{
    bool tagged = node->kind == NODE_LIST && str_eqz(node->tag, "!If");
    bool whole = node->kind == NODE_MAP && node->n == 1 && str_eqz(node->first->key, "Fn::If") &&
                 node->first->kind == NODE_LIST;
    const struct node *list = tagged ? node : whole ? node->first : NULL;
    *ret_branches = list;
    return list && list->n == 3;
}

static int take_container(const struct document *doc, struct taskdef *task, struct node *node,
                          struct err *err)
{
    const struct node *name = node_get(doc, node, "name");
    if (!name) {
        return complain(doc, node, err, "a container without a name");
    }
    if (node_is_text(name) && str_eqz(name->value, INSTRUMENT_INIT)) {
        task->init = node;
    } else if (node_is_text(name) && str_eqz(name->value, INSTRUMENT_AGENT)) {
        task->agent = node;
    } else if (task->n == INSTRUMENT_CONTAINERS_MAX) {
        return complain(doc, node, err, "too many containers");
    } else {
        task->containers[task->n++] = node;
    }
    return 0;
}

static int collect(const struct document *doc, struct taskdef *task, struct node *node,
                   struct err *err)
{
    const struct node *branches;
    if (is_branching(node, &branches)) {
        struct node *yes = branches->first->next;
        int r = collect(doc, task, yes, err);
        return r == 0 ? collect(doc, task, yes->next, err) : r;
    }
    if (node_is_intrinsic(node) && node_has_no_value(node)) {
        return 0;
    }
    if (node->kind != NODE_MAP || node_is_intrinsic(node)) {
        return complain(doc, node, err,
                        "not a container definition, or one that cannot be seen into");
    }
    return take_container(doc, task, node, err);
}

static int take_task(struct document *doc, struct taskdefs *tasks, struct str name,
                     struct node *node, struct node *list, struct err *err)
{
    if (tasks->n == INSTRUMENT_TASKS_MAX) {
        return complain(doc, list, err, "too many task definitions");
    }
    struct taskdef *task = &tasks->items[tasks->n++];
    *task = (struct taskdef){ .name = name, .node = node, .definitions = list };
    if (list->kind != NODE_LIST || list->tag.n) {
        return complain(doc, list, err, "container definitions that are not a list");
    }
    for (struct node *at = list->first; at; at = at->next) {
        int r = collect(doc, task, at, err);
        if (r < 0) {
            return r;
        }
    }
    bool complete = !task->init == !task->agent;
    return task->n == 0 ? complain(doc, list, err, "a task without containers")
           : complete   ? 0
                        : complain(doc, list, err, "one of hinomi-init, hinomi-agent is missing");
}

static int take_resource(struct document *doc, struct taskdefs *tasks, struct node *resource,
                         struct err *err)
{
    struct node *properties = node_get(doc, resource, "properties");
    struct node *list = node_get(doc, properties, "containerDefinitions");
    if (!list) {
        return complain(doc, resource, err, "a task definition without ContainerDefinitions");
    }
    return take_task(doc, tasks, resource->key, properties, list, err);
}

static int find_in_template(struct document *doc, const char *resource, struct taskdefs *tasks,
                            struct err *err)
{
    struct node *resources = node_find(doc->root, STR("Resources"));
    doc->pascal = true;
    tasks->template = true;
    for (struct node *at = resources->first; resources->kind == NODE_MAP && at; at = at->next) {
        struct node *type = node_find(at, STR("Type"));
        if (!type || !str_eqz(type->value, "AWS::ECS::TaskDefinition") ||
            (resource && !str_eqz(at->key, resource))) {
            continue;
        }
        int r = take_resource(doc, tasks, at, err);
        if (r < 0) {
            return r;
        }
    }
    return tasks->n > 0 ? 0
           : resource
               ? err_set(err, -ENOENT, "no task definition `%s` among its resources", resource)
               : err_set(err, -ENOENT, "no AWS::ECS::TaskDefinition among its resources");
}

int taskdefs_find(struct document *doc, const char *resource, struct taskdefs *ret, struct err *err)
{
    struct node *root = doc->root;
    *ret = (struct taskdefs){ 0 };
    if (node_find(root, STR("Resources"))) {
        return find_in_template(doc, resource, ret, err);
    }
    struct str name = { 0 };
    if (root->kind == NODE_LIST) {
        doc->pascal = root->first && node_find(root->first, STR("Name"));
        return take_task(doc, ret, name, NULL, root, err);
    }
    struct node *wrapped = node_find(root, STR("taskDefinition"));
    root = wrapped && wrapped->kind == NODE_MAP ? wrapped : root;
    doc->pascal = node_find(root, STR("ContainerDefinitions"));
    struct node *list = node_get(doc, root, "containerDefinitions");
    if (!list) {
        return err_set(err, -EINVAL,
                       "neither a task definition, nor a CloudFormation template, nor a list of "
                       "container definitions");
    }
    return take_task(doc, ret, name, root, list, err);
}

struct str taskdef_container_name(const struct document *doc, const struct taskdef *task,
                                  uint32_t i)
{
    const struct node *name = node_get(doc, task->containers[i], "name");
    if (node_is_text(name)) {
        return name->value;
    }
    char storage[16];
    int n = snprintf(storage, sizeof(storage), "#%u", i + 1);
    return arena_str(doc->arena, str_from(storage, (size_t)n));
}
