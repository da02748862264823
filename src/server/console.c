/*
 * console: serving the files of the web console.
 *
 * Files whose names carry a hash are kept by browsers for good; index.html and the few others are asked for each
 * time, and mostly answered by 304. They are packed; the rare client that does not take gzip gets them unpacked.
 * Pages have a policy of their own: scripts, styles, images and requests from here only, nothing inline, and no text
 * that becomes a script or markup (trusted types), whatever an attacker named a file.
 */
#include "server/console.h"

#include "server/http_internal.h"
#include "server/server.h"

#include <zlib.h>

#define FILE_MAX ((size_t)16 << 20)

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

static bool takes_gzip(const struct request *request)
{
    struct str rest = request_header(request, "Accept-Encoding");
    while (rest.n) {
        ptrdiff_t comma = str_find_char(rest, ',');
        struct str one = str_trim(comma < 0 ? rest : str_first(rest, (size_t)comma));
        rest = comma < 0 ? (struct str){ 0 } : str_from_offset(rest, (size_t)comma + 1);
        if (str_ieq(one, STR("gzip"))) {
            return true;
        }
        if (str_starts(one, STR("gzip;")) && str_find(one, STR("q=0")) < 0) {
            return true;
        }
    }
    return false;
}

static bool unpack(const struct console_file *file, char *at)
{
    z_stream stream = { .next_in = (unsigned char *)(uintptr_t)file->packed,
                        .avail_in = (uInt)file->npacked,
                        .next_out = (unsigned char *)at,
                        .avail_out = (uInt)file->size };
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) {
        return false;
    }
    int r = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return r == Z_STREAM_END && stream.total_out == file->size;
}

static enum http_result send_file(const struct console_file *file, struct request *request,
                                  struct reply *reply)
{
    reply_header(reply, "Content-Security-Policy", str_of(page_policy));
    reply_header(reply, "Permissions-Policy",
                 STR("camera=(), geolocation=(), microphone=(), payment=(), usb=()"));
    reply_header(
        reply, "Cache-Control",
        str_of(file->fixed ? "public, max-age=31536000, immutable" : "no-cache, must-revalidate"));
    reply_header(reply, "ETag", str_of(file->etag));
    reply_header(reply, "Vary", STR("Accept-Encoding"));
    struct str known = request_header(request, "If-None-Match");
    if (known.p && str_find(known, str_of(file->etag)) >= 0) {
        return reply_empty(reply, 304);
    }
    if (takes_gzip(request)) {
        reply_header(reply, "Content-Encoding", STR("gzip"));
        return reply_bytes(reply, 200, file->type,
                           (struct str){ (const char *)file->packed, file->npacked });
    }
    char *text = file->size <= FILE_MAX ? arena_bytes(request->arena, file->size + 1) : NULL;
    if (!text || !unpack(file, text)) {
        return reply_problem(reply, 503, "no_memory", "the server is out of memory");
    }
    return reply_bytes(reply, 200, file->type, (struct str){ text, file->size });
}

static const struct console_file *find_file(struct str path)
{
    for (size_t i = 0; i < console_nfiles; i++) {
        if (str_eqz(path, console_files[i].name)) {
            return &console_files[i];
        }
    }
    return NULL;
}

/* Paths are compared as they were sent: names of files have no letters that need encoding. */
static enum http_result get_file(struct server *server, struct request *request,
                                 struct reply *reply)
{
    (void)server;
    const struct console_file *file = find_file(str_from_offset(request->path, 1));
    return file ? send_file(file, request, reply)
                : reply_problem(reply, 404, "no_such_path", "there is nothing at this path");
}

static enum http_result plain_page(struct reply *reply)
{
    static const char page[] =
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Hinomi</title>\n"
        "<h1>Hinomi</h1>\n<p>This server works. It was built without its console; everything is in "
        "its API:\n<ul>\n"
        "<li><a href=\"/v1/openapi.json\">/v1/openapi.json</a>: the reference (OpenAPI 3.1)\n"
        "<li><a href=\"/v1/health\">/v1/health</a>: whether it works\n"
        "<li><a href=\"/v1/version\">/v1/version</a>\n</ul>\n"
        "<p>The command <code>hinomi</code> is a client of it.\n</html>\n";
    return reply_bytes(reply, 200, "text/html; charset=utf-8",
                       (struct str){ page, sizeof(page) - 1 });
}

enum http_result console_front(struct server *server, struct request *request, struct reply *reply)
{
    (void)server;
    return console_nfiles > 0 ? send_file(&console_files[0], request, reply) : plain_page(reply);
}

const struct route *console_page_route(const struct target *target, struct str accept)
{
    static const struct route page = { .path = "/",
                                       .handle = console_front,
                                       .flags = ROUTE_HIDDEN | ROUTE_PAGE,
                                       .tag = "system",
                                       .summary = "A screen of the console" };
    bool wanted = console_nfiles > 0 && target->nsegments > 0 &&
                  !str_eq(target->raw[0], STR("v1")) && !str_eq(target->raw[0], STR("assets")) &&
                  str_find(accept, STR("text/html")) >= 0;
    return wanted ? &page : NULL;
}

static const struct route routes[] = {
    { .path = "/",
      .handle = console_front,
      .flags = ROUTE_HIDDEN | ROUTE_PAGE,
      .tag = "system",
      .summary = "A page" },
    { .path = "/assets/{file}",
      .handle = get_file,
      .flags = ROUTE_HIDDEN,
      .tag = "system",
      .summary = "A file of the console" },
    { .path = "/favicon.svg",
      .handle = get_file,
      .flags = ROUTE_HIDDEN,
      .tag = "system",
      .summary = "Its picture" },
    { .path = "/licences.txt",
      .handle = get_file,
      .flags = ROUTE_HIDDEN,
      .tag = "system",
      .summary = "The licences of the packages that it contains" },
    { .path = "/theme.js",
      .handle = get_file,
      .flags = ROUTE_HIDDEN,
      .tag = "system",
      .summary = "Light or dark, before anything is drawn" },
};

const struct server_module console_module = {
    .name = "console",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
};
