/*
 * tree: removal of folders that a container filled as it liked.
 *
 * A folder within a folder that is not empty is first moved up to the top, under a name of its own; so there is never
 * more than one level to walk, whatever the depth.
 */
#include "taskrun/tree.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ROUNDS_MAX 100000000ULL

int path_join(char *ret, size_t size, const char *folder, const char *name, struct err *err)
{
    int n = snprintf(ret, size, "%s/%s", folder, name);
    return n >= 0 && (size_t)n < size
               ? 0
               : err_set(err, -ENAMETOOLONG, "%s/%s: the path is too long", folder, name);
}

int tree_make(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n >= sizeof(part)) {
        return err_set(err, -ENAMETOOLONG, "%s: the path is too long", path);
    }
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, i == n ? mode : 0755) < 0 && errno != EEXIST) {
            return err_set(err, -errno, "%s cannot be made: %s", part, strerror(errno));
        }
    }
    return 0;
}

struct removal {
    int top;
    unsigned long long moved;
};

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Removes an entry of folder, or moves it up to the top. */
static int remove_entry(struct removal *r, int folder, const char *name)
{
    char aside[64];
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR && errno != EPERM) {
        return -errno;
    }
    if (unlinkat(folder, name, AT_REMOVEDIR) == 0) {
        return 0;
    }
    if (errno != ENOTEMPTY && errno != EEXIST) {
        return -errno;
    }
    if (folder == r->top) {
        return 1;
    }
    do {
        snprintf(aside, sizeof(aside), ".removed-%llu", r->moved++);
    } while (faccessat(r->top, aside, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    return renameat(folder, name, r->top, aside) == 0 ? 0 : -errno;
}

static int empty_folder(struct removal *r, int folder, int *ret_left);

static int empty_child(struct removal *r, const char *name)
{
    int left = 0;
    CLEANUP(cleanup_close)
    int fd = openat(r->top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int code = empty_folder(r, fd, &left);
    return code < 0 ? code : unlinkat(r->top, name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

/* One level; ret_left counts folders of the top that had something in them. */
static int empty_folder(struct removal *r, int folder, int *ret_left)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    int code = dir ? 0 : -errno;
    if (!dir && copy >= 0) {
        close(copy);
    }
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry && code >= 0;
         entry = readdir(dir)) {
        if (!is_dots(entry->d_name)) {
            code = remove_entry(r, folder, entry->d_name);
            *ret_left += code == 1;
            code = code == 1 ? empty_child(r, entry->d_name) : code;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return code < 0 ? code : 0;
}

int tree_empty(const char *path, struct err *err)
{
    CLEANUP(cleanup_close)
    int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct removal removal = { .top = top };
    if (top < 0) {
        return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %s", path, strerror(errno));
    }
    int r = 0, left = 1;
    for (unsigned long long round = 0; r == 0 && left > 0 && round < ROUNDS_MAX; round++) {
        left = 0;
        r = empty_folder(&removal, top, &left);
    }
    return r < 0 ? err_set(err, r, "%s cannot be emptied: %s", path, strerror(-r)) : 0;
}

int tree_remove(const char *path, struct err *err)
{
    int r = tree_empty(path, err);
    return r == 0 && rmdir(path) < 0 && errno != ENOENT
               ? err_set(err, -errno, "%s cannot be removed: %s", path, strerror(errno))
               : r;
}

int file_make(const char *path, const void *p, size_t n, mode_t mode, struct err *err)
{
    CLEANUP(cleanup_close)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    int r = fd < 0 ? -errno : fd_write_all(fd, p, n);
    r = r == 0 && fchmod(fd, mode) < 0 ? -errno : r;
    return r < 0 ? err_set(err, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}
