/*
 * The socket's file: made under another name and renamed, so that whoever finds it can connect; looked at every
 * second, for a volume that others can write loses files. Everybody may connect: applications run as any user.
 */
#include "agent/handoff_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* A folder's name may be longer than an address: it is named by its descriptor. */
static void address_of(const struct handoff *h, const char *name, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", h->folder, name);
}

static bool somebody_listens(const struct handoff *h)
{
    struct sockaddr_un address;
    int fd CLEANUP(cleanup_close) =
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address_of(h, h->name, &address);
    return fd >= 0 &&
           (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN);
}

static int bind_and_rename(struct handoff *h)
{
    struct sockaddr_un address;
    struct stat status;
    char name[sizeof(h->name)];
    int fd CLEANUP(cleanup_close) =
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    snprintf(name, sizeof(name), ".hinomi-%d", (int)getpid());
    unlinkat(h->folder, name, 0);
    address_of(h, name, &address);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return -errno;
    }
    if (fchmodat(h->folder, name, 0666, AT_SYMLINK_NOFOLLOW) < 0 || listen(fd, BACKLOG) < 0 ||
        renameat(h->folder, name, h->folder, h->name) < 0 ||
        fstatat(h->folder, h->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        int r = -errno;
        unlinkat(h->folder, name, 0);
        return r;
    }
    h->inode = status.st_ino;
    h->listener = TAKE_FD(fd);
    return 0;
}

static int open_folder(struct handoff *h)
{
    int fd = open(h->folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && mkdir(h->folder_path, 0755) == 0) {
        fd = open(h->folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return fd < 0 ? -errno : fd;
}

int handoff_listen(struct handoff *h, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) + 1 : 0;
    const char *name = path + n;
    /* With room for the folder's number in an address. */
    if (!name[0] || strlen(name) > 64 || n >= (int)sizeof(h->folder_path)) {
        return err_set(err, -EINVAL, "%s: this is no name for a socket", path);
    }
    snprintf(h->name, sizeof(h->name), "%s", name);
    snprintf(h->folder_path, sizeof(h->folder_path), "%.*s", n ? n : 1, n ? path : ".");
    h->folder = open_folder(h);
    int r = h->folder < 0 ? h->folder : somebody_listens(h) ? -EADDRINUSE : bind_and_rename(h);
    if (r == -EADDRINUSE) {
        return err_set(err, r, "%s: another agent listens there", path);
    }
    return r < 0 ? err_set(err, r, "cannot listen at %s: %s", path, strerror(-r)) : 0;
}

/* Of the folder that is there under its name now. */
static void follow_folder(struct handoff *h)
{
    struct stat ours, there;
    if (fstat(h->folder, &ours) == 0 && stat(h->folder_path, &there) == 0 &&
        ours.st_ino == there.st_ino && ours.st_dev == there.st_dev) {
        return;
    }
    int fd = open_folder(h);
    if (fd >= 0) {
        close(h->folder);
        h->folder = fd;
    }
}

void handoff_look_at_socket(struct handoff *h)
{
    struct stat status;
    follow_folder(h);
    if (fstatat(h->folder, h->name, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT) {
        return;
    }
    int former = h->listener;
    if (bind_and_rename(h) == 0) {
        close(former);
    }
}

void handoff_unlisten(struct handoff *h)
{
    struct stat status;
    if (h->listener >= 0 && fstatat(h->folder, h->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_ino == h->inode) {
        unlinkat(h->folder, h->name, 0);
    }
    if (h->listener >= 0) {
        close(h->listener);
    }
    if (h->folder >= 0) {
        close(h->folder);
    }
}
