/*
 * One process: whose container is it in, is it watched, what is to be said of it.
 *
 * The container's own processes are told by its mount namespace; one that has left it, by the container's id
 * in its control groups, unless its files are this process' own or the host's (runtimes, their monitors).
 * Where everything is to be found, a container that nobody has named is one as well.
 * Telling waits a moment: what enters a container is the runtime at first, and has no terminal yet.
 */
#include "agent/discover_internal.h"

#include "agent/notice.h"
#include "base/buf.h"
#include "base/clock.h"
#include "sensor/live/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define TOLD_NS     (600 * NS_PER_S) /* the like of it is counted for so long */
#define MESSAGE_MAX 2048

static const char fewer_filters[] = "fewer seccomp filters than its container's own processes";
static const char nobody[] = "no other sensor watches its container";

bool discover_mount_namespace(int64_t pid, uint64_t *ret_ino, uint64_t *ret_dev)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%lld/ns/mnt", (long long)pid);
    if (stat(path, &st) < 0) {
        return false;
    }
    *ret_ino = st.st_ino;
    *ret_dev = st.st_dev;
    return true;
}

static struct str id_of_groups(struct str cgroups)
{
    struct str id = { 0 };
    while (cgroups.n && !id.n) {
        struct str one = str_until_nul(cgroups.p, cgroups.n);
        ptrdiff_t at = str_find_char(one, '=');
        id = cgroup_container_id(str_from_offset(one, (size_t)(at + 1)));
        cgroups = str_from_offset(cgroups, one.n + 1);
    }
    return id;
}

static bool find_tree(struct discover *d, uint64_t mnt, struct str id, struct tree *ret)
{
    bool found = false;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < DISCOVER_TREES_MAX && !found; i++) {
        const struct tree *t = &d->trees[i];
        found = t->pid && (id.n ? str_eq(str_of(t->container), id) : t->mnt == mnt);
        if (found) {
            *ret = *t;
        }
    }
    pthread_mutex_unlock(&d->lock);
    return found;
}

static void copy_text(char *to, size_t size, struct str from)
{
    size_t n = from.n < size ? from.n : size - 1;
    if (n) {
        memcpy(to, from.p, n);
    }
    to[n] = '\0';
}

/* Where all containers count: one that nobody has named. */
static bool make_tree(const struct discover *d, uint64_t mnt, struct str id, struct tree *ret)
{
    if (!d->config.everything || (d->on_host && !id.n)) {
        return false;
    }
    *ret = (struct tree){ .mnt = mnt };
    copy_text(ret->container, sizeof(ret->container), id);
    return true;
}

bool discover_tree_of(struct discover *d, int64_t pid, struct tree *ret)
{
    uint64_t mnt = 0, dev = 0;
    if (!discover_mount_namespace(pid, &mnt, &dev) || mnt == d->own_mnt) {
        return false;
    }
    if (find_tree(d, mnt, (struct str){ 0 }, ret)) {
        return true;
    }
    if (mnt == d->host_mnt && (d->on_host || !d->config.everything)) {
        return false;
    }
    if (live_task_read(d->task, pid, LIVE_IDS | LIVE_CGROUP) < 0) {
        return false;
    }
    struct str id = id_of_groups(d->task->cgroups);
    return (id.n && find_tree(d, 0, id, ret)) || make_tree(d, mnt, id, ret);
}

static bool is_outside_of(const struct tree *t, const struct live_process *process, struct str id)
{
    bool same = id.n && t->container[0] ? str_eq(str_of(t->container), id)
                                        : process->mounts && t->mnt == process->mounts;
    return t->pid && same && t->pid != process->ppid && t->filters > process->filters &&
           t->start_ticks <= process->start_ticks;
}

bool discover_is_outsider(struct discover *d, int64_t pid)
{
    char storage[LIVE_CGROUPS_MAX];
    struct live_process process;
    struct str id = live_process_container(pid, storage);
    bool found = false;
    if (live_process_read(pid, &process) < 0) {
        return false;
    }
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < DISCOVER_TREES_MAX && !found; i++) {
        found = is_outside_of(&d->trees[i], &process, id);
    }
    pthread_mutex_unlock(&d->lock);
    return found;
}

