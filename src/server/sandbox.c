/*
 * sandbox: rights are given up in one place, before the server reads anything that others wrote.
 *
 * CAP_NET_BIND_SERVICE stays, when it is there, because a renewed certificate is taken over by listening anew.
 * Folders of configured certificates are open as a whole, also where links of theirs lead: renewing programs put
 * new files beside the old.
 */
#include "server/sandbox.h"

#include "base/arena.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef HINOMI_DATADIR
#define HINOMI_DATADIR "/usr/share/hinomi"
#endif

#define BIT(capability) (UINT64_C(1) << (capability))
#define KEPT            BIT(CAP_NET_BIND_SERVICE)

void sandbox_limits(void)
{
    struct rlimit files, none = { 0, 0 };
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    setrlimit(RLIMIT_CORE, &none);
    umask(0077);
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (syscall(SYS_capget, &header, data) < 0) {
        return -errno;
    }
    bool has_more = (data[0].permitted | data[0].inheritable) & ~(uint32_t)KEPT ||
                    data[1].permitted || data[1].inheritable;
    bool may_bound = data[0].effective & BIT(CAP_SETPCAP);
    for (unsigned long c = 0; may_bound && c < 64 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
        if (!(KEPT & BIT(c))) {
            prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
        }
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (!has_more) {
        return 0; /* a filter of system calls may refuse to be asked */
    }
    data[0].effective &= (uint32_t)KEPT;
    data[0].permitted &= (uint32_t)KEPT;
    data[0].inheritable = data[1].inheritable = 0;
    data[1].effective = data[1].permitted = 0;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

struct paths {
    struct sandbox_path items[SANDBOX_PATHS_MAX];
    size_t n;
    struct arena arena;
};

static void add(struct paths *paths, const char *path, bool writable)
{
    if (path && paths->n < SANDBOX_PATHS_MAX) {
        paths->items[paths->n++] = (struct sandbox_path){ path, writable };
    }
}

/* The folder of a file, NUL-terminated. */
static void add_folder_of(struct paths *paths, const char *path)
{
    ptrdiff_t slash = str_find_last(str_of(path), '/');
    add(paths,
        slash < 0    ? "."
        : slash == 0 ? "/"
                     : arena_str(&paths->arena, (struct str){ path, (size_t)slash }).p,
        false);
}

static void add_file(struct paths *paths, const char *path)
{
    char *resolved = path ? realpath(path, NULL) : NULL;
    if (path) {
        add_folder_of(paths, path);
    }
    if (resolved) {
        add_folder_of(paths, arena_str(&paths->arena, str_of(resolved)).p);
    }
    free(resolved);
}

static void collect(const struct server_config *config, const char *config_path,
                    struct paths *paths)
{
    static const char *const system[] = {
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/nsswitch.conf",
        "/etc/host.conf",
        "/etc/gai.conf",
        "/etc/ssl",
        "/etc/pki",
        "/etc/localtime",
        "/usr/lib",
        "/usr/lib64",
        "/lib",
        "/lib64",
        "/etc/ld.so.cache",
        "/usr/share/zoneinfo",
        "/proc/self",
        "/dev/urandom",
        "/sys/fs/cgroup",
    };
    add(paths, config->dir, true);
    add(paths, "/dev/null", true);
    add(paths, config->content_dir ? config->content_dir : HINOMI_DATADIR, false);
    add_file(paths, config_path);
    add_file(paths, config->tls_certificate);
    add_file(paths, config->tls_key);
    add_file(paths, config->tls_client_ca);
    add_file(paths, config->outbound_ca);
    add_file(paths, config->summaries_key_file);
    add_file(paths, config->summaries_ca);
    add_file(paths, getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
    for (size_t i = 0; i < sizeof(system) / sizeof(*system); i++) {
        add(paths, system[i], false);
    }
}

int sandbox_enter(const struct server_config *config, const char *config_path, bool *ret_landlock,
                  struct err *err)
{
    struct paths paths = { .n = 0 };
    int r = drop_capabilities();
    if (r < 0) {
        return err_set(err, r, "cannot give up capabilities: %s", strerror(-r));
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return err_set(err, -errno, "cannot close this process: %s", strerror(errno));
    }
    arena_init(&paths.arena, SETTINGS_MEMORY_MAX);
    collect(config, config_path, &paths);
    r = sandbox_landlock(paths.items, paths.n);
    arena_done(&paths.arena);
    *ret_landlock = r == 0;
    return r == 0 || r == -ENOSYS || r == -EOPNOTSUPP
               ? 0
               : err_set(err, r, "cannot confine this process: %s", strerror(-r));
}
