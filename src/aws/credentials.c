/*
 * credentials: where they come from, and that they are fresh.
 *
 * One fetch at a time; who needs its result waits for it, or comes again. While what is there holds, it is given out,
 * and a fetch that is due goes on beside. What failed is not tried again for some seconds, so that an endpoint that
 * is down is not asked for each mail.
 */
#include "aws/internal.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define URL_MAX          512
#define CREDENTIALS_HOST "169.254.170.2"  /* of tasks of ECS */
#define CREDENTIALS_EKS  "169.254.170.23" /* of pods of EKS */
#define CREDENTIALS_MS   4000
#define REFRESH_S        300 /* before they expire */
#define LEAST_S          60
#define AGAIN_S          5
#define UNKNOWN_S        900 /* they hold, where nothing is said of that */

int aws_new(const struct aws_options *options, struct aws **ret, struct err *err)
{
    struct aws *aws = mem_zalloc(sizeof(*aws));
    if (!aws) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    aws->options = *options;
    pthread_mutex_init(&aws->lock, NULL);
    pthread_cond_init(&aws->fetched, NULL);
    *ret = aws;
    return 0;
}

void aws_free(struct aws *aws)
{
    if (aws) {
        pthread_mutex_destroy(&aws->lock);
        pthread_cond_destroy(&aws->fetched);
        explicit_bzero(&aws->credentials, sizeof(aws->credentials));
        free(aws);
    }
}

/* ---- taking them over */

static bool keep(char *at, size_t size, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    if (n >= size) {
        return false;
    }
    memcpy(at, text ? text : "", n + 1);
    return true;
}

static int keep_all(const char *id, const char *secret, const char *token,
                    struct aws_credentials *ret, struct err *err)
{
    return id && id[0] && keep(ret->id, sizeof(ret->id), id) &&
                   keep(ret->secret, sizeof(ret->secret), secret) &&
                   keep(ret->token, sizeof(ret->token), token)
               ? 0
               : err_set(err, -EINVAL, "the credentials for AWS are not well-formed");
}

/* "2026-11-22T10:00:00Z", perhaps with a fraction. */
static int64_t time_of(const char *text, int64_t now_s)
{
    struct tm tm = { 0 };
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (end && *end == '.') {
        end += 1 + strspn(end + 1, "0123456789");
    }
    return end && strcmp(end, "Z") == 0 ? (int64_t)timegm(&tm) : now_s + UNKNOWN_S;
}

static int read_answer(const struct courier_answer *answer, int64_t now_s,
                       struct aws_credentials *ret, int64_t *ret_expires_s, struct err *err)
{
    if (answer->outcome != COURIER_ANSWERED) {
        return err_set(err, -EIO, "%s", answer->text);
    }
    if (answer->status != 200) {
        return err_set(err, -EIO, "the endpoint answers %d", answer->status);
    }
    struct json_object *json = aws_json(answer->body);
    int r = keep_all(aws_member(json, "AccessKeyId"), aws_member(json, "SecretAccessKey"),
                     aws_member(json, "Token"), ret, err);
    *ret_expires_s = time_of(aws_member(json, "Expiration"), now_s);
    json_object_put(json);
    return r < 0 ? -EIO : 0;
}

static void on_answer(void *context, const struct courier_answer *answer)
{
    struct aws *aws = context;
    struct aws_credentials credentials;
    struct err err = { 0 };
    int64_t expires_s = 0;
    pthread_mutex_lock(&aws->lock);
    int r = read_answer(answer, aws->now_s, &credentials, &expires_s, &err);
    if (r == 0) {
        aws->credentials = credentials;
        aws->expires_s = expires_s;
        aws->error.code = 0;
    } else {
        err_wrap(&err, "credentials for AWS");
        aws->error = err;
        aws->error.code = r;
    }
    aws->again_s = aws->now_s + AGAIN_S;
    aws->fetching = false;
    pthread_cond_broadcast(&aws->fetched);
    pthread_mutex_unlock(&aws->lock);
    explicit_bzero(&credentials, sizeof(credentials));
}

/* ---- the endpoint of containers */

/* https, or http on the loopback and the addresses that AWS has for it. */
static bool is_credentials_url(const char *url)
{
    static const char *const allowed[] = { "http://127.0.0.1",        "http://[::1]",
                                           "http://localhost",        "http://" CREDENTIALS_HOST,
                                           "http://" CREDENTIALS_EKS, "http://[fd00:ec2::23]" };
    if (strncmp(url, "https://", 8) == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
        size_t n = strlen(allowed[i]);
        if (strncmp(url, allowed[i], n) == 0 && url[n] && strchr(":/", url[n])) {
            return true;
        }
    }
    return false;
}

