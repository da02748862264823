/*
 * courier: the one process that connects outwards for a server; how it is asked to.
 *
 * courier_fork() comes first, while the program has one thread and has read no secrets: it makes a keeper, which
 * forks the process that does the work, and forks it anew when it ended. courier_start() then gives it options and
 * begins to listen to it. One request is one exchange: HTTP(S), or one mail by SMTP(S). Nothing is kept between two:
 * no connection, no cookie, no credentials; redirects are not followed.
 *
 *     struct courier_request request = { .url = STR("https://example.net/hook"), .body = body };
 *     struct courier_answer answer;
 *     if (courier_exchange(courier, &request, &answer, &err) == 0 && answer.outcome == COURIER_ANSWERED) ...
 *     courier_answer_done(&answer);
 *
 * Threads: all functions but fork, start, close and free may be called by any thread at any time between start and
 * free. A target is a scheme, host and port: COURIER_PER_TARGET exchanges with one go on at a time, more wait for
 * these, no longer than their own timeout; others do not wait for them.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define COURIER_URL_MAX     2048
#define COURIER_HEADERS_MAX 32
#define COURIER_NAME_MAX    64    /* of a header */
#define COURIER_VALUE_MAX   16384 /* of a header */
#define COURIER_TO_MAX      50
#define COURIER_ADDRESS_MAX 254 /* of mail */
#define COURIER_SECRET_MAX  1024
#define COURIER_CA_MAX      ((size_t)512 << 10)
#define COURIER_BODY_MAX    ((size_t)2 << 20)
#define COURIER_ANSWER_MAX  ((size_t)2 << 20)
#define COURIER_WANTED_MAX  8 /* headers of an answer */
#define COURIER_WANTED_SIZE 512
#define COURIER_TEXT_MAX    256
#define COURIER_CALLS_MAX   1024               /* of one courier, waiting and going on */
#define COURIER_BYTES_MAX   ((size_t)64 << 20) /* of these */
#define COURIER_RUNNING_MAX 128
#define COURIER_PER_TARGET  4
#define COURIER_WAITING_MAX 64 /* for one target */

#define COURIER_TIMEOUT_MS      30000 /* where none is given */
#define COURIER_TIMEOUT_MOST_MS 600000
#define COURIER_CONNECT_MS      10000
#define COURIER_ANSWER_DEFAULT  ((size_t)64 << 10)

struct courier_header {
    struct str name, value;
};

/*
 * What may be connected to; looked at for each address that a name leads to, when it is connected to.
 * Link-local addresses, those of clouds' metadata and those of no host never are.
 */
enum courier_reach {
    COURIER_CONFIGURED, /* public addresses, and what the options allow; for what people enter */
    COURIER_PRIVATE, /* loopback and private ones, too: where to is the configuration's, or AWS's */
    COURIER_CREDENTIALS, /* and the addresses that ECS and EKS have for credentials */
};

enum courier_tls {
    COURIER_STARTTLS, /* smtp:// is made TLS before anything is said, or ends */
    COURIER_PLAIN,    /* smtp:// stays as it is; not with a password */
};

/* Borrowed during the call. Empty is none, 0 the default. */
struct courier_request {
    struct str
        url; /* http:, https:, smtp: or smtps:; no user, no fragment. smtp://HOST:PORT/NAME: EHLO NAME */
    struct str method; /* GET POST PUT PATCH DELETE; without: POST with a body, else GET */
    const struct courier_header *headers;
    unsigned nheaders;
    struct str body; /* mail: the whole message, lines of at most 998 bytes that end in CR LF */
    struct str from; /* mail: without the angle brackets; empty: the null path */
    const struct str *to;
    unsigned nto;
    enum courier_tls tls;
    struct str user, password; /* HTTP: Basic. Over TLS only */
    struct str ca;             /* PEM; in the place of the system's */
    struct str wanted;   /* names of headers that the answer shall have, with blanks between */
    size_t answer_max;   /* a longer body ends the exchange: COURIER_TOO_LARGE */
    uint32_t timeout_ms; /* of the exchange as a whole */
    enum courier_reach reach;
};

