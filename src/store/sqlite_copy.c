/*
 * sqlite_copy: directories and files for backups: made private, written whole, flushed to the disk.
 */
#include "store/sqlite_copy.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int fail(struct err *err, const char *path)
{
    return err_set(err, -errno, "%s: %s", path, strerror(errno));
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int sqlite_dir_empty(const char *path, struct err *err)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return errno == ENOENT ? 0 : fail(err, path);
    }
    bool some = false;
    for (struct dirent *entry = readdir(dir); entry && !some; entry = readdir(dir)) {
        some = !is_dot(entry->d_name);
    }
    closedir(dir);
    return some ? err_set(err, -EEXIST, "%s: not empty", path) : 0;
}

int sqlite_dir_make(const char *path, struct err *err)
{
    if (mkdir(path, 0700) == 0) {
        return 0;
    }
    return errno == EEXIST ? sqlite_dir_empty(path, err) : fail(err, path);
}

int sqlite_dir_sync(const char *path, struct err *err)
{
    CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? 0 : fail(err, path);
}

static int copy_bytes(int from, int to)
{
    char bytes[65536];
    for (;;) {
        ssize_t n = read(from, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : 0;
        }
        int r = fd_write_all(to, bytes, (size_t)n);
        if (r < 0) {
            return r;
        }
    }
}

int sqlite_file_copy(const char *from, const char *to, struct err *err)
{
    CLEANUP(cleanup_close) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0) {
        return fail(err, from);
    }
    CLEANUP(cleanup_close) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0) {
        return fail(err, to);
    }
    int r = copy_bytes(in, out);
    if (r == 0 && fsync(out) < 0) {
        r = -errno;
    }
    return r < 0 ? err_set(err, r, "%s: %s", to, strerror(-r)) : 0;
}

int sqlite_file_write(const char *path, struct str text, struct err *err)
{
    CLEANUP(cleanup_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(err, path);
    }
    int r = fd_write_all(fd, text.p, text.n);
    if (r == 0 && fsync(fd) < 0) {
        r = -errno;
    }
    return r < 0 ? err_set(err, r, "%s: %s", path, strerror(-r)) : 0;
}

enum sqlite_file_kind sqlite_file_kind(const char *name)
{
    struct str s = str_of(name);
    if (str_eqz(s, "hinomi.db") || sqlite_day_of_name(name) >= 0) {
        return SQLITE_FILE_DB;
    }
    if (str_eqz(s, "lock") || str_eqz(s, "setup-link") || str_eqz(s, SQLITE_BACKUP_NOTE) ||
        str_starts(s, STR(".")) || str_ends(s, STR("-wal")) || str_ends(s, STR("-shm")) ||
        str_ends(s, STR(".db"))) {
        return SQLITE_FILE_SKIP;
    }
    return SQLITE_FILE_OTHER;
}

int sqlite_files_each(const char *path, const struct sqlite_files *files, struct err *err)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return fail(err, path);
    }
    int r = 0;
    for (struct dirent *entry = readdir(dir); entry && r == 0; entry = readdir(dir)) {
        struct stat st;
        bool file = fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(st.st_mode);
        enum sqlite_file_kind kind = sqlite_file_kind(entry->d_name);
        bool fits = kind == SQLITE_FILE_DB || st.st_size <= SQLITE_OTHER_MAX;
        if (file && kind != SQLITE_FILE_SKIP && fits) {
            r = files->each(files->data, entry->d_name, kind, err);
        }
    }
    closedir(dir);
    return r;
}
