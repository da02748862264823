/*
 * Calls as events: each call of the table gives an event of its kind's layout; what rules ask of it is
 * looked up through the field table after a real state took it; and a capture that our writer made of the
 * same events, read back, answers alike.
 */
#include "test.h"

#include "event/field_fixture.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "sensor/live/socket.h"
#include "sensor/notify/events.h"
#include "sensor/notify/events_internal.h"
#include "sensor/replay/replay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#define TID 200

static struct call_args args;
static struct call_outcome outcome;
static struct resolved at[2];
static struct socket_facts facts;
static struct made_event made;
static struct world world;

static int begin(void **data)
{
    (void)data;
    world = world_new();
    return 0;
}

static int end(void **data)
{
    (void)data;
    world_free(&world);
    return 0;
}

/* A call with nothing in it yet, that succeeded with 0. */
static void start(uint16_t name)
{
    memset(&args, 0, offsetof(struct call_args, storage));
    memset(&facts, 0, sizeof(facts));
    memset(at, 0, offsetof(struct resolved, storage));
    at[1] = at[0];
    args.call = call_find(name);
    assert_non_null(args.call);
    args.tid = TID;
    args.dirfd[0] = args.dirfd[1] = AT_FDCWD;
    outcome = (struct call_outcome){ .ts_ns = T0, .exact = true, .outcome = OUTCOME_REPORTED };
}

static void regs(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    args.reg[0] = a;
    args.reg[1] = b;
    args.reg[2] = c;
    args.reg[3] = d;
}

static void file_is(int i, const char *path)
{
    at[i].path = str_of(path);
    outcome.at = at;
}

/* The event, applied and looked at. */
static struct event *happens(void)
{
    event_of_call(&args, &outcome, &made);
    return look(&world, &made.event);
}

static void know_file(int fd, const char *path)
{
    struct fdinfo info = { .type = FD_FILE_V2, .name = str_of(path), .nameraw = str_of(path) };
    assert_int_equal(state_add_fd(world.state, TID, fd, &info), 0);
}

static void know_directory(int fd, const char *path)
{
    struct fdinfo info = { .type = FD_DIRECTORY, .name = str_of(path), .nameraw = str_of(path) };
    assert_int_equal(state_add_fd(world.state, TID, fd, &info), 0);
}

static unsigned tokens(const char *recipe)
{
    unsigned n = 0;
    for (bool within = false; *recipe; recipe++) {
        n += *recipe != ' ' && !within;
        within = *recipe != ' ';
    }
    return n;
}

/* Every kind of the table has all of its parameters, each of a length that its type can have. */
static void layouts(void **data)
{
    (void)data;
    for (size_t i = 0; i < call_count; i++) {
        uint16_t kind = call_table[i].kind;
        if (call_table[i].manner == MANNER_EXEC || call_table[i].manner == MANNER_FORK) {
            continue;
        }
        start(call_table[i].name);
        event_of_call(&args, &outcome, &made);
        const char *name = name_text(call_table[i].name);
        if (made.event.nparams != kind_table[kind].nparams) {
            fail_msg("%s: %u parameters, not %u", name, made.event.nparams,
                     kind_table[kind].nparams);
        }
        if (kind != KIND_GENERIC_X) {
            assert_non_null(event_recipe(kind));
            assert_int_equal(tokens(event_recipe(kind)), kind_table[kind].nparams);
        }
        for (unsigned p = 0; p < made.event.nparams; p++) {
            uint8_t type = kind_table[kind].params[p].type;
            bool variable = type == PARAM_CHARBUF || type == PARAM_FSPATH ||
                            type == PARAM_FSRELPATH || type == PARAM_BYTEBUF ||
                            type == PARAM_SOCKADDR || type == PARAM_SOCKTUPLE || type == PARAM_DYN;
            size_t n = event_param(&made.event, p).n;
            bool unknown_memory = (kind == KIND_MMAP_X || kind == KIND_MMAP2_X) && p < 4 && n == 0;
            if (!variable && n != param_number_size(type) && !unknown_memory) {
                fail_msg("%s, parameter %u: %zu bytes", name, p, n);
            }
        }
        assert_int_equal(made.event.name, call_event_name(&call_table[i]));
        assert_int_equal(made.event.tid, TID);
        assert_false(made.overflow);
        look(&world, &made.event);
        expect(&world, "evt.type", name_text(call_event_name(&call_table[i])));
        expect(&world, "evt.dir", "<");
    }
}

