/*
 * Task definitions, templates and lists, as files that somebody wrote, and configurations and names of images. The
 * first byte chooses: options, or 0xfe an image's configuration, 0xff an image's name.
 */
#include "fuzz.h"

#include "instrument/image_internal.h"
#include "instrument/instrument.h"

static int look_up(void *context, const struct image_query *query, struct arena *arena,
                   struct image_config *ret, struct err *err)
{
    (void)context;
    (void)arena;
    (void)err;
    ret->entry_point.n = (uint32_t)(query->container.n % 3);
    ret->command.n = 2;
    for (uint32_t i = 0; i < 2; i++) {
        ret->entry_point.items[i] = STR("/entry \"point\"");
        ret->command.items[i] = STR("- command: \\ # \t");
    }
    return 0;
}

static void instrument(struct str text, unsigned how)
{
    struct instrument_options options = { .image = "agent:1",
                                          .rules = "/rules",
                                          .memory = 128,
                                          .port = 9464,
                                          .look_up = look_up,
                                          .security = how & 1,
                                          .opt_in = how & 2,
                                          .keep_health_checks = how & 4,
                                          .server = how & 8 ? "https://server" : NULL,
                                          .token_secret = how & 8 ? "arn:x" : NULL,
                                          .log_group = how & 16 ? "group" : NULL,
                                          .log_region = how & 16 ? "region" : NULL,
                                          .wait = how & 32 ? "30" : NULL };
    struct instrument_result result;
    struct err err = { 0 };
    struct buf plain, out, again;
    buf_init(&plain, INSTRUMENT_OUT_MAX);
    buf_init(&out, INSTRUMENT_OUT_MAX);
    buf_init(&again, INSTRUMENT_OUT_MAX);
    int removed = instrument_remove(text, &plain, &err);
    if (instrument_text(text, &options, &out, &result, &err) == 0) {
        /* The same twice as once, and back again. */
        FUZZ_CHECK(removed == 0 && result.containers > 0);
        FUZZ_CHECK(instrument_remove(buf_str(&out), &again, &err) == 0);
        FUZZ_CHECK(str_eq(buf_str(&again), buf_str(&plain)));
        buf_clear(&again);
        FUZZ_CHECK(instrument_text(buf_str(&out), &options, &again, &result, &err) == 0);
        FUZZ_CHECK(str_eq(buf_str(&again), buf_str(&out)));
    } else {
        FUZZ_CHECK(err.message[0]);
    }
    buf_done(&plain);
    buf_done(&out);
    buf_done(&again);
}

static void read_config(struct str text)
{
    struct arena arena;
    struct err err = { 0 };
    arena_init(&arena, 8 * 1024 * 1024);
    struct image_config *config = ARENA_NEW(&arena, struct image_config);
    if (config && image_config_parse(text, &arena, config, &err) == 0) {
        FUZZ_CHECK(config->entry_point.n <= IMAGE_WORDS_MAX &&
                   config->command.n <= IMAGE_WORDS_MAX);
    }
    arena_done(&arena);
}

static void read_name(struct str text)
{
    struct image_reference name;
    struct err err = { 0 };
    if (image_reference_parse(text, &name, &err) == 0) {
        FUZZ_CHECK(!strpbrk(name.registry, "/@?# ") && !strpbrk(name.repository, ":@?# "));
        FUZZ_CHECK(name.registry[0] && name.repository[0] && name.tag[0]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        struct str text = str_from(data + 1, size - 1);
        if (data[0] == 0xff) {
            read_name(text);
        } else if (data[0] == 0xfe) {
            read_config(text);
        } else {
            instrument(text, data[0]);
        }
    }
    return 0;
}
