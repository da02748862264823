/*
 * process: /proc/PID is opened once, and its status and stat are read below it, so that a reused id cannot mix two
 * processes.
 *
 * `status` is read by lines: a process can make it long (65,536 groups), and what comes behind them is what is
 * asked for.
 */
#include "sensor/live/process.h"

#include "base/cleanup.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"
#include "sensor/live/task.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE_SIZE  4096
#define STATUS_MAX (1 << 20)
#define STAT_SIZE  1024

static void status_line(void *data, struct str line)
{
    proc_status_line(data, line);
}

static uint64_t mounts_of(int dir)
{
    struct stat status;
    return fstatat(dir, "ns/mnt", &status, 0) == 0 ? status.st_ino : 0;
}

int live_process_read(int64_t pid, struct live_process *ret)
{
    char text[LINE_SIZE];
    struct str comm;
    struct live_task task = { .seccomp_filters = LIVE_FILTERS_UNKNOWN };
    struct proc_reader status = {
        .buffer = text, .size = sizeof(text), .max = STATUS_MAX, .line = status_line, .data = &task
    };
    int dir CLEANUP(cleanup_close) = proc_open(pid);
    int r = dir < 0 ? dir : proc_each_line(dir, "status", &status);
    ssize_t n = r < 0 ? r : proc_read(dir, "stat", text, STAT_SIZE);
    if (n < 0) {
        return n == -ENOENT ? -ESRCH : n == -EPERM ? -EACCES : (int)n;
    }
    if (task.pid != pid || proc_stat(&task, str_from(text, (size_t)n), &comm) < 0) {
        return -ESRCH;
    }
    *ret = (struct live_process){ .pid = pid,
                                  .ppid = task.ptid,
                                  .filters = task.seccomp_filters,
                                  .start_ticks = task.start_ticks,
                                  .mounts = mounts_of(dir) };
    return 0;
}

struct str live_process_container(int64_t pid, char storage[LIVE_CGROUPS_MAX])
{
    int dir CLEANUP(cleanup_close) = proc_open(pid);
    ssize_t n = dir < 0 ? 0 : proc_read(dir, "cgroup", storage, LIVE_CGROUPS_MAX);
    struct str rest = str_from(storage, n > 0 ? (size_t)n : 0), id = { 0 };
    for (struct str line; !id.n && proc_line(&rest, &line);) {
        id = cgroup_container_id(str_from_offset(line, (size_t)(str_find_last(line, ':') + 1)));
    }
    return id;
}

int live_process_open(int64_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    return fd < 0 ? -errno : fd;
}

bool live_process_ended(int pidfd)
{
    struct pollfd item = { .fd = pidfd, .events = POLLIN };
    return poll(&item, 1, 0) == 1;
}
