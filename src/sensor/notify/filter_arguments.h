/*
 * filter_arguments: which arguments of which calls are worth a notification.
 *
 * Internal to the filter module.
 */
#pragma once

#include "sensor/notify/filter.h"

/* Of the low half of an argument: ints are sign- or zero-extended by the caller as it likes, and the
 * kernel looks at no more. The last two: of all 64 bits. */
enum condition_kind {
    IF_ANY_BIT,     /* of value */
    IF_NO_BIT,      /* of value */
    IF_AT_MOST,     /* value, without sign */
    IF_NOT_ONE_OF,  /* the values */
    IF_ONE_OF,      /* the values */
    IF_BITS_NOT,    /* within mask: anything but value */
    IF_ONE_OF_LONG, /* the values */
    IF_NOT_NULL,
};

struct condition {
    uint8_t kind; /* enum condition_kind */
    uint8_t argument;
    uint16_t nvalues;
    uint32_t value, mask;
    const uint32_t *values;
};

#define CONDITIONS_MAX 3

/* A call is notified when all hold. */
struct conditions {
    unsigned n;
    struct condition at[CONDITIONS_MAX];
    uint32_t storage[64];
};

/* False: whatever its arguments. */
bool filter_conditions(const struct filter_options *options, uint32_t arch, uint16_t name,
                       struct conditions *ret);
