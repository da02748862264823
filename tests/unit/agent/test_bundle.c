/*
 * Bundles: what is signed and whole becomes a directory; everything else leaves none. Deltas change lists of a copy.
 */
#include "../test.h"

#include "agent/bundle.h"
#include "agent/identity.h"
#include "base/buf.h"
#include "base/fd.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct err err;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test-bundle-XXXXXX");
    return sodium_init() >= 0 && mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[96];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? 0 : -1;
}

struct file {
    const char *name, *content;
    unsigned type; /* 0: a file */
};

static char packed[1 << 20], manifest[4096];

static void add(struct archive *a, const struct file *f)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, f->name);
    archive_entry_set_filetype(entry, f->type ? f->type : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, f->type ? 0 : (int64_t)strlen(f->content));
    if (f->type == AE_IFLNK) {
        archive_entry_set_symlink(entry, f->content);
    }
    assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
    if (!f->type) {
        archive_write_data(a, f->content, strlen(f->content));
    }
    archive_entry_free(entry);
}

static struct str pack(const struct file *files, size_t n)
{
    size_t used = 0;
    struct archive *a = archive_write_new();
    archive_write_add_filter_zstd(a);
    archive_write_set_format_ustar(a);
    archive_write_open_memory(a, packed, sizeof(packed), &used);
    for (size_t i = 0; i < n; i++) {
        add(a, &files[i]);
    }
    archive_write_close(a);
    archive_write_free(a);
    return str_from(packed, used);
}

static const char *hash_of(const char *text, char ret[65])
{
    unsigned char hash[32];
    crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
    sodium_bin2hex(ret, 65, hash, sizeof(hash));
    return ret;
}

#define RULES "- list: names\n  items: [a]\n"
#define ITEMS "two words\n"

static const char *manifest_of(uint64_t version)
{
    char rules[65], items[65];
    snprintf(manifest, sizeof(manifest),
             "{\"v\":1,\"version\":%lu,\"parent\":0,\"files\":{\"rules/a.yaml\":\"%s\","
             "\"lists/names.txt\":\"%s\"}}",
             (unsigned long)version, hash_of(RULES, rules), hash_of(ITEMS, items));
    return manifest;
}

static struct str good(uint64_t version)
{
    const struct file files[] = { { "manifest.json", manifest_of(version), 0 },
                                  { "rules/a.yaml", RULES, 0 },
                                  { "lists/names.txt", ITEMS, 0 } };
    return pack(files, ARRAY_SIZE(files));
}

static void content_is(const char *name, const char *content)
{
    char path[256], storage[4096];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(file_read(path, &text, NULL), 0);
    assert_str(buf_str(&text), content);
}

