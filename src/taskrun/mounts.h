/*
 * mounts: mount and umount2 with the kernel's own header: that of libc, and the kernel's newer ones, exclude each other.
 */
#pragma once

#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOUNTS_DETACH 2 /* MNT_DETACH */

/* 0, or -1 with errno. */
static inline int mounts_add(const char *from, const char *to, const char *type,
                             unsigned long flags, const char *options)
{
    return (int)syscall(SYS_mount, from, to, type, flags, options);
}

static inline int mounts_detach(const char *path)
{
    return (int)syscall(SYS_umount2, path, MOUNTS_DETACH);
}
