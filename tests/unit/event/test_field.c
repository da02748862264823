/*
 * Fields: every one is asked for in a little world of processes, descriptors and a container.
 */
#include "field_fixture.h"

#include <errno.h>
#include <time.h>

static void test_event(void **unused)
{
    (void)unused;
    struct world w = world_new();
    struct event *e = look_open(&w, 200, 3, "etc/../data");
    e->cpu = 2;
    e->num = 42;
    e->delta_ns = 1000000005;
    e->enter_ts_ns = e->ts_ns - 3951;
    e->via = VIA_IO_URING;
    expect(&w, "evt.num", "42");
    expect(&w, "evt.cpu", "2");
    expect(&w, "evt.dir", "<");
    expect(&w, "evt.type", "open");
    expect(&w, "syscall.type", "open");
    expect(&w, "evt.type.is.open", "1");
    expect(&w, "evt.type.is[2]", "0");
    expect(&w, "evt.type.is[3]", "1");
    expect(&w, "evt.category", "file");
    expect(&w, "evt.res", "SUCCESS");
    expect(&w, "evt.rawres", "3");
    expect(&w, "evt.failed", "false");
    expect(&w, "evt.count", "1");
    expect(&w, "evt.count.error", "0");
    expect(&w, "evt.count.error.file", "0");
    expect(&w, "evt.count.error.net", NULL);
    expect(&w, "evt.count.error.memory", NULL);
    expect(&w, "evt.count.error.other", NULL);
    expect(&w, "evt.count.exit", "1");
    expect(&w, "evt.count.procinfo", "0");
    expect(&w, "evt.count.threadinfo", "0");
    expect(&w, "evt.is_open_read", "true");
    expect(&w, "evt.is_open_write", "false");
    expect(&w, "evt.is_open_create", "true");
    expect(&w, "evt.is_open_exec", "true");
    expect(&w, "evt.is_io", "false");
    expect(&w, "evt.is_io_read", "false");
    expect(&w, "evt.is_io_write", "false");
    expect(&w, "evt.is_wait", "false");
    expect(&w, "evt.io_dir", NULL);
    expect(&w, "evt.is_syslog", "false");
    expect(&w, "evt.wait_latency", NULL);
    expect(&w, "evt.latency", "3951");
    expect(&w, "evt.latency.s", "0");
    expect(&w, "evt.latency.ns", "000003951");
    expect(&w, "evt.latency.human", "3.95us");
    expect(&w, "evt.latency.quantized", "24");
    expect(&w, "evt.deltatime", "1000000005");
    expect(&w, "evt.deltatime.s", "1");
    expect(&w, "evt.deltatime.ns", "000000005");
    expect(&w, "evt.arg.name", "/srv/data");
    expect(&w, "evt.arg[0]", "<f>/srv/data");
    expect(&w, "evt.arg.size", NULL);
    expect(&w, "evt.rawarg.fd", "3");
    expect(&w, "evt.rawarg.name", "etc/../data");
    expect(&w, "evt.rawarg.size", NULL);
    expect(&w, "evt.abspath", NULL);
    expect(&w, "evt.buffer", NULL);
    expect(&w, "evt.source", "syscall");
    expect(&w, "evt.hostname", "tower");
    expect(&w, "evt.is_async", "false");
    expect(&w, "evt.asynctype", NULL);
    expect(&w, "evt.via", "io_uring");
    expect(&w, "evt.outcome", "succeeded");
    expect(&w, "evt.exact", "true");
    expect(&w, "evt.truncated", "false");
    expect(&w, "evt.around[1600000000000500000]", "1");
    expect(&w, "evt.pluginname", NULL);
    expect(&w, "evt.plugininfo", NULL);
    expect(&w, "util.cnt", NULL);
    world_free(&w);
}