static bool is_our_tracee(const struct live_task *task)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%lld", (long long)task->tracer);
    return task->tracer > 0 && access(path, F_OK) == 0;
}

/* Its session began outside: it leads it, or the parent is not in the container. */
static bool is_entry(struct discover *d, const struct discover_found *f)
{
    struct tree tree;
    return f->sid == f->pid || f->ppid <= 0 || !discover_tree_of(d, f->ppid, &tree);
}

static int describe(struct discover *d, int64_t pid, const struct tree *tree,
                    struct discover_found *ret)
{
    int r = live_task_read(d->task, pid, LIVE_IDS | LIVE_IMAGE);
    if (r < 0) {
        return r;
    }
    const struct live_task *task = d->task;
    *ret = (struct discover_found){
        .pid = pid,
        .ppid = task->ptid,
        .sid = task->sid,
        .start_ticks = task->start_ticks,
        .uid = task->uid,
        .tty = task->tty,
        .filters = task->seccomp_filters,
        .expected = tree->filters,
        .why = tree->filters ? fewer_filters : nobody,
    };
    memcpy(ret->container, tree->container, sizeof(ret->container));
    copy_text(ret->name, sizeof(ret->name), task->comm);
    copy_text(ret->exe, sizeof(ret->exe), task->exepath);
    ret->interactive = ret->tty && is_entry(d, ret);
    return 0;
}

static bool is_covered(struct discover *d, int64_t pid, const struct tree *tree)
{
    bool filtered = tree->filters > 0 && d->task->seccomp_filters >= tree->filters;
    return filtered || is_our_tracee(d->task) ||
           (d->config.covered && d->config.covered(d->config.data, pid));
}

static void keep_pending(struct discover *d, const struct discover_found *found, uint64_t ino,
                         int result)
{
    struct pending *place = NULL;
    for (int i = 0; i < PENDING_MAX && !place; i++) {
        place = d->pending[i].due_ns ? NULL : &d->pending[i];
    }
    if (place) {
        *place = (struct pending){ .due_ns = clock_boot_ns() + SETTLE_MS * NS_PER_MS,
                                   .ino = ino,
                                   .result = result,
                                   .found = *found };
    }
}

enum known_as discover_examine(struct discover *d, int64_t pid, uint64_t ino)
{
    struct tree tree;
    struct discover_found found;
    if (!discover_tree_of(d, pid, &tree)) {
        return KNOWN_ELSEWHERE;
    }
    if (live_task_read(d->task, pid, LIVE_IDS) < 0 || d->task->pid != pid) {
        return KNOWN_ELSEWHERE; /* gone, or a thread */
    }
    if (is_covered(d, pid, &tree)) {
        return KNOWN_COVERED;
    }
    if (describe(d, pid, &tree, &found) < 0) {
        return KNOWN_ELSEWHERE;
    }
    int result = d->config.found ? d->config.found(d->config.data, &found) : -EOPNOTSUPP;
    pthread_mutex_lock(&d->lock);
    d->stats.found++;
    d->stats.taken += result == 0;
    d->stats.unwatched += result != 0;
    pthread_mutex_unlock(&d->lock);
    keep_pending(d, &found, ino, result);
    return KNOWN_FOUND;
}

static struct notice_field text_field(const char *key, const char *text)
{
    return (struct notice_field){ key, text[0] ? NOTICE_TEXT : NOTICE_NULL, str_of(text), 0 };
}

static struct notice_field number_field(const char *key, uint64_t number)
{
    return (struct notice_field){ key, NOTICE_NUMBER, { 0 }, number };
}

