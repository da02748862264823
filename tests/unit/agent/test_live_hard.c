/*
 * live_hard: the sensor under what a watched program can do to it: pages that hang while calls are refused
 * or not, more of them than there are receivers, signals by the thousand, threads and processes by the
 * hundred, of which nothing may be left.
 */
#include "live_run.h"

#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>

#define RULE(condition)                                                                            \
    "- rule: seen\n  desc: d\n  priority: INFO\n  condition: " condition "\n"                      \
    "  output: seen %evt.type %evt.res %evt.outcome %fd.name\n"

static void run_rule(struct run *run, unsigned wanted)
{
    run->features = run->features ? run->features : features;
    run_live(run);
    if (WEXITSTATUS(run->status) == 77) {
        print_message("skipped: this machine cannot do that\n");
        skip();
    }
    if (run->status != 0) {
        fail_msg("status %x, %s", run->status, run->alerts);
    }
    expect(run, "seen", wanted);
}

/* Pages that do not come, as names of files to be opened by threads of their own. */
#define HUNG 36

static char *hung;

static void *open_hung(void *data)
{
    close(open(data, O_RDONLY));
    return data;
}

static int hang(unsigned n, pthread_t *threads)
{
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = { .api = UFFD_API };
    size_t size = n * (size_t)4096;
    hung = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = { .range = { (uintptr_t)hung, size },
                                     .mode = UFFDIO_REGISTER_MODE_MISSING };
    if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) < 0 || ioctl(uffd, UFFDIO_REGISTER, &range) < 0) {
        return -1;
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_create(&threads[i], NULL, open_hung, hung + i * (size_t)4096);
    }
    return uffd;
}

static void come(int uffd, unsigned i, const char *text)
{
    static _Alignas(4096) char content[4096];
    snprintf(content, sizeof(content), "%s", text);
    struct uffdio_copy copy = { .dst = (uintptr_t)hung + i * (uintptr_t)4096,
                                .src = (uintptr_t)content,
                                .len = sizeof(content) };
    ioctl(uffd, UFFDIO_COPY, &copy);
}

/* More than there are receivers: the others' calls must go on nevertheless. */
static int hang_all(void)
{
    pthread_t threads[HUNG];
    int uffd = hang(HUNG, threads);
    if (uffd < 0) {
        return 77;
    }
    alarm(50);
    for (int i = 0; i < 40; i++) {
        close(open("/tmp", O_RDONLY | O_DIRECTORY));
        usleep(5000);
    }
    for (unsigned i = 0; i < HUNG; i++) {
        come(uffd, i, "/etc/hostname");
    }
    for (unsigned i = 0; i < HUNG; i++) {
        pthread_join(threads[i], NULL);
    }
    usleep(100000);
    return open("/etc/hostname", O_RDONLY | O_NONBLOCK) < 0;
}

static void all_receivers_hang(void **state)
{
    (void)state;
    struct run run = { .rules =
                           RULE("evt.type in (open, openat) and fd.num >= 0 and "
                                "fd.name = /etc/hostname and evt.arg.flags contains O_NONBLOCK"),
                       .work = hang_all };
    run_rule(&run, 1);
}

static int refused_anyway;

static void *open_refused(void *data)
{
    refused_anyway = open(data, O_RDONLY) < 0 && errno == EPERM;
    return data;
}

/* What nobody could judge is not let go on. */
static int hang_refused(void)
{
    pthread_t thread, other;
    int uffd = hang(1, &thread);
    if (uffd < 0) {
        return 77;
    }
    pthread_create(&other, NULL, open_refused, hung);
    usleep(500000);
    come(uffd, 0, "/etc/hostname");
    pthread_join(thread, NULL);
    pthread_join(other, NULL);
    return !refused_anyway;
}

static void hung_pages_and_refusals(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type in (open, openat) and fd.num >= 0 and "
                                     "fd.name = /etc/hostname"),
                       .work = hang_refused,
                       .deny = true };
    run_rule(&run, 2);
    expect(&run, "denied", 2);
}

static unsigned descriptors(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void *one_call(void *data)
{
    close(open("/etc/hostname", O_RDONLY));
    return data;
}

static void connect_nowhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(1),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    connect(fd, (struct sockaddr *)&to, sizeof(to));
    close(fd);
}

static void run_true(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

#define ROUNDS 50

static int many_kinds(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, one_call, NULL);
        pthread_join(thread, NULL);
        run_true();
        connect_nowhere();
        close(dup(0));
    }
    for (int i = 0; i < 50; i++) { /* ends of threads are looked for */
        usleep(20000);
    }
    return 0;
}

static void nothing_piles_up(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type = procexit"), .work = many_kinds };
    unsigned before = descriptors();
    run_rule(&run, 2 * ROUNDS + 1);
    assert_int_equal(descriptors(), before);
}

static void handle(int number)
{
    (void)number;
}

static void storm(void)
{
    struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval every = { { 0, 5000 }, { 0, 5000 } };
    setitimer(ITIMER_REAL, &every, NULL);
}

/* A connect that is interrupted over and over is one connect; opens under a storm are as many as were made. */
static int interrupted(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&at, sizeof(at));
    listen(listener, 0);
    getsockname(listener, (struct sockaddr *)&at, &n);
    for (int i = 0; i < 2; i++) { /* its queue is full then */
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fd, (struct sockaddr *)&at, sizeof(at));
    }
    pid_t pid = fork();
    if (pid == 0) {
        storm();
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        _exit(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    }
    storm();
    for (int i = 0; i < 100; i++) {
        close(open("/etc/hostname", O_RDONLY));
    }
    struct timespec pause = { 0, 100000000 };
    while (nanosleep(&pause, &pause) < 0) {
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0) {
    }
    return 0;
}

static void signal_storms(void **state)
{
    (void)state;
    const uint32_t sets[] = { features, features & FEATURES_5_10 };
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        struct run run = {
            .rules = RULE(
                "evt.type = connect") "- rule: o\n  desc: d\n  priority: INFO\n  output: file\n"
                                      "  condition: evt.type in (open, openat) and fd.num >= 0 and "
                                      "fd.name = /etc/hostname\n",
            .work = interrupted,
            .features = sets[i]
        };
        run_rule(&run, 3);
        expect(&run, "file", 100);
    }
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
        cmocka_unit_test(all_receivers_hang),
        cmocka_unit_test(hung_pages_and_refusals),
        cmocka_unit_test(nothing_piles_up),
        cmocka_unit_test(signal_storms),
    };
    return cmocka_run_group_tests(tests, probe, NULL);
}
