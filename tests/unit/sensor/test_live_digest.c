/*
 * Digests of executables: right, also of deleted and memory files; kept, bounded, and refused with reasons.
 */
#include "live_fixture.h"

#include "sensor/live/digest.h"
#include "sensor/live/limited.h"

#include <openssl/evp.h>
#include <sys/mman.h>

static const char *const cat = "/bin/cat";

static struct digest *new_digest(void)
{
    struct digest *digest = NULL;
    struct err err = { 0 };
    assert_int_equal(digest_new(&digest, &err), 0);
    return digest;
}

static void expected(const char *path, char ret_hex[DIGEST_HEX + 1])
{
    unsigned char binary[32], block[4096];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_true(EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    for (size_t n; (n = fread(block, 1, sizeof(block), file)) > 0;) {
        EVP_DigestUpdate(context, block, n);
    }
    fclose(file);
    EVP_DigestFinal_ex(context, binary, NULL);
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; i < 32; i++) {
        snprintf(ret_hex + 2 * i, 3, "%02x", binary[i]);
    }
}

static int run_path(const void *path)
{
    execl(path, "subject", (char *)NULL);
    return -errno;
}

static int run_memfd(const void *path)
{
    char fd_path[64];
    int fd = memfd_create("image", 0);
    snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
    file_copy(path, fd_path);
    char *argv[] = { "subject", NULL };
    int readable = open(fd_path, O_RDONLY | O_CLOEXEC);
    close(fd);
    fexecve(readable, argv, environ);
    return -errno;
}

static void check(struct digest *digest, const struct subject *subject, const char *want)
{
    char hex[DIGEST_HEX];
    assert_int_equal(subject->code, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(digest_of_exe(digest, subject->pid, hex), 0);
        assert_memory_equal(hex, want, DIGEST_HEX);
    }
}

static void test_right(void **state)
{
    (void)state;
    char folder[64], path[PATHS_MAX], want[DIGEST_HEX + 1];
    struct digest *digest = new_digest();
    expected(cat, want);
    folder_new(folder);
    file_copy(cat, path_in(path, folder, "copy"));
    struct subject subject = subject_exec(run_path, path);
    check(digest, &subject, want);
    assert_int_equal(unlink(path), 0);
    check(digest, &subject, want);
    subject_end(&subject);
    subject = subject_exec(run_memfd, cat);
    check(digest, &subject, want);
    subject_end(&subject);
    folder_remove(folder);
    digest_free(digest);
}

static void test_replaced(void **state)
{
    (void)state;
    char folder[64], path[PATHS_MAX], first[DIGEST_HEX + 1], second[DIGEST_HEX + 1];
    struct digest *digest = new_digest();
    folder_new(folder);
    file_copy(cat, path_in(path, folder, "copy"));
    expected(path, first);
    struct subject subject = subject_exec(run_path, path);
    check(digest, &subject, first);
    subject_end(&subject);
    FILE *file = fopen(path, "ae");
    fputs("more", file);
    fclose(file);
    expected(path, second);
    assert_string_not_equal(first, second);
    subject = subject_exec(run_path, path);
    check(digest, &subject, second);
    subject_end(&subject);
    folder_remove(folder);
    digest_free(digest);
}

static void test_none(void **state)
{
    (void)state;
    struct digest *digest = new_digest();
    char hex[DIGEST_HEX];
    struct subject subject = subject_start(NULL, NULL);
    assert_int_equal(digest_cached(digest, subject.pid, hex), -EAGAIN);
    assert_int_equal(digest_of_exe(digest, subject.pid, hex), 0);
    assert_int_equal(digest_cached(digest, subject.pid, hex), 0);
    subject_end(&subject);
    assert_int_equal(digest_of_exe(digest, subject.pid, hex), -ESRCH);
    assert_int_equal(digest_cached(digest, subject.pid, hex), -ESRCH);
    assert_int_equal(digest_of_exe(digest, -1, hex), -ESRCH);
    digest_free(digest);
    digest_free(NULL);
}

static void test_too_large(void **state)
{
    (void)state;
    char folder[64], path[PATHS_MAX], hex[DIGEST_HEX];
    struct digest *digest = new_digest();
    folder_new(folder);
    file_copy(cat, path_in(path, folder, "copy"));
    assert_int_equal(truncate(path, (off_t)DIGEST_BYTES_MAX + 1), 0);
    struct subject subject = subject_exec(run_path, path);
    assert_int_equal(subject.code, 0);
    assert_int_equal(digest_of_exe(digest, subject.pid, hex), -EFBIG);
    subject_end(&subject);
    folder_remove(folder);
    digest_free(digest);
}

/* More files than the cache holds: the first is computed anew, all are right. */
static void test_cache_full(void **state)
{
    (void)state;
    char folder[64], path[PATHS_MAX], hex[DIGEST_HEX], want[DIGEST_HEX + 1];
    struct digest *digest = new_digest();
    folder_new(folder);
    file_copy(cat, path_in(path, folder, "copy"));
    struct subject subject = subject_exec(run_path, path);
    expected(path, want);
    for (unsigned i = 0; i < DIGEST_CACHE + 2; i++) {
        struct timespec times[2] = { { .tv_sec = i }, { .tv_sec = i } };
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0); /* another key each time */
        assert_int_equal(digest_of_exe(digest, subject.pid, hex), 0);
        assert_memory_equal(hex, want, DIGEST_HEX);
    }
    subject_end(&subject);
    folder_remove(folder);
    digest_free(digest);
}

struct slow_job {
    struct limited_job limited;
    int gate, freed; /* read until it closes; written when freed */
};

static void slow_run(struct limited_job *job)
{
    char c;
    ssize_t n = read(((struct slow_job *)job)->gate, &c, 1);
    (void)n;
}

static void slow_free(struct limited_job *job)
{
    struct slow_job *slow = (struct slow_job *)job;
    close(slow->gate);
    close(slow->freed);
    free(slow);
}

/* What hangs is left behind; not more than the limit; work goes on when it comes back. */
static void test_limited(void **state)
{
    (void)state;
    int gate[2], freed[2];
    struct limiter *limiter = NULL;
    assert_int_equal(limiter_new(&limiter), 0);
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    assert_int_equal(pipe2(freed, O_CLOEXEC), 0);
    for (int i = 0; i <= LIMITED_STUCK_MAX; i++) {
        struct slow_job *job = calloc(1, sizeof(*job));
        *job = (struct slow_job){ .limited = { .run = slow_run, .free = slow_free, .refs = 1 },
                                  .gate = dup(gate[0]),
                                  .freed = dup(freed[1]) };
        int r = limited_run(limiter, &job->limited, 1);
        assert_int_equal(r, i < LIMITED_STUCK_MAX ? -ETIMEDOUT : -EBUSY);
        limited_put(&job->limited);
    }
    close(gate[1]);
    close(freed[1]);
    char c;
    assert_int_equal(read(freed[0], &c, 1), 0); /* all freed */
    close(gate[0]);
    close(freed[0]);
    int again[2];
    assert_int_equal(pipe2(again, O_CLOEXEC), 0);
    close(again[1]);
    struct slow_job *job = calloc(1, sizeof(*job));
    *job = (struct slow_job){ .limited = { .run = slow_run, .free = slow_free, .refs = 1 },
                              .gate = again[0],
                              .freed = -1 };
    assert_int_equal(limited_run(limiter, &job->limited, 60000), 0);
    limited_put(&job->limited);
    limiter_free(limiter);
    limiter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),      cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_none),       cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_cache_full), cmocka_unit_test(test_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
