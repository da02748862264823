/*
 * Responses on real processes: children in mount namespaces of their own, which an engine is told are in a
 * container; control groups of the test's own making; and a runtime's socket that the test answers.
 */
#include "../rules/rules_fixture.h"

#include "../event/make_event.h"
#include "agent/respond.h"
#include "agent/respond_act.h"
#include "agent/respond_cgroup.h"
#include "agent/respond_limit.h"
#include "agent/runtime_post.h"
#include "base/clock.h"
#include "rules/policy.h"
#include "sensor/live/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID   "0123456789ab"
#define LONG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct bench {
    struct loaded rules;
    struct policies *policies;
    struct selection selection;
    struct engine *engine;
    struct respond *respond;
    int out[2];
    pid_t children[8];
    int nchildren;
    char text[65536];
    const char *sockets[1];
    size_t nsockets;
};

static int set_up(void **data)
{
    struct bench *b = calloc(1, sizeof *b);
    b->rules = load_text(RULE("Opened", "evt.type = open") RULE("Ran", "evt.type = execve"));
    assert_int_equal(pipe2(b->out, O_CLOEXEC | O_NONBLOCK), 0);
    b->sockets[0] = "/nonexistent.sock";
    b->nsockets = 1;
    *data = b;
    return 0;
}

static void start(struct bench *b, const char *policies, struct respond_config config)
{
    struct err err = { 0 };
    assert_int_equal(policies_new(b->rules.ruleset, &b->policies), 0);
    assert_int_equal(policies_add(b->policies, STR("p"), str_of(policies)), 0);
    assert_int_equal(policies_finish(b->policies, &err), 0);
    assert_int_equal(selection_init(&b->selection, b->rules.ruleset), 0);
    config.sockets = b->sockets;
    config.nsockets = b->nsockets;
    if (respond_new(&config, &b->respond, &err) < 0) {
        fail_msg("%s", err.message);
    }
    struct engine_config engine = {
        .rules = { .ruleset = b->rules.ruleset,
                   .selection = &b->selection,
                   .actions = policies_actions(b->policies),
                   .policies = b->policies },
        .options.format.json = true,
        .output = b->out[1],
        .watch = { .event = respond_event, .data = b->respond },
    };
    assert_int_equal(engine_new(&engine, &b->engine, &err), 0);
    assert_int_equal(respond_start(b->respond, b->engine, &err), 0);
}

static int tear_down(void **data)
{
    struct bench *b = *data;
    respond_free(b->respond);
    engine_free(b->engine);
    policies_free(b->policies);
    selection_done(&b->selection);
    load_done(&b->rules);
    for (int i = 0; i < b->nchildren; i++) {
        kill(b->children[i], SIGKILL);
        waitpid(b->children[i], NULL, 0);
    }
    close(b->out[0]);
    close(b->out[1]);
    free(b);
    return 0;
}

/* A sleeping child in a mount namespace of its own, or (beside) in ours. */
static pid_t make_child(struct bench *b, bool beside)
{
    int ready[2];
    char c;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (!beside && unshare(CLONE_NEWNS) < 0) {
            _exit(1);
        }
        close(ready[1]);
        dup2(ready[0], 0);
        close(ready[0]);
        for (;;) {
            pause();
        }
    }
    close(ready[0]);
    usleep(20000);
    (void)c;
    close(ready[1]);
    b->children[b->nchildren++] = pid;
    return pid;
}

static void know(struct bench *b, pid_t pid, const char *id, uint64_t start_ns)
{
    char groups[128];
    int n = snprintf(groups, sizeof(groups), "cpu=/docker/%s", id ? id : "");
    struct thread_init init = { .t = { .tid = pid, .pid = pid, .ptid = 1, .vtid = 1, .vpid = 1 },
                                .comm = STR("victim"),
                                .cgroups =
                                    id ? str_from(groups, (size_t)n + 1) : (struct str){ 0 } };
    init.t.clone_ts_ns = start_ns;
    init.t.flags = THREAD_MAIN;
    pthread_mutex_lock(engine_lock(b->engine));
    assert_int_equal(state_add_thread(engine_state(b->engine), &init), 0);
    pthread_mutex_unlock(engine_lock(b->engine));
}

