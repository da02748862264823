/*
 * image: reads a configuration, and chooses where to look for one.
 *
 * Entrypoint and Cmd are lists of texts, null or absent. Anything else there, and a document that has neither `config`
 * nor `Config`, is refused: an image without an entry point is told from one that could not be read.
 */
#include "instrument/image_internal.h"

#include "base/fd.h"
#include "base/jscan.h"

#include <errno.h>
#include <sys/stat.h>

static int read_words(struct jscan value, const char *what, struct arena *arena,
                      struct image_words *ret, struct err *err)
{
    struct jscan_walk walk = jscan_begin(value);
    struct jscan element;
    ret->n = 0;
    if (value.type == JSCAN_NONE || value.type == JSCAN_NULL) {
        return 0;
    }
    if (value.type != JSCAN_ARRAY) {
        return err_set(err, -EINVAL, "the image's %s is not a list", what);
    }
    while (jscan_element(&walk, &element)) {
        if (ret->n == IMAGE_WORDS_MAX || element.type != JSCAN_TEXT) {
            return err_set(err, -EINVAL, "the image's %s is not a list of at most %d texts", what,
                           IMAGE_WORDS_MAX);
        }
        struct str word = jscan_text(element, arena);
        if (!word.p) {
            return err_set(err, -ENOMEM, "out of memory");
        }
        ret->items[ret->n++] = word;
    }
    return 0;
}

static int read_paths(struct jscan value, struct arena *arena, struct image_words *ret,
                      struct err *err)
{
    struct jscan_walk walk = jscan_begin(value);
    struct jscan key, member;
    ret->n = 0;
    while (value.type == JSCAN_OBJECT && jscan_member(&walk, &key, &member)) {
        struct str path = jscan_text(key, arena);
        if (ret->n == IMAGE_WORDS_MAX || !path.p) {
            return err_set(err, -EINVAL, "the image has more than %d volumes", IMAGE_WORDS_MAX);
        }
        ret->items[ret->n++] = path;
    }
    return 0;
}

static int read_rest(struct jscan config, struct arena *arena, struct image_config *ret,
                     struct err *err)
{
    ret->user = jscan_text(jscan_get(config, STR("User")), arena);
    ret->working_directory = jscan_text(jscan_get(config, STR("WorkingDir")), arena);
    ret->stop_signal = jscan_text(jscan_get(config, STR("StopSignal")), arena);
    int r = read_words(jscan_get(config, STR("Env")), "Env", arena, &ret->environment, err);
    return r == 0 ? read_paths(jscan_get(config, STR("Volumes")), arena, &ret->volumes, err) : r;
}

int image_config_parse(struct str json, struct arena *arena, struct image_config *ret,
                       struct err *err)
{
    struct jscan root;
    const char *why = "";
    size_t at = 0;
    if (jscan_check(json, &root, &why, &at) < 0) {
        return err_set(err, -EINVAL, "not JSON: %s at byte %zu", why, at);
    }
    if (root.type == JSCAN_ARRAY) {
        struct jscan second = jscan_at(root, 1);
        if (second.type != JSCAN_NONE) {
            return err_set(err, -EINVAL, "it describes more than one image");
        }
        root = jscan_at(root, 0);
    }
    struct jscan config = jscan_get(root, STR("config"));
    config = config.type == JSCAN_NONE ? jscan_get(root, STR("Config")) : config;
    if (config.type != JSCAN_OBJECT) {
        return err_set(err, -EINVAL, "not the configuration of an image");
    }
    int r = read_words(jscan_get(config, STR("Entrypoint")), "Entrypoint", arena, &ret->entry_point,
                       err);
    r = r == 0 ? read_words(jscan_get(config, STR("Cmd")), "Cmd", arena, &ret->command, err) : r;
    return r == 0 ? read_rest(config, arena, ret, err) : r;
}

static const char *choose(const struct image_source *sources, uint32_t n,
                          const struct image_query *query)
{
    const char *any = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const struct image_source *s = &sources[i];
        if (s->name.n && (str_eq(s->name, query->container) || str_eq(s->name, query->image))) {
            return s->value;
        }
        any = s->name.n ? any : s->value;
    }
    return any;
}

static bool is_json(struct str text)
{
    text = str_trim(text);
    return text.n > 0 && (text.p[0] == '{' || text.p[0] == '[');
}

/* By what it is: a directory, a text of JSON, or else a tar. */
static int read_path(const char *path, const struct image_query *query, struct arena *arena,
                     struct image_config *ret, struct err *err)
{
    struct stat st;
    struct buf text;
    if (stat(path, &st) < 0) {
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return image_from_files(path, false, query, arena, ret, err);
    }
    buf_init(&text, IMAGE_DOCUMENT_MAX);
    int r = file_read(path, &text, err);
    bool json = r == 0 && is_json(buf_str(&text));
    struct str copy = json ? arena_str(arena, buf_str(&text)) : (struct str){ 0 };
    buf_done(&text);
    if (!json && (r == 0 || r == -EFBIG)) {
        return image_from_files(path, true, query, arena, ret, err);
    }
    r = r == 0 && !copy.p ? err_set(err, -ENOMEM, "out of memory") : r;
    r = r == 0 ? image_config_parse(copy, arena, ret, err) : r;
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}

int image_look_up(void *context, const struct image_query *query, struct arena *arena,
                  struct image_config *ret, struct err *err)
{
    const struct image_sources *sources = context;
    const char *path = choose(sources->files, sources->nfiles, query);
    const char *reference = choose(sources->references, sources->nreferences, query);
    struct str image = reference ? str_of(reference) : query->image;
    if (path) {
        return read_path(path, query, arena, ret, err);
    }
    if (!image.n || sources->offline) {
        return err_set(
            err, -ENOENT,
            "what its image runs has to be known: --image-config %.*s=PATH, or entryPoint "
            "and command in the definition%s",
            STR_ARG(str_first(query->container, 64)),
            sources->offline ? "" : ", or --image for a name that CloudFormation makes");
    }
    return image_from_registry(image, sources->credentials, query, arena, ret, err);
}
