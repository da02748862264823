/*
 * Captures of the seconds around an alert: what is in the file, what it is called, and what is left of old
 * ones. Events are made up and go through an engine.
 */
#include "../rules/rules_fixture.h"

#include "../event/make_event.h"
#include "agent/recorder.h"
#include "agent/recorder_folder.h"
#include "base/clock.h"
#include "sensor/replay/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONTAINER_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct bench {
    struct loaded rules;
    struct selection selection;
    struct engine *engine;
    struct recorder *recorder;
    int null;
    char folder[64];
    /* of the last file */
    pthread_mutex_t lock;
    uint32_t ndone, joined;
    int error;
    uint64_t events;
    bool cut;
    char file[128], rule[64];
};

static void on_done(void *data, const struct recorder_result *result)
{
    struct bench *b = data;
    pthread_mutex_lock(&b->lock);
    b->ndone++;
    b->error = result->error;
    b->events = result->events;
    b->joined = result->joined;
    b->cut = result->cut;
    snprintf(b->file, sizeof(b->file), "%s", result->file);
    snprintf(b->rule, sizeof(b->rule), "%.*s", STR_ARG(result->cause.rule));
    pthread_mutex_unlock(&b->lock);
}

static void watch(void *data, const struct event *event, const struct rule *const *rules,
                  uint32_t nrules)
{
    struct bench *b = data;
    (void)rules;
    (void)nrules;
    if (b->recorder) {
        recorder_event(b->recorder, event);
    }
}

static void add_thread(struct bench *b, int64_t pid, const char *name)
{
    struct thread_init init = {
        .t = { .tid = pid, .pid = pid, .ptid = 1, .vtid = pid, .vpid = pid },
        .comm = str_of(name),
        .exe = str_of(name),
        .exepath = STR("/usr/bin/server"),
        .cwd = STR("/srv/"),
        .cgroups = STR("cpu=/docker/" CONTAINER_ID "\0")
    };
    init.t.flags = THREAD_MAIN;
    assert_int_equal(state_add_thread(engine_state(b->engine), &init), 0);
}

static int set_up(void **data)
{
    struct bench *b = calloc(1, sizeof *b);
    struct err err = { 0 };
    struct container container = { .id = STR("0123456789ab"),
                                   .name = STR("shop"),
                                   .image = STR("shop:1") };
    pthread_mutex_init(&b->lock, NULL);
    snprintf(b->folder, sizeof(b->folder), "/tmp/recorder-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    b->rules = load_text(RULE("Opened", "evt.type = open"));
    assert_int_equal(selection_init(&b->selection, b->rules.ruleset), 0);
    b->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct engine_config config = { .rules = { .ruleset = b->rules.ruleset,
                                               .selection = &b->selection },
                                    .output = b->null,
                                    .watch = { .event = watch, .data = b } };
    assert_int_equal(engine_new(&config, &b->engine, &err), 0);
    add_thread(b, 40, "web");
    assert_int_equal(state_add_container(engine_state(b->engine), &container), 0);
    *data = b;
    return 0;
}

static void clear_folder(struct bench *b)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s'", b->folder);
    assert_int_equal(system(command), 0);
}

static int tear_down(void **data)
{
    struct bench *b = *data;
    recorder_free(b->recorder);
    b->recorder = NULL;
    engine_free(b->engine);
    selection_done(&b->selection);
    load_done(&b->rules);
    close(b->null);
    clear_folder(b);
    free(b);
    return 0;
}

static void start(struct bench *b, struct recorder_config config)
{
    struct err err = { 0 };
    struct recorder *recorder;
    config.engine = b->engine;
    config.folder = b->folder;
    config.done = on_done;
    config.data = b;
    if (recorder_new(&config, &recorder, &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(recorder_switch(recorder, true), 0);
    b->recorder = recorder;
}

static void give(struct bench *b, struct event *event)
{
    const struct sink *sink = engine_sink(b->engine);
    pthread_mutex_lock(engine_lock(b->engine));
    sink->event(sink->data, event);
    pthread_mutex_unlock(engine_lock(b->engine));
}

static void open_file(struct bench *b, const char *path)
{
    give(b, make_event(KIND_OPEN_X, 40, clock_real_ns(), "qswww", 3L, path, 1, 0, 5));
}

static bool wait_until_done(struct bench *b, uint32_t n)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&b->lock);
        bool done = b->ndone >= n;
        pthread_mutex_unlock(&b->lock);
        if (done) {
            return true;
        }
        usleep(20000);
    }
    return false;
}

