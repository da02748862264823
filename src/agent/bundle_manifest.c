/*
 * bundle_manifest: {"v":1,"version":V,"parent":P,"files":{"rules/10-x.yaml":"SHA-256 in hex",...}}, strictly.
 */
#include "agent/bundle_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define MANIFEST_MAX ((size_t)4 << 20)
#define DEPTH        8

struct json_object *bundle_parse_json(struct str text, struct err *err)
{
    struct json_tokener *parser = json_tokener_new_ex(DEPTH);
    if (!parser) {
        err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object =
        text.n <= INT32_MAX ? json_tokener_parse_ex(parser, text.p, (int)text.n) : NULL;
    if (!json_object_is_type(object, json_type_object) ||
        json_tokener_get_parse_end(parser) != text.n) {
        json_object_put(object);
        object = NULL;
        err_set(err, -EINVAL, "what the server sent is not strict JSON");
    }
    json_tokener_free(parser);
    return object;
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') {
            return false;
        }
    }
    return s.n > 0 && s.p[0] != '.';
}

bool bundle_name_good(struct str name)
{
    struct str rules = STR("rules/"), lists = STR("lists/");
    if (name.n > BUNDLE_NAME_MAX || !str_is_utf8(name)) {
        return false;
    }
    if (str_eqz(name, "manifest.json") || str_eqz(name, "policies.yaml")) {
        return true;
    }
    bool rule = str_starts(name, rules) && str_ends(name, STR(".yaml"));
    bool list = str_starts(name, lists) && str_ends(name, STR(".txt"));
    return (rule || list) && is_plain(str_from_offset(name, rules.n)) &&
           name.n > rules.n + (rule ? 5 : 4);
}

void bundle_hash(struct str content, char ret[BUNDLE_HASH + 1])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)content.p, content.n);
    sodium_bin2hex(ret, BUNDLE_HASH + 1, hash, sizeof(hash));
}

struct bundle_file *bundle_find(const struct bundle_manifest *manifest, struct str name)
{
    for (uint32_t i = 0; i < manifest->n; i++) {
        if (str_eq(manifest->files[i].name, name)) {
            return &manifest->files[i];
        }
    }
    return NULL;
}

static bool number_of(struct json_object *object, const char *key, uint64_t *ret)
{
    struct json_object *member = json_object_object_get(object, key);
    if (!json_object_is_type(member, json_type_int) || json_object_get_int64(member) < 0) {
        return false;
    }
    *ret = (uint64_t)json_object_get_int64(member);
    return true;
}

static bool take_file(struct bundle_file *file, const char *name, struct json_object *hash,
                      struct arena *arena)
{
    struct str text = json_object_is_type(hash, json_type_string)
                          ? str_of(json_object_get_string(hash))
                          : (struct str){ 0 };
    if (text.n != BUNDLE_HASH || strspn(text.p, "0123456789abcdef") != BUNDLE_HASH ||
        !bundle_name_good(str_of(name)) || strcmp(name, "manifest.json") == 0) {
        return false;
    }
    memcpy(file->hash, text.p, BUNDLE_HASH);
    file->name = arena_str(arena, str_of(name));
    return file->name.p;
}

int bundle_read_manifest(struct str json, struct arena *arena, struct bundle_manifest *ret,
                         struct err *err)
{
    struct bundle_manifest manifest = { 0 };
    uint64_t v = 0;
    struct json_object *object = bundle_parse_json(str_first(json, MANIFEST_MAX), err);
    if (!object) {
        return -EINVAL;
    }
    struct json_object *files = json_object_object_get(object, "files");
    bool good = number_of(object, "v", &v) && v == 1 &&
                number_of(object, "version", &manifest.version) &&
                json_object_is_type(files, json_type_object) &&
                json_object_object_length(files) <= BUNDLE_FILES_MAX;
    number_of(object, "parent", &manifest.parent);
    if (good) {
        size_t n = (size_t)json_object_object_length(files);
        manifest.files = ARENA_ARRAY(arena, struct bundle_file, n + 1);
        good = manifest.files;
        json_object_object_foreach(files, name, hash)
        {
            good = good && take_file(&manifest.files[manifest.n++], name, hash, arena);
        }
    }
    json_object_put(object);
    if (!good) {
        return err_set(err, -EINVAL,
                       "the bundle's manifest is not one, or names files that may "
                       "not be in it");
    }
    *ret = manifest;
    return 0;
}

int bundle_write_manifest(int dir, const struct bundle_manifest *manifest, struct err *err)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, MANIFEST_MAX);
    jsonw_object(&w, NULL);
    jsonw_u64(&w, "v", 1);
    jsonw_u64(&w, "version", manifest->version);
    jsonw_u64(&w, "parent", manifest->parent);
    jsonw_object(&w, "files");
    for (uint32_t i = 0; i < manifest->n; i++) {
        jsonw_key(&w, manifest->files[i].name);
        jsonw_str(&w, NULL, str_from(manifest->files[i].hash, BUNDLE_HASH));
    }
    jsonw_end(&w);
    jsonw_end(&w);
    int r = buf.failed ? err_set(err, -ENOMEM, "out of memory")
                       : bundle_write_file(dir, STR("manifest.json"), buf_str(&buf), err);
    buf_done(&buf);
    return r;
}

int bundle_load_manifest(const char *dir, struct arena *arena, struct bundle_manifest *ret,
                         struct err *err)
{
    char path[BUNDLE_PATH_MAX];
    struct buf text;
    buf_init(&text, MANIFEST_MAX);
    snprintf(path, sizeof(path), "%s/bundle/manifest.json", dir);
    int r = file_read(path, &text, err);
    r = r == 0 ? bundle_read_manifest(buf_str(&text), arena, ret, err) : r;
    buf_done(&text);
    return r;
}

int bundle_version(const char *dir, uint64_t *ret)
{
    struct bundle_manifest manifest = { 0 };
    struct arena arena;
    struct err err = { 0 };
    arena_init(&arena, (size_t)16 << 20);
    int r = bundle_load_manifest(dir, &arena, &manifest, &err);
    if (r == 0) {
        *ret = manifest.version;
    }
    arena_done(&arena);
    return r;
}
