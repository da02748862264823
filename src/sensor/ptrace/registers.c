/*
 * registers: which call a stopped thread is about to make or has made, and taking it away.
 *
 * The kernel describes stops at calls itself since 5.3 (PTRACE_GET_SYSCALL_INFO). Before, the registers
 * tell: a thread in 32-bit mode shows 32-bit ones; a 64-bit one that used the 32-bit entry is known by the
 * instruction behind it alone, which another thread could have changed.
 *
 * A call whose number is -1 is not made, on every path of the kernel's, and returns what the result's
 * register says.
 *
 * Sources: ptrace(2), Linux' arch/x86/entry/common.c, arch/arm64/kernel/ptrace.c.
 */
#include "sensor/ptrace/registers.h"

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define RESTART_SYS    512
#define RESTART_NOINT  513
#define RESTART_NOHAND 514
#define RESTART_BLOCK  516

bool registers_is_restart(int64_t result)
{
    return result == -RESTART_SYS || result == -RESTART_NOINT || result == -RESTART_NOHAND ||
           result == -RESTART_BLOCK;
}

#if defined(__x86_64__)

#define I386_EBX       0
#define I386_EAX       6
#define I386_EIP       12
#define I386_ORIG_EAX  11
#define I386_REGISTERS 17
#define INT_80         0x80cd /* cd 80, little-endian */
#define INSTRUCTION    2

union registers {
    struct user_regs_struct wide;
    uint32_t narrow[I386_REGISTERS];
};

static int get(pid_t tid, union registers *ret, bool *ret_narrow)
{
    struct iovec io = { ret, sizeof(*ret) };
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &io) != 0) {
        return -errno;
    }
    *ret_narrow = io.iov_len == sizeof(ret->narrow);
    return 0;
}

static int set(pid_t tid, union registers *registers, bool narrow)
{
    struct iovec io = { registers, narrow ? sizeof(registers->narrow) : sizeof(registers->wide) };
    return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &io) != 0 ? -errno : 0;
}

static void from_narrow(const uint32_t *r, struct seccomp_data *ret)
{
    static const int order[] = { 0, 1, 2, 3, 4, 5 }; /* ebx, ecx, edx, esi, edi, ebp */
    ret->arch = AUDIT_ARCH_I386;
    ret->nr = (int)r[I386_ORIG_EAX];
    ret->instruction_pointer = r[I386_EIP];
    for (int i = 0; i < 6; i++) {
        ret->args[i] = r[order[i]];
    }
}

static bool used_int_80(pid_t tid, uint64_t ip)
{
    errno = 0;
    long word = ptrace(PTRACE_PEEKTEXT, tid, ip - INSTRUCTION, NULL);
    return errno == 0 && (word & 0xffff) == INT_80;
}

static void from_wide(pid_t tid, const struct user_regs_struct *r, struct seccomp_data *ret)
{
    bool old_way = used_int_80(tid, r->rip);
    const uint64_t args[2][6] = { { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 },
                                  { r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp } };
    ret->arch = old_way ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
    ret->nr = (int)r->orig_rax;
    ret->instruction_pointer = r->rip;
    for (int i = 0; i < 6; i++) {
        ret->args[i] = old_way ? (uint32_t)args[1][i] : args[0][i];
    }
}

static int call_of_registers(pid_t tid, struct seccomp_data *ret)
{
    union registers r;
    bool narrow = false;
    int e = get(tid, &r, &narrow);
    if (e < 0) {
        return e;
    }
    if (narrow) {
        from_narrow(r.narrow, ret);
    } else {
        from_wide(tid, &r.wide, ret);
    }
    return 0;
}

static int result_of_registers(pid_t tid, int64_t *ret)
{
    union registers r;
    bool narrow = false;
    int e = get(tid, &r, &narrow);
    if (e == 0) {
        *ret = narrow ? (int32_t)r.narrow[I386_EAX] : (int64_t)r.wide.rax;
    }
    return e;
}

int registers_refuse(pid_t tid, int error)
{
    union registers r;
    bool narrow = false;
    int e = get(tid, &r, &narrow);
    if (e < 0) {
        return e;
    }
    if (narrow) {
        r.narrow[I386_ORIG_EAX] = UINT32_MAX;
        r.narrow[I386_EAX] = (uint32_t)-error;
    } else {
        r.wide.orig_rax = UINT64_MAX;
        r.wide.rax = (unsigned long long)-(long long)error;
    }
    return set(tid, &r, narrow);
}

