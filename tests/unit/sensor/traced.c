/*
 * traced: see traced.h. The program waits in a read that no filter chooses until it is watched. It is forked
 * before the sensor has a thread, whose locks (the sanitizers' too) would be its own for ever.
 */
#include "test.h"

#include "traced.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "sensor/live/task.h"
#include "sensor/notify/feature.h"
#include "sensor/notify/filter.h"

#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const struct traced_way traced_ways[TRACED_WAYS] = {
    { "filter", true, false },
    { "no filter", false, false },
    { "filter, old kernel", true, true },
    { "no filter, old kernel", false, true },
};

static bool wants(void *data, const struct thread *thread, uint16_t name, uint32_t open_flags)
{
    (void)data;
    (void)thread;
    (void)name;
    (void)open_flags;
    return true;
}

static bool is_exec(const struct event *event)
{
    return event->name == NAME_execve || event->name == NAME_execveat;
}

static bool names(const struct event *event, const char *path)
{
    return path && str_eq(event->path, str_of(path));
}

static enum verdict preview(void *data, struct event *event)
{
    const struct traced *t = data;
    return names(event, t->denied) ? VERDICT_DENY : VERDICT_MATCH;
}

static enum verdict happened(void *data, struct event *event)
{
    struct traced *t = data;
    if (t->nevents < TRACED_EVENTS) {
        struct traced_event *e = &t->events[t->nevents++];
        *e = (struct traced_event){ .name = event->name,
                                    .kind = event->kind,
                                    .tid = event->tid,
                                    .outcome = event->outcome,
                                    .via = event->via,
                                    .exact = event->exact };
        event_result(event, &e->result);
        size_t n = event->path.n < TRACED_TEXT - 1 ? event->path.n : TRACED_TEXT - 1;
        memcpy(e->path, event->path.p ? event->path.p : "", n);
    }
    if (event->outcome != OUTCOME_DENIED) {
        state_apply(t->state, event);
        state_settle(t->state, event);
    }
    bool kills = is_exec(event) && event->outcome == OUTCOME_REPORTED && names(event, t->killed);
    return kills ? VERDICT_DENY : VERDICT_NONE;
}

static void met(void *data, const struct thread *thread)
{
    (void)data;
    (void)thread;
}

struct traced *traced_new(const struct traced_way *way)
{
    struct traced *t = mem_zalloc(sizeof *t);
    assert_non_null(t);
    t->way = way;
    t->page =
        mmap(NULL, sizeof *t->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(t->page, MAP_FAILED);
    pthread_mutex_init(&t->lock, NULL);
    struct state_config config = { 0 };
    assert_int_equal(state_new(&config, &t->state), 0);
    return t;
}

void traced_done(struct traced *t)
{
    ptrace_free(t->ptrace);
    state_free(t->state);
    munmap(t->page, sizeof *t->page);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void traced_sensor(struct traced *t)
{
    struct err err = { 0 };
    struct ptrace_config config = {
        .state = t->state,
        .sink = { .wants = wants, .preview = preview, .event = happened, .met = met, .data = t },
        .lock = &t->lock,
        .with_filter = t->way->filter,
        .deny = t->deny,
        .exit_kill = t->exit_kill,
        .old_kernel = t->way->old_kernel,
        .protected = { t->protected },
    };
    callset_all(&config.calls);
    assert_int_equal(ptrace_new(&config, &t->ptrace, &err), 0);
}

static int install(void)
{
    static struct filter filter;
    struct filter_options options = { .trace = true, .foreign = true };
    struct err err = { 0 };
    callset_all(&options.calls);
    int r = filter_build(&options, &filter, &err);
    return r < 0 ? r : filter_install_traced(&filter, 0);
}

static void run_program(struct traced *t, int ready)
{
    char byte = 0;
    close(t->go[1]);
    if (t->way->filter && install() < 0) {
        _exit(121);
    }
    if (write(ready, &byte, 1) != 1 || read(t->go[0], &byte, 1) != 1) {
        _exit(122);
    }
    _exit(t->program(t));
}

void traced_start(struct traced *t)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(t->go), 0);
    t->pid = fork();
    assert_true(t->pid >= 0);
    if (t->pid == 0) {
        run_program(t, ready[1]);
    }
    close(ready[1]);
    close(t->go[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    struct live_task *task = NULL;
    assert_int_equal(live_task_new(&task), 0);
    pthread_mutex_lock(&t->lock);
    assert_int_equal(live_lineage_add(t->state, task, t->pid), 0);
    pthread_mutex_unlock(&t->lock);
    live_task_free(task);
}

void traced_go(struct traced *t)
{
    char byte = 0;
    assert_int_equal(write(t->go[1], &byte, 1), 1);
    close(t->go[1]);
}

/* By its pidfd: a wait alone would take the tracer's stops. */
void traced_reap(struct traced *t)
{
    CLEANUP(cleanup_close) int pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };
    assert_true(pidfd >= 0);
    assert_int_equal(poll(&ended, 1, 60000), 1);
    assert_int_equal(waitpid(t->pid, &t->status, 0), t->pid);
}

void traced_finish(struct traced *t)
{
    traced_reap(t);
    assert_true(ptrace_wait_end(t->ptrace, 20000));
    ptrace_drain(t->ptrace);
    ptrace_get_stats(t->ptrace, &t->stats);
    ptrace_stop(t->ptrace);
}

void traced_run(struct traced *t)
{
    struct err err = { 0 };
    traced_start(t);
    traced_sensor(t);
    assert_int_equal(ptrace_adopt(t->ptrace, t->pid, &err), 0);
    traced_go(t);
    traced_finish(t);
}

const struct traced_event *traced_next(const struct traced *t, uint16_t name, int *cursor)
{
    while (*cursor < t->nevents) {
        const struct traced_event *e = &t->events[(*cursor)++];
        if (e->name == name) {
            return e;
        }
    }
    return NULL;
}

int traced_count(const struct traced *t, uint16_t name)
{
    int cursor = 0, n = 0;
    while (traced_next(t, name, &cursor)) {
        n++;
    }
    return n;
}
