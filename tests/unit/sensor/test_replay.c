/*
 * replay: captures written by our writer and by others read back the same, whole or cut at any byte,
 * plain or compressed, from files and pipes; damage is an error that says where.
 */
#include "test.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "sensor/fake/made_event.h"
#include "sensor/replay/format.h"
#include "sensor/replay/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <zlib.h>

#define TS UINT64_C(1780000000000000000)

struct file {
    int fd;
    char path[32];
};

struct seen {
    uint64_t events, sum;
    int result;
    struct err err;
};

static struct file file_new(void)
{
    struct file file = { .fd = memfd_create("capture", MFD_CLOEXEC) };
    assert_true(file.fd >= 0);
    snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
    return file;
}

static struct file file_of(const void *p, size_t n)
{
    struct file file = file_new();
    assert_int_equal(fd_write_all(file.fd, p, n), 0);
    return file;
}

static uint64_t mix(uint64_t sum, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum = (sum ^ ((const uint8_t *)p)[i]) * UINT64_C(1099511628211);
    }
    return sum;
}

static uint64_t mix_event(uint64_t sum, const struct event *e)
{
    sum = mix(sum, &e->ts_ns, sizeof e->ts_ns);
    sum = mix(sum, &e->tid, sizeof e->tid);
    sum = mix(sum, &e->kind, sizeof e->kind);
    return mix(sum, e->data, e->at[e->nparams]);
}

/* The state stays, when `ret` is given, for a look at what the capture filled in. */
static struct seen replay(const char *path, const struct replay_options *options,
                          struct state **ret)
{
    struct seen seen = { 0 };
    struct state *state;
    struct sensor *sensor = NULL;
    struct event *event;
    assert_int_equal(state_new(NULL, &state), 0);
    seen.result = replay_open_with(path, options, state, &sensor, &seen.err);
    while (seen.result == 0 && sensor &&
           (seen.result = sensor_next(sensor, &event, &seen.err)) > 0) {
        assert_int_equal(event->num, ++seen.events);
        seen.sum = mix_event(seen.sum, event);
        state_apply(state, event);
        state_settle(state, event);
        seen.result = 0;
    }
    sensor_close(sensor);
    if (ret) {
        *ret = state;
    } else {
        state_free(state);
    }
    return seen;
}

static const struct replay_options plain;

static void fill_state(struct state *state)
{
    struct user user = { 7, 8, STR("ann"), STR("/home/ann"), STR("/bin/zsh") };
    struct group group = { 8, STR("staff") };
    struct interface interface = { .address = { { 10, 0, 0, 9 }, 4 }, .name = "eth0" };
    struct thread_init init = {
        .t = { .tid = 100,
               .pid = 100,
               .ptid = 1,
               .sid = 100,
               .vpgid = 100,
               .pgid = 99,
               .vtid = 5,
               .vpid = 5,
               .uid = 7,
               .gid = 8,
               .loginuid = -1,
               .tty = 34816,
               .fdlimit = 1024,
               .cap_effective = 3,
               .cap_permitted = 7,
               .clone_ts_ns = TS - 5 },
        .comm = STR("cat"),
        .exe = STR("/bin/cat"),
        .exepath = STR("/usr/bin/cat"),
        .args = str_from("-n\0x", 5),
        .env = str_from("A=b", 4),
        .cwd = STR("/srv"),
        .cgroups = str_from("cpu=/a", 7),
        .exe_facts = { .exe_known = true, .exe_ino = 77, .exe_upper_layer = true },
    };
    struct fdinfo file = { .type = FD_FILE_V2,
                           .open_flags = 3,
                           .name = STR("/etc/x"),
                           .ino = 9,
                           .dev = 5,
                           .opener_uid = -1 };
    struct fdinfo listener = { .type = FD_IPV4_SERVSOCK,
                               .l4proto = IPPROTO_TCP,
                               .sport = 80,
                               .sip = { { 0 }, 4 },
                               .opener_uid = -1 };
    struct fdinfo accepted = { .type = FD_IPV4_SOCK,
                               .l4proto = IPPROTO_TCP,
                               .flags = FD_ROLE_SERVER,
                               .sip = { { 1, 2, 3, 4 }, 4 },
                               .sport = 40000,
                               .dip = { { 10, 0, 0, 9 }, 4 },
                               .dport = 80,
                               .opener_uid = -1 };
    file.nameraw = file.name;
    assert_int_equal(state_add_user(state, STR(""), &user), 0);
    assert_int_equal(state_add_group(state, STR(""), &group), 0);
    assert_int_equal(state_add_interface(state, &interface), 0);
    assert_int_equal(state_add_thread(state, &init), 0);
    assert_int_equal(state_add_fd(state, 100, 3, &file), 0);
    assert_int_equal(state_add_fd(state, 100, 4, &listener), 0);
    assert_int_equal(state_add_fd(state, 100, 5, &accepted), 0);
    assert_int_equal(
        state_add_container_json(state, STR("{\"container\":{\"id\":\"0123456789ab\","
                                            "\"image\":\"a:b\",\"type\":0,\"name\":\"c\"}}")),
        0);
}

