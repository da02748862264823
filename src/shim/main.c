/*
 * hinomi-shim: puts the command's system calls into the agent's hands, then becomes the command.
 *
 *     shim                                        holder
 *     clone ────────────────────────────────────▶ connect, HELLO, FILTER
 *     seccomp(NEW_LISTENER) ◀──────────────────── STEP_FILTER
 *     STEP_LISTENER ────────────────────────────▶ own table of descriptors, LISTENER, READY
 *     execve ◀─────────────────────────────────── STEP_GO
 *
 * With priority availability whatever fails before the filter leads to the command without it, and says so;
 * with security to the exit status 125. What fails after the filter is fatal in both: nobody would answer. The
 * process keeps all it was given: descriptors, signal mask, ignored signals, environment.
 */
#include "shim/shim.h"

#include "whole_filter.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MS 200 /* between looks whether the holder lives */

static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static char **shell; /* /bin/sh, the command's path, its arguments; NULL */

void shim_step(struct shim_meeting *meeting, enum shim_step step, int32_t value)
{
    meeting->value = value;
    atomic_store(&meeting->step, step);
    syscall(SYS_futex, &meeting->step, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

enum shim_step shim_wait(struct shim_meeting *meeting, enum shim_step step, int timeout_ms)
{
    struct timespec limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    int r = 0;
    while (atomic_load(&meeting->step) == step && (r == 0 || errno == EINTR || errno == EAGAIN)) {
        r = (int)syscall(SYS_futex, &meeting->step, FUTEX_WAIT, step,
                         timeout_ms < 0 ? NULL : &limit, NULL, 0);
    }
    return (enum shim_step)atomic_load(&meeting->step);
}

/* The next step; STEP_FAIL also when the holder is gone. */
static enum shim_step hear(struct shim_meeting *meeting, enum shim_step step, pid_t holder)
{
    enum shim_step next;
    while ((next = shim_wait(meeting, step, WATCH_MS)) == step) {
        if (waitpid(holder, NULL, __WALL | WNOHANG) != 0) {
            meeting->value = ECHILD;
            return STEP_FAIL;
        }
    }
    return next;
}

/* As the first process of a container, it would be deaf to them. */
static void on_end(int number)
{
    (void)number;
    _exit(SHIM_FAILED);
}

/* Until exec, which puts handlers back to the default. */
static void heed_signals(void)
{
    struct sigaction action = { .sa_handler = on_end }, former;
    for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++) {
        if (sigaction(ending[i], NULL, &former) == 0 && former.sa_handler == SIG_DFL) {
            sigaction(ending[i], &action, NULL);
        }
    }
}

static int seccomp_set(unsigned long flags, const struct sock_fprog *program)
{
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

/* Those that this kernel knows: it looks at the flags first, then at the missing program. */
static unsigned long find_flags(void)
{
    static const unsigned long optional[] = { SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                                              SECCOMP_FILTER_FLAG_SPEC_ALLOW };
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    for (size_t i = 0; i < sizeof(optional) / sizeof(*optional); i++) {
        if (seccomp_set(flags | optional[i], NULL) < 0 && errno == EFAULT) {
            flags |= optional[i];
        }
    }
    return flags;
}

/* With CAP_SYS_ADMIN, programs keep gaining rights by exec. */
static int install(const struct shim_meeting *meeting, uint32_t *ret_flags)
{
    bool given = meeting->filter.n > 0;
    struct sock_fprog program = {
        .len = given ? (unsigned short)meeting->filter.n : sizeof(whole_filter) / 8,
        .filter = (struct sock_filter *)(given ? meeting->filter.code : whole_filter),
    };
    unsigned long flags = find_flags();
    *ret_flags = (uint32_t)flags;
    int listener = seccomp_set(flags, &program);
    if (listener < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        listener = seccomp_set(flags, &program);
    }
    return listener < 0 ? -errno : listener;
}

static int be_watched(struct shim_meeting *meeting, pid_t holder)
{
    enum shim_step step = hear(meeting, STEP_BEGIN, holder);
    if (step == STEP_FILTER) {
        uint32_t flags;
        int listener = install(meeting, &flags);
        meeting->flags = flags;
        enum shim_step mine = listener < 0 ? STEP_NO_FILTER : STEP_LISTENER;
        shim_step(meeting, mine, listener < 0 ? -listener : listener);
        step = hear(meeting, mine, holder);
        if (step == STEP_FAIL) {
            _exit(
                (shim_say("the command cannot be watched", shim_why(meeting->value)), SHIM_FAILED));
        }
    }
    return (int)step;
}

static pid_t start_holder(const struct shim_options *options, struct shim_meeting *meeting)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES, 0, 0, 0, 0);
    if (pid == 0) {
        shim_holder(options, meeting);
        _exit(0);
    }
    return pid < 0 ? -errno : pid;
}

