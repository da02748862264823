/*
 * uplink_http: requests by libcurl: connections kept, certificates verified, answers with a limit.
 *
 * With a pinned certificate the server is asked for its CA first, without verifying anybody; what it answers
 * counts only if its SHA-256 is the one that the settings name, and everything else is verified with it.
 */
#include "agent/uplink_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CA_AGAIN_S 5

static size_t on_answer(char *p, size_t one, size_t n, void *data)
{
    struct uplink_request *request = data;
    buf_put(&request->answer, p, one * n);
    return request->answer.failed ? 0 : one * n; /* 0: given up, too large */
}

static bool set_up(struct uplink_worker *w, struct uplink_request *r)
{
    if (!r->curl && !(r->curl = curl_easy_init())) {
        return false;
    }
    curl_easy_reset(r->curl);
    CURL *c = r->curl;
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PRIVATE, (char *)r);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, UPLINK_CONNECT_S);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, 20L);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, UPLINK_IDLE_S);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (w->settings->proxy) {
        curl_easy_setopt(c, CURLOPT_PROXY, w->settings->proxy);
    }
    if (w->ca.n) {
        struct curl_blob blob = { (void *)w->ca.p, w->ca.n, CURL_BLOB_NOCOPY };
        curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(c, CURLOPT_CAPATH, (char *)NULL);
    }
    return true;
}

static bool add_header(struct uplink_request *r, const char *text)
{
    struct curl_slist *more = curl_slist_append(r->headers, text);
    r->headers = more ? more : r->headers;
    return more;
}

static bool add_headers(struct uplink_worker *w, struct uplink_request *r,
                        const struct uplink_call *call)
{
    char line[UPLINK_SECRET_MAX + 64];
    bool good = true;
    curl_slist_free_all(r->headers);
    r->headers = NULL;
    if (call->secret) {
        snprintf(line, sizeof(line), "Authorization: Bearer %s", call->secret);
        good = add_header(r, line);
    }
    snprintf(line, sizeof(line), "Hinomi-Instance: %s", w->settings->instance);
    good = good && add_header(r, line) && add_header(r, "Expect:");
    if (call->type) {
        snprintf(line, sizeof(line), "Content-Type: %s", call->type);
        good = good && add_header(r, line);
    }
    for (size_t i = 0; i < sizeof(call->headers) / sizeof(*call->headers); i++) {
        good = good && (!call->headers[i] || add_header(r, call->headers[i]));
    }
    return good;
}

int uplink_begin(struct uplink_worker *w, const struct uplink_call *call)
{
    struct uplink_request *r = &w->requests[call->slot];
    char url[UPLINK_URL_MAX];
    size_t n = strlen(w->settings->url);
    n -= n && w->settings->url[n - 1] == '/';
    int length = snprintf(url, sizeof(url), "%.*s%s", (int)n, w->settings->url, call->path);
    if (length < 0 || (size_t)length >= sizeof(url) || !set_up(w, r) || !add_headers(w, r, call)) {
        return -ENOMEM;
    }
    buf_clear(&r->answer);
    curl_easy_setopt(r->curl, CURLOPT_URL, url);
    curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(r->curl, CURLOPT_TIMEOUT, call->timeout_s);
    if (call->type) {
        curl_easy_setopt(r->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, r->body.p);
    }
    if (call->slot == SLOT_CA) { /* what it answers is checked by its hash */
        curl_easy_setopt(r->curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(r->curl, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(r->curl, CURLOPT_FORBID_REUSE, 1L);
    }
    if (curl_multi_add_handle(w->multi, r->curl) != CURLM_OK) {
        return -ENOMEM;
    }
    r->what = call->what;
    return 0;
}

static struct str header_of(struct uplink_request *r, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(r->curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? str_of(header->value)
               : (struct str){ 0 };
}

static void copy(char *to, size_t size, struct str s)
{
    size_t n = s.n < size ? s.n : size - 1;
    memcpy(to, s.p ? s.p : "", n);
    to[n] = '\0';
}

static void take_bundle(struct uplink_request *r, struct uplink_message *ret)
{
    struct str type = header_of(r, "Content-Type");
    char version[24];
    copy(version, sizeof(version), header_of(r, "Hinomi-Version"));
    ret->number = strtoull(version, NULL, 10);
    ret->end = r->answer.n;
    copy(ret->secret, sizeof(ret->secret), header_of(r, "Hinomi-Signature"));
    copy(ret->text, sizeof(ret->text), str_trim(type));
}

void uplink_end(struct uplink_worker *w, struct uplink_request *r, CURLcode result,
                struct uplink_message *ret)
{
    long status = 0;
    curl_off_t retry = 0;
    *ret = (struct uplink_message){ .type = UPLINK_DONE, .what = r->what };
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(r->curl, CURLINFO_RETRY_AFTER, &retry);
    ret->retry_s = retry > 0 && retry < 86400 ? (uint32_t)retry : 0;
    if (result != CURLE_OK) {
        bool large = r->answer.failed;
        copy(ret->text, sizeof(ret->text),
             str_of(large ? "the answer is too large" : curl_easy_strerror(result)));
    } else {
        ret->status = status > 0 ? (uint32_t)status : 0;
        if (r->what == UPLINK_POLL && status == 200) {
            take_bundle(r, ret);
        } else {
            uplink_read_answer(buf_str(&r->answer), ret);
        }
    }
    curl_multi_remove_handle(w->multi, r->curl);
    r->what = 0;
}

void uplink_request_done(struct uplink_request *r)
{
    curl_easy_cleanup(r->curl);
    curl_slist_free_all(r->headers);
    buf_done(&r->body);
    buf_done(&r->answer);
}

static bool digest_hex(const X509 *certificate, char ret[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool good = X509_digest(certificate, EVP_sha256(), hash, &n) && n == 32;
    for (unsigned i = 0; good && i < n; i++) {
        ret[2 * i] = digits[hash[i] >> 4];
        ret[2 * i + 1] = digits[hash[i] & 15];
    }
    ret[64] = '\0';
    return good;
}

static bool write_pem(X509 *certificate, struct buf *ret)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    bool good = bio && PEM_write_bio_X509(bio, certificate);
    long n = good ? BIO_get_mem_data(bio, &p) : 0;
    buf_clear(ret);
    buf_put(ret, p, n > 0 ? (size_t)n : 0);
    BIO_free(bio);
    return good && n > 0 && !ret->failed;
}

/* The first certificate and nothing behind it: whatever else was sent nobody vouched for. `hex`: of its DER. */
static bool read_certificate(struct str pem, char hex[65], struct buf *ret)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool good = certificate && digest_hex(certificate, hex) && write_pem(certificate, ret);
    X509_free(certificate);
    BIO_free(bio);
    return good;
}

void uplink_take_ca(struct uplink_worker *w, struct str pem, bool answered)
{
    char hex[65] = "";
    w->ca_after_ns = clock_boot_ns() + CA_AGAIN_S * NS_PER_S;
    copy(w->error, sizeof(w->error), STR("the server's CA could not be asked for"));
    if (!answered) {
        return;
    }
    if (pem.n == 0 || !read_certificate(pem, hex, &w->ca_text) ||
        strcasecmp(hex, w->settings->ca_sha256) != 0) {
        snprintf(w->error, sizeof(w->error),
                 "the server's CA is not the one of `server.ca_sha256`: it has %s",
                 hex[0] ? hex : "none that can be read");
        return;
    }
    w->ca = buf_str(&w->ca_text);
    w->ca_known = true;
}
