/*
 * image_reference: REGISTRY/REPOSITORY:TAG@DIGEST, and what Docker leaves out of it.
 *
 *     nginx            registry-1.docker.io/library/nginx:latest
 *     user/app:1       registry-1.docker.io/user/app:1
 *     host:5000/app    host:5000/app:latest          a first part with a dot or colon, or `localhost`, is a registry
 */
#include "instrument/image_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static bool consists_of(struct str s, const char *marks, bool upper)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = islower(c) || isdigit(c) || (upper && isupper(c));
        if (!letter && (c == '\0' || !strchr(marks, c))) {
            return false;
        }
    }
    return s.n > 0;
}

static bool copy(char *ret, size_t size, struct str s)
{
    bool fits = s.n < size;
    snprintf(ret, size, "%.*s", STR_ARG(s));
    return fits;
}

static bool is_registry(struct str part)
{
    return str_find_char(part, '.') >= 0 || str_find_char(part, ':') >= 0 ||
           str_eqz(part, "localhost");
}

static struct str cut_registry(struct str name, struct str *ret)
{
    ptrdiff_t slash = str_find_char(name, '/');
    struct str first = slash < 0 ? (struct str){ 0 } : str_first(name, (size_t)slash);
    bool named = first.n && is_registry(first);
    *ret = named ? first : STR("docker.io");
    return named ? str_from_offset(name, first.n + 1) : name;
}

static bool is_loopback(struct str registry)
{
    ptrdiff_t colon = str_find_char(registry, ':');
    struct str host = colon < 0 ? registry : str_first(registry, (size_t)colon);
    return host.p && (str_eqz(host, "localhost") || str_eqz(host, "127.0.0.1"));
}

static bool is_docker(struct str registry)
{
    return str_eqz(registry, "docker.io") || str_eqz(registry, "index.docker.io") ||
           str_eqz(registry, "registry-1.docker.io");
}

/* HOST or HOST:PORT. */
static bool is_host(struct str registry)
{
    ptrdiff_t colon = str_find_char(registry, ':');
    struct str host = colon < 0 ? registry : str_first(registry, (size_t)colon);
    struct str port = colon < 0 ? STR("443") : str_from_offset(registry, (size_t)colon + 1);
    for (size_t i = 0; i < port.n; i++) {
        if (!isdigit((unsigned char)port.p[i])) {
            return false;
        }
    }
    return port.n > 0 && port.n <= 5 && host.n > 0 && isalnum((unsigned char)host.p[0]) &&
           consists_of(host, ".-", true);
}

int image_reference_parse(struct str text, struct image_reference *ret, struct err *err)
{
    struct image_reference out = { 0 };
    struct str name = text, digest = STR(""), tag = STR("latest"), registry;
    ptrdiff_t at = str_find_char(name, '@');
    if (at >= 0) {
        digest = str_from_offset(name, (size_t)at + 1);
        name = str_first(name, (size_t)at);
    }
    ptrdiff_t colon = str_find_last(name, ':');
    if (colon >= 0 && colon > str_find_last(name, '/')) {
        tag = str_from_offset(name, (size_t)colon + 1);
        name = str_first(name, (size_t)colon);
    }
    name = cut_registry(name, &registry);
    bool docker = is_docker(registry);
    bool short_form = docker && str_find_char(name, '/') < 0;
    bool good = is_host(registry) && consists_of(name, "._-/", false) &&
                consists_of(tag, "._-", true) && str_find(name, STR("..")) < 0 &&
                (at < 0 || image_is_oci_digest(digest)) && name.n < 240;
    good = good && copy(out.registry, sizeof(out.registry),
                        docker ? STR("registry-1.docker.io") : registry);
    good =
        good && copy(out.tag, sizeof(out.tag), tag) && copy(out.digest, sizeof(out.digest), digest);
    if (!good) {
        return err_set(err, -EINVAL, "`%.*s` is not the name of an image",
                       STR_ARG(str_first(text, 128)));
    }
    snprintf(out.repository, sizeof(out.repository), "%s%.*s", short_form ? "library/" : "",
             STR_ARG(name));
    out.loopback = is_loopback(registry);
    *ret = out;
    return 0;
}
