/*
 * The folder of captures: everything is done relative to its descriptor, nothing follows links.
 *
 * Only names of our own making are ever removed: "hinomi-*.scap" and, unfinished, "hinomi-*.scap.part".
 */
#include "agent/recorder_folder.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX        "hinomi-"
#define SUFFIX        ".scap"
#define PART          ".part"
#define CONTAINER_MAX 44
#define LISTED_MAX    20000 /* files looked at */

int folder_open(const char *path, struct err *err)
{
    struct stat st;
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        return err_set(err, -errno, "cannot make %s: %s", path, strerror(errno));
    }
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        return err_set(err, -errno, "cannot open the folder %s: %s", path, strerror(errno));
    }
    if (st.st_uid != geteuid()) {
        return err_set(err, -EPERM, "the folder %s is another user's", path);
    }
    if (st.st_mode & 077) {
        return err_set(err, -EPERM, "the folder %s is open to others: chmod 700 it", path);
    }
    return TAKE_FD(fd);
}

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
}

void folder_name(char ret[FOLDER_NAME_MAX], uint64_t ts_ns, struct str container, uint64_t n)
{
    char id[CONTAINER_MAX + 1] = "host", time_text[32] = "";
    struct tm tm;
    time_t second = (time_t)(ts_ns / NS_PER_S);
    container = str_first(container, CONTAINER_MAX);
    for (size_t i = 0; i < container.n; i++) {
        id[i] = is_plain(container.p[i]) ? container.p[i] : '_';
        id[i + 1] = '\0';
    }
    if (gmtime_r(&second, &tm)) {
        strftime(time_text, sizeof(time_text), "%Y%m%dT%H%M%SZ", &tm);
    }
    snprintf(ret, FOLDER_NAME_MAX, PREFIX "%s-%s-%llu" SUFFIX, time_text, id,
             (unsigned long long)n);
}

static void part_of(char ret[FOLDER_NAME_MAX + sizeof(PART)], const char *name)
{
    snprintf(ret, FOLDER_NAME_MAX + sizeof(PART), "%s" PART, name);
}

int folder_create(int folder, const char *name)
{
    char part[FOLDER_NAME_MAX + sizeof(PART)];
    part_of(part, name);
    int fd = openat(folder, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int folder_finish(int folder, const char *name)
{
    char part[FOLDER_NAME_MAX + sizeof(PART)];
    part_of(part, name);
    return renameat2(folder, part, folder, name, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

void folder_discard(int folder, const char *name)
{
    char part[FOLDER_NAME_MAX + sizeof(PART)];
    part_of(part, name);
    unlinkat(folder, part, 0);
}

struct listing {
    uint32_t files;
    uint64_t bytes;
    char oldest[256];
    struct timespec oldest_time;
};

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static void look_at(int folder, const char *name, struct listing *l)
{
    struct stat st;
    struct str s = str_of(name);
    bool part = str_ends(s, STR(SUFFIX PART));
    if (!str_starts(s, STR(PREFIX)) || (!part && !str_ends(s, STR(SUFFIX))) ||
        fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
        return;
    }
    struct timespec when = part ? (struct timespec){ 0 } : st.st_mtim;
    if (l->files == 0 || is_before(when, l->oldest_time)) {
        snprintf(l->oldest, sizeof(l->oldest), "%s", name);
        l->oldest_time = when;
    }
    l->files++;
    l->bytes += (uint64_t)st.st_size;
}

static bool list(int folder, struct listing *ret)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    *ret = (struct listing){ 0 };
    if (!dir) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    uint32_t left = LISTED_MAX;
    for (struct dirent *entry; left && (entry = readdir(dir)); left--) {
        look_at(folder, entry->d_name, ret);
    }
    closedir(dir);
    return true;
}

uint32_t folder_prune(int folder, uint32_t files, uint64_t bytes)
{
    struct listing l;
    uint32_t removed = 0;
    while (list(folder, &l) && l.files && (l.files > files || l.bytes > bytes)) {
        if (unlinkat(folder, l.oldest, 0) < 0) {
            break;
        }
        removed++;
    }
    return removed;
}
