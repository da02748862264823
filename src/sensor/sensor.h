/*
 * sensor: where events come from. One pull call; everything a sensor needs is behind this table.
 *
 * A sensor fills the state it is given with what existed before its first event, then yields events in
 * order. The caller does state_apply(), rules, state_settle() for each.
 */
#pragma once

#include "base/err.h"
#include "event/event.h"
#include "event/state.h"

#include <stdbool.h>
#include <stdint.h>

struct demand;

struct sensor_stats {
    uint64_t events;
    uint64_t bytes;       /* read, uncompressed; replay only */
    uint64_t bytes_total; /* size of the input file; 0 unknown */
    uint64_t bytes_in;    /* of it consumed so far */
    uint64_t lost;        /* events the source says it lost */
    uint64_t skipped;     /* events or blocks of unknown kinds */
};

struct sensor {
    const struct sensor_ops *ops;
};

struct sensor_ops {
    const char *name;
    /* Can it work here? 0, or an error that says what lacks. */
    int (*probe)(struct err *err);
    /* NULL: takes no demand. */
    int (*apply_demand)(struct sensor *sensor, const struct demand *demand, struct err *err);
    /* 1: *ret is the next event, borrowed until the next call; 0: none left (replay) or none now
     * (live); negative: error, with everything readable before it already yielded. */
    int (*next)(struct sensor *sensor, struct event **ret, struct err *err);
    void (*stats)(const struct sensor *sensor, struct sensor_stats *ret);
    void (*close)(struct sensor *sensor); /* frees it; NULL allowed */
};

static inline int sensor_next(struct sensor *sensor, struct event **ret, struct err *err)
{
    return sensor->ops->next(sensor, ret, err);
}

static inline void sensor_close(struct sensor *sensor)
{
    if (sensor) {
        sensor->ops->close(sensor);
    }
}
