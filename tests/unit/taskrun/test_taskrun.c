/*
 * taskrun: definitions at their limits, allocations that fail, when a container may start, users, folders, profiles,
 * the metadata's documents. What containers do is in tests/taskrun.
 */
#include "test.h"

#include "base/fd.h"
#include "base/jscan.h"
#include "instrument/node.h"
#include "taskrun/embedded.h"
#include "taskrun/run.h"
#include "taskrun/seccomp.h"
#include "taskrun/tree.h"
#include "taskrun/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena arena;
static struct task_definition task;

static int read_text(const char *text, struct err *err)
{
    arena_done(&arena);
    arena_init(&arena, NODE_ARENA_MAX);
    return task_definition_read(str_of(text), NULL, &arena, &task, err);
}

/* The containers between the brackets of a definition. */
static int read_containers(const char *containers, struct err *err)
{
    char text[16384];
    snprintf(text, sizeof(text), "{\"volumes\":[{\"name\":\"v\"}],\"containerDefinitions\":[%s]}",
             containers);
    return read_text(text, err);
}

static void test_defaults(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_int_equal(read_containers("{\"name\":\"a\",\"image\":\"i\",\"user\":null}", &err), 0);
    const struct task_container *c = &task.containers[0];
    assert_true(c->essential && !c->read_only && !c->ptrace && !c->init && !c->user.n);
    assert_int_equal(c->start_timeout_s, 180);
    assert_int_equal(c->stop_timeout_s, 30);
    assert_int_equal(c->health.command.n, 0);
    assert_false(task.pid_shared);
    assert_string_equal(task.family.p, "task");
    assert_int_equal(
        read_text("[{\"name\":\"a\",\"image\":\"i\",\"mountPoints\":[{\"sourceVolume\":"
                  "\"w\",\"containerPath\":\"/w\"}]}]",
                  &err),
        0);
    assert_true(task.pid_shared && task.nvolumes == 1);
}

static void test_members(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_int_equal(
        read_text("{\"family\":\"f\",\"revision\":7,\"cpu\":\"0.5 vCPU\",\"memory\":\"2 GB\","
                  "\"pidMode\":\"task\",\"containerDefinitions\":[{\"name\":\"a\",\"image\":\"i\","
                  "\"healthCheck\":{\"command\":[\"CMD-SHELL\",\"x y\"],\"startPeriod\":9},"
                  "\"linuxParameters\":{\"capabilities\":{\"add\":[\"SYS_PTRACE\"]}},"
                  "\"restartPolicy\":{\"enabled\":true,\"ignoredExitCodes\":[0,255]},"
                  "\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":{\"awslogs-region\":"
                  "\"eu-west-1\"}}}]}",
                  &err),
        0);
    const struct task_container *c = &task.containers[0];
    assert_int_equal(task.cpu, 512);
    assert_int_equal(task.memory_mib, 2048);
    assert_string_equal(task.revision.p, "7");
    assert_string_equal(task.region.p, "eu-west-1");
    assert_int_equal(c->health.command.n, 3);
    assert_string_equal(c->health.command.items[2].p, "x y");
    assert_int_equal(c->health.interval_s, 30);
    assert_true(c->ptrace && task.pid_shared);
    assert_true(c->restart.enabled && c->restart.ignored[0] && c->restart.ignored[255] &&
                !c->restart.ignored[1]);
}

/* n containers, each waiting for the one before. */
static int read_chain(unsigned n, struct err *err)
{
    char text[16384];
    size_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               "%s{\"name\":\"c%u\",\"image\":\"i\",\"dependsOn\":[", i ? "," : "",
                               i);
        if (i) {
            at += (size_t)snprintf(text + at, sizeof(text) - at,
                                   "{\"containerName\":\"c%u\",\"condition\":\"START\"}", i - 1);
        }
        at += (size_t)snprintf(text + at, sizeof(text) - at, "]}");
    }
    return read_containers(text, err);
}