static void opens(void **data)
{
    (void)data;
    start(NAME_openat);
    args.path[0] = STR("../etc/shadow");
    args.open_flags = O_RDWR | O_CLOEXEC | O_NONBLOCK;
    args.open_mode = 0777;
    outcome.result = 5;
    file_is(0, "/etc/shadow");
    at[0].ino = 77;
    at[0].dev = makedev(8, 0x1234);
    at[0].upper_layer = true;
    happens();
    expect(&world, "evt.type", "openat");
    expect(&world, "evt.rawres", "5");
    expect(&world, "evt.res", "SUCCESS");
    expect(&world, "fd.num", "5");
    expect(&world, "fd.name", "/etc/shadow");
    expect(&world, "fd.nameraw", "../etc/shadow");
    expect(&world, "fd.directory", "/etc");
    expect(&world, "fd.filename", "shadow");
    expect(&world, "fd.typechar", "f");
    expect(&world, "fd.ino", "77");
    expect(&world, "fd.dev.major", "8");
    expect(&world, "fd.dev.minor", "4660");
    expect(&world, "fd.is_upper_layer", "true");
    expect(&world, "fs.path.name", "/etc/shadow");
    expect(&world, "evt.is_open_read", "true");
    expect(&world, "evt.is_open_write", "true");
    expect(&world, "evt.arg.flags", "O_NONBLOCK|O_RDWR|O_CLOEXEC|FD_UPPER_LAYER");
    expect(&world, "evt.arg.mode", "0");
    expect(&world, "evt.rawarg.name", "../etc/shadow");
    expect(&world, "evt.arg.dirfd", "AT_FDCWD");
    expect(&world, "evt.exact", "true");
    expect(&world, "evt.outcome", "succeeded");
    expect(&world, "proc.name", "app");

    start(NAME_open);
    args.path[0] = STR("new");
    args.open_flags = O_WRONLY | O_CREAT;
    args.open_mode = 0100755;
    args.via = VIA_IA32;
    outcome = (struct call_outcome){ .result = 6, .outcome = OUTCOME_PREDICTED, .ts_ns = T0 };
    file_is(0, "/srv/new");
    at[0].error = -ENOENT;
    happens();
    expect(&world, "fd.name", "/srv/new");
    expect(&world, "evt.is_open_create", "true");
    expect(&world, "evt.is_open_exec", "true");
    expect(&world, "evt.arg.flags", "O_CREAT|O_WRONLY|O_F_CREATED");
    expect(&world, "evt.arg.mode", "0755");
    expect(&world, "evt.via", "ia32");
    expect(&world, "evt.outcome", "predicted");
    expect(&world, "evt.exact", "false");
}

static void other_opens(void **data)
{
    (void)data;
    know_directory(9, "/var/lib");
    start(NAME_openat2);
    args.path[0] = STR("x");
    args.dirfd[0] = 9;
    args.open_flags = O_RDONLY;
    args.open_resolve = 0x10;
    outcome.result = 7;
    happens();
    expect(&world, "fd.name", "/var/lib/x");
    expect(&world, "evt.arg.resolve", "RESOLVE_IN_ROOT");
    start(NAME_creat);
    args.path[0] = STR("/tmp/c");
    args.open_flags = O_CREAT | O_WRONLY | O_TRUNC;
    args.open_mode = 0600;
    outcome.result = 8;
    happens();
    expect(&world, "fd.name", "/tmp/c");
    expect(&world, "evt.arg.mode", "0600");
    start(NAME_open_by_handle_at);
    regs((uint64_t)AT_FDCWD, 0, O_RDONLY, 0);
    args.open_flags = O_RDONLY;
    outcome.result = 10;
    file_is(0, "/etc/shadow");
    happens();
    expect(&world, "fd.name", "/etc/shadow");
    expect(&world, "evt.arg.path", "/etc/shadow");
    expect(&world, "evt.arg.flags", "O_RDONLY");
    start(NAME_memfd_create);
    args.text[0] = STR("payload");
    regs(0, 1, 0, 0);
    outcome.result = 11;
    happens();
    expect(&world, "fd.name", "payload");
    expect(&world, "evt.arg.flags", "MFD_CLOEXEC");
}

/* What failed or was refused still says what it was about. */
static void failed_opens(void **data)
{
    (void)data;
    start(NAME_openat);
    args.path[0] = STR("link");
    outcome.result = -EACCES;
    file_is(0, "/etc/shadow");
    happens();
    expect(&world, "evt.res", "EACCES");
    expect(&world, "evt.failed", "true");
    expect(&world, "fd.name", "/etc/shadow");
    expect(&world, "fd.num", "-1");
    outcome.result = -EPERM;
    outcome.outcome = OUTCOME_DENIED;
    happens();
    expect(&world, "evt.outcome", "denied");
    expect(&world, "evt.res", "EPERM");
    at[0].unsure = true; /* of a guess the caller's string is kept */
    outcome.exact = false;
    happens();
    expect(&world, "fd.name", "/srv/link");
    start(NAME_openat);
    args.unreadable = true;
    outcome.result = -EFAULT;
    happens();
    expect(&world, "evt.arg.name", "<NA>");
    expect(&world, "evt.truncated", "true");
}

static void names(void **data)
{
    (void)data;
    know_directory(9, "/var");
    start(NAME_renameat2);
    args.path[0] = STR("a");
    args.dirfd[0] = 9;
    args.path[1] = STR("/etc/cron.d/x");
    args.reg[4] = 2;
    file_is(0, "/var/real-a");
    file_is(1, "/etc/cron.d/x");
    happens();
    expect(&world, "evt.arg.oldpath", "/var/a");
    expect(&world, "evt.arg.newpath", "/etc/cron.d/x");
    expect(&world, "evt.arg.flags", "RENAME_EXCHANGE");
    expect(&world, "fs.path.source", "/var/real-a");
    expect(&world, "fs.path.target", "/etc/cron.d/x");
    start(NAME_symlinkat);
    args.text[0] = STR("/etc/shadow");
    args.path[0] = STR("l");
    file_is(0, "/srv/l");
    happens();
    expect(&world, "evt.arg.target", "/etc/shadow");
    expect(&world, "evt.arg.linkpath", "/srv/l");
    expect(&world, "fs.path.source", "/srv/l");
    expect(&world, "fs.path.target", "/etc/shadow");
    start(NAME_link);
    args.path[0] = STR("/etc/shadow");
    args.path[1] = STR("/tmp/s");
    file_is(0, "/etc/shadow");
    file_is(1, "/tmp/s");
    happens();
    expect(&world, "evt.arg.oldpath", "/etc/shadow");
    expect(&world, "fs.path.source", "/tmp/s");
    expect(&world, "fs.path.target", "/etc/shadow");
    start(NAME_unlinkat);
    args.path[0] = STR("d");
    args.reg[2] = AT_REMOVEDIR;
    happens();
    expect(&world, "fs.path.name", "/srv/d");
    expect(&world, "evt.arg.flags", "AT_REMOVEDIR");
    start(NAME_mkdir);
    args.path[0] = STR("/m");
    args.reg[1] = 0755;
    happens();
    expect(&world, "evt.args", "res=0 path=/m mode=1ED");
    start(NAME_fchmodat2);
    args.path[0] = STR("/bin/x");
    args.reg[2] = 04755;
    happens();
    expect(&world, "evt.type", "fchmodat");
    expect(&world, "evt.arg.mode",
           "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID");
    know_file(3, "/srv/data");
    start(NAME_fchmod);
    regs(3, 0777, 0, 0);
    happens();
    expect(&world, "fs.path.name", "/srv/data");
    expect(&world, "fd.num", "3");
    start(NAME_chown);
    args.path[0] = STR("/c");
    regs(0, UINT32_MAX, 0, 0);
    happens();
    expect(&world, "evt.arg.uid", "4294967295");
    start(NAME_mknodat);
    args.path[0] = STR("/dev/x");
    regs(0, 0, 020600, 0x103);
    happens();
    expect(&world, "evt.arg.dev", "259");
    expect(&world, "evt.rawarg.dirfd", "-100");
}

