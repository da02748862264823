/*
 * dns: the thread between the parser's process and the engine.
 *
 *     drain: reports, checked, into the queue (any thread, under `mutex`)
 *     thread: of the queue's first: whose socket (no lock), then names and event (both locks, then the engine's)
 *
 * A rule that asks for the name of an address runs in another sensor's thread, under the engine's lock, maybe
 * before this thread had its turn: catch_up() then drains by itself and learns, but leaves events to the
 * thread. It waits for packets that the parser still has, a few milliseconds at most: a packet is in the tap before
 * its receiver can act on it.
 */
#include "sensor/dns/dns_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "event/names.h"
#include "sensor/dns/tap.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define CATCH_UP_NS       (5 * NS_PER_MS)
#define PATIENCE_NS       (10 * NS_PER_MS)
#define PATIENCE_PAUSE_NS NS_PER_MS
#define PATIENT_MAX       16 /* with more reports waiting, none is waited for */
#define REPORT_AGE_NS     (10 * NS_PER_S)
#define RESTART_FIRST_MS  10
#define RESTART_MAX_MS    5000
#define CALM_NS           (10 * NS_PER_S) /* after so long a parser counts as well */

CLEANUP_DEFINE(struct dns, dns_free);

/* Nothing is in the tap, nor in the parser's hands: what there was is in its socket, or here. The tap has to
 * be looked at first: a packet leaves it only after `busy` was set. */
static bool names_are_ready(const struct dns *dns)
{
    return !tap_has_packet(dns->tap) && !atomic_load(&dns->shared->busy);
}

static void count(struct dns *dns, const struct told *told)
{
    struct dns_stats *stats = &dns->stats;
    if (told->report.kind == REPORT_HELLO) {
        stats->hellos++;
    } else if (told->report.message.response) {
        stats->answers++;
        stats->unasked += !told->question;
    } else {
        stats->queries++;
    }
}

/* Of a report that was received: what it answers. False: seen before. */
static bool accept_report(struct dns *dns, struct told *told)
{
    const struct dns_report *report = &told->report;
    uint64_t now_ns = clock_real_ns();
    bool is_sane = report->ts_ns <= now_ns && now_ns - report->ts_ns < REPORT_AGE_NS;
    told->ts_ns = is_sane ? report->ts_ns : now_ns;
    told->seen_ns = now_ns;
    told->pid = -1;
    told->learned = false;
    told->latency_ns = 0;
    told->question = NULL;
    if (report->kind == REPORT_DNS) {
        if (question_is_repeated(&dns->questions, report, told->ts_ns)) {
            dns->stats.repeated++;
            return false;
        }
        told->question = report->message.response
                             ? question_answered(&dns->questions, report, told->ts_ns)
                             : question_ask(&dns->questions, report, told->ts_ns);
    }
    if (told->question) {
        told->question_ts_ns = told->question->ts_ns;
        bool is_later = told->ts_ns > told->question_ts_ns;
        told->latency_ns = is_later ? told->ts_ns - told->question_ts_ns : 0;
        told->pid = told->question->pid;
    }
    count(dns, told);
    return true;
}

/* Under mutex. False: nothing there, or no room. */
static bool drain_one(struct dns *dns)
{
    if (dns->count == DNS_QUEUE_MAX || dns->over) {
        return false;
    }
    struct told *told = &dns->queue[(dns->head + dns->count) % DNS_QUEUE_MAX];
    ssize_t n = recv(dns->parser.socket, &told->report, sizeof(told->report), MSG_DONTWAIT);
    if (n <= 0) {
        dns->over = n == 0 || (errno != EAGAIN && errno != EINTR);
        return n < 0 && errno == EINTR;
    }
    if (!dns_report_check(&told->report, (size_t)n)) {
        dns->stats.refused++;
    } else if (accept_report(dns, told)) {
        dns->count++;
    }
    return true;
}

static bool drain(struct dns *dns)
{
    bool any = false;
    while (drain_one(dns)) {
        any = true;
    }
    return any;
}

