/*
 * runtime: a container and an image as Docker's API describes them, and what is wrong with others.
 */
#include "test.h"

#include "agent/ecs.h"
#include "agent/runtime.h"
#include "base/clock.h"

#include <errno.h>

#define ID     "ea32192c8553fbff06c9340478a2ff089b2bb5646fb718b4ee206641c9086d66"
#define IMAGE  "d691691e9652791a60114e67b365688d20d19940dde7c4736ea30e660d8d3553"
#define DIGEST "sha256:c35a14a03c3f8a3b5c1c8c9c2ed4eb7ec4e6ab2ffb9b6ba3a5c19d7c1b4bf3a1"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, RUNTIME_ARENA_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

/* lint: table */
static const char docker[] =
    "{\"Id\":\"" ID "\",\"Created\":\"2023-11-14T22:13:20.123456789Z\",\"Path\":\"nginx\","
    "\"Args\":[\"-g\"],\"State\":{\"Status\":\"running\",\"Running\":true,\"Pid\":4242,"
    "\"ExitCode\":0},\"Image\":\"sha256:" IMAGE "\",\"Name\":\"/web\",\"RestartCount\":0,"
    "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/srv\",\"Destination\":\"/data\",\"Mode\":\"ro\","
    "\"RW\":false,\"Propagation\":\"rprivate\"},{\"Type\":\"volume\",\"Name\":\"v\","
    "\"Source\":\"/var/lib/docker/volumes/v/_data\",\"Destination\":\"/v\",\"Mode\":\"z\","
    "\"RW\":true,\"Propagation\":\"\"}],"
    "\"Config\":{\"Hostname\":\"ea32192c8553\",\"User\":\"101:101\",\"Image\":\"nginx:1.25\","
    "\"Labels\":{\"a\":\"b\"},\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"curl -f localhost\"]}},"
    "\"HostConfig\":{\"Privileged\":true,\"PidMode\":\"host\",\"NetworkMode\":\"host\","
    "\"IpcMode\":\"private\",\"Memory\":536870912,\"NanoCpus\":1500000000,\"CpuQuota\":0,"
    "\"CpuPeriod\":0},\"NetworkSettings\":{\"IPAddress\":\"\",\"Networks\":{\"n\":"
    "{\"IPAddress\":\"172.17.0.2\"}}}}";

