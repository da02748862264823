/*
 * Scenarios that start programs: real ones of the system, with the arguments that make them what the
 * rules look for, or with others. One table; the few that need more have a function.
 *
 * `xmrig` is the exception: Debian has no miner, so a program that does nothing is installed under that
 * name (box.sh puts it into /opt/box), once named so, once not.
 */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 8

struct started {
    const char *const argv[2][ARGS_MAX]; /* negative, positive */
};

static int start(bool decisive, const struct started *started)
{
    int status = spawn(started->argv[decisive], NULL);
    return status == 127 ? skipped("the program is not installed") : 0;
}

#define STARTED(FUNCTION, ...)                                                                     \
    static int FUNCTION(bool decisive)                                                             \
    {                                                                                              \
        static const struct started started = { __VA_ARGS__ };                                     \
        return start(decisive, &started);                                                          \
    }

STARTED(find_keys,
        { { "find", "/root/.ssh", "-name", "notes" }, { "find", "/root/.ssh", "-name", "id_rsa" } })
STARTED(grep_keys, { { "grep", "-r", "PUBLIC KEY", "/root/.ssh" },
                     { "grep", "-r", "BEGIN RSA PRIVATE", "/root/.ssh" } })
STARTED(grep_aws,
        { { "grep", "region", "/root/notes" }, { "grep", "aws_access_key_id", "/root/notes" } })
STARTED(find_aws, { { "find", "/root/.aws", "-path", "*/.aws/config" },
                    { "find", "/root/.aws", "-path", "*/.aws/credentials" } })
STARTED(shred_file, { { "truncate", "-s", "0", "/tmp/boxed" }, { "shred", "-u", "/tmp/boxed" } })
STARTED(user_management,
        { { "getent", "passwd", "tester" }, { "usermod", "-c", "Tester", "tester" } })
STARTED(netcat_exec,
        { { "nc", "-z", "127.0.0.1", "9" }, { "nc", "-e", "/bin/true", "127.0.0.1", "9" } })
STARTED(socat_exec, { { "socat", "-V" }, { "socat", "TCP:127.0.0.1:9", "EXEC:/bin/true" } })
STARTED(network_tool, { { "getent", "hosts", "localhost" }, { "nc", "-z", "127.0.0.1", "9" } })
STARTED(package_manager, { { "cat", "/var/lib/dpkg/status" }, { "dpkg", "-l", "bash" } })
STARTED(remote_copy,
        { { "cp", "/root/notes", "/tmp/copy" }, { "rsync", "/root/notes", "/tmp/copy" } })
STARTED(download,
        { { "curl", "--version" }, { "curl", "-o", "/tmp/payload", "file:///root/notes" } })
STARTED(download_wget,
        { { "cat", "/root/notes" }, { "wget", "-q", "-T", "1", "-t", "1", "http://127.0.0.1:9/" } })
STARTED(stratum, { { "echo", "--url", "tcp://pool.example:3333" },
                   { "echo", "--url", "stratum+tcp://pool.example:3333" } })
STARTED(sudoedit_escape, { { "sudo", "-V" }, { "sudoedit", "-s", "\\" } })
STARTED(docker_client, { { "cat", "/usr/bin/docker" }, { "docker", "--version" } })
STARTED(decode_payload, { { "base64", "/root/notes" }, { "base64", "-d", "/root/notes" } })
STARTED(miner, { { "/opt/box/idle" }, { "/opt/box/xmrig" } })

static int from_shared_memory(bool decisive)
{
    if (copy_file("/bin/true", "/dev/shm/program", 0755)) {
        return 1;
    }
    const char *const argv[] = { decisive ? "/dev/shm/program" : "/bin/true", NULL };
    return spawn(argv, NULL);
}

/* The copy lies in the container's own layer, /bin/true in its image. */
static int dropped(bool decisive)
{
    if (copy_file("/bin/true", "/opt/dropped", 0755)) {
        return 1;
    }
    const char *const argv[] = { decisive ? "/opt/dropped" : "/bin/true", NULL };
    return spawn(argv, NULL);
}

