/*
 * Scenarios about files: reading what is secret, writing what is watched, links, names, modes, devices.
 *
 * They work on a root file system made for them, with the files of box.sh, and leave it as it comes. The
 * negative does the same call with another file.
 */
#include "scenario.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_instead(bool decisive, const char *path)
{
    return open_it(decisive ? path : "/etc/os-release", O_RDONLY);
}

static int write_instead(bool decisive, const char *path, int flags)
{
    return open_it(decisive ? path : "/tmp/harmless", O_WRONLY | O_CREAT | flags);
}

static int read_shadow(bool decisive)
{
    return read_instead(decisive, "/etc/shadow");
}

/* The kernel has to say EACCES. */
static int read_shadow_refused(bool decisive)
{
    if (become(1000)) {
        return 1;
    }
    int fd = open(decisive ? "/etc/shadow" : "/etc/os-release", O_RDONLY);
    if (decisive && (fd >= 0 || errno != EACCES)) {
        return failed("/etc/shadow was not refused");
    }
    return 0;
}

static int read_missing(bool decisive)
{
    int fd = open(decisive ? "/etc/sudoers.d/missing" : "/etc/os-release", O_RDONLY);
    return decisive && fd >= 0 ? failed("there is such a file") : 0;
}

static int read_pam_directory(bool decisive)
{
    return read_instead(decisive, "/etc/pam.d/login");
}

static int traversal(bool decisive)
{
    return open_it(decisive ? "/etc/../etc/../etc/passwd" : "/etc/passwd", O_RDONLY);
}

static int traversal_failed(bool decisive)
{
    int fd = open(decisive ? "/etc/../etc/../etc/missing" : "/etc/missing", O_RDONLY);
    return fd >= 0 ? failed("there is such a file") : 0;
}

static int clear_log(bool decisive)
{
    return open_it("/var/log/syslog", decisive ? O_WRONLY | O_TRUNC : O_WRONLY | O_APPEND);
}

static int link_over(bool decisive, const char *target,
                     int (*make)(const char *old_path, const char *new_path))
{
    if (make(decisive ? target : "/etc/os-release", "/etc/linked") < 0) {
        return failed("/etc/linked");
    }
    return 0;
}

static int symlink_shadow(bool decisive)
{
    return link_over(decisive, "/etc/shadow", symlink);
}

static int symlink_etc(bool decisive)
{
    return link_over(decisive, "/etc", symlink);
}

static int hardlink_shadow(bool decisive)
{
    if (link(decisive ? "/etc/shadow" : "/etc/hostname.box", "/etc/linked") < 0) {
        return failed("/etc/linked");
    }
    return 0;
}

static int shell_config(bool decisive)
{
    return write_instead(decisive, "/home/tester/.bashrc", 0);
}

static int shell_profile(bool decisive)
{
    return write_instead(decisive, "/etc/profile", O_APPEND);
}

static int cron_job(bool decisive)
{
    return write_instead(decisive, "/etc/cron.d/job", 0);
}

static int ssh_key(bool decisive)
{
    return read_instead(decisive, "/root/.ssh/id_rsa");
}

static int ssh_directory(bool decisive)
{
    return open_it(decisive ? "/root/.ssh" : "/root", O_RDONLY | O_DIRECTORY);
}

static int authorized_keys(bool decisive)
{
    return write_instead(decisive, "/home/tester/.ssh/authorized_keys", O_APPEND);
}

static int dev_file(bool decisive)
{
    return write_instead(decisive, "/dev/hidden", 0);
}

static int environ_of_init(bool decisive)
{
    return open_it(decisive ? "/proc/1/environ" : "/proc/1/status", O_RDONLY);
}

static int history_unlink(bool decisive)
{
    const char *path = decisive ? "/root/.bash_history" : "/root/notes";
    return unlink(path) < 0 ? failed(path) : 0;
}

static int history_rename(bool decisive)
{
    const char *path = decisive ? "/root/.bash_history" : "/root/notes";
    return rename(path, "/root/moved") < 0 ? failed(path) : 0;
}

static int history_truncate(bool decisive)
{
    return open_it(decisive ? "/root/.bash_history" : "/tmp/harmless",
                   O_WRONLY | O_TRUNC | O_CREAT);
}

static int setuid_chmod(bool decisive)
{
    if (write_file("/tmp/program", "", 0755)) {
        return 1;
    }
    return chmod("/tmp/program", decisive ? 04755 : 0755) < 0 ? failed("chmod") : 0;
}

