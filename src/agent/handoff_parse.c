/*
 * Messages of shims, as bytes from anybody: sizes, version and kind are checked before a field is looked at;
 * texts are made to end.
 */
#include "agent/handoff.h"

#include <errno.h>
#include <string.h>

/* 0, or why these are not a message of this size. */
static int check_head(const void *p, size_t n, size_t size)
{
    struct wire_head head;
    if (n < sizeof(head)) {
        return -EPROTO;
    }
    memcpy(&head, p, sizeof(head));
    if (head.magic != WIRE_MAGIC || head.size != n) {
        return -EPROTO;
    }
    if (head.version != WIRE_VERSION) {
        return -EPROTONOSUPPORT;
    }
    return n == size ? 0 : -EPROTO;
}

int handoff_parse_hello(const void *p, size_t n, struct wire_hello *ret)
{
    int r = check_head(p, n, sizeof *ret);
    if (r < 0) {
        return r;
    }
    memcpy(ret, p, sizeof *ret);
    ret->host[WIRE_HOST_MAX - 1] = '\0';
    ret->cgroup[WIRE_CGROUP_MAX - 1] = '\0';
    ret->task[WIRE_TASK_MAX - 1] = '\0';
    ret->args[WIRE_ARGS_MAX - 1] = '\0';
    bool known = (ret->head.kind == WIRE_HELLO || ret->head.kind == WIRE_RESUME) &&
                 ret->priority < WIRE_PRIORITIES && ret->nargs <= WIRE_ARGS_MAX;
    return known ? 0 : -EPROTO;
}

int handoff_parse_word(const void *p, size_t n, struct wire_word *ret)
{
    int r = check_head(p, n, sizeof *ret);
    if (r < 0) {
        return r;
    }
    memcpy(ret, p, sizeof *ret);
    return ret->head.kind == WIRE_LISTENER || ret->head.kind == WIRE_UNWATCHED ? 0 : -EPROTO;
}

struct str handoff_argument(const struct wire_hello *hello, uint32_t n)
{
    size_t at = 0;
    for (uint32_t i = 0; i < hello->nargs && at < WIRE_ARGS_MAX; i++) {
        size_t length = strnlen(hello->args + at, WIRE_ARGS_MAX - at);
        if (i == n) {
            return (struct str){ (char *)hello->args + at, length };
        }
        at += length + 1;
    }
    return (struct str){ 0 };
}
