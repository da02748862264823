/*
 * request: what a handler asks of the path, the query and the headers.
 *
 * All of it was taken apart and checked before the handler is called (target.c, exchange.c); these only look it
 * up. Whatever is returned lives as long as the request.
 */
#include "server/http_internal.h"

#include <errno.h>

static struct exchange *exchange_of(const struct request *request)
{
    return (struct exchange *)request->connection;
}

struct str request_param(const struct request *request, const char *name)
{
    const struct exchange *x = exchange_of(request);
    for (unsigned i = 0; i < HTTP_PARAMS_MAX && x->param_names[i]; i++) {
        if (str_eqz((struct str){ x->param_names[i], x->param_lengths[i] }, name)) {
            return x->params[i];
        }
    }
    return (struct str){ NULL, 0 };
}

struct str request_query(const struct request *request, const char *name)
{
    const struct target *target = &exchange_of(request)->target;
    for (unsigned i = 0; i < target->nquery; i++) {
        if (str_eqz(target->query[i].name, name)) {
            return target->query[i].value;
        }
    }
    return (struct str){ NULL, 0 };
}

struct str request_header(const struct request *request, const char *name)
{
    const struct exchange *x = exchange_of(request);
    for (unsigned i = 0; i < x->nheaders; i++) {
        if (str_ieq(x->headers[i].name, str_of(name))) {
            return x->headers[i].value;
        }
    }
    return (struct str){ NULL, 0 };
}

bool request_secure(const struct request *request)
{
    return exchange_of(request)->secure;
}

/* -EINVAL: not a decimal number; -ERANGE: none that fits. */
static int parse_number(struct str text, int64_t *ret)
{
    bool minus = text.n && text.p[0] == '-';
    uint64_t number = 0;
    if (text.n == (minus ? 1u : 0u)) {
        return -EINVAL;
    }
    for (size_t i = minus; i < text.n; i++) {
        unsigned digit = (unsigned char)text.p[i] - (unsigned)'0';
        if (digit > 9) {
            return -EINVAL;
        }
        if (number > ((uint64_t)INT64_MAX - digit) / 10) {
            return -ERANGE;
        }
        number = number * 10 + digit;
    }
    *ret = minus ? -(int64_t)number : (int64_t)number;
    return 0;
}

bool request_number(const struct request *request, const char *name, int64_t least, int64_t most,
                    int64_t absent, int64_t *ret, struct reply *reply)
{
    struct str text = request_query(request, name);
    int64_t number = absent;
    if (!text.p) {
        *ret = absent;
        return true;
    }
    if (parse_number(text, &number) < 0 || number < least || number > most) {
        reply_problem(reply, 400, "bad_query", "`%s` is a number from %lld to %lld", name,
                      (long long)least, (long long)most);
        return false;
    }
    *ret = number;
    return true;
}