static void write_open(struct capture_writer *writer, uint64_t ts, const char *path)
{
    static struct made_event m;
    struct err err = { 0 };
    made_begin(&m, KIND_OPENAT_2_X, 100, ts);
    made_int(&m, 6);
    made_int(&m, AT_FDCWD);
    made_text(&m, path);
    made_int(&m, 1);
    made_int(&m, 0);
    made_done(&m);
    assert_int_equal(capture_write_event(writer, &m.event, &err), 0);
}

static struct file written(int level, unsigned events)
{
    struct file file = file_new();
    struct capture_writer *writer;
    struct state *state;
    struct err err = { 0 };
    assert_int_equal(state_new(NULL, &state), 0);
    fill_state(state);
    assert_int_equal(capture_writer_new(file.fd, level, &writer, &err), 0);
    assert_int_equal(capture_write_state(writer, state, &err), 0);
    for (unsigned i = 0; i < events; i++) {
        write_open(writer, TS + i * 1000, i % 2 ? "/etc/passwd" : "notes.txt");
    }
    assert_int_equal(capture_writer_finish(writer, &err), 0);
    capture_writer_free(writer);
    state_free(state);
    return file;
}

/* What the newest form carries beyond the format comes back, and does not stay for the next event. */
static void newest_events_come_back(void **data)
{
    (void)data;
    struct file file = file_new();
    struct capture_writer *writer;
    struct made_event m;
    struct err err = { 0 };
    assert_int_equal(capture_writer_new(file.fd, 0, &writer, &err), 0);
    capture_writer_newest(writer);
    made_begin(&m, KIND_DUP3_X, 100, TS);
    made_int(&m, 1);
    made_int(&m, 5);
    made_int(&m, 1);
    made_int(&m, 0);
    made_done(&m);
    m.event.via = VIA_IA32;
    m.event.outcome = OUTCOME_DENIED;
    m.event.exact = m.event.truncated = true;
    assert_int_equal(capture_write_event(writer, &m.event, &err), 0);
    made_begin(&m, KIND_RENAME_X, 100, TS + 1);
    made_int(&m, 0);
    made_text(&m, "a");
    made_text(&m, "../b");
    made_done(&m);
    m.event.path = STR("/x/a");
    m.event.path2 = STR("/b");
    assert_int_equal(capture_write_event(writer, &m.event, &err), 0);
    write_open(writer, TS + 2, "/etc/passwd");
    assert_int_equal(capture_writer_finish(writer, &err), 0);
    capture_writer_free(writer);

    struct state *state;
    struct sensor *sensor = NULL;
    struct event *e;
    assert_int_equal(state_new(NULL, &state), 0);
    assert_int_equal(replay_open(file.path, state, &sensor, &err), 0);
    assert_int_equal(sensor_next(sensor, &e, &err), 1);
    assert_int_equal(e->kind, KIND_DUP3_X);
    assert_int_equal(e->nparams, 4);
    assert_int_equal(e->flags, 0);
    assert_true(e->exact && e->truncated && e->via == VIA_IA32 && e->outcome == OUTCOME_DENIED);
    assert_int_equal(sensor_next(sensor, &e, &err), 1);
    assert_int_equal(e->nparams, 3);
    assert_true(str_eqz(e->path, "/x/a") && str_eqz(e->path2, "/b"));
    assert_true(str_eqz(event_text(e, 2), "../b"));
    assert_true(!e->truncated && e->via == VIA_SYSCALL && e->outcome == OUTCOME_REPORTED);
    assert_int_equal(sensor_next(sensor, &e, &err), 1);
    assert_int_equal(e->kind, KIND_OPENAT_2_X);
    assert_true(e->path.n == 0 && e->path2.n == 0);
    assert_int_equal(sensor_next(sensor, &e, &err), 0);
    sensor_close(sensor);
    state_free(state);
}

