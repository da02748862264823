/*
 * Scenarios about the kernel's sharp tools: ptrace, bpf, modules, user faults, namespaces.
 *
 * Where the call cannot do harm only because it is refused (a module that is none), the refusal is part of
 * the scenario: the rules are about the attempt.
 */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t sleeping_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    return pid;
}

static int end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    return waitpid(pid, NULL, __WALL) == pid ? 0 : failed("waitpid");
}

static int attach_with(bool decisive, enum __ptrace_request request)
{
    pid_t pid = sleeping_child();
    int status = 0;
    if (decisive && ptrace(request, pid, NULL, NULL) < 0) {
        status = failed("ptrace");
    }
    return end_child(pid) || status;
}

static int ptrace_attach(bool decisive)
{
    return attach_with(decisive, PTRACE_ATTACH);
}

static int ptrace_seize(bool decisive)
{
    return attach_with(decisive, PTRACE_SEIZE);
}

static int ptrace_poke(bool decisive)
{
    static long word = 1;
    pid_t pid = sleeping_child();
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, NULL, __WALL) != pid) {
        return failed("ptrace");
    }
    int status = 0;
    if (decisive && ptrace(PTRACE_POKEDATA, pid, &word, (void *)2) < 0) {
        status = failed("PTRACE_POKEDATA");
    }
    return end_child(pid) || status;
}

static int ptrace_traceme(bool decisive)
{
    return decisive && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? failed("ptrace") : 0;
}

/* A program of one instruction that is no valid one: the verifier says no. */
static int bpf_load(bool decisive)
{
    struct bpf_insn code = { .code = 0xff };
    union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };
    attr.insns = (uint64_t)(uintptr_t)&code;
    attr.insn_cnt = 1;
    attr.license = (uint64_t)(uintptr_t) "GPL";
    if (syscall(SYS_bpf, decisive ? BPF_PROG_LOAD : BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) >=
        0) {
        return decisive ? failed("the program was loaded") : 0;
    }
    return 0;
}

static int module_init(bool decisive)
{
    static char image[4096] = "no module";
    if (decisive && syscall(SYS_init_module, image, sizeof(image), "") == 0) {
        return failed("the module was loaded");
    }
    return 0;
}

static int module_finit(bool decisive)
{
    int fd = open("/etc/hostname.box", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return failed("/etc/hostname.box");
    }
    if (decisive && syscall(SYS_finit_module, fd, "", 0) == 0) {
        return failed("the module was loaded");
    }
    close(fd);
    return 0;
}

static int user_faults(bool decisive)
{
    if (become(1000)) {
        return 1;
    }
    long fd = decisive ? syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY) : 0;
    if (fd < 0 && errno == ENOSYS) {
        return skipped("this kernel has no userfaultfd");
    }
    return fd < 0 ? failed("userfaultfd") : 0;
}

static int namespace_entered(bool decisive)
{
    int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return failed("/proc/self/ns/uts");
    }
    int done = decisive ? setns(fd, CLONE_NEWUTS) : 0;
    close(fd);
    return done < 0 ? failed("setns") : 0;
}

/* Not CLONE_NEWUSER: the new namespace gives all capabilities, and the rule is about those without. */
static int context_parted(bool decisive)
{
    if (decisive && unshare(CLONE_FS) < 0) {
        return failed("unshare");
    }
    return 0;
}

const struct scenario scenario_kernel[] = {
    { "ptrace-attach", ptrace_attach },
    { "ptrace-seize", ptrace_seize },
    { "ptrace-poke", ptrace_poke },
    { "ptrace-traceme", ptrace_traceme },
    { "bpf-load", bpf_load },
    { "module-init", module_init },
    { "module-finit", module_finit },
    { "user-faults", user_faults },
    { "namespace-entered", namespace_entered },
    { "context-parted", context_parted },
    { NULL, NULL },
};
