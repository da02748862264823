/*
 * overlay: two witnesses. The file id (name_to_handle_at with AT_HANDLE_FID) is the kernel's word where it
 * says "upper". Birth times decide the rest, between a file and the root directory of the same mount,
 * whose attributes are those of the upper layer's own root.
 *
 * Layout of the id, of type 0xf8: three bytes of padding, version, magic 0xfb, length, flags.
 */
#include "sensor/live/overlay.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif
#define HANDLE_OVERLAY    0xf8
#define HANDLE_MAGIC      0xfb
#define HANDLE_MAGIC_AT   4
#define HANDLE_FLAGS_AT   6
#define HANDLE_FLAG_UPPER 4
#define HANDLE_BYTES      128
#define ST_RDONLY_FLAG    1

union file_id {
    struct file_handle h;
    char room[sizeof(struct file_handle) + HANDLE_BYTES];
};

/* The kernel makes it of what it has in memory: no file system can hang here. */
static bool id_of(int fd, union file_id *ret)
{
    int mount;
    ret->h.handle_bytes = HANDLE_BYTES;
    return name_to_handle_at(fd, "", &ret->h, &mount, AT_EMPTY_PATH | AT_HANDLE_FID) == 0;
}

enum { ID_UNKNOWN, ID_UPPER, ID_LOWER };

static int layer_by_id(int fd)
{
    union file_id id;
    if (!id_of(fd, &id) || id.h.handle_type != HANDLE_OVERLAY ||
        id.h.handle_bytes <= HANDLE_FLAGS_AT || id.h.f_handle[HANDLE_MAGIC_AT] != HANDLE_MAGIC) {
        return ID_UNKNOWN;
    }
    return id.h.f_handle[HANDLE_FLAGS_AT] & HANDLE_FLAG_UPPER ? ID_UPPER : ID_LOWER;
}

static bool birth_of(int fd, struct statx *ret)
{
    return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BTIME | STATX_MNT_ID, ret) ==
               0 &&
           (ret->stx_mask & STATX_BTIME) && (ret->stx_mask & STATX_MNT_ID);
}

static bool is_before(const struct statx_timestamp *a, const struct statx_timestamp *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

bool overlay_has(int fd)
{
    union file_id id;
    struct statfs fs;
    if (id_of(fd, &id)) {
        return id.h.handle_type == HANDLE_OVERLAY;
    }
    return fstatfs(fd, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC;
}

enum overlay_layer overlay_layer(int fd, int root)
{
    struct statfs fs;
    struct statx file, top;
    int by_id = layer_by_id(fd);
    if (by_id == ID_UPPER) {
        return OVERLAY_UPPER;
    }
    bool may_have_upper = fstatfs(fd, &fs) == 0 && !(fs.f_flags & ST_RDONLY_FLAG);
    if (may_have_upper && root >= 0 && birth_of(fd, &file) && birth_of(root, &top) &&
        file.stx_mnt_id == top.stx_mnt_id) {
        return is_before(&file.stx_btime, &top.stx_btime) ? OVERLAY_LOWER : OVERLAY_UPPER;
    }
    return by_id == ID_LOWER ? OVERLAY_LOWER : OVERLAY_NONE;
}
