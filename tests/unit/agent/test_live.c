/*
 * live: real calls of a child under the real filter become alerts: outcomes, truth of paths, forks, execs,
 * refusals. With the newest features and with those of 5.10.
 */
#include "live_run.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define TEXT_MAX ((size_t)1 << 20)

#define OPEN_RULE                                                                                  \
    "- rule: opened\n  desc: d\n  priority: INFO\n"                                                \
    "  condition: evt.type in (open, openat, openat2, creat) and fd.num >= 0 and "                 \
    "fd.name startswith /tmp/hinomi-live-d\n"                                                      \
    "  output: opened %fd.name %evt.res %evt.outcome %evt.exact %proc.pid\n"

static int open_two(void)
{
    mkdir("/tmp/hinomi-live-d", 0755);
    int fd = open("/tmp/hinomi-live-d/a", O_CREAT | O_RDWR, 0600);
    int linked = symlink("/tmp/hinomi-live-d", "/tmp/hinomi-live-link");
    int other = open("/tmp/hinomi-live-link/../hinomi-live-d/a", O_RDONLY);
    int missing = open("/tmp/hinomi-live-d/missing", O_RDONLY);
    unlink("/tmp/hinomi-live-link");
    unlink("/tmp/hinomi-live-d/a");
    rmdir("/tmp/hinomi-live-d");
    return linked < 0 || fd < 0 || other < 0 || missing >= 0;
}

static void opens(void **state)
{
    (void)state;
    const uint32_t sets[] = { features, features & FEATURES_5_10 };
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        struct run run = { .rules = OPEN_RULE, .work = open_two, .features = sets[i] };
        run_live(&run);
        assert_int_equal(run.status, 0);
        expect(&run, "opened /tmp/hinomi-live-d/a SUCCESS succeeded true", 2);
        expect(&run, "opened", 2);
    }
}

static void opens_refused(void **state)
{
    (void)state;
    struct run run = { .rules = OPEN_RULE, .work = open_two, .features = features, .deny = true };
    run_live(&run);
    assert_int_equal(WEXITSTATUS(run.status), 1);
    expect(&run, "denied", 1);
}

static int exec_and_fork(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (fork() == 0) {
                execl("/bin/true", "some name", "an argument", NULL);
                _exit(1);
            }
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    while (wait(NULL) > 0) { /* the orphans: this process becomes another program right after */
    }
    execl("/nonexistent/program", "x", NULL);
    execl("/bin/sh", "sh", "-c", "exit 7", NULL);
    return 1;
}

static void processes(void **state)
{
    (void)state;
    const uint32_t sets[] = { features, features & FEATURES_5_10 };
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        struct run run = {
            .rules =
                "- rule: ran\n  desc: d\n  priority: INFO\n"
                "  condition: evt.type in (execve, execveat) and evt.dir=< and evt.res = SUCCESS\n"
                "  output: ran %proc.name %proc.exepath %proc.exe %proc.args by %proc.pname "
                "%proc.aname[2]\n",
            .work = exec_and_fork,
            .features = sets[i],
        };
        run_live(&run);
        assert_int_equal(WEXITSTATUS(run.status), 7);
        expect(&run, "ran true", 3);
        expect(&run, "some name an argument by test-agent-live test-agent-live", 3);
        expect(&run, "ran sh", 1);
        expect(&run, "ran ", 4);
    }
}

static int exec_true(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/true", "true", NULL);
        _exit(errno == EPERM ? 13 : 14);
    }
    int status;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

/* A rule that names it in its condition only, by a macro, among alternatives. */
static void digests(void **state)
{
    (void)state;
    char sum[65] = "", rules[1024];
    FILE *file = popen("sha256sum /bin/true", "re");
    if (!file || fscanf(file, "%64[0-9a-f]", sum) != 1 || strlen(sum) != 64) {
        print_message("skipped: needs sha256sum\n");
        skip();
    }
    pclose(file);
    snprintf(rules, sizeof(rules),
             "- macro: bad\n  condition: (proc.exe.sha256 = 0 or proc.exe.sha256 = %s)\n"
             "- rule: bad\n  desc: d\n  priority: INFO\n"
             "  condition: evt.type in (execve, execveat) and evt.dir=< and not not bad\n"
             "  output: bad %%proc.name\n",
             sum);
    struct run run = { .rules = rules, .work = exec_true, .features = features };
    run_live(&run);
    assert_int_equal(run.status, 0);
    expect(&run, "bad true", 1);
}

static void exec_refused(void **state)
{
    (void)state;
    struct run run = { .rules = "- rule: ran\n  desc: d\n  priority: INFO\n"
                                "  condition: evt.type = execve and proc.name = true\n"
                                "  output: ran %proc.name %evt.outcome\n",
                       .work = exec_true,
                       .features = features,
                       .deny = true };
    run_live(&run);
    assert_int_equal(WEXITSTATUS(run.status), 13);
    expect(&run, "ran true denied", 1);
}

static void *flip(void *data)
{
    volatile char *path = data;
    for (;;) {
        path[9] = path[9] == 'a' ? 'b' : 'a';
    }
    return NULL;
}

#define RACES 2000

