/*
 * world: events are drawn at random, biased to what rules look at; each is encoded as captures carry it.
 */
#include "world.h"

#include "../unit/event/make_event.h"

#include <errno.h>
#include <stdio.h>

#define AT_CWD       INT64_C(-100)
#define COUNT(array) (uint32_t)(sizeof(array) / sizeof(*(array)))

static const char *const paths[] = {
    "/etc/shadow",
    "/etc/passwd",
    "/etc/pam.d/sshd",
    "/etc/sudoers.d/x",
    "/usr/lib/libc.so.6",
    "/usr/lib/x86_64-linux-gnu/libssl.so",
    "/usr/bin/bash",
    "/bin/sh",
    "/root/.ssh/id_rsa",
    "/root/.ssh/authorized_keys",
    "/home/me/.bash_history",
    "/tmp/a",
    "/tmp/kinsing",
    "/tmp//double/x",
    "/var/log/syslog",
    "/var/log/auth.log",
    "/proc/1/environ",
    "/proc/self/maps",
    "/dev/null",
    "/dev/shm/x",
    "/",
    "relative/file",
    "plain",
    "../../etc/shadow",
    "/etc/ssh/../shadow",
    "",
    "/var/lib/docker/overlay2/aabbcc/merged/etc/passwd",
    "/ETC/SHADOW",
    "/opt/app/config.yaml",
};
static const char *const names[] = { "bash", "sh", "sshd", "nginx", "python3",
                                     "cat",  "vi", "runc", "cnrig", "node" };
static const char *const addresses[] = { "10.0.0.1",  "10.0.1.2",   "192.168.1.10", "8.8.8.8",
                                         "127.0.0.1", "172.16.5.4", "::1",          "2001:db8::1" };
static const char *const mapped[] = { "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:127.0.0.1" };
static const unsigned ports[] = { 22, 53, 80, 443, 3333, 8080, 30001, 0 };
static const char *const socket_paths[] = { "/run/docker.sock", "/dev/log", "/tmp/a" };
static const char *const images[] = { "docker.io/library/nginx", "quay.io/app/web", "alpine" };

uint32_t world_random(struct world *w, uint32_t below)
{
    w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(w->random >> 33) % below;
}

static bool chance(struct world *w, uint32_t percent)
{
    return world_random(w, 100) < percent;
}

const char *world_path(struct world *w)
{
    return paths[world_random(w, COUNT(paths))];
}

const char *world_name(struct world *w)
{
    return names[world_random(w, COUNT(names))];
}

static size_t cgroups(const struct world_task *task, char *ret, size_t size)
{
    if (!task->container) {
        return (size_t)snprintf(ret, size, "cpu=/user.slice") + 1;
    }
    return (size_t)snprintf(ret, size, "cpu=/docker/%064x", task->container) + 1;
}

static int add_task(struct world *w, unsigned i)
{
    struct world_task *task = &w->tasks[i];
    char text[128];
    int64_t pid = WORLD_PID_FIRST + (int64_t)i;
    *task = (struct world_task){ .alive = true,
                                 .ptid = i ? WORLD_PID_FIRST + (int64_t)world_random(w, i) : 1,
                                 .container = chance(w, 50) ? 1 + world_random(w, 3) : 0,
                                 .name = world_random(w, COUNT(names)) };
    size_t n = cgroups(task, text, sizeof(text));
    struct thread_init init = { .t = { .tid = pid,
                                       .pid = pid,
                                       .vtid = pid,
                                       .vpid = pid,
                                       .ptid = task->ptid,
                                       .sid = WORLD_PID_FIRST,
                                       .vpgid = pid,
                                       .pgid = pid,
                                       .uid = world_random(w, 3),
                                       .loginuid = -1,
                                       .fdlimit = 1024,
                                       .tty = world_random(w, 2) * 34816 },
                                .comm = str_of(names[task->name]),
                                .exe = str_of(world_path(w)),
                                .exepath = str_of(world_path(w)),
                                .args = STR("-x\0y"),
                                .env = STR("HOME=/root\0LD_PRELOAD=x"),
                                .cwd = STR("/root"),
                                .cgroups = str_from(text, n) };
    return state_add_thread(w->state, &init);
}

