/*
 * puppet: the child's loop of reading a call, making it, and sending back what came of it.
 *
 * Requests and replies are whole structs on a socket of packets. The child leaves with its socket.
 */
#include "puppet.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_caps(uint64_t caps)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    for (int i = 0; i < 2; i++) {
        data[i].permitted = data[i].effective = (uint32_t)(caps >> 32 * i);
    }
    syscall(SYS_capset, &header, data);
}

static void enter_root(const struct puppet_setup *setup)
{
    if (setup->own_pidns) {
        unshare(CLONE_NEWNS);
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    }
    if (setup->root && (chroot(setup->root) < 0 || chdir("/") < 0)) {
        _exit(101);
    }
    if (setup->own_pidns && mount("proc", "/proc", "proc", 0, NULL) < 0) {
        _exit(102);
    }
    if (setup->cwd && chdir(setup->cwd) < 0) {
        _exit(103);
    }
}

static void take_ids(const struct puppet_setup *setup)
{
    if (setup->keep_ids) {
        return;
    }
    prctl(PR_SET_KEEPCAPS, 1);
    if (setgroups(setup->ngroups, setup->groups) < 0 ||
        setresgid(setup->gid, setup->gid, setup->gid) < 0 ||
        setresuid(setup->uid, setup->uid, setup->uid) < 0) {
        _exit(104);
    }
    set_caps(setup->caps);
}

static int64_t raw_call(struct puppet_call *call)
{
    for (int i = 0; i < 2; i++) {
        if (call->text_arg[i] >= 0) {
            call->arg[call->text_arg[i]] = (uint64_t)call->text[i];
        }
    }
    const uint64_t *a = call->arg;
    long r = syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    return r < 0 ? -errno : r;
}

/* 0 when the image was replaced: the pipe closes without a word. */
static int64_t execute(struct puppet_call *call)
{
    int out[2];
    if (pipe2(out, O_CLOEXEC) < 0) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        int64_t r = raw_call(call);
        _exit(write(out[1], &r, sizeof(r)) < 0);
    }
    close(out[1]);
    int64_t r = 0;
    if (read(out[0], &r, sizeof(r)) < 0) {
        r = -errno;
    }
    close(out[0]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return r;
}

static bool gives_descriptor(long nr)
{
    return nr == SYS_open || nr == SYS_openat || nr == SYS_openat2 || nr == SYS_creat;
}

static void serve(int socket)
{
    static struct puppet_call call;
    while (recv(socket, &call, sizeof(call), 0) == (ssize_t)sizeof(call)) {
        struct puppet_reply reply = { 0 };
        reply.result = call.executes ? execute(&call) : raw_call(&call);
        struct stat st;
        if (reply.result >= 0 && gives_descriptor(call.nr) && fstat((int)reply.result, &st) == 0) {
            reply.dev = st.st_dev;
            reply.ino = st.st_ino;
        }
        send(socket, &reply, sizeof(reply), 0);
        /* The descriptor stays until the test has looked at it: a packet of one byte. */
        char looked;
        if (recv(socket, &looked, 1, 0) != 1) {
            return;
        }
        if (reply.result >= 0 && gives_descriptor(call.nr) && !call.stays) {
            close((int)reply.result);
        }
    }
}

static void child(const struct puppet_setup *setup, int socket)
{
    enter_root(setup);
    take_ids(setup);
    umask(setup->umask);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char ready = 1;
    send(socket, &ready, 1, 0);
    serve(socket);
    _exit(0);
}

void puppet_start(const struct puppet_setup *setup, struct puppet *ret)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    int size = 4 * (int)sizeof(struct puppet_call);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    pid_t pid;
    if (setup->own_pidns) {
        pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    } else {
        pid = fork();
    }
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pair[0]);
        child(setup, pair[1]);
    }
    close(pair[1]);
    *ret = (struct puppet){ .pid = pid, .socket = pair[0] };
    char ready = 0;
    assert_int_equal(recv(pair[0], &ready, 1, 0), 1);
    ret->target = (struct target){ .tid = pid,
                                   .pid = pid,
                                   .fsuid = setup->uid,
                                   .fsgid = setup->gid,
                                   .ngroups = setup->ngroups,
                                   .cap_effective = setup->caps,
                                   .umask = setup->umask,
                                   .ids_known = true };
    memcpy(ret->target.groups, setup->groups, sizeof(setup->groups));
}

void puppet_stop(struct puppet *puppet)
{
    close(puppet->socket);
    kill(puppet->pid, SIGKILL);
    waitpid(puppet->pid, NULL, 0);
}

void puppet_make(struct puppet *puppet, const struct puppet_call *call, struct puppet_reply *ret)
{
    assert_int_equal(send(puppet->socket, call, sizeof(*call), 0), sizeof(*call));
    assert_int_equal(recv(puppet->socket, ret, sizeof(*ret), 0), sizeof(*ret));
}

void puppet_done(struct puppet *puppet)
{
    assert_int_equal(send(puppet->socket, "", 1, 0), 1);
}

int64_t puppet_text_call(struct puppet *puppet, long nr, int at, const char *text,
                         const uint64_t arg[6])
{
    static struct puppet_call call;
    call = (struct puppet_call){ .nr = nr, .text_arg = { at, -1 }, .stays = true };
    memcpy(call.arg, arg, sizeof(call.arg));
    snprintf(call.text[0], sizeof(call.text[0]), "%s", text ? text : "");
    struct puppet_reply reply;
    puppet_make(puppet, &call, &reply);
    puppet_done(puppet);
    return reply.result;
}

void scratch_new(char ret[64])
{
    snprintf(ret, 64, "/tmp/hinomi-test-XXXXXX");
    assert_non_null(mkdtemp(ret));
    assert_int_equal(chmod(ret, 0755), 0);
}

void scratch_remove(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--one-file-system", path, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}
