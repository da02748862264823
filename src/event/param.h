/*
 * param: one parameter of an event as text: what evt.arg.NAME, evt.args and alerts show.
 *
 * A parameter has a plain form ("3", "-2", "4097") and may have a resolved one ("<f>/etc/passwd",
 * "ENOENT", "O_RDONLY|O_CLOEXEC"). What only the state knows comes through `struct param_names`.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "event/event.h"

#include <stdbool.h>
#include <stdint.h>

#define PARAM_FDLIST_MAX 4096 /* descriptors of a list that are printed */

/* A descriptor of the event's process. */
struct param_fd {
    char type[3]; /* type character and, for IP sockets, 't', 'u', 'i' or 'r' of the protocol */
    struct str name;
};

/*
 * Lookups in the state; a NULL function knows nothing. They return false (and write nothing) when
 * they do not know; strings are borrowed until the next call. `path` appends the resolved path of
 * parameter i (not absolute) of the event.
 */
struct param_names {
    bool (*fd)(void *data, const struct event *event, int64_t fd, struct param_fd *ret);
    bool (*comm)(void *data, int64_t tid, struct str *ret);
    bool (*user)(void *data, const struct event *event, uint32_t uid, struct str *ret);
    bool (*group)(void *data, const struct event *event, uint32_t gid, struct str *ret);
    void (*path)(void *data, const struct event *event, unsigned i, struct buf *buf);
    void *data;
};

/*
 * The parameter's description, with PARAM_DYN resolved by its first byte, and its bytes (without
 * that byte). NULL when the event has no such parameter.
 */
const struct param *param_of(const struct event *event, unsigned i, struct str *ret_bytes);

/* Appends the plain form: "NULL" for an empty parameter, nothing for one the event does not have.
 */
void param_plain(const struct event *event, unsigned i, const struct param_names *names,
                 struct buf *buf);
/* Appends the resolved form, if there is one. */
void param_resolved(const struct event *event, unsigned i, const struct param_names *names,
                    struct buf *buf);
/* evt.arg.NAME: the resolved form, or else the plain one. names may be NULL. */
void param_text(const struct event *event, unsigned i, const struct param_names *names,
                struct buf *buf);
/* As in evt.args: "4097(O_RDONLY|O_CLOEXEC)". */
void param_full(const struct event *event, unsigned i, const struct param_names *names,
                struct buf *buf);
/* evt.args: "fd=3(<f>/etc/passwd) size=832 ", each followed by a blank; nothing for generic events. */
void param_args(const struct event *event, const struct param_names *names, struct buf *buf);
