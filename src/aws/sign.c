/*
 * aws_sign: Signature Version 4.
 *
 *     canonical = METHOD \n path \n query \n (name:value \n)* \n names \n hex(sha256(body))
 *     to sign   = AWS4-HMAC-SHA256 \n date \n day/region/service/aws4_request \n hex(sha256(canonical))
 *     signature = hmac(hmac(hmac(hmac(hmac("AWS4" secret, day), region), service), "aws4_request"), to sign)
 *
 * The path is signed encoded once more than it is sent, as all services but S3 want it: a colon that is sent as %3A is
 * signed as %253A. Its dots are not resolved: no path of ours has any.
 */
#include "aws/aws.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CANONICAL_MAX ((size_t)64 << 10)
#define DAY           8

void aws_date(int64_t time_s, char ret[AWS_DATE])
{
    time_t t = (time_t)time_s;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(ret, AWS_DATE, "%Y%m%dT%H%M%SZ", &tm);
}

static void put_hex(struct buf *buf, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_printf(buf, "%02x", p[i]);
    }
}

static void put_digest(struct buf *buf, struct str text)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)(text.p ? text.p : ""), text.n, digest);
    put_hex(buf, digest, sizeof(digest));
}

static int compare(const void *a, const void *b)
{
    return str_cmp(((const struct aws_header *)a)->name, ((const struct aws_header *)b)->name);
}

static void put_names(struct buf *buf, const struct aws_header *headers, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        buf_putz(buf, i ? ";" : "");
        buf_puts(buf, headers[i].name);
    }
}

/* RFC 3986's unreserved characters and slashes stay. */
static void put_path(struct buf *buf, struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        bool stays = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~' || c == '/';
        if (stays) {
            buf_putc(buf, (char)c);
        } else {
            buf_printf(buf, "%%%02X", c);
        }
    }
}

static void put_canonical(struct buf *buf, const struct aws_request *request,
                          const struct aws_header *headers, unsigned n)
{
    buf_puts(buf, request->method);
    buf_putc(buf, '\n');
    put_path(buf, request->path);
    buf_putc(buf, '\n');
    buf_puts(buf, request->query);
    buf_putc(buf, '\n');
    for (unsigned i = 0; i < n; i++) {
        buf_puts(buf, headers[i].name);
        buf_putc(buf, ':');
        buf_puts(buf, str_trim(headers[i].value));
        buf_putc(buf, '\n');
    }
    buf_putc(buf, '\n');
    put_names(buf, headers, n);
    buf_putc(buf, '\n');
    put_digest(buf, request->body);
}

static void hmac(unsigned char key[SHA256_DIGEST_LENGTH], struct str text)
{
    unsigned char out[SHA256_DIGEST_LENGTH];
    HMAC(EVP_sha256(), key, SHA256_DIGEST_LENGTH, (const unsigned char *)text.p, text.n, out, NULL);
    memcpy(key, out, sizeof(out));
}

static void derive_key(const struct aws_request *request, const char *secret, struct str day,
                       unsigned char ret[SHA256_DIGEST_LENGTH])
{
    char first[AWS_SECRET_MAX + 4];
    int n = snprintf(first, sizeof(first), "AWS4%s", secret);
    HMAC(EVP_sha256(), first, n, (const unsigned char *)day.p, day.n, ret, NULL);
    OPENSSL_cleanse(first, sizeof(first));
    hmac(ret, request->region);
    hmac(ret, request->service);
    hmac(ret, STR("aws4_request"));
}

static void put_scope(struct buf *buf, const struct aws_request *request, struct str day)
{
    buf_puts(buf, day);
    buf_putc(buf, '/');
    buf_puts(buf, request->region);
    buf_putc(buf, '/');
    buf_puts(buf, request->service);
    buf_putz(buf, "/aws4_request");
}

static void put_signature(struct buf *buf, const struct aws_request *request, const char *secret,
                          const char *date, struct str canonical)
{
    unsigned char key[SHA256_DIGEST_LENGTH];
    struct str day = { date, DAY };
    struct buf text;
    char storage[512];
    buf_init_fixed(&text, storage, sizeof(storage));
    buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n", date);
    put_scope(&text, request, day);
    buf_putc(&text, '\n');
    put_digest(&text, canonical);
    derive_key(request, secret, day, key);
    hmac(key, buf_str(&text));
    put_hex(buf, key, sizeof(key));
    OPENSSL_cleanse(key, sizeof(key));
    buf->failed = buf->failed || text.failed;
}

int aws_sign(const struct aws_request *request, const struct aws_credentials *credentials,
             struct buf *ret)
{
    struct aws_header headers[AWS_HEADERS_MAX + 2];
    char date[AWS_DATE];
    struct buf canonical;
    unsigned n = request->nheaders;
    if (n > AWS_HEADERS_MAX) {
        return -EINVAL;
    }
    aws_date(request->time_s, date);
    memcpy(headers, request->headers, n * sizeof(headers[0]));
    headers[n++] = (struct aws_header){ STR("x-amz-date"), str_of(date) };
    if (credentials->token[0]) {
        headers[n++] =
            (struct aws_header){ STR("x-amz-security-token"), str_of(credentials->token) };
    }
    qsort(headers, n, sizeof(headers[0]), compare);
    buf_init(&canonical, CANONICAL_MAX);
    put_canonical(&canonical, request, headers, n);
    buf_printf(ret, "AWS4-HMAC-SHA256 Credential=%s/", credentials->id);
    put_scope(ret, request, (struct str){ date, DAY });
    buf_putz(ret, ", SignedHeaders=");
    put_names(ret, headers, n);
    buf_putz(ret, ", Signature=");
    put_signature(ret, request, credentials->secret, date, buf_str(&canonical));
    bool failed = ret->failed || canonical.failed;
    buf_done(&canonical);
    return failed ? -ENOMEM : 0;
}