static struct shim_meeting *make_meeting(void)
{
    void *p = mmap(NULL, sizeof(struct shim_meeting), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static size_t count(char **words)
{
    size_t n = 0;
    while (words[n]) {
        n++;
    }
    return n;
}

/* The path of a file beside the socket; NULL: too long. */
static char *beside(const char *socket, const char *name, char *ret, size_t size)
{
    const char *slash = strrchr(socket, '/');
    size_t n = slash ? (size_t)(slash - socket) + 1 : 0, length = strlen(name) + 1;
    if (n + length > size) {
        return NULL;
    }
    memcpy(ret, socket, n);
    memcpy(ret + n, name, length);
    return ret;
}

/* Becomes the supervisor, which then runs the command; returns when there is none. Where nothing may pass unseen
 * it is no help: its holder lets calls pass. */
static void watch_locally(const struct shim_options *options)
{
    static char program[SHIM_PATH_MAX], rules[SHIM_PATH_MAX];
    static char run[] = "run", json[] = "--json", given[] = "--rules", end[] = "--";
    char *words[] = { program, run, json, given, rules, end };
    size_t n = count(options->command), more = sizeof(words) / sizeof(*words);
    char **arguments = mmap(NULL, (n + more + 1) * sizeof(char *), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (options->priority == WIRE_AVAILABILITY && arguments != MAP_FAILED &&
        beside(options->socket, "hinomi-local", program, sizeof(program)) &&
        beside(options->socket, "rules", rules, sizeof(rules)) && access(program, X_OK) == 0 &&
        access(rules, R_OK) == 0) {
        memcpy(arguments, words, sizeof(words));
        memcpy(arguments + more, options->command, n * sizeof(char *));
        execv(program, arguments);
    }
}

/* 0: the command may run. */
static int watch(const struct shim_options *options)
{
    bool available = options->priority == WIRE_AVAILABILITY;
    struct shim_meeting *meeting = make_meeting();
    pid_t holder = meeting ? start_holder(options, meeting) : -ENOMEM;
    int step = holder < 0 ? STEP_FAIL : be_watched(meeting, holder);
    int error = holder < 0 ? -holder : meeting->value;
    if (step == STEP_GO) {
        return 0;
    }
    if (step == STEP_LOCAL) {
        watch_locally(options);
    }
    shim_say(available ? "the command runs unwatched" : "the command cannot be watched",
             step == STEP_LOCAL ? "the agent's container does not share its process namespace"
                                : shim_why(error));
    return available ? 0 : SHIM_FAILED;
}

int main(int argc, char **argv)
{
    static char sh[] = "/bin/sh", path[SHIM_PATH_MAX];
    struct shim_options options;
    bool done = false;
    int r = shim_options_parse(argc, argv, &options, &done);
    r = r == 0 && !done ? shim_find(options.command[0], path, sizeof(path)) : r;
    if (r != 0 || done) {
        return r;
    }
    size_t n = count(options.command);
    shell = mmap(NULL, (n + 2) * sizeof(char *), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (shell == MAP_FAILED) {
        shim_say("out of memory", NULL);
        return SHIM_FAILED;
    }
    shell[0] = sh;
    shell[1] = path;
    memcpy(shell + 2, options.command + 1, n * sizeof(char *));
    heed_signals();
    r = watch(&options);
    return r == 0 ? shim_execute(path, options.command, shell) : r;
}
