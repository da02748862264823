/*
 * args_layout: the calls of i386 as those of x86-64, and the sizes of structures.
 *
 * i386 is what 20 years made of it: one call for all of sockets, ids of 16 bits in calls that were later
 * replaced, offsets split over two registers. The numbers are
 * i386's own (they never change); names come from the table of calls.
 *
 * Sources: Linux' arch/x86/entry/syscalls/syscall_32.tbl, net/compat.c, kernel/uid16.c; socketcall(2).
 */
#include "sensor/notify/args_layout.h"

#include "sensor/notify/memory.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/mount.h>
#include <string.h>

#define IA32_SOCKETCALL  102
#define IA32_TRUNCATE64  193
#define IA32_FTRUNCATE64 194
#define VALUE_MAX        256u /* of a file system's binary option */

uint8_t args_via(uint32_t arch, uint32_t nr)
{
    if (arch == AUDIT_ARCH_I386) {
        return VIA_IA32;
    }
#ifdef CALL_X32_BIT
    return arch == AUDIT_ARCH_X86_64 && (nr & CALL_X32_BIT) ? VIA_X32 : VIA_SYSCALL;
#else
    (void)nr;
    return VIA_SYSCALL;
#endif
}

/* How many arguments socketcall's calls have, by its first argument (SYS_SOCKET = 1, ...). */
static const uint8_t socketcall_nargs[] = { 0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4,
                                            6, 6, 2, 5, 5, 3, 3, 4, 5, 4 };

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
    uint32_t which = (uint32_t)args->reg[0];
    args->call = which < sizeof(socketcall_nargs) ? call_of_socketcall(which) : NULL;
    if (args->call) {
        fetch_registers(args, args->reg[1], socketcall_nargs[which]);
    }
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
    case IA32_TRUNCATE64:
    case IA32_FTRUNCATE64:
        args->reg[1] |= args->reg[2] << 32;
        return;
    default:
        widen_ids(nr, args);
    }
}

static size_t capset_size(const struct call_args *args)
{
    uint32_t version = 0;
    memory_read((pid_t)args->tid, args->reg[0], &version, sizeof(version));
    size_t words = version == _LINUX_CAPABILITY_VERSION_1 ? _LINUX_CAPABILITY_U32S_1
                                                          : _LINUX_CAPABILITY_U32S_3;
    return words * sizeof(struct __user_cap_data_struct);
}

static size_t at_most(uint64_t n, size_t max)
{
    return n < max ? (size_t)n : max;
}

size_t args_struct_size(const struct call_args *args, unsigned i)
{
    switch (args->call->name) {
    case NAME_setrlimit:
        return args->via == VIA_IA32 ? 2 * sizeof(uint32_t) : 2 * sizeof(uint64_t);
    case NAME_prlimit:
        return 2 * sizeof(uint64_t);
    case NAME_io_uring_setup:
        return sizeof(struct io_uring_params);
    case NAME_capset:
        return i == 1 ? capset_size(args) : 0; /* the first is only a version */
    case NAME_open_by_handle_at:
        return 2 * sizeof(uint32_t);
    case NAME_fsconfig:
        return (uint32_t)args->reg[1] == FSCONFIG_SET_BINARY ? at_most(args->reg[4], VALUE_MAX) : 0;
    default:
        return 0;
    }
}
