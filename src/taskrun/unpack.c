/*
 * unpack: libarchive in a child that has changed its root.
 *
 * Owners are the numbers in the archive. The child says why it failed through a pipe; its parent says of what.
 */
#include "taskrun/unpack.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "taskrun/tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#define BLOCK     65536
#define WHITEOUT  ".wh."
#define OPAQUE    ".wh..wh..opq"
#define EXIT_FAIL 1

struct unpacking {
    struct archive *in, *out;
    uint64_t bytes, entries;
    bool layer;
};

static int copy_data(struct unpacking *u, struct err *err)
{
    const void *block;
    size_t n;
    la_int64_t offset;
    for (;;) {
        int r = archive_read_data_block(u->in, &block, &n, &offset);
        if (r == ARCHIVE_EOF) {
            return 0;
        }
        if (r < ARCHIVE_WARN) {
            return err_set(err, -EIO, "%s", archive_error_string(u->in));
        }
        u->bytes += n;
        if (u->bytes > UNPACK_BYTES_MAX) {
            return err_set(err, -EFBIG, "it has more than %llu bytes", UNPACK_BYTES_MAX);
        }
        if (archive_write_data_block(u->out, block, n, offset) < ARCHIVE_WARN) {
            return err_set(err, -EIO, "%s", archive_error_string(u->out));
        }
    }
}

/* True: it was one, and is done. */
static bool white_out(const char *path, int *ret, struct err *err)
{
    char victim[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t folder = (size_t)(name - path);
    if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0) {
        return false;
    }
    if (folder + strlen(name) + 2 >= sizeof(victim)) {
        *ret = err_set(err, -ENAMETOOLONG, "a name is too long");
        return true;
    }
    memcpy(victim, path, folder);
    if (strcmp(name, OPAQUE) == 0) {
        /* What this layer itself put there would go too: archives have the marker first. */
        victim[folder > 0 ? folder - 1 : 0] = '\0';
        *ret = folder > 1 ? tree_empty(victim, err) : 0;
        return true;
    }
    snprintf(victim + folder, sizeof(victim) - folder, "%s", name + strlen(WHITEOUT));
    bool inside = strcmp(victim + folder, ".") != 0 && strcmp(victim + folder, "..") != 0;
    if (inside && victim[folder] && unlink(victim) < 0 && errno != ENOENT) {
        *ret = tree_remove(victim, err);
    }
    return true;
}

static int take_entry(struct unpacking *u, struct archive_entry *entry, struct err *err)
{
    const char *path = archive_entry_pathname(entry);
    int r = 0;
    if (!path) {
        return err_set(err, -EINVAL, "an entry without a name that can be read");
    }
    if (u->layer && white_out(path, &r, err)) {
        return r;
    }
    if (!u->layer && archive_entry_filetype(entry) != AE_IFREG &&
        archive_entry_filetype(entry) != AE_IFDIR && archive_entry_filetype(entry) != AE_IFLNK) {
        return 0;
    }
    if (archive_write_header(u->out, entry) < ARCHIVE_WARN) {
        return err_set(err, -EIO, "%.200s: %s", path, archive_error_string(u->out));
    }
    r = archive_entry_size(entry) > 0 ? copy_data(u, err) : 0;
    if (r == 0 && archive_write_finish_entry(u->out) < ARCHIVE_WARN) {
        r = err_set(err, -EIO, "%.200s: %s", path, archive_error_string(u->out));
    }
    return r;
}

static int take_all(struct unpacking *u, struct err *err)
{
    struct archive_entry *entry;
    for (;;) {
        int r = archive_read_next_header(u->in, &entry);
        if (r == ARCHIVE_EOF) {
            return archive_write_close(u->out) < ARCHIVE_WARN
                       ? err_set(err, -EIO, "%s", archive_error_string(u->out))
                       : 0;
        }
        if (r < ARCHIVE_WARN) {
            return err_set(err, -EIO, "not a tar that can be read: %s",
                           archive_error_string(u->in));
        }
        if (++u->entries > UNPACK_ENTRIES_MAX) {
            return err_set(err, -EFBIG, "it has more than %d entries", UNPACK_ENTRIES_MAX);
        }
        r = take_entry(u, entry, err);
        if (r < 0) {
            return r;
        }
    }
}

static int unpack_here(int fd, bool layer, struct err *err)
{
    struct unpacking u = { archive_read_new(), archive_write_disk_new(), 0, 0, layer };
    if (!u.in || !u.out) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    archive_read_support_filter_gzip(u.in);
    archive_read_support_filter_zstd(u.in);
    archive_read_support_filter_xz(u.in);
    archive_read_support_format_tar(u.in);
    archive_write_disk_set_options(u.out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM |
                                              ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR |
                                              ARCHIVE_EXTRACT_UNLINK |
                                              ARCHIVE_EXTRACT_SECURE_NODOTDOT);
    int r = archive_read_open_fd(u.in, fd, BLOCK) == ARCHIVE_OK
                ? take_all(&u, err)
                : err_set(err, -EINVAL, "%s", archive_error_string(u.in));
    archive_read_free(u.in);
    archive_write_free(u.out);
    return r;
}

static _Noreturn void be_child(int fd, const char *folder, bool layer, int said)
{
    struct err err = { 0 };
    int r = chroot(folder) == 0 && chdir("/") == 0
                ? unpack_here(fd, layer, &err)
                : err_set(&err, -errno, "its root cannot be changed: %s", strerror(errno));
    if (r < 0) {
        fd_write_all(said, err.message, strlen(err.message));
    }
    _exit(r < 0 ? EXIT_FAIL : 0);
}

static int wait_for(pid_t child, const char *tar, struct str said, struct err *err)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return err_set(err, -errno, "%s: %s", tar, strerror(errno));
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? 0
               : err_set(err, -EIO, "%s cannot be unpacked: %.*s", tar,
                         STR_ARG(said.n ? said : STR("its process was killed")));
}

int unpack_tar(const char *tar, const char *folder, bool layer, struct err *err)
{
    char storage[ERR_MESSAGE_MAX];
    struct buf said;
    int ends[2];
    buf_init_fixed(&said, storage, sizeof(storage));
    CLEANUP(cleanup_close) int fd = open(tar, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(err, -errno, "%s: %s", tar, strerror(errno));
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return err_set(err, -errno, "no pipe: %s", strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        be_child(fd, folder, layer, ends[1]);
    }
    int failed = child < 0 ? errno : 0;
    close(ends[1]);
    if (!failed) {
        fd_read_all(ends[0], &said);
    }
    close(ends[0]);
    return failed ? err_set(err, -failed, "no process: %s", strerror(failed))
                  : wait_for(child, tar, buf_str(&said), err);
}
