/*
 * What the handlers of the accounts share: the client's address, who counts as a person, pages, and the replies to
 * errors of the store.
 */
#include "server/accounts_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

/* The bytes of the address: 4, or 16; IPv4 within IPv6 as IPv4. */
static struct str address_bytes(const struct request *request)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&request->peer;
    if (request->peer.ss_family == AF_INET) {
        return str_from(&((const struct sockaddr_in *)&request->peer)->sin_addr, 4);
    }
    if (request->peer.ss_family != AF_INET6) {
        return (struct str){ 0 };
    }
    bool mapped = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
    return mapped ? str_from(six->sin6_addr.s6_addr + 12, 4) : str_from(&six->sin6_addr, 16);
}

void accounts_address(const struct request *request, char ret[ADDRESS_TEXT_MAX])
{
    struct str bytes = address_bytes(request);
    if (bytes.n == 0 ||
        !inet_ntop(bytes.n == 4 ? AF_INET : AF_INET6, bytes.p, ret, ADDRESS_TEXT_MAX)) {
        ret[0] = '\0';
    }
}

uint64_t accounts_address_key(const struct request *request)
{
    return str_hash(str_first(address_bytes(request), 8));
}

bool accounts_person(const struct request *request, struct reply *reply)
{
    if (request->principal->kind == PRINCIPAL_USER) {
        return true;
    }
    reply_problem(reply, 403, "people_only",
                  "this is for people who are logged in, not for tokens");
    return false;
}

enum http_result accounts_failed(struct reply *reply, const struct err *err)
{
    switch (err->code) {
    case -EPERM:
        return reply_problem(reply, 409, "last_admin", "%s", err->message);
    case -EDQUOT:
        return reply_problem(reply, 409, "limit", "%s", err->message);
    case -EEXIST:
        return reply_problem(reply, 409, "exists", "%s", err->message);
    case -EKEYEXPIRED:
        return reply_problem(reply, 401, "enrolment_over", "%s", err->message);
    default:
        return reply_error(reply, err);
    }
}

bool accounts_page(struct request *request, struct store_list *ret, struct reply *reply)
{
    int64_t limit = 0, after = 0;
    if (!request_number(request, "limit", 1, STORE_PAGE_MAX, PAGE_DEFAULT, &limit, reply) ||
        !request_number(request, "cursor", 1, INT64_MAX, 0, &after, reply)) {
        return false;
    }
    *ret = (struct store_list){ .arena = request->arena, .limit = (uint32_t)limit, .after = after };
    return true;
}

void accounts_page_end(struct jsonw *w, const struct store_list *list, int64_t last)
{
    char text[24];
    jsonw_end(w);
    if (list->n == list->limit && list->n > 0 && last > 0) {
        snprintf(text, sizeof(text), "%lld", (long long)last);
        jsonw_strz(w, "next", text);
    } else {
        jsonw_null(w, "next");
    }
    if (list->total >= 0) {
        jsonw_i64(w, "total", list->total);
    }
    jsonw_end(w);
}

bool accounts_id(struct request *request, int64_t *ret, struct reply *reply)
{
    struct str text = request_param(request, "id");
    int64_t id = 0;
    bool good = text.n > 0 && text.n <= 18;
    for (size_t i = 0; i < text.n && good; i++) {
        good = text.p[i] >= '0' && text.p[i] <= '9';
        id = id * 10 + (text.p[i] - '0');
    }
    if (!good) {
        reply_problem(reply, 404, "not_found", "there is no such thing");
        return false;
    }
    *ret = id;
    return true;
}
