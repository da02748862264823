/*
 * exe: what lies behind /proc/TID/exe, looked at through a descriptor of it that cannot be opened for
 * reading, so that nothing (a dead file system, a FIFO) can hold the reader up.
 *
 * " (deleted)" at the end of the link is the kernel's when the file has no links left, or when the path
 * with it leads to another file or nowhere; else it is the file's real name.
 *
 * Writable is the answer of mode bits for the task's file system ids, of CAP_DAC_OVERRIDE where the file's
 * owner and group are mapped in the task's user namespace, and of read-only mounts and immutable files.
 */
#include "sensor/live/exe.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/live/overlay.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define CAP_DAC_OVERRIDE_BIT 1
#define MAP_SIZE             4096

static const struct str deleted = { " (deleted)", 10 };
static const struct str memfd = { "/memfd:", 7 };

static uint64_t ns_of(const struct statx_timestamp *t)
{
    return (uint64_t)t->tv_sec * NS_PER_S + t->tv_nsec;
}

static bool has_group(const struct live_task *task, uint32_t gid)
{
    bool found = task->fsgid == gid;
    for (uint32_t i = 0; i < task->ngroups && i < LIVE_GROUPS_MAX && !found; i++) {
        found = task->groups[i] == gid;
    }
    return found;
}

static bool is_mapped(int dir, const char *map, uint32_t id)
{
    char text[MAP_SIZE];
    ssize_t n = proc_read(dir, map, text, sizeof(text));
    return n > 0 && proc_id_is_mapped(str_from(text, (size_t)n), id);
}

static bool mode_allows(const struct live_task *task, const struct statx *st)
{
    if (task->fsuid == st->stx_uid) {
        return st->stx_mode & S_IWUSR;
    }
    return has_group(task, st->stx_gid) ? st->stx_mode & S_IWGRP : st->stx_mode & S_IWOTH;
}

static bool is_writable(const struct exe_facts *facts, int fd, const struct statx *st)
{
    struct statvfs fs;
    if ((st->stx_attributes & STATX_ATTR_IMMUTABLE) ||
        (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY))) {
        return false;
    }
    return mode_allows(facts->task, st) ||
           ((facts->task->cap_effective >> CAP_DAC_OVERRIDE_BIT & 1) &&
            is_mapped(facts->dir, "uid_map", st->stx_uid) &&
            is_mapped(facts->dir, "gid_map", st->stx_gid));
}

static bool is_memfd(const struct exe_facts *facts, int fd, const struct statx *st)
{
    struct statfs fs;
    if (!str_starts(facts->link, memfd) || st->stx_nlink != 0) {
        return false;
    }
    return facts->memfd_dev == 0 ||
           makedev(st->stx_dev_major, st->stx_dev_minor) == facts->memfd_dev ||
           (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC);
}

static void look_at(struct exe_facts *facts, int fd, const struct statx *st)
{
    struct live_task *task = facts->task;
    struct image *exe = &task->exe_facts;
    exe->exe_known = true;
    exe->exe_ino = st->stx_ino;
    exe->exe_ino_ctime_ns = ns_of(&st->stx_ctime);
    exe->exe_ino_mtime_ns = ns_of(&st->stx_mtime);
    exe->exe_writable = is_writable(facts, fd, st);
    exe->exe_from_memfd = is_memfd(facts, fd, st);

    struct str name = proc_without(facts->link, deleted);
    bool may_be_deleted = name.n < facts->link.n;
    bool on_overlay = overlay_has(fd);
    int root CLEANUP(cleanup_close) =
        may_be_deleted || on_overlay ? openat(facts->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC)
                                     : -1;
    task->exe_deleted =
        may_be_deleted && (st->stx_nlink == 0 || !proc_leads_to(root, facts->path, st));
    if (task->exe_deleted) {
        facts->path = proc_within(name, facts->root);
    }
    enum overlay_layer layer = on_overlay ? overlay_layer(fd, root) : OVERLAY_NONE;
    exe->exe_upper_layer = layer == OVERLAY_UPPER;
    exe->exe_lower_layer = layer == OVERLAY_LOWER;
}

void exe_read(struct exe_facts *facts)
{
    facts->path = proc_within(facts->link, facts->root);
    struct statx st;
    int fd CLEANUP(cleanup_close) =
        facts->link.n > 0 ? openat(facts->dir, "exe", O_PATH | O_CLOEXEC) : -1;
    if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) == 0) {
        look_at(facts, fd, &st);
    }
}
