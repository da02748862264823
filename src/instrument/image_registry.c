/*
 * image_registry: asks a registry by the OCI distribution API.
 *
 *     GET /v2/REPOSITORY/manifests/TAG      401: the challenge says how; once more with what that gives
 *         Bearer realm, service, scope  ->  GET realm?service=&scope=, with credentials if there are any
 *         Basic                         ->  the credentials themselves
 *     GET manifests or blobs by digest      until the configuration is there
 *
 * HTTPS only, but for a registry on the loopback; redirects too, and those do not take the authorization to another
 * host. Everything has a limit of size and time.
 */
#include "instrument/image_internal.h"

#include "base/jscan.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#define URL_SIZE      2048
#define CHALLENGE_MAX 2048
#define TOKEN_MAX     16384
#define CONNECT_S     10L
#define TRANSFER_S    60L
#define REDIRECTS     5L
#define ACCEPT                                                                                     \
    "Accept: application/vnd.oci.image.index.v1+json, "                                            \
    "application/vnd.oci.image.manifest.v1+json, "                                                 \
    "application/vnd.docker.distribution.manifest.list.v2+json, "                                  \
    "application/vnd.docker.distribution.manifest.v2+json"

struct registry {
    CURL *curl;
    struct image_reference reference;
    struct buf credentials;   /* "Basic ..." or empty */
    struct buf authorization; /* that the registry wants; or empty */
    struct buf challenge;     /* of the last answer */
    char reason[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t n, void *context)
{
    struct buf *out = context;
    (void)size;
    buf_put(out, data, n);
    return out->failed ? 0 : n;
}

static size_t take_header(char *data, size_t size, size_t n, void *context)
{
    struct registry *registry = context;
    struct str line = str_trim(str_from(data, n)), name = STR("www-authenticate:");
    (void)size;
    if (str_starts(line, STR("HTTP/"))) {
        buf_clear(&registry->challenge);
    } else if (str_ieq(str_first(line, name.n), name) && registry->challenge.n == 0) {
        buf_puts(&registry->challenge, str_trim(str_from_offset(line, name.n)));
    }
    return n;
}

static void set_limits(struct registry *registry)
{
    const char *schemes = registry->reference.loopback ? "http,https" : "https";
    CURL *curl = registry->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, schemes);
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TRANSFER_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "hinomi");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, registry->reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, registry);
}

/* `Authorization: VALUE`, or nothing. NULL when memory is out. */
static struct curl_slist *make_headers(struct str authorization)
{
    struct curl_slist *headers = curl_slist_append(NULL, ACCEPT), *more;
    struct buf line;
    buf_init(&line, TOKEN_MAX + 64);
    buf_printf(&line, "Authorization: %.*s", STR_ARG(authorization));
    buf_putc(&line, '\0');
    more =
        headers && authorization.n && !line.failed ? curl_slist_append(headers, line.p) : headers;
    buf_done(&line);
    if (!more) {
        curl_slist_free_all(headers);
    }
    return more;
}

/* The answer's status in *ret; what it says in out. */
static int get(struct registry *registry, const char *url, struct str authorization,
               struct buf *out, long *ret, struct err *err)
{
    CURL *curl = registry->curl;
    struct curl_slist *headers = make_headers(authorization);
    if (!headers) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    set_limits(registry);
    registry->reason[0] = '\0';
    buf_clear(out);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return code == CURLE_OK ? 0
           : out->failed
               ? err_set(err, -EFBIG, "the registry's answer is too large")
               : err_set(err, -EIO, "the registry cannot be asked: %s",
                         registry->reason[0] ? registry->reason : curl_easy_strerror(code));
}

/* The value of name="..." in a challenge. */
static struct str parameter(struct str challenge, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 1; i + n + 2 < challenge.n; i++) {
        struct str at = str_from_offset(challenge, i);
        bool begins = challenge.p[i - 1] == ' ' || challenge.p[i - 1] == ',';
        if (begins && str_ieq(str_first(at, n), str_of(name)) && at.p[n] == '=' &&
            at.p[n + 1] == '"') {
            at = str_from_offset(at, n + 2);
            ptrdiff_t end = str_find_char(at, '"');
            return end < 0 ? (struct str){ 0 } : str_first(at, (size_t)end);
        }
    }
    return (struct str){ 0 };
}

static void put_query(struct registry *registry, struct buf *url, const char *name,
                      struct str value)
{
    char *escaped = value.n ? curl_easy_escape(registry->curl, value.p, (int)value.n) : NULL;
    if (escaped) {
        bool first = str_find_char(buf_str(url), '?') < 0;
        buf_printf(url, "%c%s=%s", first ? '?' : '&', name, escaped);
        curl_free(escaped);
    }
}

static int token_url(struct registry *registry, struct buf *url, struct err *err)
{
    struct str challenge = buf_str(&registry->challenge);
    struct str realm = parameter(challenge, "realm"), scope = parameter(challenge, "scope");
    bool safe = str_starts(realm, STR("https://")) ||
                (registry->reference.loopback && str_starts(realm, STR("http://127.0.0.1:")));
    if (!safe) {
        return err_set(err, -EPROTO, "the registry gives tokens at a place that is not HTTPS");
    }
    buf_puts(url, realm);
    put_query(registry, url, "service", parameter(challenge, "service"));
    if (scope.n) {
        put_query(registry, url, "scope", scope);
    } else {
        char own[300];
        snprintf(own, sizeof(own), "repository:%s:pull", registry->reference.repository);
        put_query(registry, url, "scope", str_of(own));
    }
    buf_putc(url, '\0');
    return url->failed ? err_set(err, -EPROTO, "the registry's challenge is too long") : 0;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return s.n > 0 && s.n < TOKEN_MAX;
}