static void generic_calls(void **data)
{
    (void)data;
    start(NAME_setxattr);
    args.nr = 188;
    args.path[0] = STR("/bin/x");
    file_is(0, "/bin/x");
    outcome.result = -EPERM;
    struct event *event = happens();
    expect(&world, "evt.type", "setxattr");
    expect(&world, "syscall.type", "setxattr");
    expect(&world, "evt.arg.ID", "setxattr");
    expect(&world, "evt.arg.nativeID", "188");
    assert_str(event->path, "/bin/x");
}

static void descriptors(void **data)
{
    (void)data;
    know_file(3, "/srv/data");
    start(NAME_dup2);
    regs(3, 0, 0, 0);
    happens();
    expect(&world, "fd.num", "0");
    expect(&world, "fd.name", "/srv/data");
    expect(&world, "evt.arg.oldfd", "<f>/srv/data");
    start(NAME_dup3);
    regs(3, 1, O_CLOEXEC, 0);
    outcome.result = 1;
    happens();
    expect(&world, "evt.arg.flags", "O_CLOEXEC");
    expect(&world, "proc.stdout.name", "/srv/data");
    start(NAME_fcntl);
    regs(3, F_DUPFD_CLOEXEC, 2, 0);
    outcome.result = 2;
    happens();
    expect(&world, "evt.arg.cmd", "F_DUPFD_CLOEXEC");
    expect(&world, "fd.num", "2");
    expect(&world, "proc.stderr.name", "/srv/data");
    start(NAME_dup);
    regs(3, 0, 0, 0);
    outcome.result = 12;
    happens();
    expect(&world, "fd.num", "12");
}

static void identities(void **data)
{
    (void)data;
    start(NAME_setuid);
    happens();
    expect(&world, "evt.arg.uid", "<NA>");
    expect(&world, "evt.rawarg.uid", "0");
    expect(&world, "user.uid", "0");
    start(NAME_setresuid);
    regs(UINT32_MAX, 1000, UINT32_MAX, 0);
    happens();
    expect(&world, "evt.arg.ruid", "<NONE>");
    expect(&world, "user.uid", "1000");
    expect(&world, "user.name", "me");
    start(NAME_setpgid);
    regs(0, (uint32_t)-1, 0, 0);
    happens();
    expect(&world, "evt.rawarg.pgid", "-1");
    start(NAME_setsid);
    outcome.result = TID;
    happens();
    expect(&world, "proc.sid", "200");
    start(NAME_chdir);
    args.path[0] = STR("../etc");
    file_is(0, "/etc");
    happens();
    expect(&world, "proc.cwd", "/etc/");
    expect(&world, "evt.arg.path", "../etc");
    start(NAME_unshare);
    regs(CLONE_NEWUSER | CLONE_NEWNS, 0, 0, 0);
    happens();
    expect(&world, "evt.arg.flags", "CLONE_NEWNS|CLONE_NEWUSER");
    start(NAME_setns);
    regs(3, CLONE_NEWNET, 0, 0);
    happens();
    expect(&world, "evt.arg.nstype", "CLONE_NEWNET");
    start(NAME_capset);
    static const uint32_t sets[6] = { 0x2, 0x3, 0x4, 0x1, 0, 0 };
    memcpy(args.bytes, sets, sizeof(sets));
    args.bytes_n = sizeof(sets);
    happens();
    expect(&world, "evt.rawarg.cap_effective", "4294967298");
    expect(&world, "evt.rawarg.cap_permitted", "3");
    expect(&world, "thread.cap_inheritable", "CAP_DAC_READ_SEARCH");
    start(NAME_prlimit);
    regs(0, 7, 1, 0);
    static const uint64_t limits[2] = { 64, UINT64_MAX };
    memcpy(args.bytes, limits, sizeof(limits));
    args.bytes_n = sizeof(limits);
    happens();
    expect(&world, "evt.arg.newcur", "64");
    expect(&world, "evt.arg.newmax", "-1");
    expect(&world, "evt.arg.resource", "RLIMIT_NOFILE");
    expect(&world, "proc.fdopencount", "0");
    start(NAME_prctl);
    args.reg[0] = 15;
    args.text[0] = STR("kworker");
    happens();
    expect(&world, "evt.arg.option", "PR_SET_NAME");
    expect(&world, "evt.arg.arg2_str", "kworker");
}

