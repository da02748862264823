/*
 * sandbox_landlock: the file system, but for some paths, is closed (Landlock).
 *
 * What a kernel of an older version does not know is left out of what is asked for, so the rules are as strict as
 * it can make them. Connecting (TCP) is closed altogether: what goes out is the courier's. A file (not a folder) takes only the rights that files have.
 */
#include "server/sandbox.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                     \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE)
#define OTHERS                                                                                     \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |    \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define OF_FILES                                                                                   \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* struct landlock_ruleset_attr as newer headers have it. */
struct attributes {
    uint64_t fs, net;
};

#define NET_VERSION 4
#define CONNECTS    (UINT64_C(1) << 1) /* TCP, to anywhere */

static uint64_t known_by(long version)
{
    uint64_t all = READS | WRITES | OTHERS;
    all = version < 2 ? all & ~(uint64_t)LANDLOCK_ACCESS_FS_REFER : all;
    return version < 3 ? all & ~(uint64_t)LANDLOCK_ACCESS_FS_TRUNCATE : all;
}

static int allow(int rules, const struct sandbox_path *path, uint64_t known)
{
    struct stat status;
    CLEANUP(cleanup_close) int fd = open(path->path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
    }
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = known & (READS | (path->writable ? WRITES : 0)), .parent_fd = fd
    };
    if (!S_ISDIR(status.st_mode)) {
        beneath.allowed_access &= OF_FILES;
    }
    return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0
               ? -errno
               : 0;
}

int sandbox_landlock(const struct sandbox_path *paths, size_t n)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0) {
        return -errno;
    }
    struct attributes attributes = { .fs = known_by(version),
                                     .net = version < NET_VERSION ? 0 : CONNECTS };
    size_t size = version < NET_VERSION ? sizeof(attributes.fs) : sizeof(attributes);
    CLEANUP(cleanup_close)
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (rules < 0) {
        return -errno;
    }
    for (size_t i = 0; i < n; i++) {
        int r = allow(rules, &paths[i], attributes.fs);
        if (r < 0) {
            return r;
        }
    }
    return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
}
