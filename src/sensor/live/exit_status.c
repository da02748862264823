/*
 * exit_status: two sources. A pidfd knows the status of a process that its parent has waited for
 * (PIDFD_GET_INFO, 6.15 and later); /proc/PID/stat knows it before that, to those who may trace the
 * process. In between the process may be waited for, so the pidfd is asked again.
 *
 * /proc/PID is looked up by number: what it said counts only if the pidfd's process still has the number.
 */
#include "sensor/live/exit_status.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"

#include <assert.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAT_SIZE     1024
#define STATUS_COLUMN 49 /* after the name, from 0 */
#define INFO_EXIT     (UINT64_C(1) << 3)

/* The first members of the kernel's struct pidfd_info; the size is part of the request's number. */
struct info {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid;
    uint32_t ids[8];
    int32_t exit_code;
};
static_assert(sizeof(struct info) == 64, "PIDFD_INFO_SIZE_VER0");

#define GET_INFO _IOWR(0xff, 11, struct info)

static int status_by_pidfd(int pidfd)
{
    struct info info = { .mask = INFO_EXIT };
    bool known = ioctl(pidfd, GET_INFO, &info) == 0 && (info.mask & INFO_EXIT);
    return known ? info.exit_code : -1;
}

static bool is_still(int pidfd)
{
    return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 || errno == EPERM;
}

/* Those without the right see a 0 there; they cannot follow the link `exe` either. */
static bool may_see(int dir)
{
    char link[PROC_LINK_MAX];
    return proc_link(dir, "exe", link, sizeof(link)) == -ENOENT;
}

static int status_by_stat(int64_t pid)
{
    char text[STAT_SIZE];
    int dir CLEANUP(cleanup_close) = proc_open(pid);
    ssize_t n = dir < 0 ? dir : proc_read(dir, "stat", text, sizeof(text));
    struct str s = str_from(text, n > 0 ? (size_t)n : 0);
    s = str_from_offset(s, (size_t)(str_find_last(s, ')') + 1));
    struct str state = proc_word(&s);
    for (unsigned i = 1; i < STATUS_COLUMN; i++) {
        proc_word(&s);
    }
    int64_t status;
    bool ended = state.n == 1 && (*state.p == 'Z' || *state.p == 'X');
    return ended && may_see(dir) && proc_integer(&s, &status) ? (int)status : -1;
}

int exit_status(int pidfd, int64_t pid)
{
    int status = status_by_pidfd(pidfd);
    if (status >= 0) {
        return status;
    }
    status = status_by_stat(pid);
    if (is_still(pidfd)) {
        return status;
    }
    return status_by_pidfd(pidfd);
}
