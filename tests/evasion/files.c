/*
 * Evasions 4 to 9, 15, 22: files reached, written and put into place in other ways than by their names.
 *
 * Negatives go the same way to a harmless file.
 */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CRON "/etc/cron.d/job"

static int ring(bool decisive)
{
    struct io_uring_params params;
    memset(&params, 0, sizeof(params));
    if (decisive && syscall(SYS_io_uring_setup, 4, &params) < 0 && errno != ENOSYS &&
        errno != EPERM) {
        return failed("io_uring_setup");
    }
    return 0;
}

/* The submission queue is read by a thread of the kernel: no call at all for what follows. */
static int polled_ring(bool decisive)
{
    struct io_uring_params params;
    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_SQPOLL;
    if (decisive && syscall(SYS_io_uring_setup, 4, &params) < 0 && errno != ENOSYS &&
        errno != EPERM) {
        return failed("io_uring_setup");
    }
    return 0;
}

static int created(bool decisive)
{
    const char *path = decisive ? CRON : "/tmp/harmless";
    return syscall(SYS_creat, path, 0644) < 0 ? failed(path) : 0;
}

/* By handle: a file system of its own below /etc, for not all can open by handle. */
static int by_handle(bool decisive)
{
    const char *folder = decisive ? "/etc/handles" : "/tmp/handles";
    char path[64];
    _Alignas(8) char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    struct file_handle *handle = (struct file_handle *)bytes;
    int mount_id;
    snprintf(path, sizeof(path), "%s/file", folder);
    handle->handle_bytes = MAX_HANDLE_SZ;
    if (mkdir(folder, 0755) < 0 || mount("handles", folder, "tmpfs", 0, NULL) < 0 ||
        mknod(path, S_IFREG | 0644, 0) < 0 ||
        name_to_handle_at(AT_FDCWD, path, handle, &mount_id, 0) < 0) {
        return failed(path);
    }
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = at < 0 ? -1 : open_by_handle_at(at, handle, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? failed("open_by_handle_at") : 0;
}

static int made_elsewhere(const char *path)
{
    return mknod(path, S_IFREG | 0644, 0) < 0 ? failed(path) : 0;
}

static int renamed_into(bool decisive)
{
    if (made_elsewhere("/var/tmp/job")) {
        return 1;
    }
    return rename("/var/tmp/job", decisive ? CRON : "/var/tmp/job2") < 0 ? failed("rename") : 0;
}

static int exchanged_into(bool decisive)
{
    const char *to = decisive ? "/etc/hostname.box" : "/var/tmp/job2";
    if (made_elsewhere("/var/tmp/job") || (!decisive && made_elsewhere(to))) {
        return 1;
    }
    return renameat2(AT_FDCWD, to, AT_FDCWD, "/var/tmp/job", RENAME_EXCHANGE) < 0
               ? failed("renameat2")
               : 0;
}

static int linked_into(bool decisive)
{
    if (made_elsewhere("/var/tmp/job")) {
        return 1;
    }
    return link("/var/tmp/job", decisive ? CRON : "/var/tmp/job2") < 0 ? failed("link") : 0;
}

static int temporary_into(bool decisive)
{
    char self[64];
    int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
    if (fd < 0) {
        return errno == EOPNOTSUPP ? skipped("no O_TMPFILE here") : failed("O_TMPFILE");
    }
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    const char *to = decisive ? CRON : "/var/tmp/job2";
    return linkat(AT_FDCWD, self, AT_FDCWD, to, AT_SYMLINK_FOLLOW) < 0 ? failed("linkat") : 0;
}

static int through_symlink(bool decisive)
{
    if (symlink("/etc/security", "/tmp/l") < 0) {
        return failed("/tmp/l");
    }
    return open_it(decisive ? "/tmp/l/../shadow" : "/tmp/l/../os-release", O_RDONLY);
}

static int symlink_to_it(bool decisive)
{
    if (symlink(decisive ? "/etc/shadow" : "/etc/os-release", "/tmp/l") < 0) {
        return failed("/tmp/l");
    }
    return open_it("/tmp/l", O_RDONLY);
}

static int through_proc_root(bool decisive)
{
    return open_it(decisive ? "/proc/self/root/etc/shadow" : "/proc/self/root/etc/os-release",
                   O_RDONLY);
}

static int through_dev_fd(bool decisive)
{
    char path[64];
    int fd = open("/etc", O_PATH | O_CLOEXEC);
    snprintf(path, sizeof(path), "/dev/fd/%d/%s", fd, decisive ? "shadow" : "os-release");
    return open_it(path, O_RDONLY);
}

/* The descriptor itself, opened again. */
static int descriptor_again(bool decisive)
{
    char path[64];
    int fd = open(decisive ? "/etc/shadow" : "/etc/os-release", O_PATH | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open_it(path, O_RDONLY);
}

static int other_name(bool decisive)
{
    if (link(decisive ? "/etc/shadow" : "/etc/hostname.box", "/var/tmp/other") < 0) {
        return failed("link");
    }
    return open_it("/var/tmp/other", O_RDONLY);
}

static int by_descriptor(bool decisive)
{
    int fd = open("/etc", O_PATH | O_CLOEXEC);
    if (openat(fd, decisive ? "shadow" : "os-release", O_RDONLY | O_CLOEXEC) < 0) {
        return failed("shadow");
    }
    return 0;
}

static int by_directory(bool decisive)
{
    return chdir("/etc") < 0 || open_it(decisive ? "shadow" : "os-release", O_RDONLY);
}

static int in_namespace(bool decisive)
{
    if (unshare(CLONE_NEWNS) < 0) {
        return failed("unshare");
    }
    return open_it(decisive ? "/etc/shadow" : "/etc/os-release", O_RDONLY);
}

static int changed_root(bool decisive)
{
    if (decisive && chroot("/etc") < 0) {
        return failed("chroot");
    }
    return open_it(decisive ? "/shadow" : "/etc/os-release", O_RDONLY);
}

static int bound(bool decisive)
{
    if (mkdir("/tmp/e", 0755) < 0 || unshare(CLONE_NEWNS) < 0) {
        return failed("unshare");
    }
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (decisive && mount("/etc", "/tmp/e", NULL, MS_BIND, NULL) < 0) {
        return failed("mount");
    }
    return open_it(decisive ? "/tmp/e/shadow" : "/etc/os-release", O_RDONLY);
}

static int moved_tree(bool decisive)
{
    if (mkdir("/tmp/e", 0755) < 0 || unshare(CLONE_NEWNS) < 0) {
        return failed("unshare");
    }
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (!decisive) {
        return 0;
    }
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/etc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 ||
        syscall(SYS_move_mount, tree, "", AT_FDCWD, "/tmp/e", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
        return failed("move_mount");
    }
    return open_it("/tmp/e/shadow", O_RDONLY);
}

/* "/etc/./././…/shadow" of n bytes. */
static int long_path(bool decisive, size_t n)
{
    char path[4096] = "/etc/";
    const char *name = decisive ? "shadow" : "issues";
    size_t at = strlen(path);
    while (at + 2 + strlen(name) < n) {
        memcpy(path + at, "./", 2);
        at += 2;
    }
    if (at + strlen(name) < n) {
        path[at++] = '/';
    }
    memcpy(path + at, name, strlen(name) + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return decisive && fd < 0 ? failed("the long path") : 0;
}

static int path_of_300(bool decisive)
{
    return long_path(decisive, 300);
}

static int path_of_4095(bool decisive)
{
    return long_path(decisive, 4095);
}

static int disk_made(bool decisive)
{
    if (decisive && mknod("/tmp/disk", S_IFBLK | 0600, makedev(7, 0)) < 0) {
        return failed("mknod");
    }
    return 0;
}

const struct scenario evasion_files[] = {
    { "ring", ring },
    { "polled-ring", polled_ring },
    { "created", created },
    { "by-handle", by_handle },
    { "renamed-into", renamed_into },
    { "exchanged-into", exchanged_into },
    { "linked-into", linked_into },
    { "temporary-into", temporary_into },
    { "through-symlink", through_symlink },
    { "symlink-to-it", symlink_to_it },
    { "through-proc-root", through_proc_root },
    { "through-dev-fd", through_dev_fd },
    { "descriptor-again", descriptor_again },
    { "other-name", other_name },
    { "by-descriptor", by_descriptor },
    { "by-directory", by_directory },
    { "in-namespace", in_namespace },
    { "changed-root", changed_root },
    { "bound", bound },
    { "moved-tree", moved_tree },
    { "path-of-300", path_of_300 },
    { "path-of-4095", path_of_4095 },
    { "disk-made", disk_made },
    { NULL, NULL },
};
