/*
 * Texts of parameters: each type plain and resolved, as evt.args and evt.arg show them; parameters
 * that are empty, absent, of a wrong length; every kind with hostile bytes.
 */
#include "base/arena.h"
#include "event/param.h"
#include "event/sockaddr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* An event under construction. */
struct made {
    struct event event;
    uint8_t data[4096];
};

static struct made made;
static char storage[8192];

static void begin(uint16_t kind)
{
    made.event = (struct event){ .kind = kind, .data = made.data };
}

static void add(const void *bytes, size_t n)
{
    struct event *e = &made.event;
    assert_true(e->at[e->nparams] + n <= sizeof(made.data));
    memcpy(made.data + e->at[e->nparams], n ? bytes : "", n);
    e->at[e->nparams + 1] = e->at[e->nparams] + (uint32_t)n;
    e->nparams++;
}

static void add_u(uint64_t v, size_t n)
{
    add(&v, n);
}

static void add_text(const char *z)
{
    add(z, strlen(z) + 1);
}

static bool known_fd(void *data, const struct event *event, int64_t fd, struct param_fd *ret)
{
    (void)data;
    (void)event;
    if (fd != 3 && fd != 4) {
        return false;
    }
    *ret = fd == 3 ? (struct param_fd){ "f", STR("/etc/pass\nwd") }
                   : (struct param_fd){ "4t", STR("1.2.3.4:5->6.7.8.9:80") };
    return true;
}

static bool known_comm(void *data, int64_t tid, struct str *ret)
{
    (void)data;
    *ret = STR("curl");
    return tid == 100;
}

static bool known_id(void *data, const struct event *event, uint32_t id, struct str *ret)
{
    (void)data;
    (void)event;
    *ret = STR("root");
    return id == 0;
}

static void known_path(void *data, const struct event *event, unsigned i, struct buf *buf)
{
    (void)data;
    buf_puts(buf, STR("/home/"));
    buf_puts(buf, event_text(event, i));
}

static const struct param_names names = {
    .fd = known_fd, .comm = known_comm, .user = known_id, .group = known_id, .path = known_path
};

static const char *taken(struct buf *buf)
{
    assert_true(buf->n < sizeof(storage));
    storage[buf->n] = '\0';
    return storage;
}

static const char *args(void)
{
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    param_args(&made.event, &names, &buf);
    return taken(&buf);
}

static const char *arg(const char *name)
{
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    int i = kind_param(made.event.kind, str_of(name));
    assert_true(i >= 0);
    param_text(&made.event, (unsigned)i, &names, &buf);
    return taken(&buf);
}

static void test_open(void **state)
{
    (void)state;
    begin(KIND_OPENAT_2_X);
    add_u(3, 8);
    add_u((uint64_t)-100, 8);
    add_text("x/y");
    add_u(4097, 4);
    add_u(0644, 4);
    add_u(0x801, 4);
    assert_string_equal(args(), "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=x/y(/home/x/y) "
                                "flags=4097(O_RDONLY|O_CLOEXEC) mode=0644 dev=801 ");
    assert_string_equal(arg("fd"), "<f>/etc/passwd");
    assert_string_equal(arg("dirfd"), "AT_FDCWD");
    assert_string_equal(arg("name"), "/home/x/y");
    assert_string_equal(arg("flags"), "O_RDONLY|O_CLOEXEC");
    assert_string_equal(arg("mode"), "0644");
    assert_string_equal(arg("dev"), "801");
    assert_string_equal(arg("ino"), ""); /* not in this capture */
}

static void test_failed_open(void **state)
{
    (void)state;
    begin(KIND_OPEN_X);
    add_u((uint64_t)-2, 8);
    add_text("/etc/shadow");
    assert_string_equal(args(), "fd=-2(ENOENT) name=/etc/shadow ");
    begin(KIND_OPEN_X);
    add_u((uint64_t)-9999, 8);
    add_text("<NA>");
    assert_string_equal(args(), "fd=-9999 name=<NA> ");
}

static void test_results(void **state)
{
    (void)state;
    begin(KIND_CLOSE_X);
    add_u((uint64_t)-9, 8);
    add_u(4, 8);
    assert_string_equal(args(), "res=-9(EBADF) fd=4(<4t>1.2.3.4:5->6.7.8.9:80) ");
    assert_string_equal(arg("res"), "EBADF");
    begin(KIND_CLOSE_X);
    add_u(0, 8);
    add_u(5, 8);
    assert_string_equal(args(), "res=0 fd=5 ");
    begin(KIND_MMAP_X);
    add_u(0x7fa6abc, 8);
    assert_string_equal(args(), "res=7FA6ABC ");
    begin(KIND_MMAP_X);
    add_u((uint64_t)-12, 8);
    assert_string_equal(args(), "res=-12(ENOMEM) ");
    begin(KIND_CLOSE_X);
    add_u(UINT64_C(1) << 63, 8);
    assert_string_equal(args(), "res=-9223372036854775808 ");
}

