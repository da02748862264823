/*
 * Random small trees, random callers in random roots: what predict() says of a call must be what the
 * kernel then does. Never a predicted failure of a call that succeeds; where an open succeeds, the path and
 * inode are those of the descriptor. Argument: number of trees (default 12, of 40 calls each), and a seed.
 */
#include "puppet.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CALLS_OF_A_TREE 40
#define BIT(capability) (UINT64_C(1) << (capability))

static unsigned trees = 12;
static uint64_t seed = 7;

static uint64_t below(uint64_t n)
{
    return test_random_below(&seed, n);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

/* Trees. */

static const char *const names[] = { "a", "b", "c", "d" };

static void random_name(char *path, size_t size)
{
    size_t n = strlen(path);
    snprintf(path + n, size - n, "%s", names[below(ARRAY_SIZE(names))]);
}

/* "a/../b//c/.", relative. */
static void random_path(char *path, size_t size)
{
    static const char *const odd[] = { "..", ".", "m/a", "r/b", "x/c", "" };
    for (uint64_t i = 0, n = 1 + below(4); i < n; i++) {
        if (chance(15)) {
            size_t at = strlen(path);
            snprintf(path + at, size - at, "%s", odd[below(ARRAY_SIZE(odd))]);
        } else {
            random_name(path, size);
        }
        size_t at = strlen(path);
        if (i + 1 < n || chance(8)) {
            snprintf(path + at, size - at, "%s", chance(10) ? "//" : "/");
        }
    }
}

static mode_t random_mode(void)
{
    static const mode_t modes[] = { 0777, 0777, 0777, 0777,  0755,  0755,  0755, 0777,
                                    0755, 0700, 0750, 0711,  0555,  01777, 0644, 0600,
                                    0000, 0444, 0111, 03770, 02775, 04755, 06711 };
    return modes[below(ARRAY_SIZE(modes))];
}

static uint32_t random_id(void)
{
    static const uint32_t ids[] = { 0, 1000, 1001 };
    return ids[below(ARRAY_SIZE(ids))];
}

/* user::rwx user:1000:perm group::r-x mask::mask other::--- */
static void put_acl(const char *path, const char *attribute)
{
    struct __attribute__((packed)) {
        uint32_t version;
        struct __attribute__((packed)) {
            uint16_t tag, perm;
            uint32_t id;
        } entry[5];
    } acl = { 2,
              { { 1, 7, UINT32_MAX },
                { 2, (uint16_t)below(8), 1000 },
                { 4, 5, UINT32_MAX },
                { 16, (uint16_t)below(8), UINT32_MAX },
                { 32, (uint16_t)below(8), UINT32_MAX } } };
    setxattr(path, attribute, &acl, sizeof(acl), 0);
}

static void make_node(const char *path, unsigned kind)
{
    char target[128] = "";
    switch (kind) {
    case 0:
        mknod(path, S_IFREG | 0644, 0);
        break;
    case 1:
        snprintf(target, sizeof(target), "%s", chance(30) ? "/" : "");
        random_path(target, sizeof(target));
        if (symlink(target, path) < 0) {
            return;
        }
        break;
    case 2:
        mkfifo(path, 0644);
        break;
    case 3:
        mknod(path, S_IFCHR | 0666, makedev(1, 3));
        break;
    default:
        mkdir(path, 0755);
        break;
    }
    if (kind != 1) {
        chmod(path, random_mode());
        if (chance(10)) {
            put_acl(path, "system.posix_acl_access");
        }
    }
    if (lchown(path, random_id(), random_id()) == 0 && kind != 1 && chance(30)) {
        chmod(path, random_mode());
    }
}

static void fill(const char *dir, unsigned depth)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (chance(20)) {
            continue;
        }
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        static const unsigned kinds[] = { 0, 0, 0, 1, 1, 2, 3, 4, 4, 4, 4 };
        unsigned kind = kinds[below(ARRAY_SIZE(kinds))];
        make_node(path, kind);
        if (kind == 4 && depth < 3) {
            fill(path, depth + 1);
        }
    }
}