static void open_file(struct bench *b, pid_t pid)
{
    const struct sink *sink = engine_sink(b->engine);
    struct event *event = make_event(KIND_OPEN_X, pid, clock_real_ns(), "qswww", 3L, "/x", 1, 0, 5);
    pthread_mutex_lock(engine_lock(b->engine));
    sink->event(sink->data, event);
    pthread_mutex_unlock(engine_lock(b->engine));
}

static const char *said(struct bench *b)
{
    respond_drain(b->respond);
    engine_drain(b->engine);
    size_t n = strlen(b->text);
    for (ssize_t got; (got = read(b->out[0], b->text + n, sizeof(b->text) - 1 - n)) > 0;) {
        n += (size_t)got;
    }
    b->text[n] = '\0';
    return b->text;
}

static void assert_said(struct bench *b, const char *what)
{
    if (!strstr(said(b), what)) {
        fail_msg("no |%s| in |%s|", what, b->text);
    }
}

static uint64_t count_of(struct bench *b, enum policy_action action, enum respond_result result)
{
    struct respond_stats stats;
    respond_get_stats(b->respond, &stats);
    return stats.counts[__builtin_ctz(action)][result];
}

static bool is_dead(pid_t pid)
{
    siginfo_t info = { 0 };
    for (int i = 0; i < 200; i++) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
            info.si_pid == pid) {
            return info.si_code == CLD_KILLED && info.si_status == SIGKILL;
        }
        usleep(10000);
    }
    return false;
}

static bool is_alive(pid_t pid)
{
    siginfo_t info = { 0 };
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == 0;
}

#define KILL_POLICY  "- {policy: Kill, rules: [{name: Opened, actions: [kill]}]}\n"
#define STOP_POLICY  "- {policy: Stop, rules: [{name: Opened, actions: [stop]}]}\n"
#define PAUSE_POLICY "- {policy: Pause, rules: [{name: Opened, actions: [pause]}]}\n"

static void test_kill(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ 0 });
    pid_t pid = make_child(b, false);
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_said(b,
                "\"response.action\":\"kill\",\"response.result\":\"done\",\"response.errno\":0");
    assert_said(b, "\"response.policy\":\"Kill\",\"response.rule\":\"Opened\"");
    assert_said(b, "\"proc.name\":\"victim\",\"container.id\":\"" ID "\"");
    assert_said(b, "\"rule\":\"Hinomi response\"");
    assert_true(is_dead(pid));
    assert_int_equal(count_of(b, ACTION_KILL, RESPOND_DONE), 1);
}

static void test_out_of_scope(void **data)
{
    struct bench *b = *data;
    start(b,
          "- {policy: P, scope: container.id = other, rules: [{name: Opened, actions: [kill]}]}\n",
          (struct respond_config){ 0 });
    pid_t pid = make_child(b, false);
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_null(strstr(said(b), "Hinomi response"));
    assert_true(is_alive(pid));
}

/* The one meant had ended; what has its id now began later. */
static void test_reused_id(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ 0 });
    pid_t pid = make_child(b, false);
    know(b, pid, LONG, clock_real_ns() - 3600 * NS_PER_S);
    open_file(b, pid);
    assert_said(b, "\"response.result\":\"gone\"");
    assert_said(b, "its id is another's");
    assert_true(is_alive(pid));
}

static void test_reused_id_since_the_alert(void **data)
{
    struct bench *b = *data;
    struct live_task *task;
    uint64_t before = clock_boot_ns() - 50 * NS_PER_MS;
    usleep(50000);
    pid_t pid = make_child(b, false);
    struct act_target target = { .pid = pid, .seen_boot_ns = before };
    assert_int_equal(live_task_new(&task), 0);
    assert_int_equal(act_open(&target, task), -ESTALE);
    target.seen_boot_ns = clock_boot_ns();
    int fd = act_open(&target, task);
    assert_true(fd >= 0);
    close(fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    b->nchildren = 0;
    assert_int_equal(act_kill(&target, task), -ESRCH);
    live_task_free(task);
}

static void test_gone(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ 0 });
    know(b, 3999999, LONG, clock_real_ns());
    open_file(b, 3999999);
    assert_said(b, "\"response.result\":\"gone\",\"response.errno\":3");
}

static void test_host(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ 0 });
    pid_t pid = make_child(b, false);
    know(b, pid, NULL, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "\"response.result\":\"refused\"");
    assert_said(b, "the process is in no container");
    assert_true(is_alive(pid));
}

