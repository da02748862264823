/*
 * hinomi-server: the command line and the order in which things start and end.
 *
 * Signals are taken by one thread, this one, which waits for them and ticks the modules once a second; requests
 * run on the threads of the HTTP server. SIGTERM and SIGINT end it: first no more requests, then the modules in
 * reverse, then the store.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/config.h"
#include "server/http_server.h"
#include "server/modules.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

static const char help[] =
    "Usage: hinomi-server [OPTION...]\n"
    "\n"
    "Keeps what agents find, and serves the API. Stays in the foreground.\n"
    "\n"
    "  --listen ADDRESS:PORT  where to serve; 127.0.0.1:8765 is the default\n"
    "  --dir DIRECTORY        where everything is kept\n"
    "  --version              print the version\n"
    "  --help                 print this\n";

static int64_t real_ms(void)
{
    return (int64_t)(clock_real_ns() / NS_PER_MS);
}

static int parse(int argc, char **argv, struct server_config *config)
{
    static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
                                             { "dir", required_argument, NULL, 'd' },
                                             { "version", no_argument, NULL, 'v' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
        switch (c) {
        case 'l':
            config->listen = optarg;
            break;
        case 'd':
            config->dir = optarg;
            break;
        case 'v':
            fputs("hinomi-server " HINOMI_VERSION "\n", stdout);
            return 1;
        case 'h':
            fputs(help, stdout);
            return 1;
        default:
            fputs("Try: hinomi-server --help\n", stderr);
            return -EINVAL;
        }
    }
    return 0;
}

static int start(struct server *server, bool *ret_started, struct err *err)
{
    const struct store_options store = { .dir = server->config->dir };
    int r = hub_new(&server->hub);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    r = store_open_sqlite(&store, &server->store, err);
    r = r == 0 ? http_new(server, err) : r;
    r = r == 0 ? server_modules_start(server, err) : r;
    *ret_started = r == 0;
    return r == 0 ? http_listen(server, NULL, err) : r;
}

static void run(struct server *server, const sigset_t *signals)
{
    const struct timespec second = { 1, 0 };
    for (;;) {
        int number = sigtimedwait(signals, NULL, &second);
        if (number == SIGTERM || number == SIGINT) {
            return;
        }
        server_modules_tick(server);
    }
}

static void stop(struct server *server, bool started)
{
    http_stop(server);
    if (started) {
        server_modules_stop(server);
    }
    http_free(server);
    store_close(server->store);
    hub_free(server->hub);
}

int main(int argc, char **argv)
{
    struct server_config config = { .listen = "127.0.0.1:8765", .dir = "/var/lib/hinomi" };
    struct server server = { .config = &config, .now_ms = real_ms };
    struct err err = { 0 };
    sigset_t signals;
    log_set_program("hinomi-server");
    int r = parse(argc, argv, &config);
    if (r != 0) {
        return r < 0 ? 2 : 0;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    bool started = false;
    r = start(&server, &started, &err);
    if (r == 0) {
        log_info("serving on http://127.0.0.1:%u/", http_port(&server));
        run(&server, &signals);
    } else {
        log_error("%s", err.message);
    }
    stop(&server, started);
    return r < 0 ? 1 : 0;
}
