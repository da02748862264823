/*
 * setup: what has to be there before the first container: namespaces, a folder in memory, the pause.
 *
 * Mounts are made in this process' own mount namespace, so they end with it. The network namespace is this process' own, or
 * one that it joined; runc gets it, and the process namespace of the pause, by their files in /proc.
 */
#include "taskrun/run.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "taskrun/embedded.h"
#include "taskrun/mounts.h"
#include "taskrun/tree.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define METADATA_HOST "169.254.170.2"
#define RESOLVER_MAX  65536
#define HOSTS_FILE    "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.0.1 %s\n"

static int failed(struct run *run, const char *what)
{
    return err_set(run->err, -errno, "%s: %s", what, strerror(errno));
}

static int raise_interface(struct run *run, const char *name, const char *address)
{
    struct ifreq request = { 0 };
    struct sockaddr_in in = { .sin_family = AF_INET };
    CLEANUP(cleanup_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd < 0) {
        return failed(run, "no socket");
    }
    if (address) {
        in.sin_addr.s_addr = inet_addr(address);
        memcpy(&request.ifr_addr, &in, sizeof(in));
        if (ioctl(fd, SIOCSIFADDR, &request) < 0) {
            return failed(run, "the loopback's address cannot be set");
        }
        in.sin_addr.s_addr = INADDR_NONE;
        memcpy(&request.ifr_netmask, &in, sizeof(in));
        return ioctl(fd, SIOCSIFNETMASK, &request) < 0 ? failed(run, "the loopback's mask") : 0;
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? failed(run, "the loopback cannot be set up") : 0;
}

static int enter_network(struct run *run)
{
    const char *path = run->options->network;
    if (!path) {
        if (unshare(CLONE_NEWNET) < 0) {
            return failed(run, "no network namespace");
        }
        int r = raise_interface(run, "lo", NULL);
        return r == 0 ? raise_interface(run, "lo:1", METADATA_HOST) : r;
    }
    CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
        return err_set(run->err, -errno, "%s: not a network namespace that can be joined: %s", path,
                       strerror(errno));
    }
    return 0;
}

static int mount_private(struct run *run)
{
    int r = path_join(run->private, sizeof(run->private), run->folder, "private", run->err);
    if (r < 0) {
        return r;
    }
    if (unshare(CLONE_NEWNS) < 0 || mounts_add("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return failed(run, "no mount namespace");
    }
    if (mounts_add("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        return failed(run, "/proc cannot be mounted");
    }
    r = tree_make(run->private, 0700, run->err);
    if (r == 0 && mounts_add("hinomi-task", run->private, "tmpfs", MS_NODEV, "mode=700") < 0) {
        return failed(run, "no folder in memory");
    }
    return r;
}

static int write_private(struct run *run, const char *name, struct str text, mode_t mode)
{
    char path[PATH_MAX];
    int r = path_join(path, sizeof(path), run->private, name, run->err);
    return r == 0 ? file_make(path, text.p ? text.p : "", text.n, mode, run->err) : r;
}

/* In a network of its own nothing answers questions about names; a joined one has this machine's servers. */
static int write_names(struct run *run)
{
    char hosts[256];
    struct buf resolver;
    buf_init(&resolver, RESOLVER_MAX);
    int r = 0;
    if (run->options->resolver) {
        r = file_read(run->options->resolver, &resolver, run->err);
    } else if (run->options->network) {
        file_read("/etc/resolv.conf", &resolver, NULL);
    }
    snprintf(hosts, sizeof(hosts), HOSTS_FILE, run->hostname);
    r = r == 0 ? write_private(run, "hosts", str_of(hosts), 0644) : r;
    snprintf(hosts, sizeof(hosts), "%s\n", run->hostname);
    r = r == 0 ? write_private(run, "hostname", str_of(hosts), 0644) : r;
    r = r == 0 ? write_private(run, "resolv.conf", buf_str(&resolver), 0644) : r;
    buf_done(&resolver);
    return r == 0 ? write_private(run, "init", str_from(embedded_init, embedded_init_size), 0755)
                  : r;
}

/* The pause's program takes its root away from itself, then waits. */
static _Noreturn void be_pause(const struct run *run)
{
    char name[] = "/pause", *words[] = { name, NULL }, *none[] = { NULL };
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.4000s/init", run->private);
    int fd = open(path, O_PATH | O_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t all;
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    bool good =
        fd >= 0 && chdir(run->private) == 0 && mkdir("empty", 0755) == 0 &&
        mounts_add("pause", "empty", "tmpfs", MS_RDONLY | MS_NODEV | MS_NOSUID, "size=4k") == 0;
    good = good && chdir("empty") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
           mounts_detach(".") == 0 && setsid() >= 0;
    for (int i = 0; good && i < 3; i++) {
        good = dup2(null, i) == i;
    }
    good = good && close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
    if (good) {
        syscall(SYS_execveat, fd, "", words, none, AT_EMPTY_PATH);
    }
    _exit(1);
}

static int start_pause(struct run *run)
{
    unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD;
    fflush(NULL);
    long pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        be_pause(run);
    }
    run->pause = (pid_t)pid;
    return pid < 0 ? failed(run, "no process namespace") : 0;
}

static int limit_task(struct run *run)
{
    struct err err = { 0 };
    int r = groups_find(&run->groups, run->err);
    if (r == 0 && !run->options->no_limits &&
        groups_limit(&run->groups, run->group, run->task.cpu, run->task.memory_mib, &err) < 0) {
        run_say(run, NULL, "%s", err.message);
    }
    return r;
}

int run_set_up(struct run *run)
{
    int r = mount_private(run);
    r = r == 0 ? enter_network(run) : r;
    r = r == 0 ? metadata_listen(run) : r;
    r = r == 0 ? limit_task(run) : r;
    r = r == 0 ? write_names(run) : r;
    r = r == 0 ? run_prepare_images(run) : r;
    r = r == 0 && run->task.pid_shared ? start_pause(run) : r;
    return r == 0 ? run_prepare_containers(run) : r;
}
