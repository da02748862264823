/*
 * Evasion 14: calls of other architectures from an x86-64 program: `int 0x80` and the x32 bit.
 *
 * Arguments lie in the lower 4 GiB, where 32-bit registers reach. A kernel without them answers ENOSYS (or
 * ends the program by SIGSEGV where int 0x80 is off): skipped.
 */
#include "scenario.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__

#define X32_BIT            0x40000000
#define IA32_OPEN          5
#define IA32_EXECVE        11
#define IA32_SOCKETCALL    102
#define IA32_OPENAT        295
#define SOCKETCALL_SOCKET  1
#define SOCKETCALL_CONNECT 3

static long ia32(long number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d)
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}

/* Memory below 4 GiB, with this text at its beginning. */
static char *low(const char *text)
{
    char *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (page != MAP_FAILED) {
        memcpy(page, text, strlen(text) + 1);
    }
    return page;
}

static bool has_ia32(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(ia32(20, 0, 0, 0, 0) != getpid());
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status == 0;
}

static int ia32_openat(bool decisive)
{
    if (!has_ia32()) {
        return skipped("no 32-bit calls here");
    }
    char *path = low(decisive ? "/etc/shadow" : "/etc/os-release");
    return ia32(IA32_OPENAT, (uint32_t)AT_FDCWD, (uintptr_t)path, O_RDONLY, 0) < 0
               ? failed("openat")
               : 0;
}

static int ia32_open(bool decisive)
{
    if (!has_ia32()) {
        return skipped("no 32-bit calls here");
    }
    char *path = low(decisive ? "/etc/shadow" : "/etc/os-release");
    return ia32(IA32_OPEN, (uintptr_t)path, O_RDONLY, 0, 0) < 0 ? failed("open") : 0;
}

static int ia32_connect(bool decisive)
{
    int listener = listen_at("203.0.113.7", 3333, NULL);
    if (listener < 0 || !has_ia32()) {
        return skipped("no 32-bit calls here");
    }
    uint32_t *words = (uint32_t *)(void *)low("");
    struct sockaddr_in *to = (struct sockaddr_in *)(words + 16);
    *to = (struct sockaddr_in){ .sin_family = AF_INET,
                                .sin_port = htons(3333),
                                .sin_addr.s_addr = inet_addr("203.0.113.7") };
    memcpy(words, (uint32_t[]){ AF_INET, SOCK_STREAM, 0 }, 12);
    long fd = ia32(IA32_SOCKETCALL, SOCKETCALL_SOCKET, (uintptr_t)words, 0, 0);
    if (fd < 0) {
        return failed("socket");
    }
    memcpy(words, (uint32_t[]){ (uint32_t)fd, (uint32_t)(uintptr_t)to, sizeof(*to) }, 12);
    if (decisive && ia32(IA32_SOCKETCALL, SOCKETCALL_CONNECT, (uintptr_t)words, 0, 0) < 0) {
        return failed("connect");
    }
    return 0;
}

static int ia32_execve(bool decisive)
{
    if (!has_ia32()) {
        return skipped("no 32-bit calls here");
    }
    pid_t pid = fork();
    if (pid == 0) {
        char *path = low(decisive ? "/opt/box/xmrig" : "/opt/box/idle");
        uint32_t *argv = (uint32_t *)(void *)low("");
        argv[0] = (uint32_t)(uintptr_t)path;
        ia32(IA32_EXECVE, (uintptr_t)path, (uintptr_t)argv, (uintptr_t)(argv + 1), 0);
        _exit(127);
    }
    int status = 1;
    waitpid(pid, &status, 0);
    return status ? failed("execve") : 0;
}

/* Kernels without x32 say ENOSYS; the attempt is what has to be seen. */
static int x32_open(bool decisive)
{
    if (decisive) {
        syscall(X32_BIT | SYS_open, "/etc/shadow", O_RDONLY);
    }
    return 0;
}

const struct scenario evasion_foreign[] = {
    { "ia32-openat", ia32_openat }, { "ia32-open", ia32_open }, { "ia32-connect", ia32_connect },
    { "ia32-execve", ia32_execve }, { "x32-open", x32_open },   { NULL, NULL },
};

#else

const struct scenario evasion_foreign[] = {
    { NULL, NULL },
};

#endif