static bool is_there(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void test_unpack_and_keep(void **state)
{
    (void)state;
    uint64_t version = 0;
    assert_int_equal(bundle_version(dir, &version), -ENOENT);
    assert_int_equal(bundle_unpack(dir, 5, good(5), &err), 0);
    assert_int_equal(bundle_version(dir, &version), -ENOENT);
    assert_int_equal(bundle_keep(dir, &err), 0);
    assert_int_equal(bundle_version(dir, &version), 0);
    assert_int_equal(version, 5);
    content_is("bundle/rules/a.yaml", RULES);
    content_is("bundle/lists/names.txt", ITEMS);
    assert_int_equal(bundle_unpack(dir, 6, good(6), &err), 0);
    assert_int_equal(bundle_keep(dir, &err), 0);
    assert_int_equal(bundle_version(dir, &version), 0);
    assert_int_equal(version, 6);
    assert_false(is_there("bundle.new"));
}

static void refuse(const struct file *files, size_t n, const char *said)
{
    err.message[0] = '\0';
    assert_int_equal(bundle_unpack(dir, 5, pack(files, n), &err), -EINVAL);
    if (!strstr(err.message, said)) {
        print_error("%s, not %s\n", err.message, said);
        fail();
    }
    assert_false(is_there("bundle.new"));
}

#define REFUSE(said, ...)                                                                          \
    do {                                                                                           \
        const struct file files[] = { { "manifest.json", manifest_of(5), 0 }, __VA_ARGS__ };       \
        refuse(files, ARRAY_SIZE(files), said);                                                    \
    } while (0)

#define A_FILE                                                                                     \
    {                                                                                              \
        "rules/a.yaml", RULES, 0                                                                   \
    }
#define A_LIST                                                                                     \
    {                                                                                              \
        "lists/names.txt", ITEMS, 0                                                                \
    }

static void test_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "/etc/x.yaml",    "../x.yaml",      "rules/../x.yaml",
                                         "rules/.x.yaml",  "rules/x/y.yaml", "rules/x.yml",
                                         "rules/.yaml",    "lists/x",        "x",
                                         "./rules/b.yaml", "rules/",         "lists/a\\b.txt" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        REFUSE("may not be in it", A_FILE, A_LIST, { names[i], "x", 0 });
    }
    REFUSE("lacks", A_FILE);
    REFUSE("twice", A_FILE, A_LIST, A_FILE);
    REFUSE("two manifests", A_FILE, A_LIST, { "manifest.json", "{}", 0 });
    REFUSE("not what its manifest says", { "rules/a.yaml", RULES " ", 0 }, A_LIST);
    REFUSE("does not name", A_FILE, A_LIST, { "rules/b.yaml", "x", 0 });
    REFUSE("may not be in it", A_FILE, A_LIST, { "rules/b.yaml", "/etc/passwd", AE_IFLNK });
    REFUSE("may not be in it", A_FILE, A_LIST, { "rules", "", AE_IFDIR });
    REFUSE("may not be in it", A_FILE, A_LIST, { "rules/b.yaml", "", AE_IFIFO });
    const struct file none[] = { A_FILE };
    refuse(none, 1, "no manifest");
    const struct file bad[] = { { "manifest.json", "{\"v\":2}", 0 } };
    refuse(bad, 1, "manifest is not one");
    const struct file outside[] = { { "manifest.json",
                                      "{\"v\":1,\"version\":5,\"files\":{\"../x\":\"00\"}}", 0 } };
    refuse(outside, 1, "manifest is not one");
    assert_int_equal(bundle_unpack(dir, 6, good(5), &err), -EINVAL);
    assert_int_equal(bundle_unpack(dir, 5, STR("junk"), &err), -EINVAL);
    assert_int_equal(bundle_unpack(dir, 5, STR(""), &err), -EINVAL);
}

/* Cut or changed at any byte: refused, or (in what the archive pads with) the same. */
static void test_torn(void **state)
{
    (void)state;
    struct str whole = good(5);
    char *copy = malloc(whole.n);
    for (size_t n = 0; n < whole.n; n++) {
        assert_int_not_equal(bundle_unpack(dir, 5, str_first(whole, n), &err), 0);
        memcpy(copy, whole.p, whole.n);
        copy[n] ^= 0x41;
        if (bundle_unpack(dir, 5, str_from(copy, whole.n), &err) == 0) {
            content_is("bundle.new/rules/a.yaml", RULES);
            bundle_forget(dir);
        }
    }
    free(copy);
}

static int delta(uint64_t from, uint64_t to, struct str text)
{
    struct bundle_changes changes = { .from = from, .to = to };
    int r = bundle_changes_read(&changes, text, &err);
    r = r == 0 ? bundle_delta(dir, &changes, &err) : r;
    bundle_changes_done(&changes);
    return r;
}

static void test_delta(void **state)
{
    (void)state;
    uint64_t version = 0;
    struct stat before, after;
    char path[128];
    assert_int_equal(bundle_unpack(dir, 5, good(5), &err), 0);
    assert_int_equal(bundle_keep(dir, &err), 0);
    snprintf(path, sizeof(path), "%s/bundle/rules/a.yaml", dir);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(delta(5, 6,
                           STR("{\"from\":5,\"to\":6,\"changes\":[{\"list\":\"names\","
                               "\"append\":[\"b\",\"c\\nd\\\\\"]},{\"list\":\"more\","
                               "\"append\":[\"x\"]}]}")),
                     0);
    content_is("bundle/lists/names.txt", ITEMS);
    content_is("bundle.new/lists/names.txt", ITEMS "b\nc\\nd\\\\\n");
    assert_int_equal(bundle_keep(dir, &err), 0);
    content_is("bundle/lists/names.txt", ITEMS "b\nc\\nd\\\\\n");
    content_is("bundle/lists/more.txt", "x\n");
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* what stays is not copied */
    assert_int_equal(bundle_version(dir, &version), 0);
    assert_int_equal(version, 6);
}