static struct runtime_container parse(const char *text)
{
    struct runtime_container ret;
    struct err err;
    if (runtime_container_parse(str_of(text), STR("docker"), &arena, &ret, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return ret;
}

static void whole(void **state)
{
    (void)state;
    struct runtime_container found = parse(docker);
    const struct container *c = &found.c;
    assert_int_equal(found.pid, 4242);
    assert_str(c->id, ID);
    assert_str(c->full_id, ID);
    assert_str(c->name, "web");
    assert_str(c->type, "docker");
    assert_str(c->image, "nginx:1.25");
    assert_str(c->image_id, IMAGE);
    assert_str(c->image_repository, "nginx");
    assert_str(c->image_tag, "1.25");
    assert_str(c->image_digest, "");
    assert_str(c->user, "101:101");
    assert_str(c->healthcheck, "/bin/sh -c curl -f localhost");
    assert_str(c->ip, "172.17.0.2");
    assert_int_equal(c->nmounts, 2);
    assert_str(c->mounts[0].source, "/srv");
    assert_str(c->mounts[0].dest, "/data");
    assert_str(c->mounts[0].mode, "ro");
    assert_str(c->mounts[0].propagation, "rprivate");
    assert_false(c->mounts[0].rdwr);
    assert_true(c->mounts[1].rdwr);
    assert_int_equal(c->nlabels, 1);
    assert_true(c->privileged && c->host_pid && c->host_network && !c->host_ipc);
    assert_int_equal(c->memory_limit_bytes, 536870912);
    assert_int_equal(c->cpu_limit_milli, 1500);
    assert_int_equal(c->created_ns, UINT64_C(1700000000) * NS_PER_S);
}

static void cpu_is(const char *host, uint64_t milli)
{
    char text[512];
    snprintf(text, sizeof(text), "{\"Id\":\"x\",\"HostConfig\":{%s}}", host);
    assert_int_equal(parse(text).c.cpu_limit_milli, milli);
}

static void processors(void **state)
{
    (void)state;
    cpu_is("", 0);
    cpu_is("\"NanoCpus\":0,\"CpuQuota\":-1", 0);
    cpu_is("\"CpuQuota\":50000,\"CpuPeriod\":100000", 500);
    cpu_is("\"CpuQuota\":20000", 200);
    cpu_is("\"CpuQuota\":20000,\"CpuPeriod\":10000", 2000);
    cpu_is("\"NanoCpus\":250000000", 250);
}

static void health_is(const char *test, const char *expected)
{
    char text[512];
    snprintf(text, sizeof(text), "{\"Id\":\"x\",\"Config\":{\"Healthcheck\":{\"Test\":%s}}}", test);
    assert_str(parse(text).c.healthcheck, expected);
}

static void health_checks(void **state)
{
    (void)state;
    health_is("[]", "");
    health_is("[\"NONE\"]", "");
    health_is("[\"CMD\"]", "");
    health_is("[\"CMD\",\"/bin/check\",\"-x\"]", "/bin/check -x");
    health_is("[\"CMD-SHELL\",\"true\"]", "/bin/sh -c true");
    health_is("[7,\"x\"]", "");
}

static void sparse(void **state)
{
    (void)state;
    struct runtime_container found =
        parse("{\"Id\":\"x\",\"Config\":null,\"Mounts\":null,\"State\":{\"Pid\":0}}");
    assert_int_equal(found.pid, 0);
    assert_int_equal(found.c.nmounts, 0);
    assert_int_equal(found.c.created_ns, 0);
}

static void wrong(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"Id\":\"\"}",
        "{\"Id\":\"a/b\"}",
        "{\"Id\":7}",
        "{\"Id\":\"x\",\"Name\":7}",
        "{\"Id\":\"x\",\"Mounts\":{}}",
        "{\"Id\":\"x\",\"Mounts\":[\"a\"]}",
        "{\"Id\":\"x\",\"State\":{\"Pid\":-1}}",
        "{\"Id\":\"x\",\"HostConfig\":{\"Privileged\":\"yes\"}}",
        "{\"Id\":\"x\",\"HostConfig\":{\"Memory\":-5}}",
        "{\"Id\":\"x\"}}",
    };
    struct runtime_container ret;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (runtime_container_parse(str_of(bad[i]), STR("docker"), &arena, &ret, NULL) !=
            -EBADMSG) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

static void ecs_labels(void **state)
{
    (void)state;
    struct runtime_container found =
        parse("{\"Id\":\"x\",\"Name\":\"/ecs-f-3-app-0\",\"Config\":{\"Labels\":{"
              "\"com.amazonaws.ecs.task-arn\":\"arn:aws:ecs:eu-1:123456789012:task/c/t\","
              "\"com.amazonaws.ecs.cluster\":\"c\","
              "\"com.amazonaws.ecs.task-definition-family\":\"f\","
              "\"com.amazonaws.ecs.task-definition-version\":\"3\"}}}");
    assert_str(found.c.ecs_cluster, "c");
    assert_str(found.c.ecs_task_id, "t");
    assert_str(found.c.ecs_task_family, "f");
    assert_str(found.c.ecs_task_revision, "3");
    assert_str(found.c.aws_account, "123456789012");
}

static void images(void **state)
{
    (void)state;
    struct str digest = { 0 };
    assert_int_equal(runtime_image_parse(STR("{\"RepoDigests\":[\"a@sha256:1\",\"b@" DIGEST "\"]}"),
                                         STR("nginx"), &arena, &digest, NULL),
                     0);
    assert_str(digest, DIGEST);
    assert_int_equal(
        runtime_image_parse(STR("{\"RepoDigests\":null}"), STR("x"), &arena, &digest, NULL), 0);
    assert_str(digest, "");
    assert_int_equal(
        runtime_image_parse(STR("{\"RepoDigests\":7}"), STR("x"), &arena, &digest, NULL), -EBADMSG);
}

static void versions(void **state)
{
    (void)state;
    assert_true(runtime_is_podman(STR("Libpod/4.3.1 (linux)")));
    assert_false(runtime_is_podman(STR("Docker/24.0.7 (linux)")));
    assert_false(runtime_is_podman(STR("")));
}

static void ids(void **state)
{
    (void)state;
    char text[ECS_ID_MAX + 2];
    memset(text, 'a', sizeof(text));
    assert_true(runtime_id_is_clean(str_from(text, ECS_ID_MAX)));
    assert_false(runtime_id_is_clean(str_from(text, ECS_ID_MAX + 1)));
    assert_false(runtime_id_is_clean(STR("")));
    assert_false(runtime_id_is_clean(STR("a/../b")));
    assert_false(runtime_id_is_clean(STR("a b")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(whole),  TEST(processors), TEST(health_checks), TEST(sparse), TEST(wrong),
        TEST(images), TEST(ecs_labels), TEST(versions),      TEST(ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
