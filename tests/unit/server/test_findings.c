/*
 * findings: the parts of responses that need no server: signatures as AWS knows them, and what is a task.
 *
 * The expected signatures were made by botocore's SigV4Auth from the same requests; tests/http/findings.py compares with it
 * again where it is installed.
 */
#include "aws/aws.h"
#include "test.h"

static const struct aws_credentials credentials = {
    .id = "AKIDEXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
};

static struct aws_request request_of(const char *body)
{
    return (struct aws_request){
        .method = STR("POST"),
        .path = STR("/"),
        .headers = { { STR("host"), STR("ecs.eu-central-1.amazonaws.com") },
                     { STR("content-type"), STR("application/x-amz-json-1.1") },
                     { STR("x-amz-target"), STR("AmazonEC2ContainerServiceV20141113.StopTask") } },
        .nheaders = 3,
        .body = str_of(body),
        .region = STR("eu-central-1"),
        .service = STR("ecs"),
        .time_s = 1795348800,
    };
}

static void check(const struct aws_request *request, const struct aws_credentials *with,
                  const char *names, const char *signature)
{
    char wanted[1024];
    struct buf buf;
    buf_init(&buf, 4096);
    assert_int_equal(aws_sign(request, with, &buf), 0);
    snprintf(wanted, sizeof(wanted),
             "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-central-1/ecs/aws4_request, "
             "SignedHeaders=%s, Signature=%s",
             names, signature);
    assert_str(buf_str(&buf), wanted);
    buf_done(&buf);
}

static void test_sign(void **state)
{
    (void)state;
    struct aws_request request = request_of("{\"task\":\"t\"}");
    check(&request, &credentials, "content-type;host;x-amz-date;x-amz-target",
          "67a3929cb9b9f03d8594825108765218968a15c8e1156d040ffaf9471fb519f6");
    request = request_of("");
    check(&request, &credentials, "content-type;host;x-amz-date;x-amz-target",
          "97aa9539db0e57f8206e97d5599de386b609f18b61e69a097d8d6178c953eb0e");
    struct aws_credentials session = credentials;
    snprintf(session.token, sizeof(session.token), "a+session/token==");
    request = request_of("{\"task\":\"t\"}");
    check(&request, &session, "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
          "0cbfda901ae6d9294ed3905697439ec2d33094c2ca88e70d2e596bc03ab74c91");
}

static void test_sign_limits(void **state)
{
    (void)state;
    struct aws_request request = request_of("");
    char storage[64];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    assert_int_not_equal(aws_sign(&request, &credentials, &buf), 0);
    request.nheaders = AWS_HEADERS_MAX + 1;
    assert_int_not_equal(aws_sign(&request, &credentials, &buf), 0);
}

#define ID "0123456789abcdef0123456789abcdef"

static void test_task(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "arn:aws:ecs:eu-central-1:123456789012:task/",
        "arn:aws:ecs:eu-central-1:123456789012:task",
        "arn:aws:ecs:eu-central-1:123456789012:cluster/blue/" ID,
        "arn:aws:ec2:eu-central-1:123456789012:task/blue/" ID,
        "arn:aws:ecs::123456789012:task/blue/" ID,
        "arn:aws:ecs:x@169.254.169.254/:123456789012:task/blue/" ID,
        "arn:aws:ecs:eu.central.1:123456789012:task/blue/" ID,
        "arn:aws:ecs:evil.example#-:123456789012:task/blue/" ID,
        "arn:aws:ecs:-eu-1:123456789012:task/blue/" ID,
        "arn:aws:ecs:EU-CENTRAL-1:123456789012:task/blue/" ID,
        "arn:aws:ecs:eu-central-1:123456789012:task/blue/x/y",
        "arn:aws:ecs:eu-central-1:1234567890123:task/blue/" ID,
        "arn:aws:ecs:eu-central-1:123456789012:task/../" ID,
        "arn:aws:ecs:eu-central-1:123456789012:task/blue/" ID "\r\nX: y",
    };
    struct str region, cluster;
    assert_true(aws_task_is_good(STR("arn:aws:ecs:eu-central-1:123456789012:task/blue/" ID),
                                 &region, &cluster));
    assert_str(region, "eu-central-1");
    assert_str(cluster, "blue");
    assert_true(aws_task_is_good(STR("arn:aws-cn:ecs:cn-north-1:123456789012:task/" ID), &region,
                                 &cluster));
    assert_str(region, "cn-north-1");
    assert_int_equal(cluster.n, 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (aws_task_is_good(str_of(bad[i]), &region, &cluster)) {
            fail_msg("%s was taken for a task", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_sign_limits),
        cmocka_unit_test(test_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
