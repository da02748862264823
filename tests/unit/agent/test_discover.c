/*
 * Discovery: real processes that enter a "container" (a mount namespace whose own process has a seccomp filter
 * more) from outside; and a real container, entered by its runtime.
 */
#include "../rules/rules_fixture.h"

#include "agent/discover.h"
#include "agent/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SEEN 64

struct bench {
    struct loaded rules;
    struct selection selection;
    struct engine *engine;
    struct discover *discover;
    int out[2];
    pid_t children[8];
    int nchildren;
    pthread_mutex_t lock;
    struct discover_found seen[SEEN];
    int nseen, result;
    int64_t covered;
    char text[65536];
};

static int on_found(void *data, const struct discover_found *found)
{
    struct bench *b = data;
    pthread_mutex_lock(&b->lock);
    if (b->nseen < SEEN) {
        b->seen[b->nseen++] = *found;
    }
    int result = b->result;
    pthread_mutex_unlock(&b->lock);
    return result;
}

static bool is_covered(void *data, int64_t pid)
{
    const struct bench *b = data;
    return b->covered == pid;
}

static int set_up(void **data)
{
    struct bench *b = calloc(1, sizeof *b);
    struct err err = { 0 };
    b->rules = load_text(RULE("Opened", "evt.type = open"));
    assert_int_equal(selection_init(&b->selection, b->rules.ruleset), 0);
    assert_int_equal(pipe2(b->out, O_CLOEXEC | O_NONBLOCK), 0);
    struct engine_config engine = { .rules = { .ruleset = b->rules.ruleset,
                                               .selection = &b->selection },
                                    .options.format.json = true,
                                    .output = b->out[1] };
    assert_int_equal(engine_new(&engine, &b->engine, &err), 0);
    pthread_mutex_init(&b->lock, NULL);
    b->result = -EPERM;
    struct discover_config config = {
        .engine = b->engine, .covered = is_covered, .found = on_found, .data = b
    };
    assert_int_equal(discover_new(&config, &b->discover, &err), 0);
    *data = b;
    return 0;
}

static int tear_down(void **data)
{
    struct bench *b = *data;
    for (int i = 0; i < b->nchildren; i++) {
        kill(b->children[i], SIGKILL);
        waitpid(b->children[i], NULL, 0);
    }
    discover_free(b->discover);
    engine_free(b->engine);
    selection_done(&b->selection);
    load_done(&b->rules);
    close(b->out[0]);
    close(b->out[1]);
    free(b);
    return 0;
}

static void take_filter(void)
{
    struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog program = { 1, allow };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
        _exit(1);
    }
}

static void tell_and_sleep(int ready)
{
    if (write(ready, "x", 1) != 1) {
        _exit(2);
    }
    close(ready);
    for (;;) {
        pause();
    }
}

static pid_t started(struct bench *b, pid_t pid, const int ready[2])
{
    char c;
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    b->children[b->nchildren++] = pid;
    return pid;
}

/* The container's own process; with `child`, it has a child, whose id is given. */
static pid_t make_container(struct bench *b)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0) {
            _exit(3);
        }
        take_filter();
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            prctl(PR_SET_NAME, "own-child");
            for (;;) {
                pause();
            }
        }
        tell_and_sleep(ready[1]);
    }
    return started(b, pid, ready);
}

static void enter(pid_t container)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", container);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNS) < 0) {
        _exit(4);
    }
    close(fd);
}

/* Somebody from outside; waiting so long before it goes in. */
static pid_t make_visitor(struct bench *b, pid_t container, unsigned wait_ms, const char *terminal)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(wait_ms * 1000);
        prctl(PR_SET_NAME, "visitor");
        if (terminal) {
            setsid();
            int fd = open(terminal, O_RDWR);
            if (fd < 0 || ioctl(fd, TIOCSCTTY, 1) < 0) {
                _exit(5);
            }
        }
        enter(container);
        tell_and_sleep(ready[1]);
    }
    return started(b, pid, ready);
}

static const struct discover_found *found(struct bench *b, int64_t pid)
{
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&b->lock);
        for (int k = 0; k < b->nseen; k++) {
            if (b->seen[k].pid == pid) {
                pthread_mutex_unlock(&b->lock);
                return &b->seen[k];
            }
        }
        pthread_mutex_unlock(&b->lock);
        usleep(10000);
    }
    return NULL;
}

