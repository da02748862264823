/*
 * image_files: an OCI layout in a directory or a tar, and what `docker save` writes.
 *
 * A tar is read from its beginning for each document, because they come in any order: manifest.json or index.json, then
 * what that names. Layers are passed over, not read.
 */
#include "instrument/image_internal.h"

#include "base/fd.h"
#include "base/jscan.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>

#define ENTRIES_MAX 100000
#define PATH_SIZE   4096
#define BLOCK       65536

struct files {
    const char *path;
    bool tar;
};

static int read_entry(struct archive *archive, struct buf *out, struct err *err)
{
    for (;;) {
        char *at = buf_reserve(out, BLOCK);
        if (!at) {
            return err_set(err, -EFBIG, "a document of the image is too large");
        }
        la_ssize_t n = archive_read_data(archive, at, BLOCK);
        if (n <= 0) {
            return n == 0 ? 0 : err_set(err, -EIO, "%s", archive_error_string(archive));
        }
        out->n += (size_t)n;
    }
}

static int find_entry(struct archive *archive, const char *name, struct buf *out, struct err *err)
{
    struct archive_entry *entry;
    for (uint32_t i = 0; i < ENTRIES_MAX; i++) {
        int r = archive_read_next_header(archive, &entry);
        if (r == ARCHIVE_EOF) {
            return -ENOENT;
        }
        if (r < ARCHIVE_WARN) {
            return err_set(err, -EIO, "not a tar that can be read: %s",
                           archive_error_string(archive));
        }
        const char *path = archive_entry_pathname(entry);
        path = path && strncmp(path, "./", 2) == 0 ? path + 2 : path;
        if (path && strcmp(path, name) == 0 && archive_entry_filetype(entry) == AE_IFREG) {
            return read_entry(archive, out, err);
        }
    }
    return err_set(err, -EFBIG, "the tar has more than %d entries", ENTRIES_MAX);
}

static int read_tar(const char *path, const char *name, struct buf *out, struct err *err)
{
    struct archive *archive = archive_read_new();
    if (!archive) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_format_tar(archive);
    int r =
        archive_read_open_filename(archive, path, BLOCK) == ARCHIVE_OK
            ? find_entry(archive, name, out, err)
            : err_set(err, -EINVAL, "neither JSON nor a tar: %s", archive_error_string(archive));
    archive_read_free(archive);
    return r;
}

/* -ENOENT without a reason when it is not there. */
static int read_named(const struct files *files, const char *name, struct buf *out, struct err *err)
{
    char path[PATH_SIZE];
    if (files->tar) {
        return read_tar(files->path, name, out, err);
    }
    if (snprintf(path, sizeof(path), "%s/%s", files->path, name) >= (int)sizeof(path)) {
        return err_set(err, -ENAMETOOLONG, "the path is too long");
    }
    return file_read(path, out, err);
}

static int fetch(void *context, bool manifest, const char *digest, struct buf *out, struct err *err)
{
    char name[IMAGE_DIGEST_SIZE + 16];
    (void)manifest;
    snprintf(name, sizeof(name), "blobs/sha256/%s", digest + strlen("sha256:"));
    int r = read_named(context, name, out, err);
    return r == -ENOENT ? err_set(err, r, "%s is missing in it", name) : r;
}

static bool has_tag(struct jscan image, const struct image_query *query, struct arena *arena)
{
    struct jscan_walk walk = jscan_begin(jscan_get(image, STR("RepoTags")));
    struct jscan at;
    while (jscan_element(&walk, &at)) {
        if (query->image.n && str_eq(jscan_text(at, arena), query->image)) {
            return true;
        }
    }
    return false;
}