static bool credentials_url(char ret[URL_MAX])
{
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    int n = -1;
    if (relative && relative[0] == '/') {
        n = snprintf(ret, URL_MAX, "http://" CREDENTIALS_HOST "%s", relative);
    } else if (full && is_credentials_url(full)) {
        n = snprintf(ret, URL_MAX, "%s", full);
    }
    return n > 0 && n < URL_MAX;
}

/* A file is read each time: it changes. */
static int read_token(struct buf *ret, struct err *err)
{
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const char *path = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (path) {
        return file_read(path, ret, err) < 0 ? -EIO : 0;
    }
    buf_putz(ret, token ? token : "");
    return ret->failed ? err_set(err, -EFBIG, "the authorization token is too long") : 0;
}

static int begin_fetch(struct aws *aws, struct err *err)
{
    char url[URL_MAX];
    struct buf token;
    if (!credentials_url(url)) {
        return err_set(err, -ENOENT,
                       "there are no credentials for AWS: aws.access_key_id and "
                       "aws.secret_access_key, the environment, or a task role");
    }
    buf_init(&token, AWS_TOKEN_MAX);
    int r = read_token(&token, err);
    const struct courier_header header = { STR("Authorization"), str_trim(buf_str(&token)) };
    const struct courier_request request = { .url = str_of(url),
                                             .headers = &header,
                                             .nheaders = header.value.n ? 1 : 0,
                                             .timeout_ms = CREDENTIALS_MS,
                                             .reach = COURIER_CREDENTIALS };
    r = r == 0 ? courier_send(aws->options.courier, &request, on_answer, aws, err) : r;
    if (token.p) {
        explicit_bzero(token.p, token.n);
    }
    buf_done(&token);
    return r < 0 ? (err_wrap(err, "credentials for AWS"), r) : 0;
}

/* ---- asking for them */

static bool are_static(const struct aws *aws, struct aws_credentials *ret, int *ret_code,
                       struct err *err)
{
    const struct aws_options *options = &aws->options;
    const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    if (options->access_key_id && options->secret_access_key) {
        *ret_code = keep_all(options->access_key_id, options->secret_access_key, NULL, ret, err);
        return true;
    }
    if (id && id[0] && secret) {
        *ret_code = keep_all(id, secret, getenv("AWS_SESSION_TOKEN"), ret, err);
        return true;
    }
    return false;
}

/* With the lock. A fetch that is due is begun; what may be given out is. */
static int look(struct aws *aws, int64_t now_s, struct aws_credentials *ret, struct err *err)
{
    bool due = !aws->credentials.id[0] || aws->expires_s - now_s < REFRESH_S;
    bool holds = aws->credentials.id[0] && aws->expires_s - now_s >= LEAST_S;
    aws->now_s = now_s;
    bool turn = now_s >= aws->again_s || now_s < aws->again_s - AGAIN_S;
    if (due && turn && !aws->fetching) {
        struct err why = { 0 };
        int r = begin_fetch(aws, &why);
        aws->fetching = r == 0;
        aws->error = why;
        aws->error.code = r;
        aws->again_s = now_s + AGAIN_S;
    }
    if (holds) {
        *ret = aws->credentials;
        return 0;
    }
    if (aws->fetching) {
        return err_set(err, -EAGAIN, "credentials for AWS are being fetched");
    }
    return err_set(err, aws->error.code ? aws->error.code : -EAGAIN, "%s",
                   aws->error.code ? aws->error.message
                                   : "credentials for AWS are asked for again in a moment");
}

static int ask(struct aws *aws, int64_t now_s, bool wait, struct aws_credentials *ret,
               struct err *err)
{
    int r = -ENOENT;
    if (!aws) {
        return err_set(err, r, "there are no credentials for AWS");
    }
    if (are_static(aws, ret, &r, err)) {
        return r;
    }
    pthread_mutex_lock(&aws->lock);
    r = look(aws, now_s, ret, err);
    while (wait && r == -EAGAIN && aws->fetching) {
        pthread_cond_wait(&aws->fetched, &aws->lock);
        r = aws->fetching ? -EAGAIN : look(aws, now_s, ret, err);
    }
    pthread_mutex_unlock(&aws->lock);
    return r;
}

int aws_credentials_now(struct aws *aws, int64_t now_s, struct aws_credentials *ret,
                        struct err *err)
{
    return ask(aws, now_s, false, ret, err);
}

int aws_credentials_wait(struct aws *aws, int64_t now_s, struct aws_credentials *ret,
                         struct err *err)
{
    return ask(aws, now_s, true, ret, err);
}

void aws_credentials_forget(struct aws *aws)
{
    if (aws) {
        pthread_mutex_lock(&aws->lock);
        explicit_bzero(&aws->credentials, sizeof(aws->credentials));
        pthread_mutex_unlock(&aws->lock);
    }
}
