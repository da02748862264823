/*
 * Descriptors of another process: each type with its name, flags and inode; the lowest free one; sockets by
 * duplicate and by the tables of /proc.
 */
#include "live_fixture.h"

#include "sensor/live/socket.h"
#include "sensor/live/socket_net.h"
#include "sensor/live/task.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>

static char storage[LIVE_FD_STORAGE];

/* Of our own process: the same files in /proc. */
static struct fdinfo read_fd(int fd)
{
    struct fdinfo info;
    assert_true(fd >= 0);
    assert_int_equal(live_fd_read(getpid(), fd, &info, storage, sizeof(storage)), 0);
    return info;
}

static void test_files(void **state)
{
    (void)state;
    char folder[64], path[PATHS_MAX], expected[PATHS_MAX];
    struct stat st;
    folder_new(folder);
    path_in(path, folder, "f");
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct fdinfo info = read_fd(fd);
    fstat(fd, &st);
    assert_int_equal(info.type, FD_FILE_V2);
    assert_str(info.name, path);
    assert_int_equal(info.ino, st.st_ino);
    assert_int_equal(info.open_flags & 0x100b, 0x100b); /* close-on-exec, append, read and write */
    unlink(path);
    assert_str(read_fd(fd).name, path);
    close(fd);
    path_in(path, folder, "really (deleted)");
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    info = read_fd(fd);
    assert_str(info.name, path);
    assert_int_equal(info.open_flags & 0x1003, 2);
    snprintf(expected, sizeof(expected), "%s", path);
    unlink(path);
    assert_str(read_fd(fd).name, expected);
    close(fd);
    fd = open(folder, O_RDONLY | O_DIRECTORY);
    info = read_fd(fd);
    assert_int_equal(info.type, FD_DIRECTORY);
    assert_str(info.name, folder);
    close(fd);
    path_in(path, folder, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR | O_NONBLOCK);
    info = read_fd(fd);
    assert_int_equal(info.type, FD_FIFO);
    assert_str(info.name, path);
    close(fd);
    folder_remove(folder);
}

static int uring(void)
{
    char params[120] = { 0 };
    return (int)syscall(SYS_io_uring_setup, 1, params);
}

static void test_anonymous(void **state)
{
    (void)state;
    int ends[2];
    sigset_t none;
    sigemptyset(&none);
    assert_int_equal(pipe(ends), 0);
    const struct {
        int fd;
        enum fd_type type;
    } rows[] = {
        { ends[0], FD_FIFO },
        { ends[1], FD_FIFO },
        { eventfd(0, 0), FD_EVENT },
        { epoll_create1(0), FD_EVENTPOLL },
        { signalfd(-1, &none, 0), FD_SIGNALFD },
        { timerfd_create(CLOCK_MONOTONIC, 0), FD_TIMERFD },
        { inotify_init1(0), FD_INOTIFY },
        { (int)syscall(SYS_pidfd_open, getpid(), 0), FD_PIDFD },
        { (int)syscall(SYS_userfaultfd, O_CLOEXEC), FD_USERFAULTFD },
        { uring(), FD_IO_URING },
        { memfd_create("mem (deleted)", 0), FD_MEMFD },
        { open("/proc/self/ns/net", O_RDONLY), FD_UNSUPPORTED },
        { socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), FD_NETLINK },
        { socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), FD_UNKNOWN },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].fd < 0) {
            print_message("skipped: row %zu cannot be made here\n", i);
            continue;
        }
        struct fdinfo info = read_fd(rows[i].fd);
        assert_int_equal(info.type, rows[i].type);
        if (rows[i].type == FD_MEMFD) {
            assert_str(info.name, "mem (deleted)");
        }
        close(rows[i].fd);
    }
}

