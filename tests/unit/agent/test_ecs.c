/*
 * ecs: ARNs, both forms of the task document with every field, what is missing, wrong or too much; URLs of the
 * endpoint and hints in environments.
 */
#include "test.h"

#include "agent/ecs.h"
#include "agent/ecs_endpoint.h"
#include "agent/metadata_image.h"
#include "base/buf.h"
#include "ecs_documents.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct arena arena;
static struct ecs_task task;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, ECS_ARENA_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void parse(const char *text)
{
    struct err err;
    if (ecs_task_parse(str_of(text), &arena, &task, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void arns(void **state)
{
    (void)state;
    struct ecs_arn arn;
    assert_true(ecs_arn_parse(STR("arn:aws-cn:ecs:cn-north-1:123456789012:task/a:b/c"), &arn));
    assert_str(arn.partition, "aws-cn");
    assert_str(arn.service, "ecs");
    assert_str(arn.region, "cn-north-1");
    assert_str(arn.account, "123456789012");
    assert_str(arn.resource, "task/a:b/c");
    static const char *const bad[] = {
        "",
        "arn",
        "arn:aws:ecs:r:123456789012:",
        "arn:aws:ecs:r:12345678901:x",
        "arn:aws:ecs:r:1234567890123:x",
        "arn:aws:ecs:r:12345678901x:x",
        "arn:aws:ecs::123456789012:x",
        "arn:aws:ecs:R:123456789012:x",
        "arn::ecs:r:123456789012:x",
        "ARN:aws:ecs:r:123456789012:x",
        "arn:aws:ecs:r",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(ecs_arn_parse(str_of(bad[i]), &arn));
    }
    assert_str(ecs_cluster_name(STR("default")), "default");
    assert_str(ecs_cluster_name(STR("arn:aws:ecs:r:123456789012:cluster/c")), "c");
    assert_str(ecs_cluster_name(STR("arn:aws:ecs:r:123456789012:other/c")),
               "arn:aws:ecs:r:123456789012:other/c");
}

static void fargate(void **state)
{
    (void)state;
    parse(fargate_document);
    assert_str(task.cluster, "prod");
    assert_str(task.arn, "arn:aws:ecs:us-east-1:123456789012:task/prod/" FARGATE_TASK);
    assert_str(task.id, FARGATE_TASK);
    assert_str(task.family, "sample-fargate");
    assert_str(task.revision, "5");
    assert_str(task.service, "web");
    assert_str(task.partition, "aws");
    assert_str(task.account, "123456789012");
    assert_str(task.region, "us-east-1");
    assert_str(task.launch_type, "FARGATE");
    assert_str(task.availability_zone, "us-east-1d");
    assert_str(task.known_status, "RUNNING");
    assert_true(task.cpu == 0.25 && task.memory_mib == 512);
    assert_int_equal(task.ntags, 1);
    assert_str(task.tags[0].value, "red");
    assert_int_equal(task.ncontainers, 2);
    assert_true(ecs_task_settled(&task));
    const struct ecs_container *c = ecs_task_container(&task, STR(FARGATE_ID));
    assert_ptr_equal(c, &task.containers[0]);
    assert_str(c->docker_name, "app");
    assert_str(c->log_driver, "awslogs");
    assert_str(c->snapshotter, "overlayfs");
    assert_str(c->created_at, "2023-07-21T15:45:44.91368314Z");
    assert_str(c->network.mode, "awsvpc");
    assert_str(c->network.ipv4, "192.0.2.3");
    assert_str(c->network.ipv6, "2001:db8::3");
    assert_str(c->network.mac, "0a:de:f6:10:51:e5");
    assert_str(c->network.subnet, "192.0.2.0/24");
    assert_int_equal(c->nlabels, 6);
    assert_false(c->internal);
}

static void fargate_filled(void **state)
{
    (void)state;
    struct container c;
    parse(fargate_document);
    ecs_fill(&task, &task.containers[0], &c);
    assert_str(c.id, FARGATE_ID);
    assert_str(c.full_id, FARGATE_ID);
    assert_str(c.name, "app");
    assert_str(c.type, "containerd");
    assert_str(c.image, "123456789012.dkr.ecr.us-east-1.amazonaws.com/curlimage:v2");
    assert_str(c.image_repository, "123456789012.dkr.ecr.us-east-1.amazonaws.com/curlimage");
    assert_str(c.image_tag, "v2");
    assert_str(c.image_digest, FARGATE_DIGEST);
    assert_str(c.image_id, FARGATE_DIGEST + 7);
    assert_str(c.ip, "192.0.2.3");
    assert_str(c.ecs_cluster, "prod");
    assert_str(c.ecs_task_id, FARGATE_TASK);
    assert_str(c.ecs_launch_type, "FARGATE");
    assert_str(c.ecs_availability_zone, "us-east-1d");
    assert_str(c.aws_region, "us-east-1");
    assert_int_equal(c.cpu_limit_milli, 250); /* the task's: the container has none */
    assert_int_equal(c.memory_limit_bytes, 512 << 20);
    assert_false(c.pending);
    ecs_fill(&task, &task.containers[1], &c);
    assert_str(c.image_repository, "nginx");
    assert_str(c.image_tag, "");
    assert_str(c.image_digest, FARGATE_DIGEST);
    assert_int_equal(c.cpu_limit_milli, 125);
    assert_int_equal(c.memory_limit_bytes, 64 << 20);
}

static void ec2(void **state)
{
    (void)state;
    struct container c;
    parse(ec2_document);
    assert_str(task.cluster, "default");
    assert_str(task.vpc_id, "vpc-1234567890abcdef0");
    assert_int_equal(task.ncontainers, 2);
    assert_true(task.containers[0].internal);
    assert_false(task.containers[1].internal);
    assert_str(task.containers[1].health, "HEALTHY");
    assert_true(ecs_task_settled(&task));
    ecs_fill(&task, &task.containers[1], &c);
    assert_str(c.id, EC2_ID);
    assert_str(c.name, "curl");
    assert_str(c.type, "docker");
    assert_str(c.image_repository, "111122223333.dkr.ecr.us-west-2.amazonaws.com:443/curltest");
    assert_str(c.image_tag, "latest");
    assert_str(c.image_id, EC2_IMAGE);
    assert_str(c.image_digest, ""); /* Docker's own id of the image is none */
    assert_str(c.ecs_service, "MyService");
    assert_str(c.ecs_task_revision, "26");
    assert_str(c.aws_account, "111122223333");
    assert_int_equal(c.cpu_limit_milli, 10);
    assert_int_equal(c.memory_limit_bytes, 128 << 20);
}

static void partial(void **state)
{
    (void)state;
    struct container c;
    parse("{}");
    assert_int_equal(task.ncontainers, 0);
    assert_false(ecs_task_settled(&task));
    parse("{\"Cluster\":null,\"Containers\":[{\"Name\":\"x\",\"KnownStatus\":\"PULLED\"},"
          "{\"DockerId\":\"" EC2_ID "\",\"KnownStatus\":\"CREATED\"},"
          "{\"DockerId\":\"" EC2_ID "\"}]}");
    assert_int_equal(task.ncontainers, 1);
    assert_int_equal(task.nameless, 1);
    assert_false(ecs_task_settled(&task));
    /* what the document lacks, the agent's labels have */
    parse("{\"Containers\":[{\"DockerId\":\"" EC2_ID "\",\"Labels\":{"
          "\"com.amazonaws.ecs.cluster\":\"c\",\"com.amazonaws.ecs.container-name\":\"n\","
          "\"com.amazonaws.ecs.task-arn\":\"arn:aws:ecs:r-1:123456789012:task/abc\","
          "\"com.amazonaws.ecs.task-definition-family\":\"f\",\"odd\":7,"
          "\"com.amazonaws.ecs.task-definition-version\":\"9\"}}]}");
    ecs_fill(&task, &task.containers[0], &c);
    assert_str(c.name, "n");
    assert_str(c.ecs_cluster, "c");
    assert_str(c.ecs_task_id, "abc");
    assert_str(c.ecs_task_family, "f");
    assert_str(c.ecs_task_revision, "9");
    assert_str(c.aws_account, "123456789012");
    assert_str(c.aws_region, "r-1");
}

static void wrong(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "7",
        "{",
        "{} x",
        "{\"Cluster\":'x'}",
        "{\"Cluster\":\"\xff\"}",
        "{\"Cluster\":7}",
        "{\"Cluster\":\"a\\u0000b\"}",
        "{\"TaskARN\":\"not one\"}",
        "{\"Limits\":[]}",
        "{\"Limits\":{\"CPU\":\"1\"}}",
        "{\"Limits\":{\"CPU\":-1}}",
        "{\"Limits\":{\"Memory\":1e300}}",
        "{\"Containers\":{}}",
        "{\"Containers\":[7]}",
        "{\"Containers\":[{\"DockerId\":7}]}",
        "{\"Containers\":[{\"DockerId\":\"../x\"}]}",
        "{\"Containers\":[{\"DockerId\":\"x\",\"Labels\":[]}]}",
        "{\"Containers\":[{\"DockerId\":\"x\",\"Networks\":[7]}]}",
        "{\"Containers\":[{\"DockerId\":\"x\",\"Networks\":[{\"IPv4Addresses\":[7]}]}]}",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err err = { 0 };
        struct ecs_task other = { .ncontainers = 77 };
        if (ecs_task_parse(str_of(bad[i]), &arena, &other, &err) != -EBADMSG) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_int_equal(err.code, -EBADMSG);
        assert_int_equal(other.ncontainers, 77);
    }
}

static void each_cut_is_refused(void **state)
{
    (void)state;
    struct ecs_task other;
    for (size_t n = 0; n < sizeof(ec2_document) - 1; n += 7) {
        assert_int_equal(ecs_task_parse(str_from(ec2_document, n), &arena, &other, NULL), -EBADMSG);
    }
}

static void containers(size_t n, int expected)
{
    struct buf buf;
    struct ecs_task other;
    buf_init(&buf, 1 << 20);
    buf_putz(&buf, "{\"Containers\":[");
    for (size_t i = 0; i < n; i++) {
        buf_printf(&buf, "%s{\"DockerId\":\"id%zu\"}", i ? "," : "", i);
    }
    buf_putz(&buf, "]}");
    assert_int_equal(ecs_task_parse(buf_str(&buf), &arena, &other, NULL), expected);
    buf_done(&buf);
}

static void limits(void **state)
{
    (void)state;
    static char large[ECS_DOCUMENT_MAX + 1];
    struct ecs_task other;
    containers(ECS_CONTAINERS_MAX - 1, 0);
    containers(ECS_CONTAINERS_MAX, 0);
    containers(ECS_CONTAINERS_MAX + 1, -EBADMSG);
    memset(large, ' ', sizeof(large));
    large[0] = '{';
    large[1] = '}';
    assert_int_equal(ecs_task_parse(str_from(large, ECS_DOCUMENT_MAX), &arena, &other, NULL), 0);
    assert_int_equal(ecs_task_parse(str_from(large, sizeof(large)), &arena, &other, NULL),
                     -EBADMSG);
    char text[ECS_ID_MAX + 64];
    for (int n = ECS_ID_MAX - 1; n <= ECS_ID_MAX + 1; n++) {
        snprintf(text, sizeof(text), "{\"Containers\":[{\"DockerId\":\"%0*d\"}]}", n, 7);
        assert_int_equal(ecs_task_parse(str_of(text), &arena, &other, NULL),
                         n > ECS_ID_MAX ? -EBADMSG : 0);
    }
}

static void no_memory(void **state)
{
    (void)state;
    struct ecs_task other;
    struct arena small;
    arena_init(&small, 100);
    assert_int_equal(ecs_task_parse(str_of(ec2_document), &small, &other, NULL), -ENOMEM);
    arena_done(&small);
}

static void one_container(void **state)
{
    (void)state;
    struct ecs_container c;
    assert_int_equal(ecs_container_parse(STR("{\"DockerId\":\"" FARGATE_ID "\",\"Name\":\"n\"}"),
                                         &arena, &c, NULL),
                     0);
    assert_str(c.id, FARGATE_ID);
    assert_int_equal(ecs_container_parse(STR("{\"Name\":\"n\"}"), &arena, &c, NULL), -EBADMSG);
}

static void images(void **state)
{
    (void)state;
    static const struct {
        const char *image, *repository, *tag;
        bool digest;
    } cases[] = {
        { "nginx", "nginx", "latest", false },
        { "nginx:1.25", "nginx", "1.25", false },
        { "host:5000/a/b", "host:5000/a/b", "latest", false },
        { "host:5000/a/b:c", "host:5000/a/b", "c", false },
        { "a/b@" FARGATE_DIGEST, "a/b", "", true },
        { "a/b:t@" FARGATE_DIGEST, "a/b", "t", true },
        { "a@sha256:12", "a", "", false },
        { FARGATE_DIGEST, "", "", false },
        { "", "", "", false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct image_reference ref = image_reference_of(str_of(cases[i].image));
        assert_str(ref.repository, cases[i].repository);
        assert_str(ref.tag, cases[i].tag);
        assert_str(ref.digest, cases[i].digest ? FARGATE_DIGEST : "");
    }
}

static void endpoints(void **state)
{
    (void)state;
    static const char *const good[] = {
        "http://169.254.170.2/v4/abc-1", "http://169.254.170.2/v4/abc-1/",
        "http://127.0.0.1:8080/v4/x",    "http://127.0.0.1:65535",
        "http://[fd00:ec2::23]/v4/x",    "http://[::1]:80/v4/x",
    };
    static const char *const bad[] = {
        "",
        "http://",
        "https://169.254.170.2/v4/x",
        "file:///etc/passwd",
        "http://localhost/v4/x",
        "http://metadata.evil.example/v4/x",
        "http://169.254.170.2@1.2.3.4/v4",
        "http://169.254.170.2:0/v4",
        "http://169.254.170.2:65536/v4",
        "http://169.254.170.2:/v4",
        "http://169.254.170.2/v4?x",
        "http://169.254.170.2/v4#x",
        "http://169.254.170.2/../x",
        "http://169.254.170.2/a b",
        "http://169.254.170.2/a%2e",
        "http://[::1/v4",
        "http://[::1]x/v4",
        "http://1.2.3/v4",
    };
    struct ecs_endpoint e;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        if (ecs_endpoint_init(&e, good[i], NULL) < 0) {
            fail_msg("refused: %s", good[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (ecs_endpoint_init(&e, bad[i], NULL) != -EINVAL) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    for (size_t n = ECS_URL_MAX - 2; n <= ECS_URL_MAX; n++) {
        char url[ECS_URL_MAX + 1];
        memset(url, 'a', n);
        memcpy(url, "http://1.2.3.4/", 15);
        url[n] = '\0';
        assert_int_equal(ecs_endpoint_init(&e, url, NULL), n < ECS_URL_MAX ? 0 : -EINVAL);
    }
}

static void tokens(void **state)
{
    (void)state;
    struct ecs_endpoint e;
    char url[ECS_URL_MAX + 64];
    assert_int_equal(ecs_endpoint_init(&e, "http://169.254.170.2/v4/own/", NULL), 0);
    ecs_endpoint_url(&e, "/task", url);
    assert_string_equal(url, "http://169.254.170.2/v4/own/task");
    ecs_endpoint_of_token(&e, STR("other-1"), url);
    assert_string_equal(url, "http://169.254.170.2/v4/other-1");
    assert_str(ecs_endpoint_token(&e, STR("http://169.254.170.2/v4/x-9")), "x-9");
    static const char *const bad[] = {
        "",
        "http://169.254.170.2/v4/",
        "http://169.254.170.2/v3/x",
        "http://169.254.170.22/v4/x",
        "http://169.254.170.2/v4/x/y",
        "http://169.254.170.2/v4/x?y",
        "http://169.254.170.2/v4/..",
        "http://1.2.3.4/v4/x",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(ecs_endpoint_token(&e, str_of(bad[i])).n, 0);
    }
    assert_int_equal(ecs_endpoint_init(&e, "http://1.2.3.4:80", NULL), 0);
    assert_int_equal(ecs_endpoint_token(&e, STR("x")).n, 0);
}

static void variables(void **state)
{
    (void)state;
    struct str env = STR("AB=1\0A=2\0A=3\0\0C=\0D=cut");
    assert_str(ecs_variable(env, STR("A")), "2");
    assert_str(ecs_variable(env, STR("AB")), "1");
    assert_str(ecs_variable(env, STR("C")), "");
    assert_str(ecs_variable(env, STR("D")), "");
    assert_str(ecs_variable(env, STR("")), "");
    char text[65536];
    setenv("HINOMI_TEST", "x", 1);
    assert_true(ecs_environ(getpid(), text, sizeof(text)) > 0);
    assert_int_equal(ecs_environ(getpid(), text, 5), 5);
    assert_int_equal(ecs_environ(0x7fffffff, text, sizeof(text)), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(arns),      TEST(fargate),   TEST(fargate_filled),      TEST(ec2),
        TEST(partial),   TEST(wrong),     TEST(each_cut_is_refused), TEST(limits),
        TEST(no_memory), TEST(images),    TEST(one_container),       TEST(endpoints),
        TEST(tokens),    TEST(variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