enum courier_outcome {
    COURIER_ANSWERED, /* `status` says what: of HTTP, or of SMTP (250: taken over; 550: refused) */
    COURIER_REFUSED,  /* not connected to, by the rules: trying again is no use */
    COURIER_UNREACHABLE, /* no such name, or no connection; nothing was sent */
    COURIER_UNTRUSTED,   /* TLS failed: certificate, version, or STARTTLS is not offered */
    COURIER_TIMEOUT,     /* may have arrived */
    COURIER_TOO_LARGE,   /* may have arrived */
    COURIER_BROKEN, /* the other side does not keep to the protocol, or hung up; may have arrived */
    COURIER_BUSY,   /* not begun: too many wait for this target, or it waited too long */
    COURIER_UNKNOWN, /* the courier's process ended meanwhile; may have arrived */
    COURIER_STOPPED, /* courier_close(); may have arrived */
};

struct courier_answer {
    enum courier_outcome outcome;
    int status;            /* 0: none */
    int64_t retry_after_s; /* 0: not said; at most a day */
    uint32_t elapsed_ms;   /* of the exchange, without what it waited */
    char address[64];      /* connected to; "" */
    char text
        [COURIER_TEXT_MAX]; /* for people: why, or the last line that a mail server said; no control characters */
    struct str body;
    struct courier_header
        headers[COURIER_WANTED_MAX]; /* wanted and there; names as they were asked for */
    unsigned nheaders;
    void *storage; /* of body and headers; NULL in what a courier_done is called with */
};

struct courier;

struct courier_options {
    bool allow_private; /* COURIER_CONFIGURED reaches what COURIER_PRIVATE does */
    char *const *allow; /* ADDRESS or ADDRESS/BITS that COURIER_CONFIGURED reaches, too */
    size_t nallow;
    struct str
        proxy; /* http://HOST:PORT of what HTTP and HTTPS go through; names are resolved there, then */
    struct str ca;    /* PEM; in the place of the system's */
    struct str agent; /* the header User-Agent */
};

/* The keeper has no descriptor of the caller's above 2, and an environment without values. */
int courier_fork(struct courier **ret, struct err *err);
/* Options are copied. Starts a thread. */
int courier_start(struct courier *courier, const struct courier_options *options, struct err *err);
/* Ends what goes on (COURIER_STOPPED, callbacks included) and refuses more. NULL is allowed. */
void courier_close(struct courier *courier);
/* After everybody who may call it ended. NULL is allowed. */
void courier_free(struct courier *courier);

/* Called once for each request that was taken, by the courier's own thread: must not wait. The answer is borrowed. */
typedef void courier_done(void *context, const struct courier_answer *answer);

/*
 * 0: taken. -EINVAL: the request is not well-formed. -EAGAIN: COURIER_CALLS_MAX or COURIER_BYTES_MAX. -ESHUTDOWN:
 * closed, or the courier is NULL. The request is copied.
 */
int courier_send(struct courier *courier, const struct courier_request *request, courier_done *done,
                 void *context, struct err *err);
/* Waits for the answer. 0: *ret is the caller's to end with courier_answer_done(). Not within a courier_done. */
int courier_exchange(struct courier *courier, const struct courier_request *request,
                     struct courier_answer *ret, struct err *err);
void courier_answer_done(struct courier_answer *answer);

/* "" when there is none of that name. */
struct str courier_answer_header(const struct courier_answer *answer, const char *name);
/* "answered", "refused", ... */
const char *courier_outcome_name(enum courier_outcome outcome);
/* As courier_send() checks it: 0 or -EINVAL. */
int courier_check(const struct courier_request *request, struct err *err);
/* ADDRESS or ADDRESS/BITS. */
bool courier_network_is_good(const char *text);