static void other_calls(void **data)
{
    (void)data;
    start(NAME_ptrace);
    regs(16, 100, 0, 0);
    happens();
    expect(&world, "evt.arg.request", "PTRACE_ATTACH");
    expect(&world, "evt.arg.pid", "bash");
    start(NAME_ptrace);
    regs(17, 100, 0, 9);
    happens();
    expect(&world, "evt.arg.data", "SIGKILL");
    start(NAME_ptrace);
    regs(5, 100, 0x1000, 0xcc);
    happens();
    expect(&world, "evt.arg.request", "PTRACE_POKEDATA");
    expect(&world, "evt.arg.addr", "1000");
    expect(&world, "evt.arg.data", "CC");
    start(NAME_kill);
    regs((uint32_t)-1, 9, 0, 0);
    happens();
    expect(&world, "evt.rawarg.pid", "-1");
    expect(&world, "evt.arg.sig", "SIGKILL");
    start(NAME_mount);
    args.text[0] = STR("/dev/sda1");
    args.path[0] = STR("/mnt");
    args.text[1] = STR("ext4");
    args.reg[3] = 0xc0ed0000u | 1 | 4096;
    happens();
    expect(&world, "evt.args", "res=0 dev=/dev/sda1 dir=/mnt type=ext4 flags=4097(RDONLY|BIND)");
    start(NAME_umount2);
    args.path[0] = STR("/mnt");
    args.reg[1] = 2;
    happens();
    expect(&world, "evt.arg.flags", "DETACH");
    know_file(4, "/tmp/lib.so");
    start(NAME_mmap);
    regs(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE);
    args.reg[4] = 4;
    outcome.result = 0x7f0000000000;
    happens();
    expect(&world, "evt.arg.prot", "PROT_READ|PROT_EXEC");
    expect(&world, "evt.arg.flags", "MAP_PRIVATE");
    expect(&world, "fd.name", "/tmp/lib.so");
    expect(&world, "proc.vmsize", "2"); /* what is not told is not changed */
    start(NAME_bpf);
    regs(5, 0, 0, 0);
    outcome.result = 20;
    happens();
    expect(&world, "evt.arg.cmd", "BPF_PROG_LOAD");
    expect(&world, "fd.type", "bpf");
    start(NAME_userfaultfd);
    regs(O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
    outcome.result = 21;
    happens();
    expect(&world, "evt.arg.flags", "O_NONBLOCK|O_CLOEXEC");
    start(NAME_io_uring_setup);
    static const uint32_t params[6] = { 8, 16, 2, 0, 0, 1 };
    memcpy(args.bytes, params, sizeof(params));
    args.bytes_n = sizeof(params);
    regs(8, 0, 0, 0);
    outcome.result = 22;
    happens();
    expect(&world, "evt.arg.flags", "IORING_SETUP_SQPOLL");
    expect(&world, "evt.arg.features", "IORING_FEAT_SINGLE_MMAP");
    start(NAME_finit_module);
    regs(4, 0, 1, 0);
    args.text[0] = STR("a=1");
    happens();
    expect(&world, "evt.arg.uargs", "a=1");
    expect(&world, "fd.name", "/tmp/lib.so");
    start(NAME_delete_module);
    args.text[0] = STR("snd");
    args.reg[1] = O_NONBLOCK;
    happens();
    expect(&world, "evt.arg.flags", "O_NONBLOCK");
}

static void put_in(struct sockaddr_storage *to, uint32_t *ret_n, const char *ip, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
    memcpy(to, &in, sizeof(in));
    *ret_n = sizeof(in);
}

static void put_in6(struct sockaddr_storage *to, uint32_t *ret_n, const char *ip, uint16_t port)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
    memcpy(to, &in6, sizeof(in6));
    *ret_n = sizeof(in6);
}

static void put_un(struct sockaddr_storage *to, uint32_t *ret_n, const char *path, size_t n)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    memcpy(un.sun_path, path, n);
    memcpy(to, &un, sizeof(un));
    *ret_n = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static void make_socket(int fd, int domain, int type)
{
    start(NAME_socket);
    regs((uint64_t)domain, (uint64_t)type, 0, 0);
    outcome.result = fd;
    happens();
}

static void start_connect(int fd)
{
    start(NAME_connect);
    args.reg[0] = (uint64_t)fd;
    outcome.socket = &facts;
}

