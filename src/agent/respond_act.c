/*
 * A pidfd names one process for good; so it is opened first, and /proc read then: had the id been reused in
 * between, the signal would go to the old one, which is gone. What is read tells whether the process that
 * the pidfd names had started when the one meant was seen. Start times are in ticks of the kernel.
 */
#include "agent/respond_act.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL_SLACK_NS (2 * NS_PER_S) /* between clocks that are set, and of events that came late */

static uint64_t tick_ns(void)
{
    long ticks = sysconf(_SC_CLK_TCK);
    return NS_PER_S / (uint64_t)(ticks > 0 ? ticks : 100);
}

int act_open(const struct act_target *target, struct live_task *task)
{
    int fd CLEANUP(cleanup_close) = (int)syscall(SYS_pidfd_open, target->pid, 0);
    if (fd < 0) {
        return errno == EINVAL ? -ESRCH : -errno;
    }
    int r = live_task_read(task, target->pid, LIVE_IDS);
    if (r < 0) {
        return r;
    }
    uint64_t started = task->start_ticks * tick_ns();
    bool later = started > target->seen_boot_ns;
    bool other = target->start_real_ns && task->start_ns > target->start_real_ns + REAL_SLACK_NS;
    if (later || other) {
        return -ESTALE;
    }
    return TAKE_FD(fd);
}

int act_kill(const struct act_target *target, struct live_task *task)
{
    int fd CLEANUP(cleanup_close) = act_open(target, task);
    if (fd < 0) {
        return fd;
    }
    return syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

bool act_is_beside_us(int64_t pid)
{
    char path[64];
    struct stat own, its;
    snprintf(path, sizeof(path), "/proc/%lld/ns/mnt", (long long)pid);
    return stat("/proc/self/ns/mnt", &own) == 0 && stat(path, &its) == 0 &&
           own.st_ino == its.st_ino && own.st_dev == its.st_dev;
}
