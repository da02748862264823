/*
 * prepare: images, volumes, and each container's root, words, user and configuration.
 *
 * A container's root is an overlay over its image, which is never written to. So is a volume that an image declares:
 * it begins with what the image has there, and belongs to one container and those that take volumes from it.
 */
#include "taskrun/run.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "taskrun/mounts.h"
#include "taskrun/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SECRET_MAX 65536

static const char *file_named(const struct taskrun_files *files, struct str name)
{
    for (uint32_t i = 0; i < files->n; i++) {
        if (str_eq(files->items[i].name, name)) {
            return files->items[i].path;
        }
    }
    return NULL;
}

static int make_volumes(struct run *run)
{
    for (uint32_t i = 0; i < run->task.nvolumes; i++) {
        const struct task_volume *volume = &run->task.volumes[i];
        const char *given = file_named(&run->options->volumes, volume->name);
        char *path = run->volumes[i], name[32];
        if (given && !realpath(given, path)) {
            return err_set(run->err, -errno, "volume `%s`: %s: %s", volume->name.p, given,
                           strerror(errno));
        }
        if (!given && volume->on_host) {
            return err_set(run->err, -EINVAL,
                           "volume `%s` is a folder of the host, which Fargate does not have; "
                           "--volume %s=PATH",
                           volume->name.p, volume->name.p);
        }
        snprintf(name, sizeof(name), "volume-%u", i);
        int r = given ? 0 : path_join(path, PATH_MAX, run->folder, name, run->err);
        r = r == 0 && !given ? tree_make(path, 0755, run->err) : r;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int run_find_secret(const struct run *run, const struct slot *slot, const struct task_pair *secret,
                    struct str *ret)
{
    const struct taskrun_files *files = &run->options->secrets;
    char own[512];
    struct buf text;
    snprintf(own, sizeof(own), "%s:%s", slot->def->name.p, secret->name.p);
    const char *path = file_named(files, str_of(own));
    path = path ? path : file_named(files, secret->name);
    path = path ? path : file_named(files, secret->value);
    if (!path) {
        return err_set(run->err, -ENOENT,
                       "container `%s`: where is its secret %s? --secret %s=FILE",
                       slot->def->name.p, secret->name.p, secret->name.p);
    }
    buf_init(&text, SECRET_MAX);
    int r = file_read(path, &text, run->err);
    text.n -= r == 0 && text.n > 0 && text.p[text.n - 1] == '\n';
    bool good = r == 0 && (text.n == 0 || !memchr(text.p, '\0', text.n));
    *ret = good ? arena_str(run->arena, buf_str(&text)) : (struct str){ 0 };
    buf_done(&text);
    return r < 0    ? r
           : ret->p ? 0
                    : err_set(run->err, -EINVAL, "%s: not a secret that fits a variable", path);
}

static int prepare_image(struct run *run, uint32_t i)
{
    const struct task_images *images = &run->options->images;
    const struct task_container *c = &run->task.containers[i];
    char name[32], folder[PATH_MAX];
    for (uint32_t k = 0; k < i; k++) {
        if (task_image_same(images, c, &run->task.containers[k])) {
            run->images[i] = run->images[k];
            run->slots[i].image = run->images[k];
            return 0;
        }
    }
    run->images[i] = ARENA_NEW(run->arena, struct task_image);
    run->slots[i].image = run->images[i];
    snprintf(name, sizeof(name), "image-%u", i);
    int r = path_join(folder, sizeof(folder), run->folder, name, run->err);
    return r < 0 || !run->images[i]
               ? err_set(run->err, -ENOMEM, "out of memory")
               : task_image_prepare(images, c, folder, run->arena, run->images[i], run->err);
}

static int make_in(struct run *run, const char *folder, const char *name, char *ret)
{
    int r = path_join(ret, PATH_MAX, folder, name, run->err);
    return r == 0 ? tree_make(ret, 0755, run->err) : r;
}

/* Where the disk's file system cannot be the upper one, memory is. */
static int mount_over(struct run *run, const char *lower, const char *folder, const char *to)
{
    char upper[PATH_MAX], work[PATH_MAX], *options = arena_bytes(run->arena, (size_t)3 * PATH_MAX);
    int r = make_in(run, folder, "upper", upper);
    r = r == 0 ? make_in(run, folder, "work", work) : r;
    if (r < 0 || !options) {
        return r < 0 ? r : err_set(run->err, -ENOMEM, "out of memory");
    }
    if (strpbrk(lower, ":,\\") || strpbrk(upper, ":,\\")) {
        return err_set(run->err, -EINVAL, "%s: a path with a colon, comma or backslash in it",
                       lower);
    }
    snprintf(options, (size_t)3 * PATH_MAX, "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper,
             work);
    return mounts_add("overlay", to, "overlay", 0, options) < 0 ? -errno : 0;
}

/* As `name` in the container's bundle. */
static int lay_over(struct run *run, const struct slot *slot, const char *lower, const char *name,
                    char *ret)
{
    char over[64], folder[PATH_MAX];
    snprintf(over, sizeof(over), "over-%u-%s", slot->index, name);
    int r = make_in(run, slot->bundle, name, ret);
    r = r == 0 ? make_in(run, run->folder, over, folder) : r;
    r = r == 0 ? mount_over(run, lower, folder, ret) : r;
    if ((r == -EINVAL || r == -EOPNOTSUPP) && !run->err->code) {
        r = make_in(run, slot->bundle, over, folder);
        r = r == 0 ? mount_over(run, lower, folder, ret) : r;
    }
    return r < 0 && !run->err->code
               ? err_set(run->err, r, "%s cannot be laid under a container: %s", lower,
                         strerror(-r))
               : r;
}

static bool is_mounted(const struct task_container *c, struct str path)
{
    for (uint32_t i = 0; i < c->nmounts; i++) {
        if (str_eq(c->mounts[i].path, path)) {
            return true;
        }
    }
    return false;
}

/* Is it a folder of the image, without a link on the way? */
static bool is_inside(const char *root, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                            .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
    CLEANUP(cleanup_close) int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(cleanup_close)
    int fd = folder < 0 ? -1 : (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
    return fd >= 0;
}

static int make_declared(struct run *run, struct slot *slot, struct str path)
{
    char lower[PATH_MAX], name[32];
    struct declared *one = &slot->declared[slot->ndeclared];
    snprintf(name, sizeof(name), "volume-%u", slot->ndeclared);
    one->path = arena_str(run->arena, path);
    if (!one->path.p || snprintf(lower, sizeof(lower), "%s%s", slot->image->root, one->path.p) >=
                            (int)sizeof(lower)) {
        return err_set(run->err, -ENAMETOOLONG, "a volume of the image has too long a path");
    }
    int r = is_inside(slot->image->root, one->path.p)
                ? lay_over(run, slot, lower, name, one->folder)
                : make_in(run, slot->bundle, name, one->folder);
    slot->ndeclared += r == 0;
    return r;
}

static int make_all_declared(struct run *run, struct slot *slot)
{
    const struct image_words *volumes = &slot->image->config.volumes;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < volumes->n; i++) {
        struct str path = volumes->items[i];
        bool sound = path.n > 1 && path.p[0] == '/' && !memchr(path.p, '\0', path.n) &&
                     str_find(path, STR("/..")) < 0;
        if (!sound || slot->ndeclared == RUN_DECLARED_MAX) {
            r = err_set(run->err, -EINVAL, "the image declares more than %d volumes, or odd ones",
                        RUN_DECLARED_MAX);
        } else if (!is_mounted(slot->def, path)) {
            r = make_declared(run, slot, path);
        }
    }
    return r;
}

static struct task_words words_of(struct run *run, const struct image_words *words)
{
    struct task_words copy = { .items = ARENA_ARRAY(run->arena, struct str, words->n + 1) };
    for (uint32_t i = 0; copy.items && i < words->n; i++) {
        copy.items[copy.n++] = words->items[i];
    }
    return copy;
}

/* As ECS does: an entry point in the definition drops the image's command too. */
static int merge_args(struct run *run, struct slot *slot)
{
    const struct task_container *c = slot->def;
    struct task_words entry = c->entry_point, command = c->command;
    if (entry.n == 0) {
        entry = words_of(run, &slot->image->config.entry_point);
        command = command.n ? command : words_of(run, &slot->image->config.command);
    }
    slot->args.items = ARENA_ARRAY(run->arena, struct str, entry.n + command.n + 1);
    if (!slot->args.items) {
        return err_set(run->err, -ENOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < entry.n + command.n; i++) {
        slot->args.items[slot->args.n++] =
            i < entry.n ? entry.items[i] : command.items[i - entry.n];
    }
    return slot->args.n ? 0
                        : err_set(run->err, -EINVAL,
                                  "container `%s`: neither the definition nor the image says what "
                                  "to run; --image-config %s=PATH",
                                  c->name.p, c->name.p);
}

static int signal_of(struct str name)
{
    static const struct {
        const char *name;
        int number;
    } names[] = { { "TERM", SIGTERM }, { "INT", SIGINT },    { "QUIT", SIGQUIT },
                  { "HUP", SIGHUP },   { "KILL", SIGKILL },  { "USR1", SIGUSR1 },
                  { "USR2", SIGUSR2 }, { "WINCH", SIGWINCH } };
    name = str_starts(name, STR("SIG")) ? str_from_offset(name, 3) : name;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char number[8];
        snprintf(number, sizeof(number), "%d", names[i].number);
        if (str_eqz(name, names[i].name) || str_eqz(name, number)) {
            return names[i].number;
        }
    }
    return SIGTERM;
}

static int prepare_slot(struct run *run, struct slot *slot)
{
    const struct image_config *config = &slot->image->config;
    const struct task_container *c = slot->def;
    char name[32];
    snprintf(name, sizeof(name), "container-%u", slot->index);
    slot->directory = c->working_directory.n        ? c->working_directory
                      : config->working_directory.n ? config->working_directory
                                                    : STR("/");
    slot->stop_signal = signal_of(config->stop_signal);
    int r = merge_args(run, slot);
    r = r == 0 ? make_in(run, run->private, name, slot->bundle) : r;
    r = r == 0 ? lay_over(run, slot, slot->image->root, "rootfs", slot->root) : r;
    r = r == 0 ? make_all_declared(run, slot) : r;
    r = r == 0
            ? account_find(slot->root, c->user.n ? c->user : config->user, &slot->account, run->err)
            : r;
    return r < 0 && strncmp(run->err->message, "container", 9) != 0
               ? err_wrap(run->err, "container `%s`", c->name.p)
               : r;
}

int run_prepare_images(struct run *run)
{
    int r = make_volumes(run);
    for (uint32_t i = 0; r == 0 && i < run->task.ncontainers; i++) {
        r = prepare_image(run, i);
    }
    return r;
}

int run_prepare_containers(struct run *run)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < run->task.ncontainers; i++) {
        r = prepare_slot(run, &run->slots[i]);
    }
    for (uint32_t i = 0; r == 0 && i < run->task.ncontainers; i++) {
        r = bundle_write(run, &run->slots[i]);
    }
    return r;
}
