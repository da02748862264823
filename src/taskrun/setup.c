/*
 * setup: what has to be there before the first container: namespaces, a folder in memory, images, volumes, the pause.
 *
 * Mounts are made in this process' own mount namespace, so they end with it. The network namespace is this process' own, or
 * one that it joined; runc gets it, and the process namespace of the pause, by their files in /proc.
 */
#include "taskrun/run.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "taskrun/embedded.h"
#include "taskrun/tree.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define METADATA_HOST "169.254.170.2"
#define SECRET_MAX    65536
#define HOSTS_FILE    "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.0.1 %s\n"

static int failed(struct run *run, const char *what)
{
    return err_set(run->err, -errno, "%s: %s", what, strerror(errno));
}

static int raise_interface(struct run *run, const char *name, const char *address)
{
    struct ifreq request = { 0 };
    struct sockaddr_in in = { .sin_family = AF_INET };
    CLEANUP(cleanup_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd < 0) {
        return failed(run, "no socket");
    }
    if (address) {
        in.sin_addr.s_addr = inet_addr(address);
        memcpy(&request.ifr_addr, &in, sizeof(in));
        if (ioctl(fd, SIOCSIFADDR, &request) < 0) {
            return failed(run, "the loopback's address cannot be set");
        }
        in.sin_addr.s_addr = INADDR_NONE;
        memcpy(&request.ifr_netmask, &in, sizeof(in));
        return ioctl(fd, SIOCSIFNETMASK, &request) < 0 ? failed(run, "the loopback's mask") : 0;
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? failed(run, "the loopback cannot be set up") : 0;
}

static int enter_network(struct run *run)
{
    const char *path = run->options->network;
    if (!path) {
        if (unshare(CLONE_NEWNET) < 0) {
            return failed(run, "no network namespace");
        }
        int r = raise_interface(run, "lo", NULL);
        return r == 0 ? raise_interface(run, "lo:1", METADATA_HOST) : r;
    }
    CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
        return err_set(run->err, -errno, "%s: not a network namespace that can be joined: %s", path,
                       strerror(errno));
    }
    return 0;
}

static int mount_private(struct run *run)
{
    int r = path_join(run->private, sizeof(run->private), run->folder, "private", run->err);
    if (r < 0) {
        return r;
    }
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return failed(run, "no mount namespace");
    }
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        return failed(run, "/proc cannot be mounted");
    }
    r = tree_make(run->private, 0700, run->err);
    if (r == 0 && mount("hinomi-task", run->private, "tmpfs", MS_NODEV, "mode=700,size=256m") < 0) {
        return failed(run, "no folder in memory");
    }
    return r;
}

static int write_private(struct run *run, const char *name, struct str text, mode_t mode)
{
    char path[PATH_MAX];
    int r = path_join(path, sizeof(path), run->private, name, run->err);
    return r == 0 ? file_make(path, text.p ? text.p : "", text.n, mode, run->err) : r;
}

/* In a network of its own nothing answers questions about names; a joined one has this machine's servers. */
static int write_names(struct run *run)
{
    char hosts[256];
    struct buf resolver;
    buf_init(&resolver, SECRET_MAX);
    if (run->options->network) {
        file_read("/etc/resolv.conf", &resolver, NULL);
    }
    snprintf(hosts, sizeof(hosts), HOSTS_FILE, run->hostname);
    int r = write_private(run, "hosts", str_of(hosts), 0644);
    snprintf(hosts, sizeof(hosts), "%s\n", run->hostname);
    r = r == 0 ? write_private(run, "hostname", str_of(hosts), 0644) : r;
    r = r == 0 ? write_private(run, "resolv.conf", buf_str(&resolver), 0644) : r;
    buf_done(&resolver);
    return r == 0 ? write_private(run, "init", str_from(embedded_init, embedded_init_size), 0755)
                  : r;
}

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
    return mount("overlay", to, "overlay", 0, options) < 0 ? -errno : 0;
}

static int mount_root(struct run *run, struct slot *slot)
{
    char name[32], folder[PATH_MAX];
    snprintf(name, sizeof(name), "over-%u", slot->index);
    int r = make_in(run, slot->bundle, "rootfs", slot->root);
    r = r == 0 ? make_in(run, run->folder, name, folder) : r;
    r = r == 0 ? mount_over(run, slot->image->root, folder, slot->root) : r;
    if (r == -EINVAL || r == -EOPNOTSUPP) {
        r = make_in(run, slot->bundle, "over", folder);
        r = r == 0 ? mount_over(run, slot->image->root, folder, slot->root) : r;
    }
    return r < 0 && !run->err->code
               ? err_set(run->err, r, "%s cannot be laid under a container: %s", slot->image->root,
                         strerror(-r))
               : r;
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
    r = r == 0 ? mount_root(run, slot) : r;
    r = r == 0
            ? account_find(slot->root, c->user.n ? c->user : config->user, &slot->account, run->err)
            : r;
    r = r == 0 ? bundle_write(run, slot) : r;
    return r < 0 && strncmp(run->err->message, "container", 9) != 0
               ? err_wrap(run->err, "container `%s`", c->name.p)
               : r;
}

/* The pause's program takes its root away from itself, then waits. */
static _Noreturn void be_pause(const struct run *run)
{
    char name[] = "/pause", *words[] = { name, NULL }, *none[] = { NULL };
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.4000s/init", run->private);
    int fd = open(path, O_PATH | O_CLOEXEC);
    sigset_t all;
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    bool good = fd >= 0 && chdir(run->private) == 0 && mkdir("empty", 0755) == 0 &&
                mount("pause", "empty", "tmpfs", MS_RDONLY | MS_NODEV | MS_NOSUID, "size=4k") == 0;
    good = good && chdir("empty") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
           umount2(".", MNT_DETACH) == 0 && setsid() >= 0;
    if (good) {
        syscall(SYS_execveat, fd, "", words, none, AT_EMPTY_PATH);
    }
    _exit(1);
}

static int start_pause(struct run *run)
{
    unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD;
    fflush(NULL);
    long pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        be_pause(run);
    }
    run->pause = (pid_t)pid;
    return pid < 0 ? failed(run, "no process namespace") : 0;
}

static int limit_task(struct run *run)
{
    struct err err = { 0 };
    int r = groups_find(&run->groups, run->err);
    if (r == 0 && !run->options->no_limits &&
        groups_limit(&run->groups, run->group, run->task.cpu, run->task.memory_mib, &err) < 0) {
        run_say(run, NULL, "%s", err.message);
    }
    return r;
}

int run_set_up(struct run *run)
{
    int r = mount_private(run);
    r = r == 0 ? enter_network(run) : r;
    r = r == 0 ? metadata_listen(run) : r;
    r = r == 0 ? limit_task(run) : r;
    r = r == 0 ? write_names(run) : r;
    r = r == 0 ? make_volumes(run) : r;
    for (uint32_t i = 0; r == 0 && i < run->task.ncontainers; i++) {
        r = prepare_image(run, i);
    }
    r = r == 0 && run->task.pid_shared ? start_pause(run) : r;
    for (uint32_t i = 0; r == 0 && i < run->task.ncontainers; i++) {
        r = prepare_slot(run, &run->slots[i]);
    }
    return r;
}