/* The asker may have been found since. Under mutex. */
static void ask_again(struct told *told)
{
    const struct question *q = told->question;
    if (told->pid < 0 && q && q->ts_ns == told->question_ts_ns) {
        told->pid = q->pid;
    }
}

/* Under both locks. */
static void learn(struct dns *dns, struct told *told)
{
    ask_again(told);
    if (!told->learned) {
        dns->stats.learned += tell_names(dns->config.state, told);
    } else if (told->learned_pid != told->pid) {
        tell_names(dns->config.state, told); /* by whom */
    }
    told->learned = true;
    told->learned_pid = told->pid;
}

static void wake(struct dns *dns)
{
    uint64_t one = 1;
    ssize_t n = write(dns->wake, &one, sizeof(one));
    (void)n;
}

/* A rule is about to look for a name; under config.lock. */
static void catch_up(void *data)
{
    struct dns *dns = data;
    uint64_t start_ns = 0;
    pthread_mutex_lock(&dns->mutex);
    for (;;) {
        bool ready = names_are_ready(dns);
        if (drain(dns)) {
            wake(dns);
        }
        for (unsigned i = 0; i < dns->count; i++) {
            learn(dns, &dns->queue[(dns->head + i) % DNS_QUEUE_MAX]);
        }
        uint64_t now_ns = ready ? 0 : clock_ns(CLOCK_MONOTONIC);
        start_ns = start_ns ? start_ns : now_ns;
        if (ready || dns->over || dns->count == DNS_QUEUE_MAX || now_ns - start_ns > CATCH_UP_NS) {
            break;
        }
        struct pollfd p = { .fd = dns->parser.socket, .events = POLLIN };
        struct timespec pause = { 0, 50000 };
        ppoll(&p, 1, &pause, NULL);
    }
    pthread_mutex_unlock(&dns->mutex);
}

/* Does any rule want it; and who is known to have used the port. */
static bool is_wanted(struct dns *dns, const struct told *told, int64_t *ret_hint)
{
    const struct sink *sink = &dns->config.sink;
    const struct dns_report *report = &told->report;
    uint16_t port, name = report->kind == REPORT_DNS ? NAME_dns : NAME_tls;
    report_client(report, &port);
    pthread_mutex_lock(dns->config.lock);
    bool wanted = !sink->wants || sink->wants(sink->data, NULL, name, 0);
    *ret_hint = state_asker(dns->config.state, report->proto, port);
    pthread_mutex_unlock(dns->config.lock);
    return wanted;
}

/* Who is known to have used the port. A call's event may come a little later than its packet. */
static int64_t hint_of(struct dns *dns, const struct told *told, bool *ret_many)
{
    uint16_t port;
    report_client(&told->report, &port);
    pthread_mutex_lock(dns->config.lock);
    int64_t pid = state_asker(dns->config.state, told->report.proto, port);
    pthread_mutex_lock(&dns->mutex);
    *ret_many = dns->count > PATIENT_MAX;
    pthread_mutex_unlock(&dns->mutex);
    pthread_mutex_unlock(dns->config.lock);
    return pid;
}

static int64_t wait_for_hint(struct dns *dns, const struct told *told)
{
    struct timespec pause = { 0, PATIENCE_PAUSE_NS };
    bool many;
    int64_t pid = hint_of(dns, told, &many);
    while (pid < 0 && !many && clock_real_ns() - told->seen_ns < PATIENCE_NS) {
        nanosleep(&pause, NULL);
        pid = hint_of(dns, told, &many);
    }
    return pid;
}

