/*
 * aws: credentials, and the call.
 *
 * One request at a time, each with a connection of its own. What it is connected to is looked at after names were
 * resolved, so that a name that leads to a link-local address leads nowhere.
 */
#include "server/aws.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "server/config.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define URL_MAX          512
#define CREDENTIALS_HOST "169.254.170.2"  /* of tasks of ECS */
#define CREDENTIALS_EKS  "169.254.170.23" /* of pods of EKS */
#define CREDENTIALS_MS   3000

/* ---- one exchange */

struct exchange {
    const char *url;
    bool link_local; /* may be connected to */
    long timeout_ms;
    struct curl_slist *headers;
    struct str body; /* .p NULL: GET */
    const bool *give_up;
    long status;
    struct buf answer;
};

static bool is_link_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return (ntohl(v4->sin_addr.s_addr) >> 16) == 0xa9fe;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    const uint8_t *a = v6->sin6_addr.s6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) || IN6_IS_ADDR_V4COMPAT(&v6->sin6_addr);
    bool metadata =
        a[0] == 0xfd && a[1] == 0x00 && a[2] == 0x0e && a[3] == 0xc2; /* fd00:ec2::/32 */
    return IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) || metadata ||
           (mapped && a[12] == 0xa9 && a[13] == 0xfe);
}

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct exchange *e = data;
    (void)purpose;
    if ((address->family != AF_INET && address->family != AF_INET6) ||
        (!e->link_local && is_link_local(&address->addr))) {
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take(char *p, size_t size, size_t n, void *data)
{
    struct exchange *e = data;
    buf_put(&e->answer, p, size * n);
    return e->answer.failed ? 0 : size * n;
}

static int progress(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *e = data;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return e->give_up && __atomic_load_n(e->give_up, __ATOMIC_ACQUIRE);
}

static bool set_up(CURL *easy, struct exchange *e)
{
    bool ok = curl_easy_setopt(easy, CURLOPT_URL, e->url) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_USERAGENT, "hinomi-server") == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, e->timeout_ms) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_HTTPHEADER, e->headers) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_WRITEDATA, e) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, e) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, progress) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_XFERINFODATA, e) == CURLE_OK &&
              curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
    if (ok && e->link_local) {
        ok = curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    }
    if (ok && e->body.p) {
        ok = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)e->body.n) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_POSTFIELDS, e->body.p) == CURLE_OK;
    }
    return ok;
}

/* 0: an answer came, whatever its status. */
static int exchange(struct exchange *e, struct err *err)
{
    CURL *easy = curl_easy_init();
    CURLcode code = easy && set_up(easy, e) ? curl_easy_perform(easy) : CURLE_OUT_OF_MEMORY;
    if (code == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &e->status);
    }
    curl_easy_cleanup(easy);
    return code == CURLE_OK ? 0 : err_set(err, -EIO, "%s", curl_easy_strerror(code));
}

static bool add_header(struct curl_slist **headers, const char *name, struct str value)
{
    struct buf line;
    buf_init(&line, 2 * AWS_TOKEN_MAX);
    buf_printf(&line, "%s: ", name);
    buf_puts(&line, value);
    buf_putc(&line, '\0');
    struct curl_slist *more = line.failed ? NULL : curl_slist_append(*headers, line.p);
    buf_done(&line);
    *headers = more ? more : *headers;
    return more;
}

/* ---- credentials */

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
    return keep(ret->id, sizeof(ret->id), id) && keep(ret->secret, sizeof(ret->secret), secret) &&
                   keep(ret->token, sizeof(ret->token), token)
               ? 0
               : err_set(err, -EINVAL, "the credentials for AWS are not well-formed");
}

static const char *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