static void test_processes_and_users(void **state)
{
    (void)state;
    begin(KIND_SETRESUID_E);
    add_u(0, 4);
    add_u(1000, 4);
    add_u(UINT32_MAX, 4);
    assert_string_equal(args(), "ruid=0(root) euid=1000(<NA>) suid=-1(<NONE>) ");
    begin(KIND_SETGID_E);
    add_u(0, 4);
    assert_string_equal(arg("gid"), "root");
    begin(KIND_TGKILL_E);
    add_u(100, 8);
    add_u(7, 8);
    add_u(9, 1);
    assert_string_equal(args(), "pid=100(curl) tid=7 sig=9(SIGKILL) ");
    begin(KIND_KILL_E);
    add_u(7, 8);
    add_u(64, 1);
    assert_string_equal(args(), "pid=7 sig=64 ");
}

static void test_numbers(void **state)
{
    (void)state;
    begin(KIND_BRK_4_E);
    add_u(0xabcdef, 8);
    assert_string_equal(args(), "addr=ABCDEF ");
    begin(KIND_SEMOP_X);
    add_u(0, 8);
    add_u(2, 4);
    add_u(1, 2);
    add_u((uint16_t)-3, 2);
    add_u(3, 2);
    assert_string_equal(args(), "res=0 nsops=2 sem_num_0=1 sem_op_0=-3 "
                                "sem_flg_0=3(IPC_NOWAIT|SEM_UNDO) ");
    begin(KIND_OPEN_E);
    add_text("/a");
    add_u(0, 4);
    add_u(0, 4);
    assert_string_equal(args(), "name=/a flags=0(O_NONE) mode=0 ");
    begin(KIND_CHMOD_X);
    add_u(0, 8);
    add_text("/a");
    add_u(04755, 4);
    assert_string_equal(arg("mode"),
                        "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID");
}

static void test_times(void **state)
{
    (void)state;
    begin(KIND_NANOSLEEP_E);
    add_u(1500000000, 8);
    assert_string_equal(args(), "interval=1500000000(1.5s) ");
    begin(KIND_NANOSLEEP_E);
    add_u(UINT64_MAX, 8);
    assert_string_equal(args(), "interval=none ");
    setenv("TZ", "UTC", 1);
    begin(KIND_EXECVE_19_X);
    for (int i = 0; i < 24; i++) {
        add_u(0, 8);
    }
    add_u(UINT64_C(1534527348000000007), 8);
    assert_string_equal(arg("exe_ino_ctime"), "2018-08-17 17:35:48.000000007 +0000");
}

static void test_buffers(void **state)
{
    (void)state;
    begin(KIND_READ_X);
    add_u(6, 8);
    add("a\0\x80\n~b", 6);
    assert_string_equal(args(), "res=6 data=a...~b ");
    begin(KIND_READ_X);
    add_u(0, 8);
    add("", 0);
    assert_string_equal(args(), "res=0 data=NULL ");
    begin(KIND_GETCWD_X);
    add_u(2, 8);
    add("ab", 2); /* its NUL cut off */
    assert_string_equal(arg("path"), "ab");
    begin(KIND_DNS_X);
    add_text("example.org");
    add_text("A");
    add_text("NOERROR");
    add("1.2.3.4\0005.6.7.8", 16);
    assert_string_equal(arg("answers"), "1.2.3.4,5.6.7.8");
    begin(KIND_TRACER_E);
    add_u(1, 8);
    add("a\0b", 4);
    add("k\0v\0l\0w", 8);
    assert_string_equal(args(), "id=1 tags=a,b args=k:v,l:w ");
}

static void test_sockets(void **state)
{
    (void)state;
    static const char tuple[] = { 2, 10, 0, 0, 1, 80, 0, 10, 0, 0, 2, 81, 0 };
    begin(KIND_CONNECT_X);
    add_u((uint64_t)-115, 8);
    add(tuple, sizeof(tuple));
    assert_string_equal(args(), "res=-115(EINPROGRESS) tuple=10.0.0.1:80->10.0.0.2:81 ");
    begin(KIND_BIND_X);
    add_u(0, 8);
    add(tuple, 7);
    assert_string_equal(args(), "res=0 addr=10.0.0.1:80 ");
    begin(KIND_SOCKET_E);
    add_u(2, 4);
    add_u(1, 4);
    add_u(6, 4);
    assert_string_equal(args(), "domain=2(AF_INET) type=1 proto=6 ");
}

