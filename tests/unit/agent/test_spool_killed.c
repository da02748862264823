/*
 * What a spool promises while its process is killed, its files are torn and the space ends, at random: all
 * numbers arrive once; generated = sent + declared gaps; a kill alone declares none.
 *
 * A child appends and says in shared memory what it appended; this process kills it and is the server.
 */
#include "spool_server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

struct shared {
    _Atomic uint64_t begun, done, failed; /* appends */
};

static struct shared *shared;
static struct spool_server *server;
static char dir[64];

static struct spool *open_spool(uint64_t max)
{
    struct spool *s = NULL;
    struct err err = { 0 };
    const struct spool_config config = { .dir = dir, .max_bytes = max };
    if (spool_open(&config, &s, &err) < 0) {
        print_error("%s\n", err.message);
        _exit(1);
    }
    return s;
}

/* Appends for ever; ids are the numbers of appends begun. */
static void append_on(uint64_t seed, uint64_t max)
{
    static char text[40000];
    struct spool *s = open_spool(max);
    for (;;) {
        uint64_t id = shared->begun++;
        int n = snprintf(text, sizeof(text), "{\"id\":%lu,\"pad\":\"", (unsigned long)id);
        size_t size = (size_t)n + 2 + test_random_below(&seed, id % 50 ? 3000 : 30000);
        memset(text + n, 'x', size - (size_t)n);
        memcpy(text + size - 2, "\"}", 2);
        int r = spool_append(s, &(struct spool_entry){ .kind = SPOOL_ALERT,
                                                       .severity = (uint8_t)(id % 101),
                                                       .time_ms = (int64_t)id,
                                                       .payload = str_from(text, size) });
        shared->failed += r < 0;
        shared->done++;
    }
}

static void run_and_kill(uint64_t *seed, uint64_t max)
{
    pid_t pid = fork();
    if (pid == 0) {
        append_on(*seed, max);
    }
    uint64_t until = shared->done + test_random_below(seed, test_random_below(seed, 3) ? 4000 : 50);
    for (int ms = 0; shared->done < until && ms < 3000; ms++) {
        usleep(1000);
    }
    usleep((useconds_t)test_random_below(seed, 3000));
    kill(pid, SIGKILL);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test-spool-XXXXXX");
    server = calloc(1, sizeof(*server));
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return mkdtemp(dir) && server && shared != MAP_FAILED ? 0 : -1;
}

static int teardown(void **state)
{
    char command[96];
    (void)state;
    free(server);
    munmap(shared, sizeof(*shared));
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? 0 : -1;
}

/* Some batches; at times the acknowledgement is lost. */
static void serve(uint64_t *seed, uint64_t max, unsigned batches)
{
    struct spool *s = open_spool(max);
    spool_sync(s);
    while (batches-- && server_step(server, s, test_random_below(seed, 3) > 0)) {
    }
    spool_free(s);
}

static uint64_t arrived(void)
{
    return server->got + server->lost;
}

static void test_kills_lose_nothing(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int round = 0; round < 40; round++) {
        run_and_kill(&seed, 1u << 30);
        serve(&seed, 1u << 30, (unsigned)test_random_below(&seed, 6));
    }
    serve(&seed, 1u << 30, UINT32_MAX);
    assert_int_equal(server->lost, 0);
    assert_true(server->got >= shared->done); /* one more per kill may have been written */
    assert_true(server->got <= shared->begun);
    print_message("40 kills: %lu appended, %lu arrived, 0 lost\n", (unsigned long)shared->done,
                  (unsigned long)server->got);
}

static void test_kills_of_a_full_one(void **state)
{
    (void)state;
    uint64_t seed = 2;
    const uint64_t max = 24 << 20;
    for (int round = 0; round < 40; round++) {
        run_and_kill(&seed, max);
        if (round % 4 == 3) {
            serve(&seed, max, (unsigned)test_random_below(&seed, 4));
        }
    }
    serve(&seed, max, UINT32_MAX);
    assert_true(arrived() >= shared->done);
    assert_true(arrived() <= shared->begun);
    print_message("40 kills of a full one: %lu appended, %lu arrived, %lu in %lu gaps\n",
                  (unsigned long)shared->done, (unsigned long)server->got,
                  (unsigned long)server->lost, (unsigned long)server->gaps);
}

/* Whatever is written over: numbers stay whole, nothing comes twice. */
static void tear(uint64_t *seed)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    while ((entry = readdir(d))) {
        char path[400], junk[3000];
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        int fd = strstr(entry->d_name, ".seg") && test_random_below(seed, 3) == 0
                     ? open(path, O_WRONLY)
                     : -1;
        if (fd < 0) {
            continue;
        }
        memset(junk, (int)test_random_below(seed, 3) * 0x55, sizeof(junk));
        off_t at = (off_t)test_random_below(seed, SPOOL_SEGMENT_BYTES - sizeof(junk));
        at = test_random_below(seed, 10) ? at + 64 : 0;
        assert_true(pwrite(fd, junk, 1 + test_random_below(seed, sizeof(junk) - 1), at) > 0);
        close(fd);
    }
    closedir(d);
}

static void test_torn_files(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 40; round++) {
        run_and_kill(&seed, 64 << 20);
        tear(&seed);
        serve(&seed, 64 << 20, (unsigned)test_random_below(&seed, 6));
    }
    serve(&seed, 64 << 20, UINT32_MAX);
    struct spool *s = open_spool(64 << 20);
    struct spool_stats stats;
    spool_get_stats(s, &stats);
    spool_free(s);
    assert_int_equal(server->cursor, stats.appended);
    assert_int_equal(arrived(), stats.appended);
    print_message("torn files: %lu appended, %lu arrived, %lu in %lu gaps\n",
                  (unsigned long)shared->done, (unsigned long)server->got,
                  (unsigned long)server->lost, (unsigned long)server->gaps);
}

/* A file system that ends before spool.max_bytes does. */
static void test_no_space(void **state)
{
    (void)state;
    uint64_t seed = 4;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", dir, "tmpfs", 0, "size=21m,mode=0700") < 0) {
        print_message("skipped: no file system may be mounted here\n");
        skip();
    }
    for (int round = 0; round < 30; round++) {
        run_and_kill(&seed, 256 << 20);
        if (round % 5 == 4) {
            serve(&seed, 256 << 20, (unsigned)test_random_below(&seed, 4));
        }
    }
    serve(&seed, 256 << 20, UINT32_MAX);
    assert_true(arrived() >= shared->done);
    assert_true(arrived() <= shared->begun);
    print_message("no space: %lu appended, %lu arrived, %lu in %lu gaps\n",
                  (unsigned long)shared->done, (unsigned long)server->got,
                  (unsigned long)server->lost, (unsigned long)server->gaps);
    umount(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kills_lose_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kills_of_a_full_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