/* m: writable tmpfs; r: read-only; x: noexec and nodev. */
static void add_mounts(const char *root)
{
    static const struct {
        const char *name;
        unsigned long flags;
    } mounts[] = { { "m", 0 }, { "r", MS_RDONLY }, { "x", MS_NOEXEC | MS_NODEV } };
    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", root, mounts[i].name);
        mkdir(path, 0755);
        assert_int_equal(mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=0755"), 0);
        fill(path, 2);
        if (mounts[i].flags) {
            mount(NULL, path, NULL, MS_REMOUNT | mounts[i].flags, NULL);
        }
    }
}

static void remove_tree(const char *root)
{
    static const char *const mounts[] = { "m", "r", "x" };
    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", root, mounts[i]);
        umount2(path, MNT_DETACH);
    }
    scratch_remove(root);
}

/* Calls. */

static struct call_args args;
static struct call call;
static struct puppet_call made;

/* The order of registers: 'd' a dirfd and path, 'p' a path, 't' a text, 'F' open flags, 'm' a mode, 'o' an
 * id, '0'.. a set of AT_* flags. */
static const struct shape {
    uint16_t name;
    long nr;
    const char *registers;
} shapes[] = {
    { NAME_open, SYS_open, "pFm" },          { NAME_openat, SYS_openat, "dFm" },
    { NAME_openat, SYS_openat, "dFm" },      { NAME_openat, SYS_openat, "dFm" },
    { NAME_openat, SYS_openat, "dFm" },      { NAME_creat, SYS_creat, "pm" },
    { NAME_unlink, SYS_unlink, "p" },        { NAME_unlinkat, SYS_unlinkat, "dr" },
    { NAME_rmdir, SYS_rmdir, "p" },          { NAME_mkdirat, SYS_mkdirat, "dm" },
    { NAME_mkdir, SYS_mkdir, "pm" },         { NAME_mknodat, SYS_mknodat, "dkD" },
    { NAME_rename, SYS_rename, "pp" },       { NAME_renameat2, SYS_renameat2, "ddR" },
    { NAME_linkat, SYS_linkat, "ddL" },      { NAME_link, SYS_link, "pp" },
    { NAME_symlinkat, SYS_symlinkat, "td" }, { NAME_chmod, SYS_chmod, "pm" },
    { NAME_fchmodat, SYS_fchmodat, "dm" },   { NAME_chown, SYS_chown, "poo" },
    { NAME_lchown, SYS_lchown, "poo" },      { NAME_fchownat, SYS_fchownat, "dooN" },
    { NAME_truncate, SYS_truncate, "pz" },   { NAME_execve, SYS_execve, "p00" },
    { NAME_execveat, SYS_execveat, "d00N" }, { NAME_chdir, SYS_chdir, "p" },
};

static int puppet_dirfd;

static uint64_t random_flags(void)
{
    uint64_t flags = below(3) | O_NONBLOCK | O_CLOEXEC;
    static const uint64_t some[] = { O_CREAT,    O_EXCL, O_TRUNC,  O_DIRECTORY,
                                     O_NOFOLLOW, O_PATH, O_APPEND, O_NOATIME };
    for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
        flags |= chance(i == 0 ? 40 : 7) ? some[i] : 0;
    }
    return chance(4) ? O_TMPFILE | O_RDWR : flags;
}

static uint64_t random_register(char letter)
{
    switch (letter) {
    case 'F':
        return args.open_flags = random_flags();
    case 'm':
        return args.open_mode = random_mode();
    case 'o':
        return chance(30) ? UINT32_MAX : random_id();
    case 'r':
        return chance(40) ? AT_REMOVEDIR : 0;
    case 'N':
        return chance(30) ? AT_SYMLINK_NOFOLLOW : 0;
    case 'L':
        return chance(40) ? AT_SYMLINK_FOLLOW : 0;
    case 'R':
        return chance(60) ? 0 : 1 + below(2);
    case 'k':
        return (chance(50) ? S_IFREG : chance(50) ? S_IFIFO : S_IFCHR) | 0644;
    case 'D':
        return makedev(1, 3);
    default:
        return 0;
    }
}

static void add_path(int i, int at, bool absolute_only)
{
    char *text = made.text[i];
    text[0] = 0;
    snprintf(text, PUPPET_TEXT, "%s", absolute_only || chance(40) ? "/" : "");
    random_path(text, PUPPET_TEXT);
    made.text_arg[i] = at;
    args.path[i] = str_of(text);
}

