/*
 * watch: an engine fed by the dns sensor and, for the command that it runs, by the notify sensor; alerts on
 * standard output, the sensor's counters at the end.
 *
 *     dns-watch RULES SECONDS|0 [--tls] [COMMAND ARGUMENTS...]
 *
 * Says "ready" when the sensor is there. Without a command it watches until its standard input ends (0), or
 * so many seconds. Exits with 77 where there is no packet socket.
 */
#include "agent/engine.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/fd.h"
#include "rules/ruleset.h"
#include "sensor/dns/dns.h"
#include "sensor/notify/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_MS 2000
#define END_MS   5000

struct watch {
    struct engine *engine;
    struct dns *dns;
    struct notify *notify;
    struct filter *filter;
    struct err err;
};

static void check(bool ok, const struct err *err)
{
    if (!ok) {
        fprintf(stderr, "dns-watch: %s\n", err->message);
        exit(err->code == -EPERM ? 77 : 1);
    }
}

static struct ruleset *load(const char *path)
{
    struct loader *loader = NULL;
    struct ruleset *rules = NULL;
    struct err err = { .message = "rules" };
    struct buf text;
    buf_init(&text, 1 << 20);
    check(file_read(path, &text, &err) == 0 && loader_new(NULL, &loader) == 0 &&
              loader_add(loader, STR("rules"), buf_str(&text)) == 0 &&
              loader_finish(loader, false, &rules, &err) == 0,
          &err);
    loader_free(loader);
    buf_done(&text);
    return rules;
}

static void make_notify(struct watch *w)
{
    struct err *err = &w->err;
    struct notify_config config = { .features = feature_probe(),
                                    .state = engine_state(w->engine),
                                    .sink = *engine_sink(w->engine),
                                    .lock = engine_lock(w->engine),
                                    .cache_paths = true,
                                    .protected[0] = getpid() };
    w->filter = mem_zalloc(sizeof *w->filter);
    check(w->filter && engine_filter(w->engine, false, w->filter, err) == 0 &&
              notify_new(&config, &w->notify, err) == 0,
          err);
}

static _Noreturn void child(const struct watch *w, char **command, const int tell[2],
                            const int go[2])
{
    int listener = -1;
    char byte;
    if (filter_install(w->filter, feature_probe(), &listener) < 0 ||
        write(tell[1], &listener, sizeof(listener)) < 0 || read(go[0], &byte, 1) != 1) {
        _exit(100);
    }
    syscall(SYS_close_range, 3, ~0U, 0);
    execvp(command[0], command);
    _exit(101);
}

static int run_command(struct watch *w, char **command)
{
    int tell[2], go[2], listener = -1, status = -1;
    check(engine_know_lineage(w->engine, getpid(), &w->err) == 0, &w->err);
    if (pipe2(tell, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0) {
        return 1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        child(w, command, tell, go);
    }
    if (read(tell[0], &listener, sizeof(listener)) != sizeof(listener)) {
        return 1;
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    listener = (int)syscall(SYS_pidfd_getfd, pidfd, listener, 0);
    check(notify_serve(w->notify, listener, &w->err) == 0, &w->err);
    if (write(go[1], "", 1) != 1) {
        return 1;
    }
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    poll(&p, 1, -1);
    waitpid(pid, &status, 0);
    notify_wait_end(w->notify, END_MS);
    notify_drain(w->notify);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void wait_for_input(int seconds)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    char text[64];
    while (poll(&p, 1, seconds ? seconds * 1000 : -1) > 0 && read(0, text, sizeof(text)) > 0) {
    }
}

static void put_stats(struct dns *dns)
{
    struct dns_stats s;
    dns_get_stats(dns, &s);
#define PUT(name) fprintf(stderr, #name "=%llu ", (unsigned long long)s.name)
    PUT(packets), PUT(dropped), PUT(malformed), PUT(fragments), PUT(gaps), PUT(unsent);
    PUT(refused), PUT(repeated), PUT(queries), PUT(answers), PUT(hellos), PUT(unasked);
    PUT(unowned), PUT(by_state), PUT(searches), PUT(searches_refused), PUT(learned);
    PUT(names), PUT(restarts);
    fprintf(stderr, "\n");
}

int main(int argc, char **argv)
{
    struct watch w = { 0 };
    struct selection selection;
    int at = 3, status = 0;
    bool tls = argc > at && strcmp(argv[at], "--tls") == 0;
    at += tls;
    if (argc < 3) {
        return 2;
    }
    struct ruleset *rules = load(argv[1]);
    check(selection_init(&selection, rules) == 0, &w.err);
    struct engine_config config = { .rules = { .ruleset = rules, .selection = &selection },
                                    .options = { .matcher = { .all = true } },
                                    .names = true,
                                    .output = STDOUT_FILENO };
    check(engine_new(&config, &w.engine, &w.err) == 0, &w.err);
    struct dns_config dns = { .state = engine_state(w.engine),
                              .sink = *engine_sink(w.engine),
                              .lock = engine_lock(w.engine),
                              .tls = tls };
    check(dns_new(&dns, &w.dns, &w.err) == 0, &w.err);
    fprintf(stderr, "ready parser=%lld\n", (long long)dns_parser_pid(w.dns));
    if (argc > at) {
        make_notify(&w);
        status = run_command(&w, argv + at);
    } else {
        wait_for_input((int)strtol(argv[2], NULL, 10));
    }
    dns_drain(w.dns, DRAIN_MS);
    put_stats(w.dns);
    notify_free(w.notify);
    dns_free(w.dns);
    engine_free(w.engine);
    free(w.filter);
    selection_done(&selection);
    ruleset_free(rules);
    return status;
}
