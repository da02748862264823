/*
 * uses: does any selected rule, its condition or its output, name this field? What costs much is made ready
 * ahead only then. A rule that can never match does not count. Over-approximates: of an output the text is searched.
 */
#pragma once

#include "event/field.h"
#include "rules/ruleset.h"

#include <stdbool.h>

bool ruleset_uses_field(const struct ruleset *ruleset, const struct selection *selection,
                        enum field_id field);
