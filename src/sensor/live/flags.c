/*
 * flags: from the kernel's numbers to the format's.
 *
 * Shape: a table of (kernel, format) per set. Sets of bits give every format bit whose kernel bits are all
 * there (O_TMPFILE and O_SYNC are two kernel bits each); enumerations give the one entry that is equal.
 *
 * Invariant: a table's values are the ABI's, not libc's: glibc says O_LARGEFILE is 0 on 64-bit machines.
 */
#include "sensor/live/flags.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

#ifdef __aarch64__
#define KERNEL_O_LARGEFILE 0400000
#else
#define KERNEL_O_LARGEFILE 0100000
#endif
#define ACCESS_MODE 3

struct pair {
    uint64_t kernel;
    uint32_t format;
};

static uint32_t bits_of(const struct pair *table, size_t n, uint64_t value)
{
    uint32_t format = 0;
    for (size_t i = 0; i < n; i++) {
        if ((value & table[i].kernel) == table[i].kernel) {
            format |= table[i].format;
        }
    }
    return format;
}

static uint32_t enum_of(const struct pair *table, size_t n, uint64_t value)
{
    for (size_t i = 0; i < n; i++) {
        if (table[i].kernel == value) {
            return table[i].format;
        }
    }
    return 0;
}

static const struct pair open_bits[] = {
    { O_CREAT, 0x4 },      { O_APPEND, 0x8 },     { O_DSYNC, 0x10 },
    { O_EXCL, 0x20 },      { O_NONBLOCK, 0x40 },  { O_SYNC, 0x80 },
    { O_TRUNC, 0x100 },    { O_DIRECT, 0x200 },   { O_DIRECTORY, 0x400 },
    { O_CLOEXEC, 0x1000 }, { O_TMPFILE, 0x2000 }, { KERNEL_O_LARGEFILE, 0x800 },
};

uint32_t live_open_flags(uint64_t flags)
{
    static const uint32_t access[] = { 1, 2, 3, 1 };
    uint64_t mode = flags & O_PATH ? O_RDONLY : flags & ACCESS_MODE;
    return access[mode] | bits_of(open_bits, COUNT(open_bits), flags);
}

static const struct pair resolve_bits[] = {
    { RESOLVE_BENEATH, 0x1 },     { RESOLVE_IN_ROOT, 0x2 },  { RESOLVE_NO_MAGICLINKS, 0x4 },
    { RESOLVE_NO_SYMLINKS, 0x8 }, { RESOLVE_NO_XDEV, 0x10 }, { RESOLVE_CACHED, 0x20 },
};

uint32_t live_resolve_flags(uint64_t resolve)
{
    return bits_of(resolve_bits, COUNT(resolve_bits), resolve);
}

static const struct pair clone_bits[] = {
    { CLONE_FILES, 0x1 },
    { CLONE_FS, 0x2 },
    { CLONE_IO, 0x4 },
    { CLONE_NEWIPC, 0x8 },
    { CLONE_NEWNET, 0x10 },
    { CLONE_NEWNS, 0x20 },
    { CLONE_NEWPID, 0x40 },
    { CLONE_NEWUTS, 0x80 },
    { CLONE_PARENT, 0x100 },
    { CLONE_PARENT_SETTID, 0x200 },
    { CLONE_PTRACE, 0x400 },
    { CLONE_SIGHAND, 0x800 },
    { CLONE_SYSVSEM, 0x1000 },
    { CLONE_THREAD, 0x2000 },
    { CLONE_UNTRACED, 0x4000 },
    { CLONE_VM, 0x8000 },
    { CLONE_NEWUSER, 0x100000 },
    { CLONE_CHILD_CLEARTID, 0x800000 },
    { CLONE_CHILD_SETTID, 0x1000000 },
    { CLONE_SETTLS, 0x2000000 },
    { CLONE_VFORK, 0x8000000 },
    { CLONE_NEWCGROUP, 0x10000000 },
};

uint32_t live_clone_flags(uint64_t flags)
{
    return bits_of(clone_bits, COUNT(clone_bits), flags);
}

static const struct pair execveat_bits[] = {
    { AT_EMPTY_PATH, 0x1 },
    { AT_SYMLINK_NOFOLLOW, 0x2 },
};

uint32_t live_execveat_flags(uint64_t flags)
{
    return bits_of(execveat_bits, COUNT(execveat_bits), flags);
}

static const struct pair prot_bits[] = {
    { PROT_READ, 0x1 },          { PROT_WRITE, 0x2 },      { PROT_EXEC, 0x4 },
    { 0x8, 0x8 } /* PROT_SEM */, { PROT_GROWSDOWN, 0x10 }, { PROT_GROWSUP, 0x20 },
};

uint32_t live_prot_flags(uint64_t prot)
{
    return bits_of(prot_bits, COUNT(prot_bits), prot);
}

