/*
 * The holder's process: finds the agent, gets the filter, takes the listener out of the common table of
 * descriptors, hands it over, and serves as holder.h says until the last task with the filter is gone.
 *
 * Until the command starts it dies with the shim. It keeps four descriptors and nothing that the container's
 * runtime or the command gave it: whoever reads the other end of those must not wait for the holder.
 */
#include "shim/shim.h"

#include "base/clock.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONNECT_PAUSE_MS 20
#define READY_PAUSE_MS   2
#define READY_MS         2000  /* availability: for an agent that has answered once */
#define FDS_MAX          65536 /* closed one by one where close_range is missing */

static bool is_over(uint64_t end_ns)
{
    return clock_ns(CLOCK_MONOTONIC) >= end_ns;
}

static uint64_t end_of(uint32_t wait_ms)
{
    return wait_ms == SHIM_WAIT_FOREVER ? UINT64_MAX
                                        : clock_ns(CLOCK_MONOTONIC) + wait_ms * NS_PER_MS;
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* Until an agent has answered, or the time is out. 0, -ETIMEDOUT, or why it refused. */
static int ask(struct link *link, struct shim_meeting *meeting, bool *ret_local)
{
    uint64_t end = end_of(link->options->wait_ms);
    int last = -ETIMEDOUT;
    for (;;) {
        int r = link_connect(link);
        r = r == 0 ? link_ask(link, &meeting->filter, ret_local) : r;
        if (r == 0) {
            return 0;
        }
        last = r == -EAGAIN || r == -EPIPE ? last : r;
        link_close(link);
        if (is_over(end)) {
            return last;
        }
        pause_ms(CONNECT_PAUSE_MS);
    }
}

static void close_between(unsigned first, unsigned last)
{
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0) {
        return;
    }
    struct rlimit limit = { FDS_MAX, FDS_MAX };
    getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur && fd < FDS_MAX; fd++) {
        close((int)fd);
    }
}

static void sort(int *fds, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 0 && fds[k] < fds[k - 1]; k--) {
            int fd = fds[k];
            fds[k] = fds[k - 1];
            fds[k - 1] = fd;
        }
    }
}

/* A table of its own, and all closed but the link's. */
static int own_table(const struct link *link)
{
    int kept[] = { link->folder, link->socket, link->listener, link->record };
    unsigned from = 0;
    if (syscall(SYS_close_range, ~0U, ~0U, CLOSE_RANGE_UNSHARE) < 0 && unshare(CLONE_FILES) < 0) {
        return -errno;
    }
    sort(kept, 4);
    for (size_t i = 0; i < 4; i++) {
        if (kept[i] >= 0) {
            close_between(from, (unsigned)kept[i] - 1);
            from = (unsigned)kept[i] + 1;
        }
    }
    close_between(from, ~0U);
    return 0;
}

/* An agent that serves, if it can be had before the application has to start. */
static int hand_over(struct link *link, bool asked, struct holder_agent *ret)
{
    bool available = link->options->priority == WIRE_AVAILABILITY;
    uint64_t end = end_of(available ? READY_MS : link->options->wait_ms);
    if (asked && link_send_listener(link) < 0) {
        link_close(link);
    }
    while (asked || !available) {
        int r = link_find(link, ret);
        if (r == 0) {
            return 0;
        }
        if (is_over(end)) {
            break;
        }
        pause_ms(r == -EINPROGRESS ? READY_PAUSE_MS : CONNECT_PAUSE_MS);
    }
    return available ? 0 : -ETIMEDOUT;
}

static void serve(struct link *link, struct holder_shared *shared, const struct holder_agent *agent)
{
    uint32_t wait_ms = link->options->wait_ms;
    struct holder_config config = {
        .listener = link->listener,
        .agent = *agent,
        .shared = shared,
        .find = link_find,
        .data = link,
        .refuse = link->options->priority == WIRE_SECURITY,
        .wait_ms = wait_ms == SHIM_WAIT_FOREVER ? 0
                   : wait_ms                    ? wait_ms
                                                : 1,
    };
    holder_serve(&config);
}

/* The shim could not, or need not, be watched. */
static void give_up(struct link *link, struct shim_meeting *meeting, int error)
{
    if (link->socket >= 0) {
        link_send_word(link, WIRE_UNWATCHED, error);
    }
    bool available = link->options->priority == WIRE_AVAILABILITY;
    shim_step(meeting, available ? STEP_BARE : STEP_FAIL, error);
}

/* From the filter to the start. 0: serve; else why not, with the filter in place. */
static int take_listener(struct link *link, struct shim_meeting *meeting, bool asked,
                         struct holder_agent *ret)
{
    link->listener = meeting->value;
    link->flags = meeting->flags;
    int r = own_table(link);
    r = r == 0 ? hand_over(link, asked, ret) : r;
    if (r < 0) {
        shim_step(meeting, STEP_FAIL, -r);
        return r;
    }
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    shim_step(meeting, STEP_GO, 0);
    munmap(meeting, sizeof *meeting);
    return 0;
}

static int prepare(struct link *link, const struct shim_options *options,
                   struct holder_shared **ret_shared)
{
    pid_t shim = getppid();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != shim) {
        _exit(0);
    }
    holder_leave();
    link_init(link, options);
    return holder_shared_new(&link->record, ret_shared);
}

void shim_holder(const struct shim_options *options, struct shim_meeting *meeting)
{
    struct link link;
    struct holder_shared *shared = NULL;
    struct holder_agent agent = { .socket = -1 };
    bool local = false;
    int r = prepare(&link, options, &shared);
    int asked = r == 0 ? ask(&link, meeting, &local) : r;
    if (r < 0 || (asked < 0 && options->priority == WIRE_SECURITY)) {
        give_up(&link, meeting, -asked);
        return;
    }
    if (local) {
        shim_step(meeting, STEP_LOCAL, 0);
        return;
    }
    if (asked < 0) {
        meeting->filter.n = 0;
    }
    shim_step(meeting, STEP_FILTER, 0);
    if (shim_wait(meeting, STEP_FILTER, -1) != STEP_LISTENER) {
        give_up(&link, meeting, meeting->value);
    } else if (take_listener(&link, meeting, asked == 0, &agent) == 0) {
        serve(&link, shared, &agent);
    }
}
