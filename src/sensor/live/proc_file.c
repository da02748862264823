/*
 * proc_file: openat, read, close.
 *
 * A file of /proc is made whole by the kernel when it is first read, so one read of a large enough buffer
 * is one moment; a short read ends it. `status` can be longer than a reasonable buffer (a line of 65,536
 * groups), so it is read by lines; so are tables, which come in pieces.
 */
#include "sensor/live/proc_file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int task_error(int code)
{
    return code == ENOENT ? -ESRCH : code == EPERM ? -EACCES : -code;
}

int proc_open(int64_t tid)
{
    char path[32];
    if (tid <= 0) {
        return -ESRCH;
    }
    snprintf(path, sizeof(path), "/proc/%lld", (long long)tid);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? task_error(errno) : fd;
}

ssize_t proc_read(int dir, const char *name, char *ret, size_t n)
{
    int fd CLEANUP(cleanup_close) = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return -errno;
    }
    ssize_t got = read(fd, ret, n);
    return got < 0 ? -errno : got;
}

/* Hands out whole lines; returns how many bytes of an unfinished one are left at the buffer's front. */
static size_t hand_out(const struct proc_reader *reader, size_t n, bool *skipping)
{
    struct str text = { reader->buffer, n };
    for (ptrdiff_t end; (end = str_find_char(text, '\n')) >= 0;) {
        if (!*skipping) {
            reader->line(reader->data, str_first(text, (size_t)end));
        }
        *skipping = false;
        text = str_from_offset(text, (size_t)end + 1);
    }
    if (text.n == reader->size) {
        if (!*skipping) {
            reader->line(reader->data, text);
        }
        *skipping = true;
        text.n = 0;
    }
    if (text.n > 0) {
        memmove(reader->buffer, text.p, text.n);
    }
    return text.n;
}

int proc_each_line(int dir, const char *name, const struct proc_reader *reader)
{
    int fd CLEANUP(cleanup_close) = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return -errno;
    }
    size_t kept = 0;
    bool skipping = false;
    for (size_t total = 0; total < reader->max;) {
        size_t room = reader->size - kept;
        ssize_t got = read(fd, reader->buffer + kept, room);
        if (got < 0) {
            return -errno;
        }
        kept = hand_out(reader, kept + (size_t)got, &skipping);
        if (got == 0 || (reader->once && (size_t)got < room)) {
            break;
        }
        total += (size_t)got;
    }
    if (kept > 0 && !skipping) {
        reader->line(reader->data, str_from(reader->buffer, kept));
    }
    return 0;
}

ssize_t proc_link(int dir, const char *name, char *ret, size_t n)
{
    ssize_t got = readlinkat(dir, name, ret, n);
    return got < 0 ? -errno : got;
}

struct str proc_within(struct str path, struct str root)
{
    if (root.n <= 1 || !str_starts(path, root)) {
        return path;
    }
    if (path.n == root.n) {
        return STR("/");
    }
    return path.p[root.n] == '/' ? str_from_offset(path, root.n) : path;
}

struct str proc_without(struct str path, struct str suffix)
{
    return str_ends(path, suffix) ? str_first(path, path.n - suffix.n) : path;
}

/*
 * A file that is in use under that name has its whole path in the kernel's cache: a walk that would have to
 * ask a file system (which may hang) has the answer "no" already. Kernels before 5.12 cannot walk so.
 */
static int open_cached(int root, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
                            .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED };
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (fd < 0 && errno == EINVAL) {
        how.resolve &= ~(uint64_t)RESOLVE_CACHED;
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    }
    return fd;
}

bool proc_leads_to(int root, struct str path, const struct statx *file)
{
    char z[PROC_LINK_MAX];
    if (path.n == 0 || path.n >= sizeof(z)) {
        return false;
    }
    memcpy(z, path.p, path.n);
    z[path.n] = '\0';
    int fd CLEANUP(cleanup_close) = open_cached(root, z);
    struct statx there;
    return fd >= 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &there) == 0 &&
           there.stx_ino == file->stx_ino && there.stx_dev_major == file->stx_dev_major &&
           there.stx_dev_minor == file->stx_dev_minor;
}
