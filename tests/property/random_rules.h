/*
 * random_rules: conditions of rules, at random, over what a world has.
 */
#pragma once

#include "world.h"

#include "base/buf.h"

#include <stddef.h>

enum operand { TEXTS, NUMBERS, PORTS, ADDRESSES, NETS, SOCKET_TEXTS, FLAG, NAMES };
#define RANDOM_OPERANDS (NAMES + 1)
#define RANDOM_LISTS    3 /* of each operand but FLAG */

/* From now on right sides name lists, too: whoever compiles them has them. */
void random_rules_use_lists(void);
void random_list_name(struct world *w, struct buf *buf, enum operand operand);
/* One constant, as a condition has it: texts in quotes. */
void random_constant(struct world *w, struct buf *buf, enum operand operand, bool glob);
/* A condition, ended by a NUL. */
void random_rule(struct world *w, char *ret, size_t size);
