/*
 * args_layout: the calls of i386 as those of x86-64, and the sizes of structures.
 *
 * i386 is what 20 years made of it: one call for all of sockets, ids of 16 bits in calls that were later
 * replaced, offsets split over two registers, six arguments of mmap in memory. The numbers are
 * i386's own (they never change); names come from the table of calls.
 *
 * Sources: Linux' arch/x86/entry/syscalls/syscall_32.tbl, net/compat.c, kernel/uid16.c; socketcall(2).
 */
#include "sensor/notify/args_layout.h"

#include "sensor/notify/memory.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <string.h>

#define IA32_SOCKETCALL  102
#define IA32_MMAP        90
#define IA32_MMAP2       192
#define IA32_TRUNCATE64  193
#define IA32_FTRUNCATE64 194
#define MMAP2_SHIFT      12
#define VALUE_MAX        128u /* of a socket option, of bpf's attributes */
#define MOUNT_ATTR_SIZE  32u

uint8_t args_via(uint32_t arch, uint32_t nr)
{
    if (arch == AUDIT_ARCH_I386) {
        return VIA_IA32;
    }
    return arch == AUDIT_ARCH_X86_64 && (nr & X32_BIT) ? VIA_X32 : VIA_SYSCALL;
}

/* By socketcall's first argument. */
static const struct {
    uint16_t name;
    uint8_t nargs;
} socket_calls[] = {
    [1] = { NAME_socket, 3 },      [2] = { NAME_bind, 3 },        [3] = { NAME_connect, 3 },
    [4] = { NAME_listen, 2 },      [5] = { NAME_accept, 3 },      [6] = { NAME_getsockname, 3 },
    [7] = { NAME_getpeername, 3 }, [8] = { NAME_socketpair, 4 },  [9] = { NAME_sendto, 4 },
    [10] = { NAME_recvfrom, 4 },   [11] = { NAME_sendto, 6 },     [12] = { NAME_recvfrom, 6 },
    [13] = { NAME_shutdown, 2 },   [14] = { NAME_setsockopt, 5 }, [15] = { NAME_getsockopt, 5 },
    [16] = { NAME_sendmsg, 3 },    [17] = { NAME_recvmsg, 3 },    [18] = { NAME_accept4, 4 },
    [19] = { NAME_recvmmsg, 5 },   [20] = { NAME_sendmmsg, 4 },
};
#define SOCKET_CALLS (sizeof(socket_calls) / sizeof(socket_calls[0]))

/* Registers from an array of 32-bit values; those it does not have are 0. */
static void fetch_registers(struct call_args *args, uint64_t address, unsigned n)
{
    uint32_t values[6] = { 0 };
    if (memory_read((pid_t)args->tid, address, values, n * sizeof(values[0])) < 0) {
        args->unreadable = true;
        memset(values, 0, sizeof(values));
    }
    for (unsigned i = 0; i < 6; i++) {
        args->reg[i] = values[i];
    }
}

static void unpack_socketcall(struct call_args *args)
{
    uint64_t which = args->reg[0];
    if (which == 0 || which >= SOCKET_CALLS) {
        args->call = NULL;
        return;
    }
    args->call = call_find(socket_calls[which].name);
    fetch_registers(args, args->reg[1], socket_calls[which].nargs);
}

/* -1 of 16 bits, which leaves an id as it is, stays -1. */
static uint64_t widened_id(uint64_t id)
{
    return (uint16_t)id == UINT16_MAX ? UINT32_MAX : (uint16_t)id;
}

/* First and last register that holds an id of 16 bits, by number. */
static const struct {
    uint8_t nr, first, last;
} short_ids[] = {
    { 16, 1, 2 } /* lchown */,     { 23, 0, 0 } /* setuid */,    { 46, 0, 0 } /* setgid */,
    { 70, 0, 1 } /* setreuid */,   { 71, 0, 1 } /* setregid */,  { 95, 1, 2 } /* fchown */,
    { 138, 0, 0 } /* setfsuid */,  { 139, 0, 0 } /* setfsgid */, { 164, 0, 2 } /* setresuid */,
    { 170, 0, 2 } /* setresgid */, { 182, 1, 2 } /* chown */,
};

static void widen_ids(uint32_t nr, struct call_args *args)
{
    for (size_t i = 0; i < sizeof(short_ids) / sizeof(short_ids[0]); i++) {
        for (unsigned r = short_ids[i].first; short_ids[i].nr == nr && r <= short_ids[i].last;
             r++) {
            args->reg[r] = widened_id(args->reg[r]);
        }
    }
}

void args_from_ia32(uint32_t nr, struct call_args *args)
{
    switch (nr) {
    case IA32_SOCKETCALL:
        unpack_socketcall(args);
        return;
    case IA32_MMAP:
        fetch_registers(args, args->reg[0], 6);
        return;
    case IA32_MMAP2:
        args->reg[5] <<= MMAP2_SHIFT;
        return;
    case IA32_TRUNCATE64:
    case IA32_FTRUNCATE64:
        args->reg[1] |= args->reg[2] << 32;
        return;
    default:
        widen_ids(nr, args);
    }
}

static size_t capset_size(const struct call_args *args, unsigned i)
{
    uint32_t version = 0;
    memcpy(&version, args->bytes, sizeof(version));
    size_t words = version == _LINUX_CAPABILITY_VERSION_1 ? _LINUX_CAPABILITY_U32S_1
                                                          : _LINUX_CAPABILITY_U32S_3;
    return i == 0 ? sizeof(struct __user_cap_header_struct)
                  : words * sizeof(struct __user_cap_data_struct);
}

static size_t at_most(uint64_t n, size_t max)
{
    return n < max ? (size_t)n : max;
}

size_t args_struct_size(const struct call_args *args, unsigned i)
{
    switch (args->call->name) {
    case NAME_pipe:
    case NAME_pipe2:
    case NAME_socketpair:
        return 2 * sizeof(int);
    case NAME_setrlimit:
        return args->via == VIA_IA32 ? 2 * sizeof(uint32_t) : 2 * sizeof(uint64_t);
    case NAME_prlimit:
        return 2 * sizeof(uint64_t);
    case NAME_io_uring_setup:
        return sizeof(struct io_uring_params);
    case NAME_capset:
        return capset_size(args, i);
    case NAME_sendfile:
    case NAME_splice:
    case NAME_copy_file_range:
        return sizeof(uint64_t);
    case NAME_open_by_handle_at:
        return 2 * sizeof(uint32_t);
    case NAME_bpf:
        return at_most(args->reg[2], VALUE_MAX);
    case NAME_setsockopt:
        return at_most(args->reg[4], VALUE_MAX);
    case NAME_mount_setattr:
        return at_most(args->reg[4], MOUNT_ATTR_SIZE);
    case NAME_setgroups:
        return at_most(args->reg[0], ARGS_STRUCT_MAX / sizeof(uint32_t)) * sizeof(uint32_t);
    default:
        return 0;
    }
}