static void test_lists(void **state)
{
    (void)state;
    static const char two[] = {
        2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, -128
    };
    begin(KIND_POLL_E);
    add(two, sizeof(two));
    add_u((uint64_t)-1, 8);
    assert_string_equal(args(), "fds=3:f4 9:?ffff8000 timeout=-1 ");
    for (size_t n = 1; n < sizeof(two); n++) {
        begin(KIND_POLL_E);
        add(two, n);
        assert_string_equal(arg("fds"), n < 12 ? "" : "3:f4");
    }
    begin(KIND_PPOLL_E);
    add("\0", 2);
    add_u(0, 8);
    add_u(1U << 8 | 1U << 14 | 1U << 31, 4);
    assert_string_equal(arg("sigmask"), "SIGKILL SIGTERM");
    assert_string_equal(arg("fds"), "");
}

static void test_generic(void **state)
{
    (void)state;
    begin(KIND_GENERIC_E);
    add_u(442, 2);
    add_u(462, 2);
    assert_string_equal(args(), "");
    assert_string_equal(arg("ID"), "mseal");
    begin(KIND_GENERIC_E);
    add_u(60000, 2);
    assert_string_equal(arg("ID"), "<unknown syscall>");
}

static void test_dynamic(void **state)
{
    (void)state;
    begin(KIND_PTRACE_X);
    add_u(0, 8);
    add("\0\xef\xbe\0\0\0\0\0\0", 9);
    add("\1\x0b", 2);
    assert_string_equal(args(), "res=0 addr=BEEF data=B(SIGSEGV) ");
    begin(KIND_PTRACE_X);
    add_u(0, 8);
    add("\2\0", 2);
    add("\0", 1);
    assert_string_equal(args(), "res=0 addr=INVALID DYNAMIC PARAMETER data=0 ");
    struct str bytes;
    assert_int_equal(param_of(&made.event, 2, &bytes)->type, PARAM_UINT64);
    assert_int_equal(bytes.n, 0);
    assert_null(param_of(&made.event, 3, &bytes));
    begin(KIND_MAX - 1);
    add("x", 1);
    assert_null(param_of(&made.event, 0, &bytes));
    assert_string_equal(args(), "");
}

static void test_without_names(void **state)
{
    (void)state;
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    begin(KIND_OPENAT_2_E);
    add_u(3, 8);
    add_text("x");
    param_args(&made.event, NULL, &buf);
    assert_string_equal(taken(&buf), "dirfd=3 name=x ");
}

/* Any bytes in any kind: a text, and no read beyond the event (the sanitizers watch). */
static void test_any_bytes_in_any_kind(void **state)
{
    (void)state;
    static const size_t lengths[] = { 0, 1, 2, 3, 4, 7, 8, 9, 13, 17, 19, 36, 37, 38, 90 };
    for (uint16_t kind = 0; kind < KIND_MAX; kind++) {
        for (size_t l = 0; l < sizeof(lengths) / sizeof(*lengths); l++) {
            for (unsigned fill = 0; fill < 256; fill += fill < 16 ? 1 : 80) {
                uint8_t *bytes = malloc(lengths[l] ? lengths[l] : 1);
                assert_non_null(bytes);
                memset(bytes, (int)fill, lengths[l]);
                struct event e = { .kind = kind, .nparams = 1, .data = bytes };
                struct buf buf;
                buf_init_fixed(&buf, storage, sizeof(storage));
                for (unsigned i = 0; i < kind_table[kind].nparams; i++) {
                    e.nparams = (uint16_t)(i + 1);
                    e.at[i] = 0;
                    e.at[i + 1] = (uint32_t)lengths[l];
                    buf_clear(&buf);
                    param_full(&e, i, &names, &buf);
                    assert_false(buf.failed);
                    assert_false(str_starts(buf_str(&buf), STR("(n.a.)")));
                }
                free(bytes);
            }
        }
    }
}

/* Running out of room or memory leaves a prefix and says so. */
static void test_no_room(void **state)
{
    (void)state;
    begin(KIND_OPENAT_2_X);
    add_u(3, 8);
    add_u((uint64_t)-100, 8);
    add_text("x/y");
    add_u(4097, 4);
    static char whole[256];
    struct buf buf;
    buf_init_fixed(&buf, whole, sizeof(whole));
    param_args(&made.event, &names, &buf);
    size_t n = buf.n;
    for (size_t room = 0; room < n; room++) {
        buf_init_fixed(&buf, storage, room);
        param_args(&made.event, &names, &buf);
        assert_true(buf.failed);
        assert_true(buf.n <= room);
        assert_memory_equal(storage, whole, buf.n);
    }
    buf_init(&buf, 1024);
    mem_fail_after(1);
    param_args(&made.event, &names, &buf);
    mem_fail_after(0);
    assert_true(buf.failed);
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_failed_open),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_processes_and_users),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_generic),
        cmocka_unit_test(test_dynamic),
        cmocka_unit_test(test_without_names),
        cmocka_unit_test(test_any_bytes_in_any_kind),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
