/*
 * bench-exact: what leading a call exactly costs the program, in µs per call: an open (with its close), a
 * fork, an exec. Against no filter that asks, and against an answer at once. Median of ROUNDS, interleaved.
 *
 * The supervisor is the small one of the unit tests: receivers in poll, no SYNC_WAKE_UP.
 */
#include "test.h"

#include "base/clock.h"
#include "unit/sensor/exact_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 5
#define OPENS  4000
#define TASKS  300

static int opens(struct loop *loop)
{
    uint64_t start = clock_boot_ns();
    for (int i = 0; i < OPENS; i++) {
        close(open("/etc/passwd", O_RDONLY));
    }
    loop->page->got[0] = (int64_t)(clock_boot_ns() - start) / OPENS;
    return 0;
}

static int forks(struct loop *loop)
{
    uint64_t start = clock_boot_ns();
    for (int i = 0; i < TASKS; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    loop->page->got[0] = (int64_t)(clock_boot_ns() - start) / TASKS;
    return 0;
}

static __attribute__((noinline)) void vfork_exec(const char *path)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl(path, "x", NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

static int execs(struct loop *loop)
{
    uint64_t start = clock_boot_ns();
    for (int i = 0; i < TASKS; i++) {
        vfork_exec("/bin/true");
    }
    loop->page->got[0] = (int64_t)(clock_boot_ns() - start) / TASKS;
    return 0;
}

static int execs_failing(struct loop *loop)
{
    uint64_t start = clock_boot_ns();
    for (int i = 0; i < OPENS; i++) {
        execl("/no/such", "x", NULL);
    }
    loop->page->got[0] = (int64_t)(clock_boot_ns() - start) / OPENS;
    return 0;
}

static const struct subject {
    const char *name;
    int (*program)(struct loop *loop);
    int calls[4];
} subjects[] = {
    { "open+close", opens, { SYS_openat, -1 } },
    { "fork+wait", forks, { SYS_clone, SYS_clone3, -1 } },
    { "vfork+exec+wait, exec asked", execs, { SYS_execve, -1 } },
#ifdef SYS_vfork
    { "vfork+exec+wait, vfork asked", execs, { SYS_vfork, -1 } },
    { "vfork+exec+wait, both asked", execs, { SYS_vfork, SYS_execve, -1 } },
#endif
    { "exec that fails", execs_failing, { SYS_execve, -1 } },
};

enum mode { MODE_NONE, MODE_ANSWER, MODE_ANSWER_AGAIN, MODE_EXACT, MODE_EXACT_AGAIN, MODES };

static const char *const mode_names[] = { "no notification", "answer", "answer, 5.10", "exact",
                                          "exact, 5.10" };

static int64_t run_once(const struct subject *subject, enum mode mode)
{
    struct loop loop = {
        .killable = mode == MODE_EXACT || mode == MODE_ANSWER,
        .plain = mode == MODE_ANSWER || mode == MODE_ANSWER_AGAIN,
        .receivers = 2,
        .program = subject->program,
    };
    memcpy(loop.calls, subject->calls, sizeof(subject->calls));
    if (mode == MODE_NONE) {
        loop.calls[0] = SYS_reboot; /* asked for, never made */
        loop.calls[1] = -1;
    }
    loop_run(&loop);
    int64_t ns = loop.page->got[0];
    loop_done(&loop);
    return ns;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
        int64_t ns[MODES][ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            for (int mode = 0; mode < MODES; mode++) {
                ns[mode][round] = run_once(&subjects[i], (enum mode)mode);
            }
        }
        printf("%s\n", subjects[i].name);
        for (int mode = 0; mode < MODES; mode++) {
            qsort(ns[mode], ROUNDS, sizeof(ns[mode][0]), compare);
            printf("    %-16s %8.1f us  (%.1f to %.1f)\n", mode_names[mode],
                   (double)ns[mode][ROUNDS / 2] / 1000, (double)ns[mode][0] / 1000,
                   (double)ns[mode][ROUNDS - 1] / 1000);
        }
    }
    return 0;
}
