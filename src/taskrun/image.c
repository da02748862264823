/*
 * image: finds a container's image, checks its layers against their digests, and unpacks them, lowest first.
 */
#include "taskrun/image.h"

#include "base/cleanup.h"
#include "taskrun/tree.h"
#include "taskrun/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCK 65536

#if defined(__aarch64__)
#define MACHINE "arm64"
#else
#define MACHINE "amd64"
#endif

static const struct image_source *choose(const struct image_sources *sources,
                                         const struct task_container *c)
{
    const struct image_source *any = NULL;
    for (uint32_t i = 0; i < sources->nfiles; i++) {
        const struct image_source *s = &sources->files[i];
        if (s->name.n && (str_eq(s->name, c->name) || str_eq(s->name, c->image))) {
            return s;
        }
        any = s->name.n ? any : s;
    }
    return any;
}

bool task_image_same(const struct task_images *images, const struct task_container *a,
                     const struct task_container *b)
{
    return str_eq(a->image, b->image) && choose(&images->roots, a) == choose(&images->roots, b) &&
           choose(&images->configs, a) == choose(&images->configs, b);
}

static int look_up(const struct image_source *source, const struct task_container *c,
                   struct arena *arena, struct image_config *ret, struct err *err)
{
    struct image_sources *one = arena_alloc(arena, sizeof(*one));
    struct image_query query = { .container = c->name, .image = c->image, .architecture = MACHINE };
    if (!one) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    one->files[one->nfiles++] = (struct image_source){ .value = source->value };
    one->offline = true;
    return image_look_up(one, &query, arena, ret, err);
}

static int hash_file(int fd, EVP_MD_CTX *context, unsigned char *sum)
{
    char block[BLOCK];
    ssize_t n = 1;
    unsigned size = 0;
    bool good = EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    while (good && n > 0) {
        n = read(fd, block, sizeof(block));
        good = n < 0 ? false : EVP_DigestUpdate(context, block, (size_t)n);
    }
    return good && EVP_DigestFinal_ex(context, sum, &size) ? 0 : -EIO;
}

/* A file named blobs/sha256/HEX is what its name says. */
static int check_layer(const char *path, struct str name, struct err *err)
{
    unsigned char sum[EVP_MAX_MD_SIZE] = { 0 };
    char hex[65] = "";
    if (!str_starts(name, STR("blobs/sha256/"))) {
        return 0;
    }
    CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int r = context ? hash_file(fd, context, sum) : -ENOMEM;
    EVP_MD_CTX_free(context);
    if (r < 0) {
        return err_set(err, r, "%s cannot be read", path);
    }
    for (unsigned i = 0; i < 32; i++) {
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    }
    return str_eqz(str_from_offset(name, strlen("blobs/sha256/")), hex)
               ? 0
               : err_set(err, -EBADMSG, "%s is not what its digest says", path);
}

static bool is_safe(struct str name)
{
    return name.n > 0 && name.p[0] != '/' && str_find(name, STR("..")) < 0;
}

static int unpack_layers(const struct image_config *config, const char *from, const char *root,
                         struct err *err)
{
    char path[PATH_MAX];
    if (config->layers.n == 0) {
        return err_set(err, -EINVAL, "the image has no layers");
    }
    for (uint32_t i = 0; i < config->layers.n; i++) {
        struct str name = config->layers.items[i];
        if (!is_safe(name)) {
            return err_set(err, -EINVAL, "a layer's name leads out of the image");
        }
        int r = path_join(path, sizeof(path), from, name.p, err);
        r = r == 0 ? check_layer(path, name, err) : r;
        r = r == 0 ? unpack_tar(path, root, true, err) : r;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* FOLDER/tar, of what is one, and FOLDER/root. */
static int unpack(const char *path, bool tar, const char *folder, struct task_image *image,
                  struct err *err)
{
    char inside[PATH_MAX];
    int r = path_join(image->root, sizeof(image->root), folder, "root", err);
    r = r == 0 ? tree_make(image->root, 0755, err) : r;
    if (r == 0 && tar) {
        r = path_join(inside, sizeof(inside), folder, "tar", err);
        r = r == 0 ? tree_make(inside, 0755, err) : r;
        r = r == 0 ? unpack_tar(path, inside, false, err) : r;
    } else if (r == 0) {
        snprintf(inside, sizeof(inside), "%s", path);
    }
    r = r == 0 ? unpack_layers(&image->config, inside, image->root, err) : r;
    return r == 0 && tar ? tree_remove(inside, err) : r;
}

static bool is_layout(const char *path)
{
    char index[PATH_MAX];
    return path_join(index, sizeof(index), path, "index.json", NULL) == 0 &&
           access(index, F_OK) == 0;
}

static int take_root(const char *path, struct task_image *image, struct err *err)
{
    char *real = realpath(path, image->root);
    return real ? 0 : err_set(err, -errno, "%s: %s", path, strerror(errno));
}

int task_image_prepare(const struct task_images *images, const struct task_container *container,
                       const char *folder, struct arena *arena, struct task_image *ret,
                       struct err *err)
{
    const struct image_source *root = choose(&images->roots, container);
    const struct image_source *config = choose(&images->configs, container);
    struct stat st;
    memset(ret, 0, sizeof(*ret));
    if (!root) {
        return err_set(err, -ENOENT, "container `%s`: where is its image? --image %s=PATH",
                       container->name.p, container->image.p);
    }
    if (stat(root->value, &st) < 0) {
        return err_set(err, -errno, "%s: %s", root->value, strerror(errno));
    }
    bool plain = S_ISDIR(st.st_mode) && !is_layout(root->value);
    int r = plain ? take_root(root->value, ret, err)
                  : look_up(root, container, arena, &ret->config, err);
    r = r == 0 && !plain ? unpack(root->value, !S_ISDIR(st.st_mode), folder, ret, err) : r;
    if (r == 0 && config) {
        struct image_words layers = ret->config.layers;
        r = look_up(config, container, arena, &ret->config, err);
        ret->config.layers = layers;
    }
    return r < 0 ? err_wrap(err, "container `%s`", container->name.p) : 0;
}
