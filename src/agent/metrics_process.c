/*
 * metrics_process: what this process costs, from getrusage(2) and /proc/self.
 *
 * Threads have names that say what they do (one for each sensor); their processor time is summed by name.
 * Sources: proc(5), and Prometheus' conventions for names of process metrics.
 */
#include "agent/metrics.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>

#define THREADS_READ_MAX 4096
#define STAT_MAX         4096
#define NAME_LENGTH      16

struct thread_time {
    char name[NAME_LENGTH];
    uint64_t ticks;
};

struct times {
    struct thread_time items[METRICS_THREADS_MAX];
    size_t n;
};

static void close_folder(DIR *folder)
{
    if (folder) {
        closedir(folder);
    }
}

CLEANUP_DEFINE(DIR, close_folder);

/* The 14th and 15th field; `*ret_name` within parentheses, which the name itself may hold. */
static bool parse_stat(const char *text, struct str *ret_name, uint64_t *ret_ticks)
{
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    unsigned long long user, system;
    if (!open || !close || close < open ||
        sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
               &system) != 2) {
        return false;
    }
    *ret_name = str_from(open + 1, (size_t)(close - open - 1));
    *ret_ticks = user + system;
    return true;
}

static void add_time(struct times *times, struct str name, uint64_t ticks)
{
    name = str_first(name, NAME_LENGTH - 1);
    size_t i = 0;
    while (i < times->n && !str_eqz(name, times->items[i].name)) {
        i++;
    }
    if (i == METRICS_THREADS_MAX) {
        return;
    }
    if (i == times->n) {
        times->items[times->n++] = (struct thread_time){ 0 };
        memcpy(times->items[i].name, name.p, name.n);
    }
    times->items[i].ticks += ticks;
}

static void read_thread(struct times *times, const char *tid)
{
    char path[64], storage[STAT_MAX + 1];
    struct buf text;
    struct str name;
    uint64_t ticks;
    snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", tid);
    buf_init_fixed(&text, storage, STAT_MAX);
    if (file_read(path, &text, NULL) == 0) {
        storage[text.n] = '\0';
        if (parse_stat(storage, &name, &ticks)) {
            add_time(times, name, ticks);
        }
    }
}

/* Entries of a directory but for . and .., each handed to `each` if that is wanted. */
static uint64_t walk(const char *path, void (*each)(struct times *times, const char *name),
                     struct times *times)
{
    CLEANUP(cleanup_close_folder) DIR *dir = opendir(path);
    const struct dirent *entry;
    uint64_t n = 0;
    while (dir && n < THREADS_READ_MAX && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            n++;
            if (each) {
                each(times, entry->d_name);
            }
        }
    }
    return n;
}

static void put_threads(struct buf *buf)
{
    CLEANUP(cleanup_free) struct times *times = mem_zalloc(sizeof *times);
    static const char name[] = "hinomi_thread_cpu_seconds_total";
    uint64_t per_s = (uint64_t)sysconf(_SC_CLK_TCK);
    if (!times) {
        return;
    }
    uint64_t n = walk("/proc/self/task", read_thread, times);
    metrics_gauge(buf, "hinomi_threads", "Threads of this process.", n);
    metrics_family(buf, name, "counter",
                   "Processor time of the threads of this name that run now.");
    for (size_t i = 0; i < times->n; i++) {
        const struct metrics_label labels[2] = { { "thread", str_of(times->items[i].name) } };
        metrics_seconds(buf, name, labels, times->items[i].ticks * (NS_PER_S / per_s));
    }
}

static void put_memory(struct buf *buf)
{
    char storage[256];
    struct buf text;
    unsigned long long size, resident;
    buf_init_fixed(&text, storage, sizeof(storage) - 1);
    if (file_read("/proc/self/statm", &text, NULL) < 0) {
        return;
    }
    storage[text.n] = '\0';
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    if (sscanf(storage, "%llu %llu", &size, &resident) == 2) {
        metrics_gauge(buf, "process_virtual_memory_bytes", "Virtual memory.", size * page);
        metrics_gauge(buf, "process_resident_memory_bytes", "Resident memory.", resident * page);
    }
}

static uint64_t ns_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_usec * 1000;
}

void metrics_process(struct buf *buf, uint64_t started_real_ns)
{
    struct rusage usage = { 0 };
    getrusage(RUSAGE_SELF, &usage);
    metrics_family(buf, "process_cpu_seconds_total", "counter", "Processor time of this process.");
    metrics_seconds(buf, "process_cpu_seconds_total", NULL,
                    ns_of(usage.ru_utime) + ns_of(usage.ru_stime));
    put_memory(buf);
    metrics_gauge(buf, "process_open_fds", "Open descriptors.", walk("/proc/self/fd", NULL, NULL));
    metrics_family(buf, "process_start_time_seconds", "gauge", "When this process started.");
    metrics_seconds(buf, "process_start_time_seconds", NULL, started_real_ns);
    put_threads(buf);
}