static void test_host_allowed(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ .allow_host = true });
    pid_t pid = make_child(b, true);
    know(b, pid, NULL, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "\"response.result\":\"done\"");
    assert_true(is_dead(pid));
}

static void test_own_container(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY STOP_POLICY, (struct respond_config){ 0 });
    pid_t pid = make_child(b, true);
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "the container is the agent's own");
    assert_int_equal(count_of(b, ACTION_KILL, RESPOND_REFUSED), 1);
    assert_int_equal(count_of(b, ACTION_STOP, RESPOND_REFUSED), 1);
    assert_true(is_alive(pid));
}

static void test_local(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ .local = true });
    pid_t pid = make_child(b, true);
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "\"response.action\":\"kill\",\"response.result\":\"done\"");
    assert_true(is_dead(pid));
}

static void test_local_is_not_stopped(void **data)
{
    struct bench *b = *data;
    start(b, STOP_POLICY, (struct respond_config){ .local = true });
    pid_t pid = make_child(b, true);
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "the container is the agent's own");
    assert_true(is_alive(pid));
}

static void test_protected(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ .allow_host = true });
    pid_t pid = make_child(b, false);
    know(b, pid, LONG, clock_real_ns());
    know(b, getpid(), LONG, clock_real_ns());
    know(b, 1, LONG, clock_real_ns());
    struct live_process process;
    assert_int_equal(live_process_read(pid, &process), 0);
    assert_int_equal(respond_protect(b->respond, pid, process.start_ticks), 0);
    open_file(b, pid);
    open_file(b, getpid());
    open_file(b, 1);
    assert_said(b, "the process is protected");
    assert_int_equal(count_of(b, ACTION_KILL, RESPOND_REFUSED), 3);
    assert_true(is_alive(pid));
    respond_release(b->respond, pid, process.start_ticks);
    /* A former process of this number was protected. */
    assert_int_equal(respond_protect(b->respond, pid, process.start_ticks - 1), 0);
    assert_false(respond_is_protected(b->respond, pid));
    open_file(b, pid);
    assert_said(b, "\"response.result\":\"done\"");
}

static void test_switched_off(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ .never = { false, true } });
    pid_t pid = make_child(b, false);
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "switched off");
    assert_true(is_alive(pid));
}

static void test_limit(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ .per_minute = { 0, 2 } });
    pid_t pids[4];
    for (int i = 0; i < 4; i++) {
        pids[i] = make_child(b, false);
        know(b, pids[i], LONG, clock_real_ns());
        open_file(b, pids[i]);
        respond_drain(b->respond);
    }
    assert_said(b, "\"response.result\":\"limited\",\"response.errno\":16");
    assert_int_equal(count_of(b, ACTION_KILL, RESPOND_DONE), 2);
    assert_int_equal(count_of(b, ACTION_KILL, RESPOND_LIMITED), 2);
    assert_true(is_dead(pids[1]));
    assert_true(is_alive(pids[2]) && is_alive(pids[3]));
    /* The second refusal is told at the end, with its number. */
    said(b);
    b->text[0] = '\0';
    struct respond *respond = b->respond;
    respond_stop(respond);
    assert_null(strstr(said(b), "limited"));
}

static void test_container_limit(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ .per_container = 1 });
    static const char *const ids[] = { LONG, LONG, "f" LONG };
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        char id[65];
        snprintf(id, sizeof(id), "%.64s", ids[i]);
        pids[i] = make_child(b, false);
        know(b, pids[i], id, clock_real_ns());
        open_file(b, pids[i]);
        respond_drain(b->respond);
    }
    assert_true(is_dead(pids[0]) && is_alive(pids[1]) && is_dead(pids[2]));
}

static void test_limit_window(void **data)
{
    (void)data;
    struct limit limit;
    assert_int_equal(limit_init(&limit, 0), -EINVAL);
    assert_int_equal(limit_init(&limit, LIMIT_MAX + 1), -EINVAL);
    assert_int_equal(limit_init(&limit, 2), 0);
    limit_count(&limit, 1);
    assert_true(limit_has_room(&limit, 1));
    limit_count(&limit, 10);
    assert_false(limit_has_room(&limit, 11));
    assert_false(limit_has_room(&limit, LIMIT_WINDOW_NS));
    assert_true(limit_has_room(&limit, LIMIT_WINDOW_NS + 1));
    limit_count(&limit, LIMIT_WINDOW_NS + 1);
    assert_false(limit_has_room(&limit, LIMIT_WINDOW_NS + 9));
    assert_true(limit_has_room(&limit, LIMIT_WINDOW_NS + 10));
    limit_done(&limit);
}

