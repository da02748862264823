/*
 * Support: what the scenarios have in common: files, children, sockets, users.
 *
 * Everything that fails says so on standard error, so that a scenario that could not do its thing is told
 * from a sensor that did not see it.
 */
#include "scenario.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int failed(const char *what)
{
    fprintf(stderr, "scenarios: %s: %s\n", what, strerror(errno));
    return 1;
}

int skipped(const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    return SKIPPED;
}

int open_it(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0) {
        return failed(path);
    }
    close(fd);
    return 0;
}

int write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) {
        return failed(path);
    }
    size_t n = strlen(text);
    bool done = write(fd, text, n) == (ssize_t)n && fchmod(fd, mode) == 0;
    close(fd);
    return done ? 0 : failed(path);
}

int copy_file(const char *from, const char *to, mode_t mode)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    char bytes[65536];
    ssize_t n = -1;
    while (in >= 0 && out >= 0 && (n = read(in, bytes, sizeof(bytes))) > 0) {
        if (write(out, bytes, (size_t)n) != n) {
            n = -1;
            break;
        }
    }
    close(in);
    close(out);
    return n == 0 ? 0 : failed(to);
}

static void run_child(const char *const argv[], const char *const environment[])
{
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
    if (environment) {
        environ = (char **)(uintptr_t)environment;
    }
    execvp(argv[0], (char **)(uintptr_t)argv);
    _exit(127);
}

int spawn(const char *const argv[], const char *const environment[])
{
    pid_t pid = fork();
    if (pid == 0) {
        run_child(argv, environment);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0) {
        return 127;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int become(uid_t uid)
{
    gid_t gid = (gid_t)uid;
    if (geteuid() == uid) {
        return 0;
    }
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) {
        return failed("to become another user");
    }
    return 0;
}

static struct sockaddr_in address_of(const char *address, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, address, &to.sin_addr);
    return to;
}

int listen_at(const char *address, uint16_t port, uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = address_of(address, port);
    socklen_t n = sizeof(at);
    int one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&at, n) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) < 0) {
        failed(address);
        close(fd);
        return -1;
    }
    if (ret_port) {
        *ret_port = ntohs(at.sin_port);
    }
    return fd;
}

int connect_to(int type, const char *address, uint16_t port)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = address_of(address, port);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        failed(address);
        close(fd);
        return -1;
    }
    return fd;
}
