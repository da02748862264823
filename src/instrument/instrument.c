/*
 * instrument: the two ways over a text, and the proof.
 *
 *     instrument(text) = add(remove(text)), and remove(add(x)) == x for what was added to
 *
 * The last is checked on every result. So a layout that the editor misjudges is an error, not a broken definition.
 */
#include "instrument/instrument.h"

#include "base/cleanup.h"
#include "instrument/taskdef.h"

#include <errno.h>

static int parse(struct document *doc, struct arena *arena, struct str text, const char *resource,
                 struct taskdefs *tasks, struct err *err)
{
    int r = document_parse(doc, arena, text, err);
    return r == 0 ? taskdefs_find(doc, resource, tasks, err) : r;
}

/* An allocation that failed shows as a member that is missing in the result. None did if a larger one works now. */
static int finish(struct edits *edits, struct arena *arena, struct buf *out, struct err *err)
{
    return arena_alloc(arena, INSERT_MAX) ? edit_apply(edits, out, err)
                                          : err_set(err, -ENOMEM, "it takes too much memory");
}

static int remove_all(struct str text, const char *resource, struct buf *out, struct err *err)
{
    CLEANUP(cleanup_free) struct taskdefs *tasks = mem_zalloc(sizeof(*tasks));
    struct arena arena;
    struct document doc;
    if (!tasks) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&arena, NODE_ARENA_MAX);
    int r = parse(&doc, &arena, text, resource, tasks, err);
    if (r == 0) {
        struct edits edits;
        edits_init(&edits, &doc);
        for (uint32_t i = 0; r == 0 && i < tasks->n; i++) {
            r = taskdef_remove(&edits, &tasks->items[i], err);
        }
        r = r == 0 ? finish(&edits, &arena, out, err) : r;
        edits_done(&edits);
    }
    arena_done(&arena);
    return r;
}

static int add_all(struct str text, const struct instrument_options *options, struct buf *out,
                   struct instrument_result *ret, struct err *err)
{
    CLEANUP(cleanup_free) struct taskdefs *tasks = mem_zalloc(sizeof(*tasks));
    struct arena arena;
    struct document doc;
    if (!tasks) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&arena, NODE_ARENA_MAX);
    int r = parse(&doc, &arena, text, options->resource, tasks, err);
    if (r == 0) {
        struct edits edits;
        edits_init(&edits, &doc);
        for (uint32_t i = 0; r == 0 && i < tasks->n; i++) {
            r = taskdef_add(&edits, &tasks->items[i], options, ret, err);
        }
        ret->tasks = tasks->n;
        ret->list = tasks->n > 0 && !tasks->items[0].node;
        r = r == 0 ? finish(&edits, &arena, out, err) : r;
        edits_done(&edits);
    }
    arena_done(&arena);
    return r;
}

static int prove(struct str original, const struct buf *added, const char *resource,
                 struct err *err)
{
    struct buf again;
    buf_init(&again, INSTRUMENT_OUT_MAX);
    int r = remove_all(buf_str(added), resource, &again, err);
    if (r < 0) {
        err_wrap(err, "the result could not be read again");
    } else if (!str_eq(buf_str(&again), original)) {
        r = err_set(err, -EINVAL,
                    "its layout cannot be changed so that it could be taken back; "
                    "write the task definition in the usual one");
    }
    buf_done(&again);
    return r;
}

int instrument_text(struct str text, const struct instrument_options *options, struct buf *out,
                    struct instrument_result *ret, struct err *err)
{
    struct instrument_result result = { 0 };
    struct buf plain, added;
    buf_init(&plain, INSTRUMENT_OUT_MAX);
    buf_init(&added, INSTRUMENT_OUT_MAX);
    int r = remove_all(text, options->resource, &plain, err);
    if (r == 0 && plain.n > INSTRUMENT_TEXT_MAX) {
        r = err_set(err, -EFBIG, "larger than %d bytes", INSTRUMENT_TEXT_MAX);
    }
    r = r == 0 ? add_all(buf_str(&plain), options, &added, &result, err) : r;
    if (r == 0 && result.containers == 0) {
        r = err_set(err, -ENOENT, "no container is left to be watched");
    }
    r = r == 0 ? prove(buf_str(&plain), &added, options->resource, err) : r;
    if (r == 0) {
        buf_puts(out, buf_str(&added));
        r = out->failed ? err_set(err, -EFBIG, "the result is too large") : 0;
        *ret = result;
    }
    buf_done(&plain);
    buf_done(&added);
    return r;
}

int instrument_remove(struct str text, struct buf *out, struct err *err)
{
    return remove_all(text, NULL, out, err);
}
