/*
 * What `hinomi task run` reads: definitions, Docker's form of seccomp profiles, the paths that are asked of the metadata
 * endpoint. The first byte chooses.
 */
#include "fuzz.h"

#include "base/jscan.h"
#include "instrument/node.h"
#include "taskrun/run.h"
#include "taskrun/seccomp.h"

#include <stdio.h>

static void read_definition(struct str text)
{
    static struct task_definition task;
    struct arena arena;
    struct err err = { 0 };
    arena_init(&arena, NODE_ARENA_MAX);
    if (task_definition_read(text, NULL, &arena, &task, &err) == 0) {
        FUZZ_CHECK(task.ncontainers > 0 && task.ncontainers <= TASK_CONTAINERS_MAX);
        FUZZ_CHECK(task.nvolumes <= TASK_VOLUMES_MAX);
        FUZZ_CHECK(task_definition_check(&task, &err) == 0);
        for (uint32_t i = 0; i < task.ncontainers; i++) {
            const struct task_container *c = &task.containers[i];
            FUZZ_CHECK(c->name.p[c->name.n] == '\0' && c->image.n > 0);
            for (uint32_t k = 0; k < c->nmounts; k++) {
                FUZZ_CHECK(c->mounts[k].volume < task.nvolumes && c->mounts[k].path.p[0] == '/');
            }
        }
    } else {
        FUZZ_CHECK(err.message[0]);
    }
    arena_done(&arena);
}

static void write_profile(struct str text, unsigned how)
{
    static const char *const capabilities[] = { "CAP_SYS_PTRACE", "CAP_CHOWN", NULL };
    struct seccomp_place place = { capabilities, how & 1 ? "arm64" : "amd64", how << 16 };
    struct arena arena;
    struct buf out;
    struct jsonw w = { .buf = &out };
    struct err err = { 0 };
    arena_init(&arena, 16 << 20);
    buf_init(&out, 16 << 20);
    if (seccomp_write(text, &place, &w, NULL, &arena, &err) == 0) {
        struct jscan root;
        const char *why;
        size_t at;
        FUZZ_CHECK(out.failed || jscan_check(buf_str(&out), &root, &why, &at) == 0);
    }
    buf_done(&out);
    arena_done(&arena);
}

static void ask_metadata(struct str path)
{
    static struct task_container definition;
    static struct slot slot;
    static struct run run;
    static const struct taskrun_options options = { .cluster = "local" };
    struct buf out;
    definition.name = STR("web");
    definition.image = STR("image");
    slot.def = &definition;
    snprintf(slot.id, sizeof(slot.id), "0123");
    run.options = &options;
    run.slots = &slot;
    run.task.ncontainers = 1;
    run.task.region = STR("eu-west-1");
    buf_init(&out, 1 << 20);
    FUZZ_CHECK(metadata_answer(&run, path, &out) == (out.n > 0));
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct str text = str_from(data + 1, size - 1);
    switch (data[0] & 3) {
    case 0:
        write_profile(text, data[0] >> 2);
        break;
    case 1:
        ask_metadata(text);
        break;
    default:
        read_definition(text);
        break;
    }
    return 0;
}
