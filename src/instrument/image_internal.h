/*
 * image_internal: the ways to an image's configuration, chosen by image.c.
 */
#pragma once

#include "base/buf.h"
#include "instrument/image.h"

#define IMAGE_INDEX_DEPTH 3  /* an index in an index */
#define IMAGE_DIGEST_SIZE 72 /* "sha256:", 64 digits, NUL */

/* Documents by their digest. What fetch appends has been checked against it by image_fetch. */
struct image_store {
    int (*fetch)(void *context, bool manifest, const char *digest, struct buf *out,
                 struct err *err);
    void *context;
    const struct image_query *query;
    struct arena *arena;
};

/* An index or a manifest, down to the configuration. */
int image_follow(const struct image_store *store, struct str document, struct image_config *ret,
                 struct err *err);
/* "sha256:..." of 64 lower-case digits. */
bool image_is_oci_digest(struct str text);
int image_check_digest(struct str document, const char *digest, struct err *err);

/* An OCI layout's directory, or a tar of one or of `docker save`. */
int image_from_files(const char *path, bool tar, const struct image_query *query,
                     struct arena *arena, struct image_config *ret, struct err *err);
int image_from_registry(struct str reference, const char *credentials,
                        const struct image_query *query, struct arena *arena,
                        struct image_config *ret, struct err *err);

/* An image's name taken apart; Docker's short forms are written out. */
struct image_reference {
    char registry[256], repository[256], tag[130], digest[IMAGE_DIGEST_SIZE]; /* digest may be "" */
    bool loopback; /* plain HTTP will do */
};
int image_reference_parse(struct str text, struct image_reference *ret, struct err *err);

/* `Authorization`'s value for a registry by Docker's config.json, or an empty buffer. */
int image_credentials(const char *path, const char *registry, struct buf *ret, struct err *err);
