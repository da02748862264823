/*
 * findings: what people ask about findings, and what they do with them.
 *
 * Every list takes the same words: filter (docs/filters.md), text (words that all have to occur), from and to (times),
 * sort, limit, cursor.
 */
#pragma once

#include "server/http.h"
#include "store/findings.h"

#define FINDINGS_TEXT_MAX  256 /* bytes of the words that are searched for */
#define FINDINGS_WORDS_MAX 8

/* A query as a request states it. */
struct findings_asked {
    struct filter filter;
    struct findings_query query;
    struct columns_page page;
};

/* Over findings. False: the reply is a 400 that says what is wrong and where. */
bool findings_ask(struct server *server, struct request *request, struct findings_asked *ret,
                  struct reply *reply);
void findings_asked_done(struct findings_asked *asked); /* also of a zeroed one */

/* A filter's text compiled; as above. */
bool findings_filter(struct server *server, struct request *request, enum filter_over over,
                     struct str text, struct filter *ret, struct reply *reply);

/* The filter's text with the words of `text` joined to it, in the request's arena. False: as above. */
bool findings_words(struct request *request, struct str filter, struct str text, struct str *ret,
                    struct reply *reply);
/* A time, called `name` in what is said of it; empty: 0. False: as above. */
bool findings_time(struct server *server, struct str text, const char *name, int64_t *ret,
                   struct reply *reply);
/* As reply_error(); of a query that took too long 503 `query_too_slow`. */
enum http_result findings_failed(struct reply *reply, const struct err *err);

/* Where the next page begins, in the request's arena. */
struct str findings_cursor(const struct request *request, const struct columns_page *page,
                           const struct columns_place *last);

/* One finding as an object of answers. */
void findings_write(struct jsonw *w, const char *key, const struct finding *finding);

/* Routes; findings.c has the table. */
enum http_result findings_list(struct server *server, struct request *request, struct reply *reply);
enum http_result findings_get(struct server *server, struct request *request, struct reply *reply);
enum http_result findings_facets(struct server *server, struct request *request,
                                 struct reply *reply);
enum http_result findings_histogram(struct server *server, struct request *request,
                                    struct reply *reply);
enum http_result findings_fields(struct server *server, struct request *request,
                                 struct reply *reply);
enum http_result findings_patch(struct server *server, struct request *request,
                                struct reply *reply);
enum http_result findings_alerts(struct server *server, struct request *request,
                                 struct reply *reply);
enum http_result findings_alerts_of(struct server *server, struct request *request,
                                    struct reply *reply);
enum http_result findings_activity(struct server *server, struct request *request,
                                   struct reply *reply);
enum http_result findings_activity_histogram(struct server *server, struct request *request,
                                             struct reply *reply);
enum http_result findings_bulk(struct server *server, struct request *request, struct reply *reply);