static void test_limits(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_int_equal(read_chain(TASK_CONTAINERS_MAX - 1, &err), 0);
    assert_int_equal(read_chain(TASK_CONTAINERS_MAX, &err), 0);
    assert_true(read_chain(TASK_CONTAINERS_MAX + 1, &err) < 0);
    static const struct {
        const char *member;
        bool good;
    } members[] = {
        { "\"stopTimeout\":120", true },
        { "\"stopTimeout\":121", false },
        { "\"startTimeout\":2", true },
        { "\"startTimeout\":1", false },
        { "\"healthCheck\":{\"command\":[\"CMD\",\"x\"],\"interval\":300}", true },
        { "\"healthCheck\":{\"command\":[\"CMD\",\"x\"],\"interval\":301}", false },
        { "\"healthCheck\":{\"command\":[\"CMD\",\"x\"],\"interval\":0}", false },
        { "\"healthCheck\":{\"command\":[\"CMD\"]}", false },
        { "\"healthCheck\":{\"command\":[\"x\"]}", false },
        { "\"healthCheck\":{\"command\":[\"NONE\"]}", true },
        { "\"environment\":[{\"name\":\"A=B\",\"value\":\"c\"}]", false },
        { "\"environment\":[{\"value\":\"c\"}]", false },
        { "\"environment\":{\"Ref\":\"x\"}", false },
        { "\"command\":[{\"Ref\":\"x\"}]", false },
        { "\"cpu\":\"x\"", false },
        { "\"cpu\":-1", false },
        { "\"essential\":1", false },
        { "\"mountPoints\":[{\"sourceVolume\":\"v\",\"containerPath\":\"v\"}]", false },
        { "\"mountPoints\":[{\"sourceVolume\":\"v\",\"containerPath\":\"/v\"}]", true },
        { "\"restartPolicy\":{\"ignoredExitCodes\":[256]}", false },
        { "\"ulimits\":[{\"name\":\"nofile\",\"softLimit\":2,\"hardLimit\":1}]", false },
        { "\"links\":[]", true },
        { "\"links\":[\"x\"]", false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        char text[512];
        struct err why = { 0 };
        snprintf(text, sizeof(text), "{\"name\":\"a\",\"image\":\"i\",%s}", members[i].member);
        int r = read_containers(text, &why);
        if ((r == 0) != members[i].good) {
            fail_msg("%s: %d %s", members[i].member, r, why.message);
        }
        assert_true(r == 0 || why.message[0]);
    }
}

static void test_allocations(void **state)
{
    (void)state;
    int r = -ENOMEM;
    for (uint64_t n = 1; r < 0; n++) {
        struct err err = { 0 };
        mem_fail_after(n);
        r = read_chain(3, &err);
        mem_fail_after(0);
        assert_true(r == 0 || err.message[0]);
        assert_true(n < 1000);
    }
}

static struct run run;
static struct slot slots[2];

/* The second depends on the first. */
static void begin_pair(const char *condition)
{
    char text[512];
    struct err err = { 0 };
    snprintf(text, sizeof(text),
             "{\"name\":\"a\",\"image\":\"i\",\"essential\":false,\"startTimeout\":5,"
             "\"healthCheck\":{\"command\":[\"CMD\",\"x\"]}},"
             "{\"name\":\"b\",\"image\":\"i\",\"dependsOn\":[{\"containerName\":\"a\","
             "\"condition\":\"%s\"}]}",
             condition);
    assert_int_equal(read_containers(text, &err), 0);
    memset(slots, 0, sizeof(slots));
    run.slots = slots;
    run.task = task;
    slots[0].def = &task.containers[0];
    slots[1].def = &task.containers[1];
    slots[1].index = 1;
}

static int may(enum phase phase, bool started, int status, enum health health, uint64_t now)
{
    slots[0].phase = phase;
    slots[0].started = started;
    slots[0].status = status;
    slots[0].health = health;
    return container_may_start(&run, &slots[1], now);
}

static void test_may_start(void **state)
{
    (void)state;
    uint64_t s = 1000000000, late = 5 * s;
    begin_pair("START");
    assert_int_equal(may(PHASE_STARTING, false, -1, 0, 0), 0);
    assert_int_equal(may(PHASE_RUNNING, true, -1, 0, 0), 1);
    assert_int_equal(may(PHASE_ENDED, true, 1, 0, 100 * s), 1);
    assert_int_equal(may(PHASE_ENDED, false, -1, 0, 0), -1);
    assert_int_equal(may(PHASE_NEVER, false, -1, 0, 0), -1);
    begin_pair("COMPLETE");
    assert_int_equal(may(PHASE_RUNNING, true, -1, 0, late - 1), 0);
    assert_int_equal(may(PHASE_RUNNING, true, -1, 0, late), -1);
    assert_int_equal(may(PHASE_REMOVING, true, 1, 0, late), 1);
    begin_pair("SUCCESS");
    assert_int_equal(may(PHASE_REMOVING, true, 0, 0, 0), 1);
    assert_int_equal(may(PHASE_ENDED, true, 1, 0, 0), -1);
    slots[0].again = true;
    assert_int_equal(may(PHASE_REMOVING, true, 1, 0, 0), 0);
    begin_pair("HEALTHY");
    assert_int_equal(may(PHASE_RUNNING, true, -1, HEALTH_UNKNOWN, 0), 0);
    assert_int_equal(may(PHASE_RUNNING, true, -1, HEALTH_UNHEALTHY, 0), 0);
    assert_int_equal(may(PHASE_RUNNING, true, -1, HEALTH_HEALTHY, late), 1);
    assert_int_equal(may(PHASE_ENDED, true, 0, HEALTH_HEALTHY, 0), -1);
    assert_int_equal(container_due(&run, &slots[1]), UINT64_MAX);
    may(PHASE_RUNNING, true, -1, HEALTH_UNKNOWN, 0);
    assert_int_equal(container_due(&run, &slots[1]), late);
}

static void test_orphans(void **state)
{
    (void)state;
    int status = 0;
    run.norphans = 0;
    for (int i = 1; i <= RUN_ORPHANS_MAX + 1; i++) {
        orphan_keep(&run, i, i);
    }
    assert_false(orphan_claim(&run, 1, &status));
    assert_true(orphan_claim(&run, 2, &status));
    assert_int_equal(status, 2);
    assert_false(orphan_claim(&run, 2, &status));
    assert_true(orphan_claim(&run, RUN_ORPHANS_MAX + 1, &status));
}

static char folder[] = "/tmp/hinomi-test-taskrun-XXXXXX";

static const char *at(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static void write_text(const char *name, const char *text)
{
    struct err err = { 0 };
    assert_int_equal(file_make(at(name), text, strlen(text), 0644, &err), 0);
}

static int find_account(const char *user, struct account *ret)
{
    struct err err = { 0 };
    return account_find(at("root"), str_of(user), ret, &err);
}

static void test_accounts(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct account a;
    assert_int_equal(tree_make(at("root/etc"), 0755, &err), 0);
    write_text("root/etc/passwd", "root:x:0:0::/:/bin/sh\nodd\nshop:x:12:34:::\nnine:x:nine:9:::\n"
                                  "123:x:77:78:::");
    write_text("root/etc/group", "root:x:0:\nshop:x:34:\nstaff:x:50:other,shop\nmore:x:51:shop");
    assert_int_equal(find_account("", &a), 0);
    assert_true(a.uid == 0 && a.gid == 0 && a.ngroups == 0);
    assert_int_equal(find_account("shop", &a), 0);
    assert_true(a.uid == 12 && a.gid == 34 && a.ngroups == 2 && a.groups[1] == 51);
    assert_int_equal(find_account("12", &a), 0);
    assert_true(a.uid == 12 && a.gid == 34);
    assert_int_equal(find_account("shop:staff", &a), 0);
    assert_true(a.gid == 50 && a.ngroups == 0);
    assert_int_equal(find_account("5:6", &a), 0);
    assert_true(a.uid == 5 && a.gid == 6);
    assert_int_equal(find_account("123", &a), 0);
    assert_true(a.uid == 77 && a.gid == 78);
    assert_int_equal(find_account("4294967294", &a), 0);
    assert_int_equal(find_account("4294967295", &a), -ENOENT);
    assert_int_equal(find_account("nine", &a), -ENOENT);
    assert_int_equal(find_account("shop:nobody", &a), -ENOENT);
    /* A link out of the image ends in the image. */
    assert_int_equal(unlink(at("root/etc/passwd")), 0);
    assert_int_equal(symlink("/../../../etc/passwd", at("root/etc/passwd")), 0);
    assert_int_equal(find_account("root", &a), -ENOENT);
    assert_int_equal(find_account("0", &a), 0);
}

static void test_tree(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_int_equal(tree_make(at("tree"), 0700, &err), 0);
    int top = open(at("tree"), O_RDONLY | O_DIRECTORY), fd = dup(top);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(mkdirat(fd, "a-folder-with-quite-a-long-name", 0700), 0);
        int next = openat(fd, "a-folder-with-quite-a-long-name", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        close(openat(fd, "file", O_CREAT | O_WRONLY, 0600));
        close(fd);
        fd = next;
    }
    close(fd);
    assert_int_equal(symlinkat("/tmp", top, "link"), 0);
    assert_int_equal(mkdirat(top, ".removed-0", 0700), 0);
    close(top);
    assert_int_equal(tree_remove(at("tree"), &err), 0);
    assert_int_equal(access(at("tree"), F_OK), -1);
    assert_int_equal(tree_remove(at("tree"), &err), 0);
    assert_int_equal(access("/tmp", F_OK), 0);
}

static unsigned count_of(struct str text, const char *word)
{
    unsigned n = 0;
    for (ptrdiff_t i; (i = str_find(text, str_of(word))) >= 0; n++) {
        text = str_from_offset(text, (size_t)i + 1);
    }
    return n;
}

static void test_profile(void **state)
{
    (void)state;
    static const char *const none[] = { "CAP_CHOWN", NULL };
    static const char *const ptrace[] = { "CAP_CHOWN", "CAP_SYS_PTRACE", NULL };
    struct str profile = str_from(embedded_seccomp, embedded_seccomp_size);
    for (int i = 0; i < 3; i++) {
        struct seccomp_place place = { i == 1 ? ptrace : none, i == 2 ? "arm64" : "amd64",
                                       i == 2 ? 4 << 16 | 7 : 6 << 16 };
        struct buf out;
        struct jsonw w = { .buf = &out };
        struct err err = { 0 };
        struct jscan root;
        const char *why;
        size_t byte;
        arena_done(&arena);
        arena_init(&arena, 16 << 20);
        buf_init(&out, 1 << 20);
        assert_int_equal(seccomp_write(profile, &place, &w, NULL, &arena, &err), 0);
        assert_int_equal(jscan_check(buf_str(&out), &root, &why, &byte), 0);
        assert_int_equal(count_of(buf_str(&out), "\"kcmp\""), i == 1);
        assert_int_equal(count_of(buf_str(&out), "\"ptrace\"") > 0, i < 2);
        assert_int_equal(count_of(buf_str(&out), "\"arch_prctl\""), i < 2);
        assert_int_equal(count_of(buf_str(&out), "\"SCMP_ARCH_X86\""), i < 2);
        assert_int_equal(count_of(buf_str(&out), "\"mount\""), 0);
        assert_int_equal(count_of(buf_str(&out), "\"errnoRet\":38"), 1);
        buf_done(&out);
    }
}

static void test_tar(void **state)
{
    (void)state;
    struct err err = { 0 };
    write_text("not-a-tar", "this is no archive at all");
    assert_int_equal(tree_make(at("into"), 0755, &err), 0);
    assert_true(unpack_tar(at("not-a-tar"), at("into"), true, &err) < 0);
    assert_non_null(strstr(err.message, "cannot be unpacked"));
    assert_int_equal(unpack_tar(at("absent"), at("into"), true, &err), -ENOENT);
}

static int remove_folder(void **state)
{
    struct err err = { 0 };
    (void)state;
    arena_done(&arena);
    return tree_remove(folder, &err);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_members),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_may_start), cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_accounts),  cmocka_unit_test(test_tree),
        cmocka_unit_test(test_profile),   cmocka_unit_test(test_tar),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