static struct recorder_cause cause_of(const char *rule)
{
    return (struct recorder_cause){
        .rule = str_of(rule), .policy = STR("P"), .container = STR("0123456789ab"), .pid = 40
    };
}

/* How often the file says that this path was opened by a process of this name, and by one in `shop`. */
static int count_opened(struct bench *b, const char *path, const char *process)
{
    char file[256];
    struct state *state;
    struct sensor *sensor;
    struct event *event;
    struct err err = { 0 };
    int n = 0, r;
    snprintf(file, sizeof(file), "%s/%s", b->folder, b->file);
    assert_int_equal(state_new(&(struct state_config){ 0 }, &state), 0);
    if (replay_open(file, state, &sensor, &err) < 0) {
        fail_msg("%s", err.message);
    }
    while ((r = sensor_next(sensor, &event, &err)) > 0) {
        state_apply(state, event);
        n += event->kind == KIND_OPEN_X && str_eqz(event_text(event, 1), path) && event->thread &&
             str_eqz(event->thread->image->comm, process) && event->thread->container &&
             str_eqz(event->thread->container->name, "shop");
        state_settle(state, event);
    }
    assert_int_equal(r, 0);
    sensor_close(sensor);
    state_free(state);
    return n;
}

static void test_before_and_after(void **data)
{
    struct bench *b = *data;
    struct stat st;
    start(b, (struct recorder_config){ .before_s = 5, .after_s = 1 });
    open_file(b, "/before");
    struct recorder_cause cause = cause_of("Opened");
    assert_int_equal(recorder_ask(b->recorder, &cause), 0);
    open_file(b, "/after");
    assert_true(wait_until_done(b, 1));
    assert_int_equal(b->error, 0);
    assert_string_equal(b->rule, "Opened");
    assert_int_equal(b->events, 2);
    assert_non_null(strstr(b->file, "-0123456789ab-1.scap"));
    assert_int_equal(count_opened(b, "/before", "web"), 1);
    assert_int_equal(count_opened(b, "/after", "web"), 1);
    int folder = open(b->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fstatat(folder, b->file, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close(folder);
}

/* A process that ended before the alert is told of as it was. */
static void test_ended_process(void **data)
{
    struct bench *b = *data;
    add_thread(b, 50, "gone");
    start(b, (struct recorder_config){ .before_s = 5, .after_s = 1 });
    for (int i = 0; i < 500; i++) {
        struct recorder_stats stats;
        recorder_get_stats(b->recorder, &stats);
        if (stats.snapshots) {
            break;
        }
        usleep(10000);
    }
    give(b, make_event(KIND_OPEN_X, 50, clock_real_ns(), "qswww", 3L, "/by-gone", 1, 0, 5));
    give(b, make_event(KIND_PROCEXIT_1_E, 50, clock_real_ns(), "qqbbq", 0L, 0L, 0, 0, 0L));
    give(b,
         make_event(KIND_OPEN_X, 40, clock_real_ns() + 60 * NS_PER_S, "qswww", 3L, "/x", 1, 0, 5));
    struct recorder_cause cause = cause_of("Opened");
    assert_int_equal(recorder_ask(b->recorder, &cause), 0);
    assert_true(wait_until_done(b, 1));
    assert_int_equal(count_opened(b, "/by-gone", "gone"), 1);
}

static void test_joined(void **data)
{
    struct bench *b = *data;
    start(b, (struct recorder_config){ .before_s = 1, .after_s = 1 });
    struct recorder_cause first = cause_of("First"), second = cause_of("Second");
    assert_int_equal(recorder_ask(b->recorder, &first), 0);
    assert_int_equal(recorder_ask(b->recorder, &second), -EALREADY);
    open_file(b, "/x");
    assert_true(wait_until_done(b, 1));
    assert_int_equal(b->joined, 1);
    assert_string_equal(b->rule, "First");
    assert_int_equal(recorder_ask(b->recorder, &second), 0);
    assert_true(wait_until_done(b, 2));
    assert_string_equal(b->rule, "Second");
    assert_int_equal(b->joined, 0);
}

static void test_refused_calls_are_not_in_it(void **data)
{
    struct bench *b = *data;
    start(b, (struct recorder_config){ .before_s = 1, .after_s = 1 });
    struct event *event = make_event(KIND_OPEN_X, 40, clock_real_ns(), "qswww", 3L, "/no", 1, 0, 5);
    event->outcome = OUTCOME_DENIED;
    give(b, event);
    open_file(b, "/yes");
    struct recorder_cause cause = cause_of("Opened");
    assert_int_equal(recorder_ask(b->recorder, &cause), 0);
    assert_true(wait_until_done(b, 1));
    assert_int_equal(count_opened(b, "/no", "web"), 0);
    assert_int_equal(count_opened(b, "/yes", "web"), 1);
}

static void test_off(void **data)
{
    struct bench *b = *data;
    struct recorder_stats stats;
    struct recorder_cause cause = cause_of("Opened");
    start(b, (struct recorder_config){ .before_s = 1, .after_s = 1 });
    assert_int_equal(recorder_switch(b->recorder, false), 0);
    assert_int_equal(recorder_ask(b->recorder, &cause), -ENODEV);
    open_file(b, "/x");
    assert_int_equal(recorder_switch(b->recorder, true), 0);
    assert_int_equal(recorder_switch(b->recorder, true), 0);
    assert_int_equal(recorder_ask(b->recorder, &cause), 0);
    assert_true(wait_until_done(b, 1));
    assert_int_equal(b->events, 0);
    recorder_get_stats(b->recorder, &stats);
    assert_true(stats.on);
    assert_int_equal(stats.files, 1);
}

static void test_file_limit(void **data)
{
    struct bench *b = *data;
    start(b, (struct recorder_config){ .before_s = 1, .after_s = 1, .file_max = 1 });
    struct recorder_cause cause = cause_of("Opened");
    open_file(b, "/one");
    open_file(b, "/two");
    assert_int_equal(recorder_ask(b->recorder, &cause), 0);
    assert_true(wait_until_done(b, 1));
    assert_true(b->cut);
    assert_int_equal(count_opened(b, "/one", "web"), 1);
    assert_int_equal(count_opened(b, "/two", "web"), 0);
}

/* A file that is being written when the agent ends is finished. */
static void test_end(void **data)
{
    struct bench *b = *data;
    start(b, (struct recorder_config){ .before_s = 1, .after_s = 600 });
    struct recorder_cause cause = cause_of("Opened");
    open_file(b, "/x");
    assert_int_equal(recorder_ask(b->recorder, &cause), 0);
    struct recorder *recorder = b->recorder;
    recorder_free(recorder);
    b->recorder = NULL;
    assert_int_equal(b->ndone, 1);
    assert_int_equal(count_opened(b, "/x", "web"), 1);
}

static uint32_t files_in(const char *folder)
{
    char command[128];
    uint32_t n = 0;
    snprintf(command, sizeof(command), "ls '%s' | wc -l", folder);
    FILE *pipe = popen(command, "re");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%u", &n), 1);
    pclose(pipe);
    return n;
}

static void put_file(int folder, const char *name, size_t n, long mtime)
{
    static const char bytes[1000];
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, bytes, n), n);
    struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void test_prune(void **data)
{
    struct bench *b = *data;
    struct err err = { 0 };
    int folder = folder_open(b->folder, &err);
    assert_true(folder >= 0);
    put_file(folder, "hinomi-a-1.scap", 100, 3000);
    put_file(folder, "hinomi-b-2.scap", 100, 1000);
    put_file(folder, "hinomi-c-3.scap", 100, 2000);
    put_file(folder, "hinomi-d-4.scap.part", 100, 9000);
    put_file(folder, "keep.scap", 1000, 1);
    put_file(folder, "hinomi-notes.txt", 1000, 1);
    assert_int_equal(folder_prune(folder, 4, 400), 0);
    assert_int_equal(folder_prune(folder, 3, 400), 1); /* what was left unfinished */
    assert_int_equal(faccessat(folder, "hinomi-d-4.scap.part", F_OK, 0), -1);
    assert_int_equal(folder_prune(folder, 3, 299), 1);
    assert_int_equal(faccessat(folder, "hinomi-b-2.scap", F_OK, 0), -1);
    assert_int_equal(folder_prune(folder, 1, 1000), 1);
    assert_int_equal(faccessat(folder, "hinomi-a-1.scap", F_OK, 0), 0);
    assert_int_equal(files_in(b->folder), 3);
    close(folder);
}

static void test_files_limit(void **data)
{
    struct bench *b = *data;
    start(b, (struct recorder_config){ .before_s = 1, .after_s = 1, .files_max = 2 });
    struct recorder_cause cause = cause_of("Opened");
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(recorder_ask(b->recorder, &cause), 0);
        assert_true(wait_until_done(b, i));
    }
    assert_int_equal(files_in(b->folder), 2);
}

