/*
 * wants: could any rule match an event of this name in this thread? Residuals of the matcher, kept per
 * thread until what they rest on changes.
 */
#pragma once

#include "base/err.h"
#include "rules/matcher.h"

#include <stdbool.h>
#include <stdint.h>

struct wants;

int wants_new(struct matcher *matcher, uint32_t threads_max, struct wants **ret);
void wants_free(struct wants *wants);
/* `open_access`: enum demand_access of an event that opens, 0 of others. Over-approximates. */
bool wants_event(struct wants *wants, struct view *view, const struct thread *thread, uint16_t name,
                 unsigned open_access);
