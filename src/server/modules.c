/*
 * modules: the table of what the server is made of.
 *
 * A module that a program is not linked with is absent: its symbol is weak, and the table is made of those that
 * are there when it is first asked for. Programs link the whole library, so that a module is there when its
 * source is in the list of the build. A test of one module links the same and starts what it needs.
 */
#include "server/modules.h"

#include <pthread.h>

#pragma weak accounts_module
#pragma weak ingest_module
#pragma weak findings_module
#pragma weak content_module
#pragma weak notify_module
#pragma weak console_module
#pragma weak summaries_module

static const struct server_module *present[16];
static size_t npresent;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_modules(void)
{
    const struct server_module *const all[] = { &accounts_module, &content_module,   &ingest_module,
                                                &findings_module, &summaries_module, &notify_module,
                                                &console_module,  &system_module };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (all[i]) {
            present[npresent++] = all[i];
        }
    }
}

void server_modules_add(const struct server_module *module)
{
    pthread_once(&once, find_modules);
    if (npresent < sizeof(present) / sizeof(*present)) {
        present[npresent++] = module;
    }
}

const struct server_module *const *server_modules(size_t *ret_n)
{
    pthread_once(&once, find_modules);
    *ret_n = npresent;
    return present;
}

static void stop_before(struct server *server, size_t n)
{
    while (n-- > 0) {
        if (present[n]->stop) {
            present[n]->stop(server);
        }
    }
}

int server_modules_start(struct server *server, struct err *err)
{
    size_t n;
    server_modules(&n);
    for (size_t i = 0; i < n; i++) {
        int r = present[i]->start ? present[i]->start(server, err) : 0;
        if (r < 0) {
            err_wrap(err, "%s", present[i]->name);
            stop_before(server, i);
            return r;
        }
    }
    return 0;
}

void server_modules_tick(struct server *server)
{
    size_t n;
    server_modules(&n);
    for (size_t i = 0; i < n; i++) {
        if (present[i]->tick) {
            present[i]->tick(server);
        }
    }
}

void server_modules_stop(struct server *server)
{
    size_t n;
    server_modules(&n);
    stop_before(server, n);
}
