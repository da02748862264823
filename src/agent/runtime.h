/*
 * runtime: what Docker's API, and Podman's in the same form, say of a container.
 *
 *     GET /containers/ID/json    GET /images/ID/json
 *
 * An answer is refused whole when it is not strict JSON or a member has a wrong type.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "event/state.h"

#include <stdbool.h>
#include <stdint.h>

#define RUNTIME_DOCUMENT_MAX ((size_t)2 << 20)
#define RUNTIME_ARENA_MAX    ((size_t)8 << 20)

struct runtime_container {
    struct container c; /* id whole */
    int64_t pid;        /* of its first process, in the runtime's namespace; 0 not running */
};

/* Texts and lists lie in the arena. `type` is borrowed: "docker", "podman". */
int runtime_container_parse(struct str json, struct str type, struct arena *arena,
                            struct runtime_container *ret, struct err *err);
/* The digest that an image was pulled by, that of `repository` if there are several; empty none. */
int runtime_image_parse(struct str json, struct str repository, struct arena *arena,
                        struct str *ret_digest, struct err *err);
/* Of the "Server" of an answer: "Libpod/4.3.1 (linux)". GET /version takes Podman seconds. */
bool runtime_is_podman(struct str server);
/* May the id stand in a URL? */
bool runtime_id_is_clean(struct str id);