static void test_bad(void **state)
{
    (void)state;
    struct fdinfo info;
    assert_int_equal(live_fd_read(getpid(), 4000, &info, storage, sizeof(storage)), -EBADF);
    assert_int_equal(live_fd_read(getpid(), -1, &info, storage, sizeof(storage)), -EBADF);
    assert_int_equal(live_fd_read(getpid(), INT64_MAX, &info, storage, sizeof(storage)), -EBADF);
    assert_int_equal(live_fd_read(-1, 0, &info, storage, sizeof(storage)), -EBADF);
    assert_int_equal(live_fd_lowest(-1, 0), -ESRCH);
    struct socket_facts facts;
    int fd = open("/", O_RDONLY);
    assert_int_equal(socket_facts_read(getpid(), fd, &facts), -ENOTSOCK);
    assert_int_equal(socket_facts_read(getpid(), 4000, &facts), -EBADF);
    assert_int_equal(socket_facts_read(getpid(), INT64_MAX, &facts), -EBADF);
    close(fd);
}

static int spread(const void *data)
{
    (void)data;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 1000; i < 4000; i++) { /* more than one read of the folder */
        if (i != 3500 && dup2(0, i) < 0) {
            return -errno;
        }
    }
    return dup2(0, 700) < 0 || dup2(0, 701) < 0 || dup2(0, 703) < 0 ? -errno : 0;
}

static void test_lowest(void **state)
{
    (void)state;
    struct subject subject = subject_start(spread, NULL);
    if (subject.code != 0) {
        subject_end(&subject);
        SKIP_UNLESS(false, "not so many descriptors allowed");
    }
    int64_t expected = -1;
    struct stat st;
    for (int r = 0; r == 0;) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/fd/%lld", subject.pid, (long long)++expected);
        r = lstat(path, &st);
    }
    assert_int_equal(live_fd_lowest(subject.pid, 0), expected);
    assert_int_equal(live_fd_lowest(subject.pid, 699), 699);
    assert_int_equal(live_fd_lowest(subject.pid, 700), 702);
    assert_int_equal(live_fd_lowest(subject.pid, 702), 702);
    assert_int_equal(live_fd_lowest(subject.pid, 703), 704);
    assert_int_equal(live_fd_lowest(subject.pid, 1000), 3500);
    assert_int_equal(live_fd_lowest(subject.pid, 3501), 4000);
    assert_int_equal(live_fd_lowest(subject.pid, 5000), 5000);
    subject_end(&subject);
    assert_int_equal(live_fd_lowest(subject.pid, 0), -ESRCH);
}

struct pair {
    int listener, client, server;
    struct sockaddr_storage address;
    socklen_t n;
};

static struct pair connect_pair(int family, const char *text)
{
    struct pair pair = { .listener = socket(family, SOCK_STREAM, 0), .client = -1, .server = -1 };
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&pair.address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&pair.address;
    pair.address.ss_family = (sa_family_t)family;
    pair.n = family == AF_INET ? sizeof(*in) : sizeof(*in6);
    inet_pton(family, text, family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr);
    if (bind(pair.listener, (struct sockaddr *)&pair.address, pair.n) < 0 ||
        listen(pair.listener, 4) < 0) {
        close(pair.listener);
        pair.listener = -1;
        return pair;
    }
    pair.n = sizeof(pair.address);
    getsockname(pair.listener, (struct sockaddr *)&pair.address, &pair.n);
    pair.client = socket(family, SOCK_STREAM, 0);
    return pair;
}

static void pair_close(struct pair *pair)
{
    close(pair->listener);
    close(pair->client);
    close(pair->server);
}

static struct socket_facts facts_of(int fd)
{
    struct socket_facts facts;
    assert_int_equal(socket_facts_read(getpid(), fd, &facts), 0);
    return facts;
}

