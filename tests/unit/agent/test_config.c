/*
 * config: each key by each source, what wins, what is refused and where it says so, limits, and which changes
 * need a restart.
 */
#include "agent/config.h"
#include "agent/config_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct config config;
static struct buf text;
static struct err err;

static int set_up(void **state)
{
    (void)state;
    err = (struct err){ 0 };
    buf_init(&text, 1 << 20);
    return config_init(&config);
}

static int tear_down(void **state)
{
    (void)state;
    config_done(&config);
    buf_done(&text);
    return 0;
}

static int parse(const char *content)
{
    return config_parse(&config, STR("f.yaml"), str_of(content), &text, &err);
}

/* Text that the complaints have to be, or with a trailing "..." to begin with. */
static void refuses(const char *content, const char *said)
{
    buf_clear(&text);
    assert_int_equal(parse(content), -EINVAL);
    buf_putc(&text, '\0');
    struct str wanted = str_of(said);
    if (str_ends(wanted, STR("..."))) {
        assert_true(str_starts(buf_str(&text), str_first(wanted, wanted.n - 3)));
    } else {
        assert_string_equal(text.p, said);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(config.sensor, CONFIG_SENSOR_AUTO);
    assert_int_equal(config.output, CONFIG_OUTPUT_TEXT);
    assert_int_equal(config.calls, CONFIG_CALLS_ALL);
    assert_int_equal(config.priority, CONFIG_AVAILABILITY);
    assert_int_equal(config.rule_priority, PRIORITY_DEBUG);
    assert_true(config.dns);
    assert_null(config.metrics_listen);
    assert_string_equal(config.socket, "/hinomi/agent.sock");
}

static void test_empty(void **state)
{
    (void)state;
    assert_int_equal(parse(""), 0);
    assert_int_equal(parse("# nothing\n"), 0);
    assert_int_equal(parse("---\n~\n"), 0);
    assert_int_equal(parse("metrics:\n"), 0);
}

static void test_whole(void **state)
{
    (void)state;
    assert_int_equal(parse("rules_files: [/a, '/b c']\n"
                           "sensor: ptrace\n"
                           "socket: /s\n"
                           "priority: Security\n"
                           "rule_priority: informational\n"
                           "rule_matching: all\n"
                           "output: json\n"
                           "output_file: /o\n"
                           "calls: rules\n"
                           "dns: off\n"
                           "policies: /p\n"
                           "metrics:\n  listen: 127.0.0.1:9464\n"
                           "ecs: {endpoint: 'http://x/v4'}\n"
                           "runtime:\n  sockets: /one.sock\n"
                           "capture: {dir: /c, seconds_before: 0, seconds_after: 3600}\n"),
                     0);
    assert_int_equal(config.rules_files.n, 2);
    assert_string_equal(config.rules_files.items[1], "/b c");
    assert_int_equal(config.sensor, CONFIG_SENSOR_PTRACE);
    assert_string_equal(config.socket, "/s");
    assert_int_equal(config.priority, CONFIG_SECURITY);
    assert_int_equal(config.rule_priority, PRIORITY_INFORMATIONAL);
    assert_int_equal(config.rule_matching, CONFIG_MATCH_ALL);
    assert_int_equal(config.output, CONFIG_OUTPUT_JSON);
    assert_string_equal(config.output_file, "/o");
    assert_int_equal(config.calls, CONFIG_CALLS_RULES);
    assert_false(config.dns);
    assert_string_equal(config.policies, "/p");
    assert_string_equal(config.metrics_listen, "127.0.0.1:9464");
    assert_string_equal(config.ecs_endpoint, "http://x/v4");
    assert_int_equal(config.runtime_sockets.n, 1);
    assert_string_equal(config.runtime_sockets.items[0], "/one.sock");
    assert_int_equal(config.capture_before_s, 0);
    assert_int_equal(config.capture_after_s, 3600);
}

static void test_places(void **state)
{
    (void)state;
    refuses("sensors: auto\n",
            "f.yaml:1:1: there is no setting `sensors`; did you mean `sensor`?\n");
    refuses("\nmetrics:\n  lisen: '1'\n",
            "f.yaml:3:3: there is no setting `metrics.lisen`; did you mean `listen`?\n");
    refuses("metrics.listen: '1'\nxyzzyx: 1\n", "f.yaml:2:1: there is no setting `xyzzyx`\n");
    refuses("metric: {listen: '1'}\n",
            "f.yaml:1:1: there is no setting `metric`; did you mean `metrics`?\n");
    refuses("sensor: ebpf\n", "f.yaml:1:9: `sensor` is one of auto, notify, ptrace; not `ebpf`\n");
    refuses("priority: notice\n", "f.yaml:1:11: `priority` is one of availability, security; not "
                                  "`notice`; did you mean the key `rule_priority`?\n");
    refuses("rule_priority: security\n",
            "f.yaml:1:16: `rule_priority` is one of emergency, alert, critical, error, warning, "
            "notice, "
            "info, debug; not `security`; did you mean the key `priority`?\n");
    refuses("dns: maybe\n", "f.yaml:1:6: `dns` is true or false, not `maybe`\n");
    refuses("capture:\n  seconds_after: 3601\n",
            "f.yaml:2:18: `capture.seconds_after` takes a number from 0 to 3600, not `3601`\n");
    refuses("socket: [a]\n", "f.yaml:1:9: `socket` takes one value, not a list\n");
    refuses("socket: {a: b}\n",
            "f.yaml:1:9: a value is wanted here, or a list of values; not a map\n");
    refuses("socket:\n", "f.yaml:1:8: `socket` has no value\n");
    refuses("socket: a\nsocket: b\n", "f.yaml:2:1: `socket` is there twice\n");
    refuses("rules_files: [a, [b]]\n", "f.yaml:1:18: a text is wanted here\n");
    refuses("metrics: 9464\n",
            "f.yaml:1:10: `metrics` is a section: settings are wanted below it\n");
    refuses("- a\n", "f.yaml:1:1: a map of settings is wanted\n");
    refuses("dns: on\n---\ndns: on\n", "f.yaml:3:1: a second document; there can be only one\n");
    refuses("a: [\n", "f.yaml:2:1: ...");
    refuses("a: \xff\n", "f.yaml:1:4: ...");
    refuses("? {a: b}\n: c\n", "f.yaml:1:3: the name of a setting is wanted here\n");
}

/* All at once, and not without end. */
static void test_many(void **state)
{
    (void)state;
    struct buf content;
    buf_init(&content, 1 << 20);
    for (unsigned i = 0; i < CONFIG_ERRORS_MAX + 10; i++) {
        buf_printf(&content, "q%u: 1\n", i);
    }
    buf_putc(&content, '\0');
    assert_int_equal(parse(content.p), -EINVAL);
    size_t lines = 0;
    for (size_t i = 0; i < text.n; i++) {
        lines += text.p[i] == '\n';
    }
    assert_true(lines >= CONFIG_ERRORS_MAX && lines <= CONFIG_ERRORS_MAX + 1);
    buf_done(&content);
}

static void test_limits(void **state)
{
    (void)state;
    static char value[CONFIG_VALUE_MAX + 1];
    static struct str values[CONFIG_LIST_MAX + 1];
    memset(value, 'a', sizeof(value));
    for (size_t i = 0; i < CONFIG_LIST_MAX + 1; i++) {
        values[i] = STR("x");
    }
    struct str one = { value, CONFIG_VALUE_MAX };
    assert_int_equal(config_set(&config, STR("socket"), &one, 1, &err), 0);
    one.n++;
    assert_int_equal(config_set(&config, STR("socket"), &one, 1, &err), -EINVAL);
    one = (struct str){ "a\0b", 3 };
    assert_int_equal(config_set(&config, STR("socket"), &one, 1, &err), -EINVAL);
    assert_int_equal(config_set(&config, STR("rules_files"), values, CONFIG_LIST_MAX, &err), 0);
    assert_int_equal(config.rules_files.n, CONFIG_LIST_MAX);
    assert_int_equal(config_set(&config, STR("rules_files"), values, CONFIG_LIST_MAX + 1, &err),
                     -EINVAL);
    assert_int_equal(config_set(&config, STR("nothing"), values, 1, &err), -ENOENT);
    assert_int_equal(config_set(&config, STR("dns"), values, 2, &err), -EINVAL);
    assert_int_equal(config_set(&config, STR("dns"), values, 0, &err), -EINVAL);
}

/* A deep file is refused, whatever stands in it. */
static void test_deep(void **state)
{
    (void)state;
    char content[200] = "a: ";
    memset(content + 3, '[', 100);
    assert_int_equal(parse(content), -EINVAL);
}

static void test_environment(void **state)
{
    (void)state;
    static char listen_[] = "HINOMI_METRICS_LISTEN=9464", rules[] = "HINOMI_RULES_FILES=/a, /b,,/c",
                other[] = "HINOMIX=1", ours[] = "HINOMI_SHIM_WAIT=1",
                typo[] = "HINOMI_SENSORS=auto", bare[] = "HINOMI_OUTPUT",
                dns[] = "HINOMI_DNS=false";
    char *environment[] = { listen_, rules, other, ours, typo, bare, dns, NULL };
    assert_int_equal(config_environment(&config, environment, &text, &err), 0);
    assert_string_equal(config.metrics_listen, "9464");
    assert_int_equal(config.rules_files.n, 3);
    assert_string_equal(config.rules_files.items[1], "/b");
    assert_false(config.dns);
    buf_putc(&text, '\0');
    assert_string_equal(text.p, "HINOMI_SENSORS in the environment is not a setting; did you mean "
                                "`HINOMI_SENSOR`?\n");
    static char bad[] = "HINOMI_OUTPUT=xml";
    char *wrong[] = { bad, NULL };
    assert_int_equal(config_environment(&config, wrong, &text, &err), -EINVAL);
    assert_string_equal(err.message,
                        "HINOMI_OUTPUT in the environment: is one of text, json; not `xml`");
}

/* Environment over file, command line over both. */
static void test_order(void **state)
{
    (void)state;
    static char output[] = "HINOMI_OUTPUT=json", sensor[] = "HINOMI_SENSOR=notify";
    char *environment[] = { output, sensor, NULL };
    const struct str value = STR("ptrace");
    const struct settings_argument argument = { "sensor", &value, 1 };
    const struct settings_source source = { .environment = environment,
                                            .arguments = &argument,
                                            .narguments = 1 };
    struct config fresh;
    assert_int_equal(config_load(&source, &fresh, &text, &err), 0);
    assert_int_equal(fresh.output, CONFIG_OUTPUT_JSON);
    assert_int_equal(fresh.sensor, CONFIG_SENSOR_PTRACE);
    config_not_reloaded(&config, &fresh, &text);
    assert_true(str_eqz(buf_str(&text), "sensor, output"));
    buf_clear(&text);
    config_not_reloaded(&fresh, &fresh, &text);
    assert_int_equal(text.n, 0);
    config_done(&fresh);
}

/* A key's own change is named if and only if it needs a restart. */
static void test_reloaded(void **state)
{
    (void)state;
    static const char *const samples[] = { [SETTING_TEXT] = "/other",
                                           [SETTING_LIST] = "/other",
                                           [SETTING_BOOL] = NULL,
                                           [SETTING_NUMBER] = "7",
                                           [SETTING_SIZE] = "7" };
    for (size_t i = 0; i < config_nkeys; i++) {
        const struct setting *key = &config_keys[i];
        struct config fresh;
        config_init(&fresh);
        bool *flag = (bool *)((char *)&fresh + key->at);
        struct str value = str_of(key->kind == SETTING_CHOICE ? key->words[1]
                                  : key->kind == SETTING_BOOL ? (*flag ? "no" : "yes")
                                                              : samples[key->kind]);
        assert_int_equal(config_set_key(&fresh, key, &value, 1, &err), 0);
        buf_clear(&text);
        config_not_reloaded(&config, &fresh, &text);
        assert_true(str_eq(buf_str(&text), key->reloads ? (struct str){ 0 } : str_of(key->name)));
        config_done(&fresh);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        struct config fresh;
        config_init(&fresh);
        buf_clear(&text);
        mem_fail_after(n);
        config_parse(&fresh, STR("f"), STR("rules_files: [a, b]\nmetrics: {listen: '1'}\n"), &text,
                     &err);
        mem_fail_after(0);
        config_done(&fresh);
    }
}

static void test_address(void **state)
{
    (void)state;
    struct sockaddr_storage at;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&at;
    static const char *const wrong[] = { "",        "x",     "127.0.0.1", "65536", "1.2.3.4:",
                                         "::1:80",  "[::1]", "[::1:80",   "a:80",  "[1.2.3.4]:80",
                                         "1.2.3:1", "[]:1",  "-1",        ":x",    "1.2.3.4:80x" };
    assert_int_equal(config_address(STR("9464"), &at), 0);
    assert_int_equal(v4->sin_family, AF_INET);
    assert_int_equal(v4->sin_port, htons(9464));
    assert_int_equal(v4->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(config_address(STR("0.0.0.0:65535"), &at), 0);
    assert_int_equal(v4->sin_addr.s_addr, 0);
    assert_int_equal(config_address(STR("[::1]:0"), &at), 0);
    assert_int_equal(v6->sin6_family, AF_INET6);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(config_address(str_of(wrong[i]), &at), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        TEST(defaults), TEST(empty),       TEST(whole),     TEST(places),
        TEST(many),     TEST(limits),      TEST(deep),      TEST(order),
        TEST(reloaded), TEST(environment), TEST(no_memory), TEST(address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
