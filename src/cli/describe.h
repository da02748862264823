/*
 * describe: what the files of `hinomi rules describe` share. A rule's demand as text lines ("delivers")
 * or as the member "demand" of the object being written.
 */
#pragma once

#include "base/buf.h"
#include "rules/matcher.h"

void describe_demand_json(const struct matcher *matcher, const struct rule *rule, struct jsonw *w);
void describe_demand_text(const struct matcher *matcher, const struct rule *rule, struct buf *buf);
