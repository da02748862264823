/*
 * client: requests to the server by libcurl, and what is said when they fail.
 *
 * Credentials come from files, the environment or the login, never from the command line. What the login kept is
 * used for that server only. Plain HTTP is for the loopback; elsewhere the certificate is verified, by the system's
 * CAs, a CA that was named, or the server's own, checked by its SHA-256.
 */
#include "cli/client.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "cli/client_show.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <strings.h>

#define CONNECT_S    10L
#define CALL_S       60L
#define CA_MAX       ((size_t)1 << 20)
#define PLACES_SHOWN 100

/* ---- who and where */

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = { "127.", "localhost", "[::1]" };
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t n = strcspn(host, ":/");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        size_t length = strlen(hosts[i]);
        if (strncmp(host, hosts[i], length) == 0 &&
            (i == 0 ? strspn(host, "0123456789.") == n : i == 2 || n == length)) {
            return true;
        }
    }
    return false;
}

int client_set_url(struct client *client, const char *url)
{
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/') {
        n--;
    }
    bool tls = strncasecmp(url, "https://", 8) == 0;
    if ((!tls && strncasecmp(url, "http://", 7) != 0) || n >= sizeof(client->url) ||
        strcspn(url, " \t\r\n@?#\\") < n) {
        fprintf(stderr, "hinomi: a server's URL is https://NAME:PORT, not %s\n", url);
        return EXIT_USAGE;
    }
    memcpy(client->url, url, n);
    client->url[n] = '\0';
    if (!tls && !is_loopback(client->url)) {
        fprintf(stderr,
                "hinomi: %s: plain HTTP is only for servers on this machine; use https://\n",
                client->url);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

static const char *given(const struct client_args *args, enum client_option option,
                         const char *variable)
{
    const char *value = args->values[option];
    value = value ? value : getenv(variable);
    return value && *value ? value : NULL;
}

static int set_token(struct client *client, const struct client_args *args)
{
    const char *file = args->values[CLIENT_TOKEN_FILE];
    const char *token = getenv("HINOMI_TOKEN");
    if (file) {
        return client_secret(file, "token", false, client->token, sizeof(client->token));
    }
    if (token && *token) {
        if (strlen(token) >= sizeof(client->token) || strpbrk(token, " \r\n\t")) {
            fputs("hinomi: HINOMI_TOKEN is no token\n", stderr);
            return EXIT_USAGE;
        }
        memcpy(client->token, token, strlen(token) + 1);
    }
    return EXIT_OK;
}

static int set_trust(struct client *client, const struct client_args *args)
{
    const char *file = given(args, CLIENT_CA, "HINOMI_CA");
    const char *hash = given(args, CLIENT_CA_SHA256, "HINOMI_CA_SHA256");
    if (file) {
        buf_clear(&client->ca);
        return client_file(file, &client->ca);
    }
    return hash ? client_pin(client, hash) : EXIT_OK;
}

int client_open(struct client *client, const struct client_args *args)
{
    bool saved = false;
    const char *url = given(args, CLIENT_SERVER, "HINOMI_URL");
    struct client wanted = { 0 };
    int status = url ? client_set_url(&wanted, url) : EXIT_OK;
    status = status == EXIT_OK ? client_saved_read(client, &saved) : status;
    if (status != EXIT_OK) {
        return status;
    }
    if (url && strcmp(wanted.url, client->url) != 0) {
        memcpy(client->url, wanted.url, sizeof(client->url));
        client->token[0] = '\0';
        buf_clear(&client->ca);
    }
    if (!client->url[0]) {
        fputs("hinomi: no server: log in (hinomi login URL), or set HINOMI_URL and HINOMI_TOKEN\n",
              stderr);
        return EXIT_LACKS;
    }
    status = set_token(client, args);
    if (status == EXIT_OK && !client->token[0]) {
        fprintf(stderr,
                "hinomi: no credential for %s: log in (hinomi login %s), or set HINOMI_TOKEN\n",
                client->url, client->url);
        return EXIT_LACKS;
    }
    return status == EXIT_OK ? set_trust(client, args) : status;
}

void client_close(struct client *client)
{
    if (client->curl) {
        curl_easy_cleanup(client->curl);
    }
    json_object_put(client->json);
    buf_done(&client->answer);
    buf_done(&client->ca);
    explicit_bzero(client->token, sizeof(client->token));
}

/* ---- one call */

static size_t on_answer(char *p, size_t one, size_t n, void *data)
{
    struct client *client = data;
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    bool good = status >= 200 && status < 300;
    if (good && client->sink) {
        return fwrite(p, one, n, client->sink);
    }
    if (good && client->on_data) {
        client->stopped = client->on_data(client->data, str_from(p, one * n)) != 0;
        return client->stopped ? 0 : one * n;
    }
    buf_put(&client->answer, p, one * n);
    return client->answer.failed ? 0 : one * n;
}

static void set_up(struct client *client, const struct client_call *call)
{
    CURL *c = client->curl;
    long limit = call->timeout_s ? call->timeout_s : CALL_S;
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, limit > 0 ? limit : 0L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "hinomi");
    if (is_loopback(client->url)) {
        curl_easy_setopt(c, CURLOPT_PROXY, "");
    }
    if (call->unverified) { /* what it answers is checked by its hash */
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    } else if (client->ca.n) {
        struct curl_blob blob = { client->ca.p, client->ca.n, CURL_BLOB_NOCOPY };
        curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(c, CURLOPT_CAPATH, (char *)NULL);
    }
}