static void find_owner(struct dns *dns, struct told *told, int64_t hint)
{
    struct owner_socket s = { .proto = told->report.proto };
    s.local = *report_client(&told->report, &s.lport);
    s.remote = *report_server(&told->report, &s.rport);
    pthread_mutex_lock(&dns->mutex);
    ask_again(told);
    pthread_mutex_unlock(&dns->mutex);
    int64_t pid = told->pid >= 0 ? told->pid : owner_find(dns->finder, &s, hint);
    bool is_known = pid >= 0 && pid != getpid(); /* a duplicate here says little */
    hint = !is_known && hint < 0 ? wait_for_hint(dns, told) : hint;
    pthread_mutex_lock(&dns->mutex);
    dns->stats.by_state += !is_known && hint >= 0;
    pid = !is_known && hint >= 0 ? hint : pid;
    dns->stats.unowned += pid < 0;
    owner_get_stats(dns->finder, &dns->owner_stats);
    told->pid = pid;
    struct question *q = told->question;
    if (q && q->ts_ns == told->question_ts_ns) {
        q->pid = pid;
    }
    pthread_mutex_unlock(&dns->mutex);
}

static void handle_first(struct dns *dns)
{
    struct told *told = &dns->queue[dns->head];
    int64_t hint = -1;
    bool wanted = is_wanted(dns, told, &hint);
    if (wanted) {
        find_owner(dns, told, hint);
    }
    pthread_mutex_lock(dns->config.lock);
    if (wanted && told->pid >= 0) {
        tell_process(dns, told->pid);
    }
    pthread_mutex_lock(&dns->mutex);
    learn(dns, told);
    pthread_mutex_unlock(&dns->mutex);
    if (wanted) {
        tell_event(dns, told);
    }
    pthread_mutex_unlock(dns->config.lock);
    pthread_mutex_lock(&dns->mutex);
    dns->head = (dns->head + 1) % DNS_QUEUE_MAX;
    dns->count--;
    pthread_mutex_unlock(&dns->mutex);
}

enum sight { SIGHT_NOTHING, SIGHT_REPORT, SIGHT_OVER };

static enum sight look(struct dns *dns)
{
    pthread_mutex_lock(&dns->mutex);
    drain(dns);
    enum sight sight = dns->count > 0 ? SIGHT_REPORT : dns->over ? SIGHT_OVER : SIGHT_NOTHING;
    pthread_mutex_unlock(&dns->mutex);
    return sight;
}

static void wait_for(struct dns *dns, int fd, int timeout_ms)
{
    struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
                             { .fd = dns->wake, .events = POLLIN } };
    uint64_t count;
    if (poll(fds, 2, timeout_ms) > 0 && fds[1].revents) {
        ssize_t n = read(dns->wake, &count, sizeof(count));
        (void)n;
    }
}

/* The parser died: hostile packets should not be able to do that, but if they do, they gain a pause. */
static void restart(struct dns *dns, int *pause_ms)
{
    struct parser parser = { .pid = -1, .socket = -1 };
    wait_for(dns, -1, *pause_ms);
    *pause_ms = *pause_ms < RESTART_MAX_MS / 2 ? 2 * *pause_ms : RESTART_MAX_MS;
    if (atomic_load(&dns->stop) || parser_start(&parser, dns->tap, dns->shared, NULL) < 0) {
        return;
    }
    pthread_mutex_lock(&dns->mutex);
    struct parser old = dns->parser;
    dns->parser = parser;
    dns->over = false;
    dns->stats.restarts++;
    pthread_mutex_unlock(&dns->mutex);
    parser_stop(&old);
}

static void *run(void *data)
{
    struct dns *dns = data;
    int pause_ms = RESTART_FIRST_MS;
    uint64_t start_ns = clock_boot_ns();
    prctl(PR_SET_NAME, "dns", 0, 0, 0);
    while (!atomic_load(&dns->stop)) {
        enum sight sight = look(dns);
        if (sight == SIGHT_REPORT) {
            handle_first(dns);
        } else if (sight == SIGHT_OVER) {
            pause_ms = clock_boot_ns() - start_ns > CALM_NS ? RESTART_FIRST_MS : pause_ms;
            restart(dns, &pause_ms);
            start_ns = clock_boot_ns();
        } else {
            wait_for(dns, dns->parser.socket, -1);
        }
    }
    return NULL;
}