static void test_limits_of_many(void **data)
{
    (void)data;
    struct limits *limits;
    assert_int_equal(limits_new(1, &limits), 0);
    limit_count(limits_of(limits, STR("first"), 1), 1);
    for (uint64_t i = 0; i < LIMIT_NAMES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%llu", (unsigned long long)i);
        assert_true(limit_has_room(limits_of(limits, str_of(name), 10 + i), 10 + i));
    }
    assert_true(limit_has_room(limits_of(limits, STR("first"), 100), 100)); /* forgotten */
    limits_free(limits);
}

static void test_denied(void **data)
{
    struct bench *b = *data;
    start(b, "- {policy: Deny, rules: [{name: Opened, actions: [deny]}]}\n",
          (struct respond_config){ 0 });
    const struct sink *sink = engine_sink(b->engine);
    know(b, 77, LONG, clock_real_ns());
    struct event *event = make_event(KIND_OPEN_X, 77, clock_real_ns(), "qswww", 3L, "/x", 1, 0, 5);
    pthread_mutex_lock(engine_lock(b->engine));
    assert_int_equal(sink->preview(sink->data, event), VERDICT_DENY);
    event->outcome = OUTCOME_DENIED;
    sink->event(sink->data, event);
    pthread_mutex_unlock(engine_lock(b->engine));
    open_file(b, 77); /* one that could not be refused any more */
    assert_said(b, "\"response.action\":\"deny\",\"response.result\":\"done\"");
    assert_int_equal(count_of(b, ACTION_DENY, RESPOND_DONE), 1);
}

static void test_denial_has_a_scope(void **data)
{
    struct bench *b = *data;
    start(b,
          "- {policy: P, scope: container.id = other, rules: [{name: Opened, actions: [deny]}]}\n",
          (struct respond_config){ 0 });
    const struct sink *sink = engine_sink(b->engine);
    know(b, 77, LONG, clock_real_ns());
    struct event *event = make_event(KIND_OPEN_X, 77, clock_real_ns(), "qswww", 3L, "/x", 1, 0, 5);
    pthread_mutex_lock(engine_lock(b->engine));
    assert_int_equal(sink->preview(sink->data, event), VERDICT_MATCH);
    pthread_mutex_unlock(engine_lock(b->engine));
}

/* Without a runtime and a control group: all that is known of it. */
static void test_stop_by_signals(void **data)
{
    struct bench *b = *data;
    start(b, STOP_POLICY, (struct respond_config){ .cgroup_root = "/nonexistent" });
    pid_t one = make_child(b, false), two = make_child(b, false), other = make_child(b, false);
    know(b, one, LONG, clock_real_ns());
    know(b, two, LONG, clock_real_ns());
    know(b, other, "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         clock_real_ns());
    open_file(b, one);
    assert_said(b, "\"response.result\":\"done\"");
    assert_said(b, "\"response.by\":\"signals\"");
    assert_true(is_dead(one) && is_dead(two));
    assert_true(is_alive(other));
}

static void test_pause_impossible(void **data)
{
    struct bench *b = *data;
    start(b, PAUSE_POLICY, (struct respond_config){ .cgroup_root = "/nonexistent" });
    pid_t pid = make_child(b, false);
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "\"response.result\":\"failed\",\"response.errno\":2");
}

static void test_queue_is_full(void **data)
{
    struct bench *b = *data;
    start(b, KILL_POLICY, (struct respond_config){ 0 });
    const struct sink *sink = engine_sink(b->engine);
    for (int i = 0; i < RESPOND_QUEUE * 2; i++) {
        know(b, 5000000 + i, LONG, clock_real_ns());
    }
    pthread_mutex_lock(engine_lock(b->engine));
    for (int i = 0; i < RESPOND_QUEUE * 100; i++) {
        int64_t pid = 5000000 + i % (RESPOND_QUEUE * 2);
        sink->event(sink->data,
                    make_event(KIND_OPEN_X, pid, clock_real_ns(), "qswww", 3L, "/x", 1, 0, 5));
    }
    pthread_mutex_unlock(engine_lock(b->engine));
    respond_drain(b->respond);
    assert_true(count_of(b, ACTION_KILL, RESPOND_GONE) +
                    count_of(b, ACTION_KILL, RESPOND_LIMITED) >=
                RESPOND_PER_CONTAINER);
    assert_true(count_of(b, ACTION_KILL, RESPOND_DROPPED) > 0);
}

