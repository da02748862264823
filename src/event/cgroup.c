/*
 * cgroup: which container a control group's path belongs to. Runtimes name the group after the id:
 *
 *     /docker/ID  /system.slice/docker-ID.scope  /kubepods/.../ID  ...slice:cri-containerd:ID
 *     crio-ID.scope  libpod-ID.scope  libpod-payload-ID  /ecs/TASK/ID  /ecs/TASK/HEX32-DIGITS
 * (Fargate) /lxc/NAME  /lxc.payload.NAME  /libvirt/lxc/NAME  machine-lxc\x2dPID\x2dNAME.scope
 * /garden/ID /mesos/UUID
 *
 * ID is 64 hexadecimal digits; its first 12 are what people know. All containers of a Fargate task begin
 * with the task's 32, so theirs are not cut. Components are looked at from the last to the first, for
 * runtimes make groups below a container's own.
 */
#include "event/state.h"

#include <ctype.h>

#define ID_DIGITS       64
#define SHORT_DIGITS    12
#define FARGATE_DIGITS  32
#define FARGATE_ID_MAX  53 /* 20 digits behind the dash; there are ten */
#define NAME_LENGTH_MAX 128

static size_t hex_run(struct str s)
{
    size_t n = 0;
    while (n < s.n && (isdigit((unsigned char)s.p[n]) || (s.p[n] >= 'a' && s.p[n] <= 'f'))) {
        n++;
    }
    return n;
}

static size_t digit_run(struct str s)
{
    size_t n = 0;
    while (n < s.n && isdigit((unsigned char)s.p[n])) {
        n++;
    }
    return n;
}

/* ID alone, or "prefix-ID.scope", "prefix:ID", "prefix-ID". */
static struct str id_in_component(struct str s)
{
    if (str_ends(s, STR(".scope"))) {
        s.n -= 6;
    }
    if (s.n < ID_DIGITS) {
        return (struct str){ 0 };
    }
    struct str tail = str_from_offset(s, s.n - ID_DIGITS);
    char before = s.n > ID_DIGITS ? s.p[s.n - ID_DIGITS - 1] : '-';
    if (hex_run(tail) != ID_DIGITS || (before != '-' && before != ':')) {
        return (struct str){ 0 };
    }
    return str_first(tail, SHORT_DIGITS);
}

static struct str fargate_id(struct str s)
{
    size_t hex = hex_run(s);
    if (hex != FARGATE_DIGITS || s.n <= hex + 1 || s.n > FARGATE_ID_MAX || s.p[hex] != '-') {
        return (struct str){ 0 };
    }
    struct str digits = str_from_offset(s, hex + 1);
    return digit_run(digits) == digits.n ? s : (struct str){ 0 };
}

/* The component after `marker`, which stands anywhere in the path. */
static struct str component_after(struct str path, struct str marker)
{
    ptrdiff_t at = str_find(path, marker);
    if (at < 0) {
        return (struct str){ 0 };
    }
    struct str rest = str_from_offset(path, (size_t)at + marker.n);
    ptrdiff_t slash = str_find_char(rest, '/');
    return str_first(rest, slash < 0 ? rest.n : (size_t)slash);
}

/* "machine-lxc\x2d1234\x2dname.scope" */
static struct str machine_name(struct str path)
{
    struct str rest = component_after(path, STR("/machine-lxc\\x2d"));
    size_t digits = digit_run(rest);
    struct str name = str_from_offset(rest, digits);
    if (digits == 0 || !str_starts(name, STR("\\x2d")) || !str_ends(name, STR(".scope"))) {
        return (struct str){ 0 };
    }
    return (struct str){ name.p + 4, name.n - 4 - 6 };
}

static struct str named_container(struct str path)
{
    static const struct str markers[] = {
        { "/lxc.payload.", 13 }, { "/lxc.payload/", 13 }, { "/lxc/", 5 },
        { "/garden/", 8 },       { "/mesos/", 7 },
    };
    struct str name = component_after(path, STR("/libvirt/lxc/"));
    for (size_t i = 0; i < sizeof(markers) / sizeof(*markers) && name.n == 0; i++) {
        name = component_after(path, markers[i]);
    }
    if (name.n == 0) {
        name = machine_name(path);
    }
    return name.n <= NAME_LENGTH_MAX ? name : (struct str){ 0 };
}

struct str cgroup_container_id(struct str path)
{
    /* Seen from a sibling's own cgroup namespace the path begins with "/../". */
    bool is_ecs = str_find(path, STR("/ecs/")) >= 0 || str_starts(path, STR("/../"));
    struct str rest = path;
    while (rest.n > 0) {
        ptrdiff_t slash = str_find_last(rest, '/');
        struct str component = str_from_offset(rest, (size_t)(slash + 1));
        struct str id = id_in_component(component);
        if (id.n == 0 && is_ecs) {
            id = fargate_id(component);
        }
        if (id.n > 0) {
            return id;
        }
        rest.n = slash < 0 ? 0 : (size_t)slash;
    }
    return named_container(path);
}