static struct curl_slist *headers_of(struct client *client, const struct client_call *call,
                                     bool body)
{
    char line[CLIENT_SECRET_MAX + 64];
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (client->token[0] && !call->unverified) {
        snprintf(line, sizeof(line), "Authorization: Bearer %s", client->token);
        list = curl_slist_append(list, line);
    }
    if (body) {
        snprintf(line, sizeof(line), "Content-Type: %s",
                 call->type ? call->type : "application/json");
        list = curl_slist_append(list, line);
    }
    return list;
}

static int failed(const struct client *client, CURLcode code)
{
    if (client->stopped) {
        return EXIT_OK;
    }
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        fprintf(stderr,
                "hinomi: the certificate of %s is not trusted: %s\n"
                "If it has a CA of its own, give --ca-sha256 HEX or --ca FILE (the server's log "
                "says the SHA-256; "
                "`hinomi login` remembers it).\n",
                client->url, curl_easy_strerror(code));
        return EXIT_LACKS;
    case CURLE_WRITE_ERROR:
        fprintf(stderr, "hinomi: %s\n",
                client->sink ? "cannot write what the server answers" : "the answer is too large");
        return EXIT_NEGATIVE;
    default:
        fprintf(stderr, "hinomi: cannot reach the server at %s: %s\n", client->url,
                curl_easy_strerror(code));
        return EXIT_LACKS;
    }
}

static void parse(struct client *client)
{
    struct json_tokener *tokener = json_tokener_new();
    json_object_put(client->json);
    client->json = NULL;
    if (tokener && client->answer.n > 0 && client->answer.n <= INT32_MAX) {
        client->json = json_tokener_parse_ex(tokener, client->answer.p, (int)client->answer.n);
    }
    if (tokener) {
        json_tokener_free(tokener);
    }
}

int client_do(struct client *client, const struct client_call *call)
{
    char url[CLIENT_URL_MAX + CLIENT_PATH_MAX];
    struct str body = call->body;
    if (call->json) {
        body = str_of(json_object_to_json_string_ext(call->json, JSON_C_TO_STRING_PLAIN));
    }
    if (!client->curl && !(client->curl = curl_easy_init())) {
        fputs("hinomi: out of memory\n", stderr);
        return EXIT_NEGATIVE;
    }
    bool has_body = call->json || call->body.p;
    struct curl_slist *headers = headers_of(client, call, has_body);
    set_up(client, call);
    buf_clear(&client->answer);
    client->stopped = false;
    client->on_data = call->on_data;
    client->data = call->data;
    snprintf(url, sizeof(url), "%s%s", client->url, call->path);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    if (has_body || strcmp(call->method, "POST") == 0) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body.n ? body.p : "");
    }
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, call->method);
    CURLcode code = curl_easy_perform(client->curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        return failed(client, code);
    }
    client->status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &client->status);
    parse(client);
    if (client->status >= 200 && client->status < 300) {
        return EXIT_OK;
    }
    return call->quiet ? EXIT_NEGATIVE : client_refused(client);
}

int client_get(struct client *client, const char *path)
{
    return client_do(client, &(struct client_call){ .method = "GET", .path = path });
}

int client_send(struct client *client, const char *method, const char *path,
                struct json_object *body)
{
    int status =
        client_do(client, &(struct client_call){ .method = method, .path = path, .json = body });
    json_object_put(body);
    return status;
}

/* ---- refusals */