static void test_cgroup_lines(void **data)
{
    (void)data;
    static const struct {
        const char *line, *path;
        bool unified;
    } cases[] = {
        { "6:freezer:/docker/" LONG, "/docker/" LONG, false },
        { "0::/kubepods/pod1/cri-" LONG ".scope/inner", "/kubepods/pod1/cri-" LONG ".scope", true },
        { "3:cpu:/docker/" LONG, "", false },
        { "0::/../" LONG, "", true },
        { "0::/a/../" LONG, "", true },
        { "0::/other", "", true },
        { "0::relative/" LONG, "", true },
        { "0::", "", true },
        { "nonsense", "", false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool unified = false;
        assert_str(cgroup_of_line(str_of(cases[i].line), STR(ID), &unified), cases[i].path);
        if (cases[i].path[0]) {
            assert_int_equal(unified, cases[i].unified);
        }
    }
    bool unified;
    assert_str(cgroup_of_line(STR("0::/docker/" LONG), STR("0123"), &unified), "");
}

/* A group of the test's own, named like a container's. */
static bool make_group(char path[256], const char *below, pid_t pid)
{
    char procs[300];
    snprintf(path, 256, CGROUP_ROOT "%s/docker-" LONG, below);
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        return false;
    }
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
    FILE *file = fopen(procs, "we");
    bool good = file && fprintf(file, "%d\n", pid) > 0;
    return file && fclose(file) == 0 && good;
}

static bool is_frozen(const char *group, const char *name, const char *text)
{
    char path[300], have[256];
    snprintf(path, sizeof(path), "%s/%s", group, name);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(have, 1, sizeof(have), file) : 0;
    if (file) {
        fclose(file);
    }
    return str_find(str_from(have, n), str_of(text)) >= 0;
}

static void freeze_and_stop(struct bench *b, const char *below)
{
    char path[256];
    struct err err = { 0 };
    struct cgroup_place place;
    uint32_t killed;
    pid_t pid = make_child(b, false);
    if (!make_group(path, below, pid)) {
        print_message("skipped: no control group can be made below " CGROUP_ROOT "%s\n", below);
        skip();
    }
    start(b, PAUSE_POLICY, (struct respond_config){ 0 });
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "\"response.by\":\"control group\"");
    assert_int_equal(cgroup_open(NULL, pid, STR(ID), &place, &err), 0);
    assert_true(is_frozen(path, place.unified ? "cgroup.events" : "freezer.state",
                          place.unified ? "frozen 1" : "FROZEN"));
    assert_int_equal(cgroup_freeze(&place, false, &err), 0);
    assert_true(is_alive(pid));
    pid_t again = make_child(b, false);
    assert_true(make_group(path, below, again));
    assert_int_equal(cgroup_kill(&place, &killed, &err), 0);
    assert_true(is_dead(again) && is_dead(pid));
    close(place.dir);
    for (int i = 0; i < b->nchildren; i++) {
        waitpid(b->children[i], NULL, 0);
    }
    b->nchildren = 0;
    rmdir(path);
}

static void test_freezer_v1(void **data)
{
    freeze_and_stop(*data, "/freezer");
}

static void test_freezer_v2(void **data)
{
    struct stat st;
    freeze_and_stop(*data, stat(CGROUP_ROOT "/unified", &st) == 0 ? "/unified" : "");
}

/* ---- a runtime's API */

struct runtime {
    char path[64], request[4096];
    const char *answer;
    int fd;
    pthread_t thread;
};

