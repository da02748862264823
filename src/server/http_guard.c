/*
 * http_guard: is the request written strictly?
 *
 * libmicrohttpd reads leniently: a bare LF ends a line, a line may be continued, a NUL ends a value, several blanks
 * separate the words of the first line. A proxy in front that reads otherwise can be made to see other requests
 * than we do (request smuggling). The library takes a request apart where it received it, overwriting CR and LF
 * by two NULs and the colon by one; so the parts it hands out must lie one behind the other with exactly those
 * bytes between them. Whatever was read leniently leaves a hole or an overlap, or was moved elsewhere, and the
 * request is refused. A version of the library that works differently has every request refused, which the
 * tests would show.
 */
#include "server/http_connection.h"

static enum MHD_Result take(void *data, enum MHD_ValueKind kind, const char *key, size_t key_size,
                            const char *value, size_t value_size)
{
    struct guarded *guarded = data;
    (void)kind;
    if (guarded->nheaders <= HTTP_HEADERS_MAX) {
        guarded->headers[guarded->nheaders++] =
            (struct http_header){ { key, key_size },
                                  { value ? value : "", value ? value_size : 0 } };
    }
    return guarded->nheaders > HTTP_HEADERS_MAX ? MHD_NO : MHD_YES;
}

static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!c || !strchr("!#$%&'*+-.^_`|~", c))) {
            return false;
        }
    }
    return text.n > 0;
}

static bool is_value(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* The line's two NULs; *at moves behind them. */
static bool line_ends(const char **at)
{
    bool ends = (*at)[0] == '\0' && (*at)[1] == '\0';
    *at += 2;
    return ends;
}

static bool is_first_line(const struct connection *c, const struct guarded *guarded,
                          const char **ret_end)
{
    const char *version = guarded->version;
    if (guarded->method + strlen(guarded->method) + 1 != c->target_at ||
        c->target_at + c->ntarget + 1 != version ||
        (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)) {
        return false;
    }
    *ret_end = version + strlen(version);
    return line_ends(ret_end);
}

static bool is_next_line(const struct http_header *header, const char **at)
{
    const char *end = header->name.p + header->name.n;
    if (header->name.p != *at || *end != '\0' || !is_token(header->name) ||
        !is_value(header->value)) {
        return false;
    }
    if (header->value.n == 0 && (header->value.p < end || header->value.p > end + HTTP_TEXT_MAX)) {
        return false; /* the library's own empty text */
    }
    for (end++; end < header->value.p; end++) {
        if (*end != ' ' && *end != '\t') {
            return false;
        }
    }
    *at = header->value.p + header->value.n;
    return end == header->value.p && line_ends(at);
}

const char *http_guard(struct connection *c, struct guarded *guarded)
{
    const char *at;
    guarded->nheaders = 0;
    MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, take, guarded);
    if (!is_token(str_of(guarded->method)) || !is_first_line(c, guarded, &at)) {
        return "the request's first line is not written strictly";
    }
    for (size_t i = 0; i < guarded->nheaders; i++) {
        if (!is_next_line(&guarded->headers[i], &at)) {
            return "the headers are not written strictly: lines end with CR LF, are not continued, "
                   "and have no control characters";
        }
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    bool ends = line_ends(&at) && info && info->header_size == (size_t)(at - guarded->method);
    return ends || guarded->nheaders > HTTP_HEADERS_MAX
               ? NULL
               : "the headers are not written strictly: an empty line with CR LF ends them";
}
