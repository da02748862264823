/*
 * state: a folder for each task, locked as long as one of its processes lives.
 *
 * The folder of all tasks is locked while one is made or looked at, so that none is taken for one left behind before it is
 * locked itself. A name of 32 hexadecimal digits is a task's; everything else there is left alone.
 */
#include "taskrun/run.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "taskrun/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#define LOCK      "lock"
#define PATIENCE  (10 * NS_PER_S)
#define PAUSE_NS  20000000
#define ID_DIGITS (RUN_ID_SIZE - 1)

static int open_all(const char *state, struct err *err)
{
    int r = tree_make(state, 0700, err);
    int fd = r == 0 ? open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (r == 0 && (fd < 0 || flock(fd, LOCK_EX) < 0)) {
        r = err_set(err, -errno, "%s cannot be locked: %s", state, strerror(errno));
    }
    if (r < 0 && fd >= 0) {
        close(fd);
    }
    return r < 0 ? r : fd;
}

static int make_id(char *ret, struct err *err)
{
    unsigned char bytes[ID_DIGITS / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return err_set(err, -EIO, "no random number");
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    }
    return 0;
}

static int lock_folder(const char *folder, struct err *err)
{
    char path[PATH_MAX];
    int r = path_join(path, sizeof(path), folder, LOCK, err);
    int fd = r < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (r == 0 && (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)) {
        r = err_set(err, -errno, "%s cannot be locked: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
    }
    return r < 0 ? r : fd;
}

int state_begin(const char *state, char *ret_id, char *ret_folder, int *ret_lock, struct err *err)
{
    char real[PATH_MAX];
    CLEANUP(cleanup_close) int all = open_all(state, err);
    if (all < 0) {
        return all;
    }
    if (!realpath(state, real)) {
        return err_set(err, -errno, "%s: %s", state, strerror(errno));
    }
    int r = make_id(ret_id, err);
    r = r == 0 ? path_join(ret_folder, PATH_MAX, real, ret_id, err) : r;
    r = r == 0 ? tree_make(ret_folder, 0700, err) : r;
    int fd = r == 0 ? lock_folder(ret_folder, err) : r;
    if (fd < 0) {
        return fd;
    }
    *ret_lock = fd;
    return 0;
}

static void wait_a_little(void)
{
    struct timespec pause = { .tv_nsec = PAUSE_NS };
    nanosleep(&pause, NULL);
}

/* Processes of a namespace that is being ended may take a while. */
static int end_groups(const char *id, struct err *err)
{
    char path[GROUP_PATH_MAX];
    struct groups groups;
    uint64_t end = clock_boot_ns() + PATIENCE;
    snprintf(path, sizeof(path), GROUPS_ROOT "/%s", id);
    int r = groups_find(&groups, err);
    while (r == 0) {
        groups_kill(&groups, path);
        r = groups_remove(&groups, path, err);
        if (r != -EBUSY || clock_boot_ns() >= end) {
            return r;
        }
        wait_a_little();
        r = 0;
    }
    return r;
}

int state_end(const char *folder, const char *id, struct err *err)
{
    struct err first = { 0 };
    int groups = end_groups(id, &first);
    int r = tree_remove(folder, err);
    if (groups < 0) {
        *err = first;
        return groups;
    }
    return r;
}

static bool is_id(const char *name)
{
    return strlen(name) == ID_DIGITS && strspn(name, "0123456789abcdef") == ID_DIGITS;
}

static int clean_one(const char *state, const char *id, uint32_t *removed, struct err *err)
{
    char folder[PATH_MAX];
    struct err busy = { 0 };
    int r = path_join(folder, sizeof(folder), state, id, err);
    int lock = r == 0 ? lock_folder(folder, &busy) : -1;
    if (lock < 0) {
        return busy.code == -EWOULDBLOCK ? 0
               : r < 0                   ? r
                                         : err_set(err, busy.code, "%s", busy.message);
    }
    r = state_end(folder, id, err);
    close(lock);
    *removed += r == 0;
    return r;
}

int taskrun_clean(const char *state, uint32_t *ret_removed, struct err *err)
{
    *ret_removed = 0;
    if (access(state, F_OK) < 0 && errno == ENOENT) {
        return 0;
    }
    CLEANUP(cleanup_close) int all = open_all(state, err);
    DIR *dir = all < 0 ? NULL : opendir(state);
    int r = all < 0 ? all : dir ? 0 : err_set(err, -errno, "%s: %s", state, strerror(errno));
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (is_id(entry->d_name)) {
            int one = clean_one(state, entry->d_name, ret_removed, err);
            r = one < 0 ? one : r;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return r;
}
