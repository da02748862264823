/*
 * metadata, live: a watched process that no control group names, its environment names the endpoint; its alerts
 * carry the task once the endpoint has confirmed it. With a real engine, sensor and filter.
 */
#include "test.h"

#include "agent/engine.h"
#include "agent/metadata.h"
#include "ecs_documents.h"
#include "own_namespace.h"
#include "sensor/live/container_id.h"
#include "sensor/notify/feature.h"
#include "sensor/notify/notify.h"
#include "stub_http.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define WAIT_MS 8000

static const char rules_text[] =
    "- rule: R\n"
    "  desc: d\n"
    "  condition: evt.type in (open, openat) and fd.name = /tmp/hinomi-metadata-live\n"
    "  output: o %container.id %container.name %container.image.digest %ecs.cluster\n"
    "    %ecs.task.family %ecs.task.revision %aws.region %container.memory.limit\n"
    "  priority: ERROR\n";

struct world {
    struct stub stub;
    struct ruleset *rules;
    struct selection selection;
    struct alert_hinomi hinomi;
    struct engine *engine;
    struct metadata *_Atomic metadata;
    struct notify *notify;
    struct filter filter;
    uint32_t features;
    int output;
};

static void met(void *data, const struct thread *thread)
{
    struct world *w = data;
    if (w->metadata) {
        metadata_met(w->metadata, thread);
    }
}

static void load(struct world *w)
{
    struct loader *loader = NULL;
    assert_int_equal(loader_new(NULL, &loader), 0);
    assert_int_equal(loader_add(loader, STR("rules"), str_of(rules_text)), 0);
    assert_int_equal(loader_finish(loader, false, &w->rules, NULL), 0);
    loader_free(loader);
    assert_int_equal(selection_init(&w->selection, w->rules), 0);
}

static void start(struct world *w)
{
    struct err err;
    struct metadata *metadata = NULL;
    char url[128], path[] = "/tmp/hinomi-metadata-XXXXXX";
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/v4/" FARGATE_OTHER, w->stub.port);
    w->output = mkostemp(path, O_CLOEXEC);
    unlink(path);
    assert_int_equal(alert_hinomi_init(&w->hinomi, STR("agent"), NULL), 0);
    const struct engine_config config = {
        .rules = { .ruleset = w->rules, .selection = &w->selection },
        .options = { .format = { .json = true, .hinomi = &w->hinomi } },
        .output = w->output,
        .watch = { .met = met, .data = w },
    };
    if (engine_new(&config, &w->engine, &err) < 0) {
        fail_msg("%s", err.message);
    }
    const struct metadata_config asking = { .state = engine_state(w->engine),
                                            .lock = engine_lock(w->engine),
                                            .ecs_url = url,
                                            .sockets = (const char *const[]){ "" },
                                            .nsockets = 0,
                                            .retry_ms = 10 };
    assert_int_equal(metadata_new(&asking, &metadata, &err), 0);
    w->metadata = metadata;
    assert_int_equal(engine_filter(w->engine, false, &w->filter, &err), 0);
    struct notify_config sensor = { .features = w->features,
                                    .state = engine_state(w->engine),
                                    .sink = *engine_sink(w->engine),
                                    .lock = engine_lock(w->engine),
                                    .cache_paths = true };
    sensor.protected[0] = getpid();
    assert_int_equal(notify_new(&sensor, &w->notify, &err), 0);
}

static void stop(struct world *w)
{
    notify_free(w->notify);
    metadata_free(w->metadata);
    engine_free(w->engine);
    selection_done(&w->selection);
    ruleset_free(w->rules);
    stub_stop(&w->stub);
    close(w->output);
}

static _Noreturn void child(const struct world *w, int tell, int go_on)
{
    char variable[256], go;
    int listener = -1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(variable, sizeof(variable),
             "ECS_CONTAINER_METADATA_URI_V4=http://127.0.0.1:%u/v4/" FARGATE_ID, w->stub.port);
    char *env[] = { variable, "PATH=/bin:/usr/bin", NULL };
    char *argv[] = { "sh", "-c", "while :; do : > /tmp/hinomi-metadata-live; sleep 0.02; done",
                     NULL };
    if (unshare(CLONE_NEWNS) < 0 || filter_install(&w->filter, w->features, &listener) < 0 ||
        write(tell, &listener, sizeof(listener)) < 0 || read(go_on, &go, 1) != 1) {
        _exit(100);
    }
    execve("/bin/sh", argv, env);
    _exit(101);
}

static pid_t watch(struct world *w)
{
    int tell[2], go[2], listener = -1;
    struct err err;
    assert_int_equal(pipe2(tell, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        child(w, tell[1], go[0]);
    }
    assert_int_equal(read(tell[0], &listener, sizeof(listener)), sizeof(listener));
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    listener = (int)syscall(SYS_pidfd_getfd, pidfd, listener, 0);
    close(pidfd);
    assert_true(listener >= 0);
    assert_int_equal(notify_serve(w->notify, listener, &err), 0);
    assert_int_equal(write(go[1], "", 1), 1);
    for (int i = 0; i < 2; i++) {
        close(tell[i]);
        close(go[i]);
    }
    return pid;
}

static bool says(struct world *w, const char *what)
{
    static char text[1 << 20];
    engine_drain(w->engine);
    ssize_t n = pread(w->output, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, what) != NULL;
}

static bool wait_says(struct world *w, const char *what)
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        if (says(w, what)) {
            return true;
        }
        usleep(10000);
    }
    return false;
}

static void alerts_carry_the_task(void **state)
{
    (void)state;
    static struct world w;
    w.features = feature_probe();
    if (getpid() != 1 || !(w.features & FEATURE_NOTIFY)) {
        print_message("skipped: no namespaces, or no user notification here\n");
        skip();
    }
    assert_true(stub_start(&w.stub, NULL));
    w.stub.paths[0].path = "/v4/" FARGATE_OTHER "/task";
    w.stub.paths[0].body = fargate_document;
    w.stub.paths[1].path = "/v4/" FARGATE_OTHER;
    w.stub.paths[1].body = "{\"DockerId\":\"" FARGATE_OTHER "\"}";
    load(&w);
    start(&w);
    pid_t pid = watch(&w);
    bool ok = wait_says(&w, "o " FARGATE_ID " app " FARGATE_DIGEST
                            " prod sample-fargate 5 us-east-1 536870912") &&
              wait_says(&w, "\"ecs\":{\"cluster\":\"prod\",\"task_arn\":\"arn:aws:ecs:us-east-1:"
                            "123456789012:task/prod/" FARGATE_TASK "\"");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink("/tmp/hinomi-metadata-live");
    if (!ok) {
        char group[CONTAINER_CGROUP_MAX], text[4096];
        struct metadata_stats stats;
        metadata_get_stats(w.metadata, &stats);
        ssize_t n = pread(w.output, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        print_error("%zu named %u refused %u %s\n%s\n", container_cgroup(pid, group),
                    (unsigned)stats.named, (unsigned)stats.hints_refused, stats.ecs_error.message,
                    text);
    }
    assert_true(ok);
    stop(&w);
    assert_int_equal(w.stub.complaints, 0);
}

int main(void)
{
    own_namespace();
    const struct CMUnitTest tests[] = { cmocka_unit_test(alerts_carry_the_task) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