static void state_comes_back(void **data)
{
    (void)data;
    struct file file = written(0, 2);
    struct state *state;
    struct seen seen = replay(file.path, &plain, &state);
    assert_int_equal(seen.result, 0);
    assert_int_equal(seen.events, 5); /* a container and two pairs */
    const struct thread *t = state_thread(state, 100);
    assert_non_null(t);
    assert_true(str_eqz(t->image->exepath, "/usr/bin/cat"));
    assert_int_equal(t->image->args.n, 5);
    assert_int_equal(t->tty, 34816);
    assert_int_equal(t->pgid, 99);
    assert_int_equal(t->loginuid, -1);
    assert_int_equal(t->cap_permitted, 7);
    assert_int_equal(t->image->exe_ino, 77);
    assert_true(t->image->exe_upper_layer && !t->image->exe_from_memfd);
    assert_true(str_eqz(t->cwd->s, "/srv"));
    const struct fdinfo *fd = state_fd(state, t, 3);
    assert_true(fd && str_eqz(fd->name, "/etc/x") && fd->dev == 5);
    fd = state_fd(state, t, 5);
    assert_true(fd && (fd->flags & FD_ROLE_SERVER) && fd->sport == 40000 && fd->dport == 80);
    assert_true(str_eqz(state_user(state, NULL, 7)->shell, "/bin/zsh"));
    assert_true(str_eqz(state_group(state, NULL, 8)->name, "staff"));
    assert_true(state_is_own_address(state, &(struct ip){ { 10, 0, 0, 9 }, 4 }));
    assert_non_null(state_container(state, STR("0123456789ab")));
    state_free(state);
    close(file.fd);
}

static void all_ways_read_the_same(void **data)
{
    (void)data;
    static const struct replay_options ways[] = { { false, false },
                                                  { true, false },
                                                  { false, true } };
    struct file files[] = { written(0, 5000), written(1, 5000), written(9, 5000) };
    struct seen first = replay(files[0].path, &plain, NULL);
    assert_int_equal(first.events, 10001);
    for (size_t f = 0; f < 3; f++) {
        for (size_t w = 0; w < 3; w++) {
            struct seen seen = replay(files[f].path, &ways[w], NULL);
            assert_int_equal(seen.result, 0);
            assert_int_equal(seen.sum, first.sum);
            assert_int_equal(seen.events, first.events);
        }
        close(files[f].fd);
    }
}

static size_t content_of(const struct file *file, char **ret)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    assert_int_equal(lseek(file->fd, 0, SEEK_SET), 0);
    assert_int_equal(fd_read_all(file->fd, &buf), 0);
    *ret = buf.p;
    return buf.n;
}

/* Cut anywhere: never more events than before, and an error except at the end of a block. */
static void cut_at_every_byte(void **data)
{
    (void)data;
    struct file whole = written(0, 3);
    CLEANUP(cleanup_free) char *p = NULL;
    size_t n = content_of(&whole, &p);
    uint64_t most = 0;
    unsigned clean = 0;
    for (size_t cut = 0; cut < n; cut++) {
        struct file file = file_of(p, cut);
        struct seen seen = replay(file.path, &(struct replay_options){ .unthreaded = true }, NULL);
        assert_true(seen.events >= most);
        most = seen.events;
        clean += seen.result == 0;
        assert_true(seen.result == 0 || (seen.result == -EBADMSG && seen.err.message[0]));
        close(file.fd);
    }
    assert_int_equal(most, 6);
    assert_true(clean < 20);
    close(whole.fd);
}