static int add_users(struct world *w)
{
    static const char *const user_names[] = { "root", "daemon", "me" };
    for (uint32_t i = 0; i < COUNT(user_names); i++) {
        struct user user = { .uid = i,
                             .gid = i,
                             .name = str_of(user_names[i]),
                             .home = STR("/root"),
                             .shell = STR("/bin/sh") };
        struct group group = { .gid = i, .name = str_of(user_names[i]) };
        int r = state_add_user(w->state, (struct str){ 0 }, &user);
        r = r < 0 ? r : state_add_group(w->state, (struct str){ 0 }, &group);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){ .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
                         .now_ns = UINT64_C(1600000000000000000) };
    struct state_config config = { .threads_max = 64 };
    int r = state_new(&config, &w->state);
    r = r < 0 ? r : add_users(w);
    for (unsigned i = 0; r == 0 && i < WORLD_TASKS / 2; i++) {
        r = add_task(w, i);
    }
    return r;
}

void world_done(struct world *w)
{
    state_free(w->state);
}

/* Metadata arrives, changes or goes; users too. */
static void change_metadata(struct world *w)
{
    char id[16];
    char full_id[80];
    unsigned i = 1 + world_random(w, 3);
    snprintf(full_id, sizeof(full_id), "%064x", i);
    snprintf(id, sizeof(id), "%.12s", full_id);
    if (chance(w, 10)) {
        state_remove_container(w->state, str_of(id));
        return;
    }
    if (chance(w, 10)) {
        struct user user = { .uid = world_random(w, 3), .name = str_of(world_name(w)) };
        state_add_user(w->state, (struct str){ 0 }, &user);
        return;
    }
    const char *image = images[world_random(w, COUNT(images))];
    struct container container = { .id = str_of(id),
                                   .full_id = str_of(full_id),
                                   .name = str_of(world_name(w)),
                                   .image = str_of(image),
                                   .image_repository = str_of(image),
                                   .type = STR("docker"),
                                   .privileged = chance(w, 30),
                                   .pending = chance(w, 20) };
    state_add_container(w->state, &container);
}

static unsigned some_task(struct world *w)
{
    unsigned i = world_random(w, WORLD_TASKS);
    for (unsigned n = 0; n < WORLD_TASKS && !w->tasks[i].alive; n++) {
        i = (i + 1) % WORLD_TASKS;
    }
    return i;
}

static int64_t result(struct world *w)
{
    return chance(w, 33) ? -(int64_t)(1 + world_random(w, 20)) : 0;
}

static struct event *open_event(struct world *w, int64_t tid)
{
    static const unsigned flags[] = { 1, 2, 3, 1 | 4, 2 | 4, 3 | 4 | 0x100, 1 | 0x400, 2 | 8 };
    unsigned flag = flags[world_random(w, COUNT(flags))];
    int64_t fd = chance(w, 33) ? -2 : 3 + (int64_t)world_random(w, 6);
    if (chance(w, 30)) {
        return make_event(KIND_OPEN_X, tid, w->now_ns, "qswwwq", fd, world_path(w), flag, 0644, 5,
                          (uint64_t)7);
    }
    return make_event(KIND_OPENAT_2_X, tid, w->now_ns, "qqswwwq", fd, AT_CWD, world_path(w), flag,
                      0, 5, (uint64_t)7);
}

