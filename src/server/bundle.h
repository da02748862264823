/*
 * bundle: the content as agents load it: packed, signed, and the small differences between versions.
 *
 * A bundle is a tar file in zstd: manifest.json, policies.yaml, rules/NAME.yaml, lists/NAME.txt. The same content
 * gives the same bytes. A full one is made when somebody asks and is kept as long as differences lead from it
 * to the newest version: a version that only appended items to lists is a difference of a few bytes.
 *
 * What is signed is "hinomi-1\n" TYPE "\n" VERSION "\n" BODY, with Ed25519. Internal to the content module; struct
 * bundles is guarded by the content's lock.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "server/signing.h"

#include <stdint.h>

#define BUNDLE_TYPE "application/vnd.hinomi.bundle"
#define DELTA_TYPE  "application/vnd.hinomi.delta+json"
#define ORDERS_TYPE "application/vnd.hinomi.orders+json"

#define BUNDLE_MAX       ((size_t)1 << 30) /* what a bundle holds, unpacked */
#define DELTAS_MAX       4096              /* versions that are remembered */
#define DELTAS_BYTES_MAX ((size_t)8 << 20)
#define DELTA_BODY_MAX   ((size_t)2 << 20) /* of one answer; beyond it a full bundle is sent */
#define SIGNATURE_TEXT   96

/* Shared by counting, immutable. */
struct bundle {
    unsigned refs;
    const char *type;
    int64_t from, version; /* from: of a difference */
    struct buf body;
    char signature[SIGNATURE_TEXT]; /* base64 */
};

struct bundle *bundle_hold(struct bundle *bundle);
void bundle_drop(struct bundle *bundle); /* NULL is fine */

/* Takes the buffer over, also when it fails. */
int bundle_sign(const struct signing *key, const char *type, int64_t version, struct buf *body,
                struct bundle **ret);

/* One version that only appended items: `change` is {"list":...,"append":[...]}. */
struct delta {
    int64_t version;
    char *change;
    size_t n;
};

struct bundles {
    struct signing key;
    struct bundle *full, *difference; /* the last ones made */
    struct delta *deltas;             /* by version */
    size_t n, bytes;
    int64_t base; /* every version beyond it is a delta */
    bool making;  /* a full one, by somebody */
};

void bundles_done(struct bundles *bundles);
/* change.n == 0: the version is more than that; differences begin anew. */
void bundles_note(struct bundles *bundles, int64_t version, struct str change);
/* The difference, made or remembered, held for the caller; NULL: a full bundle is needed, or memory is out. */
struct bundle *bundles_difference(struct bundles *bundles, int64_t from, int64_t to);

/* ---- packing (bundle_pack.c) */

struct pack;
int pack_new(struct pack **ret, struct err *err);
void pack_free(struct pack *pack);
int pack_add(struct pack *pack, struct str name, struct str text, struct err *err);
/* With the manifest in front of them. */
int pack_finish(struct pack *pack, int64_t version, struct buf *ret, struct err *err);