static void tell(struct discover *d, const struct discover_found *f, const char *rule,
                 uint64_t count)
{
    char message[MESSAGE_MAX], tty[32] = "";
    struct buf buf;
    if (!d->config.engine) {
        return;
    }
    if (f->tty) {
        snprintf(tty, sizeof(tty), "%u:%u", major(f->tty), minor(f->tty));
    }
    buf_init_fixed(&buf, message, sizeof(message));
    buf_printf(&buf, "%s (pid=%lld process=%s executable=%s parent=%lld uid=%u tty=%s container=%s",
               rule, (long long)f->pid, f->name, f->exe[0] ? f->exe : "<NA>", (long long)f->ppid,
               f->uid, tty[0] ? tty : "<NA>", f->container[0] ? f->container : "<NA>");
    if (count > 1) {
        buf_printf(&buf, " times=%llu", (unsigned long long)count);
    }
    buf_printf(&buf, " why=%s)", f->why);
    const struct notice_field fields[] = {
        text_field("container.id", f->container),
        number_field("proc.pid", (uint64_t)f->pid),
        number_field("proc.ppid", (uint64_t)f->ppid),
        text_field("proc.name", f->name),
        text_field("proc.exepath", f->exe),
        number_field("user.uid", f->uid),
        text_field("discover.tty", tty),
        text_field("discover.why", f->why),
        number_field("discover.filters", f->filters),
        number_field("discover.expected_filters", f->expected),
        number_field("discover.count", count),
    };
    struct notice notice = { .rule = rule,
                             .priority = PRIORITY_WARNING,
                             .message = buf_str(&buf),
                             .fields = fields,
                             .nfields = sizeof(fields) / sizeof(*fields) };
    notice_say(d->config.engine, &notice);
}

static void end_told(struct discover *d, struct told *told)
{
    if (told->untold) {
        tell(d, &told->found, DISCOVER_RULE, told->untold);
    }
    told->since_ns = told->untold = 0;
}

/* The same program in the same container, again and again (health checks), is told once in a while. */
static void tell_merged(struct discover *d, const struct discover_found *f)
{
    struct told *oldest = &d->told[0];
    for (int i = 0; i < FOUND_MERGES; i++) {
        struct told *t = &d->told[i];
        if (t->since_ns && strcmp(t->found.container, f->container) == 0 &&
            strcmp(t->found.name, f->name) == 0 && strcmp(t->found.exe, f->exe) == 0) {
            t->untold++;
            t->found = *f;
            return;
        }
        oldest = t->since_ns < oldest->since_ns ? t : oldest;
    }
    end_told(d, oldest);
    *oldest = (struct told){ .since_ns = clock_boot_ns(), .found = *f };
    tell(d, f, DISCOVER_RULE, 1);
}

/* As it is by now, if it is there still. */
static void tell_pending(struct discover *d, struct pending *p)
{
    struct discover_found now;
    struct tree tree = { .filters = p->found.expected };
    memcpy(tree.container, p->found.container, sizeof(tree.container));
    if (describe(d, p->found.pid, &tree, &now) == 0 && now.start_ticks == p->found.start_ticks) {
        now.filters = p->found.filters;
        now.interactive |= p->found.interactive;
        p->found = now;
    }
    if (p->found.interactive) {
        pthread_mutex_lock(&d->lock);
        d->stats.interactive++;
        pthread_mutex_unlock(&d->lock);
        tell(d, &p->found, DISCOVER_INTERACTIVE_RULE, 1);
    }
    if (p->result != 0) {
        tell_merged(d, &p->found);
    }
    p->due_ns = 0;
}

int discover_tell(struct discover *d, int max_ms, bool all)
{
    uint64_t now = clock_boot_ns();
    int wait_ms = max_ms;
    for (int i = 0; i < PENDING_MAX; i++) {
        struct pending *p = &d->pending[i];
        if (p->due_ns && (all || p->due_ns <= now)) {
            tell_pending(d, p);
        } else if (p->due_ns) {
            int left = (int)((p->due_ns - now) / NS_PER_MS) + 1;
            wait_ms = left < wait_ms ? left : wait_ms;
        }
    }
    for (int i = 0; i < FOUND_MERGES; i++) {
        if (d->told[i].since_ns && (all || now - d->told[i].since_ns >= TOLD_NS)) {
            end_told(d, &d->told[i]);
        }
    }
    return wait_ms;
}