static struct event *exec_event(struct world *w, unsigned i)
{
    struct world_task *task = &w->tasks[i];
    char text[128];
    int64_t tid = WORLD_PID_FIRST + (int64_t)i;
    if (chance(w, 5)) {
        task->container = world_random(w, 4);
    }
    size_t n = cgroups(task, text, sizeof(text));
    const char *path = world_path(w);
    return make_event(KIND_EXECVE_19_X, tid, w->now_ns, "qsBqqqsqqqwwwsBBwqwwqqqqqqwsqw", result(w),
                      path, "-c\0touch /tmp/x", (size_t)16, tid, tid, task->ptid, "/root",
                      (uint64_t)4096, (uint64_t)1, (uint64_t)2, 3, 4, 5, world_name(w), text, n,
                      "HOME=/root\0A=b", (size_t)15, world_random(w, 2) * 34816, tid, 1000,
                      world_random(w, 8), (uint64_t)7, (uint64_t)8,
                      (uint64_t)world_random(w, 1 << 22), (uint64_t)100, (uint64_t)200,
                      (uint64_t)300, world_random(w, 3), path, tid, 5);
}

static struct event *clone_event(struct world *w, unsigned parent)
{
    unsigned i = world_random(w, WORLD_TASKS);
    struct world_task *task = &w->tasks[i];
    char text[128];
    if (i == parent || i == 0) {
        return open_event(w, WORLD_PID_FIRST + (int64_t)parent);
    }
    int64_t tid = WORLD_PID_FIRST + (int64_t)i;
    int64_t ptid = WORLD_PID_FIRST + (int64_t)parent;
    bool by_child = chance(w, 50);
    *task = (struct world_task){ true, ptid, w->tasks[parent].container, w->tasks[parent].name };
    size_t n = cgroups(task, text, sizeof(text));
    return make_event(KIND_CLONE_20_X, by_child ? tid : ptid, w->now_ns, "qsBqqqsqqqwwwsBwwwqqq",
                      by_child ? (int64_t)0 : tid, world_path(w), "-a\0b", (size_t)5,
                      by_child ? tid : ptid, by_child ? tid : ptid,
                      by_child ? ptid : w->tasks[parent].ptid, "/root", (int64_t)1024, (uint64_t)1,
                      (uint64_t)2, 3, 4, 5, world_name(w), text, n, 0, world_random(w, 3), 1, tid,
                      tid, (uint64_t)0);
}

static struct event *exit_event(struct world *w, unsigned i)
{
    if (i == 0) {
        return open_event(w, WORLD_PID_FIRST);
    }
    w->tasks[i].alive = false;
    for (unsigned j = 0; j < WORLD_TASKS; j++) {
        if (w->tasks[j].ptid == WORLD_PID_FIRST + (int64_t)i) {
            w->tasks[j].ptid = WORLD_PID_FIRST;
        }
    }
    return make_event(KIND_PROCEXIT_1_E, WORLD_PID_FIRST + (int64_t)i, w->now_ns, "qqbbq",
                      (int64_t)0, (int64_t)0, 0, 0, (int64_t)(chance(w, 50) ? WORLD_PID_FIRST : 0));
}

struct remote {
    const char *ip; /* NULL: a Unix socket */
    const char *own;
    unsigned port;
    const char *path;
};

static struct remote some_remote(struct world *w)
{
    struct remote r = { .port = ports[world_random(w, COUNT(ports))],
                        .path = socket_paths[world_random(w, COUNT(socket_paths))] };
    if (chance(w, 12)) {
        return r;
    }
    r.ip = chance(w, 10) ? mapped[world_random(w, COUNT(mapped))]
                         : addresses[world_random(w, COUNT(addresses))];
    bool is_6 = strchr(r.ip, ':') != NULL;
    r.own = !is_6 ? "10.0.0.9" : strstr(r.ip, "ffff") && chance(w, 80) ? "::ffff:10.0.0.9" : "::1";
    return r;
}

