/*
 * bundle_files: the directories of bundles, and deltas.
 *
 * A delta makes its directory of hard links to the files that stay, so that a list of a million items is not
 * copied for one more. The new directory takes the old one's place in one step.
 */
#include "agent/bundle_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void remove_files(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlinkat(fd, entry->d_name, 0);
        }
    }
    if (d) {
        closedir(d);
    } else {
        cleanup_close(&fd);
    }
    unlinkat(dir, name, AT_REMOVEDIR);
}

void bundle_forget(const char *dir)
{
    char path[BUNDLE_PATH_MAX];
    snprintf(path, sizeof(path), "%s/bundle.new", dir);
    CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        remove_files(fd, "rules");
        remove_files(fd, "lists");
        unlinkat(fd, "manifest.json", 0);
        unlinkat(fd, "policies.yaml", 0);
        rmdir(path);
    }
}

int bundle_make_new(const char *dir, struct err *err)
{
    char path[BUNDLE_PATH_MAX];
    bundle_forget(dir);
    snprintf(path, sizeof(path), "%s/bundle.new", dir);
    int fd = mkdir(path, 0700) < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || mkdirat(fd, "rules", 0700) < 0 || mkdirat(fd, "lists", 0700) < 0) {
        int r = -errno;
        cleanup_close(&fd);
        return err_set(err, r, "%s cannot be made: %s", path, strerror(-r));
    }
    return fd;
}

int bundle_write_file(int dir, struct str name, struct str content, struct err *err)
{
    char path[BUNDLE_NAME_MAX + 1];
    snprintf(path, sizeof(path), "%.*s", STR_ARG(name));
    CLEANUP(cleanup_close)
    int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, content.p, content.n);
    return r < 0 ? err_set(err, r, "the bundle's %s cannot be written: %s", path, strerror(-r)) : 0;
}

int bundle_keep(const char *dir, struct err *err)
{
    char old[BUNDLE_PATH_MAX], fresh[BUNDLE_PATH_MAX];
    snprintf(old, sizeof(old), "%s/bundle", dir);
    snprintf(fresh, sizeof(fresh), "%s/bundle.new", dir);
    CLEANUP(cleanup_close) int fd = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        syncfs(fd);
    }
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, old, RENAME_EXCHANGE) == 0) {
        bundle_forget(dir);
        return 0;
    }
    return rename(fresh, old) < 0
               ? err_set(err, -errno, "%s cannot be replaced: %s", old, strerror(errno))
               : 0;
}

/* ---- the newest: "VERSION KEY\n", the key in hexadecimal digits */

#define NEWEST_MAX (24 + 2 * BUNDLE_KEY)

static struct str newest_text(char *storage, const uint8_t key[BUNDLE_KEY], uint64_t version)
{
    int n = snprintf(storage, NEWEST_MAX, "%llu ", (unsigned long long)version);
    for (size_t i = 0; i < BUNDLE_KEY; i++) {
        n += snprintf(storage + n, (size_t)(NEWEST_MAX - n), "%02x", key[i]);
    }
    storage[n] = '\n';
    return str_from(storage, (size_t)n + 1);
}

uint64_t bundle_newest(const char *dir, const uint8_t key[BUNDLE_KEY], bool *ret_other)
{
    char path[BUNDLE_PATH_MAX], storage[NEWEST_MAX + 1], wanted[NEWEST_MAX];
    struct buf text;
    uint64_t version = 0;
    *ret_other = false;
    buf_init_fixed(&text, storage, sizeof(storage));
    snprintf(path, sizeof(path), "%s/bundle.newest", dir);
    struct err err = { 0 };
    ptrdiff_t blank = file_read(path, &text, &err) < 0 ? -1 : str_find_char(buf_str(&text), ' ');
    for (ptrdiff_t i = 0; i < blank; i++) {
        if (storage[i] < '0' || storage[i] > '9' || version > UINT64_MAX / 10 - 1) {
            return 0;
        }
        version = version * 10 + (uint64_t)(storage[i] - '0');
    }
    if (blank <= 0) {
        return 0;
    }
    *ret_other = !str_eq(buf_str(&text), newest_text(wanted, key, version));
    return *ret_other ? 0 : version;
}

int bundle_note_newest(const char *dir, const uint8_t key[BUNDLE_KEY], uint64_t version,
                       struct err *err)
{
    char path[BUNDLE_PATH_MAX], fresh[BUNDLE_PATH_MAX], storage[NEWEST_MAX];
    struct str text = newest_text(storage, key, version);
    snprintf(path, sizeof(path), "%s/bundle.newest", dir);
    snprintf(fresh, sizeof(fresh), "%s/bundle.newest.new", dir);
    CLEANUP(cleanup_close)
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, text.p, text.n);
    if (r == 0 && rename(fresh, path) < 0) {
        r = -errno;
    }
    return r < 0 ? err_set(err, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}

/* ---- deltas */

struct delta {
    const char *dir;
    int from, to; /* directories */
    struct arena arena;
    struct bundle_manifest manifest;
};