/* Where containers get theirs: https, or http on the loopback and the two addresses that AWS has for it. */
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
        if (strncmp(url, allowed[i], n) == 0 && strchr(":/", url[n])) {
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

static bool read_token(struct buf *ret)
{
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const char *path = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (path) {
        struct err err = { 0 };
        return file_read(path, ret, &err) == 0;
    }
    buf_putz(ret, token ? token : "");
    return true;
}

static int read_answer(struct str answer, struct aws_credentials *ret, struct err *err)
{
    CLEANUP(cleanup_free) char *text = str_dupz(answer);
    struct json_object *json = text ? json_tokener_parse(text) : NULL;
    int r = -EINVAL;
    if (json && member(json, "AccessKeyId") && member(json, "SecretAccessKey")) {
        r = keep_all(member(json, "AccessKeyId"), member(json, "SecretAccessKey"),
                     member(json, "Token"), ret, err);
    } else {
        err_set(err, r, "the credentials endpoint gave no credentials");
    }
    json_object_put(json);
    return r;
}

static int fetch_credentials(const bool *give_up, struct aws_credentials *ret, struct err *err)
{
    char url[URL_MAX];
    struct buf token;
    struct exchange e = {
        .url = url, .link_local = true, .timeout_ms = CREDENTIALS_MS, .give_up = give_up
    };
    if (!credentials_url(url)) {
        return err_set(err, -ENOENT,
                       "there are no credentials for AWS: aws.access_key_id and "
                       "aws.secret_access_key, the environment, or a task role");
    }
    buf_init(&token, AWS_TOKEN_MAX);
    buf_init(&e.answer, AWS_ANSWER_MAX);
    bool ready = read_token(&token) && (token.n == 0 || add_header(&e.headers, "Authorization",
                                                                   str_trim(buf_str(&token))));
    int r =
        ready ? exchange(&e, err) : err_set(err, -EINVAL, "the authorization token is not read");
    if (r == 0 && e.status != 200) {
        r = err_set(err, -EIO, "it answers %ld", e.status);
    }
    r = r == 0 ? read_answer(buf_str(&e.answer), ret, err) : r;
    if (e.answer.p) {
        OPENSSL_cleanse(e.answer.p, e.answer.n);
    }
    curl_slist_free_all(e.headers);
    buf_done(&e.answer);
    buf_done(&token);
    return r < 0 ? (err_wrap(err, "credentials for AWS"), r) : 0;
}

static int find_credentials(const struct aws_stop *stop, struct aws_credentials *ret,
                            struct err *err)
{
    const struct server_config *config = stop->config;
    const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    if (config->aws_access_key_id && config->aws_secret_access_key) {
        return keep_all(config->aws_access_key_id, config->aws_secret_access_key, NULL, ret, err);
    }
    return id && secret ? keep_all(id, secret, getenv("AWS_SESSION_TOKEN"), ret, err)
                        : fetch_credentials(stop->give_up, ret, err);
}

int aws_credentials_find(const struct server_config *config, const bool *give_up,
                         struct aws_credentials *ret, struct err *err)
{
    return find_credentials(&(struct aws_stop){ .config = config, .give_up = give_up }, ret, err);
}

/* ---- where to */

static bool among(struct str s, const char *more, size_t most)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || !strchr(more, c))) {
            return false;
        }
    }
    return s.n > 0 && s.n <= most;
}

bool aws_region_is_good(struct str region)
{
    bool lower = among(region, "-", 32) && region.p[0] != '-' && region.p[region.n - 1] != '-';
    for (size_t i = 0; i < region.n; i++) {
        lower = lower && !(region.p[i] >= 'A' && region.p[i] <= 'Z');
    }
    return lower && str_find_char(region, '-') > 0;
}

static struct str cut(struct str *rest, char at)
{
    ptrdiff_t end = str_find_char(*rest, at);
    struct str part = str_first(*rest, end < 0 ? rest->n : (size_t)end);
    *rest = str_from_offset(*rest, part.n + 1);
    return part;
}

bool aws_task_is_good(struct str arn, struct str *ret_region, struct str *ret_cluster)
{
    struct str rest = arn;
    bool head = arn.n < 512 && str_eqz(cut(&rest, ':'), "arn") && among(cut(&rest, ':'), "-", 32) &&
                str_eqz(cut(&rest, ':'), "ecs");
    struct str region = cut(&rest, ':'), account = cut(&rest, ':');
    if (!head || !aws_region_is_good(region) || !among(account, "", 12) ||
        !str_eqz(cut(&rest, '/'), "task")) {
        return false;
    }
    struct str first = cut(&rest, '/'); /* of the older form the id alone */
    *ret_region = region;
    *ret_cluster = rest.n ? first : (struct str){ 0 };
    return among(first, "-_", 255) && (rest.n == 0 || among(rest, "-_", 255));
}

static int endpoint_of(const struct server_config *config, struct str region, char ret[URL_MAX],
                       struct err *err)
{
    const char *given = config->aws_endpoint;
    bool loopback = given && (strncmp(given, "http://127.0.0.1:", 17) == 0 ||
                              strncmp(given, "http://[::1]:", 13) == 0);
    int n;
    if (given && !loopback && strncmp(given, "https://", 8) != 0) {
        return err_set(err, -EINVAL, "`aws.endpoint` is not https");
    }
    if (given) {
        n = snprintf(ret, URL_MAX, "%s", given);
    } else {
        n = snprintf(ret, URL_MAX, "https://ecs.%.*s.amazonaws.com%s", STR_ARG(region),
                     str_starts(region, STR("cn-")) ? ".cn" : "");
    }
    while (n > 0 && n < URL_MAX && ret[n - 1] == '/') {
        ret[--n] = '\0';
    }
    return n > 0 && n < URL_MAX - 1 ? 0 : err_set(err, -EINVAL, "`aws.endpoint` is too long");
}

