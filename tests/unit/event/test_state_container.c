/*
 * Containers, users and groups: control groups, metadata early and late, limits; path resolution.
 */
#include "state_fixture.h"

#include "event/path.h"

#include <errno.h>
#include <stdio.h>

#define ID64    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CGROUPS "cpu=/docker/" ID64 "\0memory=/\0"

static void test_cgroup_ids(void **unused)
{
    (void)unused;
    static const struct {
        const char *path;
        const char *id;
    } cases[] = {
        { "", "" },
        { "/", "" },
        { "/user.slice/user-1000.slice/session-2.scope", "" },
        { "/docker/" ID64, "0123456789ab" },
        { "/docker/" ID64 "/sub/group", "0123456789ab" },
        { "/../" ID64, "0123456789ab" },
        { "/system.slice/docker-" ID64 ".scope", "0123456789ab" },
        { "/machine.slice/libpod-" ID64 ".scope", "0123456789ab" },
        { "/machine.slice/libpod-" ID64 ".scope/container", "0123456789ab" },
        { "/libpod_parent/libpod-" ID64, "0123456789ab" },
        { "/kubepods/besteffort/podaaaa-bbbb/" ID64, "0123456789ab" },
        { "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID64 ".scope", "0123456789ab" },
        { "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID64,
          "0123456789ab" },
        { "/kubepods.slice/crio-" ID64 ".scope", "0123456789ab" },
        { "/kubepods.slice/crio-conmon-" ID64 ".scope", "0123456789ab" },
        { "/default/" ID64, "0123456789ab" },
        { "/ecs/cluster/0123456789abcdef0123456789abcdef/" ID64, "0123456789ab" },
        { "/ecs/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-1234567890",
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-1234567890" },
        { "/../bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-1234567890",
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-1234567890" },
        { "/ecs/x/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-12345678901234567890",
          "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-12345678901234567890" },
        { "/ecs/x/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-123456789012345678901", "" },
        { "/../../system.slice/docker-" ID64 ".scope", "0123456789ab" },
        { "/system.slice/cri-containerd-" ID64 ".scope/init", "0123456789ab" },
        { "/k8s.io/" ID64, "0123456789ab" },
        { "/machine.slice/libpod-" ID64 ".scope/container/nested", "0123456789ab" },
        { "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID64 ".scope",
          "0123456789ab" },
        { "/x/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-1234567890", "" },
        { "/ecs/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-12a", "" },
        { "/ecs/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-", "" },
        { "/lxc/web", "web" },
        { "/lxc/web/init.scope", "web" },
        { "/lxc.payload/web/x", "web" },
        { "/lxc.payload.web", "web" },
        { "/libvirt/lxc/vm1", "vm1" },
        { "/machine.slice/machine-lxc\\x2d1234\\x2dname.scope", "name" },
        { "/machine.slice/machine-lxc\\x2d\\x2dname.scope", "" },
        { "/garden/abcd-ef", "abcd-ef" },
        { "/mesos/8d9ecc47-5e2b-4a3e-8bbd-98ad7dba8a4b", "8d9ecc47-5e2b-4a3e-8bbd-98ad7dba8a4b" },
        { "/docker/0123456789abcdef", "" },
        { "/docker/" ID64 "0", "" },
        { "/x" ID64, "" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct str id = cgroup_container_id(str_of(cases[i].path));
        if (!str_eqz(id, cases[i].id)) {
            fail_msg("%s: \"%.*s\", not \"%s\"", cases[i].path, STR_ARG(id), cases[i].id);
        }
    }
}

static void add_in_container(struct state *s, int64_t pid)
{
    struct thread_init init = { .t = { .tid = pid, .pid = pid, .vtid = 1, .vpid = 1, .ptid = 1 },
                                .comm = STR("app"),
                                .cgroups = str_from(CGROUPS, sizeof(CGROUPS) - 1) };
    assert_int_equal(state_add_thread(s, &init), 0);
}

#define JSON                                                                                       \
    "{\"container\":{\"id\":\"0123456789ab\",\"type\":0,\"name\":\"web\",\"image\":\"busybox:1\"," \
    "\"imagerepo\":\"busybox\",\"imagetag\":\"1\",\"imagedigest\":\"sha256:d\",\"imageid\":\"i\"," \
    "\"privileged\":true,\"ip\":\"10.0.0.2\",\"created_time\":1600,\"Mounts\":[{\"Source\":\"/\"," \
    "\"Destination\":\"/host\",\"Mode\":\"\",\"RW\":true,\"Propagation\":\"rprivate\"},7],"        \
    "\"labels\":{\"a\":\"b\",\"io.kubernetes.pod.name\":\"p\",\"n\":1},"                           \
    "\"pod_sandbox_labels\":{\"x\":\"y\"},"                                                        \
    "\"Healthcheck\":{\"exe\":\"/bin/sh\",\"args\":[\"-c\",\"true\"]},\"host_pid\":true}}"

static void test_metadata_arrives_late(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_in_container(s, 10);
    struct thread *t = state_thread(s, 10);
    assert_non_null(t->container);
    assert_text(t->container->id, "0123456789ab");
    assert_true(t->container->pending);
    struct container *before = t->container;
    uint32_t generation = t->generation[VOLATILE_CONTAINER];
    uint64_t epoch = state_epoch(s);
    struct event *e = apply(s, make_event(KIND_CONTAINER_JSON_2_E, -1, T0, "s", JSON));
    assert_text(e->thread->image->comm, "container:0123456789ab");
    assert_text(e->thread->container->name, "web");
    state_settle(s, e);
    assert_null(state_thread(s, -1));
    assert_ptr_equal(t->container, before);
    assert_true(t->generation[VOLATILE_CONTAINER] > generation);
    assert_true(state_epoch(s) > epoch);
    const struct container *c = t->container;
    assert_false(c->pending);
    assert_text(c->name, "web");
    assert_text(c->type, "docker");
    assert_text(c->image, "busybox:1");
    assert_text(c->image_repository, "busybox");
    assert_text(c->image_tag, "1");
    assert_text(c->image_digest, "sha256:d");
    assert_text(c->image_id, "i");
    assert_text(c->ip, "10.0.0.2");
    assert_true(c->privileged && c->host_pid && !c->host_ipc);
    assert_int_equal(c->created_ns, UINT64_C(1600000000000));
    assert_int_equal(c->nmounts, 2);
    assert_text(c->mounts[0].dest, "/host");
    assert_true(c->mounts[0].rdwr);
    assert_int_equal(c->nlabels, 3);
    assert_text(c->labels[1].value, "p");
    assert_text(c->pod_labels[0].key, "x");
    assert_text(c->healthcheck, "/bin/sh -c true");

    run(s, clone_x(11, T0, 0, 11, 10, 0, "app")); /* that event's cgroups are the host's */
    assert_null(state_thread(s, 11)->container);
    run(s, make_event(KIND_CLONE_11_X, 10, T0, "qsBqqqsqwww", 12L, "q", ARGS("q"), 10L, 10L, 1L, "",
                      7L, 0, 33, 44));
    state_remove_container(s, STR(ID64));
    assert_true(t->container->pending);
    assert_text(t->container->id, "0123456789ab");
    assert_int_equal(t->container->name.n, 0);
    run(s, make_event(KIND_CONTAINER_E, -1, T0, "swss", "0123456789ab", 6, "again", "img"));
    assert_text(t->container->name, "again");
    assert_text(t->container->type, "cri");
    run(s, make_event(KIND_ASYNCEVENT_E, -1, T0, "wss", 0, "container", JSON));
    assert_text(t->container->name, "web");
    run(s, make_event(KIND_ASYNCEVENT_E, -1, T0, "wss", 0, "container_removed", JSON));
    assert_true(t->container->pending);
    state_free(s);
}

static void test_bad_json(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "7",
        "null",
        "{\"container\":7}",
        "{\"container\":{}}",
        "{\"container\":{\"id\":7}}",
        "{\"container\":{\"id\":\"\"}}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    };
    struct state *s = state_with(0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(state_add_container_json(s, str_of(bad[i])), -EINVAL);
    }
    static char large[(1 << 20) + 1];
    memset(large, ' ', sizeof(large));
    assert_int_equal(state_add_container_json(s, str_from(large, sizeof(large))), -EINVAL);
    assert_int_equal(state_add_container_json(s, STR("{\"container\":{\"id\":\"x\",\"labels\":[],"
                                                     "\"Mounts\":{},\"type\":99,\"name\":[]}}")),
                     0);
    assert_non_null(state_container(s, STR("x")));
    state_free(s);
}

static void test_made_up_name(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_in_container(s, 10);
    struct container real = { .id = STR("bbbb-1"), .name = STR("app") };
    assert_int_equal(state_name_container(s, STR("x"), STR("x")), -EINVAL);
    assert_int_equal(state_name_container(s, STR(""), STR("x")), -EINVAL);
    assert_int_equal(state_name_container(s, STR("x"), STR("")), -EINVAL);
    assert_int_equal(state_name_container(s, STR(ID64), real.id), 0);
    assert_text(state_thread(s, 10)->container->id, "bbbb-1");
    assert_true(state_thread(s, 10)->container->pending);
    assert_int_equal(state_add_container(s, &real), 0);
    assert_text(state_thread(s, 10)->container->name, "app");
    add_in_container(s, 11);
    assert_text(state_thread(s, 11)->container->name, "app");
    /* no circles: a made-up name names nobody */
    assert_int_equal(state_name_container(s, STR("bbbb-1"), STR(ID64)), -EINVAL);
    assert_int_equal(state_name_container(s, STR("other"), STR(ID64)), -EINVAL);
    /* again, and to another one */
    assert_int_equal(state_name_container(s, STR(ID64), real.id), 0);
    assert_int_equal(state_name_container(s, STR(ID64), STR("bbbb-2")), 0);
    add_in_container(s, 12);
    assert_text(state_thread(s, 12)->container->id, "bbbb-2");
    assert_text(state_thread(s, 10)->container->id, "bbbb-1");
    state_free(s);
}

static void test_container_limit(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    char id[32];
    struct container c = { .name = STR("n") };
    for (int i = 0; i < STATE_CONTAINERS_MAX; i++) {
        c.id = str_from(id, (size_t)snprintf(id, sizeof(id), "c%d", i));
        assert_int_equal(state_add_container(s, &c), 0);
    }
    struct state_stats stats;
    state_get_stats(s, &stats);
    assert_int_equal(stats.containers, STATE_CONTAINERS_MAX);
    c.id = STR("one-more"); /* takes the place of one that nobody is in */
    assert_int_equal(state_add_container(s, &c), 0);
    state_get_stats(s, &stats);
    assert_int_equal(stats.containers, STATE_CONTAINERS_MAX);
    assert_int_equal(stats.containers_refused, 0);
    assert_text(state_container(s, STR("one-more"))->name, "n");
    state_free(s);
}

static void test_users(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    struct user root = { .uid = 0, .gid = 0, .name = STR("root"), .home = STR("/root") };
    assert_int_equal(state_add_user(s, STR(""), &root), 0);
    uint64_t epoch = state_epoch(s);
    assert_int_equal(state_add_user(s, STR("host"), &root), 0);
    assert_int_equal(state_epoch(s), epoch);
    add_in_container(s, 10);
    struct container *c = state_thread(s, 10)->container;
    assert_null(state_user(s, c, 0));
    run(s, make_event(KIND_USER_ADDED_E, -1, T0, "wwssss", 0, 5, "admin", "/h", "/bin/sh", ID64));
    assert_text(state_user(s, c, 0)->name, "admin");
    assert_int_equal(state_user(s, c, 0)->gid, 5);
    assert_text(state_user(s, NULL, 0)->name, "root");
    assert_true(state_epoch(s) > epoch);
    run(s, make_event(KIND_GROUP_ADDED_E, -1, T0, "wss", 7, "wheel", "later"));
    struct container later = { .id = STR("later") };
    assert_int_equal(state_add_container(s, &later), 0);
    assert_text(state_group(s, state_container(s, STR("later")), 7)->name, "wheel");
    assert_null(state_group(s, NULL, 7));
    epoch = state_epoch(s);
    run(s, make_event(KIND_USER_DELETED_E, -1, T0, "wwssss", 0, 5, "admin", "/h", "/bin/sh", ID64));
    assert_null(state_user(s, c, 0));
    run(s, make_event(KIND_GROUP_DELETED_E, -1, T0, "wss", 7, "wheel", "later"));
    assert_null(state_group(s, state_container(s, STR("later")), 7));
    assert_true(state_epoch(s) > epoch);
    state_free(s);
}

static void test_user_limit(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    struct user u = { .name = STR("u") };
    for (u.uid = 0; u.uid < STATE_USERS_MAX; u.uid++) {
        assert_int_equal(state_add_user(s, STR(""), &u), 0);
    }
    assert_int_equal(state_add_user(s, STR(""), &u), -ENOSPC);
    u.uid = 5;
    u.name = STR("renamed");
    assert_int_equal(state_add_user(s, STR(""), &u), 0);
    assert_text(state_user(s, NULL, 5)->name, "renamed");
    state_free(s);
}

static void test_paths(void **unused)
{
    (void)unused;
    static const struct {
        const char *base, *path, *resolved;
    } cases[] = {
        { "/a", "", "/a" },
        { "/a", "b", "/a/b" },
        { "/", "b", "/b" },
        { "/", "", "/" },
        { "/a/b", "../c", "/a/c" },
        { "/a/b", "../../../../c", "/c" },
        { "/a/b", "../..", "/" },
        { "/a", "/b", "/b" },
        { "/a", "/", "/" },
        { "/a", "//", "/" },
        { "/a", "/b/", "/b" },
        { "/a", "/b//c", "/b/c" },
        { "/a", "/b/./c/.", "/b/c" },
        { "/a", "/..", "/" },
        { "/a", "/b/..", "/" },
        { "/a", "/b/..c", "/b/..c" },
        { "/a", "/b/...", "/b/..." },
        { "/a", "/.hidden", "/.hidden" },
        { "/a", ".", "/a" },
        { "/a/", "b", "/a/b" },
        { "", "b", "b" },
        { "", "../b", "b" },
        { "<UNKNOWN>", "b", "<UNKNOWN>/b" },
        { "<UNKNOWN>", "../../b", "<UNKNOWN>/b" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char storage[64];
        struct str r =
            path_resolve(str_of(cases[i].base), str_of(cases[i].path), storage, sizeof(storage));
        if (!str_eqz(r, cases[i].resolved)) {
            fail_msg("%s + %s: \"%.*s\", not \"%s\"", cases[i].base, cases[i].path, STR_ARG(r),
                     cases[i].resolved);
        }
    }
    for (size_t size = 0; size < 12; size++) {
        char storage[12];
        struct str r = path_resolve(STR("/abc"), STR("../de/fgh//i"), storage, size);
        assert_true(r.n <= size);
        assert_memory_equal(r.p, "/de/fgh/i", r.n);
    }
}

/* Every place of a pair in paths of every length about the scan's word size. */
static void test_path_scans(void **unused)
{
    (void)unused;
    for (size_t n = 0; n <= 40; n++) {
        char path[40];
        memset(path, 'a', sizeof(path));
        path[0] = '/';
        struct str s = { path, n };
        assert_int_equal(path_is_clean(s), n > 0);
        assert_false(path_has_double_slash(s));
        for (size_t i = 1; i < n; i++) {
            path[i] = '.';
            assert_int_equal(path_is_clean(s), i > 1);
            assert_false(path_has_double_slash(s));
            path[i] = '/';
            assert_int_equal(path_is_clean(s), i > 1 && i + 1 < n);
            assert_int_equal(path_has_double_slash(s), i == 1);
            if (i + 1 < n) {
                path[i + 1] = '.';
                assert_false(path_is_clean(s));
                path[i + 1] = '/';
                assert_false(path_is_clean(s));
                assert_true(path_has_double_slash(s));
                path[i + 1] = 'a';
            }
            path[i] = 'a';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_scans),
        cmocka_unit_test(test_cgroup_ids),
        cmocka_unit_test(test_metadata_arrives_late),
        cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_made_up_name),
        cmocka_unit_test(test_container_limit),
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_user_limit),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
