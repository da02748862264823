/*
 * Stand-ins until their modules land: emulated opens.
 */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "sensor/notify/resolve.h"
#include <errno.h>
int emulate_open(struct resolver *r, const struct target *t, const struct call_args *a,
                 struct resolved *ret)
{
    (void)r;
    (void)t;
    (void)a;
    (void)ret;
    return -EOPNOTSUPP;
}
