/*
 * metadata_image: the tag is what follows the last colon, unless a slash follows that (then it was a port); the
 * digest is what follows the at sign.
 */
#include "agent/metadata_image.h"

#define DIGEST_PREFIX STR("sha256:")
#define DIGEST_DIGITS 64

bool image_is_digest(struct str s)
{
    if (!str_starts(s, DIGEST_PREFIX) || s.n != DIGEST_PREFIX.n + DIGEST_DIGITS) {
        return false;
    }
    for (size_t i = DIGEST_PREFIX.n; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}

struct image_reference image_reference_of(struct str image)
{
    struct image_reference ret = { .repository = image };
    if (image.n == 0 || image_is_digest(image)) {
        return (struct image_reference){ 0 };
    }
    ptrdiff_t at = str_find_char(image, '@');
    if (at >= 0) {
        struct str digest = str_from_offset(image, (size_t)at + 1);
        ret.digest = image_is_digest(digest) ? digest : (struct str){ 0 };
        ret.repository = str_first(image, (size_t)at);
    }
    ptrdiff_t colon = str_find_last(ret.repository, ':');
    ptrdiff_t slash = str_find_last(ret.repository, '/');
    if (colon >= 0 && colon > slash) {
        ret.tag = str_from_offset(ret.repository, (size_t)colon + 1);
        ret.repository = str_first(ret.repository, (size_t)colon);
    } else if (at < 0) {
        ret.tag = STR("latest");
    }
    return ret;
}

void image_fill(struct container *container)
{
    struct image_reference ref = image_reference_of(container->image);
    container->image_repository = ref.repository;
    container->image_tag = ref.tag;
    if (ref.digest.n || container->image_digest.n == 0) {
        container->image_digest = ref.digest;
    }
}
