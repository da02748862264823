/*
 * Evasions 10 to 13, 15, 16: programs under other names, from nowhere, through a loader or an interpreter,
 * and with their arguments written in another way.
 */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PADDING 5000

static int spawn_or_skip(const char *const argv[])
{
    return spawn(argv, NULL) == 127 ? skipped(argv[0]) : 0;
}

/* A reader with the name of a program that may read it. */
static int trusted_name(bool decisive)
{
    const char *copy = decisive ? "/tmp/systemd-logind" : "/tmp/reader";
    const char *const argv[] = { copy, decisive ? "/etc/shadow" : "/etc/os-release", NULL };
    return copy_file("/bin/cat", copy, 0755) || spawn(argv, NULL);
}

static int memory_file(void)
{
    char bytes[65536];
    int fd = memfd_create("x", MFD_CLOEXEC);
    int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
    ssize_t n;
    while (fd >= 0 && (n = read(from, bytes, sizeof(bytes))) > 0) {
        if (write(fd, bytes, (size_t)n) != n) {
            return -1;
        }
    }
    return fd;
}

static int run_descriptor(int fd, bool by_path)
{
    char path[64];
    char *const argv[] = { (char[]){ "x" }, NULL };
    char *const none[] = { NULL };
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    pid_t pid = fork();
    if (pid == 0) {
        if (by_path) {
            execve(path, argv, none);
        }
        syscall(SYS_execveat, fd, "", argv, none, AT_EMPTY_PATH);
        _exit(127);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status ? failed("exec") : 0;
}

static int memory_by_path(bool decisive)
{
    int fd = decisive ? memory_file() : open("/bin/true", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? failed("memfd_create") : run_descriptor(fd, true);
}

static int memory_by_descriptor(bool decisive)
{
    int fd = decisive ? memory_file() : open("/bin/true", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? failed("memfd_create") : run_descriptor(fd, false);
}

static int unlinked(bool decisive)
{
    if (copy_file("/bin/true", "/var/tmp/gone", 0755)) {
        return 1;
    }
    int fd = open(decisive ? "/var/tmp/gone" : "/bin/true", O_RDONLY | O_CLOEXEC);
    unlink("/var/tmp/gone");
    return run_descriptor(fd, false);
}

static int shared_memory_symlink(bool decisive)
{
    const char *copy = decisive ? "/dev/shm/x" : "/opt/box/x";
    const char *const argv[] = { "/tmp/link", NULL };
    if (copy_file("/bin/true", copy, 0755) || symlink(copy, "/tmp/link") < 0) {
        return failed(copy);
    }
    return spawn(argv, NULL);
}

static const char *loader(void)
{
    static const char *const paths[] = { "/lib64/ld-linux-x86-64.so.2",
                                         "/lib/ld-linux-aarch64.so.1" };
    return access(paths[0], X_OK) == 0 ? paths[0] : paths[1];
}

static int through_loader(bool decisive)
{
    if (copy_file("/bin/true", "/tmp/program", 0755)) {
        return 1;
    }
    const char *const argv[] = { decisive ? loader() : "/bin/true", "/tmp/program", NULL };
    return spawn(argv, NULL);
}

/* Where programs may not be run. */
static int through_loader_noexec(bool decisive)
{
    if (mkdir("/tmp/noexec", 0755) < 0 ||
        mount("noexec", "/tmp/noexec", "tmpfs", MS_NOEXEC, NULL) < 0 ||
        copy_file("/bin/true", "/tmp/noexec/program", 0755)) {
        return failed("/tmp/noexec");
    }
    const char *const argv[] = { loader(), "/tmp/noexec/program", NULL };
    return decisive ? spawn(argv, NULL) == 0 : 0;
}

static int script(bool decisive)
{
    const char *path = decisive ? "/tmp/script" : "/opt/box/script";
    const char *const argv[] = { path, NULL };
    return write_file(path, "#!/bin/sh\n:\n", 0755) || spawn(argv, NULL);
}

static int script_argument(bool decisive)
{
    const char *path = decisive ? "/tmp/script" : "/opt/box/script";
    const char *const argv[] = { "sh", path, NULL };
    return write_file(path, ":\n", 0644) || spawn(argv, NULL);
}

static int script_standard_input(bool decisive)
{
    const char *path = decisive ? "/tmp/script" : "/opt/box/script";
    if (write_file(path, ":\n", 0644)) {
        return 1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_RDONLY);
        dup2(fd, STDIN_FILENO);
        close(fd);
        execlp("sh", "sh", NULL);
        _exit(127);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status ? failed("sh") : 0;
}

static int text_argument(bool decisive)
{
    const char *const argv[] = { "python3", decisive ? "-c" : "-V", "pass", NULL };
    return spawn_or_skip(argv);
}

static int padded(bool decisive)
{
    static char blanks[PADDING + 1];
    memset(blanks, 'x', PADDING);
    const char *const argv[] = { "echo", blanks, decisive ? "stratum+tcp://pool:3333" : "x", NULL };
    return spawn(argv, NULL);
}

static int many_words(bool decisive)
{
    static const char *argv[2000];
    size_t n = sizeof(argv) / sizeof(*argv);
    for (size_t i = 0; i < n - 2; i++) {
        argv[i] = i ? "xxxx" : "echo";
    }
    argv[n - 2] = decisive ? "stratum+tcp://pool:3333" : "x";
    return spawn(argv, NULL);
}

static int netcat_flags(bool decisive)
{
    const char *const argv[] = {
        "nc", decisive ? "-ve" : "-v", "/bin/true", "127.0.0.1", "9", NULL
    };
    const char *const plain[] = { "nc", "-zv", "127.0.0.1", "9", NULL };
    return spawn_or_skip(decisive ? argv : plain);
}

static int sudoedit_login(bool decisive)
{
    const char *const argv[] = { "sudoedit", "--login", "x\\", NULL };
    const char *const plain[] = { "sudoedit", "-V", NULL };
    return spawn_or_skip(decisive ? argv : plain);
}

static int find_regex(bool decisive)
{
    const char *const argv[] = { "find", "/root/.ssh", "-regex",
                                 decisive ? ".*id_.sa$" : ".*notes$", NULL };
    return spawn_or_skip(argv);
}

const struct scenario evasion_names[] = {
    { "trusted-name", trusted_name },
    { "memory-by-path", memory_by_path },
    { "memory-by-descriptor", memory_by_descriptor },
    { "unlinked", unlinked },
    { "shared-memory-symlink", shared_memory_symlink },
    { "through-loader", through_loader },
    { "through-loader-noexec", through_loader_noexec },
    { "script", script },
    { "script-argument", script_argument },
    { "script-standard-input", script_standard_input },
    { "text-argument", text_argument },
    { "padded", padded },
    { "many-words", many_words },
    { "netcat-flags", netcat_flags },
    { "sudoedit-login", sudoedit_login },
    { "find-regex", find_regex },
    { NULL, NULL },
};
