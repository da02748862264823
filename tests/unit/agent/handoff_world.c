/*
 * Clients that are no shims: they send any bytes and any descriptors, and look at what comes back. What is told
 * by the hand-off is counted; the latest of it is kept.
 */
#include "handoff_world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void changed(void *data, enum handoff_change change, const struct handoff_container *c,
                    int error)
{
    struct world *w = data;
    assert_non_null(c->hello);
    atomic_store(&w->last_error, error);
    w->last = *c;
    atomic_fetch_add(&w->changes[change], 1);
}

static bool gap(void *data, const struct handoff_container *c, const struct handoff_gap *g)
{
    struct world *w = data;
    assert_true(c->holder > 0 && g->by_number);
    w->lost += g->lost;
    w->gaps++;
    return true;
}

static bool is_outsider(void *data, int64_t pid)
{
    struct world *w = data;
    assert_true(pid > 0);
    return atomic_load(&w->outsider);
}

void wait_change(const struct world *w, enum handoff_change change)
{
    for (int i = 0; i < WAIT_MS && !w->changes[change]; i++) {
        usleep(1000);
    }
    assert_true(w->changes[change] > 0);
}

static struct ruleset *load(const char *text)
{
    struct loader *loader = NULL;
    struct ruleset *rules = NULL;
    assert_int_equal(loader_new(NULL, &loader), 0);
    assert_int_equal(loader_add(loader, STR("rules"), str_of(text)), 0);
    assert_int_equal(loader_finish(loader, false, &rules, NULL), 0);
    loader_free(loader);
    return rules;
}

void world_start(struct world *w)
{
    struct err err = { 0 };
    memset(w, 0, sizeof *w);
    strncat(w->folder, "/tmp/hinomi-handoff-XXXXXX", sizeof(w->folder) - 1);
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof(w->path), "%s/agent.sock", w->folder);
    w->rules =
        load("- rule: opened\n  desc: d\n  condition: evt.type in (open, openat) and fd.name = /x\n"
             "  output: o\n  priority: WARNING\n");
    assert_int_equal(selection_init(&w->selection, w->rules), 0);
    struct engine_config config = {
        .rules = { .ruleset = w->rules, .selection = &w->selection },
        .output = STDERR_FILENO,
    };
    assert_int_equal(engine_new(&config, &w->engine, &err), 0);
    struct handoff_config served = {
        .path = w->path,
        .engine = w->engine,
        .features = FEATURE_NOTIFY | FEATURE_CONTINUE,
        .holders = w->holders,
        .watch = { .changed = changed, .gap = gap, .is_outsider = is_outsider, .data = w },
    };
    if (handoff_new(&served, &w->handoff, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

void world_end(struct world *w)
{
    handoff_free(w->handoff);
    engine_free(w->engine);
    selection_done(&w->selection);
    ruleset_free(w->rules);
    assert_int_equal(access(w->path, F_OK), -1);
    assert_int_equal(rmdir(w->folder), 0);
}

int connect_with(const struct world *w, int flags)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
    memcpy(address.sun_path, w->path, strlen(w->path));
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int try_connect(const struct world *w)
{
    return connect_with(w, 0);
}

struct wire_hello make_hello(enum wire_kind kind)
{
    struct wire_hello hello = { .head = { WIRE_MAGIC, WIRE_VERSION, (uint16_t)kind, sizeof(hello),
                                          0 },
                                .nargs = 1,
                                .args = "test" };
    return hello;
}

void send_fds(int socket, const void *p, size_t n, const int *fds, size_t nfds)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control = { 0 };
    struct iovec part = { (void *)p, n };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (nfds) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, nfds * sizeof(int));
    }
    assert_int_equal(sendmsg(socket, &message, MSG_NOSIGNAL), n);
}

/* The kind of what it answers; 0: end of file. */
int answer_of(int socket, int64_t *ret_value)
{
    static struct wire_filter answer;
    struct wire_word word;
    struct pollfd item = { .fd = socket, .events = POLLIN };
    assert_int_equal(poll(&item, 1, WAIT_MS), 1);
    ssize_t n = recv(socket, &answer, sizeof(answer), 0);
    if (n <= 0) {
        return 0;
    }
    memcpy(&word, &answer, sizeof(word));
    *ret_value = word.value;
    return answer.head.kind;
}

int memory_file(unsigned seals, size_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

/* RESUME with these; the answer's errno, 0 when it is served. The socket stays open in *ret. */
int resume_with(struct world *w, const int *fds, size_t nfds, int *ret)
{
    struct wire_hello hello = make_hello(WIRE_RESUME);
    int64_t value = 0;
    *ret = try_connect(w);
    send_fds(*ret, &hello, sizeof(hello), fds, nfds);
    return answer_of(*ret, &value) == WIRE_READY ? 0 : (int)value;
}

/* Its listener. */
int take_filter(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

/* -1: none came. */
int receive_fd(int socket)
{
    char byte;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    int fd = -1;
    message.msg_control = &control;
    message.msg_controllen = sizeof(control);
    assert_int_equal(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), 1);
    if (CMSG_FIRSTHDR(&message)) {
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    }
    return fd;
}

/* A listener of a child that waits; -1: there can be none here. */
int make_listener(pid_t *ret_child)
{
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    *ret_child = fork();
    if (*ret_child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        int fd = take_filter();
        send_fds(sockets[1], "x", 1, &fd, fd >= 0);
        close(fd);
        pause();
        _exit(0);
    }
    int listener = receive_fd(sockets[0]);
    close(sockets[0]);
    close(sockets[1]);
    return listener;
}

void enter_container(pid_t beside)
{
    char path[48];
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)beside);
    int fd = beside ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int r = beside ? setns(fd, CLONE_NEWNS) : unshare(CLONE_NEWNS);
    close(fd);
    if (r < 0) {
        _exit(1);
    }
}

bool lacks_listeners(void)
{
    pid_t child;
    int listener = make_listener(&child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (listener < 0) {
        print_message("skipped: no user notification on this kernel, or a listener is there\n");
        return true;
    }
    close(listener);
    return false;
}

bool lacks_namespaces(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(unshare(CLONE_NEWNS) < 0);
    }
    waitpid(pid, &status, 0);
    if (status) {
        print_message("skipped: no mount namespace can be made here\n");
    }
    return status != 0;
}
