/*
 * definition_check: the rules between containers, as ECS has them when a definition is registered.
 */
#include "taskrun/definition.h"

#include <ctype.h>
#include <errno.h>

#define NAME_MAX_ 255

static bool is_name(struct str name)
{
    bool good = name.n > 0 && name.n <= NAME_MAX_ && name.p[0] != '-';
    for (size_t i = 0; good && i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        good = isalnum(c) || c == '-' || c == '_';
    }
    return good;
}

static int check_names(const struct task_definition *task, struct err *err)
{
    bool essential = false;
    for (uint32_t i = 0; i < task->ncontainers; i++) {
        const struct task_container *c = &task->containers[i];
        if (!is_name(c->name)) {
            return err_set(err, -EINVAL, "`%.*s` is not a container's name",
                           STR_ARG(str_first(c->name, 64)));
        }
        if (task_container_find(task, c->name) != (int)i) {
            return err_set(err, -EINVAL, "two containers are named `%s`", c->name.p);
        }
        if (!c->image.n) {
            return err_set(err, -EINVAL, "container `%s` has no image", c->name.p);
        }
        essential |= c->essential;
    }
    return essential ? 0 : err_set(err, -EINVAL, "no container is essential");
}

static int check_dependency(const struct task_definition *task, const struct task_container *c,
                            const struct task_dependency *d, struct err *err)
{
    const struct task_container *on = &task->containers[d->on];
    if ((d->condition == TASK_COMPLETE || d->condition == TASK_SUCCESS) && on->essential) {
        return err_set(err, -EINVAL,
                       "`%s` waits for the end of `%s`, which is essential: the task would end",
                       c->name.p, on->name.p);
    }
    if (d->condition == TASK_HEALTHY && on->health.command.n == 0) {
        return err_set(err, -EINVAL, "`%s` waits for the health of `%s`, which has no health check",
                       c->name.p, on->name.p);
    }
    return 0;
}

/* Takes away, again and again, what waits for nothing that is left; a cycle stays. */
static int check_cycles(const struct task_definition *task, struct err *err)
{
    bool gone[TASK_CONTAINERS_MAX] = { false };
    uint32_t left = task->ncontainers, before = left + 1;
    while (left < before) {
        before = left;
        for (uint32_t i = 0; i < task->ncontainers; i++) {
            const struct task_container *c = &task->containers[i];
            bool free = !gone[i];
            for (uint32_t k = 0; free && k < c->ndepends_on; k++) {
                free = gone[c->depends_on[k].on];
            }
            gone[i] |= free;
            left -= free;
        }
    }
    for (uint32_t i = 0; i < task->ncontainers; i++) {
        if (!gone[i]) {
            return err_set(err, -ELOOP,
                           "container `%s` waits for itself, by dependsOn or volumesFrom",
                           task->containers[i].name.p);
        }
    }
    return 0;
}

int task_definition_check(const struct task_definition *task, struct err *err)
{
    int r = check_names(task, err);
    for (uint32_t i = 0; r == 0 && i < task->ncontainers; i++) {
        const struct task_container *c = &task->containers[i];
        for (uint32_t k = 0; r == 0 && k < c->ndepends_on; k++) {
            r = check_dependency(task, c, &c->depends_on[k], err);
        }
    }
    return r == 0 ? check_cycles(task, err) : r;
}