static int make_parts(struct dns *dns, struct err *err)
{
    dns->queue = mem_zalloc(DNS_QUEUE_MAX * sizeof(*dns->queue));
    dns->made = mem_zalloc(sizeof(*dns->made));
    dns->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!dns->queue || !dns->made || dns->wake < 0 || owner_finder_new(&dns->finder) < 0 ||
        live_task_new(&dns->scratch) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    void *shared =
        mmap(NULL, sizeof(*dns->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return err_set(err, -errno, "out of memory");
    }
    dns->shared = shared;
    return parser_start(&dns->parser, dns->tap, dns->shared, err);
}

int dns_new(const struct dns_config *config, struct dns **ret, struct err *err)
{
    CLEANUP(cleanup_dns_free) struct dns *dns = mem_zalloc(sizeof(*dns));
    if (!dns) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    dns->config = *config;
    dns->wake = -1;
    dns->parser = (struct parser){ .pid = -1, .socket = -1 };
    pthread_mutex_init(&dns->mutex, NULL);
    dns->tap = tap_open(config->tls, err);
    int r = dns->tap < 0 ? dns->tap : make_parts(dns, err);
    if (r < 0) {
        return r;
    }
    pthread_mutex_lock(config->lock);
    state_set_name_source(config->state, catch_up, dns);
    pthread_mutex_unlock(config->lock);
    r = pthread_create(&dns->thread, NULL, run, dns);
    if (r > 0) {
        return err_set(err, -r, "no thread: %s", strerror(r));
    }
    dns->has_thread = true;
    *ret = TAKE(dns);
    return 0;
}

static void stop(struct dns *dns)
{
    atomic_store(&dns->stop, true);
    if (dns->has_thread) {
        wake(dns);
        pthread_join(dns->thread, NULL);
    }
    pthread_mutex_lock(dns->config.lock);
    state_set_name_source(dns->config.state, NULL, NULL);
    pthread_mutex_unlock(dns->config.lock);
    parser_stop(&dns->parser);
}

void dns_free(struct dns *dns)
{
    if (!dns) {
        return;
    }
    stop(dns);
    if (dns->shared) {
        munmap(dns->shared, sizeof(*dns->shared));
    }
    cleanup_close(&dns->tap);
    cleanup_close(&dns->wake);
    owner_finder_free(dns->finder);
    live_task_free(dns->scratch);
    pthread_mutex_destroy(&dns->mutex);
    free(dns->made);
    free(dns->queue);
    free(dns);
}

void dns_get_stats(struct dns *dns, struct dns_stats *ret)
{
    struct names_stats names;
    pthread_mutex_lock(dns->config.lock);
    state_get_names_stats(dns->config.state, &names);
    pthread_mutex_lock(&dns->mutex);
    dns->dropped += tap_drops(dns->tap);
    *ret = dns->stats;
    ret->dropped = dns->dropped;
    ret->packets = atomic_load(&dns->shared->packets);
    ret->malformed = atomic_load(&dns->shared->malformed);
    ret->fragments = atomic_load(&dns->shared->fragments);
    ret->gaps = atomic_load(&dns->shared->gaps);
    ret->unsent = atomic_load(&dns->shared->unsent);
    ret->searches = dns->owner_stats.searches;
    ret->searches_refused = dns->owner_stats.refused;
    ret->names = names.addresses;
    pthread_mutex_unlock(&dns->mutex);
    pthread_mutex_unlock(dns->config.lock);
}

int64_t dns_parser_pid(struct dns *dns)
{
    pthread_mutex_lock(&dns->mutex);
    int64_t pid = dns->parser.pid;
    pthread_mutex_unlock(&dns->mutex);
    return pid;
}

void dns_drain(struct dns *dns, int timeout_ms)
{
    uint64_t end_ns = clock_boot_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    struct timespec pause = { 0, 200000 };
    while (clock_boot_ns() < end_ns) {
        bool ready = names_are_ready(dns);
        if (look(dns) == SIGHT_NOTHING && ready) {
            return;
        }
        wake(dns);
        nanosleep(&pause, NULL);
    }
}