static int race(void)
{
    static char path[] = "/tmp/liveaopen";
    pthread_t thread;
    int opened_b = 0;
    struct stat a, b, st;
    int fd = open("/tmp/liveaopen", O_CREAT | O_RDWR, 0600);
    int other = open("/tmp/livebopen", O_CREAT | O_RDWR, 0600);
    fstat(fd, &a);
    fstat(other, &b);
    pthread_create(&thread, NULL, flip, path);
    for (int i = 0; i < RACES; i++) {
        fd = open(path, O_RDONLY);
        if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == b.st_ino) {
            opened_b++;
        }
        close(fd);
    }
    syscall(SYS_unlink, "/tmp/liveaopen");
    syscall(SYS_unlink, "/tmp/livebopen");
    char text[32];
    int n = snprintf(text, sizeof(text), "%d", opened_b);
    int out = open("/tmp/hinomi-live-count", O_CREAT | O_WRONLY | O_TRUNC, 0600);
    return write(out, text, (size_t)n) != n;
}

static void raced_paths(void **state)
{
    (void)state;
    struct run run = { .rules = "- rule: b\n  desc: d\n  priority: INFO\n"
                                "  condition: evt.type in (open,openat) and fd.num >= 0 and "
                                "fd.name = /tmp/livebopen and evt.is_open_write = false\n"
                                "  output: b %evt.exact\n",
                       .work = race,
                       .features = features };
    run_live(&run);
    assert_int_equal(run.status, 0);
    struct buf text;
    struct err err;
    buf_init(&text, TEXT_MAX);
    assert_int_equal(file_read("/tmp/hinomi-live-count", &text, &err), 0);
    buf_putc(&text, '\0');
    unsigned opened = (unsigned)strtoul(text.p, NULL, 10);
    print_message("%u of %u opens were of the second file\n", opened, RACES);
    expect(&run, "b true", opened);
    buf_done(&text);
    unlink("/tmp/hinomi-live-count");
}

static int tamper(void)
{
    pid_t sensor = getppid();
    char byte = 0;
    struct iovec here = { &byte, 1 };
    struct iovec there = { (void *)0x10000, 1 };
    bool refused = kill(sensor, SIGWINCH) < 0 && errno == EPERM &&
                   syscall(SYS_tgkill, sensor, sensor, SIGWINCH) < 0 && errno == EPERM &&
                   process_vm_writev(sensor, &here, 1, &there, 1, 0) < 0 && errno == EPERM &&
                   ptrace(PTRACE_SEIZE, sensor, NULL, NULL) < 0 && errno == EPERM;
    bool others = kill(sensor, 0) == 0 && kill(getpid(), SIGWINCH) == 0;
    return !refused || !others;
}

static void tampering(void **state)
{
    (void)state;
    struct run run = { .rules = "- rule: attacked\n  desc: d\n  priority: INFO\n"
                                "  condition: evt.type in (kill, tgkill, ptrace, "
                                "process_vm_writev) and evt.outcome = denied\n"
                                "  output: attacked by %evt.type\n",
                       .work = tamper,
                       .features = features };
    run_live(&run);
    assert_int_equal(run.status, 0);
    expect(&run, "attacked by", 4);
    assert_int_equal(run.stats.sensor.tampering, 4);
}

static char *hung_page;

static void *open_hung(void *data)
{
    close(open(hung_page, O_RDONLY));
    return data;
}

/* One thread names a file by a page that does not come; others must be served meanwhile. */
static int hang(void)
{
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = { .api = UFFD_API };
    hung_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = { .range = { (uintptr_t)hung_page, 4096 },
                                     .mode = UFFDIO_REGISTER_MODE_MISSING };
    if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) < 0 || ioctl(uffd, UFFDIO_REGISTER, &range) < 0) {
        return 77;
    }
    pthread_t thread;
    pthread_create(&thread, NULL, open_hung, NULL);
    usleep(50000);
    for (int i = 0; i < 20; i++) {
        close(open("/tmp", O_RDONLY | O_DIRECTORY));
        usleep(20000);
    }
    static _Alignas(4096) char content[4096] = "/etc/hostname";
    struct uffdio_copy copy = { .dst = (uintptr_t)hung_page,
                                .src = (uintptr_t)content,
                                .len = 4096 };
    ioctl(uffd, UFFDIO_COPY, &copy);
    pthread_join(thread, NULL);
    return 0;
}

static void hung_arguments(void **state)
{
    (void)state;
    struct run run = { .rules = "- rule: r\n  desc: d\n  priority: INFO\n"
                                "  condition: evt.type in (open,openat) and fd.num >= 0 and "
                                "fd.name = /tmp\n"
                                "  output: seen %fd.name\n",
                       .work = hang,
                       .features = features };
    run_live(&run);
    if (WEXITSTATUS(run.status) == 77) {
        print_message("skipped: no userfaultfd\n");
        skip();
    }
    assert_int_equal(run.status, 0);
    expect(&run, "seen /tmp", 20);
    assert_true(run.stats.sensor.stuck >= 1);
}

static int probe(void **state)
{
    (void)state;
    features = feature_probe();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens),       cmocka_unit_test(opens_refused),
        cmocka_unit_test(processes),   cmocka_unit_test(exec_refused),
        cmocka_unit_test(raced_paths), cmocka_unit_test(hung_arguments),
        cmocka_unit_test(tampering),   cmocka_unit_test(digests),
    };
    return cmocka_run_group_tests(tests, probe, NULL);
}