static int fileless(bool decisive)
{
    int fd = memfd_create("payload", MFD_CLOEXEC);
    int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
    char bytes[65536];
    ssize_t n = 0;
    while (fd >= 0 && (n = read(from, bytes, sizeof(bytes))) > 0) {
        if (write(fd, bytes, (size_t)n) != n) {
            return failed("memfd");
        }
    }
    if (fd < 0 || from < 0 || n < 0) {
        return failed("/bin/true");
    }
    pid_t pid = fork();
    if (pid == 0) {
        char *const argv[] = { (char[]){ "payload" }, NULL };
        char *const none[] = { NULL };
        fexecve(decisive ? fd : from, argv, none);
        _exit(127);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status ? failed("fexecve") : 0;
}

static int proxy(bool decisive)
{
    static const char *const argv[] = { "curl", "--version", NULL };
    static const char *const without[] = { "PATH=/usr/bin:/bin", "HOME=/root", NULL };
    static const char *const with[] = { "PATH=/usr/bin:/bin", "HTTP_PROXY=http://203.0.113.7:3128",
                                        NULL };
    return spawn(argv, decisive ? with : without) == 127 ? skipped("no curl") : 0;
}

static int tunables(bool decisive)
{
    static const char *const argv[] = { "true", NULL };
    static const char *const without[] = { "PATH=/usr/bin:/bin", NULL };
    static const char *const with[] = { "PATH=/usr/bin:/bin",
                                        "GLIBC_TUNABLES=glibc.malloc.mxfast=1", NULL };
    return spawn(argv, decisive ? with : without);
}

/* Typed at a terminal: leader of a session of its own. */
static int reconnaissance(bool decisive)
{
    int master = -1;
    pid_t pid = forkpty(&master, NULL, NULL, NULL);
    if (pid == 0) {
        execlp(decisive ? "whoami" : "hostname", decisive ? "whoami" : "hostname", NULL);
        _exit(127);
    }
    if (pid < 0) {
        return failed("forkpty");
    }
    char said[256];
    while (read(master, said, sizeof(said)) > 0) {
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status ? failed("whoami") : 0;
}

/* login(1) in the hands of a user that never logs in. */
static int system_user_login(bool decisive)
{
    static const char *const login[] = { "login", "-h", NULL };
    static const char *const other[] = { "id", NULL };
    if (become(33)) {
        return 1;
    }
    return spawn(decisive ? login : other, NULL) == 127 ? skipped("no login") : 0;
}

/* sshd with a library directory whose liblzma is the version that was poisoned, by its name. */
static int sshd_library(bool decisive)
{
    static const char *const argv[] = { "/usr/sbin/sshd", "-V", NULL };
    static const char *const without[] = { "PATH=/usr/bin:/bin", NULL };
    static const char *const with[] = { "PATH=/usr/bin:/bin", "LD_LIBRARY_PATH=/opt/box/lzma",
                                        NULL };
    int status = spawn(argv, decisive ? with : without);
    return status == 127 ? skipped("sshd does not start") : 0;
}

/* PostgreSQL by itself: what its COPY starts is started by the server. */
static int database_program(bool decisive)
{
    static const char *const argv[][4] = {
        { "/bin/sh", "-c", "echo 'select 1' | /opt/box/postgres --single -D /opt/box/data postgres",
          NULL },
        { "/bin/sh", "-c",
          "echo \"copy (select 1) to program 'cat >/dev/null'\" |"
          " /opt/box/postgres --single -D /opt/box/data postgres",
          NULL },
    };
    if (access("/opt/box/postgres", X_OK) < 0) {
        return skipped("no PostgreSQL");
    }
    if (become(1001)) {
        return 1;
    }
    return spawn(argv[decisive], NULL) != 0 ? failed("postgres --single") : 0;
}

const struct scenario scenario_programs[] = {
    { "find-keys", find_keys },
    { "grep-keys", grep_keys },
    { "grep-aws", grep_aws },
    { "find-aws", find_aws },
    { "shred", shred_file },
    { "user-management", user_management },
    { "netcat-exec", netcat_exec },
    { "socat-exec", socat_exec },
    { "network-tool", network_tool },
    { "package-manager", package_manager },
    { "remote-copy", remote_copy },
    { "download", download },
    { "download-wget", download_wget },
    { "stratum", stratum },
    { "sudoedit", sudoedit_escape },
    { "docker-client", docker_client },
    { "decode-payload", decode_payload },
    { "miner", miner },
    { "from-shared-memory", from_shared_memory },
    { "dropped", dropped },
    { "fileless", fileless },
    { "proxy", proxy },
    { "tunables", tunables },
    { "reconnaissance", reconnaissance },
    { "system-user-login", system_user_login },
    { "sshd-library", sshd_library },
    { "database-program", database_program },
    { NULL, NULL },
};
