/*
 * bench/engine: what matching costs, on one core, in processor time, as medians of repeats after a warm-up.
 *
 *     engine [RULES-FOLDER]
 *
 * Each line: events/s of matching alone (extraction included, the state's share taken off), events/s
 * of state and matching together, candidates an event, share of events that match, build time, memory.
 * "equal in n": all alerts of n events were those of the plain evaluation of every rule; otherwise it
 * ends with status 1. What searches said about texts seen lately is kept for the stock rules only; the
 * line "all paths new" and those of lists are without it.
 */
#include "deliveries.h"
#include "made_rules.h"
#include "stream.h"

#include "agent/alert.h"
#include "base/clock.h"
#include "base/fd.h"
#include "rules/matcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENTS    3000
#define REPEATS   7
#define PASSES    16 /* over the stream in one repeat */
#define MEMORY    ((size_t)1 << 30)
#define ITEM_MAX  64
#define MILLION   1000000
#define JSON_PASS 60000 /* bytes written at once */

static struct stream stream;
static struct view view;
static bool without_memo; /* lists and rules of one kind: the structures themselves are measured */
static bool different;    /* some alerts were not those of the plain evaluation */

static int order_double(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), order_double);
    return v[n / 2];
}

static double since_ms(uint64_t start)
{
    return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / 1e6;
}

static void pass(struct matcher *matcher)
{
    const struct rule *const *rules;
    for (uint32_t i = 0; i < stream.n; i++) {
        struct event *event = &stream.events[i];
        state_apply(stream.state, event);
        if (matcher) {
            view.event = event;
            view.scratch.n = 0;
            matcher_run(matcher, &view, &rules);
        }
        state_settle(stream.state, event);
    }
}

/* Nanoseconds an event of one repeat. */
static double repeat(struct matcher *matcher)
{
    uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned j = 0; j < PASSES; j++) {
        pass(matcher);
    }
    return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / ((double)stream.n * PASSES);
}

/*
 * Nanoseconds an event, of all and of matching alone. The machine's speed drifts: each repeat with the
 * matcher is compared with one of the state alone right before it.
 */
static double measure(struct matcher *matcher, double *ret_matching)
{
    double times[REPEATS];
    double differences[REPEATS];
    pass(matcher);
    for (unsigned i = 0; i < REPEATS; i++) {
        double alone = repeat(NULL);
        times[i] = repeat(matcher);
        differences[i] = times[i] - alone;
    }
    *ret_matching = median(differences, REPEATS);
    return median(times, REPEATS);
}

/* Do all alerts of the first `events` equal the plain evaluation? *ret_fired: events with an alert. */
static bool equal(const struct ruleset *ruleset, struct matcher *matcher, uint32_t events,
                  uint32_t *ret_fired)
{
    const struct rule *const *rules;
    bool ok = true;
    uint32_t fired = 0;
    for (uint32_t i = 0; i < events && ok; i++) {
        const struct rule *want = NULL;
        view.event = &stream.events[i];
        state_apply(stream.state, view.event);
        for (uint32_t j = 0; j < ruleset->nrules && !want; j++) {
            const struct rule *rule = &ruleset->rules[j];
            view.scratch.n = 0;
            bool filed = rule->enabled && rule->cond && nameset_has(&rule->names, view.event->name);
            want = filed && cond_eval(rule->cond, &view) ? rule : NULL;
        }
        view.scratch.n = 0;
        uint32_t n = matcher_run(matcher, &view, &rules);
        ok = want ? n == 1 && rules[0] == want : n == 0;
        fired += n;
        state_settle(stream.state, view.event);
    }
    *ret_fired = fired;
    return ok;
}

struct figures {
    double ns; /* matching, an event */
    double build_ms;
    uint64_t bytes;
};

