/*
 * metadata: a strict stub of the task metadata endpoint and of Docker's API: what reaches the state, and that a
 * stub that is absent, silent, wrong, endless or redirecting neither blocks nor misleads.
 */
#include "test.h"

#include "agent/metadata.h"
#include "base/buf.h"
#include "ecs_documents.h"
#include "own_namespace.h"
#include "sensor/live/container_id.h"
#include "stub_http.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define WAIT_MS 8000

struct world {
    struct stub ecs, docker;
    struct state *state;
    pthread_mutex_t lock;
    struct metadata *metadata;
    char url[128], socket[64];
};

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_int_equal(state_new(&(struct state_config){ 0 }, &w->state), 0);
    pthread_mutex_init(&w->lock, NULL);
    snprintf(w->socket, sizeof(w->socket), "/tmp/hinomi-test-%d.sock", getpid());
    unlink(w->socket);
    assert_true(stub_start(&w->ecs, NULL));
    assert_true(stub_start(&w->docker, w->socket));
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/v4/%s", w->ecs.port, FARGATE_OTHER);
    return w;
}

static void start(struct world *w, bool ecs, bool docker)
{
    static const char *sockets[1];
    struct err err;
    sockets[0] = w->socket;
    struct metadata_config config = { .state = w->state,
                                      .lock = &w->lock,
                                      .ecs_url = ecs ? w->url : "",
                                      .sockets = sockets,
                                      .nsockets = docker ? 1 : 0,
                                      .timeout_ms = 300,
                                      .retry_ms = 10,
                                      .refresh_ms = 100 };
    if (metadata_new(&config, &w->metadata, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void world_free(struct world *w)
{
    metadata_free(w->metadata);
    stub_stop(&w->ecs);
    stub_stop(&w->docker);
    unlink(w->socket);
    assert_int_equal(w->ecs.complaints, 0);
    assert_int_equal(w->docker.complaints, 0);
    state_free(w->state);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void set_paths(struct stub *s, const struct stub_path *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s->paths[i].path = paths[i].path;
        s->paths[i].body = paths[i].body;
    }
}

static void serve_fargate(struct world *w)
{
    static const struct stub_path paths[] = {
        { "/v4/" FARGATE_OTHER "/task", fargate_document, 0 },
        { "/v4/" FARGATE_OTHER, "{\"DockerId\":\"" FARGATE_OTHER "\"}", 0 },
    };
    set_paths(&w->ecs, paths, ARRAY_SIZE(paths));
}

static void add_thread(struct world *w, int64_t pid, const char *cgroup)
{
    struct thread_init init = { .t = { .tid = pid, .pid = pid, .loginuid = -1 },
                                .comm = STR("x"),
                                .cgroups = { cgroup, strlen(cgroup) + 1 } };
    pthread_mutex_lock(&w->lock);
    assert_int_equal(state_add_thread(w->state, &init), 0);
    metadata_met(w->metadata, state_thread(w->state, pid));
    pthread_mutex_unlock(&w->lock);
}

static bool is_known(struct world *w, int64_t pid, const char *name)
{
    pthread_mutex_lock(&w->lock);
    const struct container *c = state_thread(w->state, pid)->container;
    bool known = c && !c->pending && str_eqz(c->name, name);
    pthread_mutex_unlock(&w->lock);
    return known;
}

/* Not a measure of time: only how long until the test gives up. */
static void wait_known(struct world *w, int64_t pid, const char *name)
{
    for (int i = 0; i < WAIT_MS / 5; i++) {
        if (is_known(w, pid, name)) {
            return;
        }
        usleep(5000);
    }
    struct metadata_stats stats;
    metadata_get_stats(w->metadata, &stats);
    fail_msg("%s is not known: %s %s", name, stats.ecs_error.message, stats.runtime_error.message);
}

static struct metadata_stats wait_failed(struct world *w, uint64_t n)
{
    struct metadata_stats stats;
    for (int i = 0; i < WAIT_MS / 5; i++) {
        metadata_get_stats(w->metadata, &stats);
        if (stats.ecs_failed >= n) {
            break;
        }
        usleep(5000);
    }
    assert_true(stats.ecs_failed >= n);
    return stats;
}

static const struct container *container_of(struct world *w, int64_t pid)
{
    return state_thread(w->state, pid)->container;
}

static void fargate(void **state)
{
    (void)state;
    struct world *w = world_new();
    serve_fargate(w);
    start(w, true, false);
    add_thread(w, 10, "cpu=/ecs/" FARGATE_TASK "/" FARGATE_ID);
    add_thread(w, 11, "cpu=/../" FARGATE_OTHER);
    wait_known(w, 10, "app");
    wait_known(w, 11, "sidecar");
    const struct container *c = container_of(w, 10);
    assert_str(c->id, FARGATE_ID);
    assert_str(c->ecs_cluster, "prod");
    assert_str(c->ecs_task_family, "sample-fargate");
    assert_str(c->aws_account, "123456789012");
    assert_str(c->image_digest, FARGATE_DIGEST);
    struct metadata_stats stats;
    metadata_get_stats(w->metadata, &stats);
    assert_true(stats.ecs && stats.ecs_asked > 0 && stats.containers >= 2);
    assert_int_equal(stats.ecs_error.code, 0);
    world_free(w);
}

static void changing(void **state)
{
    (void)state;
    struct world *w = world_new();
    serve_fargate(w);
    w->ecs.paths[0].body = NULL;
    w->ecs.paths[1].body = NULL;
    start(w, true, false);
    add_thread(w, 10, "cpu=/ecs/" FARGATE_TASK "/" FARGATE_ID);
    wait_failed(w, 2);
    assert_false(is_known(w, 10, "app"));
    /* first without the container, then with */
    w->ecs.paths[0].body = "{\"Cluster\":\"c\",\"Containers\":[{\"DockerId\":\"" FARGATE_OTHER
                           "\",\"KnownStatus\":\"RUNNING\"}]}";
    add_thread(w, 11, "cpu=/ecs/" FARGATE_TASK "/" FARGATE_OTHER);
    wait_known(w, 11, "");
    assert_false(is_known(w, 10, "app"));
    w->ecs.paths[0].body = fargate_document;
    wait_known(w, 10, "app");
    wait_known(w, 11, "sidecar");
    /* a bad document later leaves what is known */
    w->ecs.paths[0].body = "{\"Cluster\":7}";
    wait_failed(w, 3);
    assert_true(is_known(w, 10, "app"));
    world_free(w);
}

static void misbehaving(void **state)
{
    (void)state;
    static const struct {
        enum stub_mode mode;
        int code;
    } cases[] = {
        { STUB_SILENT, -ETIMEDOUT }, { STUB_GARBAGE, -EPROTO }, { STUB_REDIRECT, -EPROTO },
        { STUB_HUGE, -EFBIG },       { STUB_HEADERS, -EFBIG },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world *w = world_new();
        serve_fargate(w);
        w->ecs.mode = cases[i].mode;
        start(w, true, false);
        add_thread(w, 10, "cpu=/ecs/" FARGATE_TASK "/" FARGATE_ID);
        struct metadata_stats stats = wait_failed(w, 1);
        if (stats.ecs_error.code != cases[i].code) {
            fail_msg("%zu: %s", i, stats.ecs_error.message);
        }
        assert_false(is_known(w, 10, "app"));
        w->ecs.mode = STUB_OK;
        wait_known(w, 10, "app");
        world_free(w);
    }
}

static void nobody_there(void **state)
{
    (void)state;
    struct world *w = world_new();
    start(w, true, true);
    metadata_free(w->metadata);
    close(w->ecs.fd); /* refuses from now on */
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:1/v4/x");
    unlink(w->socket);
    start(w, true, true);
    add_thread(w, 10, "cpu=/docker/" EC2_ID);
    struct metadata_stats stats = wait_failed(w, 3);
    assert_int_equal(stats.ecs_error.code, -ECONNREFUSED);
    assert_false(is_known(w, 10, "x"));
    w->ecs.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    w->ecs.complaints = w->docker.complaints = 0;
    world_free(w);
}

static void nothing_to_ask(void **state)
{
    (void)state;
    struct world *w = world_new();
    start(w, false, false);
    add_thread(w, 10, "cpu=/docker/" EC2_ID);
    metadata_hint(w->metadata, 10, STR("x"));
    assert_null(metadata_socket_of(w->metadata, STR(EC2_ID)));
    struct metadata_stats stats;
    metadata_get_stats(w->metadata, &stats);
    assert_false(stats.ecs);
    world_free(w);
}

static void bad_url(void **state)
{
    (void)state;
    struct metadata *m = NULL;
    struct err err = { 0 };
    struct metadata_config config = { .ecs_url = "http://example.com/v4/x" };
    assert_int_equal(metadata_new(&config, &m, &err), -EINVAL);
    assert_non_null(strstr(err.message, "example.com"));
    assert_null(m);
}

/* lint: table */
static const char docker_document[] =
    "{\"Id\":\"" EC2_ID "\",\"Name\":\"/web\",\"Image\":\"sha256:" EC2_IMAGE "\","
    "\"Config\":{\"Image\":\"nginx:1.25\",\"User\":\"www\"},"
    "\"HostConfig\":{\"Privileged\":true,\"Memory\":1048576},"
    "\"Mounts\":[{\"Source\":\"/\",\"Destination\":\"/host\",\"RW\":true}]}";

static void serve_docker(struct world *w)
{
    static const struct stub_path paths[] = {
        { "/containers/" EC2_ID "/json", docker_document, 0 },
        { "/containers/ea32192c8553/json", docker_document, 0 },
        { "/images/" EC2_IMAGE "/json", "{\"RepoDigests\":[\"nginx@" FARGATE_DIGEST "\"]}", 0 },
        { "/containers/0e1d5d3e8a6f/json", NULL, 0 },
    };
    set_paths(&w->docker, paths, ARRAY_SIZE(paths));
}

static void docker(void **state)
{
    (void)state;
    struct world *w = world_new();
    serve_docker(w);
    start(w, false, true);
    add_thread(w, 10, "cpu=/docker/" EC2_ID);
    wait_known(w, 10, "web");
    const struct container *c = container_of(w, 10);
    assert_str(c->id, "ea32192c8553");
    assert_str(c->full_id, EC2_ID);
    assert_str(c->type, "docker");
    assert_str(c->image_digest, FARGATE_DIGEST);
    assert_str(c->user, "www");
    assert_true(c->privileged);
    assert_int_equal(c->nmounts, 1);
    assert_int_equal(c->memory_limit_bytes, 1048576);
    assert_string_equal(metadata_socket_of(w->metadata, STR(EC2_ID)), w->socket);
    assert_string_equal(metadata_socket_of(w->metadata, STR("ea32192c8553")), w->socket);
    assert_null(metadata_socket_of(w->metadata, STR("0e1d5d3e8a6f")));
    /* known ones are not asked for again */
    unsigned asked = w->docker.requests;
    for (int64_t pid = 20; pid < 40; pid++) {
        add_thread(w, pid, "cpu=/docker/" EC2_ID);
        assert_true(is_known(w, pid, "web"));
    }
    assert_int_equal(w->docker.requests, asked);
    world_free(w);
}

/* ECS says what it is for, Docker how it was started. */
static void both(void **state)
{
    (void)state;
    static const struct stub_path paths[] = {
        { "/v4/" FARGATE_OTHER "/task", ec2_document, 0 },
        { "/v4/" FARGATE_OTHER, "{\"DockerId\":\"" EC2_ID "\"}", 0 },
    };
    struct world *w = world_new();
    serve_docker(w);
    set_paths(&w->ecs, paths, ARRAY_SIZE(paths));
    start(w, true, true);
    add_thread(w, 10, "cpu=/docker/" EC2_ID);
    for (int i = 0; i < WAIT_MS / 5 && !metadata_socket_of(w->metadata, STR(EC2_ID)); i++) {
        usleep(5000);
    }
    wait_known(w, 10, "curl");
    const struct container *c = container_of(w, 10);
    assert_true(c->privileged);
    assert_str(c->ecs_service, "MyService");
    assert_str(c->image_digest, FARGATE_DIGEST);
    world_free(w);
}

/* A process whose control group does not name its container, in a mount namespace of its own. */
static pid_t nameless_process(const char *uri)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char variable[256];
        snprintf(variable, sizeof(variable), "ECS_CONTAINER_METADATA_URI_V4=%s", uri);
        char *env[] = { variable, NULL };
        char *argv[] = { "sleep", "60", NULL };
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNS) < 0) {
            _exit(77);
        }
        execve("/bin/sleep", argv, env);
        _exit(78);
    }
    close(ready[1]);
    while (read(ready[0], &byte, 1) < 0) {
    }
    close(ready[0]);
    return pid;
}

