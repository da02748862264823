/*
 * wire: what shim and agent say to each other over the agent's socket (Unix, SOCK_SEQPACKET).
 *
 *     shim or holder                           agent
 *     HELLO ─────────────────────────────────▶
 *           ◀───────────────────────────────── FILTER, LOCAL or REFUSED
 *     LISTENER + listener, holder_shared ────▶
 *           ◀───────────────────────────────── READY + the agent's slots
 *
 * A holder whose agent went and came again sends RESUME with both descriptors in the place of the first three.
 * Each message is one datagram of a fixed layout in this machine's byte order; texts are padded with NULs and
 * end in one. READY comes before the agent takes the first call. After it nobody sends anything: end of file says
 * that the other side is gone. Fields are only ever added at the end, with a new version.
 */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

#define WIRE_MAGIC   UINT32_C(0x6e6f6d69)
#define WIRE_VERSION 1

#define WIRE_NONCE      16
#define WIRE_HOST_MAX   64
#define WIRE_CGROUP_MAX 256
#define WIRE_TASK_MAX   192
#define WIRE_ARGS_MAX   512
#define WIRE_CODE_MAX   4096 /* the kernel's BPF_MAXINSNS */

enum wire_kind {
    WIRE_HELLO = 1, /* struct wire_hello */
    WIRE_RESUME,    /* the same, with two descriptors */
    WIRE_LISTENER, /* struct wire_word: the flags of seccomp(2) that were used; with two descriptors */
    WIRE_UNWATCHED, /* struct wire_word: errno; the application runs, or not, without a filter */
    WIRE_FILTER,    /* struct wire_filter, of head.size bytes */
    WIRE_LOCAL,     /* struct wire_word: the agent cannot see the shim's processes */
    WIRE_REFUSED,   /* struct wire_word: errno */
    WIRE_READY,     /* struct wire_word: 0; with one descriptor */
};

enum wire_mark {
    WIRE_HEALTH_CHECK =
        1, /* a runtime starts it from outside, again and again: nobody's to protect */
};

enum wire_priority { WIRE_AVAILABILITY, WIRE_SECURITY, WIRE_PRIORITIES };

struct wire_head {
    uint32_t magic;
    uint16_t version, kind;
    uint32_t size;  /* of the whole message */
    uint32_t marks; /* enum wire_mark, in HELLO and RESUME; else 0 */
};

struct wire_hello {
    struct wire_head head;
    uint8_t nonce[WIRE_NONCE]; /* of this application, also after RESUME */
    uint64_t filter;           /* that it has: wire_filter.id; 0: the shim's own, of all calls */
    int32_t pid;               /* of the application, in its own namespace */
    uint32_t uid;
    uint32_t priority; /* enum wire_priority */
    uint32_t wait_ms;
    uint32_t flags; /* of seccomp(2), with RESUME */
    uint32_t nargs; /* in args, each with its NUL; the last may be cut */
    char host[WIRE_HOST_MAX];
    char cgroup[WIRE_CGROUP_MAX]; /* a line of /proc/self/cgroup: the container's id may be in it */
    char task[WIRE_TASK_MAX];     /* the path of ECS_CONTAINER_METADATA_URI_V4 */
    char args[WIRE_ARGS_MAX];
};

struct wire_word {
    struct wire_head head;
    int64_t value;
};

struct wire_filter {
    struct wire_head head;
    uint64_t id;
    uint32_t n, spare;
    struct sock_filter code[WIRE_CODE_MAX];
};

#define WIRE_DESCRIPTORS 2 /* at most, with one message: the listener, then holder_shared */

_Static_assert(sizeof(struct wire_head) == 16, "wire layout");
_Static_assert(sizeof(struct wire_hello) == 16 + 16 + 32 + 64 + 256 + 192 + 512, "wire layout");
_Static_assert(sizeof(struct wire_word) == 24, "wire layout");
_Static_assert(sizeof(struct wire_filter) == 32 + 8 * WIRE_CODE_MAX, "wire layout");