/* [{"Config": PATH, "RepoTags": [...]}, ...]: the one of this name, or the only one. */
static int choose_saved(struct str json, const struct image_query *query, struct arena *arena,
                        struct str *ret, struct image_words *ret_layers, struct err *err)
{
    struct jscan root, at, one = { 0 };
    const char *why;
    size_t place;
    unsigned n = 0, tagged = 0;
    if (jscan_check(json, &root, &why, &place) < 0 || root.type != JSCAN_ARRAY) {
        return err_set(err, -EINVAL, "its manifest.json is not a list");
    }
    struct jscan_walk walk = jscan_begin(root);
    for (; jscan_element(&walk, &at); n++) {
        bool tag = has_tag(at, query, arena);
        one = tag || tagged == 0 ? at : one;
        tagged += tag;
    }
    if (n != 1 && tagged != 1) {
        return err_set(err, -EINVAL, "it has %u images, and none or several are this one", n);
    }
    walk = jscan_begin(jscan_get(one, STR("Layers")));
    ret_layers->n = 0;
    while (jscan_element(&walk, &at)) {
        struct str path = arena_str(arena, jscan_text(at, arena));
        if (path.n == 0 || ret_layers->n == IMAGE_WORDS_MAX) {
            return err_set(err, -EINVAL, "its Layers are not a list of at most %d texts",
                           IMAGE_WORDS_MAX);
        }
        ret_layers->items[ret_layers->n++] = path;
    }
    *ret = arena_str(arena, jscan_text(jscan_get(one, STR("Config")), arena));
    return ret->n && ret->n < PATH_SIZE
               ? 0
               : err_set(err, -EINVAL, "its manifest.json names no Config");
}

/* The digits in a name as HEX.json or blobs/sha256/HEX are the contents' digest. */
static int check_name(struct str name, struct str document, struct err *err)
{
    char digest[IMAGE_DIGEST_SIZE] = "sha256:";
    ptrdiff_t slash = str_find_last(name, '/');
    struct str base = str_from_offset(name, (size_t)(slash + 1));
    base = str_ends(base, STR(".json")) ? str_first(base, base.n - 5) : base;
    if (base.n != 64) {
        return 0;
    }
    memcpy(digest + 7, base.p, base.n);
    return image_is_oci_digest(str_of(digest)) ? image_check_digest(document, digest, err) : 0;
}

static int read_saved(const struct files *files, struct str manifest,
                      const struct image_query *query, struct arena *arena,
                      struct image_config *ret, struct err *err)
{
    struct str name;
    struct buf text;
    buf_init(&text, IMAGE_DOCUMENT_MAX);
    int r = choose_saved(manifest, query, arena, &name, &ret->layers, err);
    r = r == 0 ? read_named(files, name.p, &text, err) : r;
    r = r == -ENOENT ? err_set(err, r, "the configuration it names is missing") : r;
    r = r == 0 ? check_name(name, buf_str(&text), err) : r;
    struct str copy = r == 0 ? arena_str(arena, buf_str(&text)) : (struct str){ 0 };
    buf_done(&text);
    if (r == 0 && !copy.p) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return r == 0 ? image_config_parse(copy, arena, ret, err) : r;
}

int image_from_files(const char *path, bool tar, const struct image_query *query,
                     struct arena *arena, struct image_config *ret, struct err *err)
{
    struct files files = { path, tar };
    struct image_store store = { fetch, &files, query, arena };
    struct buf text;
    buf_init(&text, IMAGE_DOCUMENT_MAX);
    int saved = tar ? read_named(&files, "manifest.json", &text, err) : -ENOENT;
    int r = saved;
    if (saved == -ENOENT) {
        buf_clear(&text);
        r = read_named(&files, "index.json", &text, err);
        r = r == -ENOENT ? err_set(err, r, "neither an OCI layout nor a tar of docker save") : r;
    }
    struct str document = r == 0 ? arena_str(arena, buf_str(&text)) : (struct str){ 0 };
    buf_done(&text);
    if (r == 0 && !document.p) {
        r = err_set(err, -ENOMEM, "out of memory");
    }
    if (r == 0) {
        r = saved == 0 ? read_saved(&files, document, query, arena, ret, err)
                       : image_follow(&store, document, ret, err);
    }
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}
