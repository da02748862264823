/*
 * identity: a small JSON file, written beside and renamed.
 *
 * What the server answers is checked before it is kept: the id becomes part of paths and of alerts' ids, the
 * credential part of a header.
 */
#include "agent/identity.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX 4096
#define ID_LEAST 4

static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return s.n > 0;
}

int identity_take(const char *id, const char *credential, const char *sign_key,
                  struct identity *ret, struct err *err)
{
    struct identity identity = { 0 };
    struct str name = str_of(id), secret = str_of(credential), key = str_of(sign_key);
    size_t n = 0;
    if (!is_word(name) || name.n >= sizeof(identity.id) || name.n < ID_LEAST || !is_word(secret) ||
        secret.n >= sizeof(identity.credential)) {
        return err_set(err, -EINVAL,
                       "the server answered an id or a credential that cannot be one");
    }
    if (sodium_base642bin(identity.sign_key, IDENTITY_KEY, key.p, key.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        n != IDENTITY_KEY) {
        return err_set(err, -EINVAL, "the server answered no key that signs rules");
    }
    memcpy(identity.id, name.p, name.n);
    memcpy(identity.credential, secret.p, secret.n);
    *ret = identity;
    return 0;
}

static const char *text_of(struct json_object *object, const char *key)
{
    struct json_object *member = json_object_object_get(object, key);
    return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : "";
}

int identity_read(const char *dir, struct identity *ret, struct err *err)
{
    char path[512], storage[FILE_MAX];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage) - 1);
    snprintf(path, sizeof(path), "%s/identity.json", dir);
    int r = file_read(path, &text, err);
    if (r < 0) {
        return r;
    }
    storage[text.n] = '\0';
    struct json_object *object = json_tokener_parse(storage);
    r = identity_take(text_of(object, "id"), text_of(object, "credential"),
                      text_of(object, "sign_key"), ret, NULL);
    json_object_put(object);
    sodium_memzero(storage, sizeof(storage));
    return r < 0 ? err_set(err, r, "%s is damaged: remove it and enrol again", path) : 0;
}

static void put(const struct identity *identity, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "id", identity->id);
    jsonw_strz(&w, "credential", identity->credential);
    jsonw_raw(&w, "sign_key", STR("\""));
    buf_base64(buf, str_from(identity->sign_key, IDENTITY_KEY));
    buf_puts(buf, STR("\""));
    jsonw_end(&w);
    buf_putc(buf, '\n');
}

int identity_write(const char *dir, const struct identity *identity, struct err *err)
{
    char path[512], fresh[528], storage[FILE_MAX];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    put(identity, &text);
    snprintf(path, sizeof(path), "%s/identity.json", dir);
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    CLEANUP(cleanup_close)
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, text.p, text.n);
    sodium_memzero(storage, sizeof(storage));
    if (r == 0 && (fsync(fd) < 0 || rename(fresh, path) < 0)) {
        r = -errno;
    }
    return r < 0 ? err_set(err, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}
