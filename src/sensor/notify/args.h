/*
 * args: a notified call with all it points to, read and made uniform (ia32 widened, socketcall
 * unpacked, creat as an open with flags).
 */
#pragma once

#include "event/event.h"
#include "sensor/notify/call.h"

#include <linux/seccomp.h>
#include <sys/socket.h>

#define ARGS_PATH_MAX   4096        /* with its NUL: PATH_MAX */
#define ARGS_ARGV_MAX   (128 << 10) /* bytes of argv that are kept */
#define ARGS_ENV_MAX    (64 << 10)
#define ARGS_TEXTS_MAX  4096 /* of argv, and of envp */
#define ARGS_TEXT_MAX   4096 /* with its NUL; of other texts */
#define ARGS_STRUCT_MAX 256
#define ARGS_IOVECS_MAX 64 /* of a message, whose sizes are added up */

struct call_args {
    const struct call *call;
    int64_t tid;
    uint32_t nr;          /* as notified */
    uint8_t via;          /* enum event_via */
    uint64_t reg[6];      /* by the call's own order of arguments */
    int64_t dirfd[2];     /* of path[]; AT_FDCWD */
    struct str path[2];   /* the caller's strings; path[0] the only one or the source */
    struct str text[2];   /* ARG_TEXT, in order */
    struct str argv, env; /* texts with NULs, one after the other */
    uint64_t send_size;   /* of ARG_MSGHDR: bytes to be sent */
    uint64_t open_flags, open_mode, open_resolve; /* of CALL_OPEN, in the kernel's O_* */
    uint64_t clone_flags;                         /* of MANNER_FORK, the kernel's CLONE_* */
    struct sockaddr_storage address;
    uint32_t address_n; /* 0: none */
    uint8_t bytes[ARGS_STRUCT_MAX];
    uint32_t bytes_n;
    bool truncated;  /* something was longer than its limit */
    bool unreadable; /* memory could not be read: args=unreadable */
    size_t used;     /* of storage */
    char storage[2 * ARGS_PATH_MAX + 2 * ARGS_TEXT_MAX + ARGS_ARGV_MAX + ARGS_ENV_MAX];
};

/*
 * Decodes the notification's registers and reads memory. 0; -ENOENT: not a call of ours (still with
 * .via, .reg); what could not be read is marked, not an error.
 *
 * Registers: descriptors are sign-extended from 32 bits, whatever the caller left above them; numbers
 * are as passed, of ia32 zero-extended. A NULL where the call allows one is an empty string or no
 * address, and readable.
 */
int args_read(const struct seccomp_notif *notif, struct call_args *ret);
/* Re-reads paths and addresses: false when they changed since (a sibling races). */
bool args_unchanged(const struct call_args *args);
/* Re-reads .bytes: what the call wrote there (io_uring's parameters), once it has returned. */
int args_read_result(struct call_args *args);
