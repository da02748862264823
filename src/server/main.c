/*
 * hinomi-server: the order in which things start and end.
 *
 * The process that talks to others, which shall know nothing, before anything is read; settings, folder, certificate,
 * fewer rights, store, modules, and only then requests; the other way round at the end. Signals are taken by one thread, this one, which waits for them and ticks the modules once a second;
 * requests run on the threads of the HTTP server. A stop that takes longer than STOP_S is cut short: the store
 * is made to survive that.
 */
#include "base/clock.h"
#include "base/log.h"
#include "courier/courier.h"
#include "server/host.h"
#include "server/http_server.h"
#include "server/main_options.h"
#include "server/modules.h"
#include "server/outbound.h"
#include "server/sandbox.h"
#include "server/tls.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

#define RENEW_AGAIN_MS (INT64_C(3600) * 1000)
#define STOP_S         4
#define COMPLAINTS     ((size_t)64 << 10)

enum status { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

struct program {
    struct server_config config;
    struct server_tls tls;
    struct server server;
    bool started; /* the modules */
};

static int64_t real_ms(void)
{
    return (int64_t)(clock_real_ns() / NS_PER_MS);
}

/* With its parents; mode 0700. */
static int make_folder(const char *path, struct err *err)
{
    char storage[4096];
    if (snprintf(storage, sizeof(storage), "%s", path) >= (int)sizeof(storage)) {
        return err_set(err, -ENAMETOOLONG, "the name of the folder is too long");
    }
    for (char *at = storage + 1; *at; at++) {
        if (*at == '/') {
            *at = '\0';
            (void)mkdir(storage, 0755);
            *at = '/';
        }
    }
    if (mkdir(storage, 0700) < 0 && errno != EEXIST) {
        return err_set(err, -errno, "cannot make %s: %s", path, strerror(errno));
    }
    return 0;
}

/* 0, STATUS_USAGE; complaints are printed. */
static int configure(struct program *p, const struct server_options *options)
{
    const struct settings_source source = { .path = options->config,
                                            .environment = environ,
                                            .arguments = options->arguments,
                                            .narguments = options->narguments };
    struct err err = { 0 };
    struct buf complaints;
    buf_init(&complaints, COMPLAINTS);
    int r = server_config_load(&source, &p->config, &complaints, &err);
    if (complaints.n) {
        fwrite(complaints.p, 1, complaints.n, stderr);
    }
    buf_done(&complaints);
    if (r < 0) {
        log_error("%s", err.message);
    }
    p->server.config = &p->config;
    p->server.now_ms = real_ms;
    return r < 0 ? STATUS_USAGE : STATUS_OK;
}

static bool wants_tls(const struct server_config *config)
{
    struct sockaddr_storage at;
    return config->tls_certificate || address_parse(str_of(config->listen), &at) < 0 ||
           !address_is_loopback(&at);
}

static int open_store(struct program *p, struct err *err)
{
    const struct store_options options = { .dir = p->config.dir,
                                           .keep_days = p->config.retention_days,
                                           .max_bytes = p->config.retention_max_bytes,
                                           .keep_findings = p->config.retention_findings_days };
    return store_open_sqlite(&options, &p->server.store, err);
}

static int load_tls(struct program *p, struct err *err)
{
    int r = tls_load(&p->config, real_ms(), &p->tls, err);
    p->server.tls = r == 0 ? &p->tls : NULL;
    return r;
}

static int start(struct program *p, const char *config_path, struct err *err)
{
    struct server *server = &p->server;
    bool landlock = false;
    int r = make_folder(p->config.dir, err);
    r = r == 0 && wants_tls(&p->config) ? load_tls(p, err) : r;
    r = r == 0 ? sandbox_enter(&p->config, config_path, &landlock, err) : r;
    if (r == 0 && !landlock) {
        log_warning("the kernel has no Landlock: the file system stays open to this process");
    }
    r = r == 0 ? outbound_start(server, err) : r;
    r = r == 0 && hub_new(&server->hub) < 0 ? err_set(err, -ENOMEM, "out of memory") : r;
    r = r == 0 ? open_store(p, err) : r;
    r = r == 0 ? http_new(server, err) : r;
    r = r == 0 ? server_modules_start(server, err) : r;
    p->started = r == 0;
    return r == 0 ? http_listen(server, err) : r;
}

static void announce(const struct program *p)
{
    char storage[128] = "";
    struct buf text;
    struct sockaddr_storage at;
    buf_init_fixed(&text, storage, sizeof(storage) - 1);
    address_parse(str_of(p->config.listen), &at);
    address_set_port(&at, http_port(&p->server));
    address_text(&at, &text);
    log_info("%s, listening on %s://%s/", "hinomi-server " HINOMI_VERSION,
             p->server.tls ? "https" : "http", storage);
    if (p->tls.ca) {
        log_info("SHA-256 of its CA (server.ca_sha256 of agents): %s", p->tls.ca_fingerprint);
    }
}

/* New certificates are taken over by listening anew; clients come back. What cannot be read changes nothing. */
static void renew(struct program *p)
{
    struct err err = { 0 };
    struct server_tls fresh;
    if (!p->server.tls) {
        return;
    }
    if (tls_load(&p->config, real_ms(), &fresh, &err) < 0) {
        log_error("the certificate stays as it was: %s", err.message);
        if (p->tls.renew_ms != INT64_MAX) {
            p->tls.renew_ms = real_ms() + RENEW_AGAIN_MS;
        }
        return;
    }
    http_stop(&p->server);
    tls_done(&p->tls);
    p->tls = fresh;
    if (http_listen(&p->server, &err) < 0) {
        log_error("%s", err.message);
        (void)kill(getpid(), SIGTERM);
    }
}

static void run(struct program *p, const sigset_t *signals)
{
    const struct timespec second = { 1, 0 };
    for (;;) {
        int number = sigtimedwait(signals, NULL, &second);
        if (number == SIGTERM || number == SIGINT) {
            return;
        }
        if (number == SIGHUP || (p->server.tls && real_ms() >= p->tls.renew_ms)) {
            renew(p);
        }
        server_modules_tick(&p->server);
    }
}

static void too_long(int number)
{
    static const char text[] = "hinomi-server: error: stopping takes too long; ended at once\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(STATUS_FAILED);
}

static void stop(struct program *p)
{
    signal(SIGALRM, too_long);
    alarm(STOP_S);
    http_stop(&p->server);
    courier_close(p->server.courier);
    if (p->started) {
        server_modules_stop(&p->server);
    }
    http_free(&p->server);
    store_close(p->server.store);
    hub_free(p->server.hub);
    tls_done(&p->tls);
    outbound_stop(&p->server);
}

static int serve(struct program *p, const char *config_path)
{
    struct err err = { 0 };
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    setenv("SQLITE_TMPDIR", p->config.dir, 1);
    sandbox_limits();
    int r = start(p, config_path, &err);
    if (r == 0) {
        announce(p);
        run(p, &signals);
    } else {
        log_error("%s", err.message);
    }
    stop(p);
    return r < 0 ? STATUS_FAILED : STATUS_OK;
}

static int copy(struct program *p, const struct server_options *options)
{
    struct err err = { 0 };
    sandbox_limits();
    int r = options->verb == SERVER_RESTORE
                ? store_restore_sqlite(options->directory, p->config.dir, &err)
                : store_backup_sqlite(p->config.dir, options->directory, &err);
    if (r < 0) {
        log_error("%s", err.message);
    }
    return r < 0 ? STATUS_FAILED : STATUS_OK;
}

int main(int argc, char **argv)
{
    static struct program program;
    struct server_options options;
    log_set_program("hinomi-server");
    if (!server_options_parse(argc, argv, &options)) {
        return STATUS_USAGE;
    }
    if (options.verb == SERVER_HELP || options.verb == SERVER_VERSION) {
        fputs(options.verb == SERVER_HELP ? server_help : "hinomi-server " HINOMI_VERSION "\n",
              stdout);
        return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
    }
    struct err err = { 0 };
    if (options.verb == SERVER_RUN && courier_fork(&program.server.courier, &err) < 0) {
        log_error("%s", err.message);
        return STATUS_FAILED;
    }
    int status = configure(&program, &options);
    if (status == STATUS_OK) {
        status =
            options.verb == SERVER_RUN ? serve(&program, options.config) : copy(&program, &options);
    }
    server_config_done(&program.config);
    return status;
}
