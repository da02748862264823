/*
 * Model: one function per act, each a made event or a few.
 *
 * Exit events carry their call's arguments, as sensors report today; the writer makes the enter events
 * from them. A call lasts a few microseconds, given as the enter event's time.
 */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define DATA_MAX    80         /* bytes of a payload that are captured */
#define CLONE_FLAGS 0x1800000u /* CHILD_SETTID, CHILD_CLEARTID */
#define IN_PIDNS    (1u << 29)
#define DISK        0x800001
#define CPUS        4

uint64_t gen_random(struct gen *g)
{
    g->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = g->random;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static struct made_event *begin(struct gen *g, uint16_t kind, int64_t tid)
{
    uint64_t enter = g->ts_ns + 300 + gen_below(g, 2000);
    g->ts_ns = enter + 400 + gen_below(g, 6000);
    made_begin(&g->made, kind, tid, g->ts_ns);
    g->made.event.enter_ts_ns = enter;
    g->made.event.cpu = (uint16_t)((uint64_t)tid % CPUS);
    return &g->made;
}

static void end(struct gen *g)
{
    made_done(&g->made);
    g->events++;
    if (g->result == 0) {
        g->result = capture_write_event(g->writer, &g->made.event, &g->err);
    }
}

static size_t put_cgroups(const struct proc *p, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "%s;", p->box->cgroups);
    for (size_t i = 0; i < n; i++) {
        text[i] = text[i] == ';' ? '\0' : text[i];
    }
    return n;
}

void proc_set(struct proc *p, const char *comm, const char *exepath, const char *const argv[])
{
    snprintf(p->comm, sizeof p->comm, "%s", comm);
    p->exe = argv[0];
    p->exepath = exepath;
    p->nargs = 0;
    for (size_t i = 1; argv[0] && argv[i]; i++) {
        size_t n = strlen(argv[i]) + 1;
        if (n <= PROC_ARGS_MAX - p->nargs) {
            memcpy(p->args + p->nargs, argv[i], n);
            p->nargs += n;
        }
    }
}

int proc_existing(struct state *state, const struct proc *p)
{
    char cgroups[1024];
    struct thread_init init = {
        .t = { .tid = p->pid,
               .pid = p->pid,
               .ptid = p->ppid,
               .sid = p->sid,
               .vpgid = p->vpgid,
               .pgid = p->vpgid,
               .vtid = p->pid - p->box->vpid_offset,
               .vpid = p->pid - p->box->vpid_offset,
               .uid = p->uid,
               .gid = p->gid,
               .tty = p->tty,
               .loginuid = p->loginuid,
               .fdlimit = 1024,
               .cap_effective = p->uid ? 0 : UINT64_C(0x1ffffffffff),
               .cap_permitted = p->uid ? 0 : UINT64_C(0x1ffffffffff) },
        .comm = str_of(p->comm),
        .exe = str_of(p->exe),
        .exepath = str_of(p->exepath),
        .args = str_from(p->args, p->nargs),
        .cwd = str_of(p->cwd),
        .root = STR("/"),
        .env = str_from("PATH=/usr/bin\0HOME=/root\0LANG=C.UTF-8", 38),
        .cgroups = str_from(cgroups, put_cgroups(p, cgroups, sizeof cgroups)),
    };
    int r = state_add_thread(state, &init);
    for (int64_t fd = 0; fd < PROC_FIRST_FD && r == 0; fd++) {
        struct fdinfo info = { .type = FD_FILE_V2,
                               .open_flags = 3,
                               .opener_uid = -1,
                               .name = p->tty ? STR("/dev/pts/0") : STR("/dev/null") };
        info.nameraw = info.name;
        r = state_add_fd(state, p->pid, fd, &info);
    }
    return r;
}

/* The parameters that fork and exec events have in common, from the result to the cgroups. */
static void put_task(struct gen *g, const struct proc *p, int64_t result)
{
    struct made_event *m = &g->made;
    char cgroups[1024];
    made_int(m, result);
    made_text(m, p->exe);
    made_bytes(m, p->args, p->nargs);
    made_int(m, p->pid);
    made_int(m, p->pid);
    made_int(m, p->ppid);
    made_text(m, p->cwd);
    made_int(m, 1024);
    made_int(m, 0);
    made_int(m, 120 + gen_below(g, 500));
    made_int(m, 4300 + gen_below(g, 90000));
    made_int(m, 900 + gen_below(g, 9000));
    made_int(m, 0);
    made_text(m, p->comm);
    made_bytes(m, cgroups, put_cgroups(p, cgroups, sizeof cgroups));
}