static void test_clock(void **unused)
{
    (void)unused;
    struct world w = world_new();
    struct event *e = look_open(&w, 200, 3, "/a");
    setenv("TZ", "UTC", 1);
    tzset();
    e->ts_ns = T0 + 7;
    for (int round = 0; round < 2; round++) {
        expect(&w, "evt.time", "12:26:40.000000007");
        expect(&w, "evt.time.s", "12:26:40");
        expect(&w, "evt.outputtime", "12:26:40.000000007");
        expect(&w, "evt.datetime", "2020-09-13 12:26:40.000000007");
        expect(&w, "evt.datetime.s", "2020-09-13 12:26:40");
    }
    expect(&w, "evt.time.iso8601", "2020-09-13T12:26:40.000000007+0000");
    expect(&w, "evt.rawtime", "1600000000000000007");
    expect(&w, "evt.rawtime.s", "1600000000");
    expect(&w, "evt.rawtime.ns", "000000007");
    expect(&w, "evt.reltime", "1500000007");
    expect(&w, "evt.reltime.s", "1");
    expect(&w, "evt.reltime.ns", "500000007");
    expect_json(&w, "evt.time", "1600000000000000007");
    expect_json(&w, "evt.datetime.s", "1600000000000000007");
    expect_json(&w, "evt.rawtime.ns", "7");
    expect_json(&w, "evt.rawres", "3");
    expect_json(&w, "evt.failed", "false");
    expect_json(&w, "evt.res", "\"SUCCESS\"");
    expect_json(&w, "fd.sip", "null");
    expect_json(&w, "proc.aname", "[\"bash\",\"sshd\",\"init\"]");
    expect_json(&w, "proc.fdusage", "10");
    world_free(&w);
}

static void test_file(void **unused)
{
    (void)unused;
    struct world w = world_new();
    look_open(&w, 200, 3, "data//x");
    expect(&w, "fd.num", "3");
    expect(&w, "fd.type", "file");
    expect(&w, "fd.typechar", "f");
    expect(&w, "fd.name", "/srv/data/x");
    expect(&w, "fd.nameraw", "data/x");
    expect(&w, "fd.directory", "/srv/data");
    expect(&w, "fd.filename", "x");
    expect(&w, "fd.containername", "3ad7b26ded6d:/srv/data/x");
    expect(&w, "fd.containerdirectory", "3ad7b26ded6d:/srv/data");
    expect(&w, "fd.uid", "2003");
    expect(&w, "fd.dev", "2049");
    expect(&w, "fd.dev.major", "8");
    expect(&w, "fd.dev.minor", "1");
    expect(&w, "fd.ino", "77");
    expect(&w, "fd.is_upper_layer", "false");
    expect(&w, "fd.is_lower_layer", "false");
    expect(&w, "fd.connected", "false");
    expect(&w, "fd.is_server", "false");
    expect(&w, "fd.l4proto", "<NA>");
    expect(&w, "fd.sockfamily", NULL);
    expect(&w, "fd.types", "(file)");
    expect(&w, "fd.types[3]", "file");
    expect(&w, "fd.types[4]", NULL);
    expect(&w, "fd.ip", NULL);
    expect(&w, "fs.path.name", "/srv/data/x");
    expect(&w, "fs.path.nameraw", "data//x");
    expect(&w, "fs.path.source", NULL);
    expect(&w, "proc.fdopencount", "1");
    expect(&w, "proc.stdin.type", NULL);
    look_open(&w, 200, -2, "gone/x");
    expect(&w, "fd.name", "/srv/gone/x");
    expect(&w, "fd.nameraw", "gone/x");
    expect(&w, "fd.directory", "/srv/gone");
    expect(&w, "fd.filename", NULL);
    expect(&w, "fd.typechar", "f");
    expect(&w, "fd.type", NULL);
    expect(&w, "evt.res", "ENOENT");
    expect(&w, "evt.outcome", "failed");
    expect(&w, "evt.count.error.file", "1");
    look_open(&w, 200, 0, "/in");
    look_open(&w, 200, 1, "/out");
    look_open(&w, 200, 2, "/err");
    expect(&w, "proc.stdin.type", "file");
    expect(&w, "proc.stdin.name", "/in");
    expect(&w, "proc.stdout.type", "file");
    expect(&w, "proc.stdout.name", "/out");
    expect(&w, "proc.stderr.type", "file");
    expect(&w, "proc.stderr.name", "/err");
    world_free(&w);
}

