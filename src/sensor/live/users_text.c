/*
 * users_text: columns between colons. Strict where libc is: an id is a decimal number and nothing else,
 * 4294967295 (that is -1) is none.
 */
#include "sensor/live/users_text.h"

#include "sensor/live/proc_text.h"

#define ID_NONE UINT32_MAX

static struct str column(struct str *line)
{
    ptrdiff_t colon = str_find_char(*line, ':');
    struct str s = str_first(*line, colon < 0 ? line->n : (size_t)colon);
    *line = str_from_offset(*line, s.n + 1);
    return s;
}

static bool is_entry(struct str line, size_t colons)
{
    if (line.n == 0 || line.n > USERS_LINE_MAX || *line.p == '#' || *line.p == '+' ||
        *line.p == '-' || *line.p == ':') {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < line.n; i++) {
        n += line.p[i] == ':';
        if (line.p[i] == '\0') {
            return false;
        }
    }
    return n >= colons;
}

static bool take_id(struct str *line, uint32_t *ret)
{
    struct str s = column(line);
    uint64_t id;
    if (s.n == 0 || *s.p < '0' || *s.p > '9' || !proc_number(&s, &id) || s.n > 0 || id >= ID_NONE) {
        return false;
    }
    *ret = (uint32_t)id;
    return true;
}

bool users_passwd_line(struct str line, struct user *ret)
{
    if (!is_entry(line, 4)) {
        return false;
    }
    struct user user = { .name = column(&line) };
    column(&line);
    if (!take_id(&line, &user.uid) || !take_id(&line, &user.gid)) {
        return false;
    }
    column(&line);
    user.home = column(&line);
    user.shell = column(&line);
    *ret = user;
    return true;
}

bool users_group_line(struct str line, struct group *ret)
{
    if (!is_entry(line, 2)) {
        return false;
    }
    struct group group = { .name = column(&line) };
    column(&line);
    if (!take_id(&line, &group.gid)) {
        return false;
    }
    *ret = group;
    return true;
}
