/*
 * summaries_config: what the settings mean together, checked when the server starts.
 *
 * A key goes over TLS, or to the loopback; so does everything else, since it tells of a customer's containers.
 */
#include "server/summaries_internal.h"

#include "aws/aws.h"
#include "server/config.h"

#include <errno.h>
#include <stdio.h>

#define ANTHROPIC "https://api.anthropic.com"
#define OPENAI    "https://api.openai.com"
#define HTTPS     "https://"

static bool is_loopback(struct str url)
{
    static const char *const places[] = { "http://127.0.0.1", "http://[::1]", "http://localhost" };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        struct str place = str_of(places[i]), rest = str_from_offset(url, place.n);
        if (str_starts(url, place) && (rest.n == 0 || rest.p[0] == ':' || rest.p[0] == '/')) {
            return true;
        }
    }
    return false;
}

static bool is_plain(struct str url)
{
    for (size_t i = 0; i < url.n; i++) {
        if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("?#@\"\\", url.p[i])) {
            return false;
        }
    }
    return true;
}

/* Of "https://host:8443/x": "host:8443"; the scheme's own port is left out, as clients do. */
static void set_host(struct summaries_settings *s)
{
    struct str url = str_of(s->endpoint);
    bool tls = str_starts(url, STR(HTTPS));
    struct str rest = str_from_offset(url, (size_t)str_find(url, STR("://")) + 3);
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str host = str_first(rest, slash < 0 ? rest.n : (size_t)slash);
    struct str own = tls ? STR(":443") : STR(":80");
    host.n -= str_ends(host, own) ? own.n : 0;
    snprintf(s->host, sizeof(s->host), "%.*s", STR_ARG(host));
}

static int set_endpoint(struct summaries_settings *s, const char *given, struct err *err)
{
    char standard[SUMMARIES_URL_MAX];
    snprintf(standard, sizeof(standard), "https://bedrock-runtime.%.*s.amazonaws.com%s",
             STR_ARG(s->region), str_starts(s->region, STR("cn-")) ? ".cn" : "");
    struct str url = str_of(given                                      ? given
                            : s->model.provider == SUMMARISE_ANTHROPIC ? ANTHROPIC
                            : s->model.provider == SUMMARISE_OPENAI    ? OPENAI
                                                                       : standard);
    while (str_ends(url, STR("/"))) {
        url.n--;
    }
    /* Paths begin with /v1 here: many call what stands before it and that the base. */
    url.n -= s->model.provider != SUMMARISE_BEDROCK && str_ends(url, STR("/v1")) ? 3 : 0;
    bool good = url.n < sizeof(s->endpoint) && is_plain(url) &&
                (is_loopback(url) || (str_starts(url, STR(HTTPS)) && url.n > sizeof(HTTPS)));
    if (!good) {
        return err_set(err, -EINVAL,
                       "`summaries.endpoint` is https://HOST[:PORT][/PATH], or http on the "
                       "loopback");
    }
    memcpy(s->endpoint, url.p, url.n);
    s->endpoint[url.n] = '\0';
    set_host(s);
    return 0;
}

static int set_model(struct summaries_settings *s, const struct server_config *config,
                     struct err *err)
{
    struct str provider = str_of(config->summaries_provider);
    struct str model = str_of(config->summaries_model);
    struct str guardrail = str_of(config->summaries_guardrail);
    ptrdiff_t colon = str_find_last(guardrail, ':');
    if (!summarise_provider_of(provider, &s->model.provider)) {
        return err_set(err, -EINVAL,
                       "`summaries.provider` is bedrock, openai or anthropic, not `%.64s`",
                       config->summaries_provider);
    }
    if (model.n == 0 || model.n > SUMMARISE_MODEL_MAX || !str_is_utf8(model)) {
        return err_set(err, -EINVAL, "`summaries.model` names the model to ask");
    }
    if (guardrail.n > 0 && (colon <= 0 || s->model.provider != SUMMARISE_BEDROCK)) {
        return err_set(err, -EINVAL, "`summaries.guardrail` is ID:VERSION, of Bedrock");
    }
    s->model.model = model;
    s->model.max_tokens =
        config->summaries_max_tokens ? config->summaries_max_tokens : SUMMARIES_TOKENS;
    if (guardrail.n > 0) {
        s->model.guardrail = str_first(guardrail, (size_t)colon);
        s->model.guardrail_version = str_from_offset(guardrail, (size_t)colon + 1);
    }
    return 0;
}

int summaries_settings(const struct server_config *config, struct summaries_settings *ret,
                       struct err *err)
{
    const char *region = config->summaries_region ? config->summaries_region : config->aws_region;
    const char *language = config->summaries_language;
    uint32_t per_hour = config->summaries_per_hour, timeout_s = config->summaries_timeout_seconds;
    struct summaries_settings s = {
        .region = str_of(region),
        .language = language ? str_of(language) : STR("en"),
        .key_file = config->summaries_key_file,
        .ca = config->summaries_ca,
        .per_hour = per_hour ? per_hour : SUMMARIES_PER_HOUR,
        .timeout_ms = 1000 * (timeout_s ? timeout_s : SUMMARIES_TIMEOUT_S),
    };
    if (!summarise_language_is_good(s.language)) {
        return err_set(err, -EINVAL, "`summaries.language` is a language tag (BCP 47)");
    }
    if (!config->summaries_provider) {
        *ret = s;
        return 0;
    }
    int r = set_model(&s, config, err);
    if (r == 0 && s.model.provider == SUMMARISE_BEDROCK && !aws_region_is_good(s.region)) {
        r = err_set(err, -EINVAL, "`summaries.region` or `aws.region` names Bedrock's region");
    }
    if (r == 0 && s.model.provider == SUMMARISE_ANTHROPIC && !s.key_file) {
        r = err_set(err, -EINVAL, "`summaries.key_file` is the file with the service's key");
    }
    r = r == 0 ? set_endpoint(&s, config->summaries_endpoint, err) : r;
    if (r == 0) {
        s.on = true;
        *ret = s;
    }
    return r;
}

int summaries_check(const struct server_config *config, struct err *err)
{
    struct summaries_settings settings;
    return summaries_settings(config, &settings, err);
}