/* One path stands for four fields, or none does. */
static void test_path_form(void **unused)
{
    (void)unused;
    static const struct {
        const char *path;
        int64_t fd;
        bool is;
        enum path_form form;
    } cases[] = {
        { "/a/b", 3, true, PATH_OF_FILE },     { "/", 3, true, PATH_OF_FILE },
        { "/a/b", -2, true, PATH_NOT_OPENED }, { "/a//b", 3, false, PATH_OF_FILE },
        { "b", 3, false, PATH_OF_FILE },       { "/a/../b", -2, false, PATH_OF_FILE },
    };
    struct world w = world_new();
    struct str path;
    enum path_form form;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        look_open(&w, 200, cases[i].fd, cases[i].path);
        assert_int_equal(field_path_form(&w.view, &path, &form), cases[i].is);
        if (cases[i].is) {
            assert_true(str_eqz(path, cases[i].path));
            assert_int_equal(form, cases[i].form);
        }
    }
    struct event *event = look_open(&w, 200, -2, "/a");
    event->path = STR("/truth");
    assert_false(field_path_form(&w.view, &path, &form));
    event->path = (struct str){ 0 };
    assert_true(field_path_form(&w.view, &path, &form));
    event->thread = NULL;
    assert_false(field_path_form(&w.view, &path, &form));
    world_free(&w);
}

static void test_io(void **unused)
{
    (void)unused;
    struct world w = world_new();
    look_open(&w, 200, 3, "/dev/log");
    look(&w, make_event(KIND_WRITE_X, 200, T0, "qBqw", 5L, "a\0b\"\n", (size_t)5, 3L, 5));
    expect(&w, "evt.buffer", "a.b\".");
    expect_json(&w, "evt.buffer", "\"a.b\\\".\"");
    expect(&w, "evt.buflen", "5");
    expect(&w, "evt.buflen.out", "5");
    expect(&w, "evt.buflen.in", NULL);
    expect(&w, "evt.buflen.file", "5");
    expect(&w, "evt.buflen.file.out", "5");
    expect(&w, "evt.buflen.file.in", NULL);
    expect(&w, "evt.buflen.net", NULL);
    expect(&w, "evt.buflen.net.in", NULL);
    expect(&w, "evt.buflen.net.out", NULL);
    expect(&w, "evt.is_io", "true");
    expect(&w, "evt.is_io_write", "true");
    expect(&w, "evt.io_dir", "write");
    expect(&w, "evt.is_syslog", "true");
    expect(&w, "evt.category", "file");
    expect(&w, "evt.args", "res=5 data=a.b\". fd=3(<f>/dev/log) size=5");
    expect(&w, "evt.info", "res=5 data=a.b\". fd=3(<f>/dev/log) size=5");
    world_free(&w);
}

static void connect_to(struct world *w, const char *server, unsigned port)
{
    look(w, make_event(KIND_SOCKET_X, 200, T0, "qwww", 5L, 2, 1, 6));
    look(w, make_event(KIND_CONNECT_E, 200, T0, "qA", 5L, server, port));
    look(w, make_event(KIND_CONNECT_X, 200, T0, "qTqA", 0L, "10.0.0.2", 4242, server, port, 5L,
                       server, port));
}

static struct str name_of(void *data, const struct ip *ip)
{
    return ip->bytes[3] == 8 ? str_of(data) : STR("");
}