static int setgid_fchmodat(bool decisive)
{
    if (write_file("/tmp/program", "", 0755)) {
        return 1;
    }
    int mode = decisive ? 02755 : 0755;
    return fchmodat(AT_FDCWD, "/tmp/program", (mode_t)mode, 0) < 0 ? failed("fchmodat") : 0;
}

static int setuid_fchmod(bool decisive)
{
    int fd = open("/tmp/program", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    return fd < 0 || fchmod(fd, decisive ? 04755 : 0755) < 0 ? failed("fchmod") : 0;
}

static int repository(bool decisive)
{
    return write_instead(decisive, "/etc/apt/sources.list.d/other.list", 0);
}

static int binary_written(bool decisive)
{
    return write_instead(decisive, "/usr/bin/tool", 0);
}

static int library_written(bool decisive)
{
    return write_instead(decisive, "/usr/lib/libtool.so", 0);
}

static int etc_written(bool decisive)
{
    return write_instead(decisive, "/etc/somewhere.conf", 0);
}

/* O_RDWR on what there is: no O_CREAT. */
static int etc_opened_for_both(bool decisive)
{
    return open_it(decisive ? "/etc/hostname.box" : "/tmp/boxed", O_RDWR);
}

static int root_written(bool decisive)
{
    return write_instead(decisive, "/dropped", 0);
}

static int rpm_written(bool decisive)
{
    return write_instead(decisive, "/var/lib/rpm/Packages", 0);
}

static int binary_renamed(bool decisive)
{
    const char *path = decisive ? "/usr/bin/boxed" : "/usr/share/boxed";
    return rename(path, "/usr/share/moved") < 0 ? failed(path) : 0;
}

static int binary_removed(bool decisive)
{
    const char *path = decisive ? "/usr/bin/boxed" : "/tmp/boxed";
    return unlink(path) < 0 ? failed(path) : 0;
}

static int binary_directory(bool decisive)
{
    const char *path = decisive ? "/usr/bin/hidden" : "/tmp/hidden";
    return mkdir(path, 0755) < 0 ? failed(path) : 0;
}

static int host_path(bool decisive)
{
    return open_it(decisive ? "/host/etc/os-release" : "/etc/os-release", O_RDONLY);
}

/* The container has been given a block device as its disk. */
static int disk_read(bool decisive)
{
    int fd = open(decisive ? "/dev/sda" : "/dev/zero", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENXIO || errno == EPERM)) {
        return skipped("this machine has no loop device");
    }
    return fd < 0 ? failed("/dev/sda") : 0;
}

/* A control group hierarchy of its own, whose release_agent the kernel would run on the host. */
static int release_agent(bool decisive)
{
    if (mkdir("/tmp/groups", 0755) < 0) {
        return failed("/tmp/groups");
    }
    if (mount("none", "/tmp/groups", "cgroup", 0, "none,name=hinomi-scenario") < 0) {
        return errno == EBUSY ? skipped("no hierarchy can be mounted") : failed("mount");
    }
    int status =
        open_it(decisive ? "/tmp/groups/release_agent" : "/tmp/groups/notify_on_release", O_WRONLY);
    umount2("/tmp/groups", MNT_DETACH);
    return status;
}

const struct scenario scenario_files[] = {
    { "read-shadow", read_shadow },
    { "read-shadow-refused", read_shadow_refused },
    { "read-missing", read_missing },
    { "read-pam-directory", read_pam_directory },
    { "traversal", traversal },
    { "traversal-failed", traversal_failed },
    { "clear-log", clear_log },
    { "symlink-shadow", symlink_shadow },
    { "symlink-etc", symlink_etc },
    { "hardlink-shadow", hardlink_shadow },
    { "shell-config", shell_config },
    { "shell-profile", shell_profile },
    { "cron-job", cron_job },
    { "ssh-key", ssh_key },
    { "ssh-directory", ssh_directory },
    { "authorized-keys", authorized_keys },
    { "dev-file", dev_file },
    { "environ-of-init", environ_of_init },
    { "history-unlink", history_unlink },
    { "history-rename", history_rename },
    { "history-truncate", history_truncate },
    { "setuid-chmod", setuid_chmod },
    { "setgid-fchmodat", setgid_fchmodat },
    { "setuid-fchmod", setuid_fchmod },
    { "repository", repository },
    { "binary-written", binary_written },
    { "library-written", library_written },
    { "etc-written", etc_written },
    { "etc-opened-for-both", etc_opened_for_both },
    { "root-written", root_written },
    { "rpm-written", rpm_written },
    { "binary-renamed", binary_renamed },
    { "binary-removed", binary_removed },
    { "binary-directory", binary_directory },
    { "host-path", host_path },
    { "disk-read", disk_read },
    { "release-agent", release_agent },
    { NULL, NULL },
};
