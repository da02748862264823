/*
 * accounts: lines of passwd and group, read from within the image: its symbolic links end there.
 *
 *     passwd  NAME:x:UID:GID:...
 *     group   NAME:x:GID:MEMBER,MEMBER
 */
#include "taskrun/accounts.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/syscall.h>

#define FILE_MAX (1024 * 1024)

static int read_within(const char *root, const char *name, struct buf *ret)
{
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                            .resolve = RESOLVE_IN_ROOT };
    CLEANUP(cleanup_close) int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(cleanup_close)
    int fd = folder < 0 ? -1 : (int)syscall(SYS_openat2, folder, name, &how, sizeof(how));
    return fd < 0 ? -errno : fd_read_all(fd, ret);
}

static bool parse_number(struct str text, uint32_t *ret)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned digit = (unsigned)(text.p[i] - '0');
        n = digit < 10 && n < UINT32_MAX ? n * 10 + digit : UINT64_MAX / 16;
    }
    *ret = (uint32_t)n;
    return text.n > 0 && n < UINT32_MAX;
}

static struct str next_part(struct str *text, char mark)
{
    ptrdiff_t at = str_find_char(*text, mark);
    struct str part = at < 0 ? *text : str_first(*text, (size_t)at);
    *text = at < 0 ? (struct str){ 0 } : str_from_offset(*text, (size_t)at + 1);
    return part;
}

/* NAME:x:NUMBER:REST, by name, or by number where that is one. */
static bool find_line(struct str file, struct str wanted, uint32_t *ret_number,
                      struct str *ret_name, struct str *ret_rest)
{
    uint32_t number;
    bool by_number = parse_number(wanted, &number);
    while (file.n) {
        struct str line = next_part(&file, '\n');
        struct str name = next_part(&line, ':');
        uint32_t its;
        next_part(&line, ':');
        if (parse_number(next_part(&line, ':'), &its) &&
            (str_eq(name, wanted) || (by_number && its == number))) {
            *ret_number = its;
            *ret_name = name;
            *ret_rest = line;
            return true;
        }
    }
    return false;
}

static void add_groups(struct str file, struct str member, struct account *account)
{
    while (file.n && member.n && account->ngroups < ACCOUNT_GROUPS_MAX) {
        struct str line = next_part(&file, '\n');
        uint32_t gid;
        next_part(&line, ':');
        next_part(&line, ':');
        bool good = parse_number(next_part(&line, ':'), &gid);
        while (good && line.n) {
            if (str_eq(next_part(&line, ','), member)) {
                account->groups[account->ngroups++] = gid;
                break;
            }
        }
    }
}

static int find(struct str passwd, struct str group, struct str user, struct account *account,
                struct err *err)
{
    struct str name = { 0 }, rest = { 0 }, unused = { 0 };
    struct str who = next_part(&user, ':');
    who = who.n ? who : STR("0");
    if (find_line(passwd, who, &account->uid, &name, &rest)) {
        parse_number(next_part(&rest, ':'), &account->gid);
    } else if (!parse_number(who, &account->uid)) {
        return err_set(err, -ENOENT, "the image has no user `%.*s`", STR_ARG(str_first(who, 64)));
    }
    if (user.n == 0) {
        add_groups(group, name, account);
    } else if (!find_line(group, user, &account->gid, &name, &unused) &&
               !parse_number(user, &account->gid)) {
        return err_set(err, -ENOENT, "the image has no group `%.*s`", STR_ARG(str_first(user, 64)));
    }
    return 0;
}

int account_find(const char *root, struct str user, struct account *ret, struct err *err)
{
    struct account account = { 0 };
    struct buf passwd, group;
    buf_init(&passwd, FILE_MAX);
    buf_init(&group, FILE_MAX);
    read_within(root, "etc/passwd", &passwd);
    read_within(root, "etc/group", &group);
    int r = find(buf_str(&passwd), buf_str(&group), user, &account, err);
    buf_done(&passwd);
    buf_done(&group);
    if (r == 0) {
        *ret = account;
    }
    return r;
}
