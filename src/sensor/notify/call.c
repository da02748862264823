/*
 * call: the table of calls, and numbers to calls and back.
 *
 * Shape: calls.def makes the table, an enum of its indices, and an array from event names to indices.
 * Numbers of this machine come from the event module (name_of_syscall), those of 32-bit x86 from
 * ia32.def, those of the x32 convention are this machine's with bit 30 set, but for the few from 512 on,
 * listed here.
 *
 * Invariant: a name has one entry; the indices plus one fit a byte.
 *
 * Sources: Linux' arch/x86/entry/syscalls/syscall_32.tbl, syscall_64.tbl.
 */
#include "sensor/notify/call.h"

#include <linux/audit.h>
#include <linux/net.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum call_index {
#define CALL(id, kind_id, how, what, arguments) INDEX_##id,
#include "sensor/notify/calls.def"
#undef CALL
    CALL_COUNT,
};

/* The flags of calls.def without their prefix. */
enum {
    STATE = CALL_STATE,
    OPEN = CALL_OPEN,
    PATHS = CALL_PATHS,
    SOCKET = CALL_SOCKET,
    HIDDEN_BY_DOCKER = CALL_HIDDEN_BY_DOCKER,
    TAMPERS = CALL_TAMPERS,
};

const struct call call_table[] = {
#define CALL(id, kind_id, how, what, arguments)                                                    \
    { .name = NAME_##id,                                                                           \
      .kind = KIND_##kind_id,                                                                      \
      .manner = MANNER_##how,                                                                      \
      .nargs = sizeof(arguments) - 1,                                                              \
      .flags = (what),                                                                             \
      .args = (arguments) },
#include "sensor/notify/calls.def"
#undef CALL
};

const size_t call_count = CALL_COUNT;

/* Indices plus one, so that the gaps are zero. */
static const uint8_t by_name[NAME_MAX_ID] = {
#define CALL(id, kind_id, how, what, arguments) [NAME_##id] = INDEX_##id + 1,
#include "sensor/notify/calls.def"
#undef CALL
};

_Static_assert(CALL_COUNT < UINT8_MAX && CALL_COUNT <= CALLS_MAX, "calls are numbered in a byte");

const struct call *call_find(uint16_t name)
{
    return name < NAME_MAX_ID && by_name[name] ? &call_table[by_name[name] - 1] : NULL;
}

#ifdef __x86_64__
/* Names plus one. */
static const uint16_t ia32_names[] = {
#define IA32(number, call, name) [number] = NAME_##name + 1,
#define IA32_NEW(number, name)   [number] = NAME_##name + 1,
#include "sensor/notify/ia32.def"
#undef IA32
#undef IA32_NEW
};

#define X32(number, name) [(number)-CALL_X32_FIRST] = NAME_##name + 1
static const uint16_t x32_names[] = {
    X32(512, rt_sigaction),
    X32(513, rt_sigreturn),
    X32(514, ioctl),
    X32(515, readv),
    X32(516, writev),
    X32(517, recvfrom),
    X32(518, sendmsg),
    X32(519, recvmsg),
    X32(520, execve),
    X32(521, ptrace),
    X32(524, rt_sigqueueinfo),
    X32(528, kexec_load),
    X32(536, rt_tgsigqueueinfo),
    X32(537, recvmmsg),
    X32(538, sendmmsg),
    X32(539, process_vm_readv),
    X32(540, process_vm_writev),
    X32(545, execveat),
};
#undef X32

static uint16_t x32_name(uint32_t nr)
{
    if (nr < CALL_X32_FIRST) {
        return name_of_syscall(nr);
    }
    nr -= CALL_X32_FIRST;
    return nr < COUNT(x32_names) && x32_names[nr] ? (uint16_t)(x32_names[nr] - 1) : NAME_NONE;
}

static uint16_t ia32_name(uint32_t nr)
{
    return nr < COUNT(ia32_names) && ia32_names[nr] ? (uint16_t)(ia32_names[nr] - 1) : NAME_NONE;
}

uint16_t call_name_of_number(uint32_t arch, uint32_t nr)
{
    if (arch == AUDIT_ARCH_X86_64) {
        return nr & CALL_X32_BIT ? x32_name(nr & ~CALL_X32_BIT) : name_of_syscall(nr);
    }
    return arch == AUDIT_ARCH_I386 ? ia32_name(nr) : NAME_NONE;
}
#else
uint16_t call_name_of_number(uint32_t arch, uint32_t nr)
{
    return arch == CALL_ARCH_NATIVE ? name_of_syscall(nr) : NAME_NONE;
}
#endif

const struct call *call_of_number(uint32_t arch, uint32_t nr)
{
    return call_find(call_name_of_number(arch, nr));
}

int call_number(uint32_t arch, const struct call *call)
{
    for (uint32_t nr = 0; nr < CALL_NUMBERS; nr++) {
        if (call_name_of_number(arch, nr) == call->name) {
            return (int)nr;
        }
    }
    return -1;
}

const struct call *call_of_socketcall(uint32_t operation)
{
    /* send(2) has no address: it is a sendto without one, that is, nothing of ours. */
    static const uint16_t names[] = {
        [SYS_SOCKET] = NAME_socket,   [SYS_BIND] = NAME_bind,       [SYS_CONNECT] = NAME_connect,
        [SYS_LISTEN] = NAME_listen,   [SYS_ACCEPT] = NAME_accept,   [SYS_SENDTO] = NAME_sendto,
        [SYS_SENDMSG] = NAME_sendmsg, [SYS_ACCEPT4] = NAME_accept4, [SYS_SENDMMSG] = NAME_sendmmsg,
    };
    return operation < COUNT(names) && names[operation] ? call_find(names[operation]) : NULL;
}

void callset_state(struct callset *ret)
{
    *ret = (struct callset){ 0 };
    for (size_t i = 0; i < call_count; i++) {
        if (call_table[i].flags & CALL_STATE) {
            callset_add(ret, i);
        }
    }
}

void callset_all(struct callset *ret)
{
    *ret = (struct callset){ 0 };
    for (size_t i = 0; i < call_count; i++) {
        callset_add(ret, i);
    }
}

bool callset_add_name(struct callset *set, uint16_t name)
{
    bool any = false;
    for (size_t i = 0; i < call_count; i++) {
        if (call_event_name(&call_table[i]) == name) {
            callset_add(set, i);
            any = true;
        }
    }
    return any;
}
