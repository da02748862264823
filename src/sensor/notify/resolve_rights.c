/*
 * resolve_rights: this thread with the ids and file rights of another task, and back.
 *
 * All calls here are per thread: raw setgroups(2) and capset(2), setfsuid(2), setfsgid(2). The real and
 * effective ids never change, so the way back is always open. Only what differs is switched. Entering
 * never adds a capability that the thread did not have in effect; setfsuid() takes file capabilities
 * away and gives them back by itself when the file-system user 0 is left or taken (capabilities(7)), which
 * `now` follows.
 *
 * Sources: credentials(7), capabilities(7), setfsuid(2).
 */
#include "sensor/live/task.h"
#include "sensor/notify/resolve_internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT64_C(1) << (capability))
/* Of a task that gives up file-system user 0. */
#define FILE_CAPABILITIES                                                                          \
    (BIT(CAP_CHOWN) | BIT(CAP_MKNOD) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |          \
     BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_MAC_OVERRIDE) | BIT(CAP_LINUX_IMMUTABLE))
/* Those that decide whether a path can be walked and a file opened. */
#define DAC_CAPABILITIES (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH))

static int read_capabilities(struct resolver *r)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (syscall(SYS_capget, &header, data) < 0) {
        return -errno;
    }
    r->own.effective = data[0].effective | (uint64_t)data[1].effective << 32;
    r->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    r->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

int rights_init(struct resolver *r)
{
    int e = read_capabilities(r);
    if (e < 0) {
        return e;
    }
    r->own.fsuid = (uint32_t)setfsuid((uid_t)-1);
    r->own.fsgid = (uint32_t)setfsgid((gid_t)-1);
    int n = getgroups(TARGET_GROUPS_MAX, r->own.groups);
    r->own.ngroups = n < 0 ? TARGET_GROUPS_MAX + 1 : (uint32_t)n;
    int bits = prctl(PR_GET_SECUREBITS);
    r->keeps_caps = bits > 0 && bits & SECBIT_NO_SETUID_FIXUP;
    r->now = r->own;
    if (r->own.effective & BIT(CAP_DAC_OVERRIDE) && syscall(SYS_setgroups, (size_t)0, NULL) == 0) {
        r->own.ngroups = r->now.ngroups = 0;
    }
    return 0;
}

static bool set_effective(struct resolver *r, uint64_t wanted)
{
    if (r->now.effective == wanted) {
        return true;
    }
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(wanted >> 32 * i);
        data[i].permitted = (uint32_t)(r->permitted >> 32 * i);
        data[i].inheritable = (uint32_t)(r->inheritable >> 32 * i);
    }
    if (syscall(SYS_capset, &header, data) < 0) {
        return false;
    }
    r->now.effective = wanted;
    return true;
}

static bool same_groups(const struct rights *now, const uint32_t *groups, uint32_t n)
{
    return now->ngroups == n && (n == 0 || (n <= TARGET_GROUPS_MAX &&
                                            memcmp(now->groups, groups, n * sizeof(*groups)) == 0));
}

static bool set_groups(struct resolver *r, const uint32_t *groups, uint32_t n)
{
    if (same_groups(&r->now, groups, n)) {
        return true;
    }
    /* What cannot be restored is not changed. */
    if (n > TARGET_GROUPS_MAX || r->own.ngroups > TARGET_GROUPS_MAX ||
        syscall(SYS_setgroups, (size_t)n, groups) < 0) {
        return false;
    }
    memcpy(r->now.groups, groups, n * sizeof(*groups));
    r->now.ngroups = n;
    return true;
}

/* True when the id was what it was thought to be before. */
static bool set_fsuid(struct resolver *r, uint32_t uid)
{
    if (r->now.fsuid == uid) {
        return true;
    }
    uint32_t before = r->now.fsuid;
    bool as_thought = (uint32_t)setfsuid(uid) == before;
    r->now.fsuid = uid;
    if (!r->keeps_caps && before == 0) {
        r->now.effective &= ~FILE_CAPABILITIES;
    } else if (!r->keeps_caps && uid == 0) {
        r->now.effective |= r->permitted & FILE_CAPABILITIES;
    }
    return as_thought;
}

static bool set_fsgid(struct resolver *r, uint32_t gid)
{
    if (r->now.fsgid == gid) {
        return true;
    }
    bool as_thought = (uint32_t)setfsgid(gid) == r->now.fsgid;
    r->now.fsgid = gid;
    return as_thought;
}

/* Effective capabilities to have, when the ids are the target's already. */
static uint64_t effective_for(const struct resolver *r, const struct target *target, bool exact)
{
    uint64_t has = target->cap_effective & r->own.effective;
    if (exact) {
        return has;
    }
    /* CAP_DAC_OVERRIDE includes what the other allows. */
    if (has & r->now.effective & BIT(CAP_DAC_OVERRIDE)) {
        return r->now.effective;
    }
    return (r->now.effective & ~DAC_CAPABILITIES) | (has & DAC_CAPABILITIES);
}

bool rights_enter(struct resolver *r, const struct target *target, bool exact)
{
    if (!target->ids_known || target->ngroups > TARGET_GROUPS_MAX) {
        return false;
    }
    /* The only group being the file-system group says the same as none. */
    bool none = target->ngroups == 1 && target->groups[0] == target->fsgid;
    if (!set_groups(r, target->groups, none ? 0 : target->ngroups)) {
        return false;
    }
    set_fsgid(r, target->fsgid);
    set_fsuid(r, target->fsuid);
    if (!set_effective(r, effective_for(r, target, exact))) {
        return false;
    }
    if (exact && ((uint32_t)setfsuid((uid_t)-1) != target->fsuid ||
                  (uint32_t)setfsgid((gid_t)-1) != target->fsgid)) {
        return false;
    }
    uint64_t lacking = target->cap_effective & ~r->own.effective;
    return !(lacking & (exact ? ~UINT64_C(0) : DAC_CAPABILITIES));
}

bool rights_leave(struct resolver *r)
{
    if (!same_groups(&r->now, r->own.groups, r->own.ngroups)) {
        set_effective(r, r->now.effective | (r->own.effective & BIT(CAP_SETGID)));
        set_groups(r, r->own.groups, r->own.ngroups);
    }
    bool as_thought = set_fsgid(r, r->own.fsgid);
    as_thought = set_fsuid(r, r->own.fsuid) && as_thought;
    set_effective(r, r->own.effective);
    return as_thought;
}

void target_learn(struct target *target, const struct live_task *task)
{
    target->tid = task->tid;
    target->pid = task->pid;
    target->fsuid = task->fsuid;
    target->fsgid = task->fsgid;
    target->ngroups = task->ngroups;
    memcpy(target->groups, task->groups, sizeof(target->groups));
    target->cap_effective = task->cap_effective;
    target->umask = task->umask;
    target->ids_known = true;
}