static void end_process(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Which made-up container the process is in; false: it needs none here (a process of the host). */
static bool made_up_group(pid_t pid, char group[CONTAINER_CGROUP_MAX])
{
    size_t n = container_cgroup(pid, group);
    return n > 0 && container_is_made_up(str_from(group, n));
}

static void hint_in_environment(void **state)
{
    (void)state;
    struct world *w = world_new();
    char uri[256], group[CONTAINER_CGROUP_MAX];
    serve_fargate(w);
    snprintf(uri, sizeof(uri), "http://127.0.0.1:%u/v4/" FARGATE_ID, w->ecs.port);
    start(w, true, false);
    pid_t pid = nameless_process(uri);
    bool made_up = made_up_group(pid, group);
    if (made_up) {
        add_thread(w, pid, group);
        wait_known(w, pid, "app");
        struct metadata_stats stats;
        metadata_get_stats(w->metadata, &stats);
        assert_int_equal(stats.named, 1);
    }
    end_process(pid);
    world_free(w);
    if (!made_up) {
        print_message("skipped: this process is not in a container\n");
        skip();
    }
}

static void forged_hint(void **state)
{
    (void)state;
    struct world *w = world_new();
    char group[CONTAINER_CGROUP_MAX];
    serve_fargate(w);
    start(w, true, false);
    pid_t pid = nameless_process("http://127.0.0.1:9/v4/" FARGATE_ID);
    bool made_up = made_up_group(pid, group);
    struct metadata_stats stats = { 0 };
    if (made_up) {
        add_thread(w, pid, group);
        for (int i = 0; i < WAIT_MS / 5 && !stats.hints_refused; i++) {
            usleep(5000);
            metadata_get_stats(w->metadata, &stats);
        }
        assert_true(stats.hints_refused > 0);
        assert_int_equal(stats.named, 0);
        assert_false(is_known(w, pid, "app"));
        /* the hello of the shim tells */
        metadata_hint(w->metadata, pid, STR(FARGATE_ID));
        wait_known(w, pid, "app");
    }
    end_process(pid);
    world_free(w);
    if (!made_up) {
        print_message("skipped: this process is not in a container\n");
        skip();
    }
}

static void free_while_waiting(void **state)
{
    (void)state;
    struct world *w = world_new();
    serve_fargate(w);
    w->ecs.mode = STUB_SILENT;
    start(w, true, false);
    while (!w->ecs.requests) {
        usleep(1000);
    }
    world_free(w); /* ends the request */
}

static void full_queue(void **state)
{
    (void)state;
    struct world *w = world_new();
    serve_docker(w);
    w->docker.mode = STUB_SILENT;
    start(w, false, true);
    for (int64_t i = 0; i < 3 * METADATA_QUEUE_MAX; i++) {
        char group[128];
        snprintf(group, sizeof(group), "cpu=/docker/%064llx", (long long)i);
        add_thread(w, 100 + i, group);
    }
    struct metadata_stats stats;
    metadata_get_stats(w->metadata, &stats);
    assert_true(stats.dropped > 0);
    w->docker.complaints = 0;
    world_free(w);
}

/* A process of the agent's own container: what the endpoint says of its own URL. */
static void own_container(void **state)
{
    (void)state;
    struct world *w = world_new();
    char group[CONTAINER_CGROUP_MAX];
    serve_fargate(w);
    start(w, true, false);
    bool made_up = made_up_group(getpid(), group);
    if (made_up) {
        add_thread(w, getpid(), group);
        wait_known(w, getpid(), "sidecar");
    }
    world_free(w);
    if (!made_up) {
        print_message("skipped: this process is not in a container\n");
        skip();
    }
}

int main(void)
{
    own_namespace();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fargate),
        cmocka_unit_test(changing),
        cmocka_unit_test(misbehaving),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(nothing_to_ask),
        cmocka_unit_test(bad_url),
        cmocka_unit_test(docker),
        cmocka_unit_test(both),
        cmocka_unit_test(hint_in_environment),
        cmocka_unit_test(forged_hint),
        cmocka_unit_test(own_container),
        cmocka_unit_test(free_while_waiting),
        cmocka_unit_test(full_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
