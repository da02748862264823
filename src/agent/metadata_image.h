/*
 * metadata_image: an image's reference in parts: [HOST[:PORT]/]NAME[:TAG][@ALGORITHM:HEX].
 */
#pragma once

#include "base/str.h"
#include "event/state.h"

struct image_reference {
    struct str repository; /* with the registry's host */
    struct str tag;        /* "latest" where neither tag nor digest is given */
    struct str digest;     /* sha256:HEX; empty: not pinned */
};

/* Parts of `image`, borrowed. A reference that is only an id (sha256:HEX) has none. */
struct image_reference image_reference_of(struct str image);
/* "sha256:" and 64 lower-case hexadecimal digits. */
bool image_is_digest(struct str s);
/* Sets image_repository, image_tag and image_digest from image; a digest already there stays. */
void image_fill(struct container *container);
