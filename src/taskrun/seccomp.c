/*
 * seccomp: entries whose conditions hold here are taken over; the others are left out.
 *
 *     includes: { arches, caps, minKernel }    all have to hold
 *     excludes: { arches, caps, minKernel }    none may
 */
#include "taskrun/seccomp.h"

#include "base/jscan.h"

#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

struct seccomp_place seccomp_here(const char *const *capabilities)
{
    struct utsname name;
    unsigned major = 0, minor = 0;
    if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2) {
        major = minor = 0;
    }
#if defined(__aarch64__)
    const char *architecture = "arm64";
#else
    const char *architecture = "amd64";
#endif
    return (struct seccomp_place){ capabilities, architecture, major << 16 | minor };
}

static bool has_capability(const struct seccomp_place *place, struct str name)
{
    const char *const *at = place->capabilities;
    while (*at && !str_eqz(name, *at)) {
        at++;
    }
    return *at != NULL;
}

static bool is_new_enough(const struct seccomp_place *place, struct str text)
{
    unsigned major = 0, minor = 0;
    char copy[16];
    snprintf(copy, sizeof(copy), "%.*s", STR_ARG(text));
    return sscanf(copy, "%u.%u", &major, &minor) == 2 && place->kernel >= (major << 16 | minor);
}

/* How many of a list's texts hold; ret_n of how many. */
static unsigned count(struct jscan list, const struct seccomp_place *place, bool capabilities,
                      struct arena *arena, unsigned *ret_n)
{
    struct jscan_walk walk = jscan_begin(list);
    struct jscan at;
    unsigned held = 0;
    for (*ret_n = 0; jscan_element(&walk, &at); (*ret_n)++) {
        struct str text = jscan_text(at, arena);
        held += capabilities ? has_capability(place, text) : str_eqz(text, place->architecture);
    }
    return held;
}

static bool applies(struct jscan entry, const struct seccomp_place *place, struct arena *arena)
{
    struct jscan in = jscan_get(entry, STR("includes")), out = jscan_get(entry, STR("excludes"));
    unsigned n;
    unsigned held = count(jscan_get(in, STR("arches")), place, false, arena, &n);
    bool good = n == 0 || held > 0;
    held = count(jscan_get(in, STR("caps")), place, true, arena, &n);
    good = good && held == n;
    good = good && count(jscan_get(out, STR("arches")), place, false, arena, &n) == 0;
    good = good && count(jscan_get(out, STR("caps")), place, true, arena, &n) == 0;
    struct str least = jscan_text(jscan_get(in, STR("minKernel")), arena);
    struct str most = jscan_text(jscan_get(out, STR("minKernel")), arena);
    return good && (!least.p || is_new_enough(place, least)) &&
           (!most.p || !is_new_enough(place, most));
}

static void copy_member(struct jscan entry, const char *name, struct jsonw *w)
{
    struct jscan value = jscan_get(entry, str_of(name));
    if (value.type != JSCAN_NONE && value.type != JSCAN_NULL) {
        jsonw_raw(w, name, value.raw);
    }
}

static void write_architectures(struct jscan root, const struct seccomp_place *place,
                                struct jsonw *w, struct arena *arena)
{
    const char *mine =
        str_eqz(str_of(place->architecture), "arm64") ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64";
    struct jscan_walk walk = jscan_begin(jscan_get(root, STR("archMap")));
    struct jscan at, sub;
    jsonw_array(w, "architectures");
    jsonw_strz(w, NULL, mine);
    while (jscan_element(&walk, &at)) {
        if (str_eqz(jscan_text(jscan_get(at, STR("architecture")), arena), mine)) {
            struct jscan_walk subs = jscan_begin(jscan_get(at, STR("subArchitectures")));
            while (jscan_element(&subs, &sub)) {
                jsonw_raw(w, NULL, sub.raw);
            }
        }
    }
    jsonw_end(w);
}

int seccomp_write(struct str profile, const struct seccomp_place *place, struct jsonw *w,
                  const char *key, struct arena *arena, struct err *err)
{
    static const char *const members[] = { "names", "action", "errnoRet", "args" };
    struct jscan root, at;
    const char *why = "";
    size_t byte = 0;
    if (jscan_check(profile, &root, &why, &byte) < 0 || root.type != JSCAN_OBJECT) {
        return err_set(err, -EINVAL, "the seccomp profile is not a JSON object: %s", why);
    }
    jsonw_object(w, key);
    copy_member(root, "defaultAction", w);
    copy_member(root, "defaultErrnoRet", w);
    write_architectures(root, place, w, arena);
    jsonw_array(w, "syscalls");
    struct jscan_walk walk = jscan_begin(jscan_get(root, STR("syscalls")));
    while (jscan_element(&walk, &at)) {
        if (applies(at, place, arena)) {
            jsonw_object(w, NULL);
            for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
                copy_member(at, members[i], w);
            }
            jsonw_end(w);
        }
    }
    jsonw_end(w);
    jsonw_end(w);
    return 0;
}
