/*
 * problem: every refusal as application/problem+json (RFC 9457).
 *
 * The detail is for people and says what to change; the code is for programs and stays as it is. What failed
 * within the server is told to the log with the request's id, and to the client by that id only.
 */
#include "server/http_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define DETAIL_MAX 4096

const char *http_status_title(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < sizeof(titles) / sizeof(*titles); i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return status < 500 ? "Refused" : "Failed";
}

enum http_result reply_problem(struct reply *reply, unsigned status, const char *code,
                               const char *format, ...)
{
    char storage[DETAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(storage, sizeof(storage), format, args);
    va_end(args);
    struct jsonw *w = reply_json(reply, status);
    reply->type = "application/problem+json";
    jsonw_object(w, NULL);
    jsonw_strz(w, "type", "about:blank");
    jsonw_strz(w, "title", http_status_title(status));
    jsonw_u64(w, "status", status);
    jsonw_strz(w, "code", code);
    jsonw_strz(w, "detail", storage);
    jsonw_strz(w, "request", reply->request->id);
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result reply_error(struct reply *reply, const struct err *err)
{
    switch (-err->code) {
    case ENOENT:
        return reply_problem(reply, 404, "not_found", "%s", err->message);
    case EEXIST:
        return reply_problem(reply, 409, "exists", "%s", err->message);
    case ESTALE:
        return reply_problem(reply, 409, "changed", "%s", err->message);
    case EINVAL:
        return reply_problem(reply, 422, "invalid", "%s", err->message);
    case ENOSPC:
        return reply_problem(reply, 507, "disk_full", "the disk of the server is full");
    case EBUSY:
        reply_header(reply, "Retry-After", STR("1"));
        return reply_problem(reply, 503, "busy", "the store is busy; try again");
    default:
        log_error("request %s: %s", reply->request->id, err->message);
        return reply_problem(reply, 500, "internal",
                             "the server failed; its log says why, under this request's id");
    }
}
