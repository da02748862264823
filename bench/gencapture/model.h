/*
 * model: processes that do things, as events written to a capture.
 *
 * Each act_*() emits what a kernel would report for it. Time advances with each event; everything is
 * decided by one seeded generator of numbers, so that the same seed gives the same capture.
 */
#pragma once

#include "base/err.h"
#include "event/state.h"
#include "sensor/fake/made_event.h"
#include "sensor/replay/replay.h"

enum open_flag {
    OPEN_READ = 1 << 0,
    OPEN_WRITE = 1 << 1,
    OPEN_CREATE = 1 << 2,
    OPEN_TRUNC = 1 << 8,
    OPEN_CLOEXEC = 1 << 12,
};

#define PROC_ARGS_MAX 512
#define PROC_FIRST_FD 3
#define GEN_START_NS  UINT64_C(1780000000000000000)

struct box {
    const char *cgroups; /* entries separated by ';' */
    const char *json;    /* container metadata; NULL: the host */
    int64_t vpid_offset; /* pid minus vpid */
    uint8_t ip[4];
};

struct proc {
    int64_t pid, ppid, sid, vpgid;
    const struct box *box;
    char comm[16];
    const char *exe, *exepath, *cwd;
    char args[PROC_ARGS_MAX]; /* without argv[0], each with its NUL */
    size_t nargs;
    uint32_t uid, gid, tty;
    int64_t loginuid;
    int next_fd;
};

struct gen {
    struct capture_writer *writer;
    struct made_event made;
    uint64_t ts_ns, random;
    int64_t next_pid;
    uint64_t events;
    int result; /* of the first failed write */
    struct err err;
};

uint64_t gen_random(struct gen *gen);
static inline uint32_t gen_below(struct gen *gen, uint32_t n)
{
    return (uint32_t)(gen_random(gen) >> 33) % n;
}

/* A process that is there when the capture begins; written with the state. */
int proc_existing(struct state *state, const struct proc *proc);
void proc_set(struct proc *proc, const char *comm, const char *exepath, const char *const argv[]);

struct proc act_fork(struct gen *gen, struct proc *parent);
/* argv ends with NULL. */
void act_exec(struct gen *gen, struct proc *proc, const char *exepath, const char *const argv[]);
void act_exit(struct gen *gen, const struct proc *proc, int status);
/* The descriptor, or the error (negative) it was told to end with. */
int act_open(struct gen *gen, struct proc *proc, const char *path, uint32_t flags, int error);
void act_stat(struct gen *gen, const struct proc *proc, const char *path, int error);
void act_read(struct gen *gen, const struct proc *proc, int fd, const char *data, size_t n);
void act_write(struct gen *gen, const struct proc *proc, int fd, const char *data, size_t n);
void act_close(struct gen *gen, struct proc *proc, int fd);
void act_mkdir(struct gen *gen, const struct proc *proc, const char *path);
void act_unlink(struct gen *gen, const struct proc *proc, const char *path);
void act_rename(struct gen *gen, const struct proc *proc, const char *from, const char *to);
void act_chmod(struct gen *gen, const struct proc *proc, const char *path, uint32_t mode);
void act_dup(struct gen *gen, const struct proc *proc, int from, int to);
int act_connect(struct gen *gen, struct proc *proc, const uint8_t ip[4], uint16_t port, int error);
int act_accept(struct gen *gen, struct proc *proc, const uint8_t peer[4], uint16_t port,
               uint16_t own_port);
void act_send(struct gen *gen, const struct proc *proc, int fd, const char *data, size_t n);
void act_receive(struct gen *gen, const struct proc *proc, int fd, const char *data, size_t n);
void act_wait(struct gen *gen, const struct proc *proc);
void act_mmap(struct gen *gen, const struct proc *proc, int fd);
void act_brk(struct gen *gen, const struct proc *proc);
void act_futex(struct gen *gen, const struct proc *proc);
void act_container(struct gen *gen, const struct box *box);