static bool is_said(struct bench *b, const char *what)
{
    for (int i = 0; i < 300; i++) {
        size_t n = strlen(b->text);
        ssize_t got = read(b->out[0], b->text + n, sizeof(b->text) - 1 - n);
        b->text[n + (got > 0 ? (size_t)got : 0)] = '\0';
        if (strstr(b->text, what)) {
            return true;
        }
        usleep(10000);
    }
    return false;
}

/* So many more looks that nothing new can be waiting. */
static void let_it_look(struct bench *b)
{
    struct discover_stats before, now;
    discover_get_stats(b->discover, &before);
    for (int i = 0; i < 500; i++) {
        discover_wake(b->discover);
        usleep(20000);
        discover_get_stats(b->discover, &now);
        if (now.looks >= before.looks + 4) {
            return;
        }
    }
}

static void test_entered(void **data)
{
    struct bench *b = *data;
    pid_t container = make_container(b);
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    pid_t visitor = make_visitor(b, container, 0, NULL);
    const struct discover_found *f = found(b, visitor);
    assert_non_null(f);
    assert_string_equal(f->container, "0123456789ab");
    assert_int_equal(f->ppid, getpid());
    assert_true(f->filters < f->expected);
    assert_false(f->interactive);
    assert_true(is_said(b, "\"rule\":\"Unwatched process in container\""));
    assert_true(is_said(b, "\"proc.name\":\"visitor\""));
    assert_true(is_said(b, "\"container.id\":\"0123456789ab\""));
    let_it_look(b);
    assert_int_equal(b->nseen, 1); /* once; and its own processes are none of it */
}

/* Was there, elsewhere, for a while, and went in later. */
static void test_entered_later(void **data)
{
    struct bench *b = *data;
    pid_t container = make_container(b);
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    pid_t visitor = make_visitor(b, container, 700, NULL);
    assert_non_null(found(b, visitor));
}

static void test_was_there_before(void **data)
{
    struct bench *b = *data;
    pid_t container = make_container(b);
    pid_t visitor = make_visitor(b, container, 0, NULL);
    let_it_look(b);
    assert_int_equal(b->nseen, 0);
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    assert_non_null(found(b, visitor));
}

static void test_taken(void **data)
{
    struct bench *b = *data;
    struct discover_stats stats;
    b->result = 0;
    pid_t container = make_container(b);
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    pid_t visitor = make_visitor(b, container, 0, NULL);
    assert_non_null(found(b, visitor));
    let_it_look(b);
    discover_get_stats(b->discover, &stats);
    assert_int_equal(stats.taken, 1);
    assert_int_equal(stats.unwatched, 0);
    usleep(200000);
    engine_drain(b->engine);
    assert_int_equal(read(b->out[0], b->text, 10), -1);
}

static void test_covered_by_a_sensor(void **data)
{
    struct bench *b = *data;
    pid_t container = make_container(b);
    pid_t visitor = make_visitor(b, container, 0, NULL);
    b->covered = visitor;
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    let_it_look(b);
    assert_int_equal(b->nseen, 0);
}

static void test_interactive(void **data)
{
    struct bench *b = *data;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
        print_message("skipped: no terminals can be made here\n");
        skip();
    }
    pid_t container = make_container(b);
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    pid_t visitor = make_visitor(b, container, 0, ptsname(master));
    assert_non_null(found(b, visitor));
    assert_true(is_said(b, "\"rule\":\"Interactive session in container\""));
    assert_true(is_said(b, "\"discover.tty\":\"136:"));
    close(master);
}

/* What came in from outside after the tree is an outsider; the tree and what it made are none. */
static void test_outsider(void **data)
{
    struct bench *b = *data;
    pid_t container = make_container(b);
    pid_t visitor = make_visitor(b, container, 30, NULL); /* starts are known to 10 ms */
    assert_false(discover_is_outsider(b->discover, visitor));
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    assert_true(discover_is_outsider(b->discover, visitor));
    assert_false(discover_is_outsider(b->discover, container));
    assert_false(discover_is_outsider(b->discover, getpid()));
    assert_false(discover_is_outsider(b->discover, INT32_MAX));
    discover_unwatch(b->discover, container);
    assert_false(discover_is_outsider(b->discover, visitor));
}

