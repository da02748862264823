/*
 * Tasks as events: exec, births, discovery, the end; and a story of all kinds, written as a capture: read
 * back it answers alike, and Debian's sysdig reads it.
 */
#include "events_fixture.h"

#include "base/cleanup.h"
#include "sensor/replay/replay.h"

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
    assert_true(made.event.truncated); /* as much as fits: there may be more */
    assert_int_equal(event_param(&made.event, 2).n, sizeof(argv) - 2);
    look(&world, &made.event);
    assert_int_equal(made.event.thread->image->args.n, sizeof(argv) - 2);
    task.argv.n--;
    task.env.n--;
    args.truncated = args.unreadable = true; /* of the call: the new image has all */
    event_of_exec(&args, &outcome, &task, &made);
    assert_false(made.event.truncated);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(execs),  TEST(failed_execs),      TEST(exec_of_another_thread), TEST(huge_exec),
        TEST(births), TEST(discovery_and_end), TEST(captures_say_the_same),  TEST(sysdig_opens_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