static void delta_done(struct delta *d)
{
    cleanup_close(&d->from);
    cleanup_close(&d->to);
    arena_done(&d->arena);
}

static void list_file_name(struct str list, char ret[BUNDLE_NAME_MAX + 1])
{
    snprintf(ret, BUNDLE_NAME_MAX + 1, "lists/%.*s.txt", STR_ARG(list));
}

/* One line: what would end it is escaped, as lists/NAME.txt has it. */
static void put_item(struct str item, struct buf *buf)
{
    for (size_t i = 0; i < item.n; i++) {
        char c = item.p[i];
        if (c == '\n' || c == '\\') {
            buf_putc(buf, '\\');
            c = c == '\n' ? 'n' : c;
        }
        buf_putc(buf, c);
    }
    buf_putc(buf, '\n');
}

static int put_items(const struct list_items *items, struct buf *buf, struct err *err)
{
    if (buf->n && buf->p[buf->n - 1] != '\n') {
        buf_putc(buf, '\n');
    }
    for (uint32_t i = 0; i < items->n; i++) {
        put_item(items->items[i], buf);
    }
    return buf->failed ? err_set(err, -EFBIG, "a list is larger than it may be") : 0;
}

/* The list's file as it is, if there is one. */
static int read_old(struct delta *d, const char *name, struct buf *buf, struct err *err)
{
    CLEANUP(cleanup_close) int fd = openat(d->to, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int r = fd < 0 ? (errno == ENOENT ? 0 : -errno) : fd_read_all(fd, buf);
    if (r == 0) {
        unlinkat(d->to, name, 0); /* a link to the old one */
    }
    return r < 0 ? err_set(err, r, "%s: %s", name, strerror(-r)) : 0;
}

static int change_list(struct delta *d, const struct list_items *items, struct err *err)
{
    char name[BUNDLE_NAME_MAX + 1];
    struct buf buf;
    list_file_name(items->list, name);
    struct bundle_file *file = bundle_find(&d->manifest, str_of(name));
    if (!file && d->manifest.n == BUNDLE_FILES_MAX) {
        return err_set(err, -EINVAL, "the bundle has too many files");
    }
    buf_init(&buf, BUNDLE_FILE_MAX);
    int r = read_old(d, name, &buf, err);
    r = r == 0 ? put_items(items, &buf, err) : r;
    if (r == 0) {
        file = file ? file : &d->manifest.files[d->manifest.n++];
        file->name = arena_str(&d->arena, str_of(name));
        bundle_hash(buf_str(&buf), file->hash);
        r = file->name.p ? bundle_write_file(d->to, file->name, buf_str(&buf), err) : -ENOMEM;
    }
    buf_done(&buf);
    return r;
}

/* What stays is linked. */
static int link_all(struct delta *d, struct err *err)
{
    char path[BUNDLE_PATH_MAX];
    snprintf(path, sizeof(path), "%s/bundle", d->dir);
    d->from = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d->to = d->from < 0 ? -1 : bundle_make_new(d->dir, err);
    if (d->to < 0) {
        return err_set(err, -EIO, "the bundle in force cannot be read");
    }
    for (uint32_t i = 0; i < d->manifest.n; i++) {
        char name[BUNDLE_NAME_MAX + 1];
        snprintf(name, sizeof(name), "%.*s", STR_ARG(d->manifest.files[i].name));
        if (linkat(d->from, name, d->to, name, 0) < 0) {
            return err_set(err, -errno, "the bundle in force lacks %s", name);
        }
    }
    return 0;
}

/* For a file of each change. */
static int make_room(struct delta *d, uint32_t more, struct err *err)
{
    uint32_t n = d->manifest.n;
    struct bundle_file *files = ARENA_ARRAY(&d->arena, struct bundle_file, (size_t)n + more + 1);
    if (!files) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (n) {
        memcpy(files, d->manifest.files, n * sizeof(*files));
    }
    d->manifest.files = files;
    return 0;
}

static int apply(struct delta *d, const struct bundle_changes *changes, struct err *err)
{
    int r = bundle_load_manifest(d->dir, &d->arena, &d->manifest, err);
    if (r == 0 && d->manifest.version != changes->from) {
        r = err_set(err, -ESTALE, "the bundle that is kept is not the one in force");
    }
    r = r == 0 ? make_room(d, changes->lists.n, err) : r;
    r = r == 0 ? link_all(d, err) : r;
    for (uint32_t i = 0; r == 0 && i < changes->lists.n; i++) {
        r = change_list(d, &changes->lists.items[i], err);
    }
    d->manifest.parent = d->manifest.version;
    d->manifest.version = changes->to;
    return r == 0 ? bundle_write_manifest(d->to, &d->manifest, err) : r;
}

int bundle_delta(const char *dir, const struct bundle_changes *changes, struct err *err)
{
    CLEANUP(delta_done) struct delta d = { .dir = dir, .from = -1, .to = -1 };
    arena_init(&d.arena, (size_t)16 << 20);
    return apply(&d, changes, err);
}