static void damage_is_told(void **data)
{
    (void)data;
    struct file whole = written(0, 3);
    CLEANUP(cleanup_free) char *p = NULL;
    size_t n = content_of(&whole, &p);
    static const struct {
        size_t at;
        uint32_t value;
        const char *says;
    } damages[] = {
        { 0, 0x12345678, "no section header" },
        { 4, 11, "impossible length" },
        { 4, (32u << 20) + 1, "impossible length" },
        { 8, 0x4d3c2b1a, "big-endian" },
        { 8, 0, "wrong magic" },
        { 12, 2, "major version" },
        { 24, 27, "differ" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
        CLEANUP(cleanup_free) char *copy = malloc(n);
        memcpy(copy, p, n);
        memcpy(copy + damages[i].at, &damages[i].value, 4);
        struct file file = file_of(copy, n);
        struct seen seen = replay(file.path, &plain, NULL);
        assert_int_equal(seen.result, -EBADMSG);
        assert_non_null(strstr(seen.err.message, damages[i].says));
        close(file.fd);
    }
    close(whole.fd);
}

static void sections_follow_each_other(void **data)
{
    (void)data;
    struct file one = written(0, 3);
    CLEANUP(cleanup_free) char *p = NULL;
    size_t n = content_of(&one, &p);
    struct file two = file_of(p, n);
    assert_int_equal(fd_write_all(two.fd, p, n), 0);
    struct seen seen = replay(two.path, &plain, NULL);
    assert_int_equal(seen.result, 0);
    assert_int_equal(seen.events, 14);
    close(one.fd);
    close(two.fd);
}

/* A network capture begins with the same magic. */
static size_t put_block(char *at, uint32_t type, const void *body, size_t n)
{
    uint32_t size = (uint32_t)(n + BLOCK_OVERHEAD);
    memcpy(at, &type, 4);
    memcpy(at + 4, &size, 4);
    memcpy(at + 8, body, n);
    memcpy(at + 8 + n, &size, 4);
    return size;
}

/* A section that ends after its lists leaves nothing to the next one: its sockets are not kept. */
static void lists_end_with_their_section(void **data)
{
    (void)data;
    struct file file = written(0, 1);
    CLEANUP(cleanup_free) char *content = NULL;
    size_t n = content_of(&file, &content);
    static const uint8_t section[SECTION_BODY] = { 0x4d, 0x3c, 0x2b, 0x1a, 1 };
    uint8_t socket[8 + 8 + 8 + 1 + 13] = {
        100, [8] = 77, [24] = SCAP_FD_IPV4_SOCK, [25] = 1, [29] = 2, [37] = SCAP_L4_TCP
    };
    CLEANUP(cleanup_free) char *joined = malloc(n + 256);
    size_t at = put_block(joined, BLOCK_SECTION, section, sizeof section);
    at += put_block(joined + at, BLOCK_FDS, socket, sizeof socket);
    memcpy(joined + at, content, n);
    struct file both = file_of(joined, at + n);
    struct state *state;
    struct sensor *sensor;
    struct err err = { 0 };
    assert_int_equal(state_new(NULL, &state), 0);
    assert_int_equal(replay_open(both.path, state, &sensor, &err), 0);
    assert_non_null(state_thread(state, 100));
    assert_null(state_fd(state, state_thread(state, 100), 77));
    sensor_close(sensor);
    state_free(state);
    close(both.fd);
    close(file.fd);
}

static void other_pcapng_is_named(void **data)
{
    (void)data;
    static const uint32_t blocks[] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, ~0u,   ~0u,
                                       28,         1,  20,         1, 65535, 20 };
    struct file file = file_of(blocks, sizeof blocks);
    struct seen seen = replay(file.path, &plain, NULL);
    assert_int_equal(seen.result, -EBADMSG);
    assert_non_null(strstr(seen.err.message, "network capture"));
    close(file.fd);
}

