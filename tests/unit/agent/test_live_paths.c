/*
 * live_paths: what is kept of paths never hides what a path leads to now: links that depend on who follows
 * them, roots that change under a process, facts beside the path, and directories that two processes turn
 * over while a third opens.
 */
#include "live_run.h"

#include <linux/fs.h>

#define DIR     "/tmp/hinomi-paths"
#define SECRET  DIR "/secret"
#define PLAIN   DIR "/plain"
#define JAIL    DIR "/jail"
#define THROUGH "/tmp/hinomi-paths-through"

#define SECRET_RULE(more)                                                                          \
    "- rule: opened\n  desc: d\n  priority: INFO\n"                                                \
    "  condition: evt.type in (open, openat) and fd.num >= 0 and fd.name = " SECRET more "\n"      \
    "  output: opened %fd.name %evt.exact\n"

static int make_files(void)
{
    mkdir(DIR, 0755);
    return mknod(SECRET, S_IFREG | 0600, 0) | mknod(PLAIN, S_IFREG | 0600, 0);
}

static void clean(void)
{
    static const char *const files[] = { THROUGH, SECRET, PLAIN, JAIL THROUGH, DIR "/link" };
    static const char *const dirs[] = { JAIL "/tmp", JAIL, DIR };
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        unlink(files[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        rmdir(dirs[i]);
    }
}

static int setup(void **state)
{
    (void)state;
    clean();
    return make_files();
}

static int teardown(void **state)
{
    (void)state;
    clean();
    return 0;
}

/* In a process whose birth was seen: what its paths mean is remembered. */
static int (*inner)(void);

static int in_child(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(inner());
    }
    return waitpid(pid, &status, 0) != pid || status != 0;
}

static void run_in_child(struct run *run)
{
    inner = run->work;
    run->work = in_child;
    run_live(run);
}

static int open_own_descriptor(void)
{
    static const char path[] = "/proc/self/fd/50";
    dup2(open(PLAIN, O_RDONLY), 50);
    for (int i = 0; i < 3; i++) {
        close(open(path, O_RDONLY));
    }
    dup2(open(SECRET, O_PATH), 50);  /* seen: 1 */
    return open(path, O_RDONLY) < 0; /* seen: 2 */
}

static void own_descriptors(void **state)
{
    (void)state;
    struct run run = { .rules = SECRET_RULE(""),
                       .work = open_own_descriptor,
                       .features = features };
    run_in_child(&run);
    assert_int_equal(run.status, 0);
    expect(&run, "opened " SECRET, 2);
}

static int open_twice(void)
{
    return open(SECRET, O_RDONLY) < 0 || open(SECRET, O_RDONLY) < 0;
}

static void facts_are_kept(void **state)
{
    (void)state;
    struct run run = { .rules = SECRET_RULE(" and fd.ino > 0"),
                       .work = open_twice,
                       .features = features };
    run_in_child(&run);
    assert_int_equal(run.status, 0);
    expect(&run, "opened " SECRET, 2);
}

/* A process that shares our root, not our memory, changes it; waits for `in`, answers. */
static int change_root(int in, int out)
{
    char c;
    int real = open("/", O_PATH | O_DIRECTORY);
    int r = read(in, &c, 1) != 1 || chroot(JAIL) < 0 || write(out, "", 1) != 1;
    r = r || read(in, &c, 1) != 1 || fchdir(real) < 0 || chroot(".") < 0 || write(out, "", 1) != 1;
    return r;
}

static int next_root(int in, int out)
{
    char c;
    return write(out, "", 1) != 1 || read(in, &c, 1) != 1;
}

static int open_while_root_changes(void)
{
    int there[2], back[2];
    if (pipe(there) < 0 || pipe(back) < 0) {
        return 1;
    }
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        _exit(change_root(there[0], back[1]));
    }
    close(open(PLAIN, O_RDONLY));
    int r = next_root(back[0], there[1]);
    for (int i = 0; i < 3; i++) {
        close(open(THROUGH, O_RDONLY));
    }
    r |= next_root(back[0], there[1]);
    return r | (open(THROUGH, O_RDONLY) < 0); /* seen */
}

static void shared_roots(void **state)
{
    (void)state;
    assert_int_equal(mkdir(JAIL, 0755) | mkdir(JAIL "/tmp", 0755), 0);
    assert_int_equal(mknod(JAIL THROUGH, S_IFREG | 0600, 0), 0);
    assert_int_equal(symlink(SECRET, THROUGH), 0);
    struct run run = { .rules = SECRET_RULE(""),
                       .work = open_while_root_changes,
                       .features = features };
    run_in_child(&run);
    assert_int_equal(run.status, 0);
    expect(&run, "opened " SECRET, 1);
}

#define TURNS 300

static void turn_over(unsigned seed, int ready)
{
    for (int i = 0; i < TURNS; i++) {
        const char *target = rand_r(&seed) % 2 ? SECRET : PLAIN;
        switch (rand_r(&seed) % 3) {
        case 0:
            unlink(DIR "/link");
            (void)!symlink(target, DIR "/link");
            break;
        case 1:
            syscall(SYS_renameat2, AT_FDCWD, DIR "/link", AT_FDCWD, THROUGH, RENAME_EXCHANGE);
            break;
        default:
            unlink(THROUGH);
            (void)!link(target, THROUGH);
        }
        usleep((unsigned)rand_r(&seed) % 200);
    }
    (void)!write(ready, "", 1);
    _exit(0);
}