static void check_pair(int family, const char *address, enum fd_type type, const char *ip)
{
    struct pair pair = connect_pair(family, address);
    if (pair.listener < 0) {
        print_message("skipped: no %s here\n", address);
        return;
    }
    struct socket_facts facts = facts_of(pair.listener);
    assert_true(facts.listening && !facts.pending && !facts.nonblocking);
    assert_int_equal(facts.family, family);
    assert_int_equal(facts.type, SOCK_STREAM);
    assert_int_equal(facts.protocol, IPPROTO_TCP);
    assert_int_equal(connect(pair.client, (struct sockaddr *)&pair.address, pair.n), 0);
    assert_true(facts_of(pair.listener).pending);
    pair.server = accept4(pair.listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(facts_of(pair.server).nonblocking);

    struct fdinfo client, server, bound;
    facts = facts_of(pair.client);
    socket_facts_fdinfo(&facts, false, &client);
    facts = facts_of(pair.server);
    socket_facts_fdinfo(&facts, true, &server);
    facts = facts_of(pair.listener);
    socket_facts_fdinfo(&facts, false, &bound);
    assert_int_equal(client.type, type);
    assert_int_equal(client.l4proto, IPPROTO_TCP);
    assert_int_equal(client.flags, FD_ROLE_CLIENT | FD_CONNECTED);
    assert_int_equal(server.flags, FD_ROLE_SERVER | FD_CONNECTED);
    assert_memory_equal(&client.sip, &server.sip, sizeof(struct ip)); /* the client's side, both */
    assert_int_equal(client.sport, server.sport);
    assert_int_equal(client.dport, server.dport);
    assert_int_equal(client.dport, bound.sport);
    assert_int_equal(bound.type, type == FD_IPV4_SOCK ? FD_IPV4_SERVSOCK : FD_IPV6_SERVSOCK);
    unsigned char bytes[16];
    assert_int_equal(inet_pton(type == FD_IPV4_SOCK ? AF_INET : AF_INET6, ip, bytes), 1);
    assert_memory_equal(client.dip.bytes, bytes, type == FD_IPV4_SOCK ? 4 : 16);

    struct socket_facts found = { .family = -1, .ino = facts_of(pair.client).ino };
    socket_net_find(getpid(), &found);
    assert_int_equal(found.family, family);
    assert_int_equal(found.protocol, IPPROTO_TCP);
    struct fdinfo by_table;
    socket_facts_fdinfo(&found, false, &by_table);
    assert_memory_equal(&by_table.sip, &client.sip, sizeof(struct ip));
    assert_memory_equal(&by_table.dip, &client.dip, sizeof(struct ip));
    assert_int_equal(by_table.dport, client.dport);

    struct fdinfo info = read_fd(pair.client);
    assert_int_equal(info.type, type);
    assert_int_equal(info.dport, client.dport);
    pair_close(&pair);
}

static void test_tcp(void **state)
{
    (void)state;
    check_pair(AF_INET, "127.0.0.1", FD_IPV4_SOCK, "127.0.0.1");
    check_pair(AF_INET6, "::1", FD_IPV6_SOCK, "::1");
    check_pair(AF_INET6, "::ffff:127.0.0.1", FD_IPV4_SOCK, "127.0.0.1");
}

/* A listener whose queue is full lets nobody in: the next one stays in SYN_SENT. */
static void test_connecting(void **state)
{
    (void)state;
    enum { TRIES = 8 };
    struct pair pair = connect_pair(AF_INET, "127.0.0.1");
    assert_int_equal(listen(pair.listener, 0), 0);
    int clients[TRIES], n = 0;
    bool found = false;
    while (n < TRIES && !found) {
        clients[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int r = connect(clients[n], (struct sockaddr *)&pair.address, pair.n);
        assert_true(r == 0 || errno == EINPROGRESS);
        struct socket_facts facts = facts_of(clients[n++]);
        found = facts.connecting;
        if (found) {
            struct fdinfo info;
            socket_facts_fdinfo(&facts, false, &info);
            assert_int_equal(info.flags, FD_ROLE_CLIENT | FD_CONNECT_PENDING);
            assert_int_equal(htons(info.dport),
                             ((struct sockaddr_in *)(void *)&pair.address)->sin_port);
            assert_int_equal(info.dip.bytes[0], 127);
        }
    }
    for (int i = 0; i < n; i++) {
        close(clients[i]);
    }
    pair_close(&pair);
    SKIP_UNLESS(found, "every connection was taken at once");
}

static void test_udp(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct fdinfo info = read_fd(fd);
    assert_int_equal(info.type, FD_IPV4_SOCK);
    assert_int_equal(info.l4proto, IPPROTO_UDP);
    assert_int_equal(info.sip.family, 0);
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(53) };
    in.sin_addr.s_addr = htonl(0x7f000001);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    info = read_fd(fd);
    assert_int_equal(info.dport, 53);
    assert_int_equal(info.flags, FD_ROLE_CLIENT | FD_CONNECTED);
    close(fd);
}

static void test_unix(void **state)
{
    (void)state;
    char folder[64], path[PATHS_MAX];
    folder_new(folder);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path_in(path, folder, "sock"));
    assert_int_equal(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&un, sizeof(un)), 0);
    struct fdinfo info = read_fd(listener);
    assert_int_equal(info.type, FD_UNIX_SOCK);
    assert_str(info.name, path);
    info = read_fd(client);
    assert_str(info.name, path);
    assert_int_equal(info.flags, FD_ROLE_CLIENT | FD_CONNECTED);
    struct socket_facts found = { .family = -1, .ino = facts_of(listener).ino };
    socket_net_find(getpid(), &found);
    assert_int_equal(found.family, AF_UNIX);
    assert_true(found.listening);
    assert_int_equal(found.type, SOCK_STREAM);
    assert_string_equal(((struct sockaddr_un *)(void *)&found.local)->sun_path, path);
    close(listener);
    close(client);

    int abstract = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(un.sun_path, "\0hid\0den", 8);
    assert_int_equal(bind(abstract, (struct sockaddr *)&un,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 8)),
                     0);
    assert_true(str_eq(read_fd(abstract).name, str_from("@hid\0den", 8)));
    close(abstract);
    folder_remove(folder);
}

