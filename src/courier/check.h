/*
 * check: what a request names.
 */
#pragma once

#include "courier/courier.h"

#define TARGET_MAX 320

enum target_scheme { SCHEME_HTTP, SCHEME_HTTPS, SCHEME_SMTP, SCHEME_SMTPS };

struct target {
    enum target_scheme scheme;
    char key[TARGET_MAX]; /* "https://host:port", lower case */
    char host[256];       /* without the brackets of an address */
};

/* 0 or -EINVAL; the text does not show the url, which may be a secret. */
int target_of(struct str url, struct target *ret, struct err *err);
bool target_is_mail(const struct target *target);
bool target_is_tls(const struct target *target);
