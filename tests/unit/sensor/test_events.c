/*
 * Calls as events: each call of the table gives an event of its kind's layout, and what rules ask of it is
 * looked up through the field table after a real state took it.
 */
#include "events_fixture.h"

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
    outcome.result = 3;
    event_of_call(&args, &outcome, &made);
    event_refused(&made, -EPERM); /* was previewed as a success */
    look(&world, &made.event);
    expect(&world, "evt.outcome", "denied");
    expect(&world, "evt.res", "EPERM");
    expect(&world, "fd.num", "-1");
    outcome.result = -EPERM;
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
    outcome.at = at;
    outcome.result = 3; /* of which file is not known: of no directory's */
    happens();
    expect(&world, "fd.directory", "<UNKNOWN>");
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
    start(NAME_fchdir);
    know_directory(9, "/var");
    args.reg[0] = 9;
    file_is(0, "/of/another/call");
    happens();
    expect(&world, "proc.cwd", "/var/");
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
    expect(&world, "proc.fdlimit", "64");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(layouts),       TEST(opens),       TEST(other_opens), TEST(failed_opens), TEST(names),
        TEST(generic_calls), TEST(descriptors), TEST(identities),  TEST(other_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
