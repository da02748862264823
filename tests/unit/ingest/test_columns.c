/*
 * columns: what of a whole alert becomes what of a finding, and limits of texts.
 */
#include "support.h"

#define WHOLE                                                                                      \
    "{\"n\":1,\"alert\":{\"hostname\":\"ip-1\",\"output\":\"out "                                  \
    "\\u00e9\",\"output_fields\":{\"proc.cmdline\":"                                               \
    "\"cnrig -o "                                                                                  \
    "pool\",\"user.name\":\"app\",\"fd.name\":\"10.0.0.1:1->192.0.2.1:3333\",\"proc.pid\":9},"     \
    "\"priority\":\"Critical\",\"rule\":\"Miner "                                                  \
    "started\",\"source\":\"syscall\",\"tags\":[\"T1496\"],"                                       \
    "\"time\":\"2026-11-22T11:59:59.250Z\",\"hinomi\":{\"v\":1,\"id\":\"" AGENT                    \
    ":b:1\",\"policy\":\"P\",\"severity\":9.7,\"type\":\"Impact:Runtime/"                          \
    "CryptoMinerExecuted\",\"lineage\":["                                                          \
    "{\"pid\":7,\"name\":\"cnrig\",\"exe\":\"/usr/bin/"                                            \
    "cnrig\",\"args\":\"-o\",\"uid\":1},{\"name\":\"sh\",\"exe\":"                                 \
    "\"/bin/sh\"}],\"container\":{\"id\":\"c1\",\"name\":\"web\",\"image\":\"repo/"                \
    "web:1\",\"digest\":\"sha256:1\"},"                                                            \
    "\"ecs\":{\"cluster\":\"prod\",\"task_arn\":\"arn:aws:ecs:r:1:task/prod/"                      \
    "t1\",\"task_id\":\"t1\",\"family\":"                                                          \
    "\"fam\",\"revision\":\"3\",\"service\":\"svc\",\"account\":\"111122223333\",\"region\":\"eu-" \
    "west-1\"},"                                                                                   \
    "\"dns\":{\"name\":\"pool.example\"},\"evidence\":[{\"list\":\"miner_domains\",\"item\":"      \
    "\"pool.example\"}],"                                                                          \
    "\"gap\":null}}}"

static void test_whole(void **state)
{
    static const struct {
        const char *column, *value;
    } columns[] = {
        { "rule", "Miner started" },
        { "title", "Miner started" },
        { "policy", "P" },
        { "type", "Impact:Runtime/CryptoMinerExecuted" },
        { "severity", "97" },
        { "priority", "Critical" },
        { "status", "new" },
        { "count", "1" },
        { "first_seen_ms", "1795348799250" },
        { "last_seen_ms", "1795348799250" },
        { "created_ms", "1795348800000" },
        { "source", "syscall" },
        { "output", "out \xc3\xa9" },
        { "container_id", "c1" },
        { "container_name", "web" },
        { "image", "repo/web:1" },
        { "image_digest", "sha256:1" },
        { "cluster", "prod" },
        { "task_arn", "arn:aws:ecs:r:1:task/prod/t1" },
        { "task_id", "t1" },
        { "task_family", "fam" },
        { "task_revision", "3" },
        { "service", "svc" },
        { "account", "111122223333" },
        { "region", "eu-west-1" },
        { "host", "ip-1" },
        { "agent", AGENT },
        { "proc_name", "cnrig" },
        { "proc_exe", "/usr/bin/cnrig" },
        { "proc_cmdline", "cnrig -o pool" },
        { "proc_pid", "7" },
        { "user_name", "app" },
        { "parent_name", "sh" },
        { "parent_exe", "/bin/sh" },
        { "domain", "pool.example" },
        { "file", "10.0.0.1:1->192.0.2.1:3333" },
        { "list", "miner_domains" },
        { "item", "pool.example" },
        { "tags", "[\"T1496\"]" },
        { "sequence", "0" },
        { "version", "1" },
        { "clock", "0" },
    };
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, STR(WHOLE)).number, 1);
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        char sql[96];
        snprintf(sql, sizeof(sql), "SELECT %s FROM findings", columns[i].column);
        assert_string_equal(text_of(*state, sql), columns[i].value);
    }
}

static void test_only_fields(void **state)
{
    assert_int_equal(
        send_batch(*state, AGENT, SPOOL, 1,
                   STR("{\"n\":1,\"alert\":{\"priority\":\"error\",\"rule\":\"r\",\"output_"
                       "fields\":{\"evt.time\":"
                       "1795348799250000000,\"container.id\":\"c1\",\"container.image.repository\":"
                       "\"repo/web\","
                       "\"container.image.tag\":\"2\",\"proc.name\":\"p\",\"proc.exepath\":\"<NA>"
                       "\",\"proc.exe\":"
                       "\"./p\",\"proc.pname\":\"q\",\"dns.question.name\":\"d\"},\"tags\":[\"x\","
                       "\"Execution:Runtime/ReverseShell\"],\"hinomi\":{\"id\":\"" AGENT
                       ":b:1\",\"lineage\":null,\"container\":null}}}"))
            .number,
        1);
    assert_string_equal(
        text_of(*state, "SELECT container_id || ' ' || image || ' ' || proc_name || ' ' ||"
                        " proc_exe || ' ' || parent_name || ' ' || domain || ' ' || type ||"
                        " ' ' || severity || ' ' || priority || ' ' || first_seen_ms"
                        " FROM findings"),
        "c1 repo/web:2 p ./p q d Execution:Runtime/ReverseShell 75 Error 1795348799250");
}

static void test_long(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    buf_puts(&buf, STR("{\"n\":1,\"alert\":{\"priority\":\"Error\",\"time\":1795348800,"
                       "\"hostname\":\"h\",\"rule\":\""));
    for (int i = 0; i < 1023; i++) {
        buf_putc(&buf, 'r');
    }
    buf_puts(&buf, STR("\xc3\xa9\",\"output\":\""));
    for (int i = 0; i < 100000; i++) {
        buf_putc(&buf, 'o');
    }
    buf_puts(&buf,
             STR("\",\"tags\":\"none\",\"hinomi\":{\"id\":\"" AGENT ":b:1\",\"severity\":99}}}"));
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, buf_str(&buf)).number, 1);
    assert_int_equal(count_of(*state, "SELECT length(rule) FROM findings"), 1023);
    assert_int_equal(count_of(*state, "SELECT length(output) FROM findings"), 8192);
    assert_int_equal(count_of(*state, "SELECT severity FROM findings"), 75);
    assert_string_equal(text_of(*state, "SELECT tags FROM findings"), "[]");
    buf_done(&buf);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, intake_setup, intake_teardown)
    const struct CMUnitTest tests[] = { CASE(test_whole), CASE(test_only_fields), CASE(test_long) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