static int take_token(struct registry *registry, struct str json, struct err *err)
{
    struct arena arena;
    struct jscan root;
    const char *why;
    size_t at;
    if (jscan_check(json, &root, &why, &at) < 0) {
        return err_set(err, -EPROTO, "the token's answer is not JSON");
    }
    arena_init(&arena, 4 * TOKEN_MAX);
    struct str token = jscan_text(jscan_get(root, STR("token")), &arena);
    token = token.n ? token : jscan_text(jscan_get(root, STR("access_token")), &arena);
    bool good = is_token(token);
    if (good) {
        buf_clear(&registry->authorization);
        buf_putz(&registry->authorization, "Bearer ");
        buf_puts(&registry->authorization, token);
    }
    arena_done(&arena);
    return good ? 0 : err_set(err, -EPROTO, "the registry gave no token");
}

static int refused(const struct registry *registry, struct err *err)
{
    return err_set(
        err, -EACCES,
        registry->credentials.n
            ? "the registry refuses these credentials"
            : "the registry wants credentials, and Docker's config.json has none for it");
}

/* After a 401: what the registry wants to see with the next request. */
static int authorize(struct registry *registry, struct err *err)
{
    struct str challenge = buf_str(&registry->challenge);
    struct buf url, answer;
    long status = 0;
    if (registry->authorization.n) {
        return refused(registry, err);
    }
    if (str_ieq(str_first(challenge, 5), STR("basic"))) {
        buf_puts(&registry->authorization, buf_str(&registry->credentials));
        return registry->credentials.n ? 0 : refused(registry, err);
    }
    if (!str_ieq(str_first(challenge, 6), STR("bearer"))) {
        return err_set(err, -EPROTO, "the registry asks in a way that is not known");
    }
    buf_init(&url, URL_SIZE);
    buf_init(&answer, 4 * TOKEN_MAX);
    int r = token_url(registry, &url, err);
    r = r == 0 ? get(registry, url.p, buf_str(&registry->credentials), &answer, &status, err) : r;
    if (r == 0 && status != 200) {
        r = status == 401 || status == 403
                ? refused(registry, err)
                : err_set(err, -EPROTO, "the registry's token service answers %ld", status);
    }
    r = r == 0 ? take_token(registry, buf_str(&answer), err) : r;
    buf_done(&url);
    buf_done(&answer);
    return r;
}

static int fetch_path(struct registry *registry, const char *kind, const char *what,
                      struct buf *out, struct err *err)
{
    char url[URL_SIZE];
    const struct image_reference *ref = &registry->reference;
    long status = 0;
    snprintf(url, sizeof(url), "%s://%s/v2/%s/%s/%s", ref->loopback ? "http" : "https",
             ref->registry, ref->repository, kind, what);
    int r = get(registry, url, buf_str(&registry->authorization), out, &status, err);
    if (r == 0 && status == 401) {
        r = authorize(registry, err);
        r = r == 0 ? get(registry, url, buf_str(&registry->authorization), out, &status, err) : r;
    }
    return r < 0                            ? r
           : status == 200                  ? 0
           : status == 401 || status == 403 ? refused(registry, err)
           : status == 404                  ? err_set(err, -ENOENT, "the registry does not have it")
           : status == 429 ? err_set(err, -EAGAIN, "the registry has had too many requests")
                           : err_set(err, -EPROTO, "the registry answers %ld", status);
}

static int fetch(void *context, bool manifest, const char *digest, struct buf *out, struct err *err)
{
    return fetch_path(context, manifest ? "manifests" : "blobs", digest, out, err);
}

static int ask(struct registry *registry, const struct image_query *query, struct arena *arena,
               struct image_config *ret, struct err *err)
{
    const struct image_reference *ref = &registry->reference;
    struct image_store store = { fetch, registry, query, arena };
    struct str document = { 0 };
    struct buf text;
    buf_init(&text, IMAGE_DOCUMENT_MAX);
    int r = fetch_path(registry, "manifests", ref->digest[0] ? ref->digest : ref->tag, &text, err);
    if (r == 0 && ref->digest[0]) {
        r = image_check_digest(buf_str(&text), ref->digest, err);
    }
    if (r == 0) {
        document = arena_str(arena, buf_str(&text));
        r = document.p ? 0 : err_set(err, -ENOMEM, "out of memory");
    }
    buf_done(&text);
    return r == 0 ? image_follow(&store, document, ret, err) : r;
}

int image_from_registry(struct str reference, const char *credentials,
                        const struct image_query *query, struct arena *arena,
                        struct image_config *ret, struct err *err)
{
    struct registry registry = { 0 };
    int r = image_reference_parse(reference, &registry.reference, err);
    if (r < 0) {
        return r;
    }
    registry.curl = curl_global_init(CURL_GLOBAL_DEFAULT) == 0 ? curl_easy_init() : NULL;
    buf_init(&registry.credentials, TOKEN_MAX);
    buf_init(&registry.authorization, TOKEN_MAX);
    buf_init(&registry.challenge, CHALLENGE_MAX);
    if (!registry.curl) {
        r = err_set(err, -ENOMEM, "out of memory");
    } else if (credentials) {
        r = image_credentials(credentials, registry.reference.registry, &registry.credentials, err);
    }
    r = r == 0 ? ask(&registry, query, arena, ret, err) : r;
    curl_easy_cleanup(registry.curl);
    buf_done(&registry.credentials);
    buf_done(&registry.authorization);
    buf_done(&registry.challenge);
    return r < 0 ? err_wrap(err, "%.*s", STR_ARG(str_first(reference, 128))) : 0;
}
