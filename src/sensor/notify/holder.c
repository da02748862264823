/*
 * The holder: watches the agent while it serves, takes its place when it cannot.
 *
 * While the agent serves, the listener is only looked at once in a sample, never slept on: a sleeper
 * would be woken with each call and make it twice as dear. Ages are counted in samples, not in time, so
 * that a container that was frozen or throttled as a whole finds nobody late. The agent is stuck when it
 * finished nothing during HOLDER_STUCK_MS although a slot was full, or calls were waiting, all that time;
 * while a receiver is runnable and only gets no processor, during HOLDER_SLOW_MS.
 *
 * A full slot is answered by its id; who took it finds that it is gone (ENOENT). RECV blocks when
 * somebody else was quicker, whatever the listener's flags, and would then take calls from an agent that
 * has come back: a timer interrupts it.
 *
 * An agent that is gone may be followed by another, with slots of its own, which only it can write: `find`
 * brings it. Its receivers may take calls from the moment that it knows the listener, which is before it is
 * found; both serve then, and no call is lost.
 *
 * A stopped agent may be the tracer of stopped threads, which nobody else can let go: it is sent SIGCONT as
 * long as it does nothing.
 *
 * Nothing here keeps state in libc: no allocation, no stdio, only wrappers of system calls.
 */
#include "sensor/notify/holder.h"
#include "sensor/notify/call.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <unistd.h>

#define VERSION       1
#define STUCK_SAMPLES (HOLDER_STUCK_MS / HOLDER_SAMPLE_MS)
#define SLOW_SAMPLES  (HOLDER_SLOW_MS / HOLDER_SAMPLE_MS)
#define RECV_LIMIT_US 1000
#define GUESSES       1024 /* ids on each side of the newest known one; they are handed out in a row */

/* Pauses between looks for an agent: one is coming, none is there, none has been for long. */
#define FIND_SOON_MS  5
#define FIND_MS       100
#define FIND_RARE_MS  1000
#define FIND_OFTEN_MS 60000 /* from the beginning of a gap */

struct holder {
    const struct holder_config *config;
    struct holder_shared *shared;
    const struct holder_slot *slots;
    int listener, agent;
    int sample_ms;
    bool refuses;           /* calls are answered EPERM; with `refuse`, before that not at all */
    uint64_t since_ns;      /* monotonic; of the gap */
    uint64_t next_find_ns;  /* monotonic */
    struct holder_gap *gap; /* NULL: the agent serves */
    uint64_t seen[HOLDER_SLOTS];
    uint32_t age[HOLDER_SLOTS]; /* samples that saw the same id */
    uint64_t
        settled[HOLDER_SLOTS]; /* ids that were answered, or counted, for an agent that is gone */
    uint64_t progress;
    uint32_t quiet;   /* samples without progress */
    uint32_t waiting; /* samples in a row with calls that nobody took */
    bool holds;       /* a slot has been full for HOLDER_STUCK_MS, slow or not */
    uint64_t newest;  /* id */
    uint64_t next_sample_ns;
};

int holder_shared_new(int *ret_fd, struct holder_shared **ret)
{
    int fd = memfd_create("hinomi-slots", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, sizeof(struct holder_shared)) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    void *p = mmap(NULL, sizeof(struct holder_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        int r = -errno;
        close(fd);
        return r;
    }
    struct holder_shared *shared = p;
    shared->version = VERSION;
    *ret_fd = fd;
    *ret = shared;
    return 0;
}

int holder_shared_close(int fd)
{
    return fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0 ? -errno : 0;
}

int holder_shared_check(int fd)
{
    struct statfs filesystem;
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, &status) < 0 || fstatfs(fd, &filesystem) < 0) {
        return -errno;
    }
    bool holds = (unsigned long)filesystem.f_type == TMPFS_MAGIC && seals & F_SEAL_SHRINK &&
                 seals & F_SEAL_GROW && status.st_size == (off_t)sizeof(struct holder_shared);
    return holds ? 0 : -EINVAL;
}

int holder_shared_view(int fd, const struct holder_shared **ret)
{
    int r = holder_shared_check(fd);
    if (r < 0) {
        return r;
    }
    void *p = mmap(NULL, sizeof(struct holder_shared), PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        return -errno;
    }
    *ret = p;
    return 0;
}

void holder_shared_free(struct holder_shared *shared)
{
    if (shared) {
        munmap(shared, sizeof *shared);
    }
}

void holder_leave(void)
{
    uint64_t all = UINT64_MAX; /* sigfillset leaves out those that a libc uses itself */
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all));
    setsid();
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NAME, "hinomi-holder", 0, 0, 0);
    if (chdir("/") < 0) {
        /* it stays where it is */
    }
}

