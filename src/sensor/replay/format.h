/*
 * format: numbers of the `.scap` format, shared by reader and writer.
 *
 * A capture is a row of blocks: u32 type, u32 length of the whole block, body, u32 length again;
 * little-endian, nothing aligned. It may be gzipped as a whole.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_OVERHEAD 12 /* header and trailing length */

enum block_type {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_MACHINE = 0x201,
    BLOCK_THREADS_V1 = 0x202,
    BLOCK_FDS = 0x203,
    BLOCK_EVENT = 0x204,
    BLOCK_INTERFACES = 0x205,
    BLOCK_USERS = 0x206,
    BLOCK_THREADS_V2 = 0x207,
    BLOCK_EVENT_FLAGS = 0x208,
    BLOCK_THREADS_V3 = 0x209,
    BLOCK_THREADS_V4 = 0x210,
    BLOCK_THREADS_V5 = 0x211,
    BLOCK_THREADS_V6 = 0x212,
    BLOCK_THREADS_V7 = 0x213,
    BLOCK_THREADS_V8 = 0x214,
    BLOCK_THREADS_V9 = 0x215,
    BLOCK_EVENT_V2 = 0x216,
    BLOCK_EVENT_FLAGS_V2 = 0x217,
    BLOCK_FDS_V2 = 0x218,
    BLOCK_INTERFACES_V2 = 0x219,
    BLOCK_USERS_V2 = 0x220,
    BLOCK_EVENT_V2_LARGE = 0x221,
    BLOCK_EVENT_FLAGS_V2_LARGE = 0x222,
};

/* The numbers in use before the format's first release. */
#define BLOCK_THREADS_V1_OLD 0x8000abcdu
#define BLOCK_FDS_OLD        0x8001abcdu
#define BLOCK_MACHINE_OLD    0x8002abcdu
#define BLOCK_EVENT_OLD      0x8010abcdu
#define BLOCK_INTERFACES_OLD 0x8011abcdu
#define BLOCK_USERS_OLD      0x8012abcdu
#define BLOCK_THREADS_V2_OLD 0x8013abcdu
#define BLOCK_THREADS_V3_OLD 0x8014abcdu

#define SECTION_MAGIC       0x1a2b3c4du
#define SECTION_BODY        16 /* magic, u16 major, u16 minor, u64 length */
#define SECTION_MAJOR       1
#define SECTION_MINOR       2
#define MACHINE_HOST_OFFSET 20 /* u32 cpus, u64 memory, u64 highest pid, then the host's name */
#define MACHINE_HOST_SIZE   128
#define MACHINE_BODY        (MACHINE_HOST_OFFSET + MACHINE_HOST_SIZE + 32)

#define EVENT_HEADER_V1 22 /* u64 ts, u64 tid, u32 length, u16 kind */
#define EVENT_HEADER_V2 26 /* and u32 parameters */

/*
 * Flags of an event that are Hinomi's own; other tools ignore them. With HAS_TRUTH two more parameters
 * stand behind those of the kind: the resolved paths (struct event's path and path2), without a NUL.
 */
#define EVENT_FLAG_TRUNCATED     (1u << 19)
#define EVENT_FLAG_EXACT         (1u << 20)
#define EVENT_FLAG_VIA_SHIFT     21 /* 3 bits: enum event_via */
#define EVENT_FLAG_OUTCOME_SHIFT 24 /* 2 bits: enum event_outcome */
#define EVENT_FLAG_HAS_TRUTH     (1u << 26)
#define EVENT_FLAGS_OWN          (0xffu << 19)

/* What an event block's type says of its layout. */
enum event_shape {
    EVENT_IS_EVENT = 1 << 0,
    EVENT_HAS_FLAGS = 1 << 1, /* u32 after the processor */
    EVENT_IS_V2 = 1 << 2,
    EVENT_IS_LARGE = 1 << 3, /* parameter lengths are u32 */
};

/* Descriptor types as written; the order differs from enum fd_type. */
enum scap_fd {
    SCAP_FD_UNKNOWN,
    SCAP_FD_FILE,
    SCAP_FD_DIRECTORY,
    SCAP_FD_IPV4_SOCK,
    SCAP_FD_IPV6_SOCK,
    SCAP_FD_IPV4_SERVSOCK,
    SCAP_FD_IPV6_SERVSOCK,
    SCAP_FD_FIFO,
    SCAP_FD_UNIX_SOCK,
    SCAP_FD_EVENT,
    SCAP_FD_UNSUPPORTED,
    SCAP_FD_SIGNALFD,
    SCAP_FD_EVENTPOLL,
    SCAP_FD_INOTIFY,
    SCAP_FD_TIMERFD,
    SCAP_FD_NETLINK,
    SCAP_FD_FILE_V2,
    SCAP_FD_BPF,
    SCAP_FD_USERFAULTFD,
    SCAP_FD_IO_URING,
    SCAP_FD_MEMFD,
    SCAP_FD_PIDFD,
    SCAP_FD_COUNT,
};

enum scap_transport {
    SCAP_L4_UNKNOWN,
    SCAP_L4_NOT_A_SOCKET,
    SCAP_L4_TCP,
    SCAP_L4_UDP,
    SCAP_L4_ICMP,
    SCAP_L4_RAW,
};

/*
 * Our own block, before the thread list it adds to; others skip it. Entries: u32 length with itself,
 * i64 tid, u64 start of the PID namespace, u64 start, i64 pgid, u32 tty, u8 flags, u64 inode, its ctime
 * and mtime.
 */
#define BLOCK_THREADS_MORE 0x484e0001u

enum thread_more_flag {
    MORE_EXE_KNOWN = 1 << 0,
    MORE_UPPER_LAYER = 1 << 1,
    MORE_LOWER_LAYER = 1 << 2,
    MORE_FROM_MEMFD = 1 << 3,
};

/* Entries of interface lists. */
enum scap_interface {
    SCAP_IPV4 = 1,
    SCAP_IPV6 = 2,
    SCAP_IPV4_NO_SPEED = 3,
    SCAP_IPV6_NO_SPEED = 4,
};

enum scap_user { SCAP_USER = 0, SCAP_GROUP = 1 };

/* The event table of the oldest tool we write for: kinds and parameters of sysdig 0.29. */
#define OLD_KINDS 336
extern const uint8_t old_kind_nparams[OLD_KINDS];

static inline uint16_t load_u16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t load_u32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t load_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
