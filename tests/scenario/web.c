/*
 * Scenarios of a web server through which someone else's commands run.
 *
 * The server is busybox' httpd under the name that its own installation gives it, with scripts of the box,
 * or nginx; this program is the client.
 */
#include "scenario.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT        8081
#define START_TRIES 500

static void wait_ms(long ms)
{
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

static int try_connect(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    for (int i = 0; i < START_TRIES; i++) {
        if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
            return fd;
        }
        wait_ms(10);
    }
    close(fd);
    return -1;
}

static int ask(const char *path)
{
    char text[512];
    int fd = try_connect();
    if (fd < 0) {
        return failed("httpd does not answer");
    }
    int n = snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n\r\n", path);
    if (write(fd, text, (size_t)n) != n) {
        return failed("write");
    }
    ssize_t got = read(fd, text, sizeof(text) - 1);
    bool fine = got > 12 && memcmp(text + 9, "200", 3) == 0;
    while (got > 0) {
        got = read(fd, text, sizeof(text));
    }
    close(fd);
    return fine ? 0 : failed(path);
}

static int with_server(const char *const argv[], const char *path, long after_ms)
{
    if (access(argv[0], X_OK) < 0) {
        return skipped(argv[0]);
    }
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[0], (char **)(uintptr_t)argv);
        _exit(127);
    }
    wait_ms(after_ms);
    int status = ask(path);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    return status;
}

static int with_script(const char *path)
{
    static const char *const argv[] = { "/opt/box/bin/httpd", "-f", "-p", "127.0.0.1:8081", "-h",
                                        "/opt/box/www",       NULL };
    return with_server(argv, path, 0);
}

static int shell(bool decisive)
{
    return with_script(decisive ? "/cgi-bin/shell" : "/cgi-bin/builtin");
}

static int child(bool decisive)
{
    return with_script(decisive ? "/cgi-bin/child" : "/cgi-bin/builtin");
}

static int reverse_shell(bool decisive)
{
    return with_script(decisive ? "/cgi-bin/reverse" : "/cgi-bin/builtin");
}

/* A server has read its files after five seconds. One process: httpd would start another. */
static int late_read(bool decisive)
{
    static const char *const argv[] = { "/usr/sbin/nginx", "-c", "/opt/box/nginx.conf", NULL };
    return with_server(argv, decisive ? "/pam.conf" : "/os-release", 5200);
}

const struct scenario scenario_web[] = {
    { "web-shell", shell },         { "web-child", child }, { "web-reverse-shell", reverse_shell },
    { "web-late-read", late_read }, { NULL, NULL },
};
