/*
 * names: regions, resources' names, and errors' names: what is well-formed, and no more than that.
 *
 * A region becomes a part of a host's name, and names of resources come from events and from people: each part has its own
 * letters, and nothing else.
 */
#include "aws/internal.h"

bool aws_is_among(struct str s, const char *more, size_t most)
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
    bool lower =
        aws_is_among(region, "-", 32) && region.p[0] != '-' && region.p[region.n - 1] != '-';
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

bool aws_arn_parse(struct str text, struct aws_arn *ret)
{
    struct str rest = text;
    if (text.n >= 2048 || !str_eqz(cut(&rest, ':'), "arn")) {
        return false;
    }
    struct aws_arn arn = { .partition = cut(&rest, ':'), .service = cut(&rest, ':') };
    arn.region = cut(&rest, ':');
    arn.account = cut(&rest, ':');
    arn.rest = rest;
    if (!aws_is_among(arn.partition, "-", 32) || !aws_is_among(arn.service, "-", 64) ||
        !aws_region_is_good(arn.region) || !aws_is_among(arn.account, "", 12) ||
        !aws_is_among(arn.rest, "-_./:+=,@", 1024)) {
        return false;
    }
    *ret = arn;
    return true;
}

bool aws_task_is_good(struct str text, struct str *ret_region, struct str *ret_cluster)
{
    struct aws_arn arn;
    if (text.n >= 512 || !aws_arn_parse(text, &arn) || !str_eqz(arn.service, "ecs") ||
        !str_eqz(cut(&arn.rest, '/'), "task")) {
        return false;
    }
    struct str rest = arn.rest, first = cut(&rest, '/'); /* of the older form the id alone */
    if (!aws_is_among(first, "-_", 255) || (rest.n && !aws_is_among(rest, "-_", 255))) {
        return false;
    }
    *ret_region = arn.region;
    *ret_cluster = rest.n ? first : (struct str){ 0 };
    return true;
}

bool aws_error_passes(struct str code)
{
    static const char *const names[] = {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "Throttled",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "TooManyRequests",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ServerException",
        "InternalFailure",
        "InternalError",
        "InternalException",
        "InternalServerException",
        "KMSThrottling",
        "KMSThrottlingException",
        "ModelNotReadyException",
        "ModelTimeoutException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_eqz(code, names[i])) {
            return true;
        }
    }
    return false;
}
