/*
 * route: all modules' routes as one table, and the one that a path and a method mean.
 *
 * The routes are few and looked through in order. A pattern is compared segment by segment: a literal with the
 * bytes that were sent (an encoded letter is another path: there is one spelling of each), "{name}" with any
 * segment. A literal segment wins over a name at the same place, whatever the order of the modules.
 */
#include "server/http_internal.h"
#include "server/modules.h"

#include <errno.h>
#include <stdlib.h>

#define ROUTES_MAX 512

struct routes {
    const struct route *items[ROUTES_MAX];
    size_t n;
};

const char *http_method_name(enum http_method method)
{
    static const char *const names[] = { [HTTP_GET] = "GET",
                                         [HTTP_POST] = "POST",
                                         [HTTP_PUT] = "PUT",
                                         [HTTP_PATCH] = "PATCH",
                                         [HTTP_DELETE] = "DELETE" };
    return names[method];
}

void routes_free(struct routes *routes)
{
    free(routes);
}

int routes_new(struct routes **ret, struct err *err)
{
    size_t nmodules;
    const struct server_module *const *modules = server_modules(&nmodules);
    struct routes *routes = mem_zalloc(sizeof *routes);
    if (!routes) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t m = 0; m < nmodules; m++) {
        for (size_t i = 0; i < modules[m]->nroutes; i++) {
            if (routes->n == ROUTES_MAX) {
                routes_free(routes);
                return err_set(err, -E2BIG, "more than %d routes", ROUTES_MAX);
            }
            routes->items[routes->n++] = &modules[m]->routes[i];
        }
    }
    *ret = routes;
    return 0;
}

const struct route *routes_at(const struct routes *routes, size_t i)
{
    return i < routes->n ? routes->items[i] : NULL;
}

/* The next segment of a pattern; *at moves on. False: the end. */
static bool next_segment(const char **at, struct str *ret)
{
    if (**at == '/') {
        ++*at;
    }
    if (!**at) {
        return false;
    }
    size_t n = strcspn(*at, "/");
    *ret = (struct str){ *at, n };
    *at += n;
    return true;
}

static bool is_name(struct str segment)
{
    return segment.n > 2 && segment.p[0] == '{';
}

/* A bit per literal segment, the first one highest: which of two matches is the closer one. -1: no match. */
static int closeness(const struct route *route, const struct target *target)
{
    const char *at = route->path;
    struct str segment;
    unsigned n = 0;
    int bits = 0;
    while (next_segment(&at, &segment)) {
        if (n == target->nsegments || (!is_name(segment) && !str_eq(segment, target->raw[n]))) {
            return -1;
        }
        bits |= is_name(segment) ? 0 : 1 << (HTTP_SEGMENTS_MAX - n);
        n++;
    }
    return n == target->nsegments ? bits : -1;
}

static void take_params(struct exchange *exchange, const struct route *route)
{
    const char *at = route->path;
    struct str segment;
    unsigned nparams = 0;
    for (unsigned n = 0; next_segment(&at, &segment) && nparams < HTTP_PARAMS_MAX; n++) {
        if (is_name(segment)) {
            exchange->param_names[nparams] = segment.p + 1;
            exchange->param_lengths[nparams] = (uint8_t)(segment.n - 2);
            exchange->params[nparams++] = exchange->target.segments[n];
        }
    }
}

const struct route *routes_find(const struct routes *routes, struct exchange *exchange,
                                unsigned *ret_allowed)
{
    const struct route *found = NULL;
    int closest = -1;
    *ret_allowed = 0;
    for (size_t i = 0; i < routes->n; i++) {
        int close = closeness(routes->items[i], &exchange->target);
        if (close < 0 || close < closest) {
            continue;
        }
        if (close > closest) {
            closest = close;
            *ret_allowed = 0;
            found = NULL;
        }
        *ret_allowed |= 1u << routes->items[i]->method;
        if (!found && routes->items[i]->method == exchange->request.method) {
            found = routes->items[i];
        }
    }
    if (found) {
        take_params(exchange, found);
    }
    return found;
}