static void random_call(void)
{
    const struct shape *shape = &shapes[below(ARRAY_SIZE(shapes))];
    memset(&args, 0, offsetof(struct call_args, storage));
    made = (struct puppet_call){ .nr = shape->nr, .text_arg = { -1, -1 } };
    call = (struct call){ .name = shape->name };
    args.call = &call;
    args.dirfd[0] = args.dirfd[1] = AT_FDCWD;
    args.open_flags = O_CREAT | O_WRONLY | O_TRUNC; /* of creat */
    int paths = 0, at = 0;
    for (const char *letter = shape->registers; *letter; letter++) {
        if (*letter == 't') {
            made.text_arg[1] = at++;
            snprintf(made.text[1], PUPPET_TEXT, "%s", chance(95) ? "a/b" : "");
            args.text[0] = str_of(made.text[1]);
            continue;
        }
        if (*letter == 'd') {
            bool dirfd = chance(30);
            args.dirfd[paths] = dirfd ? puppet_dirfd : AT_FDCWD;
            made.arg[at++] = (uint64_t)args.dirfd[paths];
        }
        if (*letter == 'd' || *letter == 'p') {
            add_path(paths++, at++, false);
            continue;
        }
        made.arg[at++] = random_register(*letter);
    }
    memcpy(args.reg, made.arg, sizeof(args.reg));
    made.executes = shape->name == NAME_execve || shape->name == NAME_execveat;
}

/* Comparing. */

static struct {
    unsigned calls, agreed, other_error, hopeful, unsure, opened;
    unsigned hopeful_by[200];
} tally;

static void show(const char *what, int64_t predicted, int64_t result, const struct puppet *puppet,
                 const struct resolved at[2])
{
    print_error("%s: %s(%s, %s) flags %llx dirfd %d %d: predicted %lld, was %lld; uid %u gid %u "
                "caps %llx; |%.*s| |%.*s| mode %o\n",
                what, name_text(call.name), made.text[0], made.text[1],
                (unsigned long long)args.open_flags, (int)args.dirfd[0], (int)args.dirfd[1],
                (long long)predicted, (long long)result, puppet->target.fsuid, puppet->target.fsgid,
                (unsigned long long)puppet->target.cap_effective, STR_ARG(at[0].path),
                STR_ARG(at[1].path), at[0].mode);
}

static void compare_opened(const struct puppet *puppet, const struct puppet_reply *reply,
                           const char *root, const struct resolved at[2], int64_t predicted)
{
    char link[64], path[4096];
    snprintf(link, sizeof(link), "/proc/%d/fd/%d", puppet->pid, (int)reply->result);
    ssize_t n = readlink(link, path, sizeof(path));
    assert_true(n > 0);
    struct str real = str_from(path, (size_t)n);
    if (at[0].unsure || (args.open_flags & O_TMPFILE) == O_TMPFILE) {
        return;
    }
    assert_true(str_starts(real, str_of(root)));
    real = str_from_offset(real, strlen(root));
    real = real.n ? real : STR("/");
    if (!str_eq(real, at[0].path)) {
        show("path", predicted, reply->result, puppet, at);
        print_error("descriptor: |%.*s|\n", STR_ARG(real));
        fail();
    }
    if (at[0].error == 0) {
        assert_int_equal(at[0].ino, reply->ino);
        assert_int_equal(at[0].dev, reply->dev);
    }
    tally.opened++;
}

static bool is_sure_to_be_unknown(int64_t error)
{
    return error == -ENOTEMPTY || error == -ENOEXEC || error == -ETXTBSY || error == -EBUSY;
}

static void compare(const struct puppet *puppet, const struct puppet_reply *reply, const char *root,
                    const struct resolved at[2], int64_t predicted)
{
    bool unsure = at[0].unsure || at[1].unsure;
    tally.calls++;
    tally.unsure += unsure;
    if (predicted < 0 && reply->result >= 0) {
        show("failure predicted of a call that succeeds", predicted, reply->result, puppet, at);
        fail();
    } else if (predicted >= 0 && reply->result >= 0 && !made.executes) {
        tally.agreed++;
        uint16_t name = call.name;
        if (name == NAME_open || name == NAME_openat || name == NAME_creat) {
            compare_opened(puppet, reply, root, at, predicted);
        }
    } else if (predicted >= 0 && reply->result < 0 && !is_sure_to_be_unknown(reply->result)) {
        tally.hopeful++;
        tally.hopeful_by[-reply->result % 200]++;
        if (!unsure && getenv("SHOW")) {
            show("success predicted", predicted, reply->result, puppet, at);
        }
    } else if (predicted < 0 && predicted != reply->result) {
        tally.other_error++;
        if (getenv("SHOW")) {
            show("another error", predicted, reply->result, puppet, at);
        }
    } else {
        tally.agreed++;
    }
}