/* compared: how many events are held against the plain evaluation. */
static void run(const char *name, const struct ruleset *ruleset, uint32_t compared,
                struct figures *ret)
{
    struct err err = { 0 };
    struct matcher *matcher = NULL;
    struct matcher_options options = { .threads_max = 4096, .no_memo = without_memo };
    struct matcher_stats stats;
    uint32_t fired = 0;
    uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (matcher_new(ruleset, NULL, &options, &matcher, &err) < 0) {
        printf("%s: %s\n", name, err.message);
        exit(1);
    }
    *ret = (struct figures){ .build_ms = since_ms(start) };
    bool same = equal(ruleset, matcher, compared, &fired);
    different |= !same;
    double total = measure(matcher, &ret->ns);
    matcher_get_stats(matcher, &stats);
    ret->bytes = stats.bytes;
    printf(
        "%-34s %7.2f M/s  with state %6.2f M/s  %7.2f candidates  %5.2f %% fire  build %8.2f ms  "
        "%9.1f KB  %s in %u\n",
        name, 1e3 / ret->ns, 1e3 / total, (double)stats.candidates / (double)stats.events,
        100.0 * fired / compared, ret->build_ms, (double)stats.bytes / 1024.0,
        same ? "equal" : "DIFFERENT", compared);
    if (getenv("BENCH_DETAILS")) {
        printf(
            "  atoms evaluated %.2f an event, residuals served %.2f, built %.5f, rules run %.2f\n",
            (double)stats.atoms_evaluated / (double)stats.events,
            (double)stats.residual_hits / (double)stats.events,
            (double)stats.residual_builds / (double)stats.events,
            (double)stats.rules_run / (double)stats.events);
    }
    matcher_free(matcher);
}

static int add_file(struct loader *loader, const char *folder, const char *name, double *ms)
{
    char path[4096];
    struct buf text;
    struct err err = { 0 };
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    buf_init(&text, RULES_FILE_MAX);
    int r = file_read(path, &text, &err);
    if (r == 0) {
        uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        r = loader_add(loader, str_of(name), buf_str(&text));
        *ms += since_ms(start);
    }
    buf_done(&text);
    return r;
}

/* With a matcher over a selection; NULL: the rules enabled by default. */
static void deliveries(const struct ruleset *ruleset, const struct selection *selection,
                       struct deliveries *ret)
{
    struct err err = { 0 };
    struct matcher *matcher = NULL;
    struct matcher_options options = { .threads_max = 64 };
    if (matcher_new(ruleset, selection, &options, &matcher, &err) == 0) {
        deliveries_add(matcher, &stream, &view, ret);
    }
    matcher_free(matcher);
}

/* For the rules enabled by default, for all, and for each rule alone. */
static void all_deliveries(const struct ruleset *ruleset)
{
    struct selection selection;
    struct deliveries enabled = { 0 };
    struct deliveries all = { 0 };
    struct deliveries each = { 0 };
    if (selection_init(&selection, ruleset) < 0) {
        return;
    }
    deliveries(ruleset, NULL, &enabled);
    memset(selection.enabled, true, selection.n);
    deliveries(ruleset, &selection, &all);
    for (uint32_t i = 0; i < selection.n; i++) {
        memset(selection.enabled, false, selection.n);
        selection.enabled[i] = true;
        deliveries(ruleset, &selection, &each);
    }
    selection_done(&selection);
    deliveries_print("rules enabled by default", &enabled);
    deliveries_print("all rules", &all);
    deliveries_print("mean of each rule alone", &each);
}

static void stock(const char *folder)
{
    static const char *const files[] = { "falco_rules.yaml", "falco-incubating_rules.yaml",
                                         "falco-sandbox_rules.yaml" };
    struct loader *loader = NULL;
    struct ruleset *ruleset = NULL;
    struct figures figures;
    struct err err = { 0 };
    double ms = 0;
    if (loader_new(&(struct loader_options){ 0 }, &loader) < 0) {
        exit(1);
    }
    for (unsigned i = 0; i < 3; i++) {
        int r = add_file(loader, folder, files[i], &ms);
        if (r < 0) {
            printf("skipped: stock rules: %s/%s: %s\n", folder, files[i], strerror(-r));
            loader_free(loader);
            return;
        }
    }
    uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int r = loader_finish(loader, false, &ruleset, &err);
    ms += since_ms(start);
    loader_free(loader);
    if (r < 0) {
        printf("stock rules: %s\n", err.message);
        exit(1);
    }
    run("stock rules", ruleset, stream.n, &figures);
    without_memo = true;
    run("stock rules, all paths new", ruleset, stream.n, &figures);
    without_memo = false;
    printf("  load: %.1f ms (reading, checking, compiling %.1f, building the matcher %.1f)\n",
           ms + figures.build_ms, ms, figures.build_ms);
    all_deliveries(ruleset);
    ruleset_free(ruleset);
}

