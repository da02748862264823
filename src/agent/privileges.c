/*
 * privileges: capabilities kept and given up.
 *
 * Kept are Docker's default ones, for a call that is answered with the caller's own rights (path look-ups,
 * opens done in its place) needs all that the caller has; CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH to read what
 * calls point to and what processes are; CAP_NET_RAW for names. Everything else is given up, the
 * bounding set included: a privileged container's agent cannot mount, load modules or programs into the
 * kernel, or set clocks. Raw calls: there is no library between.
 *
 * Sources: capabilities(7), prctl(2).
 */
#include "agent/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT64_C(1) << (capability))

#define KEPT                                                                                       \
    (BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_KILL) |      \
     BIT(CAP_NET_RAW) | BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_CHOWN) | BIT(CAP_FOWNER) |     \
     BIT(CAP_FSETID) | BIT(CAP_MKNOD) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |             \
     BIT(CAP_SYS_CHROOT) | BIT(CAP_AUDIT_WRITE) | BIT(CAP_SETFCAP))

static int get(uint64_t *ret_effective, uint64_t *ret_permitted)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (syscall(SYS_capget, &header, data) < 0) {
        return -errno;
    }
    *ret_effective = data[0].effective | (uint64_t)data[1].effective << 32;
    *ret_permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    return 0;
}

static int set(uint64_t effective, uint64_t permitted)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(effective >> 32 * i);
        data[i].permitted = (uint32_t)(permitted >> 32 * i);
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

bool privileges_has(unsigned capability)
{
    uint64_t effective = 0, permitted = 0;
    return get(&effective, &permitted) == 0 && effective & BIT(capability);
}

/* Those the kernel knows; needs CAP_SETPCAP, without which there is nothing to gain either. */
static void drop_bounding(void)
{
    for (unsigned long c = 0; c < 64 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
        if (!(KEPT & BIT(c))) {
            prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
        }
    }
}

int privileges_drop(struct err *err)
{
    uint64_t effective = 0, permitted = 0;
    int r = get(&effective, &permitted);
    if (r == 0) {
        if (effective & BIT(CAP_SETPCAP)) {
            drop_bounding();
        }
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        r = set(effective & KEPT, permitted & KEPT);
    }
    if (r < 0) {
        return err_set(err, r, "cannot give up capabilities: %s", strerror(-r));
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return err_set(err, -errno, "cannot close this process: %s", strerror(errno));
    }
    return 0;
}