static const struct pair mmap_bits[] = {
    { MAP_SHARED, 0x1 },       { MAP_PRIVATE, 0x2 },     { MAP_FIXED, 0x4 },
    { MAP_ANONYMOUS, 0x8 },    { MAP_NORESERVE, 0x40 },  { MAP_POPULATE, 0x80 },
    { MAP_NONBLOCK, 0x100 },   { MAP_GROWSDOWN, 0x200 }, { MAP_DENYWRITE, 0x400 },
    { MAP_EXECUTABLE, 0x800 }, { MAP_LOCKED, 0x4000 },
#ifdef MAP_32BIT
    { MAP_32BIT, 0x10 },
#endif
};

uint32_t live_mmap_flags(uint64_t flags)
{
    return bits_of(mmap_bits, COUNT(mmap_bits), flags);
}

static const struct pair io_uring_setup_bits[] = {
    { IORING_SETUP_IOPOLL, 0x1 },      { IORING_SETUP_SQPOLL, 0x2 },
    { IORING_SETUP_SQ_AFF, 0x8 },      { IORING_SETUP_CQSIZE, 0x10 },
    { IORING_SETUP_CLAMP, 0x20 },      { IORING_SETUP_ATTACH_WQ, 0x40 },
    { IORING_SETUP_R_DISABLED, 0x80 },
};

uint32_t live_io_uring_setup_flags(uint64_t flags)
{
    return bits_of(io_uring_setup_bits, COUNT(io_uring_setup_bits), flags);
}

uint32_t live_pidfd_open_flags(uint64_t flags)
{
    return flags & O_NONBLOCK ? 1 : 0;
}

static const struct pair delete_module_bits[] = { { O_TRUNC, 1 }, { O_NONBLOCK, 2 } };

uint32_t live_delete_module_flags(uint64_t flags)
{
    return bits_of(delete_module_bits, COUNT(delete_module_bits), flags);
}

uint32_t live_epoll_create_flags(uint64_t flags)
{
    return flags & EPOLL_CLOEXEC ? 1 : 0;
}

/* The kernel's numbers of x86; what other machines lack stays unused there. */
static const struct pair ptrace_requests[] = {
    { 0, 0x1 } /* TRACEME */,
    { 1, 0x2 } /* PEEKTEXT */,
    { 2, 0x3 },
    { 3, 0x4 } /* PEEKUSR */,
    { 4, 0x5 },
    { 5, 0x6 },
    { 6, 0x7 } /* POKEUSR */,
    { 7, 0x8 } /* CONT */,
    { 8, 0x9 },
    { 9, 0xa } /* SINGLESTEP */,
    { 12, 0x1a } /* GETREGS */,
    { 13, 0x1b },
    { 14, 0x1c },
    { 15, 0x1d } /* SETFPREGS */,
    { 16, 0xb } /* ATTACH */,
    { 17, 0xc },
    { 18, 0x1e } /* GETFPXREGS */,
    { 19, 0x1f },
    { 21, 0x20 } /* OLDSETOPTIONS */,
    { 24, 0xd } /* SYSCALL */,
    { 25, 0x21 } /* GET_THREAD_AREA */,
    { 26, 0x22 },
    { 30, 0x23 } /* ARCH_PRCTL */,
    { 31, 0x24 } /* SYSEMU */,
    { 32, 0x25 },
    { 33, 0x26 } /* SINGLEBLOCK */,
    { 0x4200, 0xe } /* SETOPTIONS */,
    { 0x4201, 0xf },
    { 0x4202, 0x10 },
    { 0x4203, 0x11 },
    { 0x4204, 0x12 } /* GETREGSET */,
    { 0x4205, 0x13 },
    { 0x4206, 0x14 } /* SEIZE */,
    { 0x4207, 0x15 },
    { 0x4208, 0x16 },
    { 0x4209, 0x17 } /* PEEKSIGINFO */,
    { 0x420a, 0x18 },
    { 0x420b, 0x19 },
};

uint32_t live_ptrace_request(uint64_t request)
{
    return enum_of(ptrace_requests, COUNT(ptrace_requests), request);
}

static const struct pair fcntl_commands[] = {
    { F_DUPFD, 0x1 },
    { F_GETFD, 0x2 },
    { F_SETFD, 0x3 },
    { F_GETFL, 0x4 },
    { F_SETFL, 0x5 },
    { 5, 0x6 } /* F_GETLK */,
    { 6, 0x8 },
    { 7, 0x9 },
    { F_SETOWN, 0xa },
    { F_GETOWN, 0xc },
    { F_SETSIG, 0xd },
    { F_GETSIG, 0xf },
    { F_SETOWN_EX, 0x15 },
    { F_GETOWN_EX, 0x16 },
    { F_OFD_GETLK, 0x1e },
    { F_OFD_SETLK, 0x1f },
    { F_OFD_SETLKW, 0x20 },
    { F_SETLEASE, 0x17 },
    { F_GETLEASE, 0x18 },
    { F_NOTIFY, 0x1b },
    { 1029, 0x19 } /* F_CANCELLK */,
    { F_DUPFD_CLOEXEC, 0x1a },
    { F_SETPIPE_SZ, 0x1c },
    { F_GETPIPE_SZ, 0x1d },
};

uint32_t live_fcntl_command(uint64_t command)
{
    return enum_of(fcntl_commands, COUNT(fcntl_commands), command);
}