static void test_network(void **unused)
{
    (void)unused;
    struct world w = world_new();
    connect_to(&w, "10.0.0.8", 443);
    expect(&w, "fd.name", "10.0.0.2:4242->10.0.0.8:443");
    expect(&w, "fd.type", "ipv4");
    expect(&w, "fd.typechar", "4");
    expect(&w, "fd.sockfamily", "ip");
    expect(&w, "fd.l4proto", "tcp");
    expect(&w, "fd.connected", "true");
    expect(&w, "fd.name_changed", "true");
    expect(&w, "fd.is_server", "false");
    expect(&w, "fd.ip", "(10.0.0.2,10.0.0.8)");
    expect(&w, "fd.net", "(10.0.0.2,10.0.0.8)");
    expect(&w, "fd.port", "(4242,443)");
    expect(&w, "fd.proto", "(4242,443)");
    static const char *const sides[][5] = {
        { "fd.cip", "fd.cnet", "fd.cport", "fd.cproto", "fd.cip.name" },
        { "fd.sip", "fd.snet", "fd.sport", "fd.sproto", "fd.sip.name" },
        { "fd.lip", "fd.lnet", "fd.lport", "fd.lproto", "fd.lip.name" },
        { "fd.rip", "fd.rnet", "fd.rport", "fd.rproto", "fd.rip.name" },
    };
    static char host[] = "example.org";
    for (int i = 0; i < 4; i++) {
        bool server = i & 1;
        expect(&w, sides[i][0], server ? "10.0.0.8" : "10.0.0.2");
        expect(&w, sides[i][1], server ? "10.0.0.8" : "10.0.0.2");
        expect(&w, sides[i][2], server ? "443" : "4242");
        expect(&w, sides[i][3], server ? "443" : "4242");
        w.view.name_of = NULL;
        expect(&w, sides[i][4], NULL);
        w.view.name_of = name_of;
        w.view.name_data = host;
        expect(&w, sides[i][4], server ? "example.org" : NULL);
    }
    expect_json(&w, "fd.sport", "443");
    expect_json(&w, "fd.sip", "\"10.0.0.8\"");
    static const uint8_t fds[] = {
        2, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0
    };
    look(&w, make_event(KIND_POLL_X, 200, T0, "qB", 1L, fds, sizeof(fds)));
    expect(&w, "fdlist.nums", "5,9");
    expect(&w, "fdlist.names", "10.0.0.2:4242->10.0.0.8:443,<NA>");
    expect(&w, "fdlist.cips", "10.0.0.2");
    expect(&w, "fdlist.sips", "10.0.0.8");
    expect(&w, "fdlist.cports", "4242");
    expect(&w, "fdlist.sports", "443");
    expect(&w, "evt.is_wait", "true");
    look(&w, make_event(KIND_POLL_X, 200, T0, "qB", 1L, fds, sizeof(fds) - 1));
    expect(&w, "fdlist.nums", "5");
    look(&w, make_event(KIND_POLL_X, 200, T0, "qB", 1L, fds, (size_t)1));
    expect(&w, "fdlist.nums", NULL);
    world_free(&w);
}

static void test_paths(void **unused)
{
    (void)unused;
    struct world w = world_new();
    look(&w, make_event(KIND_RENAME_X, 200, T0, "qss", 0L, "a", "/b"));
    expect(&w, "fs.path.source", "/srv/a");
    expect(&w, "fs.path.sourceraw", "a");
    expect(&w, "fs.path.target", "/b");
    expect(&w, "fs.path.targetraw", "/b");
    expect(&w, "fs.path.name", NULL);
    look(&w, make_event(KIND_RENAME_X, 200, T0, "qss", -2L, "a", "/b"));
    expect(&w, "fs.path.source", NULL);
    look(&w, make_event(KIND_LINK_2_X, 200, T0, "qss", 0L, "old", "new"));
    expect(&w, "fs.path.source", "/srv/new");
    expect(&w, "fs.path.target", "/srv/old");
    look(&w, make_event(KIND_SYMLINK_X, 200, T0, "qss", 0L, "to", "at"));
    expect(&w, "fs.path.sourceraw", "at");
    expect(&w, "fs.path.targetraw", "to");
    look(&w, make_event(KIND_OPEN_X, 200, T0, "qswwwq", 6L, "/d", 1 << 10, 0, 0, 1L));
    look(&w, make_event(KIND_RENAMEAT2_X, 200, T0, "qqsqsw", 0L, 6L, "x", -100L, "y", 0));
    expect(&w, "fs.path.source", "/d/x");
    expect(&w, "evt.abspath", "/d/x");
    expect(&w, "evt.abspath.src", "/d/x");
    expect(&w, "evt.abspath.dst", "/srv/y");
    look(&w, make_event(KIND_LINKAT_2_X, 200, T0, "qqsqsw", 0L, 6L, "x", -100L, "y", 0));
    expect(&w, "evt.abspath[src]", "/d/x");
    expect(&w, "evt.abspath[dst]", "/srv/y");
    struct event *e = look(&w, make_event(KIND_UNLINKAT_2_X, 200, T0, "qqsw", 0L, 99L, "x", 0));
    expect(&w, "fs.path.name", "<UNKNOWN>/x");
    e->path = STR("/truth");
    expect(&w, "fs.path.name", "/truth");
    expect(&w, "fs.path.nameraw", "x");
    world_free(&w);
}

