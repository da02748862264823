/*
 * stream: draws events with a fixed seed; paths follow what systems open: libraries, /proc, configuration,
 * logs, temporary files.
 */
#include "stream.h"

#include "../../tests/unit/event/make_event.h"
#include "base/arena.h"

#include <errno.h>
#include <stdio.h>

#define PROCESSES   60
#define PID_FIRST   1000
#define DATA_MAX    ((size_t)64 << 20)
#define EVENT_BYTES 1024

static uint64_t random_state = 42;

static uint32_t below(uint32_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % n;
}

static const char *const names[] = { "nginx",    "python3",      "node",       "java",
                                     "postgres", "redis-server", "bash",       "sh",
                                     "cron",     "sshd",         "containerd", "systemd" };
static const char *const tools[] = { "ls",   "cat", "grep", "sed", "date",
                                     "curl", "ps",  "id",   "git", "make" };

void stream_path(uint32_t i, char *ret, size_t size)
{
    static const char *const parts[][2] = {
        { "/usr/lib/x86_64-linux-gnu/lib", ".so.6" },
        { "/proc/", "/stat" },
        { "/usr/share/app/locale/", ".mo" },
        { "/var/lib/app/data/segment-", ".db" },
        { "/home/app/project/src/module", ".c" },
        { "/tmp/session-", ".tmp" },
        { "/usr/lib/python3/dist-packages/pkg", "/__init__.py" },
        { "/var/log/app/request-", ".log" },
        { "/etc/app/conf.d/", ".conf" },
        { "/sys/fs/cgroup/system.slice/", "/memory.current" },
    };
    snprintf(ret, size, "%s%u%s", parts[i % 10][0], i, parts[i % 10][1]);
}

static struct event *open_event(int64_t tid, uint64_t now)
{
    char path[128];
    bool failed = below(3) == 0;
    bool writes = below(8) == 0;
    stream_path(below(STREAM_PATHS), path, sizeof(path));
    int64_t fd = failed ? -2 : 3 + (int64_t)below(20);
    unsigned flags = writes ? 2 | 4 : 1;
    return make_event(KIND_OPENAT_2_X, tid, now, "qqswwwq", fd, INT64_C(-100), path, flags, 0644, 5,
                      (uint64_t)below(100000));
}

static size_t cgroups(int64_t pid, char *ret, size_t size)
{
    int n = pid % 2 ? snprintf(ret, size, "cpu=/docker/%064d", (int)(pid % 7 + 1))
                    : snprintf(ret, size, "cpu=/system.slice/x.service");
    return (size_t)n + 1;
}

static struct event *exec_event(int64_t tid, uint64_t now)
{
    char text[128];
    char path[64];
    const char *tool = tools[below(10)];
    size_t n = cgroups(tid, text, sizeof(text));
    snprintf(path, sizeof(path), "/usr/bin/%s", tool);
    return make_event(KIND_EXECVE_19_X, tid, now, "qsBqqqsqqqwwwsBBwqwwqqqqqqwsqw", INT64_C(0),
                      path, "-l\0/srv/data", (size_t)13, tid, tid, (int64_t)PID_FIRST, "/srv",
                      (uint64_t)1024, (uint64_t)1, (uint64_t)2, 3, 4, 5, tool, text, n,
                      "PATH=/usr/bin:/bin\0HOME=/root", (size_t)30, 0, tid, 0xffffffff, 0,
                      (uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)100, (uint64_t)200,
                      (uint64_t)300, 0, path, tid, 0);
}

static struct event *other_event(int64_t tid, uint64_t now)
{
    int64_t fd = 30 + (int64_t)below(10);
    char to[32];
    snprintf(to, sizeof(to), "10.%u.0.%u", below(4), 1 + below(200));
    switch (below(5)) {
    case 0:
        return make_event(KIND_SOCKET_X, tid, now, "qwww", fd, 2, 1, 0);
    case 1:
    case 2:
        return make_event(KIND_CONNECT_X, tid, now, "qTqA", INT64_C(0), "10.0.0.9", 40000, to,
                          below(2) ? 443 : 5432, fd, to, 443);
    case 3:
        return make_event(KIND_CLOSE_X, tid, now, "qq", INT64_C(0), fd);
    default:
        return make_event(KIND_READ_X, tid, now, "qBqw", INT64_C(16), "GET / HTTP/1.1\r\n",
                          (size_t)16, fd, 4096);
    }
}