static void test_folder(void **data)
{
    struct bench *b = *data;
    struct err err = { 0 };
    char path[128];
    assert_int_equal(chmod(b->folder, 0750), 0);
    assert_int_equal(folder_open(b->folder, &err), -EPERM);
    assert_non_null(strstr(err.message, "open to others"));
    assert_int_equal(chmod(b->folder, 0700), 0);
    snprintf(path, sizeof(path), "%s/link", b->folder);
    assert_int_equal(symlink(b->folder, path), 0);
    assert_true(folder_open(path, &err) < 0);
    snprintf(path, sizeof(path), "%s/a/b", b->folder);
    assert_int_equal(folder_open(path, &err), -ENOENT);
    snprintf(path, sizeof(path), "%s/new", b->folder);
    int fd = folder_open(path, &err);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    close(fd);
}

static void test_names(void **data)
{
    (void)data;
    char name[FOLDER_NAME_MAX];
    folder_name(name, UINT64_C(1769860800) * NS_PER_S, STR("../../etc/passwd"), 7);
    assert_string_equal(name, "hinomi-20260131T120000Z-______etc_passwd-7.scap");
    folder_name(name, 0, STR(""), UINT64_MAX);
    assert_string_equal(name, "hinomi-19700101T000000Z-host-18446744073709551615.scap");
}