static uint64_t random_caps(uint32_t uid)
{
    static const uint64_t sets[] = {
        0,
        0,
        BIT(CAP_DAC_OVERRIDE),
        BIT(CAP_DAC_READ_SEARCH),
        BIT(CAP_FOWNER),
        BIT(CAP_CHOWN),
        BIT(CAP_MKNOD) | BIT(CAP_FOWNER) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_CHOWN),
    };
    return uid == 0 && chance(50) ? UINT64_C(0xa80425fb) : sets[below(ARRAY_SIZE(sets))];
}

static void use_tree(struct resolver *resolver, const char *tree)
{
    static struct resolved at[2];
    char root[128];
    snprintf(root, sizeof(root), "%s", tree);
    char inner[160];
    snprintf(inner, sizeof(inner), "%s/a", tree);
    struct stat st;
    if (chance(30) && lstat(inner, &st) == 0 && S_ISDIR(st.st_mode)) {
        snprintf(root, sizeof(root), "%s/a", tree);
    }
    struct puppet_setup setup = {
        .uid = random_id(), .gid = random_id(), .root = root, .umask = 022
    };
    setup.caps = random_caps(setup.uid);
    setup.ngroups = (uint32_t)below(3);
    setup.groups[0] = 1000;
    setup.groups[1] = 1001;
    struct puppet puppet;
    puppet_start(&setup, &puppet);
    char dir[64] = "/";
    random_path(dir, sizeof(dir));
    uint64_t none[6] = { 0 };
    puppet_text_call(&puppet, SYS_chdir, 0, dir, none);
    uint64_t how[6] = { (uint64_t)AT_FDCWD, 0, O_PATH };
    dir[1] = 0;
    random_path(dir, sizeof(dir));
    puppet_dirfd = (int)puppet_text_call(&puppet, SYS_openat, 1, dir, how);
    for (unsigned i = 0; i < CALLS_OF_A_TREE; i++) {
        random_call();
        int64_t predicted = predict(resolver, &puppet.target, &args, at);
        if (call.name == NAME_creat && S_ISFIFO(at[0].mode)) {
            continue; /* would block */
        }
        struct puppet_reply reply;
        puppet_make(&puppet, &made, &reply);
        compare(&puppet, &reply, root, at, predicted);
        puppet_done(&puppet);
    }
    puppet_stop(&puppet);
}

static void random_trees_agree(void **state)
{
    (void)state;
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0) {
        print_message("skipped: needs root and a mount namespace of its own\n");
        skip();
    }
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    umask(0);
    struct resolver *resolver;
    struct err err = { 0 };
    assert_int_equal(resolver_new(&resolver, &err), 0);
    for (unsigned i = 0; i < trees; i++) {
        char root[64];
        scratch_new(root);
        fill(root, 0);
        add_mounts(root);
        for (int j = 0; j < 3; j++) {
            use_tree(resolver, root);
        }
        remove_tree(root);
    }
    resolver_free(resolver);
    print_message("%u calls: %u agreed (%u opens, path and inode), %u unsure, %u other errors, "
                  "%u successes predicted of calls that failed\n",
                  tally.calls, tally.agreed, tally.opened, tally.unsure, tally.other_error,
                  tally.hopeful);
    for (unsigned i = 0; i < ARRAY_SIZE(tally.hopeful_by); i++) {
        if (tally.hopeful_by[i]) {
            print_message("    %s: %u\n", errno_name((int)i), tally.hopeful_by[i]);
        }
    }
    assert_true(tally.hopeful * 50 <= tally.calls);
}

int main(int argc, char **argv)
{
    trees = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : trees;
    seed = argc > 2 ? strtoul(argv[2], NULL, 10) : seed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_trees_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
