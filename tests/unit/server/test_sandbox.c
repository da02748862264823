/*
 * What is closed to a process that was confined, tried in a child: files that were not named, writing, connecting.
 */
#include "server/sandbox.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_LANDLOCK 77
#define NET_VERSION 4

/* The exit status of `body` in a child that may use nothing but /dev/null. */
static int confined(int (*body)(int port), int port)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        const struct sandbox_path paths[] = { { "/dev/null", true } };
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(sandbox_landlock(paths, 1) < 0 ? NO_LANDLOCK : body(port));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int try_files(int port)
{
    (void)port;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int other = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return null >= 0 && other < 0 && errno == EACCES ? 0 : 1;
}

static int try_connect(int port)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno == EACCES ? 0 : 1;
}

static int try_listen(int port)
{
    const struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)port;
    return bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1) == 0 ? 0 : 1;
}

static void expect(int status)
{
    if (status == NO_LANDLOCK) {
        print_message("skipped: this kernel has no Landlock\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void test_files(void **state)
{
    (void)state;
    expect(confined(try_files, 0));
}

static void test_listens(void **state)
{
    (void)state;
    expect(confined(try_listen, 0));
}

static void test_connects_to_nobody(void **state)
{
    (void)state;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < NET_VERSION) {
        print_message("skipped: this kernel's Landlock knows nothing of connections\n");
        close(fd);
        skip();
    }
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    expect(confined(try_connect, ntohs(at.sin_port)));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_listens),
        cmocka_unit_test(test_connects_to_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