static void test_configuration(void **data)
{
    struct bench *b = *data;
    struct recorder *recorder;
    struct err err = { 0 };
    struct recorder_config good = { .engine = b->engine, .folder = b->folder }, bad = good;
    bad.before_s = RECORDER_SECONDS_MAX + 1;
    assert_int_equal(recorder_new(&bad, &recorder, &err), -EINVAL);
    bad = good;
    bad.ring_bytes = 1;
    assert_int_equal(recorder_new(&bad, &recorder, &err), -EINVAL);
    bad = good;
    bad.files_max = RECORDER_FILES_MAX + 1;
    assert_int_equal(recorder_new(&bad, &recorder, &err), -EINVAL);
    good.before_s = RECORDER_SECONDS_MAX;
    assert_int_equal(recorder_new(&good, &recorder, &err), 0);
    recorder_free(recorder);
}

/* Debian's sysdig reads it. */
static void test_sysdig(void **data)
{
    struct bench *b = *data;
    char command[512], line[512];
    bool before = false;
    if (system("command -v sysdig >/dev/null 2>&1") != 0) {
        print_message("skipped: no sysdig here\n");
        skip();
    }
    start(b, (struct recorder_config){ .before_s = 5, .after_s = 1 });
    open_file(b, "/before");
    struct recorder_cause cause = cause_of("Opened");
    assert_int_equal(recorder_ask(b->recorder, &cause), 0);
    assert_true(wait_until_done(b, 1));
    snprintf(
        command, sizeof(command),
        "sysdig -r '%s/%s' -p '%%evt.type %%evt.dir %%proc.name %%container.name %%evt.args' 2>&1",
        b->folder, b->file);
    FILE *pipe = popen(command, "re");
    while (fgets(line, sizeof(line), pipe)) {
        before |= strstr(line, "open < web shop") && strstr(line, "/before");
        print_message("%s", line);
    }
    assert_int_equal(pclose(pipe), 0);
    assert_true(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_before_and_after),
        TEST(test_ended_process),
        TEST(test_joined),
        TEST(test_refused_calls_are_not_in_it),
        TEST(test_off),
        TEST(test_file_limit),
        TEST(test_end),
        TEST(test_prune),
        TEST(test_files_limit),
        TEST(test_folder),
        TEST(test_names),
        TEST(test_configuration),
        TEST(test_sysdig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
