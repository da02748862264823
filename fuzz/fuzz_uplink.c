/*
 * Fuzz target: what comes from a server, before any of it is believed: answers, manifests, deltas, archives. The
 * first byte chooses. Nothing can be written (the directory does not exist), so all must fail, or say nothing.
 */
#include "fuzz.h"

#include "agent/bundle_internal.h"
#include "agent/identity.h"
#include "agent/uplink_internal.h"

#include <string.h>

#define NOWHERE "/nonexistent/hinomi"

static void manifest(struct str text)
{
    struct bundle_manifest read = { 0 };
    struct arena arena;
    struct err err = { 0 };
    arena_init(&arena, (size_t)16 << 20);
    if (bundle_read_manifest(text, &arena, &read, &err) == 0) {
        for (uint32_t i = 0; i < read.n; i++) {
            FUZZ_CHECK(bundle_name_good(read.files[i].name));
            FUZZ_CHECK(strlen(read.files[i].hash) == BUNDLE_HASH);
            FUZZ_CHECK(str_find(read.files[i].name, STR("..")) != 0);
        }
    }
    arena_done(&arena);
}

static void answer(struct str text)
{
    struct uplink_message message = { 0 };
    struct identity identity;
    struct err err = { 0 };
    uplink_read_answer(text, &message);
    FUZZ_CHECK(memchr(message.text, 0, sizeof(message.text)));
    FUZZ_CHECK(memchr(message.code, 0, sizeof(message.code)));
    FUZZ_CHECK(memchr(message.id, 0, sizeof(message.id)));
    if (identity_take(message.id, message.secret, message.text, &identity, &err) == 0) {
        FUZZ_CHECK(!strpbrk(identity.id, "/. \r\n\""));
        FUZZ_CHECK(!strpbrk(identity.credential, " \r\n\""));
    }
}

static void delta(struct str text)
{
    struct bundle_changes changes = { .from = 1, .to = 2 };
    struct err err = { 0 };
    if (bundle_changes_read(&changes, text, &err) == 0) {
        for (uint32_t i = 0; i < changes.lists.n; i++) {
            FUZZ_CHECK(!memchr(changes.lists.items[i].list.p, '/', changes.lists.items[i].list.n));
        }
        FUZZ_CHECK(bundle_delta(NOWHERE, &changes, &err) < 0);
    }
    bundle_changes_done(&changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = { 0 };
    struct str text = str_from(data + 1, size ? size - 1 : 0);
    switch (size ? data[0] % 4 : 0) {
    case 0:
        answer(size ? text : (struct str){ 0 });
        break;
    case 1:
        manifest(text);
        break;
    case 2:
        delta(text);
        break;
    default:
        FUZZ_CHECK(bundle_unpack(NOWHERE, 1, text, &err) < 0);
        break;
    }
    return 0;
}