static void test_delta_refused(void **state)
{
    (void)state;
    static const char *const deltas[] = {
        "",
        "[]",
        "{}",
        "{\"from\":5,\"to\":7,\"changes\":[]}",
        "{\"from\":5,\"to\":6,\"changes\":{}}",
        "{\"from\":5,\"to\":6,\"changes\":[1]}",
        "{\"from\":5,\"to\":6,\"changes\":[{\"list\":\"../x\",\"append\":[]}]}",
        "{\"from\":5,\"to\":6,\"changes\":[{\"list\":\"a/b\",\"append\":[\"x\"]}]}",
        "{\"from\":5,\"to\":6,\"changes\":[{\"list\":\"\",\"append\":[\"x\"]}]}",
        "{\"from\":5,\"to\":6,\"changes\":[{\"list\":\"names\",\"append\":[1]}]}",
        "{\"from\":5,\"to\":6,\"changes\":[{\"list\":\"names\"}]}",
        "{\"from\":5,\"to\":6,\"changes\":[]} x",
    };
    assert_int_equal(bundle_unpack(dir, 5, good(5), &err), 0);
    assert_int_equal(bundle_keep(dir, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(deltas); i++) {
        assert_int_equal(delta(5, 6, str_of(deltas[i])), -EINVAL);
    }
    assert_int_equal(delta(4, 6, STR("{\"from\":5,\"to\":6,\"changes\":[]}")), -ESTALE);
    /* For what is in force, but not what is kept. */
    assert_int_equal(delta(6, 7, STR("{\"from\":6,\"to\":7,\"changes\":[]}")), -ESTALE);
    content_is("bundle/lists/names.txt", ITEMS);
}

static void test_signature(void **state)
{
    (void)state;
    unsigned char public[32], secret[64], bytes[64];
    char text[128], body[] = "hinomi-1\ntype\n7\nbody";
    crypto_sign_keypair(public, secret);
    crypto_sign_detached(bytes, NULL, (unsigned char *)body, strlen(body), secret);
    sodium_bin2base64(text, sizeof(text), bytes, sizeof(bytes), sodium_base64_VARIANT_ORIGINAL);
    assert_int_equal(bundle_verify(public, "type", 7, text, STR("body"), &err), 0);
    assert_int_equal(bundle_verify(public, "type", 8, text, STR("body"), &err), -EBADMSG);
    assert_int_equal(bundle_verify(public, "typ", 7, text, STR("body"), &err), -EBADMSG);
    assert_int_equal(bundle_verify(public, "type", 7, text, STR("bodY"), &err), -EBADMSG);
    assert_int_equal(bundle_verify(public, "type", 7, "", STR("body"), &err), -EBADMSG);
    assert_int_equal(bundle_verify(public, "type", 7, text + 4, STR("body"), &err), -EBADMSG);
    public[3] ^= 1;
    assert_int_equal(bundle_verify(public, "type", 7, text, STR("body"), &err), -EBADMSG);
}

static void test_identity(void **state)
{
    (void)state;
    struct identity one, two = { 0 };
    struct stat status;
    char path[128], key[64];
    memset(key, 'A', 43);
    memcpy(key + 43, "=", 2);
    assert_int_equal(identity_read(dir, &one, &err), -ENOENT);
    assert_int_equal(identity_take("a0123456789abcdef", "ha_x-Y_9", key, &one, &err), 0);
    assert_int_equal(identity_write(dir, &one, &err), 0);
    assert_int_equal(identity_read(dir, &two, &err), 0);
    assert_memory_equal(&one, &two, sizeof(one));
    snprintf(path, sizeof(path), "%s/identity.json", dir);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(identity_take("a/../b", "ha_x", key, &two, &err), -EINVAL);
    assert_int_equal(identity_take("a0123", "ha x", key, &two, &err), -EINVAL);
    assert_int_equal(identity_take("a0123", "ha_x\r\n", key, &two, &err), -EINVAL);
    assert_int_equal(identity_take("a0123", "", key, &two, &err), -EINVAL);
    assert_int_equal(identity_take("a0123", "ha_x", "AAAA", &two, &err), -EINVAL);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(identity_read(dir, &two, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unpack_and_keep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delta, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delta_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signature, setup, teardown),
        cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
