/*
 * image_oci: from an index over a manifest to a configuration, wherever the documents are.
 *
 * Of an index the one for Linux and the task's architecture is taken; a named one where names are there. None, or more than
 * one that would do, is an error. So is a document whose SHA-256 is not the one it was asked by.
 */
#include "instrument/image_internal.h"

#include "base/jscan.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

bool image_is_oci_digest(struct str text)
{
    bool good = text.n == IMAGE_DIGEST_SIZE - 1 && str_starts(text, STR("sha256:"));
    for (size_t i = 7; good && i < text.n; i++) {
        good = (text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'f');
    }
    return good;
}

int image_check_digest(struct str document, const char *digest, struct err *err)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    char text[IMAGE_DIGEST_SIZE] = "sha256:";
    unsigned n = 0;
    if (!EVP_Digest(document.p ? document.p : "", document.n, sum, &n, EVP_sha256(), NULL) ||
        n != 32) {
        return err_set(err, -EIO, "SHA-256 cannot be computed");
    }
    for (unsigned i = 0; i < n; i++) {
        snprintf(text + 7 + 2 * i, 3, "%02x", sum[i]);
    }
    return strcmp(text, digest) == 0
               ? 0
               : err_set(err, -EBADMSG,
                         "a document of the image is not what its digest says (%.19s)", digest);
}

static int take_digest(struct jscan descriptor, struct arena *arena, char *ret, struct err *err)
{
    struct str digest = jscan_text(jscan_get(descriptor, STR("digest")), arena);
    if (!image_is_oci_digest(digest)) {
        return err_set(err, -EINVAL, "a digest of the image is missing, or not a SHA-256");
    }
    memcpy(ret, digest.p, digest.n);
    ret[digest.n] = '\0';
    return 0;
}

static bool is_for(struct jscan descriptor, const struct image_store *store)
{
    struct jscan platform = jscan_get(descriptor, STR("platform"));
    struct str os = jscan_text(jscan_get(platform, STR("os")), store->arena);
    struct str machine = jscan_text(jscan_get(platform, STR("architecture")), store->arena);
    return platform.type != JSCAN_OBJECT ||
           (str_eqz(os, "linux") && str_eqz(machine, store->query->architecture));
}

static bool is_named(struct jscan descriptor, const struct image_store *store)
{
    struct jscan notes = jscan_get(descriptor, STR("annotations"));
    struct str image = store->query->image;
    struct str name = jscan_text(jscan_get(notes, STR("io.containerd.image.name")), store->arena);
    struct str tag =
        jscan_text(jscan_get(notes, STR("org.opencontainers.image.ref.name")), store->arena);
    ptrdiff_t colon = str_find_last(image, ':');
    return image.n && (str_eq(name, image) || str_eq(tag, image) ||
                       (colon > 0 && str_eq(tag, str_from_offset(image, (size_t)colon + 1))));
}

static int choose(const struct image_store *store, struct jscan manifests, struct jscan *ret,
                  struct err *err)
{
    struct jscan_walk walk = jscan_begin(manifests);
    struct jscan at, fit = { 0 }, named = { 0 };
    unsigned fits = 0, names = 0;
    while (jscan_element(&walk, &at)) {
        if (is_for(at, store)) {
            fit = at;
            fits++;
            if (is_named(at, store)) {
                named = at;
                names++;
            }
        }
    }
    *ret = names == 1 ? named : fit;
    return names == 1 || fits == 1
               ? 0
               : err_set(err, -ENOENT, "%s for linux/%s",
                         fits ? "it has more than one image" : "it has no image",
                         store->query->architecture);
}

static int fetch(const struct image_store *store, bool manifest, const char *digest,
                 struct str *ret, struct err *err)
{
    struct buf text;
    buf_init(&text, IMAGE_DOCUMENT_MAX);
    int r = store->fetch(store->context, manifest, digest, &text, err);
    r = r == 0 ? image_check_digest(buf_str(&text), digest, err) : r;
    if (r == 0) {
        *ret = arena_str(store->arena, buf_str(&text));
        r = ret->p ? 0 : err_set(err, -ENOMEM, "out of memory");
    }
    buf_done(&text);
    return r;
}

static int read_config(const struct image_store *store, struct str json, struct image_config *ret,
                       struct err *err)
{
    struct jscan root;
    const char *why;
    size_t at;
    int r = image_config_parse(json, store->arena, ret, err);
    if (r == 0 && jscan_check(json, &root, &why, &at) == 0) {
        struct str machine = jscan_text(jscan_get(root, STR("architecture")), store->arena);
        if (machine.n && !str_eqz(machine, store->query->architecture)) {
            r = err_set(err, -ENOENT, "the image is for %.*s, the task for %s",
                        STR_ARG(str_first(machine, 32)), store->query->architecture);
        }
    }
    return r;
}

/* Digests as the files of a layout. */
static int read_layers(const struct image_store *store, struct jscan layers,
                       struct image_config *ret, struct err *err)
{
    struct jscan_walk walk = jscan_begin(layers);
    struct jscan at;
    ret->layers.n = 0;
    while (jscan_element(&walk, &at)) {
        char digest[IMAGE_DIGEST_SIZE], path[IMAGE_DIGEST_SIZE + 16];
        if (take_digest(at, store->arena, digest, err) < 0) {
            return -EINVAL;
        }
        int n = snprintf(path, sizeof(path), "blobs/sha256/%s", digest + strlen("sha256:"));
        struct str copy = arena_str(store->arena, str_from(path, (size_t)n));
        if (!copy.p || ret->layers.n == IMAGE_WORDS_MAX) {
            return err_set(err, -E2BIG, "the image has more than %d layers", IMAGE_WORDS_MAX);
        }
        ret->layers.items[ret->layers.n++] = copy;
    }
    return 0;
}

int image_follow(const struct image_store *store, struct str document, struct image_config *ret,
                 struct err *err)
{
    char digest[IMAGE_DIGEST_SIZE];
    for (int depth = 0; depth < IMAGE_INDEX_DEPTH; depth++) {
        struct jscan root, one;
        const char *why = "";
        size_t at = 0;
        if (jscan_check(document, &root, &why, &at) < 0) {
            return err_set(err, -EINVAL, "the image's manifest is not JSON: %s", why);
        }
        struct jscan manifests = jscan_get(root, STR("manifests"));
        bool index = manifests.type == JSCAN_ARRAY;
        int r = index ? choose(store, manifests, &one, err) : 0;
        one = index ? one : jscan_get(root, STR("config"));
        r = r == 0 && !index ? read_layers(store, jscan_get(root, STR("layers")), ret, err) : r;
        r = r == 0 ? take_digest(one, store->arena, digest, err) : r;
        r = r == 0 ? fetch(store, index, digest, &document, err) : r;
        if (r == 0 && index) {
            ret->digest = arena_str(store->arena, str_of(digest));
        }
        if (r < 0 || !index) {
            return r < 0 ? r : read_config(store, document, ret, err);
        }
    }
    return err_set(err, -ELOOP, "an index within an index, too many times");
}
