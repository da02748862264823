/*
 * guardduty: a finding in the shape of GuardDuty's, so that rules and programs made for those take it.
 *
 * Names and places as in the `detail` of GuardDuty's events: resource.ecsClusterDetails, service.runtimeDetails.process
 * with its lineage, service.action, service.evidence. What is Hinomi's alone is in `hinomi`. It never says that it is
 * of AWS: service.serviceName is "hinomi".
 */
#pragma once

#include "base/buf.h"
#include "store/findings.h"

#define GUARDDUTY_TEXT_MAX    1024 /* bytes of one text */
#define GUARDDUTY_LINEAGE_MAX 16

struct json_object;

struct guardduty {
    const struct finding *finding;
    struct json_object *alert;       /* its newest, taken apart; NULL: there is none */
    struct str title, summary, link; /* as people are told */
    struct str cause;                /* new, reopened, raised */
    bool brief;                      /* without the lineage, for what has a limit */
};

/* One object. */
void guardduty_put(struct jsonw *w, const struct guardduty *what);
