/*
 * bundle: signature, and the archive into files.
 *
 * The archive is read once, into memory with a budget, before anything is written: names come from it and are
 * never used but to look them up in the manifest, whose own names are checked. No links, no directories, no
 * devices, nothing twice.
 */
#include "agent/bundle_internal.h"

#include "base/cleanup.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SIGNED_HEAD_MAX 256
#define BLOCK           65536

int bundle_verify(const uint8_t key[BUNDLE_KEY], const char *type, uint64_t version,
                  const char *signature, struct str body, struct err *err)
{
    unsigned char bytes[crypto_sign_BYTES];
    char head[SIGNED_HEAD_MAX];
    size_t n = 0;
    int length = snprintf(head, sizeof(head), "hinomi-1\n%s\n%" PRIu64 "\n", type, version);
    if (length < 0 || (size_t)length >= sizeof(head) ||
        sodium_base642bin(bytes, sizeof(bytes), signature, strlen(signature), NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        n != sizeof(bytes)) {
        return err_set(err, -EBADMSG, "the server's answer has no signature that can be read");
    }
    CLEANUP(cleanup_free) unsigned char *all = mem_alloc((size_t)length + body.n);
    if (!all) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    memcpy(all, head, (size_t)length);
    memcpy(all + length, body.p, body.n);
    return crypto_sign_verify_detached(bytes, all, (size_t)length + body.n, key) == 0
               ? 0
               : err_set(err, -EBADMSG, "the signature is not the server's");
}

/* ---- the archive */

struct unpacking {
    struct archive *archive;
    struct arena arena;
    struct bundle_file *found; /* names as they are in the archive */
    uint32_t n;
    size_t bytes;
};

static void unpacking_done(struct unpacking *u)
{
    archive_read_free(u->archive);
    arena_done(&u->arena);
}

static int damaged(const struct unpacking *u, struct err *err)
{
    const char *why = archive_error_string(u->archive);
    return err_set(err, -EINVAL, "the bundle cannot be unpacked: %s", why ? why : "damaged");
}

static int read_content(struct unpacking *u, struct archive_entry *entry, struct str *ret,
                        struct err *err)
{
    int64_t size = archive_entry_size(entry);
    if (size < 0 || (uint64_t)size > BUNDLE_FILE_MAX ||
        u->bytes + (size_t)size > BUNDLE_PLAIN_MAX) {
        return err_set(err, -EINVAL, "the bundle is larger than it may be");
    }
    char *to = arena_bytes(&u->arena, (size_t)size + 1);
    if (!to) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t at = 0; at < (size_t)size;) {
        ssize_t n = archive_read_data(u->archive, to + at, (size_t)size - at);
        if (n <= 0) {
            return damaged(u, err);
        }
        at += (size_t)n;
    }
    u->bytes += (size_t)size;
    *ret = str_from(to, (size_t)size);
    return 0;
}

static int read_entry(struct unpacking *u, struct archive_entry *entry, struct err *err)
{
    const char *path = archive_entry_pathname(entry);
    struct str name = str_of(path ? path : "");
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
        archive_entry_sparse_count(entry) > 0 || !bundle_name_good(name)) {
        return err_set(err, -EINVAL, "the bundle has an entry that may not be in it: %.*s",
                       STR_ARG(str_first(name, 100)));
    }
    if (u->n == BUNDLE_FILES_MAX + 1) {
        return err_set(err, -EINVAL, "the bundle has more than %d files", BUNDLE_FILES_MAX);
    }
    struct bundle_file *file = &u->found[u->n];
    file->name = arena_str(&u->arena, name);
    int r = file->name.p ? read_content(u, entry, &file->content, err)
                         : err_set(err, -ENOMEM, "out of memory");
    u->n += r == 0;
    return r;
}

static int open_archive(struct unpacking *u, struct str body, struct err *err)
{
    arena_init(&u->arena, BUNDLE_PLAIN_MAX + ((size_t)4 << 20));
    u->archive = archive_read_new();
    u->found = ARENA_ARRAY(&u->arena, struct bundle_file, BUNDLE_FILES_MAX + 1);
    if (!u->archive || !u->found) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    archive_read_support_filter_zstd(u->archive);
    archive_read_support_format_tar(u->archive);
    return archive_read_open_memory(u->archive, body.p, body.n) == ARCHIVE_OK ? 0 : damaged(u, err);
}

static int read_archive(struct unpacking *u, struct err *err)
{
    struct archive_entry *entry;
    int r = 0, status;
    while (r == 0 && (status = archive_read_next_header(u->archive, &entry)) != ARCHIVE_EOF) {
        r = status == ARCHIVE_OK ? read_entry(u, entry, err) : damaged(u, err);
    }
    return r;
}

/* Each of the manifest's, once, and nothing else. */
static int match(struct unpacking *u, struct bundle_manifest *manifest, struct err *err)
{
    for (uint32_t i = 0; i < u->n; i++) {
        char hash[BUNDLE_HASH + 1];
        const struct bundle_file *file = &u->found[i];
        if (str_eqz(file->name, "manifest.json")) {
            continue;
        }
        struct bundle_file *named = bundle_find(manifest, file->name);
        if (!named || named->content.p) {
            return err_set(err, -EINVAL, "the bundle's manifest does not name %.*s%s",
                           STR_ARG(file->name), named ? " twice" : "");
        }
        bundle_hash(file->content, hash);
        if (strcmp(hash, named->hash) != 0) {
            return err_set(err, -EINVAL, "the bundle's %.*s is not what its manifest says",
                           STR_ARG(file->name));
        }
        named->content = file->content;
    }
    for (uint32_t i = 0; i < manifest->n; i++) {
        if (!manifest->files[i].content.p) {
            return err_set(err, -EINVAL, "the bundle lacks %.*s", STR_ARG(manifest->files[i].name));
        }
    }
    return 0;
}

static int write_all(const char *dir, const struct bundle_manifest *manifest, struct err *err)
{
    CLEANUP(cleanup_close) int fd = bundle_make_new(dir, err);
    int r = fd < 0 ? fd : 0;
    for (uint32_t i = 0; i < manifest->n && r == 0; i++) {
        r = bundle_write_file(fd, manifest->files[i].name, manifest->files[i].content, err);
    }
    return r == 0 ? bundle_write_manifest(fd, manifest, err) : r;
}

static int unpack(struct unpacking *u, const char *dir, uint64_t version, struct err *err)
{
    struct bundle_manifest manifest = { 0 };
    const struct bundle_file *first = NULL;
    int r = read_archive(u, err);
    for (uint32_t i = 0; r == 0 && i < u->n; i++) {
        if (str_eqz(u->found[i].name, "manifest.json")) {
            if (first) {
                return err_set(err, -EINVAL, "the bundle has two manifests");
            }
            first = &u->found[i];
        }
    }
    if (r == 0 && !first) {
        return err_set(err, -EINVAL, "the bundle has no manifest");
    }
    r = r == 0 ? bundle_read_manifest(first->content, &u->arena, &manifest, err) : r;
    if (r == 0 && manifest.version != version) {
        return err_set(err, -EINVAL, "the bundle's manifest is of another version");
    }
    r = r == 0 ? match(u, &manifest, err) : r;
    return r == 0 ? write_all(dir, &manifest, err) : r;
}

int bundle_unpack(const char *dir, uint64_t version, struct str body, struct err *err)
{
    CLEANUP(unpacking_done) struct unpacking u = { 0 };
    int r = open_archive(&u, body, err);
    return r == 0 ? unpack(&u, dir, version, err) : r;
}