static void test_process(void **unused)
{
    (void)unused;
    struct world w = world_new();
    look_open(&w, 200, 3, "/a");
    static const char *const rows[][2] = {
        { "proc.exe", "./app" },
        { "proc.exepath", "/srv/app" },
        { "proc.name", "app" },
        { "proc.args", "-v two words" },
        { "proc.args[1]", "two words" },
        { "proc.args[2]", NULL },
        { "proc.cmdline", "app -v two words" },
        { "proc.exeline", "./app -v two words" },
        { "proc.cmdnargs", "2" },
        { "proc.cmdlenargs", "11" },
        { "proc.env", "HOME=/root A= b  E=" },
        { "proc.env[HOME]", "/root" },
        { "proc.env[A]", "b" },
        { "proc.env[E]", "" },
        { "proc.env[HOM]", "" },
        { "proc.cwd", "/srv/" },
        { "proc.tty", "34816" },
        { "proc.pid", "200" },
        { "proc.vpid", "7" },
        { "proc.sid", "50" },
        { "proc.vpgid", "7" },
        { "proc.pgid", "200" },
        { "proc.ppid", "100" },
        { "proc.pvpid", "100" },
        { "proc.pname", "bash" },
        { "proc.pexe", "bash" },
        { "proc.pexepath", "bash" },
        { "proc.pcmdline", "bash x" },
        { "proc.aname", "(bash,sshd,init)" },
        { "proc.aname[0]", "app" },
        { "proc.aname[2]", "sshd" },
        { "proc.aname[4]", NULL },
        { "proc.aname[2147483647]", NULL },
        { "proc.aexe[1]", "bash" },
        { "proc.aexepath[3]", "init" },
        { "proc.aargs[1]", "x" },
        { "proc.acmdline[2]", "sshd x" },
        { "proc.apid", "(100,50,1)" },
        { "proc.apid[1]", "100" },
        { "proc.aenv[0]", "HOME=/root A= b  E=" },
        { "proc.aenv[HOME]", "" },
        { "proc.loginshellid", "100" },
        { "proc.sname", "app" },
        { "proc.sid.exe", "./app" },
        { "proc.sid.exepath", "/srv/app" },
        { "proc.vpgid.name", "app" },
        { "proc.vpgid.exe", "./app" },
        { "proc.vpgid.exepath", "/srv/app" },
        { "proc.pgid.name", "app" },
        { "proc.pgid.exe", "./app" },
        { "proc.pgid.exepath", "/srv/app" },
        { "proc.duration", "5" },
        { "proc.ppid.duration", NULL },
        { "proc.pid.ts", "1599999999999999995" },
        { "proc.ppid.ts", NULL },
        { "proc.is_exe_writable", "true" },
        { "proc.is_exe_upper_layer", "true" },
        { "proc.is_exe_lower_layer", "false" },
        { "proc.is_exe_from_memfd", "false" },
        { "proc.is_sid_leader", "false" },
        { "proc.is_vpgid_leader", "true" },
        { "proc.is_pgid_leader", "true" },
        { "proc.exe_ino", "9" },
        { "proc.exe_ino.ctime", "1599999999999999950" },
        { "proc.exe_ino.mtime", "1599999999999999940" },
        { "proc.exe_ino.ctime_duration_proc_start", "45" },
        { "proc.exe_ino.ctime_duration_pidns_start", "50" },
        { "proc.pidns_init_start_ts", "1599999999999999900" },
        { "proc.exe.sha256", NULL },
        { "thread.cap_permitted", "CAP_CHOWN CAP_DAC_OVERRIDE" },
        { "thread.cap_effective", "CAP_SYS_ADMIN" },
        { "thread.cap_inheritable", "" },
        { "proc.fdopencount", "1" },
        { "proc.fdlimit", "10" },
        { "proc.fdusage", "10.0" },
        { "proc.vmsize", "2" },
        { "proc.vmrss", "3" },
        { "proc.vmswap", "4" },
        { "thread.vmsize", "2" },
        { "thread.vmrss", "3" },
        { "thread.vmsize.b", "2048" },
        { "thread.vmrss.b", "3072" },
        { "thread.pfmajor", "5" },
        { "thread.pfminor", "6" },
        { "thread.tid", "200" },
        { "thread.vtid", "7" },
        { "thread.ismain", "true" },
        { "thread.nametid", "app200" },
        { "thread.exectime", "0" },
        { "thread.totexectime", "0" },
        { "thread.cgroup.memory", "/m" },
        { "thread.cgroup.none", NULL },
        { "thread.cgroups", "cpu=/docker/"
                            "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e "
                            "memory=/m" },
        { "proc.nthreads", "1" },
        { "proc.nchilds", "0" },
        { "thread.cpu", NULL },
        { "thread.cpu.user", NULL },
        { "thread.cpu.system", NULL },
        { "user.uid", "1000" },
        { "user.name", "me" },
        { "user.homedir", "/home/me" },
        { "user.shell", "/bin/sh" },
        { "user.loginuid", "1000" },
        { "user.loginname", "me" },
        { "group.gid", "100" },
        { "group.name", "staff" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect(&w, rows[i][0], rows[i][1]);
    }
    look(&w, make_event(KIND_PROCINFO_E, 200, T0, "qq", 3L, 4L));
    expect(&w, "thread.cpu", "7.0");
    expect(&w, "thread.cpu.user", "3.0");
    expect(&w, "thread.cpu.system", "4.0");
    expect(&w, "evt.count.procinfo", "1");
    world_free(&w);
}

static void test_host(void **unused)
{
    (void)unused;
    struct world w = world_new();
    look_open(&w, 100, 3, "/a");
    expect(&w, "container.id", "host");
    expect(&w, "container.name", "host");
    expect(&w, "container.type", "host");
    expect(&w, "container.image", "");
    expect(&w, "container.privileged", "false");
    expect(&w, "container.mounts", "");
    expect(&w, "container.healthcheck", NULL);
    expect(&w, "container.start_ts", NULL);
    expect(&w, "k8s.pod.name", NULL);
    expect(&w, "ecs.cluster", NULL);
    expect(&w, "fd.containername", ":/a");
    expect(&w, "user.uid", "0");
    expect(&w, "user.name", "root");
    expect(&w, "user.shell", "<NA>");
    expect(&w, "group.name", "root");
    expect(&w, "user.loginuid", "-1");
    expect(&w, "user.loginname", "<NA>");
    expect(&w, "proc.sname", "init");
    world_free(&w);
}

static void test_container(void **unused)
{
    (void)unused;
    struct world w = world_new();
    look_open(&w, 200, 3, "/a");
    static const char *const rows[][2] = {
        { "container.id", "3ad7b26ded6d" },
        { "container.full_id", "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e" },
        { "container.name", "web" },
        { "container.image", "nginx:1" },
        { "container.image.id", "6f7e" },
        { "container.image.repository", "nginx" },
        { "container.image.tag", "1" },
        { "container.image.digest", "sha256:d" },
        { "container.type", "docker" },
        { "container.privileged", "true" },
        { "container.host_pid", "false" },
        { "container.host_network", "false" },
        { "container.host_ipc", "false" },
        { "container.ip", "10.0.0.9" },
        { "container.cni.json", "{\"a\":1}" },
        { "container.mounts",
          "/host/proc:/proc:ro:false:rprivate,/var/run/docker.sock:/run/d::true:" },
        { "container.mount[0]", "/host/proc:/proc:ro:false:rprivate" },
        { "container.mount[2]", NULL },
        { "container.mount[/var/run/*]", "/var/run/docker.sock:/run/d::true:" },
        { "container.mount.dest[/host/pro?]", "/proc" },
        { "container.mount.dest[/pro*]", NULL },
        { "container.mount.source[/proc*]", "/host/proc" },
        { "container.mount.mode[0]", "ro" },
        { "container.mount.rdwr[/var*]", "true" },
        { "container.mount.propagation[0]", "rprivate" },
        { "container.healthcheck", "./app -v two words" },
        { "container.liveness_probe", "NONE" },
        { "container.readiness_probe", "NONE" },
        { "proc.is_container_healthcheck", "true" },
        { "proc.is_container_liveness_probe", "false" },
        { "proc.is_container_readiness_probe", "false" },
        { "container.start_ts", "1599999999999999900" },
        { "container.duration", "100" },
        { "container.label.app", "web" },
        { "container.label[app]", "web" },
        { "container.label.none", NULL },
        { "container.labels", "app:web, empty" },
        { "k8s.pod.name", "pod-1" },
        { "k8s.ns.name", "prod" },
        { "k8s.pod.id", "u-1" },
        { "k8s.pod.uid", "u-1" },
        { "k8s.pod.sandbox_id", "63060edc2d3a" },
        { "k8s.pod.full_sandbox_id", "63060edc2d3aa803" },
        { "k8s.pod.label[app]", "web" },
        { "k8s.pod.labels", "app:web, empty" },
        { "k8s.pod.ip", "10.0.0.9" },
        { "k8s.pod.cni.json", "{\"a\":1}" },
        { "ecs.cluster", "c" },
        { "ecs.task.arn", "arn" },
        { "ecs.task.id", "id" },
        { "ecs.task.family", "f" },
        { "ecs.task.revision", "3" },
        { "ecs.service", "s" },
        { "ecs.launch_type", "FARGATE" },
        { "ecs.availability_zone", "eu-1b" },
        { "container.user", "www" },
        { "container.cpu.limit", "250" },
        { "container.memory.limit", "536870912" },
        { "aws.account", "123" },
        { "aws.region", "eu-1" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect(&w, rows[i][0], rows[i][1]);
    }
    w.view.event->thread->container->pending = true;
    expect(&w, "container.id", "3ad7b26ded6d");
    expect(&w, "container.image", NULL);
    expect(&w, "k8s.pod.name", NULL);
    world_free(&w);
}

static void test_protocols(void **unused)
{
    (void)unused;
    struct world w = world_new();
    look(&w, make_event(KIND_DNS_X, 200, T0, "sssB", "a.example", "A", "NOERROR",
                        ARGS("10.0.0.1\0b.example")));
    expect(&w, "dns.question.name", "a.example");
    expect(&w, "dns.question.type", "A");
    expect(&w, "dns.rcode", "NOERROR");
    expect(&w, "dns.answers", "(10.0.0.1,b.example)");
    expect(&w, "dns.response", "true");
    expect(&w, "dns.server", NULL);
    expect(&w, "tls.sni", NULL);
    expect(&w, "evt.is_async", "true");
    expect(&w, "evt.asynctype", "dns");
    look(&w, make_event(KIND_DNS_X, 200, T0, "sssBA", "a.example", "A", "", "", (size_t)0,
                        "10.0.0.53", 53));
    expect(&w, "dns.response", "false");
    expect(&w, "dns.rcode", NULL);
    expect(&w, "dns.server", "10.0.0.53");
    look(&w, make_event(KIND_TLS_X, 200, T0, "s", "b.example"));
    expect(&w, "tls.sni", "b.example");
    expect(&w, "dns.answers", NULL);
    world_free(&w);
}

/* Containers that arrive are events themselves, of no task. */
static void test_container_event(void **unused)
{
    (void)unused;
    struct world w = world_new();
    look(&w, make_event(KIND_CONTAINER_JSON_E, 0, T0, "s",
                        "{\"container\":{\"labels\":{\"id\":\"x\"},\"id\" : \"3ad7b26ded6d\"}}"));
    w.view.event->thread = NULL;
    expect(&w, "container.id", "3ad7b26ded6d");
    look(&w, make_event(KIND_CONTAINER_JSON_E, 0, T0, "s", "{\"container\":{\"id\":\"3ad\\"));
    w.view.event->thread = NULL;
    expect(&w, "container.id", NULL);
    look(&w, make_event(KIND_CONTAINER_E, 0, T0, "swss", "3ad7b26ded6d", 0, "web", "nginx"));
    w.view.event->thread = NULL;
    expect(&w, "container.name", "web");
    world_free(&w);
}

/* Events of tasks nobody knows have only what the event itself says. */
static void test_unknown_thread(void **unused)
{
    (void)unused;
    struct world w = world_new();
    struct event *e = look_open(&w, 200, 3, "/a");
    e->thread = NULL;
    e->fd = NULL;
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field_desc *desc = &field_table[i];
        bool of_thread =
            str_eqz(str_of(desc->class), "process") || str_eqz(str_of(desc->class), "fd") ||
            str_eqz(str_of(desc->class), "user") || str_eqz(str_of(desc->class), "container") ||
            str_eqz(str_of(desc->class), "k8s") || (desc->flags & FIELD_EMPTY);
        struct field_ref ref = { .id = (enum field_id)i, .type = desc->type, .index = 0 };
        struct extracted value;
        field_extract(&ref, &w.view, &value);
        if (of_thread && value.n && i != FIELD_THREAD_TID && i != FIELD_THREAD_EXECTIME) {
            fail_msg("%s is there without a thread", desc->name);
        }
        asked[i] |= desc->flags & FIELD_EMPTY;
    }
    world_free(&w);
}

/* No parameters at all, and parameters of wrong lengths: nothing is read that is not there. */
static void test_hostile(void **unused)
{
    (void)unused;
    struct world w = world_new();
    for (unsigned kind = 0; kind < KIND_MAX; kind++) {
        for (int bytes = 0; bytes < 12; bytes += 3) {
            if (!kind_table[kind].name) {
                continue;
            }
            uint8_t *data = malloc(32 * 12 + 1);
            memset(data, 0xff, 32 * 12);
            struct event e = { .ts_ns = T0,
                               .tid = 200,
                               .kind = (uint16_t)kind,
                               .name = kind_table[kind].name_id,
                               .data = data,
                               .nparams = bytes ? kind_table[kind].nparams : 0,
                               .fd_num = -1 };
            for (unsigned i = 0; i < e.nparams; i++) {
                e.at[i + 1] = e.at[i] + (uint32_t)bytes;
            }
            e.thread = state_thread(w.state, 200);
            w.view.event = NULL;
            view_event(&w.view, &e);
            for (int i = 0; i < FIELD_COUNT; i++) {
                struct field_ref ref = { .id = (enum field_id)i,
                                         .type = field_table[i].type,
                                         .index = 1 };
                struct extracted value;
                ref.type = ref.type == TYPE_DYN ? TYPE_UINT64 : ref.type;
                field_extract(&ref, &w.view, &value);
            }
            w.view.event = NULL;
            free(data);
        }
    }
    world_free(&w);
}

static void test_scratch_full(void **unused)
{
    (void)unused;
    struct world w = world_new();
    for (size_t room = 0; room < 40; room++) {
        struct event *e = look_open(&w, 200, 3, "/a");
        w.view.scratch.n = w.view.scratch.capacity - room;
        struct field_ref ref = ref_of("proc.exeline");
        struct extracted value;
        field_extract(&ref, &w.view, &value);
        assert_int_equal(value.n, 1);
        assert_true(value.one.s.n <= room);
        bool fits = room >= strlen("./app -v two words");
        assert_int_equal(e->truncated, !fits);
        ref = ref_of("proc.aname");
        field_extract(&ref, &w.view, &value);
        assert_true(value.n == 0 || value.n == 3);
    }
    world_free(&w);
}

static void test_all_asked(void **unused)
{
    (void)unused;
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!asked[i]) {
            fail_msg("nobody asked for %s", field_table[i].name);
        }
    }
}

static void test_no_memory(void **unused)
{
    (void)unused;
    struct scratch scratch;
    mem_fail_after(1);
    assert_int_equal(scratch_init(&scratch), -ENOMEM);
    mem_fail_after(0);
    assert_null(scratch.p);
    scratch_done(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_path_form),
        cmocka_unit_test(test_io),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_container),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_container_event),
        cmocka_unit_test(test_unknown_thread),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_scratch_full),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_all_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
