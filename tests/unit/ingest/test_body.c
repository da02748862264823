/*
 * bodies: packed and back, small, large, random, and what was packed by nobody.
 */
#include "test.h"

#include "store/body.h"

static struct body_packer *packer;
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)64 << 20);
    return body_packer_new(&packer);
}

static int teardown(void **state)
{
    (void)state;
    body_packer_free(packer);
    arena_done(&arena);
    return 0;
}

static struct str round_trip(struct str text)
{
    struct str packed = body_pack(packer, text, &arena);
    assert_non_null(packed.p);
    assert_true(packed.n <= text.n + 1);
    struct str back = body_unpack(packer, packed, &arena);
    assert_non_null(back.p);
    assert_true(str_eq(back, text));
    return packed;
}

static void test_texts(void **state)
{
    (void)state;
    static char text[BODY_MAX + 1];
    uint64_t seed = 3;
    round_trip(STR(""));
    round_trip(STR("x"));
    struct str alert =
        STR("{\"hostname\":\"h\",\"output\":\"x\",\"output_fields\":{\"container.id\":\"c\"},"
            "\"priority\":\"Critical\",\"rule\":\"Malicious filenames written\"}");
    assert_true(round_trip(alert).n < alert.n / 2);
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)test_random(&seed);
    }
    for (size_t n = 1; n <= BODY_MAX; n *= 4) {
        round_trip(str_from(text, n));
    }
    round_trip(str_from(text, BODY_MAX));
    assert_null(body_pack(packer, str_from(text, BODY_MAX + 1), &arena).p);
}

/* A database that somebody wrote into: no crash, no memory without end. */
static void test_not_packed(void **state)
{
    (void)state;
    char bytes[64];
    uint64_t seed = 5;
    assert_null(body_unpack(packer, STR(""), &arena).p);
    assert_null(body_unpack(packer, STR("\x02xyz"), &arena).p);
    assert_null(body_unpack(packer, STR("\x03xyz"), &arena).p);
    assert_null(body_unpack(packer, STR("\x01"), &arena).p);
    /* a frame that says it is 2^62 bytes */
    assert_null(
        body_unpack(packer, STR("\x01\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x00\x40"), &arena)
            .p);
    for (int i = 0; i < 100000; i++) {
        size_t n = 1 + test_random_below(&seed, sizeof(bytes) - 1);
        for (size_t k = 0; k < n; k++) {
            bytes[k] = (char)test_random(&seed);
        }
        memcpy(bytes, "\x01\x28\xb5\x2f\xfd", n < 5 ? n : 5);
        body_unpack(packer, str_from(bytes, n), &arena);
        arena_reset(&arena);
    }
}

/* What is stored stays readable: these bytes are of the first release. */
static void test_stable(void **state)
{
    (void)state;
    struct str kept = STR("\x01\x28\xb5\x2f\xfd\x20\x46\xa5\x00\x00\x50\x7b"
                          "\x6e\x22\x3a\x31\x32\x33\x34\x35\x7d\x02\x00\xf8"
                          "\x65\x05\xf6\xf6\xe4\x2b");
    assert_str(body_unpack(packer, kept, &arena),
               "{\"rule\":\"Malicious filenames written\",\"priority\":\"Critical\",\"n\":12345}");
    kept = STR("\x02\x28\xb5\x2f\xfd\x22\x41\x9c\x7d\xb5\x00\x00"
               "\x20\x68\x78\x63\x7d\x05\xfc\xa2\xd0\x4f\xd8\x25"
               "\x14\x52\x0a\x40\x73\x05\x6f\x88\x50\x05");
    assert_str(body_unpack(packer, kept, &arena),
               "{\"hostname\":\"h\",\"output\":\"x\",\"output_fields\":{\"container.id\":\"c\"},"
               "\"priority\":\"Critical\",\"rule\":\"Malicious filenames written\"}");
    struct str plain = body_unpack(packer, STR("\0abc"), &arena);
    assert_str(plain, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_packed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stable, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