static int add_processes(struct state *state)
{
    for (int64_t i = 0; i < PROCESSES; i++) {
        char text[128];
        char exepath[64];
        int64_t pid = PID_FIRST + i;
        const char *name = names[i % 12];
        size_t n = cgroups(pid, text, sizeof(text));
        snprintf(exepath, sizeof(exepath), "/usr/bin/%s", name);
        struct thread_init init = { .t = { .tid = pid,
                                           .pid = pid,
                                           .vtid = pid,
                                           .vpid = pid,
                                           .ptid = i ? PID_FIRST + i / 4 : 1,
                                           .sid = PID_FIRST,
                                           .vpgid = pid,
                                           .pgid = pid,
                                           .loginuid = -1,
                                           .fdlimit = 1024 },
                                    .comm = str_of(name),
                                    .exe = str_of(exepath),
                                    .exepath = str_of(exepath),
                                    .args = STR("-c\0/etc/app.conf"),
                                    .env = STR("HOME=/root"),
                                    .cwd = STR("/srv"),
                                    .cgroups = str_from(text, n) };
        int r = state_add_thread(state, &init);
        if (r < 0) {
            return r;
        }
    }
    struct user root = { .name = STR("root"), .home = STR("/root"), .shell = STR("/bin/bash") };
    for (unsigned i = 1; i <= 7; i++) {
        char id[80];
        snprintf(id, sizeof(id), "%064u", i);
        struct container container = { .id = str_from(id, 12),
                                       .full_id = str_of(id),
                                       .name = STR("web"),
                                       .image = STR("docker.io/library/nginx:1"),
                                       .image_repository = STR("docker.io/library/nginx"),
                                       .image_tag = STR("1"),
                                       .type = STR("docker") };
        state_add_container(state, &container);
    }
    return state_add_user(state, (struct str){ 0 }, &root);
}

static int keep(struct stream *s, const struct event *event)
{
    uint32_t n = event->at[event->nparams];
    if (s->data_n + n > DATA_MAX) {
        return -ENOSPC;
    }
    struct event *copy = &s->events[s->n++];
    *copy = *event;
    memcpy(s->data + s->data_n, event->data, n);
    copy->data = s->data + s->data_n;
    s->data_n += n;
    return 0;
}

/* Most processes never execute anything; a few do all the time. */
static struct event *draw(uint64_t now)
{
    uint32_t dice = below(100);
    int64_t tid = PID_FIRST + (int64_t)below(PROCESSES - 10);
    int64_t worker = PID_FIRST + PROCESSES - 10 + (int64_t)below(10);
    if (dice < 60) {
        return open_event(below(5) ? tid : worker, now);
    }
    return dice < 70 ? exec_event(worker, now) : other_event(tid, now);
}

int stream_init(struct stream *s, uint32_t events)
{
    *s = (struct stream){ 0 };
    struct state_config config = { .threads_max = 4096 };
    int r = state_new(&config, &s->state);
    r = r < 0 ? r : add_processes(s->state);
    s->events = mem_zalloc(events * sizeof(*s->events));
    s->data = mem_alloc(DATA_MAX);
    if (r < 0 || !s->events || !s->data) {
        return r < 0 ? r : -ENOMEM;
    }
    uint64_t now = UINT64_C(1600000000000000000);
    for (uint32_t i = 0; r == 0 && i < events; i++) {
        r = keep(s, draw(now += 10000));
    }
    return r;
}

void stream_done(struct stream *s)
{
    state_free(s->state);
    free(s->events);
    free(s->data);
}