static void *serve(void *data)
{
    struct runtime *r = data;
    int fd = accept(r->fd, NULL, NULL);
    size_t n = 0;
    while (fd >= 0 && !strstr(r->request, "\r\n\r\n")) {
        ssize_t got = read(fd, r->request + n, sizeof(r->request) - 1 - n);
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    if (fd >= 0) {
        send(fd, r->answer, strlen(r->answer), MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void start_runtime(struct runtime *r, const char *answer)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    *r = (struct runtime){ .answer = answer };
    snprintf(r->path, sizeof(r->path), "/tmp/hinomi-runtime-%d.sock", getpid());
    unlink(r->path);
    memcpy(address.sun_path, r->path, strlen(r->path) + 1);
    r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(r->fd, 4), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
}

static void end_runtime(struct runtime *r)
{
    pthread_join(r->thread, NULL);
    close(r->fd);
    unlink(r->path);
}

static void test_stop_by_runtime(void **data)
{
    struct bench *b = *data;
    struct runtime runtime;
    start_runtime(&runtime, "HTTP/1.1 204 No Content\r\n\r\n");
    b->sockets[0] = runtime.path;
    start(b, STOP_POLICY, (struct respond_config){ .cgroup_root = "/nonexistent" });
    pid_t pid = make_child(b, false);
    know(b, pid, LONG, clock_real_ns());
    open_file(b, pid);
    assert_said(b, "\"response.by\":\"runtime\"");
    end_runtime(&runtime);
    assert_true(
        str_starts(str_of(runtime.request), STR("POST /containers/" ID "/stop?t=2 HTTP/1.1\r\n")));
    assert_true(is_alive(pid)); /* what the runtime does is its own */
}

static void test_runtime_answers(void **data)
{
    (void)data;
    static const struct {
        const char *answer;
        int result;
    } cases[] = {
        { "HTTP/1.1 204 No Content\r\n\r\n", 0 },
        { "HTTP/1.1 304 Not Modified\r\n\r\n", 0 },
        { "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", -ENOENT },
        { "HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\nno\r\n", -EPROTO },
        { "nonsense\r\n\r\n", -EPROTO },
        { "", -EPROTO },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct runtime runtime;
        struct err err = { 0 };
        start_runtime(&runtime, cases[i].answer);
        assert_int_equal(runtime_post(runtime.path, STR(ID), "pause", 5000, &err), cases[i].result);
        end_runtime(&runtime);
    }
    struct err err = { 0 };
    assert_int_equal(runtime_post("/nonexistent", STR(ID), "pause", 1000, &err), -ECONNREFUSED);
    assert_int_equal(runtime_post("/nonexistent", STR("../x"), "pause", 1000, &err), -EINVAL);
}

static void test_capture(void **data)
{
    struct bench *b = *data;
    start(b, "- {policy: P, rules: [{name: Opened, actions: [capture]}]}\n",
          (struct respond_config){ 0 });
    know(b, 77, LONG, clock_real_ns());
    open_file(b, 77);
    assert_said(b, "no folder for captures is configured");
    struct recorder_result result = { .file = "hinomi-x.scap",
                                      .events = 3,
                                      .cause = { STR("Opened"), STR("P"), STR(ID), 77 } };
    respond_captured(b->respond, &result);
    assert_said(b, "file hinomi-x.scap events 3 alerts 1");
    result.error = ENOSPC;
    respond_captured(b->respond, &result);
    assert_said(b, "No space left");
}

static void test_configuration(void **data)
{
    (void)data;
    struct respond *respond;
    struct err err = { 0 };
    struct respond_config bad = { .per_container = RESPOND_LIMIT_MAX + 1 };
    assert_int_equal(respond_new(&bad, &respond, &err), -EINVAL);
    bad = (struct respond_config){ .nsockets = RESPOND_SOCKETS_MAX + 1 };
    assert_int_equal(respond_new(&bad, &respond, &err), -EINVAL);
    respond_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_kill),
        TEST(test_out_of_scope),
        TEST(test_reused_id),
        TEST(test_reused_id_since_the_alert),
        TEST(test_gone),
        TEST(test_host),
        TEST(test_host_allowed),
        TEST(test_own_container),
        TEST(test_local),
        TEST(test_local_is_not_stopped),
        TEST(test_protected),
        TEST(test_switched_off),
        TEST(test_limit),
        TEST(test_container_limit),
        TEST(test_limit_window),
        TEST(test_limits_of_many),
        TEST(test_denied),
        TEST(test_denial_has_a_scope),
        TEST(test_stop_by_signals),
        TEST(test_pause_impossible),
        TEST(test_queue_is_full),
        TEST(test_cgroup_lines),
        TEST(test_freezer_v1),
        TEST(test_freezer_v2),
        TEST(test_stop_by_runtime),
        TEST(test_runtime_answers),
        TEST(test_capture),
        TEST(test_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