/* An open between two looks at the structure that agree is judged: which file was it? */
static int open_while_turning(void)
{
    static const char *const paths[] = { DIR "/link", THROUGH, "/tmp/../" DIR "/./link" };
    int done[2];
    if (pipe2(done, O_NONBLOCK) < 0) {
        return 1;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (fork() == 0) {
            turn_over(i + 1, done[1]);
        }
    }
    char c;
    for (int i = 0, ended = 0; ended < 2; i++) {
        close(open(paths[i % 3], O_RDONLY));
        ended += read(done[0], &c, 1) == 1;
    }
    while (wait(NULL) > 0) {
    }
    unlink(DIR "/link");
    int r = symlink(PLAIN, DIR "/link");
    for (int i = 0; i < 100; i++) { /* at rest: each is known */
        unlink(DIR "/link");
        r |= symlink(i % 2 ? SECRET : PLAIN, DIR "/link");
        int fd = open(DIR "/link", i % 2 ? O_RDONLY | O_CLOEXEC : O_RDONLY);
        r |= fd < 0;
        close(fd);
        fd = open(DIR "/link", O_RDONLY | (i % 2 ? O_NONBLOCK : 0));
        r |= fd < 0;
        close(fd);
    }
    return r;
}

static void turning(void **state)
{
    (void)state;
    struct run run = { .rules = "- rule: opened\n  desc: d\n  priority: INFO\n"
                                "  condition: evt.type in (open, openat) and fd.num >= 0 and "
                                "evt.arg.flags contains O_NONBLOCK and fd.name = " SECRET "\n"
                                "  output: at rest %fd.name\n"
                                "- rule: any\n  desc: d\n  priority: INFO\n"
                                "  condition: evt.type in (open, openat) and fd.num >= 0 and "
                                "fd.name startswith /tmp/\n"
                                "  output: any %fd.name\n",
                       .work = open_while_turning,
                       .features = features };
    run_in_child(&run);
    assert_int_equal(run.status, 0);
    expect(&run, "at rest " SECRET, 50);
}

static int fails(const char *path)
{
    for (int i = 0; i < 3; i++) {
        if (open(path, O_RDONLY) >= 0) {
            return 1;
        }
    }
    return 0;
}

static int works(const char *path)
{
    for (int i = 0; i < 3; i++) {
        int fd = open(path, O_RDONLY);
        if (fd < 0) {
            return 1;
        }
        close(fd);
    }
    return 0;
}

/* What is not there yet; what a relative path means after chdir; what was a link, or becomes one. */
static int make_later(void)
{
    int r = chdir(DIR) | unlink(SECRET) | mkdir(JAIL, 0755) | fails(SECRET) | fails("secret");
    r |= fails(JAIL "/x/secret") | mknod(SECRET, S_IFREG | 0600, 0);
    r |= works(SECRET) | works("secret"); /* seen: 6 */
    r |= chdir(JAIL) | fails("secret") | chdir("..") | works("secret") |
         works("../hinomi-paths/secret"); /* 12 */
    r |= symlink(PLAIN, DIR "/link") | works("link") | unlink(DIR "/link");
    r |= symlink(SECRET, DIR "/link") | works("link"); /* 15 */
    r |= works("plain") | unlink(PLAIN) | fails("plain") | symlink(SECRET, PLAIN) |
         works("plain"); /* 18 */
    r |= unlink(PLAIN) | fails("plain") | rename(SECRET, PLAIN) | works("plain") |
         rename(PLAIN, SECRET);
    return r | works("secret"); /* 21 */
}

static void missing_paths(void **state)
{
    (void)state;
    struct run run = { .rules = SECRET_RULE(""), .work = make_later, .features = features };
    run_in_child(&run);
    assert_int_equal(run.status, 0);
    expect(&run, "opened " SECRET, 21);
}

static int fail_thrice(void)
{
    return unlink(SECRET) | fails(SECRET) | fails(DIR "/other");
}

/* A rule about failures hears of each. */
static void failures(void **state)
{
    (void)state;
    struct run run = { .rules = "- rule: failed\n  desc: d\n  priority: INFO\n"
                                "  condition: evt.type in (open, openat) and evt.res = ENOENT and "
                                "fd.name = " SECRET "\n"
                                "  output: failed %fd.name\n",
                       .work = fail_thrice,
                       .features = features };
    run_in_child(&run);
    assert_int_equal(run.status, 0);
    expect(&run, "failed " SECRET, 3);
}

static int probe(void **state)
{
    (void)state;
    features = feature_probe();
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(own_descriptors), TEST(facts_are_kept), TEST(shared_roots),
        TEST(turning),         TEST(missing_paths),  TEST(failures),
    };
    return cmocka_run_group_tests(tests, probe, NULL);
}
