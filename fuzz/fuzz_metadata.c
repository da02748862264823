/*
 * fuzz metadata: any bytes as what the task metadata endpoint or a container runtime answers, as an environment, as
 * the endpoint's URL: no read beyond them, texts within their limits, the state takes what was read.
 *
 * Input: a byte that chooses, then the text.
 */
#include "fuzz.h"

#include "agent/ecs.h"
#include "agent/ecs_endpoint.h"
#include "agent/metadata_image.h"
#include "agent/runtime.h"

#include <string.h>

static void take(const struct container *c)
{
    struct state *state = NULL;
    FUZZ_CHECK(state_new(&(struct state_config){ .threads_max = 4 }, &state) == 0);
    FUZZ_CHECK(state_add_container(state, c) == 0);
    FUZZ_CHECK(state_container(state, c->id));
    state_free(state);
}

static void task(struct str text, struct arena *arena)
{
    struct ecs_task task;
    if (ecs_task_parse(text, arena, &task, NULL) < 0) {
        return;
    }
    FUZZ_CHECK(task.ncontainers <= ECS_CONTAINERS_MAX);
    ecs_task_settled(&task);
    for (uint32_t i = 0; i < task.ncontainers; i++) {
        struct container c;
        const struct ecs_container *from = &task.containers[i];
        FUZZ_CHECK(from->id.n > 0 && from->id.n <= ECS_ID_MAX);
        FUZZ_CHECK(ecs_task_container(&task, from->id) == from);
        ecs_fill(&task, from, &c);
        FUZZ_CHECK(c.image_digest.n == 0 || from->image_digest.n ||
                   image_is_digest(c.image_digest));
        take(&c);
    }
}

static void container(struct str text, struct arena *arena)
{
    struct ecs_container c;
    if (ecs_container_parse(text, arena, &c, NULL) == 0) {
        FUZZ_CHECK(c.id.n > 0);
    }
}

static void runtime(struct str text, struct arena *arena)
{
    struct runtime_container c;
    struct str digest = { 0 };
    if (runtime_container_parse(text, STR("docker"), arena, &c, NULL) == 0) {
        FUZZ_CHECK(runtime_id_is_clean(c.c.id) && c.pid >= 0);
        take(&c.c);
    }
    if (runtime_image_parse(text, STR("a"), arena, &digest, NULL) == 0) {
        FUZZ_CHECK(digest.n == 0 || image_is_digest(digest));
    }
}

static void environment(struct str text, struct arena *arena)
{
    (void)arena;
    struct str value = ecs_variable(text, STR("ECS_CONTAINER_METADATA_URI_V4"));
    FUZZ_CHECK(value.n == 0 || (value.p >= text.p && value.p + value.n < text.p + text.n));
    struct ecs_endpoint endpoint;
    char url[ECS_URL_MAX + 64];
    FUZZ_CHECK(ecs_endpoint_init(&endpoint, "http://169.254.170.2/v4/own", NULL) == 0);
    struct str token = ecs_endpoint_token(&endpoint, text);
    FUZZ_CHECK(token.n <= ECS_TOKEN_MAX && str_find_char(token, '/') < 0);
    ecs_endpoint_of_token(&endpoint, token, url);
    FUZZ_CHECK(str_starts(str_of(url), STR("http://169.254.170.2/v4/")));
}

static void address(struct str text, struct arena *arena)
{
    struct ecs_endpoint endpoint;
    struct ecs_arn arn;
    struct str copy = arena_str(arena, text);
    if (copy.p && ecs_endpoint_init(&endpoint, copy.p, NULL) == 0) {
        FUZZ_CHECK(endpoint.prefix_n <= endpoint.base_n && endpoint.base_n < ECS_URL_MAX);
    }
    if (ecs_arn_parse(text, &arn)) {
        FUZZ_CHECK(arn.account.n == 12 && arn.resource.n > 0);
    }
    image_reference_of(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(struct str, struct arena *) = { task, container, runtime,
                                                                   environment, address };
    struct arena arena;
    if (size < 1) {
        return 0;
    }
    char *bytes = malloc(size - 1 ? size - 1 : 1); /* its end is where reading beyond it shows */
    FUZZ_CHECK(bytes);
    memcpy(bytes, data + 1, size - 1);
    arena_init(&arena, ECS_ARENA_MAX);
    targets[data[0] % (sizeof(targets) / sizeof(*targets))](str_from(bytes, size - 1), &arena);
    arena_done(&arena);
    free(bytes);
    return 0;
}