static void must_add(struct made_rules *made, const char *condition, const struct made_list *list)
{
    struct err err = { 0 };
    if (made_rules_add_list(made, "bench", condition, list, &err) < 0) {
        printf("%s: %s\n", condition, err.message);
        exit(1);
    }
}

/* Half of the rules share prefixes of paths that occur; a few fire, together for about 1 % of events. */
static double rules_of_one_kind(uint32_t n)
{
    struct made_rules made;
    struct figures figures;
    char text[512];
    char path[128];
    made_rules_init(&made, n, MEMORY);
    for (uint32_t i = 0; i < n; i++) {
        stream_path(i * 7, path, sizeof(path));
        if (i < 40) {
            stream_path(i * 37 % STREAM_PATHS, path, sizeof(path));
            snprintf(text, sizeof(text),
                     "evt.type in (open, openat) and evt.is_open_read=true and "
                     "fd.num>=0 and fd.name = %s",
                     path);
        } else if (i % 2) {
            snprintf(text, sizeof(text),
                     "evt.type in (open, openat) and evt.is_open_read=true and "
                     "fd.num>=0 and fd.name startswith %s/x%u and "
                     "not proc.name in (runc, a%u)",
                     path, i, i);
        } else {
            snprintf(text, sizeof(text),
                     "evt.type in (open, openat) and evt.is_open_read=true and "
                     "fd.num>=0 and fd.name in (/opt/none/%u, /opt/none/%u.d) and "
                     "not proc.pname = b%u",
                     i, i, i);
        }
        must_add(&made, text, NULL);
    }
    snprintf(text, sizeof(text), "%u rules of one kind", n);
    run(text, &made.ruleset, n <= 1000 ? stream.n : 300, &figures);
    made_rules_done(&made);
    return figures.ns;
}

static void uncovered_rules(uint32_t n)
{
    struct made_rules made;
    struct figures figures;
    char text[256];
    made_rules_init(&made, n, MEMORY);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(text, sizeof(text),
                 "evt.type in (open, openat) and fd.num > %u and "
                 "fd.name != /none/%u",
                 1000 + i, i);
        must_add(&made, text, NULL);
    }
    snprintf(text, sizeof(text), "%u rules without a cover", n);
    run(text, &made.ruleset, stream.n, &figures);
    made_rules_done(&made);
}

static struct str *make_items(struct arena *arena, uint32_t n)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyz0123456789-_./ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct str *items = ARENA_ARRAY(arena, struct str, n);
    for (uint32_t i = 0; items && i < n; i++) {
        /* Short items of the value's alphabet would hit everything: those begin with '#'. */
        size_t length = 1 + (size_t)(i * UINT64_C(2654435761) >> 7) % ITEM_MAX;
        char *p = arena_bytes(arena, length);
        uint64_t x = i * UINT64_C(0x9e3779b97f4a7c15) + 77;
        for (size_t j = 0; p && j < length; j++) {
            x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
            p[j] = letters[(x >> 33) % (sizeof(letters) - 1)];
        }
        if (p && length < 12) {
            p[0] = '#';
        } else if (p && i % 2) {
            memcpy(p, "/usr/lib", 8);
        }
        items[i] = str_from(p, length);
    }
    return items;
}

/* One rule with one list; some items are paths that occur. */
static void list_of(const char *op, struct arena *arena, double *first_ns)
{
    static const uint32_t sizes[] = { 10, 1000, MILLION };
    for (unsigned i = 0; i < 3; i++) {
        uint32_t n = sizes[i];
        struct made_rules made;
        struct figures figures;
        struct made_list list = { make_items(arena, n), n };
        char text[128];
        char path[128];
        for (uint32_t j = 0; j < 10; j++) {
            stream_path(j * 151, path, sizeof(path));
            ((struct str *)list.items)[j * (n / 10)] = arena_str(arena, str_of(path));
        }
        made_rules_init(&made, 1, MEMORY);
        snprintf(text, sizeof(text), "evt.type in (open, openat) and fd.name %s (LIST)", op);
        must_add(&made, text, &list);
        snprintf(text, sizeof(text), "list of %u, %s", n, op);
        run(text, &made.ruleset, n <= 1000 ? stream.n : 50, &figures);
        *first_ns = i == 0 ? figures.ns : *first_ns;
        if (n == MILLION) {
            printf("  a million to ten: %.2f times; %.1f bytes an item\n", figures.ns / *first_ns,
                   (double)figures.bytes / n);
        }
        made_rules_done(&made);
        arena_reset(arena);
    }
}

