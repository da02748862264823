/*
 * target: a program to be watched, for cases that need C. `target CASE [N]` prints what is the same in
 * every run, and ends with a status that tells something.
 *
 * debuggee: stops for a debugger in work(); short: N processes; spawn: N programs by posix_spawn, vfork
 * and popen; storm, interrupted: signals; thread-*: threads; filter: a seccomp program, as bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
int work(int n);

__attribute__((noinline)) int work(int n)
{
    __asm__ volatile("" : "+r"(n));
    return n * 2;
}

static int debuggee(int n)
{
    (void)n;
    int fd = open("/etc/hostname", O_RDONLY);
    int result = work(21);
    printf("%d\n", result);
    close(fd);
    return 3;
}

/* One in ten runs a program; the others end at once, with a status. */
static int short_lived(int n)
{
    long sum = 0;
    for (int i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (i % 10 == 0) {
                execl("/bin/true", "true", NULL);
            }
            _exit(i % 100);
        }
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
            return 1;
        }
        sum += WEXITSTATUS(status);
    }
    printf("%ld\n", sum);
    return 5;
}

static int spawn_once(int i)
{
    char text[32];
    snprintf(text, sizeof(text), "exit %d", i % 50);
    char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, text, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 9, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 9, 0);
    pid_t pid;
    int status = 0;
    int failed = posix_spawnp(&pid, "sh", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed || waitpid(pid, &status, 0) != pid ? -1 : WEXITSTATUS(status);
}

static int run_by_vfork(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/bin/false", "false", NULL);
        _exit(99);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static int spawn(int n)
{
    long sum = 0;
    char line[64] = "";
    for (int i = 0; i < n; i++) {
        sum += spawn_once(i);
    }
    pid_t missing;
    char *argv[] = { (char[]){ "x" }, NULL };
    int error = posix_spawn(&missing, "/nowhere", NULL, NULL, argv, environ);
    FILE *out = popen("echo popen; exit 7", "r");
    const char *said = out ? fgets(line, sizeof(line), out) : NULL;
    int status = out ? pclose(out) : -1;
    printf("%ld %d %s%d %d %d\n", sum, error, said ? line : "", WEXITSTATUS(status), run_by_vfork(),
           waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    return 4;
}

static atomic_int ticks;

static void tick(int signal)
{
    (void)signal;
    atomic_fetch_add(&ticks, 1);
}

static void timer_start(long us, int flags)
{
    struct sigaction action = { .sa_handler = tick, .sa_flags = flags };
    struct itimerval every = { { 0, us }, { 0, us } };
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

/* A thousand signals a second, restarting what they interrupt: no call may fail. */
static int storm(int n)
{
    (void)n;
    int failures = 0, opened = 0;
    timer_start(1000, SA_RESTART);
    while (atomic_load(&ticks) < 1000) {
        int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
        failures += fd < 0;
        opened++;
        close(fd);
        failures += chdir("/") < 0 || access("/etc", F_OK) < 0;
    }
    timer_start(0, 0);
    printf("%d failures, opened %s\n", failures, opened > 100 ? "often" : "seldom");
    return 2;
}

/* What waits is interrupted, as it is without a sensor. */
static int interrupted(int n)
{
    (void)n;
    int ends[2];
    char byte;
    timer_start(20000, 0);
    if (pipe(ends) < 0) {
        return 1;
    }
    ssize_t got = read(ends[0], &byte, 1);
    int read_error = errno;
    int pid = fork();
    if (pid == 0) {
        timer_start(0, 0);
        sleep(10);
        _exit(0);
    }
    pid_t waited = waitpid(pid, NULL, 0);
    int wait_error = errno;
    kill(pid, SIGTERM);
    timer_start(0, 0);
    int status = 0;
    waitpid(pid, &status, 0);
    printf("%d %d %d %d %d\n", (int)got, read_error == EINTR, (int)waited, wait_error == EINTR,
           WTERMSIG(status));
    return 6;
}

static void *exec_it(void *data)
{
    (void)data;
    execl("/bin/sh", "sh", "-c", "echo from a thread; exit 11", NULL);
    return NULL;
}

static int thread_exec(int n)
{
    (void)n;
    pthread_t thread;
    pthread_create(&thread, NULL, exec_it, NULL);
    pause();
    return 1;
}

static void *last_one(void *data)
{
    (void)data;
    usleep(100000);
    int fd = open("/etc/hostname", O_RDONLY);
    printf("still here %d\n", fd >= 0);
    fflush(stdout);
    exit(12);
}

static _Noreturn int leader_exits(int n)
{
    (void)n;
    pthread_t thread;
    pthread_create(&thread, NULL, last_one, NULL);
    pthread_exit(NULL);
}

static void *own_directory(void *data)
{
    const char *path = data;
    struct stat here, there;
    if (unshare(CLONE_FS) < 0 || chdir(path) < 0) {
        return (void *)1;
    }
    for (int i = 0; i < 300; i++) {
        int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &here) < 0 || stat(path, &there) < 0 ||
            here.st_ino != there.st_ino) {
            return (void *)1;
        }
        close(fd);
    }
    return NULL;
}

static int thread_files(int n)
{
    (void)n;
    static const char *const paths[] = { "/etc", "/usr", "/dev", "/" };
    pthread_t threads[4];
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, own_directory, (void *)(uintptr_t)paths[i]);
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        wrong += result != NULL;
    }
    printf("%d wrong\n", wrong);
    return 13;
}

/* mkdir and mkdirat: EPERM; all else is allowed. */
static int filter(int n)
{
    (void)n;
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_mkdir
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 1, 0),
#else
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 1, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return fwrite(code, sizeof(code), 1, stdout) == 1 ? 0 : 1;
}

static const struct {
    const char *name;
    int (*run)(int n);
} cases[] = {
    { "debuggee", debuggee },
    { "short", short_lived },
    { "spawn", spawn },
    { "storm", storm },
    { "interrupted", interrupted },
    { "thread-exec", thread_exec },
    { "thread-leader-exits", leader_exits },
    { "thread-files", thread_files },
    { "filter", filter },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < sizeof(cases) / sizeof(*cases); i++) {
        if (strcmp(argv[1], cases[i].name) == 0) {
            return cases[i].run(argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0);
        }
    }
    fprintf(stderr, "usage: target CASE [N]\n");
    return 2;
}
