/*
 * What bundles are put in force, in which order, and what is asked for when something goes wrong. The rules are a
 * function of the test.
 */
#include "../test.h"

#include "agent/bundle_apply.h"
#include "base/buf.h"

#include <errno.h>
#include <semaphore.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "{\"v\":1,\"version\":5,\"files\":{}}"

static char dir[64];
static unsigned char secret[64];

struct rules {
    struct bundles *bundles;
    sem_t done;
    int answer; /* of the next use */
    uint64_t from, to;
    unsigned used, items;
};

static int use(void *data, const struct bundle_changes *changes, struct buf *text, struct err *err)
{
    struct rules *r = data;
    (void)text;
    r->used++;
    r->items = changes ? changes->items : 0;
    r->from = changes ? changes->from : 0;
    r->to = changes ? changes->to : 0;
    return r->answer < 0 ? err_set(err, r->answer, "as the test says") : r->answer;
}

static void done(void *data, bool good)
{
    struct rules *r = data;
    (void)good;
    sem_post(&r->done);
}

static void write_manifest(void)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/bundle", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/bundle/manifest.json", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(MANIFEST, file);
    fclose(file);
}

static void begin(struct rules *r)
{
    struct err err = { 0 };
    unsigned char public[32];
    *r = (struct rules){ 0 };
    strcpy(dir, "/tmp/test-apply-XXXXXX");
    assert_true(sodium_init() >= 0 && mkdtemp(dir));
    write_manifest();
    sem_init(&r->done, 0, 0);
    crypto_sign_keypair(public, secret);
    const struct bundles_config config = { .dir = dir, .use = use, .done = done, .data = r };
    assert_int_equal(bundles_new(&config, &r->bundles, &err), 0);
    bundles_set_key(r->bundles, public);
}

static void end(struct rules *r)
{
    char command[96];
    bundles_free(r->bundles);
    sem_destroy(&r->done);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static struct bundles_stats give(struct rules *r, const char *type, uint64_t version,
                                 const char *body)
{
    char text[1024], signature[128];
    unsigned char bytes[64];
    struct buf buf;
    struct bundles_stats stats;
    snprintf(text, sizeof(text), "hinomi-1\n%s\n%llu\n%s", type, (unsigned long long)version, body);
    crypto_sign_detached(bytes, NULL, (unsigned char *)text, strlen(text), secret);
    sodium_bin2base64(signature, sizeof(signature), bytes, sizeof(bytes),
                      sodium_base64_VARIANT_ORIGINAL);
    buf_init(&buf, sizeof(text));
    buf_putz(&buf, body);
    const struct uplink_bundle bundle = { type, signature, version, &buf };
    assert_true(bundles_give(r->bundles, &bundle));
    assert_int_equal(sem_wait(&r->done), 0);
    buf_done(&buf);
    bundles_get_stats(r->bundles, &stats);
    return stats;
}

static struct bundles_stats give_delta(struct rules *r, uint64_t from, uint64_t to)
{
    char body[256];
    snprintf(body, sizeof(body),
             "{\"from\":%llu,\"to\":%llu,\"changes\":[{\"list\":\"names\",\"append\":[\"x\"]}]}",
             (unsigned long long)from, (unsigned long long)to);
    return give(r, BUNDLE_TYPE_DELTA, to, body);
}

static void test_deltas(void **state)
{
    (void)state;
    struct rules r;
    begin(&r);
    struct bundles_stats stats = give_delta(&r, 5, 6);
    assert_int_equal(stats.version, 6);
    assert_int_equal(stats.want, 6);
    assert_true(stats.ok && r.from == 5 && r.to == 6 && r.items == 1);
    stats = give_delta(&r, 5, 7); /* for another version: everything, then */
    assert_int_equal(stats.version, 6);
    assert_int_equal(stats.want, 0);
    assert_int_equal(r.used, 1);
    r.answer = -EINVAL;
    stats = give_delta(&r, 6, 7);
    assert_int_equal(stats.version, 6);
    assert_int_equal(stats.want, 7); /* not again */
    assert_non_null(strstr(stats.error, "as the test says"));
    r.answer = 0;
    stats = give_delta(&r, 6, 8);
    assert_int_equal(stats.version, 8);
    assert_true(stats.ok);
    end(&r);
}

/* In force, but not on disk: everything is asked for, and taken though it is no newer. */
static void test_not_kept(void **state)
{
    (void)state;
    struct rules r;
    begin(&r);
    r.answer = 1;
    struct bundles_stats stats = give_delta(&r, 5, 6);
    assert_int_equal(stats.version, 6);
    assert_int_equal(stats.want, 0);
    assert_true(stats.ok);
    stats = give(&r, BUNDLE_TYPE, 6, "no archive");
    assert_non_null(strstr(stats.error, "cannot be unpacked"));
    assert_int_equal(stats.version, 6);
    assert_int_equal(stats.want, 6); /* until there is news */
    r.answer = 0;
    stats = give_delta(&r, 6, 7);
    assert_int_equal(stats.version, 7);
    assert_true(stats.ok);
    stats = give(&r, BUNDLE_TYPE, 7, "no archive");
    assert_non_null(strstr(stats.error, "not newer"));
    stats = give(&r, BUNDLE_TYPE, 6, "no archive");
    assert_non_null(strstr(stats.error, "not newer"));
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deltas),
        cmocka_unit_test(test_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