static int hold_socket(const void *data)
{
    (void)data;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = { .sin_family = AF_INET };
    in.sin_addr.s_addr = htonl(0x7f000001);
    return dup2(fd, 50) < 0 || bind(50, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(50, 1) < 0
               ? -errno
               : 0;
}

static void test_borrow(void **state)
{
    (void)state;
    struct subject subject = subject_start(hold_socket, NULL);
    assert_int_equal(subject.code, 0);
    int fd = socket_borrow(subject.pid, 50);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    struct socket_facts facts;
    assert_int_equal(socket_facts_of(fd, &facts), 0);
    assert_true(facts.listening);
    close(fd);
    assert_int_equal(socket_borrow(subject.pid, 51), -EBADF);
    assert_int_equal(socket_borrow(subject.pid, -1), -EBADF);
    subject_end(&subject);
    assert_int_equal(socket_borrow(subject.pid, 50), -ESRCH);
}

static void test_table_lines(void **state)
{
    (void)state;
    struct socket_facts facts = { .family = AF_INET, .ino = 4242 };
    struct str good = STR("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 "
                          "00000000     0        0 4242 1 0000 100");
    assert_true(socket_net_inet_line(good, AF_INET, &facts));
    assert_true(facts.listening && facts.peer_n == 0);
    for (size_t n = 0; n < good.n; n++) { /* cut anywhere */
        socket_net_inet_line(str_first(good, n), AF_INET, &facts);
        socket_net_inet_line(str_first(good, n), AF_INET6, &facts);
    }
    assert_false(socket_net_inet_line(good, AF_INET6, &facts));
    struct str un = STR("0000000000000000: 00000002 00000000 00010000 0001 01 4242 /run/a b");
    assert_true(socket_net_unix_line(un, &facts));
    for (size_t n = 0; n < un.n; n++) {
        socket_net_unix_line(str_first(un, n), &facts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),  cmocka_unit_test(test_anonymous),
        cmocka_unit_test(test_bad),    cmocka_unit_test(test_lowest),
        cmocka_unit_test(test_tcp),    cmocka_unit_test(test_connecting),
        cmocka_unit_test(test_udp),    cmocka_unit_test(test_unix),
        cmocka_unit_test(test_borrow), cmocka_unit_test(test_table_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