static struct event *socket_event(struct world *w, int64_t tid)
{
    static const unsigned domains[] = { 2, 2, 2, 10, 10, 1, 16, 17 };
    int64_t fd = chance(w, 10) ? -97 : 3 + (int64_t)world_random(w, 6);
    return make_event(KIND_SOCKET_X, tid, w->now_ns, "qwww", fd,
                      domains[world_random(w, COUNT(domains))], 1 + world_random(w, 3),
                      chance(w, 80) ? 0 : 6);
}

/* With tuple and address, one of them, or neither. */
static struct event *connect_event(struct world *w, int64_t tid, int64_t fd)
{
    struct remote to = some_remote(w);
    int64_t r = chance(w, 65) ? 0 : chance(w, 50) ? -115 : -111;
    unsigned own_port = 40000 + world_random(w, 2);
    if (chance(w, 3)) {
        return make_event(KIND_CONNECT_X, tid, w->now_ns, "qeqB", r, fd, "\0\0", (size_t)2);
    }
    if (!to.ip) {
        return chance(w, 60)
                   ? make_event(KIND_CONNECT_X, tid, w->now_ns, "qUqA", r, (uint64_t)1, (uint64_t)2,
                                to.path, fd, NULL, to.path)
                   : make_event(KIND_CONNECT_X, tid, w->now_ns, "qeqA", r, fd, NULL, to.path);
    }
    switch (world_random(w, 5)) {
    case 0:
        return make_event(KIND_CONNECT_X, tid, w->now_ns, "qeqA", r, fd, to.ip, to.port);
    case 1:
        return make_event(KIND_CONNECT_X, tid, w->now_ns, "qTqe", r, to.own, own_port, to.ip,
                          to.port, fd);
    default:
        return make_event(KIND_CONNECT_X, tid, w->now_ns, "qTqA", r, to.own, own_port, to.ip,
                          to.port, fd, to.ip, to.port);
    }
}

static struct event *accept_event(struct world *w, int64_t tid)
{
    struct remote from = some_remote(w);
    int64_t fd = chance(w, 20) ? -11 : 3 + (int64_t)world_random(w, 6);
    uint16_t kind = chance(w, 50) ? KIND_ACCEPT_5_X : KIND_ACCEPT4_6_X;
    if (!from.ip) {
        return chance(w, 50) ? make_event(kind, tid, w->now_ns, "qe", fd)
                             : make_event(kind, tid, w->now_ns, "qUb", fd, (uint64_t)3, (uint64_t)4,
                                          from.path, 0);
    }
    return make_event(kind, tid, w->now_ns, "qTb", fd, from.ip, 50000 + world_random(w, 9),
                      from.own, from.port, 0);
}

static struct event *bind_event(struct world *w, int64_t tid, int64_t fd)
{
    struct remote at = some_remote(w);
    int64_t r = chance(w, 20) ? -98 : 0;
    if (!at.ip) {
        return make_event(KIND_BIND_X, tid, w->now_ns, "qAq", r, NULL, at.path, fd);
    }
    const char *ip = chance(w, 30) ? (strchr(at.ip, ':') ? "::" : "0.0.0.0") : at.ip;
    return make_event(KIND_BIND_X, tid, w->now_ns, "qAq", r, ip, at.port, fd);
}

/* Datagrams, to and from, with an address or (of connected sockets) without. */
static struct event *transfer_event(struct world *w, int64_t tid, int64_t fd)
{
    struct remote to = some_remote(w);
    int64_t r = chance(w, 15) ? -11 : 12;
    unsigned own_port = 40000 + world_random(w, 2);
    bool sends = chance(w, 70);
    if (!to.ip || chance(w, 20)) {
        return sends
                   ? make_event(KIND_SENDTO_X, tid, w->now_ns, "qBqwe", r, "x", (size_t)1, fd, 1)
                   : make_event(KIND_RECVFROM_X, tid, w->now_ns, "qBeqw", r, "x", (size_t)1, fd, 1);
    }
    if (!sends) {
        return make_event(KIND_RECVFROM_X, tid, w->now_ns, "qBTqw", r, "x", (size_t)1, to.ip,
                          to.port, to.own, own_port, fd, 1);
    }
    return make_event(chance(w, 50) ? KIND_SENDTO_X : KIND_SENDMSG_X, tid, w->now_ns, "qBqwT", r,
                      "x", (size_t)1, fd, 1, to.own, own_port, to.ip, to.port);
}

