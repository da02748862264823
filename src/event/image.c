/*
 * image: what exec gave a task, built once and counted. The structure and all its strings, also the
 * joined texts of proc.args and proc.cmdline, lie in one block, each string followed by a NUL.
 */
#include "event/state_internal.h"

#include <stdlib.h>

static struct str place(char **at, struct str s)
{
    struct str placed = { *at, s.n };
    if (s.n) {
        memcpy(*at, s.p, s.n);
    }
    (*at)[s.n] = '\0';
    *at += s.n + 1;
    return placed;
}

/* Without the last NUL, which place() adds again. */
static struct str array_text(struct str array)
{
    array = str_first(array, IMAGE_TEXT_MAX);
    return array.n > 0 && array.p[array.n - 1] == '\0' ? str_first(array, array.n - 1) : array;
}

/* The array as placed, with the NUL of its last item. */
static struct str array_placed(struct str given, struct str placed)
{
    return given.n ? (struct str){ placed.p, placed.n + 1 } : placed;
}

static uint32_t count_items(struct str array)
{
    uint32_t n = 0;
    for (size_t i = 0; i < array.n; i++) {
        n += array.p[i] == '\0';
    }
    return n;
}

static void blank_nuls(struct str s, char *at)
{
    for (size_t i = 0; i < s.n; i++) {
        at[i] = s.p[i] ? s.p[i] : ' ';
    }
}

static void image_fill(struct image *image, const struct image_text *text, char *at)
{
    struct str args = array_text(text->args);
    image->comm = place(&at, str_first(text->comm, IMAGE_TEXT_MAX));
    image->exe = place(&at, str_first(text->exe, IMAGE_TEXT_MAX));
    image->exepath = place(&at, str_first(text->exepath, IMAGE_TEXT_MAX));
    image->args = array_placed(text->args, place(&at, args));
    image->env = array_placed(text->env, place(&at, array_text(text->env)));
    image->nargs = count_items(image->args);
    char *start = at;
    place(&at, image->comm);
    image->cmdline = (struct str){ start, image->comm.n };
    image->args_text = (struct str){ start + image->comm.n, 0 };
    if (image->nargs) {
        start[image->comm.n] = ' ';
        blank_nuls(args, at);
        at[args.n] = '\0';
        image->args_text = (struct str){ at, args.n };
        image->cmdline.n += 1 + args.n;
    }
}

struct image *image_new(struct ledger *ledger, const struct image_text *text,
                        const struct image *facts)
{
    size_t comm = str_first(text->comm, IMAGE_TEXT_MAX).n;
    size_t args = array_text(text->args).n;
    size_t bytes = 2 * comm + str_first(text->exe, IMAGE_TEXT_MAX).n +
                   str_first(text->exepath, IMAGE_TEXT_MAX).n + 2 * args + array_text(text->env).n +
                   8;
    struct image *image = ledger_alloc(ledger, sizeof(*image) + bytes);
    if (!image) {
        return NULL;
    }
    *image = facts ? *facts : (struct image){ 0 };
    image->refs = 1;
    image->sha256 = (struct str){ 0 };
    image->sha256_asked = false;
    image_fill(image, text, (char *)(image + 1));
    return image;
}

struct image *image_ref(struct image *image)
{
    image->refs++;
    return image;
}

void image_unref(struct image *image)
{
    if (image && --image->refs == 0) {
        ledger_free(image);
    }
}

struct shared_str *shared_str_new(struct ledger *ledger, struct str s)
{
    struct shared_str *shared = ledger_alloc(ledger, sizeof(*shared) + s.n + 2);
    if (!shared) {
        return NULL;
    }
    char *p = (char *)(shared + 1);
    bool add = s.n && s.p[s.n - 1] != '/';
    if (s.n) {
        memcpy(p, s.p, s.n);
    }
    memcpy(p + s.n, "/", 2);
    shared->refs = 1;
    shared->s = (struct str){ p, s.n };
    shared->slashed = (struct str){ p, s.n + add };
    return shared;
}

struct shared_str *shared_str_ref(struct shared_str *s)
{
    if (s) {
        s->refs++;
    }
    return s;
}

void shared_str_unref(struct shared_str *s)
{
    if (s && --s->refs == 0) {
        ledger_free(s);
    }
}
