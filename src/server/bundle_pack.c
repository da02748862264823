/*
 * Packing a bundle: a tar file in zstd, in memory, by libarchive.
 *
 * Nothing but names and contents goes in: no times, no owners, one mode; members in the order they were added, the
 * manifest first. So the same content gives the same bytes, whoever packs it and when.
 */
#include "server/bundle.h"

#include "base/arena.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define PACK_FILES_MAX 25000
#define PACK_LEVEL     "3"

struct packed_file {
    struct str name, text;
};

struct pack {
    struct arena arena;
    struct packed_file *files;
    size_t n, capacity;
};

int pack_new(struct pack **ret, struct err *err)
{
    struct pack *pack = mem_zalloc(sizeof(*pack));
    if (!pack) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&pack->arena, BUNDLE_MAX);
    *ret = pack;
    return 0;
}

void pack_free(struct pack *pack)
{
    if (pack) {
        arena_done(&pack->arena);
        free(pack->files);
        free(pack);
    }
}

int pack_add(struct pack *pack, struct str name, struct str text, struct err *err)
{
    if (pack->n == pack->capacity) {
        size_t capacity = pack->capacity ? pack->capacity * 2 : 16;
        struct packed_file *files = capacity <= PACK_FILES_MAX * 2
                                        ? mem_resize(pack->files, capacity, sizeof(*files))
                                        : NULL;
        if (!files) {
            return err_set(err, -ENOMEM, "the bundle has too many files");
        }
        pack->files = files;
        pack->capacity = capacity;
    }
    struct packed_file file = { arena_str(&pack->arena, name), arena_str(&pack->arena, text) };
    if (!file.name.p || !file.text.p) {
        return err_set(err, -ENOMEM, "the bundle is too large");
    }
    pack->files[pack->n++] = file;
    return 0;
}

static void put_manifest(const struct pack *pack, int64_t version, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    jsonw_i64(&w, "v", 1);
    jsonw_i64(&w, "version", version);
    jsonw_i64(&w, "parent", version - 1);
    jsonw_object(&w, "files");
    for (size_t i = 0; i < pack->n; i++) {
        unsigned char digest[SHA256_DIGEST_LENGTH];
        char storage[2 * SHA256_DIGEST_LENGTH + 1];
        struct buf hex;
        SHA256((const unsigned char *)pack->files[i].text.p, pack->files[i].text.n, digest);
        buf_init_fixed(&hex, storage, sizeof(storage));
        for (size_t k = 0; k < sizeof(digest); k++) {
            buf_printf(&hex, "%02x", digest[k]);
        }
        jsonw_key(&w, pack->files[i].name);
        jsonw_str(&w, NULL, buf_str(&hex));
    }
    jsonw_end(&w);
    jsonw_end(&w);
}

static la_ssize_t write_some(struct archive *archive, void *data, const void *p, size_t n)
{
    struct buf *buf = data;
    buf_put(buf, p, n);
    if (buf->failed) {
        archive_set_error(archive, ENOMEM, "too large");
        return -1;
    }
    return (la_ssize_t)n;
}

static bool put_file(struct archive *archive, struct str name, struct str text)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry) {
        return false;
    }
    archive_entry_set_pathname(entry, name.p);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)text.n);
    archive_entry_set_mtime(entry, 0, 0);
    bool good = archive_write_header(archive, entry) == ARCHIVE_OK;
    if (good && text.n > 0) {
        good = archive_write_data(archive, text.p, text.n) == (la_ssize_t)text.n;
    }
    archive_entry_free(entry);
    return good;
}

static bool put_all(const struct pack *pack, struct archive *archive, struct str manifest)
{
    bool good = put_file(archive, STR("manifest.json"), manifest);
    for (size_t i = 0; i < pack->n && good; i++) {
        good = put_file(archive, pack->files[i].name, pack->files[i].text);
    }
    return good && archive_write_close(archive) == ARCHIVE_OK;
}

int pack_finish(struct pack *pack, int64_t version, struct buf *ret, struct err *err)
{
    struct buf manifest;
    struct archive *archive = archive_write_new();
    buf_init(&manifest, (size_t)16 << 20);
    put_manifest(pack, version, &manifest);
    bool good = archive && !manifest.failed;
    good = good && archive_write_add_filter_zstd(archive) == ARCHIVE_OK &&
           archive_write_set_filter_option(archive, "zstd", "compression-level", PACK_LEVEL) ==
               ARCHIVE_OK &&
           archive_write_set_format_pax_restricted(archive) == ARCHIVE_OK &&
           archive_write_set_format_option(archive, "pax", "hdrcharset", "BINARY") == ARCHIVE_OK &&
           archive_write_set_bytes_in_last_block(archive, 1) == ARCHIVE_OK &&
           archive_write_open(archive, ret, NULL, write_some, NULL) == ARCHIVE_OK;
    good = good && put_all(pack, archive, buf_str(&manifest));
    int r = good ? 0
                 : err_set(err, -EIO, "the bundle cannot be packed: %s",
                           archive && archive_error_string(archive) ? archive_error_string(archive)
                                                                    : "out of memory");
    archive_write_free(archive);
    buf_done(&manifest);
    return r;
}