static struct event *network_event(struct world *w, int64_t tid)
{
    int64_t fd = 3 + (int64_t)world_random(w, 6);
    uint32_t dice = world_random(w, 100);
    if (dice < 30) {
        return socket_event(w, tid);
    }
    if (dice < 60) {
        return connect_event(w, tid, fd);
    }
    if (dice < 70) {
        return accept_event(w, tid);
    }
    if (dice < 80) {
        return bind_event(w, tid, fd);
    }
    if (dice < 85) {
        return make_event(KIND_LISTEN_X, tid, w->now_ns, "qqw", result(w), fd, 5);
    }
    return transfer_event(w, tid, fd);
}

static struct event *identity_event(struct world *w, int64_t tid)
{
    switch (world_random(w, 4)) {
    case 0:
        return make_event(KIND_SETUID_X, tid, w->now_ns, "qw", result(w), world_random(w, 3));
    case 1:
        return make_event(KIND_SETRESUID_X, tid, w->now_ns, "qwww", result(w), world_random(w, 3),
                          world_random(w, 3), world_random(w, 3));
    case 2:
        return make_event(KIND_SETSID_X, tid, w->now_ns, "q", tid);
    default:
        return make_event(KIND_CHDIR_X, tid, w->now_ns, "qs", result(w), world_path(w));
    }
}

static struct event *other_event(struct world *w, int64_t tid)
{
    int64_t fd = 3 + (int64_t)world_random(w, 6);
    switch (world_random(w, 7)) {
    case 0:
        return make_event(KIND_READ_X, tid, w->now_ns, "qBqw", (int64_t)4,
                          "\x7f"
                          "ELF",
                          (size_t)4, fd, 100);
    case 1:
        return make_event(KIND_CLOSE_X, tid, w->now_ns, "qq", result(w), fd);
    case 2:
        return make_event(KIND_UNLINKAT_2_X, tid, w->now_ns, "qqsw", result(w), AT_CWD,
                          world_path(w), 0);
    case 3:
        return make_event(KIND_RENAMEAT2_X, tid, w->now_ns, "qqsqsw", result(w), AT_CWD,
                          world_path(w), AT_CWD, world_path(w), 0);
    case 4:
        return make_event(KIND_MKDIR_2_X, tid, w->now_ns, "qsw", result(w), world_path(w), 0755);
    case 5:
        return make_event(KIND_ASYNCEVENT_E, tid, w->now_ns, "wsB", 0, "container", "{}",
                          (size_t)2);
    default:
        return make_event(KIND_KILL_X, tid, w->now_ns, "qqb", result(w), (int64_t)WORLD_PID_FIRST,
                          9);
    }
}

struct event *world_next(struct world *w)
{
    w->now_ns += 1000 + world_random(w, 1000000);
    if (chance(w, 1)) {
        w->now_ns += UINT64_C(6000000000);
    }
    if (chance(w, 1)) {
        change_metadata(w);
    }
    unsigned i = some_task(w);
    int64_t tid = WORLD_PID_FIRST + (int64_t)i;
    uint32_t dice = world_random(w, 100);
    if (dice < 38) {
        return open_event(w, tid);
    }
    if (dice < 60) {
        return network_event(w, tid);
    }
    if (dice < 68) {
        return exec_event(w, i);
    }
    if (dice < 73) {
        return clone_event(w, i);
    }
    if (dice < 76) {
        return exit_event(w, i);
    }
    return dice < 84 ? identity_event(w, tid) : other_event(w, tid);
}