int registers_set_first(pid_t tid, const struct seccomp_data *data, uint64_t value)
{
    union registers r;
    bool narrow = false;
    int e = get(tid, &r, &narrow);
    if (e < 0) {
        return e;
    }
    if (narrow) {
        r.narrow[I386_EBX] = (uint32_t)value;
    } else if (data->arch == AUDIT_ARCH_I386) {
        r.wide.rbx = value;
    } else {
        r.wide.rdi = value;
    }
    return set(tid, &r, narrow);
}

#else /* arm64 */

#include <asm/ptrace.h>

static int get(pid_t tid, struct user_pt_regs *ret)
{
    struct iovec io = { ret, sizeof(*ret) };
    return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &io) != 0 ? -errno : 0;
}

static int set(pid_t tid, struct user_pt_regs *registers)
{
    struct iovec io = { registers, sizeof(*registers) };
    return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &io) != 0 ? -errno : 0;
}

static int call_of_registers(pid_t tid, struct seccomp_data *ret)
{
    struct user_pt_regs r = { 0 };
    int e = get(tid, &r);
    if (e < 0) {
        return e;
    }
    ret->arch = AUDIT_ARCH_AARCH64;
    ret->nr = (int)r.regs[8];
    ret->instruction_pointer = r.pc;
    for (int i = 0; i < 6; i++) {
        ret->args[i] = r.regs[i];
    }
    return 0;
}

static int result_of_registers(pid_t tid, int64_t *ret)
{
    struct user_pt_regs r = { 0 };
    int e = get(tid, &r);
    if (e == 0) {
        *ret = (int64_t)r.regs[0];
    }
    return e;
}

int registers_refuse(pid_t tid, int error)
{
    struct user_pt_regs r = { 0 };
    int none = -1;
    struct iovec io = { &none, sizeof(none) };
    int e = get(tid, &r);
    if (e < 0 || ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &io) != 0) {
        return e < 0 ? e : -errno;
    }
    r.regs[0] = (uint64_t)(int64_t)-error;
    return set(tid, &r);
}

/* The first argument's register is the result's too. */
int registers_set_first(pid_t tid, const struct seccomp_data *data, uint64_t value)
{
    struct user_pt_regs r = { 0 };
    (void)data;
    int e = get(tid, &r);
    if (e < 0) {
        return e;
    }
    r.regs[0] = value;
    return set(tid, &r);
}

#endif

static int describe(pid_t tid, struct __ptrace_syscall_info *ret)
{
    memset(ret, 0, sizeof(*ret));
    return ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(*ret), ret) <= 0 ? -errno : 0;
}

int registers_call(pid_t tid, bool old, struct seccomp_data *ret)
{
    struct __ptrace_syscall_info info;
    struct seccomp_data data = { 0 };
    int e = old ? -EIO : describe(tid, &info);
    if (e == -EIO) {
        e = call_of_registers(tid, &data);
    } else if (e == 0) {
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY && info.op != PTRACE_SYSCALL_INFO_SECCOMP) {
            return -EINVAL;
        }
        data.arch = info.arch;
        data.instruction_pointer = info.instruction_pointer;
        /* Both begin with the number and the arguments. */
        data.nr = (int)info.entry.nr;
        for (int i = 0; i < 6; i++) {
            data.args[i] = info.entry.args[i];
        }
    }
    if (e == 0) {
        *ret = data;
    }
    return e;
}

int registers_result(pid_t tid, bool old, int64_t *ret)
{
    struct __ptrace_syscall_info info;
    int e = old ? -EIO : describe(tid, &info);
    if (e == -EIO) {
        return result_of_registers(tid, ret);
    }
    if (e == 0 && info.op != PTRACE_SYSCALL_INFO_EXIT) {
        return -EINVAL;
    }
    *ret = e == 0 ? info.exit.rval : *ret;
    return e;
}

int registers_write_memory(pid_t tid, uint64_t address, const void *p, size_t n)
{
    struct iovec here = { (void *)p, n };
    struct iovec there = { (void *)(uintptr_t)address, n };
    return process_vm_writev(tid, &here, 1, &there, 1, 0) == (ssize_t)n ? 0 : -errno;
}