static void lists(void)
{
    static const char *const ops[] = { "in", "startswith anyof", "endswith anyof", "contains anyof",
                                       "pmatch" };
    struct arena arena;
    arena_init(&arena, MEMORY);
    for (unsigned i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
        double first_ns;
        list_of(ops[i], &arena, &first_ns);
    }
    arena_done(&arena);
}

static void regexes(uint32_t n)
{
    struct made_rules made;
    struct figures figures;
    char text[256];
    made_rules_init(&made, n, MEMORY);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(text, sizeof(text),
                 "evt.type in (open, openat) and fd.name regex \"%s%u/[a-z]+%s\"",
                 i % 2 ? "/usr/lib/app" : ".*/none", i, i % 2 ? "[.]so.*" : "");
        must_add(&made, text, NULL);
    }
    snprintf(text, sizeof(text), "%u regexes", n);
    run(text, &made.ruleset, stream.n, &figures);
    made_rules_done(&made);
}

static void json_alerts(void)
{
    static const char format[] =
        "File opened (file=%fd.name process=%proc.name parent=%proc.pname command=%proc.cmdline "
        "user=%user.name uid=%user.uid tty=%proc.tty container=%container.id "
        "image=%container.image.repository)";
    struct arena arena;
    struct output *output = NULL;
    const char *deprecated;
    struct err err = { 0 };
    struct buf out;
    struct rule rule = { .name = STR("bench"),
                         .priority = PRIORITY_NOTICE,
                         .source = STR("syscall") };
    struct alert_format how = { .json = true, .hostname = STR("host") };
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    arena_init(&arena, MEMORY);
    buf_init(&out, (size_t)1 << 20);
    if (null < 0 || output_compile(&arena, str_of(format), &output, &deprecated, &err) < 0) {
        printf("alerts: %s\n", err.message);
        exit(1);
    }
    double times[REPEATS];
    for (unsigned i = 0; i < REPEATS; i++) {
        uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        for (uint32_t j = 0; j < stream.n; j++) {
            view.event = &stream.events[j];
            state_apply(stream.state, view.event);
            view.scratch.n = 0;
            alert_json(&how, &rule, output, &view, &out);
            state_settle(stream.state, view.event);
            if (out.n > JSON_PASS) {
                fd_write_all(null, out.p, out.n);
                buf_clear(&out);
            }
        }
        times[i] = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / stream.n;
    }
    printf("JSON alerts to /dev/null           %7.0f K/s, state and extraction included\n",
           1e6 / median(times, REPEATS));
    buf_done(&out);
    arena_done(&arena);
    close(null);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (stream_init(&stream, EVENTS) < 0 || scratch_init(&view.scratch) < 0) {
        printf("out of memory\n");
        return 1;
    }
    view.state = stream.state;
    view.source = STR("syscall");
    view.hostname = STR("host");
    double nothing;
    printf("state alone: %.2f M/s\n", 1e3 / measure(NULL, &nothing));
    const char *only = argc > 2 ? argv[2] : "";
    if (strcmp(only, "stock") == 0) {
        stock(argv[1]);
        return different;
    }
    if (strcmp(only, "lists") != 0) {
        stock(argc > 1 ? argv[1] : "../shared/peer-rules");
        without_memo = true;
        double hundred = rules_of_one_kind(100);
        rules_of_one_kind(1000);
        printf("  10,000 rules to 100: %.2f times\n", rules_of_one_kind(10000) / hundred);
        uncovered_rules(1000);
        regexes(1000);
        json_alerts();
    }
    without_memo = true;
    lists();
    stream_done(&stream);
    scratch_done(&view.scratch);
    return different;
}