static void connections(void **data)
{
    (void)data;
    make_socket(5, AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
    expect(&world, "fd.type", "ipv4");
    expect(&world, "fd.l4proto", "tcp");
    expect(&world, "evt.arg.domain", "AF_INET");
    start_connect(5);
    put_in(&args.address, &args.address_n, "93.184.216.34", 443);
    put_in(&facts.local, &facts.local_n, "10.0.0.9", 40000);
    happens();
    expect(&world, "fd.num", "5");
    expect(&world, "fd.name", "10.0.0.9:40000->93.184.216.34:443");
    expect(&world, "fd.sip", "93.184.216.34");
    expect(&world, "fd.cip", "10.0.0.9");
    expect(&world, "fd.rip", "93.184.216.34");
    expect(&world, "fd.sport", "443");
    expect(&world, "fd.l4proto", "tcp");
    expect(&world, "fd.connected", "true");
    expect(&world, "evt.arg.tuple", "10.0.0.9:40000->93.184.216.34:443");
    expect(&world, "evt.arg.addr", "93.184.216.34:443");

    make_socket(6, AF_INET, SOCK_STREAM);
    start_connect(6); /* in progress, and the source not known yet */
    put_in(&args.address, &args.address_n, "1.2.3.4", 80);
    outcome.result = -EINPROGRESS;
    happens();
    expect(&world, "evt.res", "EINPROGRESS");
    expect(&world, "fd.sip", "1.2.3.4");
    expect(&world, "fd.name", "0.0.0.0:0->1.2.3.4:80");

    make_socket(7, AF_INET6, SOCK_STREAM);
    start_connect(7);
    put_in6(&args.address, &args.address_n, "2001:db8::1", 80);
    put_in6(&facts.local, &facts.local_n, "::", 0);
    happens();
    expect(&world, "fd.sip", "2001:db8::1");
    expect(&world, "fd.type", "ipv6");

    make_socket(8, AF_INET6, SOCK_STREAM);
    start_connect(8);
    put_in6(&args.address, &args.address_n, "::ffff:9.8.7.6", 25);
    put_in6(&facts.local, &facts.local_n, "::", 0);
    happens();
    expect(&world, "fd.sip", "9.8.7.6");
    expect(&world, "fd.sport", "25");

    make_socket(9, AF_INET, SOCK_STREAM);
    start_connect(9);
    put_in(&args.address, &args.address_n, "5.6.7.8", 22);
    outcome.result = -ECONNREFUSED;
    happens();
    expect(&world, "fd.name", "0.0.0.0:0->5.6.7.8:22");
    start_connect(9);
    args.address.ss_family = AF_UNSPEC;
    args.address_n = 16;
    happens();
    expect(&world, "evt.arg.addr", "NULL");
}

static void unix_sockets(void **data)
{
    (void)data;
    make_socket(5, AF_UNIX, SOCK_STREAM);
    expect(&world, "fd.type", "unix");
    start_connect(5);
    put_un(&args.address, &args.address_n, "/var/run/docker.sock", 21);
    facts.ino = 0xabc;
    happens();
    expect(&world, "fd.name", "abc->0 /var/run/docker.sock");
    expect(&world, "evt.arg.addr", "/var/run/docker.sock");
    start_connect(5);
    put_un(&args.address, &args.address_n, "\0abstract", 9);
    happens();
    expect(&world, "evt.arg.addr", "abstract");
    start_connect(5);
    static char whole[108];
    memset(whole, 'p', sizeof(whole));
    put_un(&args.address, &args.address_n, whole, sizeof(whole));
    event_of_call(&args, &outcome, &made);
    assert_int_equal(event_param(&made.event, 3).n, 110);
    args.address_n = 2; /* unnamed */
    event_of_call(&args, &outcome, &made);
    assert_int_equal(event_param(&made.event, 3).n, 2);
    args.address_n = 1; /* not even a family */
    event_of_call(&args, &outcome, &made);
    assert_int_equal(event_param(&made.event, 3).n, 0);
}

static void servers(void **data)
{
    (void)data;
    make_socket(5, AF_INET, SOCK_STREAM);
    start(NAME_bind);
    args.reg[0] = 5;
    put_in(&args.address, &args.address_n, "0.0.0.0", 4444);
    happens();
    expect(&world, "fd.name", "0.0.0.0:4444");
    expect(&world, "fd.sport", "4444");
    expect(&world, "fd.is_server", "true");
    expect(&world, "evt.arg.addr", "0.0.0.0:4444");
    start(NAME_listen);
    regs(5, 128, 0, 0);
    happens();
    expect(&world, "evt.arg.backlog", "128");
    start(NAME_accept4);
    regs(5, 0, 0, SOCK_CLOEXEC);
    outcome.result = 6;
    outcome.socket = &facts;
    put_in(&facts.local, &facts.local_n, "10.0.0.9", 4444);
    put_in(&facts.peer, &facts.peer_n, "203.0.113.7", 50000);
    happens();
    expect(&world, "evt.type", "accept4");
    expect(&world, "fd.num", "6");
    expect(&world, "fd.name", "203.0.113.7:50000->10.0.0.9:4444");
    expect(&world, "fd.cip", "203.0.113.7");
    expect(&world, "fd.sport", "4444");
    expect(&world, "fd.is_server", "true");
    start(NAME_accept);
    regs(5, 0, 0, 0);
    outcome.result = 7;
    outcome.socket = &facts;
    put_in6(&facts.local, &facts.local_n, "::ffff:10.0.0.9", 4444);
    put_in6(&facts.peer, &facts.peer_n, "::ffff:203.0.113.8", 50001);
    happens();
    expect(&world, "evt.type", "accept");
    expect(&world, "fd.cip", "203.0.113.8");
    expect(&world, "fd.type", "ipv4");
    outcome.socket = NULL;
    happens();
    expect(&world, "evt.arg.tuple", "NULL");
}

static void datagrams(void **data)
{
    (void)data;
    make_socket(5, AF_INET, SOCK_DGRAM);
    expect(&world, "fd.l4proto", "udp");
    start(NAME_sendto);
    args.reg[0] = 5;
    args.reg[2] = 33;
    outcome.result = 33;
    outcome.socket = &facts;
    put_in(&args.address, &args.address_n, "8.8.8.8", 53);
    happens();
    expect(&world, "fd.sip", "8.8.8.8");
    expect(&world, "fd.sport", "53");
    expect(&world, "fd.l4proto", "udp");
    expect(&world, "evt.arg.size", "33");
    expect(&world, "fd.name_changed", "true");
    start(NAME_sendmsg);
    args.reg[0] = 5;
    args.send_size = 40;
    outcome.result = 40;
    outcome.socket = &facts;
    put_in(&args.address, &args.address_n, "8.8.4.4", 53);
    happens();
    expect(&world, "fd.sip", "8.8.4.4");
    expect(&world, "evt.arg.size", "40");
    start(NAME_sendmmsg);
    args.reg[0] = 5;
    outcome.result = 1;
    outcome.socket = &facts;
    put_in(&facts.peer, &facts.peer_n, "9.9.9.9", 53); /* connected: no address given */
    happens();
    expect(&world, "fd.sip", "9.9.9.9");
}

static struct live_task task_of(int64_t tid, int64_t ptid)
{
    return (struct live_task){
        .tid = tid,
        .pid = tid,
        .ptid = ptid,
        .vtid = tid,
        .vpid = tid,
        .sid = 50,
        .pgid = 60,
        .vpgid = 61,
        .tty = 34816,
        .uid = 5,
        .euid = 1000,
        .egid = 100,
        .loginuid = -1,
        .cap_inheritable = 0,
        .cap_permitted = 3,
        .cap_effective = 1,
        .fdlimit = 512,
        .vmsize_kb = 21,
        .vmrss_kb = 22,
        .vmswap_kb = 23,
        .pfmajor = 24,
        .pfminor = 25,
        .pidns_init_start_ns = T0 - 5,
        .exe_facts = { .exe_known = true,
                       .exe_ino = 99,
                       .exe_ino_ctime_ns = T0 - 7,
                       .exe_ino_mtime_ns = T0 - 8,
                       .exe_upper_layer = true,
                       .exe_writable = true },
        .comm = STR("nc"),
        .argv = str_from(ARGS("nc\0-e\0/bin/sh\0") - 1),
        .env = str_from(ARGS("A=b\0") - 1),
        .exepath = STR("/usr/bin/nc"),
        .cwd = STR("/srv"),
        .root = STR("/"),
        .cgroups = str_from(ARGS("cpu=/a\0") - 1),
    };
}

static void execs(void **data)
{
    (void)data;
    struct live_task task = task_of(TID, 100);
    start(NAME_execveat);
    args.path[0] = STR("nc");
    args.argv = str_from(ARGS("not-this\0") - 1);
    file_is(0, "/bin/nc");
    event_of_exec(&args, &outcome, &task, &made);
    assert_int_equal(made.event.nparams, 30);
    look(&world, &made.event);
    expect(&world, "evt.type", "execve"); /* as captures have it */
    expect(&world, "proc.name", "nc");
    expect(&world, "proc.exe", "nc");
    expect(&world, "proc.args", "-e /bin/sh");
    expect(&world, "proc.cmdline", "nc -e /bin/sh");
    expect(&world, "proc.exepath", "/usr/bin/nc");
    expect(&world, "proc.env[A]", "b");
    expect(&world, "proc.cwd", "/srv/");
    expect(&world, "proc.pname", "bash");
    expect(&world, "proc.tty", "34816");
    expect(&world, "user.loginuid", "-1");
    expect(&world, "user.uid", "1000");
    expect(&world, "group.gid", "100");
    expect(&world, "proc.pgid", "60");
    expect(&world, "proc.vpgid", "61");
    expect(&world, "proc.is_exe_upper_layer", "true");
    expect(&world, "proc.is_exe_writable", "true");
    expect(&world, "proc.is_exe_from_memfd", "false");
    expect(&world, "proc.exe_ino", "99");
    expect(&world, "thread.cap_effective", "CAP_CHOWN");
    expect(&world, "thread.cap_permitted", "CAP_CHOWN CAP_DAC_OVERRIDE");
    expect(&world, "proc.vmsize", "21");
    expect(&world, "proc.fdlimit", "512");
    expect(&world, "evt.arg.trusted_exepath", "/usr/bin/nc");
    expect(&world, "evt.arg.flags", "EXE_WRITABLE|EXE_UPPER_LAYER");
}

static void failed_execs(void **data)
{
    (void)data;
    struct live_task task = task_of(TID, 100);
    start(NAME_execveat);
    args.path[0] = STR("/bin/absent");
    args.argv = str_from(ARGS("absent\0now\0") - 1);
    args.env = str_from(ARGS("X=y\0") - 1);
    file_is(0, "/bin/absent");
    outcome.result = -ENOENT;
    event_of_exec(&args, &outcome, &task, &made);
    look(&world, &made.event);
    expect(&world, "evt.type", "execveat");
    expect(&world, "evt.res", "ENOENT");
    expect(&world, "evt.arg.exe", "absent");
    expect(&world, "evt.arg.args", "now.");
    expect(&world, "evt.arg.comm", "nc");
    expect(&world, "proc.name", "app");
    expect(&world, "evt.arg.trusted_exepath", "/bin/absent");

    /* What cannot be read of the new image comes from the call, and is not made up. */
    task.argv = task.env = task.exepath = (struct str){ 0 };
    task.exe_facts = (struct image){ 0 };
    outcome.result = 0;
    event_of_exec(&args, &outcome, &task, &made);
    look(&world, &made.event);
    expect(&world, "evt.type", "execve");
    expect(&world, "proc.exepath", "/bin/absent");
    expect(&world, "proc.args", "now");
    expect(&world, "proc.env[X]", "y");
    args.argv = (struct str){ 0 };
    event_of_exec(&args, &outcome, &task, &made);
    look(&world, &made.event);
    expect(&world, "evt.arg.exe", "<NA>");
}

static void exec_of_another_thread(void **data)
{
    (void)data;
    struct live_task task = task_of(TID, 100);
    start(NAME_execve);
    args.tid = 201; /* which is 200 from now on */
    event_of_exec(&args, &outcome, &task, &made);
    assert_int_equal(made.event.tid, TID);
    look(&world, &made.event);
    expect(&world, "thread.tid", "200");
    expect(&world, "proc.name", "nc");
}

static void huge_exec(void **data)
{
    (void)data;
    static char argv[ARGS_ARGV_MAX], env[ARGS_ENV_MAX];
    struct live_task task = task_of(TID, 100);
    memset(argv, 'a', sizeof(argv));
    memcpy(argv, "x", 2);
    argv[sizeof(argv) - 1] = '\0';
    memset(env, 'e', sizeof(env));
    env[1] = '=';
    env[sizeof(env) - 1] = '\0';
    task.argv = str_from(argv, sizeof(argv));
    task.env = str_from(env, sizeof(env));
    start(NAME_execve);
    event_of_exec(&args, &outcome, &task, &made);
    assert_false(made.overflow);
    assert_false(made.event.truncated);
    assert_int_equal(event_param(&made.event, 2).n, sizeof(argv) - 2);
    look(&world, &made.event);
    assert_int_equal(made.event.thread->image->args.n, sizeof(argv) - 2);
}

static void births(void **data)
{
    (void)data;
    struct live_task parent = task_of(TID, 100);
    struct live_task child = task_of(300, TID);
    parent.comm = child.comm = STR("app");
    start(NAME_clone);
    args.clone_flags = CLONE_VM | CLONE_NEWNS;
    outcome.result = 300;
    event_of_child(&args, &child, T0, &made);
    look(&world, &made.event);
    expect(&world, "evt.type", "clone");
    expect(&world, "evt.rawres", "0");
    expect(&world, "evt.arg.flags", "CLONE_NEWNS|CLONE_VM");
    expect(&world, "proc.pid", "300");
    expect(&world, "proc.ppid", "200");
    expect(&world, "proc.pname", "app");
    event_of_fork(&args, &outcome, &parent, &made);
    look(&world, &made.event);
    expect(&world, "evt.rawres", "300");
    expect(&world, "proc.pid", "200");

    child = task_of(301, TID);
    child.vtid = child.vpid = 2;
    start(NAME_vfork);
    args.clone_flags = CLONE_VFORK | CLONE_VM;
    event_of_child(&args, &child, T0, &made);
    look(&world, &made.event);
    expect(&world, "evt.type", "vfork");
    expect(&world, "proc.vpid", "2");
    expect(&world, "evt.rawarg.flags", "536870912");

    child = task_of(302, 100);
    child.pid = TID;
    start(NAME_clone3);
    args.clone_flags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
    event_of_child(&args, &child, T0, &made);
    look(&world, &made.event);
    expect(&world, "evt.type", "clone3");
    expect(&world, "proc.pid", "200");
    expect(&world, "thread.tid", "302");
    expect(&world, "thread.ismain", "false");
}

static void discovery_and_end(void **data)
{
    (void)data;
    struct live_task task = task_of(400, TID);
    event_of_discovery(&task, T0, &made);
    look(&world, &made.event);
    expect(&world, "evt.type", "clone");
    expect(&world, "proc.pid", "400");
    expect(&world, "proc.cmdline", "nc -e /bin/sh");
    expect(&world, "proc.aname[2]", "bash");
    event_of_exit(400, 3 << 8, 1, T0 + 1, &made);
    look(&world, &made.event);
    expect(&world, "evt.type", "procexit");
    expect(&world, "evt.rawarg.status", "768");
    expect(&world, "evt.rawarg.ret", "3");
    expect(&world, "evt.rawarg.sig", "0");
    expect(&world, "evt.rawarg.reaper_tid", "1");
    expect(&world, "proc.name", "nc");
    event_of_exit(TID, SIGSEGV | 0x80, -1, T0 + 2, &made);
    look(&world, &made.event);
    expect(&world, "evt.arg.sig", "SIGSEGV");
    expect(&world, "evt.rawarg.core", "1");
    event_of_exit(TID, -1, -1, T0 + 2, &made);
    assert_int_equal(event_i64(&made.event, 0, 0), -1);
    assert_int_equal(event_i64(&made.event, 1, 0), -1);
}

/* The same story, as events; `put` takes each. */
static void story(void (*put)(struct event *event, void *data), void *data)
{
    struct live_task task = task_of(TID, 100);
    start(NAME_openat);
    args.path[0] = STR("../etc/shadow");
    args.open_flags = O_RDWR;
    outcome.result = 5;
    file_is(0, "/etc/shadow");
    event_of_call(&args, &outcome, &made);
    put(&made.event, data);
    start(NAME_socket);
    regs(AF_INET, SOCK_STREAM, 0, 0);
    outcome.result = 6;
    event_of_call(&args, &outcome, &made);
    put(&made.event, data);
    start_connect(6);
    put_in(&args.address, &args.address_n, "93.184.216.34", 443);
    put_in(&facts.local, &facts.local_n, "10.0.0.9", 40000);
    event_of_call(&args, &outcome, &made);
    put(&made.event, data);
    start(NAME_dup2);
    regs(6, 0, 0, 0);
    event_of_call(&args, &outcome, &made);
    put(&made.event, data);
    start(NAME_mmap);
    regs(0, 4096, PROT_EXEC, MAP_PRIVATE);
    args.reg[4] = 5;
    event_of_call(&args, &outcome, &made);
    put(&made.event, data);
    start(NAME_setxattr);
    event_of_call(&args, &outcome, &made);
    put(&made.event, data);
    start(NAME_unlinkat);
    args.path[0] = STR("/tmp/x");
    outcome.result = -ENOENT;
    event_of_call(&args, &outcome, &made);
    put(&made.event, data);
    start(NAME_execve);
    event_of_exec(&args, &outcome, &task, &made);
    put(&made.event, data);
    event_of_exit(TID, 256, 1, T0, &made);
    put(&made.event, data);
}

static const char *const compared[] = {
    "evt.type",     "evt.rawres",    "fd.num",       "fd.name",      "fd.typechar",
    "fd.sip",       "fd.sport",      "fd.l4proto",   "proc.name",    "proc.exepath",
    "proc.cmdline", "proc.pname",    "user.uid",     "evt.arg.path", "evt.is_open_write",
    "evt.arg.prot", "evt.arg.flags", "container.id", "proc.vmsize",  "proc.tty",
};

#define COMPARED  ARRAY_SIZE(compared)
#define STORY_MAX 16

struct answers {
    unsigned n;
    char text[STORY_MAX][COMPARED][256];
};

static void note(struct world *from, struct answers *answers)
{
    assert_true(answers->n < STORY_MAX);
    for (size_t i = 0; i < COMPARED; i++) {
        struct field_ref ref = ref_of(compared[i]);
        struct extracted value;
        struct buf buf;
        char *to = answers->text[answers->n][i];
        field_extract(&ref, &from->view, &value);
        buf_init_fixed(&buf, to, 255);
        field_text(&ref, &value, &buf);
        to[buf.n] = '\0';
    }
    answers->n++;
}

struct telling {
    struct answers *answers;
    struct capture_writer *writer;
};

static void tell(struct event *event, void *data)
{
    struct telling *telling = data;
    struct err err = { 0 };
    look(&world, event);
    note(&world, telling->answers);
    assert_int_equal(capture_write_event(telling->writer, event, &err), 0);
}

static void read_back(const char *path, struct answers *answers)
{
    struct state *state;
    struct sensor *sensor;
    struct event *event;
    struct err err = { 0 };
    assert_int_equal(state_new(NULL, &state), 0);
    assert_int_equal(replay_open(path, state, &sensor, &err), 0);
    struct world copy = { .state = state, .view = { .state = state, .source = STR("syscall") } };
    assert_int_equal(scratch_init(&copy.view.scratch), 0);
    while (sensor_next(sensor, &event, &err) == 1) {
        look(&copy, event);
        bool is_story = kind_is_exit(event->kind) || event->kind == KIND_PROCEXIT_1_E;
        if (is_story && event->tid == TID) {
            note(&copy, answers);
        }
        state_settle(state, event);
        copy.view.event = NULL;
    }
    sensor_close(sensor);
    scratch_done(&copy.view.scratch);
    state_free(state);
}

/* The table of the captures we write has one dup, and mmap's arguments in its enter event. */
static bool older(const char *type, size_t field)
{
    const char *name = compared[field];
    return (strcmp(type, "dup2") == 0 && strcmp(name, "evt.type") == 0) ||
           (strcmp(type, "mmap") == 0 && strncmp(name, "evt.arg.", 8) == 0);
}

static void captures_say_the_same(void **data)
{
    (void)data;
    static struct answers live, replayed;
    struct telling telling = { .answers = &live };
    struct err err = { 0 };
    char path[] = "/tmp/hinomi-events-XXXXXX";
    int fd CLEANUP(cleanup_close) = mkstemp(path);
    live.n = replayed.n = 0;
    assert_true(fd >= 0);
    assert_int_equal(capture_writer_new(fd, 0, &telling.writer, &err), 0);
    assert_int_equal(capture_write_state(telling.writer, world.state, &err), 0);
    story(tell, &telling);
    assert_int_equal(capture_writer_finish(telling.writer, &err), 0);
    capture_writer_free(telling.writer);
    read_back(path, &replayed);
    unlink(path);
    assert_int_equal(replayed.n, live.n);
    for (unsigned e = 0; e < live.n; e++) {
        for (size_t i = 0; i < COMPARED; i++) {
            if (strcmp(live.text[e][i], replayed.text[e][i]) != 0 && !older(live.text[e][0], i)) {
                fail_msg("event %u (%s), %s: \"%s\", replayed \"%s\"", e, live.text[e][0],
                         compared[i], live.text[e][i], replayed.text[e][i]);
            }
        }
    }
}

/* Its output. */
static FILE *run_sysdig(const char *path, pid_t *ret_child)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    *ret_child = fork();
    if (*ret_child == 0) {
        dup2(ends[1], 1);
        execl("/usr/bin/sysdig", "sysdig", "-r", path, "-p", "*%evt.type %fd.name %proc.name",
              "evt.dir=<", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    return fdopen(ends[0], "re");
}

/* Debian's sysdig reads it too. */
static void sysdig_opens_it(void **data)
{
    (void)data;
    static struct answers live;
    struct telling telling = { .answers = &live };
    struct err err = { 0 };
    if (access("/usr/bin/sysdig", X_OK) < 0) {
        print_message("skipped: sysdig is not installed\n");
        skip();
    }
    char path[] = "/tmp/hinomi-events-XXXXXX";
    int fd CLEANUP(cleanup_close) = mkstemp(path);
    live.n = 0;
    assert_int_equal(capture_writer_new(fd, 0, &telling.writer, &err), 0);
    assert_int_equal(capture_write_state(telling.writer, world.state, &err), 0);
    story(tell, &telling);
    assert_int_equal(capture_writer_finish(telling.writer, &err), 0);
    capture_writer_free(telling.writer);
    char line[1024];
    bool seen_open = false, seen_connect = false, seen_exec = false;
    pid_t child;
    FILE *out CLEANUP(cleanup_fclose) = run_sysdig(path, &child);
    while (out && fgets(line, sizeof(line), out)) {
        seen_open |= strstr(line, "openat /etc/shadow app") != NULL;
        seen_connect |= strstr(line, "connect 10.0.0.9:40000->93.184.216.34:443 app") != NULL;
        seen_exec |= strstr(line, "execve") && strstr(line, " nc");
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    unlink(path);
    assert_true(seen_open);
    assert_true(seen_connect);
    assert_true(seen_exec);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(layouts),
        TEST(opens),
        TEST(other_opens),
        TEST(failed_opens),
        TEST(names),
        TEST(generic_calls),
        TEST(descriptors),
        TEST(identities),
        TEST(other_calls),
        TEST(connections),
        TEST(unix_sockets),
        TEST(servers),
        TEST(datagrams),
        TEST(execs),
        TEST(failed_execs),
        TEST(exec_of_another_thread),
        TEST(huge_exec),
        TEST(births),
        TEST(discovery_and_end),
        TEST(captures_say_the_same),
        TEST(sysdig_opens_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
