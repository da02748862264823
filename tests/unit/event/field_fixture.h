/*
 * field_fixture: one little world, and one-line assertions on fields in it.
 *
 *     expect(world, "proc.aname[2]", "sshd");
 *
 * NULL means: the field is not there. Every field that a test asks for is marked; what the whole
 * program never asked for is an error.
 */
#pragma once

#include "state_fixture.h"

#define TEXT_MAX 65536

struct world {
    struct state *state;
    struct view view;
};

static bool asked[FIELD_COUNT];

static inline struct field_ref ref_of(const char *text)
{
    struct str name = str_of(text), arg = { 0 };
    ptrdiff_t bracket = str_find_char(name, '[');
    if (bracket >= 0) {
        arg = str_from(name.p + bracket + 1, name.n - (size_t)bracket - 2);
        name.n = (size_t)bracket;
    }
    struct field_ref ref;
    struct err err = { 0 };
    if (field_resolve(name, arg, &ref, &err) != 0) {
        fail_msg("%s: %s", text, err.message);
    }
    return ref;
}

static inline void expect(struct world *world, const char *text, const char *want)
{
    static char storage[TEXT_MAX];
    struct field_ref ref = ref_of(text);
    struct extracted value;
    asked[ref.id] = true;
    field_extract(&ref, &world->view, &value);
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    field_text(&ref, &value, &buf);
    if (!want) {
        if (value.n) {
            fail_msg("%s is \"%.*s\", not missing", text, STR_ARG(buf_str(&buf)));
        }
        return;
    }
    if (!value.n || !str_eqz(buf_str(&buf), want)) {
        fail_msg("%s is %s\"%.*s\", not \"%s\"", text, value.n ? "" : "missing ",
                 STR_ARG(buf_str(&buf)), want);
    }
}

static inline void expect_json(struct world *world, const char *text, const char *want)
{
    static char storage[TEXT_MAX];
    struct field_ref ref = ref_of(text);
    struct extracted value;
    field_extract(&ref, &world->view, &value);
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    field_json(&ref, &value, &world->view, &buf);
    if (!str_eqz(buf_str(&buf), want)) {
        fail_msg("%s is %.*s, not %s", text, STR_ARG(buf_str(&buf)), want);
    }
}

/* Applies an event and looks at it. */
static inline struct event *look(struct world *world, struct event *event)
{
    if (world->view.event) {
        state_settle(world->state, world->view.event);
    }
    state_apply(world->state, event);
    view_event(&world->view, event);
    return event;
}

static inline void add_app(struct world *world)
{
    struct thread_init init = {
        .t = { .tid = 200,
               .pid = 200,
               .vtid = 7,
               .vpid = 7,
               .ptid = 100,
               .sid = 50,
               .vpgid = 7,
               .pgid = 200,
               .uid = 1000,
               .gid = 100,
               .loginuid = 1000,
               .tty = 34816,
               .fdlimit = 10,
               .cap_permitted = 0x3,
               .cap_effective = 0x200000,
               .clone_ts_ns = T0 - 5,
               .pidns_init_start_ts_ns = T0 - 100,
               .vmsize_kb = 2,
               .vmrss_kb = 3,
               .vmswap_kb = 4,
               .pfmajor = 5,
               .pfminor = 6,
               .flags = THREAD_MAIN },
        .comm = STR("app"),
        .exe = STR("./app"),
        .exepath = STR("/srv/app"),
        .args = str_from("-v\0two words", 13),
        .env = str_from("HOME=/root\0A= b \0E=", 20),
        .cwd = STR("/srv"),
        .cgroups = str_from("cpu=/docker/"
                            "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e\0"
                            "memory=/m",
                            86),
        .exe_facts = { .exe_ino = 9,
                       .exe_ino_ctime_ns = T0 - 50,
                       .exe_ino_mtime_ns = T0 - 60,
                       .exe_writable = true,
                       .exe_upper_layer = true,
                       .exe_known = true },
    };
    assert_int_equal(state_add_thread(world->state, &init), 0);
}

static inline void add_container(struct world *world)
{
    static struct container_mount mounts[] = {
        { STR("/host/proc"), STR("/proc"), STR("ro"), STR("rprivate"), false },
        { STR("/var/run/docker.sock"), STR("/run/d"), STR(""), STR(""), true },
    };
    static struct container_label labels[] = {
        { STR("app"), STR("web") },
        { STR("empty"), STR("") },
        { STR("io.kubernetes.pod.name"), STR("pod-1") },
        { STR("io.kubernetes.pod.namespace"), STR("prod") },
        { STR("io.kubernetes.pod.uid"), STR("u-1") },
    };
    struct container container = {
        .id = STR("3ad7b26ded6d"),
        .full_id = STR("3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e"),
        .name = STR("web"),
        .image = STR("nginx:1"),
        .image_id = STR("6f7e"),
        .image_repository = STR("nginx"),
        .image_tag = STR("1"),
        .image_digest = STR("sha256:d"),
        .type = STR("docker"),
        .ip = STR("10.0.0.9"),
        .cni_json = STR("{\"a\":1}"),
        .pod_sandbox_id = STR("63060edc2d3aa803"),
        .healthcheck = STR("./app -v two words"),
        .mounts = mounts,
        .nmounts = 2,
        .labels = labels,
        .nlabels = 5,
        .privileged = true,
        .ecs_cluster = STR("c"),
        .ecs_task_arn = STR("arn"),
        .ecs_task_id = STR("id"),
        .ecs_task_family = STR("f"),
        .ecs_task_revision = STR("3"),
        .ecs_service = STR("s"),
        .ecs_launch_type = STR("FARGATE"),
        .ecs_availability_zone = STR("eu-1b"),
        .aws_account = STR("123"),
        .user = STR("www"),
        .cpu_limit_milli = 250,
        .memory_limit_bytes = 1 << 29,
        .aws_region = STR("eu-1"),
    };
    assert_int_equal(state_add_container(world->state, &container), 0);
}

static inline struct world world_new(void)
{
    struct world world = { .state = state_with(0) };
    world.view = (struct view){ .state = world.state,
                                .source = STR("syscall"),
                                .hostname = STR("tower"),
                                .first_ts_ns = T0 - 1500000000 };
    assert_int_equal(scratch_init(&world.view.scratch), 0);
    add_process(world.state, 1, 0, "init");
    add_process(world.state, 50, 1, "sshd");
    add_process(world.state, 100, 50, "bash");
    add_app(&world);
    add_container(&world);
    struct user user = { .uid = 1000, .gid = 100, STR("me"), STR("/home/me"), STR("/bin/sh") };
    struct group group = { .gid = 100, STR("staff") };
    assert_int_equal(state_add_user(world.state, STR("3ad7b26ded6d"), &user), 0);
    assert_int_equal(state_add_group(world.state, STR("3ad7b26ded6d"), &group), 0);
    return world;
}

static inline void world_free(struct world *world)
{
    scratch_done(&world->view.scratch);
    state_free(world->state);
}

static inline struct event *look_open(struct world *world, int64_t tid, int64_t fd,
                                      const char *path)
{
    return look(world, make_event(KIND_OPEN_X, tid, T0, "qswwwq", fd, path, 1 | 4 | 1 << 14, 0755,
                                  0x801, 77L));
}
