/*
 * Certificates of the server's own CA: made once, renewed in time, files that fit together; and the sandbox.
 */
#include "base/fd.h"
#include "server/sandbox.h"
#include "server/tls.h"
#include "server/tls_make.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY_MS (INT64_C(86400) * 1000)
#define NOW_MS (INT64_C(1800000000) * 1000)

static char dir[64];
static struct server_config config;
static struct err err;

static char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static struct server_tls load(int64_t now_ms)
{
    struct server_tls tls = { 0 };
    if (tls_load(&config, now_ms, &tls, &err) < 0) {
        print_error("%s\n", err.message);
        fail();
    }
    return tls;
}

static void test_made_once(void **state)
{
    (void)state;
    struct server_tls one = load(NOW_MS), two = load(NOW_MS + DAY_MS);
    assert_string_equal(one.certificate, two.certificate);
    assert_string_equal(one.key, two.key);
    assert_string_equal(one.ca, two.ca);
    assert_string_equal(one.ca_fingerprint, two.ca_fingerprint);
    assert_int_equal(strlen(one.ca_fingerprint), 64);
    static const char *const secrets[] = { "ca.key", "server.key" };
    for (size_t i = 0; i < 2; i++) {
        struct stat status;
        assert_int_equal(stat(path_of(secrets[i]), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    tls_done(&one);
    tls_done(&two);
}

static void test_renewed(void **state)
{
    (void)state;
    struct server_tls one = load(NOW_MS);
    struct server_tls same = load(NOW_MS + (TLS_SERVER_DAYS - TLS_RENEW_DAYS - 1) * DAY_MS);
    assert_string_equal(one.certificate, same.certificate);
    assert_true(one.renew_ms > NOW_MS + (TLS_SERVER_DAYS - TLS_RENEW_DAYS) * DAY_MS);
    struct server_tls fresh = load(one.renew_ms);
    assert_string_not_equal(one.certificate, fresh.certificate);
    assert_string_equal(one.ca, fresh.ca);
    assert_true(fresh.renew_ms > one.renew_ms);
    tls_done(&one);
    tls_done(&same);
    tls_done(&fresh);
}

static void test_names(void **state)
{
    (void)state;
    struct server_tls one = load(NOW_MS);
    static char name[] = "console.example", ip[] = "192.0.2.9";
    char *items[] = { name, ip };
    config.names = (struct setting_list){ items, 2 };
    struct server_tls two = load(NOW_MS), three = load(NOW_MS);
    assert_string_not_equal(one.certificate, two.certificate);
    assert_string_equal(two.certificate, three.certificate);
    static const char *const names[] = { "console.example", "192.0.2.9", "localhost", "127.0.0.1",
                                         "::1" };
    struct tls_wish wish = {
        .ca = str_of(two.ca), .names = names, .nnames = ARRAY_SIZE(names), .now_ms = NOW_MS
    };
    assert_true(tls_is_good(&wish, str_of(two.certificate), str_of(two.key)));
    assert_false(tls_is_good(&wish, str_of(one.certificate), str_of(one.key)));
    assert_false(tls_is_good(&wish, str_of(two.certificate), str_of(one.key)));
    assert_false(tls_is_good(&wish, STR("x"), str_of(two.key)));
    config.names = (struct setting_list){ 0 };
    tls_done(&one);
    tls_done(&two);
    tls_done(&three);
}

/* Half of a pair is made again, but for the CA, which agents have pinned. */
static void test_files(void **state)
{
    (void)state;
    struct server_tls one = load(NOW_MS);
    assert_int_equal(unlink(path_of("server.key")), 0);
    struct server_tls two = load(NOW_MS);
    assert_string_not_equal(one.certificate, two.certificate);
    struct server_tls none;
    char saved[128];
    snprintf(saved, sizeof(saved), "%s/saved", dir);
    assert_int_equal(rename(path_of("ca.key"), saved), 0);
    assert_int_equal(tls_load(&config, NOW_MS, &none, &err), -EINVAL);
    assert_int_equal(rename(saved, path_of("ca.key")), 0);
    int fd = open(path_of("ca.pem"), O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    close(fd);
    assert_true(tls_load(&config, NOW_MS, &none, &err) < 0);
    tls_done(&one);
    tls_done(&two);
}

static void test_configured(void **state)
{
    (void)state;
    struct server_config own = { .tls_certificate = "/does/not/exist", .tls_key = "/neither" };
    struct server_tls tls;
    assert_true(tls_load(&own, NOW_MS, &tls, &err) < 0);
    assert_true(strstr(err.message, "/does/not/exist") != NULL);
}

/* In a child: the folder can be written, the rest of the file system cannot even be read. */
static int confined(void)
{
    bool landlock;
    if (sandbox_enter(&config, NULL, &landlock, &err) < 0) {
        return 1;
    }
    if (!landlock) {
        return 77;
    }
    int inside = open(path_of("inside"), O_CREAT | O_WRONLY, 0600);
    int outside = open("/tmp/hinomi-outside", O_CREAT | O_WRONLY, 0600);
    int passwd = open("/etc/passwd", O_RDONLY);
    int resolv = open("/dev/urandom", O_RDONLY);
    return inside >= 0 && outside < 0 && passwd < 0 && resolv >= 0 ? 0 : 2;
}

static void test_sandbox(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(confined());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: this kernel has no Landlock\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/hinomi-tls-XXXXXX");
    config = (struct server_config){ .listen = "0.0.0.0:1", .dir = mkdtemp(dir) };
    return config.dir ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = { "ca.pem", "ca.key", "server.pem", "server.key", "inside" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        unlink(path_of(names[i]));
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_renewed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_configured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sandbox, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
