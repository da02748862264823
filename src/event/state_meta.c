/*
 * state_meta: events that carry metadata instead of a call, and filling from a sensor's lists.
 */
#include "event/state_internal.h"

#include <errno.h>
#include <stdio.h>

/* An event about a container is of a task of its own, so that rules can ask for container fields.
 */
static void herald(struct state *state, struct event *event, struct container_slot *slot)
{
    if (!state->herald) {
        state->herald = task_new_herald(state);
    }
    struct task *task = state->herald;
    if (!task) {
        return;
    }
    char name[64];
    int n = snprintf(name, sizeof(name), "container:%.*s", STR_ARG(str_first(slot->c.id, 48)));
    struct image_text text = { .comm = str_from(name, (size_t)n) };
    task_set_image(state, task, image_new(&state->ledger, &text, NULL));
    task_set_container(task, slot);
    task_changed_all(task);
    event->thread = &task->t;
}

static void container_event(struct state *state, struct task *task, struct event *event)
{
    (void)task;
    struct container c = {
        .id = event_text(event, 0),
        .type = container_type_text((int64_t)event_u64(event, 1, UINT64_MAX)),
        .name = event_text(event, 2),
        .image = event_text(event, 3),
    };
    if (state_add_container(state, &c) == 0) {
        herald(state, event, container_find(state, c.id));
    }
}

static void json_added(struct state *state, struct event *event, struct str json)
{
    struct container_slot *slot = NULL;
    if (container_add_json(state, json, &slot) == 0) {
        herald(state, event, slot);
    }
}

static void container_json_event(struct state *state, struct task *task, struct event *event)
{
    (void)task;
    json_added(state, event, event_text(event, 0));
}

static void async_event(struct state *state, struct task *task, struct event *event)
{
    (void)task;
    struct str name = event_text(event, 1);
    struct str data = event_text(event, 2);
    if (str_eq(name, STR("container")) || str_eq(name, STR("container_added"))) {
        json_added(state, event, data);
    } else if (str_eq(name, STR("container_removed"))) {
        struct arena arena;
        struct container c = { 0 };
        arena_init(&arena, CONTAINER_BYTES_MAX);
        if (container_from_json(data, &c, &arena) == 0) {
            state_remove_container(state, c.id);
        }
        arena_done(&arena);
    }
}

static void user_added(struct state *state, struct task *task, struct event *event)
{
    (void)task;
    struct user user = { .uid = (uint32_t)event_u64(event, 0, UINT32_MAX),
                         .gid = (uint32_t)event_u64(event, 1, UINT32_MAX),
                         .name = event_text(event, 2),
                         .home = event_text(event, 3),
                         .shell = event_text(event, 4) };
    state->stats.out_of_memory += state_add_user(state, event_text(event, 5), &user) == -ENOMEM;
}

static void user_deleted(struct state *state, struct task *task, struct event *event)
{
    (void)task;
    state_remove_user(state, event_text(event, 5), (uint32_t)event_u64(event, 0, UINT32_MAX));
}

static void group_added(struct state *state, struct task *task, struct event *event)
{
    (void)task;
    struct group group = { .gid = (uint32_t)event_u64(event, 0, UINT32_MAX),
                           .name = event_text(event, 1) };
    state->stats.out_of_memory += state_add_group(state, event_text(event, 2), &group) == -ENOMEM;
}

static void group_deleted(struct state *state, struct task *task, struct event *event)
{
    (void)task;
    state_remove_group(state, event_text(event, 2), (uint32_t)event_u64(event, 0, UINT32_MAX));
}

static void fill_thread(struct state *state, struct task *task, const struct thread_init *init)
{
    const struct thread *from = &init->t;
    struct thread *t = &task->t;
    t->vtid = from->vtid;
    t->vpid = from->vpid;
    task_set_sid(state, task, from->sid);
    t->vpgid = from->vpgid;
    t->pgid = from->pgid;
    t->uid = from->uid;
    t->gid = from->gid;
    t->loginuid = from->loginuid;
    t->tty = from->tty;
    t->cap_permitted = from->cap_permitted;
    t->cap_effective = from->cap_effective;
    t->cap_inheritable = from->cap_inheritable;
    t->exec_ts_ns = from->exec_ts_ns;
    t->pidns_init_start_ts_ns = from->pidns_init_start_ts_ns;
    t->fdlimit = from->fdlimit;
    t->vmsize_kb = from->vmsize_kb;
    t->vmrss_kb = from->vmrss_kb;
    t->vmswap_kb = from->vmswap_kb;
    t->pfmajor = from->pfmajor;
    t->pfminor = from->pfminor;
    if (init->cwd.n) {
        struct str cwd = init->cwd;
        cwd.n -= cwd.n > 1 && cwd.p[cwd.n - 1] == '/';
        task_set_cwd(state, task, cwd);
    }
    state_set_cgroups(state, task, init->cgroups);
}

/* Already known, perhaps made up for one of its threads: completed in place. */
static struct task *known_thread(struct state *state, const struct thread *t)
{
    struct task *task = task_find(state, t->tid);
    bool usable = task && task->t.pid == t->pid && !(task->t.flags & THREAD_EXITED);
    if (usable) {
        task->t.clone_ts_ns = t->clone_ts_ns;
        task->t.flags &= ~(uint32_t)THREAD_INVALID;
    }
    return usable ? task : NULL;
}

int state_add_thread(struct state *state, const struct thread_init *init)
{
    const struct thread *t = &init->t;
    if (t->tid < 0 || t->pid < 0) {
        return -EINVAL;
    }
    struct image_text text = { .comm = init->comm,
                               .exe = init->exe,
                               .exepath = init->exepath,
                               .args = init->args,
                               .env = init->env };
    struct image *image = image_new(&state->ledger, &text, &init->exe_facts);
    if (!image) {
        state->stats.out_of_memory++;
        return -ENOMEM;
    }
    struct task *task = known_thread(state, t);
    task = task ? task : task_new(state, t->tid, t->pid, t->clone_ts_ns);
    if (!task) {
        image_unref(image);
        return -ENOMEM;
    }
    task_set_image(state, task, image);
    fill_thread(state, task, init);
    task_set_parent(state, task, t->ptid);
    if (!task->t.fds) {
        task->t.fds = task == task->main ? fds_new() : fds_ref(task->main->t.fds);
    }
    task_changed_all(task);
    state->epoch++;
    return task->t.fds ? 0 : -ENOMEM;
}

int state_add_fd(struct state *state, int64_t tid, int64_t fd, const struct fdinfo *info)
{
    struct task *task = task_find(state, tid);
    if (!task) {
        return -ESRCH;
    }
    char text[SOCKET_NAME_MAX];
    struct fdinfo named = *info;
    bool is_ip = info->type >= FD_IPV4_SOCK && info->type <= FD_IPV6_SERVSOCK;
    if (is_ip && info->name.n == 0 && info->sip.family) {
        named.name = str_from(text, socket_name(info, text));
    }
    return fds_put(state, task->t.fds, fd, &named) ? 0 : -ENOSPC;
}

const struct handled state_meta_handlers[] = {
    { KIND_CONTAINER_E, container_event },
    { KIND_CONTAINER_JSON_E, container_json_event },
    { KIND_CONTAINER_JSON_2_E, container_json_event },
    { KIND_ASYNCEVENT_E, async_event },
    { KIND_USER_ADDED_E, user_added },
    { KIND_USER_DELETED_E, user_deleted },
    { KIND_GROUP_ADDED_E, group_added },
    { KIND_GROUP_DELETED_E, group_deleted },
    { 0, NULL },
};