static void put_clone(struct gen *g, const struct proc *p, int64_t tid, int64_t result)
{
    struct made_event *m = begin(g, KIND_CLONE_20_X, tid);
    put_task(g, p, result);
    made_int(m, CLONE_FLAGS | (p->box->vpid_offset ? IN_PIDNS : 0));
    made_int(m, p->uid);
    made_int(m, p->gid);
    made_int(m, p->pid - p->box->vpid_offset);
    made_int(m, p->pid - p->box->vpid_offset);
    end(g);
}

struct proc act_fork(struct gen *g, struct proc *parent)
{
    struct proc child = *parent;
    child.pid = g->next_pid++;
    child.ppid = parent->pid;
    put_clone(g, parent, parent->pid, child.pid);
    put_clone(g, &child, child.pid, 0);
    return child;
}

void act_exec(struct gen *g, struct proc *p, const char *exepath, const char *const argv[])
{
    static const char env[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\0"
                              "HOME=/root\0LANG=C.UTF-8\0TERM=xterm\0SHLVL=1";
    const char *name = strrchr(exepath, '/');
    proc_set(p, name ? name + 1 : exepath, exepath, argv);
    struct made_event *m = begin(g, KIND_EXECVE_19_X, p->pid);
    put_task(g, p, 0);
    made_bytes(m, env, sizeof env);
    made_int(m, p->tty);
    made_int(m, p->vpgid);
    made_int(m, p->loginuid);
    made_int(m, 0);
    for (int i = 0; i < 3; i++) {
        made_int(m, i == 0 || p->uid ? 0 : 0x1ffffffffff);
    }
    made_int(m, 140000 + (int64_t)strlen(exepath) * 37);
    made_int(m, (int64_t)(GEN_START_NS - UINT64_C(86400000000000)));
    made_int(m, (int64_t)(GEN_START_NS - UINT64_C(864000000000000)));
    made_int(m, p->uid);
    made_text(m, exepath);
    made_int(m, p->vpgid);
    made_int(m, p->gid);
    end(g);
}

void act_exit(struct gen *g, const struct proc *p, int status)
{
    struct made_event *m = begin(g, KIND_PROCEXIT_1_E, p->pid);
    made_int(m, (int64_t)status << 8);
    made_int(m, status);
    made_int(m, 0);
    made_int(m, 0);
    made_int(m, p->ppid);
    end(g);
}

int act_open(struct gen *g, struct proc *p, const char *path, uint32_t flags, int error)
{
    int fd = error ? error : p->next_fd++;
    struct made_event *m = begin(g, KIND_OPENAT_2_X, p->pid);
    made_int(m, fd);
    made_int(m, AT_FDCWD);
    made_text(m, path);
    made_int(m, flags);
    made_int(m, flags & OPEN_CREATE ? 0644 : 0);
    made_int(m, error ? 0 : DISK);
    made_int(m, error ? 0 : 200000 + gen_below(g, 100000));
    end(g);
    return fd;
}

void act_stat(struct gen *g, const struct proc *p, const char *path, int error)
{
    struct made_event *m = begin(g, KIND_STAT_X, p->pid);
    made_int(m, error);
    made_text(m, path);
    end(g);
}

static void transfer(struct gen *g, const struct proc *p, uint16_t kind, int fd, struct str data)
{
    struct made_event *m = begin(g, kind, p->pid);
    made_int(m, (int64_t)data.n);
    made_bytes(m, data.p, data.n < DATA_MAX ? data.n : DATA_MAX);
    if (kind == KIND_RECVFROM_X) {
        made_bytes(m, NULL, 0);
    }
    made_int(m, fd);
    made_int(m, kind == KIND_READ_X || kind == KIND_RECVFROM_X ? 4096 : (int64_t)data.n);
    if (kind == KIND_SENDTO_X) {
        made_bytes(m, NULL, 0);
    }
    end(g);
}

void act_read(struct gen *g, const struct proc *p, int fd, const char *data, size_t n)
{
    transfer(g, p, KIND_READ_X, fd, str_from(data, n));
}

void act_write(struct gen *g, const struct proc *p, int fd, const char *data, size_t n)
{
    transfer(g, p, KIND_WRITE_X, fd, str_from(data, n));
}

void act_send(struct gen *g, const struct proc *p, int fd, const char *data, size_t n)
{
    transfer(g, p, KIND_SENDTO_X, fd, str_from(data, n));
}

void act_receive(struct gen *g, const struct proc *p, int fd, const char *data, size_t n)
{
    transfer(g, p, KIND_RECVFROM_X, fd, str_from(data, n));
}

void act_close(struct gen *g, struct proc *p, int fd)
{
    struct made_event *m = begin(g, KIND_CLOSE_X, p->pid);
    made_int(m, 0);
    made_int(m, fd);
    end(g);
    if (fd == p->next_fd - 1) {
        p->next_fd--;
    }
}

void act_mkdir(struct gen *g, const struct proc *p, const char *path)
{
    struct made_event *m = begin(g, KIND_MKDIR_2_X, p->pid);
    made_int(m, 0);
    made_text(m, path);
    made_int(m, 0755);
    end(g);
}

void act_unlink(struct gen *g, const struct proc *p, const char *path)
{
    struct made_event *m = begin(g, KIND_UNLINKAT_2_X, p->pid);
    made_int(m, 0);
    made_int(m, AT_FDCWD);
    made_text(m, path);
    made_int(m, 0);
    end(g);
}

void act_rename(struct gen *g, const struct proc *p, const char *from, const char *to)
{
    struct made_event *m = begin(g, KIND_RENAME_X, p->pid);
    made_int(m, 0);
    made_text(m, from);
    made_text(m, to);
    end(g);
}

void act_chmod(struct gen *g, const struct proc *p, const char *path, uint32_t mode)
{
    struct made_event *m = begin(g, KIND_FCHMODAT_X, p->pid);
    made_int(m, 0);
    made_int(m, AT_FDCWD);
    made_text(m, path);
    made_int(m, mode);
    end(g);
}

void act_dup(struct gen *g, const struct proc *p, int from, int to)
{
    struct made_event *m = begin(g, KIND_DUP2_X, p->pid);
    made_int(m, to);
    made_int(m, from);
    made_int(m, to);
    end(g);
}

int act_connect(struct gen *g, struct proc *p, const uint8_t ip[4], uint16_t port, int error)
{
    int fd = p->next_fd++;
    struct made_event *m = begin(g, KIND_SOCKET_X, p->pid);
    made_int(m, fd);
    made_int(m, 2);
    made_int(m, 1);
    made_int(m, 6);
    end(g);
    m = begin(g, KIND_CONNECT_X, p->pid);
    made_int(m, error);
    made_tuple4(m, p->box->ip, (uint16_t)(32768 + gen_below(g, 28000)), ip, port);
    made_int(m, fd);
    made_sockaddr4(m, ip, port);
    end(g);
    return fd;
}

int act_accept(struct gen *g, struct proc *p, const uint8_t peer[4], uint16_t port,
               uint16_t own_port)
{
    int fd = p->next_fd++;
    struct made_event *m = begin(g, KIND_ACCEPT4_6_X, p->pid);
    made_int(m, fd);
    made_tuple4(m, peer, port, p->box->ip, own_port);
    made_int(m, 0);
    made_int(m, 0);
    made_int(m, 511);
    made_int(m, 0);
    end(g);
    return fd;
}

void act_wait(struct gen *g, const struct proc *p)
{
    struct made_event *m = begin(g, KIND_EPOLLWAIT_X, p->pid);
    made_int(m, 1);
    made_int(m, 512);
    end(g);
}

void act_mmap(struct gen *g, const struct proc *p, int fd)
{
    struct made_event *m = begin(g, KIND_MMAP_X, p->pid);
    made_int(m, 0x7f0000000000 + (int64_t)gen_below(g, 1u << 20) * 4096);
    made_int(m, 24000);
    made_int(m, 3000);
    made_int(m, 0);
    made_int(m, 0);
    made_int(m, 8192);
    made_int(m, 3);
    made_int(m, 2);
    made_int(m, fd);
    made_int(m, 0);
    end(g);
}

void act_brk(struct gen *g, const struct proc *p)
{
    struct made_event *m = begin(g, KIND_BRK_4_X, p->pid);
    int64_t at = 0x560000000000 + (int64_t)gen_below(g, 1u << 16) * 4096;
    made_int(m, at);
    made_int(m, 24000);
    made_int(m, 3000);
    made_int(m, 0);
    made_int(m, at);
    end(g);
}

void act_futex(struct gen *g, const struct proc *p)
{
    struct made_event *m = begin(g, KIND_FUTEX_X, p->pid);
    made_int(m, 0);
    made_int(m, 0x7ffd00000000 + (int64_t)gen_below(g, 4096) * 4);
    made_int(m, 129);
    made_int(m, 1);
    end(g);
}

void act_container(struct gen *g, const struct box *box)
{
    struct made_event *m = begin(g, KIND_CONTAINER_JSON_2_E, -1);
    made_text(m, box->json);
    end(g);
}
