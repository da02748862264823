/*
 * console: the web console's files, built in, and the page that stands for every screen.
 *
 * The table is made by the build (web/tools/embed.py). It is empty where the console could not be built; then the
 * server has a plain page at "/" and nothing else of it.
 */
#pragma once

#include "server/http.h"

#include <stddef.h>

struct target;

struct console_file {
    const char *name; /* "index.html", "assets/index-B1c2.js" */
    const char *type, *etag;
    const unsigned char *packed; /* gzip */
    size_t npacked, size;
    bool fixed; /* its name changes with its contents */
};

extern const struct console_file console_files[]; /* index.html is the first */
extern const size_t console_nfiles;

/*
 * The route of a path that no table has, when a browser wants a page there: screens have paths that only the page's
 * script knows. NULL: nothing is there. Never below /v1.
 */
const struct route *console_page_route(const struct target *target, struct str accept);
enum http_result console_front(struct server *server, struct request *request, struct reply *reply);
