/*
 * sqlite_files: the store's directory: names of days, rights, and the lock that keeps a second server out.
 *
 * The directory is made with mode 0700 and files with 0600 before SQLite sees them; -wal and -shm take the
 * mode of their file. The lock is flock() on DIR/lock, gone with the process.
 */
#include "store/sqlite_store.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define YEAR_LAST_MS INT64_C(253402300799999) /* 9999-12-31 */

int sqlite_path(const char *dir, const char *name, struct sqlite_path *ret, struct err *err)
{
    char *to = (char *)ret;
    int n = snprintf(to, sizeof(ret->z), "%s/%s", dir, name);
    return n < (int)sizeof(ret->z) - 16 ? 0 : err_set(err, -ENAMETOOLONG, "%s: too long", dir);
}

int sqlite_path_day(const char *dir, int64_t day_ms, struct sqlite_path *ret, struct err *err)
{
    if (day_ms < 0 || day_ms > YEAR_LAST_MS) {
        return err_set(err, -EINVAL, "no day of the years 1970 to 9999");
    }
    time_t seconds = (time_t)(day_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char name[64];
    snprintf(name, sizeof(name), "day-%04d-%02d-%02d.db", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday);
    return sqlite_path(dir, name, ret, err);
}

int64_t sqlite_day_of(int64_t ms)
{
    return ms < 0 ? -1 : ms - ms % SQLITE_DAY_MS;
}

int64_t sqlite_day_of_name(const char *name)
{
    struct tm tm = { 0 };
    int end = 0;
    if (sscanf(name, "day-%4d-%2d-%2d.db%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &end) != 3 ||
        end != 17 || name[end] != '\0') {
        return -1;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t day = (int64_t)timegm(&tm) * 1000;
    struct sqlite_path again;
    bool same =
        day >= 0 && sqlite_path_day("", day, &again, NULL) == 0 && strcmp(again.z + 1, name) == 0;
    return same ? day : -1;
}

int sqlite_file_private(const char *path, struct err *err)
{
    CLEANUP(cleanup_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    }
    if ((st.st_mode & 077) != 0 && fchmod(fd, 0600) < 0) {
        return err_set(err, -errno, "%s: others may read it, and its mode cannot be changed: %s",
                       path, strerror(errno));
    }
    return 0;
}

void sqlite_file_remove(const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        char name[PATH_MAX + 8];
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
}

int sqlite_dir_open(struct sqlite_store *store, struct err *err)
{
    if (mkdir(store->dir, 0700) < 0 && errno != EEXIST) {
        return err_set(err, -errno, "%s: %s", store->dir, strerror(errno));
    }
    struct sqlite_path path;
    int r = sqlite_path(store->dir, "lock", &path, err);
    if (r < 0) {
        return r;
    }
    store->lock_fd = open(path.z, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) {
        return err_set(err, -errno, "%s: %s", path.z, strerror(errno));
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return err_set(err, errno == EWOULDBLOCK ? -EBUSY : -errno,
                       "%s: another hinomi-server uses it", store->dir);
    }
    return 0;
}
