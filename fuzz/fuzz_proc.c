/*
 * fuzz proc: any bytes as what /proc and a container's passwd and group say: no read beyond them, no
 * endless loop, texts within the input, numbers within their limits.
 *
 * Input: a byte that chooses, then the text.
 */
#include "fuzz.h"

#include "sensor/live/proc_text.h"
#include "sensor/live/socket_net.h"
#include "sensor/live/task.h"
#include "sensor/live/users_text.h"

#include <string.h>

#define CGROUPS_SIZE 4096

static void check_within(struct str text, struct str part)
{
    FUZZ_CHECK(part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n));
}

static void status(struct str text)
{
    static struct live_task task;
    memset(&task, 0, sizeof(task));
    for (struct str line; proc_line(&text, &line);) {
        proc_status_line(&task, line);
        FUZZ_CHECK(task.ngroups <= LIVE_GROUPS_MAX + 1);
    }
}

static void stat_file(struct str text)
{
    static struct live_task task;
    struct str comm = { 0 };
    if (proc_stat(&task, text, &comm) == 0) {
        check_within(text, comm);
    }
    FUZZ_CHECK(proc_limits(text) >= -1);
    proc_id_is_mapped(text, 1000);
}

static void cgroups(struct str text)
{
    char storage[CGROUPS_SIZE];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    proc_cgroups(text, &buf);
    FUZZ_CHECK(!buf.failed && buf.n <= sizeof(storage));
    FUZZ_CHECK(buf.n == 0 || storage[buf.n - 1] == '\0');
}

static void names(struct str text)
{
    for (struct str line; proc_line(&text, &line);) {
        struct user user;
        struct group group;
        if (users_passwd_line(line, &user)) {
            FUZZ_CHECK(user.name.n > 0 && user.uid != UINT32_MAX && line.n <= USERS_LINE_MAX);
            check_within(line, user.name);
            check_within(line, user.home);
            check_within(line, user.shell);
        }
        if (users_group_line(line, &group)) {
            FUZZ_CHECK(group.name.n > 0 && group.gid != UINT32_MAX);
            check_within(line, group.name);
        }
    }
}

static void sockets(struct str text)
{
    for (struct str line; proc_line(&text, &line);) {
        struct socket_facts facts = { .ino = 42 };
        socket_net_inet_line(line, AF_INET, &facts);
        socket_net_inet_line(line, AF_INET6, &facts);
        socket_net_unix_line(line, &facts);
        struct fdinfo info;
        socket_facts_fdinfo(&facts, true, &info);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(struct str) = { status, stat_file, cgroups, names, sockets };
    if (size < 1) {
        return 0;
    }
    char *bytes = malloc(size - 1 ? size - 1 : 1); /* its end is where reading beyond it shows */
    FUZZ_CHECK(bytes);
    memcpy(bytes, data + 1, size - 1);
    targets[data[0] % (sizeof(targets) / sizeof(*targets))](str_from(bytes, size - 1));
    free(bytes);
    return 0;
}
