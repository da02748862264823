/*
 * exact_registers: a stopped thread's registers: the result of the call it returned from, or which call it
 * is about to make.
 *
 * At a stop asked for, x86 still shows the code by which the kernel will restart an interrupted call;
 * arm64 has already set the thread back to the instruction that makes it. Entry and exit stops are
 * described by the kernel itself (PTRACE_GET_SYSCALL_INFO, 5.3).
 *
 * Sources: ptrace(2), Linux' arch/x86/kernel/signal.c and arch/arm64/kernel/signal.c.
 */
#include "sensor/notify/exact_stop.h"

#include <elf.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define RESTART_SYS    512
#define RESTART_NOINT  513
#define RESTART_NOHAND 514
#define RESTART_BLOCK  516

static bool is_restart(int64_t result)
{
    return result == -RESTART_SYS || result == -RESTART_NOINT || result == -RESTART_NOHAND ||
           result == -RESTART_BLOCK;
}

#if defined(__x86_64__)

/* Of a thread in 32-bit mode the kernel gives 32-bit registers. */
#define I386_REGISTERS 17
#define I386_EAX       6
#define I386_ORIG_EAX  11

union registers {
    struct user_regs_struct wide;
    uint32_t narrow[I386_REGISTERS];
};

int exact_registers_read(pid_t tid, const struct seccomp_data *call, struct exact_registers *ret)
{
    union registers registers;
    struct iovec io = { &registers, sizeof(registers) };
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &io) != 0) {
        return -errno;
    }
    bool narrow = io.iov_len == sizeof(registers.narrow);
    int64_t number =
        narrow ? (int32_t)registers.narrow[I386_ORIG_EAX] : (int64_t)registers.wide.orig_rax;
    int64_t result = narrow ? (int32_t)registers.narrow[I386_EAX] : (int64_t)registers.wide.rax;
    if (number != call->nr) {
        return -ESRCH;
    }
    *ret = (struct exact_registers){ result, is_restart(result) };
    return 0;
}

void exact_registers_restart(pid_t tid, const struct seccomp_data *call)
{
    union registers registers;
    struct iovec io = { &registers, sizeof(registers) };
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &io) != 0) {
        return;
    }
    bool narrow = io.iov_len == sizeof(registers.narrow);
    if (narrow && (int32_t)registers.narrow[I386_ORIG_EAX] == call->nr &&
        (int32_t)registers.narrow[I386_EAX] == -RESTART_SYS) {
        registers.narrow[I386_EAX] = (uint32_t)-RESTART_NOINT;
    } else if (!narrow && (int64_t)registers.wide.orig_rax == call->nr &&
               (int64_t)registers.wide.rax == -RESTART_SYS) {
        registers.wide.rax = (uint64_t)(int64_t)-RESTART_NOINT;
    } else {
        return;
    }
    ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &io);
}

#else /* arm64 */

#include <asm/ptrace.h>

#define INSTRUCTION 4

/* The number kept apart (NT_ARM_SYSTEM_CALL) is gone by now; its register is not. */
int exact_registers_read(pid_t tid, const struct seccomp_data *call, struct exact_registers *ret)
{
    struct user_pt_regs registers;
    struct iovec io = { &registers, sizeof(registers) };
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &io) != 0) {
        return -errno;
    }
    bool back = registers.pc == call->instruction_pointer - INSTRUCTION;
    bool same = back || registers.pc == call->instruction_pointer;
    if (!same || registers.regs[8] != (uint64_t)call->nr) {
        return -ESRCH;
    }
    int64_t result = (int64_t)registers.regs[0];
    *ret = (struct exact_registers){ back ? -RESTART_SYS : result, back || is_restart(result) };
    return 0;
}

/* Whether it restarts, the kernel has decided before it shows the registers. */
void exact_registers_restart(pid_t tid, const struct seccomp_data *call)
{
    (void)tid;
    (void)call;
}

#endif

static bool is_call(const struct __ptrace_syscall_info *info, const struct seccomp_data *call)
{
    bool same = info->arch == call->arch && info->entry.nr == (uint64_t)call->nr;
    for (int i = 0; same && i < 6; i++) {
        same = info->entry.args[i] == call->args[i];
    }
    return same;
}

enum exact_side exact_side_read(pid_t tid, const struct seccomp_data *call,
                                struct exact_registers *ret)
{
    struct __ptrace_syscall_info info;
    memset(&info, 0, sizeof(info));
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0) {
        return SIDE_OTHER;
    }
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        *ret = (struct exact_registers){ info.exit.rval, is_restart(info.exit.rval) };
        return SIDE_EXIT;
    }
    return info.op == PTRACE_SYSCALL_INFO_ENTRY && is_call(&info, call) ? SIDE_ENTRY : SIDE_OTHER;
}
