/*
 * asked: one system call made by a child under the sensor's own filter, notified and not let through.
 *
 *     struct asked a = ask((struct ask){ .nr = SYS_openat, .args = { AT_FDCWD, ADDRESS("/etc/passwd") } });
 *     ... memory of the child (a copy of ours) can be read as long as it waits ...
 *     asked_done(&a);     it gets ECANCELED and ends
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

enum ask_how { ASK_NATIVE, ASK_IA32, ASK_X32 };

struct ask {
    enum ask_how how;
    long nr;
    uint64_t args[6];
    bool by_thread; /* made by a second thread of the child */
};

struct asked {
    pid_t child;
    int listener;
    struct seccomp_notif notif;
};

/* Does this kernel notify calls of this kind? */
bool can_ask(enum ask_how how);
struct asked ask(struct ask what);
void asked_done(struct asked *asked);
