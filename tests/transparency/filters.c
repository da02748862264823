/*
 * Programs with seccomp filters of their own, above the sensor's: one that refuses, one that asks for a
 * listener (there can be one only: EBUSY), which is the documented limit.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long install(unsigned flags, uint32_t result, uint32_t number)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, result),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void try_calls(const char *when)
{
    int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    printf("%s: open %s", when, fd < 0 ? strerror(errno) : "works");
    if (fd >= 0) {
        close(fd);
    }
    printf(", mkdir %s", mkdir("/nonexistent/folder", 0755) < 0 ? strerror(errno) : "works");
    printf(", chmod %s\n", chmod("/nonexistent/file", 0644) < 0 ? strerror(errno) : "works");
}

/* Errors of its filter beat what the sensor says; what it allows goes to the sensor. */
int own_filter(int argc, char **argv)
{
    (void)argc, (void)argv;
    try_calls("before");
    printf("refusing: %ld\n", install(0, SECCOMP_RET_ERRNO | EXDEV, SYS_mkdir));
    try_calls("refusing");
    printf("all threads: %ld\n",
           install(SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_RET_ERRNO | EDOM, SYS_chmod));
    try_calls("all threads");
    pid_t pid = probe_fork();
    if (pid == 0) {
        install(0, SECCOMP_RET_KILL_PROCESS, SYS_chmod);
        try_calls("deadly");
        fflush(stdout);
        _exit(0);
    }
    probe_wait("deadly", pid);
    pid = probe_fork();
    if (pid == 0) {
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        probe_put(1, '!');
        syscall(SYS_exit, 5);
    }
    probe_wait("strict", pid);
    return 0;
}

int own_listener(int argc, char **argv)
{
    (void)argc, (void)argv;
    long fd = install(SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_ALLOW, SYS_mkdir);
    printf("listener: %s\n", fd < 0 ? strerror(errno) : "there");
    try_calls("afterwards");
    return 0;
}