static struct str host_of(const char *url)
{
    struct str rest = str_of(strstr(url, "://") + 3);
    return cut(&rest, '/');
}

/* ---- StopTask */

#define TARGET "AmazonEC2ContainerServiceV20141113.StopTask"
#define TYPE   "application/x-amz-json-1.1"

static void put_body(const struct aws_stop *stop, struct str cluster, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    if (cluster.n) {
        jsonw_str(&w, "cluster", cluster);
    }
    jsonw_str(&w, "task", stop->task);
    jsonw_str(&w, "reason", str_first(stop->reason, 255));
    jsonw_end(&w);
}

static bool add_headers(struct exchange *e, const struct aws_request *request,
                        const struct aws_credentials *credentials)
{
    char date[AWS_DATE];
    struct buf authorization;
    buf_init(&authorization, 2 * AWS_TOKEN_MAX);
    aws_date(request->time_s, date);
    bool ok = aws_sign(request, credentials, &authorization) == 0 &&
              add_header(&e->headers, "Content-Type", STR(TYPE)) &&
              add_header(&e->headers, "X-Amz-Target", STR(TARGET)) &&
              add_header(&e->headers, "X-Amz-Date", str_of(date)) &&
              (!credentials->token[0] ||
               add_header(&e->headers, "X-Amz-Security-Token", str_of(credentials->token))) &&
              add_header(&e->headers, "Authorization", buf_str(&authorization)) &&
              add_header(&e->headers, "Expect", STR(""));
    buf_done(&authorization);
    return ok;
}

/* What AWS says of a refusal: {"__type":"...#ClusterNotFoundException","message":...} */
static int refused(const struct exchange *e, struct err *err)
{
    CLEANUP(cleanup_free) char *text = str_dupz(buf_str(&e->answer));
    struct json_object *json = text ? json_tokener_parse(text) : NULL;
    const char *type = json ? member(json, "__type") : NULL;
    const char *message = json ? member(json, "message") : NULL;
    message = !message && json ? member(json, "Message") : message;
    err_set(err, -EIO, "AWS answers %ld %.100s %.200s", e->status, type ? type : "",
            message ? message : "");
    json_object_put(json);
    return -EIO;
}

static int call(const struct aws_stop *stop, const struct aws_credentials *credentials,
                struct str region, struct str cluster, struct err *err)
{
    char url[URL_MAX];
    struct buf body;
    int r = endpoint_of(stop->config, region, url, err);
    if (r < 0) {
        return r;
    }
    struct exchange e = { .url = url, .timeout_ms = AWS_TIMEOUT_MS, .give_up = stop->give_up };
    buf_init(&body, AWS_ANSWER_MAX);
    buf_init(&e.answer, AWS_ANSWER_MAX);
    put_body(stop, cluster, &body);
    e.body = buf_str(&body);
    const struct aws_request request = { .method = STR("POST"),
                                         .path = STR("/"),
                                         .headers = { { STR("content-type"), STR(TYPE) },
                                                      { STR("host"), host_of(url) },
                                                      { STR("x-amz-target"), STR(TARGET) } },
                                         .nheaders = 3,
                                         .body = e.body,
                                         .region = region,
                                         .service = STR("ecs"),
                                         .time_s = stop->time_s };
    r = body.failed || !add_headers(&e, &request, credentials)
            ? err_set(err, -ENOMEM, "out of memory")
            : exchange(&e, err);
    r = r == 0 && e.status != 200 ? refused(&e, err) : r;
    curl_slist_free_all(e.headers);
    buf_done(&e.answer);
    buf_done(&body);
    return r;
}

int aws_stop_task(const struct aws_stop *stop, struct err *err)
{
    struct aws_credentials credentials = { .id = "" };
    struct str region, cluster;
    if (!aws_task_is_good(stop->task, &region, &cluster)) {
        return err_set(err, -EINVAL, "the finding's task is not one of ECS");
    }
    if (stop->config->aws_region && !str_eqz(region, stop->config->aws_region)) {
        return err_set(err, -EINVAL, "the task is in another region than `aws.region`");
    }
    int r = find_credentials(stop, &credentials, err);
    r = r == 0 ? call(stop, &credentials, region, cluster, err) : r;
    OPENSSL_cleanse(&credentials, sizeof(credentials));
    return r;
}