static void pipes_are_read(void **data)
{
    (void)data;
    struct file whole = written(1, 2000);
    CLEANUP(cleanup_free) char *p = NULL;
    size_t n = content_of(&whole, &p);
    int ends[2];
    char path[32];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        for (size_t i = 0; i < n; i += 997) {
            fd_write_all(ends[1], p + i, n - i < 997 ? n - i : 997);
        }
        _exit(0);
    }
    close(ends[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    struct seen seen = replay(path, &plain, NULL);
    assert_int_equal(seen.result, 0);
    assert_int_equal(seen.events, 4001);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(whole.fd);
}

/* Closing does not wait for a pipe that nobody writes to. */
static void closing_does_not_hang(void **data)
{
    (void)data;
    struct file whole = written(0, 1);
    CLEANUP(cleanup_free) char *p = NULL;
    size_t n = content_of(&whole, &p);
    int ends[2];
    char path[32];
    struct state *state;
    struct sensor *sensor;
    struct err err = { 0 };
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fd_write_all(ends[1], p, n), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    assert_int_equal(state_new(NULL, &state), 0);
    assert_int_equal(replay_open(path, state, &sensor, &err), 0);
    sensor_close(sensor);
    state_free(state);
    close(ends[0]);
    close(ends[1]);
    close(whole.fd);
}

static void bombs_stay_small(void **data)
{
    (void)data;
    struct file file = file_new();
    struct capture_writer *writer;
    struct err err = { 0 };
    assert_int_equal(capture_writer_new(file.fd, 1, &writer, &err), 0);
    assert_int_equal(capture_writer_finish(writer, &err), 0);
    capture_writer_free(writer);
    uint32_t n = (uint32_t)REPLAY_BLOCK_MAX;
    CLEANUP(cleanup_free) char *block = calloc(1, n);
    memcpy(block, "\1\2\3\4", 4);
    memcpy(block + 4, &n, 4);
    memcpy(block + n - 4, &n, 4);
    int fd = dup(file.fd);
    gzFile gz = gzdopen(fd, "ab1");
    for (int i = 0; i < 6; i++) {
        assert_int_equal(gzwrite(gz, block, n), n);
    }
    gzclose(gz);
    struct rusage before;
    struct rusage after;
    getrusage(RUSAGE_SELF, &before);
    struct seen seen = replay(file.path, &plain, NULL);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(seen.events, 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 << 10);
    close(file.fd);
}

static void memory_may_be_out(void **data)
{
    (void)data;
    struct file file = written(1, 10);
    struct seen seen = { .result = -ENOMEM };
    for (uint64_t n = 1; seen.result < 0 && n < 100; n++) {
        struct state *state;
        struct sensor *sensor = NULL;
        struct event *event;
        assert_int_equal(state_new(NULL, &state), 0);
        mem_fail_after(n);
        seen.result = replay_open(file.path, state, &sensor, &seen.err);
        while (seen.result == 0 && (seen.result = sensor_next(sensor, &event, &seen.err)) > 0) {
            seen.result = 0;
        }
        mem_fail_after(0);
        sensor_close(sensor);
        state_free(state);
    }
    close(file.fd);
}

static void others_captures(void **data)
{
    (void)data;
    static const struct {
        const char *name;
        uint64_t events;
    } known[] = {
        { "captures/curl_google.scap", 1536 },
        { "captures/empty.scap", 83 },
        { "captures/psp_privileged.scap", 2059 },
        { "captures/single_ipv6_conn.scap", 1728 },
        { "vectors/trace_files/cat_write.scap", 345 },
        { "vectors/trace_files/open-multiple-files.scap", 1272 },
        { "vectors/trace_files/syscall.scap", 368 },
    };
    char storage[4000];
    char path[4096];
    const char *shared = test_shared(SOURCE_ROOT, storage, sizeof storage);
    if (!shared) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        snprintf(path, sizeof path, "%s/%s", shared, known[i].name);
        struct seen seen = replay(path, &plain, NULL);
        assert_int_equal(seen.result, 0);
        assert_int_equal(seen.events, known[i].events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_events_come_back),
        cmocka_unit_test(state_comes_back),
        cmocka_unit_test(all_ways_read_the_same),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(sections_follow_each_other),
        cmocka_unit_test(lists_end_with_their_section),
        cmocka_unit_test(other_pcapng_is_named),
        cmocka_unit_test(pipes_are_read),
        cmocka_unit_test(closing_does_not_hang),
        cmocka_unit_test(bombs_stay_small),
        cmocka_unit_test(memory_may_be_out),
        cmocka_unit_test(others_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