/* file:line:column: severity: message, with its hint and what stands there */
static void put_place(struct buf *buf, struct json_object *d)
{
    const char *file = client_text(d, "file"), *name = client_text(d, "name");
    buf_putz(buf, "  ");
    client_visible(buf, str_of(*name ? name : file), 0);
    if (client_int(d, "line") > 0) {
        buf_printf(buf, ":%lld", (long long)client_int(d, "line"));
    }
    if (client_int(d, "column") > 0) {
        buf_printf(buf, ":%lld", (long long)client_int(d, "column"));
    }
    buf_putz(buf, ": ");
    const char *why = client_text(d, "message");
    client_visible(buf, str_of(*why ? why : client_text(d, "reason")), 0);
    const char *item = client_text(d, *client_text(d, "item") ? "item" : "text");
    if (*item) {
        buf_putz(buf, ": ");
        client_visible(buf, str_of(item), 200);
    }
    if (*client_text(d, "hint")) {
        buf_putz(buf, " (");
        client_visible(buf, str_of(client_text(d, "hint")), 0);
        buf_putc(buf, ')');
    }
    buf_putc(buf, '\n');
    if (*client_text(d, "snippet")) {
        buf_putz(buf, "      ");
        client_visible(buf, str_of(client_text(d, "snippet")), 0);
        buf_putz(buf, "\n      ");
        for (int64_t i = 0; i < client_int(d, "caret") && i < 400; i++) {
            buf_putc(buf, ' ');
        }
        buf_putz(buf, "^\n");
    }
}

static void put_places(struct buf *buf, struct json_object *problem)
{
    static const char *const keys[] = { "diagnostics", "problems" };
    for (size_t k = 0; k < 2; k++) {
        struct json_object *all = client_member(problem, keys[k]);
        size_t n = json_object_is_type(all, json_type_array) ? client_length(all) : 0;
        for (size_t i = 0; i < n && i < PLACES_SHOWN; i++) {
            put_place(buf, json_object_array_get_idx(all, i));
        }
        if (n > PLACES_SHOWN) {
            buf_printf(buf, "  and %zu more\n", n - PLACES_SHOWN);
        }
    }
}

static const char *advice(long status)
{
    return status == 401   ? "the credential is not good (any more): hinomi login"
           : status == 409 ? "look at it again, then repeat"
           : status == 429 ? "the server has too much to do; try again later"
                           : NULL;
}

int client_refused(const struct client *client)
{
    struct buf buf;
    buf_init(&buf, CLIENT_ANSWER_MAX);
    const char *detail = client_text(client->json, "detail");
    const char *title = client_text(client->json, "title");
    buf_putz(&buf, "hinomi: ");
    client_visible(&buf, str_of(*detail ? detail : *title ? title : "the server refused"), 2000);
    buf_printf(&buf, " (%ld", client->status);
    if (*client_text(client->json, "code")) {
        buf_putc(&buf, ' ');
        client_visible(&buf, str_of(client_text(client->json, "code")), 80);
    }
    buf_putz(&buf, ")\n");
    put_places(&buf, client->json);
    if (advice(client->status)) {
        buf_printf(&buf, "hinomi: %s\n", advice(client->status));
    }
    fwrite(buf.p, 1, buf.n, stderr);
    buf_done(&buf);
    return EXIT_NEGATIVE;
}

/* ---- the CA */

/* Of the certificate's DER, in lower case. */
static bool fingerprint(struct str pem, char ret[65])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool good = certificate && X509_digest(certificate, EVP_sha256(), hash, &n) && n == 32;
    for (unsigned i = 0; good && i < n; i++) {
        snprintf(ret + 2 * (size_t)i, 3, "%02x", hash[i]);
    }
    X509_free(certificate);
    BIO_free(bio);
    return good;
}

int client_pin(struct client *client, const char *sha256)
{
    char found[65] = "";
    if (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdefABCDEF") != 64) {
        fputs("hinomi: a SHA-256 has 64 hexadecimal digits\n", stderr);
        return EXIT_USAGE;
    }
    if (strncasecmp(client->url, "https://", 8) != 0) {
        return EXIT_OK;
    }
    const struct client_call call = { .method = "GET", .path = "/v1/ca", .unverified = true };
    int status = client_do(client, &call);
    if (status != EXIT_OK) {
        return status;
    }
    if (client->answer.n > CA_MAX || !fingerprint(buf_str(&client->answer), found) ||
        strcasecmp(found, sha256) != 0) {
        fprintf(stderr,
                "hinomi: the CA of %s is another one: its SHA-256 is %s, not %s\n"
                "Somebody may be between you and the server.\n",
                client->url, *found ? found : "unknown", sha256);
        return EXIT_LACKS;
    }
    buf_clear(&client->ca);
    buf_puts(&client->ca, buf_str(&client->answer));
    return EXIT_OK;
}
