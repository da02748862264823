/*
 * image_credentials: what `docker login` left in Docker's config.json.
 *
 *     {"auths": {"HOST": {"auth": BASE64("user:password")}}}
 *
 * The base64 goes as it is into a Basic header, so it has to consist of base64's characters. Helpers that keep
 * credentials elsewhere are not run: a registry that then refuses is an error which says so.
 */
#include "instrument/image_internal.h"

#include "base/fd.h"
#include "base/jscan.h"

#include <ctype.h>
#include <errno.h>

#define CONFIG_MAX 1048576
#define AUTH_MAX   8192

static bool is_base64(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!isalnum(c) && c != '+' && c != '/' && c != '=') {
            return false;
        }
    }
    return s.n > 0 && s.n <= AUTH_MAX;
}

static bool is_for(struct jscan key, const char *registry)
{
    struct str name = str_from(key.raw.p + 1, key.raw.n - 2);
    name = str_starts(name, STR("https://")) ? str_from_offset(name, 8) : name;
    name = str_ends(name, STR("/")) ? str_first(name, name.n - 1) : name;
    return str_eqz(name, registry) ||
           (strcmp(registry, "registry-1.docker.io") == 0 &&
            (str_eqz(name, "index.docker.io/v1") || str_eqz(name, "docker.io")));
}

static int find(struct str json, const char *registry, struct buf *ret, struct err *err)
{
    struct arena arena;
    struct jscan root, key, value;
    const char *why;
    size_t at;
    if (jscan_check(json, &root, &why, &at) < 0) {
        return err_set(err, -EINVAL, "not JSON: %s", why);
    }
    arena_init(&arena, CONFIG_MAX);
    struct jscan_walk walk = jscan_begin(jscan_get(root, STR("auths")));
    while (jscan_member(&walk, &key, &value)) {
        struct str auth = is_for(key, registry) ? jscan_text(jscan_get(value, STR("auth")), &arena)
                                                : (struct str){ 0 };
        if (is_base64(auth)) {
            buf_clear(ret);
            buf_putz(ret, "Basic ");
            buf_puts(ret, auth);
        }
    }
    arena_done(&arena);
    return ret->failed ? err_set(err, -EFBIG, "its credentials are too long") : 0;
}

int image_credentials(const char *path, const char *registry, struct buf *ret, struct err *err)
{
    struct buf text;
    buf_init(&text, CONFIG_MAX);
    int r = file_read(path, &text, err);
    if (r == -ENOENT) {
        r = 0;
    } else {
        r = r == 0 ? find(buf_str(&text), registry, ret, err) : r;
        r = r < 0 ? err_wrap(err, "%s", path) : 0;
    }
    buf_done(&text);
    return r;
}
