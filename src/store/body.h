/*
 * body: whole alerts and records as the store keeps them: packed, small texts against a sample of their kind.
 *
 * A packed text begins with a byte that says how: 0 as it is, 1 and 2 zstd with that sample. Samples never change; a
 * better one becomes a new number, and the older ones are read for ever. A packer is used by one thread at a time.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#define BODY_MAX ((size_t)1 << 20) /* bytes of one text */

struct body_packer;

int body_packer_new(struct body_packer **ret);
void body_packer_free(struct body_packer *packer);

/* In the arena; .p == NULL: longer than BODY_MAX, or out of memory. */
struct str body_pack(struct body_packer *packer, struct str text, struct arena *arena);
/* .p == NULL: not a packed text, or out of memory. */
struct str body_unpack(struct body_packer *packer, struct str packed, struct arena *arena);