static void test_unwatched_again(void **data)
{
    struct bench *b = *data;
    pid_t container = make_container(b);
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    discover_unwatch(b->discover, container);
    make_visitor(b, container, 0, NULL);
    let_it_look(b);
    assert_int_equal(b->nseen, 0);
}

static void test_not_ours(void **data)
{
    struct bench *b = *data;
    assert_int_equal(discover_watch(b->discover, getpid(), STR(LONG)), -EPERM);
    assert_int_equal(discover_watch(b->discover, 3999999, STR(LONG)), -ESRCH);
    pid_t container = make_container(b);
    for (int i = 0; i < DISCOVER_TREES_MAX; i++) {
        assert_int_equal(discover_watch(b->discover, container, STR(LONG)), 0);
    }
    assert_int_equal(discover_watch(b->discover, container, STR(LONG)), -ENOSPC);
}

/* ---- a real container */

#define PODMAN "podman --runtime runc --cgroup-manager cgroupfs "
#define IMAGE  "hinomi-discover-test"
#define NAME   "hinomi-discover"

static bool run(const char *command)
{
    char text[2048];
    snprintf(text, sizeof(text), "{ %s ; } >/dev/null 2>&1", command);
    return system(text) == 0;
}

static bool make_image(void)
{
    return run("d=$(mktemp -d) && mkdir -p $d/bin $d/tmp && cp /bin/busybox " FILTERED
               " $d/bin/ && "
               "ln -s busybox $d/bin/sh && ln -s busybox $d/bin/sleep && "
               "tar -C $d -c . | " PODMAN "import - " IMAGE " && rm -rf $d");
}

static pid_t start_container(void)
{
    int pid = 0;
    run(PODMAN "rm -f " NAME);
    if (!run(PODMAN "run -d --name " NAME " --network=none --ulimit nofile=1024:1024 "
                    "--ulimit nproc=4096:4096 " IMAGE " /bin/more-filtered /bin/sleep 100")) {
        return 0;
    }
    FILE *pipe = popen(PODMAN "inspect -f '{{.State.Pid}}' " NAME, "re");
    if (!pipe || fscanf(pipe, "%d", &pid) != 1) {
        pid = 0;
    }
    pclose(pipe);
    return pid;
}

static bool has_filter(pid_t pid)
{
    char command[128];
    snprintf(command, sizeof(command), "tr '\\0' ' ' </proc/%d/cmdline | grep -q '^/bin/sleep'",
             pid);
    for (int i = 0; i < 100; i++) {
        if (run(command)) {
            return true;
        }
        usleep(20000);
    }
    return false;
}

static void test_podman(void **data)
{
    struct bench *b = *data;
    if (!run("command -v podman runc") || access("/bin/busybox", X_OK) < 0 || !make_image()) {
        print_message("skipped: no podman with runc and busybox here\n");
        skip();
    }
    pid_t pid = start_container();
    if (pid <= 0 || !has_filter(pid)) {
        print_message("skipped: podman cannot run a container here\n");
        skip();
    }
    assert_int_equal(discover_watch(b->discover, pid, (struct str){ 0 }), 0);
    let_it_look(b);
    assert_int_equal(b->nseen, 0);
    assert_true(run(PODMAN "exec -t " NAME " /bin/sh -c 'sleep 1; touch /tmp/x'"));
    assert_true(is_said(b, "\"rule\":\"Unwatched process in container\""));
    assert_true(is_said(b, "\"rule\":\"Interactive session in container\""));
    assert_true(is_said(b, "\"proc.name\":\"sh\""));
    struct discover_stats stats;
    discover_get_stats(b->discover, &stats);
    assert_true(stats.shell_opens > 0);
    assert_true(run(PODMAN "rm -f -t 0 " NAME));
    run(PODMAN "rmi " IMAGE);
}

int main(void)
{
    if (geteuid() != 0) {
        print_message("skipped: mount namespaces are root's\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_entered),  TEST(test_entered_later),       TEST(test_was_there_before),
        TEST(test_taken),    TEST(test_covered_by_a_sensor), TEST(test_interactive),
        TEST(test_outsider), TEST(test_unwatched_again),     TEST(test_not_ours),
        TEST(test_podman),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
