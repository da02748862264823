/*
 * uplink_process: what the process with the network cannot do, tried from within it: uplink_work() is the test's own.
 */
#include "../test.h"

#include "agent/uplink_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t victim;

struct tried {
    const char *what;
    int error; /* 0: it was done */
    bool may;
};
#define TRIED_MAX 32

static void try_call(struct tried *to, const char *what, bool may, long result)
{
    *to = (struct tried){ what, result < 0 ? errno : 0, may };
}

void uplink_work(const struct uplink_settings *settings, int socket)
{
    struct tried tried[TRIED_MAX] = { 0 };
    struct tried *t = tried;
    siginfo_t info = { .si_code = SI_QUEUE };
    struct rlimit limit = { 1, 1 };
    struct f_owner_ex owner = { F_OWNER_PID, victim };
    pid_t me = getpid();
    (void)settings;
    try_call(t++, "kill", false, syscall(SYS_kill, victim, 0));
    try_call(t++, "kill all", false, syscall(SYS_kill, -1, 0));
    try_call(t++, "tkill", false, syscall(SYS_tkill, victim, 0));
    try_call(t++, "tgkill", false, syscall(SYS_tgkill, victim, victim, 0));
    try_call(t++, "tgkill, the keeper", false, syscall(SYS_tgkill, getppid(), getppid(), 0));
    try_call(t++, "rt_sigqueueinfo", false, syscall(SYS_rt_sigqueueinfo, victim, 0, &info));
    try_call(t++, "rt_tgsigqueueinfo", false,
             syscall(SYS_rt_tgsigqueueinfo, victim, victim, 0, &info));
    try_call(t++, "pidfd_send_signal", false, syscall(SYS_pidfd_send_signal, socket, 0, NULL, 0));
    try_call(t++, "setpriority", false, syscall(SYS_setpriority, PRIO_PROCESS, victim, 19));
    try_call(t++, "prlimit64", false, syscall(SYS_prlimit64, victim, RLIMIT_CPU, &limit, NULL));
    try_call(t++, "F_SETOWN", false, fcntl(socket, F_SETOWN, victim));
    try_call(t++, "F_SETOWN_EX", false, fcntl(socket, F_SETOWN_EX, &owner));
    try_call(t++, "F_SETSIG", false, fcntl(socket, F_SETSIG, SIGKILL));
    try_call(t++, "FIOSETOWN", false, ioctl(socket, FIOSETOWN, &victim));
    try_call(t++, "SIOCSPGRP", false, ioctl(socket, SIOCSPGRP, &victim));
    try_call(t++, "execve", false, syscall(SYS_execve, "/bin/true", NULL, NULL));
    try_call(t++, "tgkill, itself", true, syscall(SYS_tgkill, me, me, 0));
    try_call(t++, "prlimit64, itself", true, syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, &limit));
    try_call(t++, "F_GETFL", true, fcntl(socket, F_GETFL));
    int waiting;
    try_call(t++, "FIONREAD", true, ioctl(socket, FIONREAD, &waiting));
    send(socket, tried, sizeof(tried), 0);
}

static void test_reaches_nobody(void **state)
{
    const struct uplink_settings settings = { .url = "http://127.0.0.1:1" };
    struct tried tried[TRIED_MAX];
    struct err err = { 0 };
    int socket, status;
    pid_t pid;
    (void)state;
    victim = getpid();
    assert_int_equal(uplink_fork(&settings, &socket, &pid, &err), 0);
    assert_int_equal(recv(socket, tried, sizeof(tried), 0), sizeof(tried));
    size_t n = 0;
    for (; tried[n].what; n++) {
        if (tried[n].may ? tried[n].error != 0 : tried[n].error != EPERM) {
            fail_msg("%s: %s", tried[n].what, strerror(tried[n].error));
        }
    }
    assert_int_equal(n, 20);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_reaches_nobody) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
