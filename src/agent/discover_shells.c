/*
 * Shells of watched containers, by inotify: whoever is let in from outside opens one first.
 *
 * Paths are followed within the container's root, so that its links cannot lead to our own files. A shell
 * that comes later, or a program that is no shell, is found by the next look.
 */
#include "agent/discover_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const shells[] = {
    "bin/sh",     "bin/bash",     "bin/ash",      "bin/dash", "bin/zsh",     "bin/busybox",
    "usr/bin/sh", "usr/bin/bash", "usr/bin/dash", "busybox",  "usr/bin/zsh",
};

_Static_assert(sizeof(shells) / sizeof(*shells) <= SHELLS_MAX, "room for the watches");

static int open_within(int root, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static int watch_file(struct discover *d, int root, const char *path)
{
    char link[64];
    struct stat st;
    int fd CLEANUP(cleanup_close) = open_within(root, path);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return -1;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return inotify_add_watch(d->notify, link, IN_OPEN);
}

void discover_watch_shells(struct discover *d, struct tree *tree)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%lld/root", (long long)tree->pid);
    int root CLEANUP(cleanup_close) = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; root >= 0 && i < sizeof(shells) / sizeof(*shells); i++) {
        int watch = watch_file(d, root, shells[i]);
        if (watch >= 0) {
            tree->shells[tree->nshells++] = watch;
        }
    }
}

static bool is_used(const struct discover *d, int watch)
{
    for (int i = 0; i < DISCOVER_TREES_MAX; i++) {
        const struct tree *tree = &d->trees[i];
        for (int k = 0; tree->pid && k < tree->nshells; k++) {
            if (tree->shells[k] == watch) {
                return true;
            }
        }
    }
    return false;
}

/* Containers of one image may share the files, and so the watches. */
void discover_unwatch_shells(struct discover *d, struct tree *tree)
{
    while (tree->nshells > 0) {
        int watch = tree->shells[--tree->nshells];
        if (!is_used(d, watch)) {
            inotify_rm_watch(d->notify, watch);
        }
    }
}

uint32_t discover_shells_opened(struct discover *d)
{
    char events[4096] __attribute__((aligned(8)));
    uint32_t n = 0;
    for (ssize_t got; n < 10000 && (got = read(d->notify, events, sizeof(events))) > 0;) {
        n += (uint32_t)((size_t)got / sizeof(struct inotify_event));
    }
    return n;
}