void holder_detach(void)
{
    holder_leave();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        close(fd);
    }
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void prepare_alarm(void)
{
    struct sigaction action = { .sa_handler = on_alarm };
    sigset_t set;
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Repeats, for the case that it fires before RECV is entered. */
static void set_alarm(suseconds_t us)
{
    struct itimerval timer = { .it_value.tv_usec = us, .it_interval.tv_usec = us };
    setitimer(ITIMER_REAL, &timer, NULL);
}

static int answer(const struct holder *h, uint64_t id)
{
    struct seccomp_notif_resp response = {
        .id = id,
        .error = h->config->refuse ? -EPERM : 0,
        .flags = h->config->refuse ? 0 : (uint32_t)SECCOMP_USER_NOTIF_FLAG_CONTINUE,
    };
    return ioctl(h->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 ? -errno : 0;
}

static void count_passed(struct holder *h, const struct seccomp_data *data)
{
    bool known = data->arch == CALL_ARCH_NATIVE && data->nr >= 0 && data->nr < HOLDER_NUMBERS - 1;
    h->gap->passed++;
    atomic_fetch_add_explicit(&h->shared->passed_by_number[known ? data->nr : HOLDER_NUMBERS - 1],
                              1, memory_order_relaxed);
}

static void count(struct holder *h, const struct seccomp_data *data)
{
    if (h->config->refuse) {
        h->gap->refused++;
    } else {
        count_passed(h, data);
    }
}

static void open_gap(struct holder *h, enum holder_cause cause)
{
    uint32_t n = atomic_load_explicit(&h->shared->ngaps, memory_order_relaxed);
    h->gap = &h->shared->gaps[n % HOLDER_GAPS];
    *h->gap = (struct holder_gap){ .start_ns = clock_real_ns(), .cause = (uint32_t)cause };
    atomic_store(&h->shared->ngaps, n + 1);
}

static void close_gap(struct holder *h)
{
    if (h->gap) {
        h->gap->end_ns = clock_real_ns();
        h->gap = NULL;
    }
}

static uint64_t slot_id(const struct holder *h, size_t i)
{
    return __atomic_load_n(&h->slots[i].notif.id, __ATOMIC_RELAXED);
}

/* A call that an agent answered, and died before its slot was free, may have ended without its event having been told:
 * it counts as passed. */
static void answer_slot(struct holder *h, size_t i)
{
    struct seccomp_data data = h->slots[i].notif.data;
    uint64_t id = slot_id(h, i);
    if (id == 0 || id == h->settled[i]) {
        return;
    }
    int r = answer(h, id);
    if (r == 0) {
        count(h, &data);
        h->gap->rescued += !h->config->refuse;
    } else if (r != -EINTR && h->gap->cause == GAP_AGENT_GONE) {
        count_passed(h, &data);
    } else {
        return;
    }
    h->settled[i] = id;
}

static bool slot_is_old(const struct holder *h, size_t i)
{
    bool slow = atomic_load(&h->slots[i].slow);
    return h->seen[i] != 0 && h->age[i] >= (slow ? SLOW_SAMPLES : STUCK_SAMPLES);
}

static char *put_number(char *at, uint32_t n)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    while (count) {
        *at++ = digits[--count];
    }
    return at;
}

bool holder_is_runnable(uint32_t tid)
{
    char path[32] = "/proc/", text[256];
    memcpy(put_number(path + 6, tid), "/stat", 6);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    const char *end = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;
    return end && end + 2 < text + n && end[2] == 'R';
}

/* A machine without processor time to give is no reason to let calls pass: any receiver that would run
 * if it could counts for all. */
static bool is_starved(const struct holder *h)
{
    for (size_t i = 0; i < HOLDER_SLOTS; i++) {
        uint32_t tid = atomic_load(&h->slots[i].tid);
        if (tid != 0 && holder_is_runnable(tid)) {
            return true;
        }
    }
    return false;
}

/* Brings ages up to date; returns how many slots are old. */
static unsigned sample_slots(struct holder *h)
{
    uint64_t progress = 0;
    unsigned old = 0;
    h->holds = false;
    for (size_t i = 0; i < HOLDER_SLOTS; i++) {
        uint64_t id = slot_id(h, i);
        h->age[i] = id == h->seen[i] ? h->age[i] + 1 : 0;
        h->seen[i] = id;
        h->newest = id > h->newest ? id : h->newest;
        old += slot_is_old(h, i);
        h->holds |= id != 0 && h->age[i] >= STUCK_SAMPLES;
        progress += atomic_load_explicit(&h->slots[i].progress, memory_order_relaxed);
    }
    h->quiet = progress == h->progress ? h->quiet + 1 : 0;
    h->progress = progress;
    return old;
}

/* Those that are old; while the agent is stuck, the slow ones are as old as the others. */
static void answer_slots(struct holder *h, bool slow_too)
{
    for (size_t i = 0; i < HOLDER_SLOTS; i++) {
        if (slot_is_old(h, i) || (slow_too && h->seen[i] != 0 && h->age[i] >= STUCK_SAMPLES)) {
            answer_slot(h, i);
        }
    }
}

/* An id that stands in no slot: taken by somebody who did not follow the rules. */
static void answer_lost(struct holder *h)
{
    struct pollfd item = { .fd = h->listener, .events = POLLOUT };
    for (uint64_t i = 0; i <= 2 * (uint64_t)GUESSES; i++) {
        if (i % 64 == 0 && (poll(&item, 1, 0) <= 0 || !(item.revents & POLLOUT))) {
            return;
        }
        if (answer(h, h->newest + GUESSES - i) == 0) {
            static const struct seccomp_data unknown = { .nr = -1 };
            count(h, &unknown);
            h->gap->rescued += !h->config->refuse;
        }
    }
}

/* For an agent that is gone. */
static void answer_all(struct holder *h)
{
    for (size_t i = 0; i < HOLDER_SLOTS; i++) {
        uint64_t id = slot_id(h, i);
        h->newest = id > h->newest ? id : h->newest;
        answer_slot(h, i);
    }
    if (h->newest != 0) {
        answer_lost(h);
    }
}

static void answer_owed(struct holder *h)
{
    if (h->gap->cause == GAP_AGENT_STUCK) {
        answer_slots(h, true);
    } else {
        answer_all(h);
    }
}

/* Calls are to wait, for nobody else may answer them. */
static bool is_holding(const struct holder *h)
{
    return h->config->refuse && !h->refuses;
}

static void take_over(struct holder *h, enum holder_cause cause)
{
    close_gap(h);
    open_gap(h, cause);
    atomic_store(&h->shared->serving, 1);
    h->since_ns = clock_ns(CLOCK_MONOTONIC);
    h->next_find_ns = 0;
    h->refuses = false;
    if (!is_holding(h)) {
        answer_owed(h);
    }
}

static void hand_back(struct holder *h)
{
    atomic_store(&h->shared->serving, 0);
    h->waiting = 0;
    h->refuses = false;
    close_gap(h);
}

/* The agent sends nothing on its socket: readable means closed. */
static bool agent_is_gone(const struct holder *h)
{
    char byte;
    ssize_t n = recv(h->agent, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* Nothing under way, for long enough that a longer pause makes no difference to who waits. */
static bool is_idle(const struct holder *h)
{
    bool idle = h->quiet >= STUCK_SAMPLES && h->waiting == 0;
    for (size_t i = 0; i < HOLDER_SLOTS && idle; i++) {
        idle = h->seen[i] == 0;
    }
    return idle;
}

/* To one that is not stopped this means nothing. */
static void wake_agent(const struct holder *h)
{
    pid_t agent = (pid_t)atomic_load(&h->shared->agent_pid);
    if (agent > 0 && h->quiet >= STUCK_SAMPLES && (h->holds || h->waiting >= STUCK_SAMPLES)) {
        kill(agent, SIGCONT);
    }
}

/* One sample while the agent serves. False: the last filtered task is gone. */
static bool watch(struct holder *h)
{
    struct pollfd agent = { .fd = h->agent, .events = POLLIN };
    struct pollfd listener = { .fd = h->listener, .events = POLLIN };
    int pause_ms = is_idle(h) ? HOLDER_IDLE_SAMPLES * h->sample_ms : h->sample_ms;
    if (poll(&agent, 1, pause_ms) > 0 && agent_is_gone(h)) {
        take_over(h, GAP_AGENT_GONE);
        return true;
    }
    if (poll(&listener, 1, 0) < 0) {
        listener.revents = 0;
    }
    if (listener.revents & (POLLHUP | POLLERR | POLLNVAL)) {
        return false;
    }
    unsigned old = sample_slots(h);
    h->waiting = listener.revents & POLLIN ? h->waiting + 1 : 0;
    wake_agent(h);
    bool late = h->quiet >= STUCK_SAMPLES && (old > 0 || h->waiting >= STUCK_SAMPLES);
    if ((late || old > 0) && h->quiet < SLOW_SAMPLES && is_starved(h)) {
        return true;
    }
    if (late) {
        take_over(h, GAP_AGENT_STUCK);
    } else if (old > 0 && !h->config->refuse) {
        open_gap(h, GAP_AGENT_STUCK);
        answer_slots(h, false);
        close_gap(h);
    }
    return true;
}

static void pass_one(struct holder *h)
{
    struct seccomp_notif notif;
    memset(&notif, 0, sizeof(notif));
    set_alarm(RECV_LIMIT_US);
    int r = ioctl(h->listener, SECCOMP_IOCTL_NOTIF_RECV, &notif);
    set_alarm(0);
    if (r == 0) {
        h->newest = notif.id > h->newest ? notif.id : h->newest;
        if (answer(h, notif.id) == 0) {
            count(h, &notif.data);
        }
    }
}

/* While a stuck agent's place is held: is it back, or gone, and does it hold further calls? */
static void watch_stuck(struct holder *h)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (now < h->next_sample_ns) {
        return;
    }
    h->next_sample_ns = now + (uint64_t)h->sample_ms * NS_PER_MS;
    if (agent_is_gone(h)) {
        take_over(h, GAP_AGENT_GONE);
        return;
    }
    sample_slots(h);
    wake_agent(h);
    if (h->quiet == 0) {
        hand_back(h);
        return;
    }
    if (!is_holding(h)) {
        answer_slots(h, true);
    }
}

/* What the former one had taken can only be answered now: nobody is told of it a second time. */
static void follow(struct holder *h, const struct holder_agent *agent)
{
    if (is_holding(h)) {
        answer_all(h);
    }
    h->agent = agent->socket;
    h->slots = agent->slots ? agent->slots->slots : h->shared->slots;
    atomic_store(&h->shared->agent_pid, agent->pid);
    memset(h->seen, 0, sizeof(h->seen));
    memset(h->age, 0, sizeof(h->age));
    h->progress = 0;
    h->quiet = 0;
    hand_back(h);
}

static void look_for_agent(struct holder *h)
{
    struct holder_agent agent = { .socket = -1 };
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (!h->config->find || now < h->next_find_ns) {
        return;
    }
    int r = h->config->find(h->config->data, &agent);
    if (r == 0) {
        follow(h, &agent);
        return;
    }
    bool often = now < h->since_ns + FIND_OFTEN_MS * NS_PER_MS;
    uint64_t pause_ms = r == -EINPROGRESS ? FIND_SOON_MS : often ? FIND_MS : FIND_RARE_MS;
    h->next_find_ns = now + pause_ms * NS_PER_MS;
}

static void look_at_clock(struct holder *h)
{
    if (is_holding(h) && h->config->wait_ms &&
        clock_ns(CLOCK_MONOTONIC) >= h->since_ns + h->config->wait_ms * NS_PER_MS) {
        h->refuses = true;
        answer_owed(h);
    }
}

static int pause_of(const struct holder *h)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    if (h->gap->cause == GAP_AGENT_STUCK || !h->config->find || h->next_find_ns <= now) {
        return h->sample_ms;
    }
    uint64_t ms = (h->next_find_ns - now) / NS_PER_MS + 1;
    return ms < FIND_MS ? (int)ms : FIND_MS;
}

static bool serve(struct holder *h)
{
    bool stuck = h->gap->cause == GAP_AGENT_STUCK;
    struct pollfd items[] = {
        { .fd = h->listener, .events = is_holding(h) ? 0 : POLLIN },
        { .fd = stuck ? h->agent : -1, .events = POLLIN },
    };
    if (poll(items, 2, pause_of(h)) < 0) {
        items[0].revents = 0;
    }
    if (items[0].revents & POLLIN) {
        pass_one(h);
    } else if (items[0].revents & (POLLHUP | POLLERR | POLLNVAL)) {
        return false;
    }
    look_at_clock(h);
    if (stuck) {
        h->next_sample_ns = items[1].revents ? 0 : h->next_sample_ns;
        watch_stuck(h);
    } else {
        look_for_agent(h);
    }
    return true;
}

void holder_serve(const struct holder_config *config)
{
    struct holder h = {
        .config = config,
        .shared = config->shared,
        .slots = config->agent.slots ? config->agent.slots->slots : config->shared->slots,
        .listener = config->listener,
        .agent = config->agent.socket,
        .sample_ms = config->sample_ms ? (int)config->sample_ms : HOLDER_SAMPLE_MS,
    };
    if (config->agent.pid) {
        atomic_store(&config->shared->agent_pid, config->agent.pid);
    }
    prepare_alarm();
    if (h.agent < 0) {
        take_over(&h, GAP_AGENT_ABSENT);
    }
    while (h.gap ? serve(&h) : watch(&h)) {
    }
    close_gap(&h);
}
