/*
 * support: stores in temporary directories; see support.h.
 */
#include "support.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

const struct store_kind store_kinds[] = {
    { "sqlite", store_open_sqlite, store_restore_sqlite },
};
const size_t store_nkinds = ARRAY_SIZE(store_kinds);

void store_dir_make(struct store_dir *ret)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(ret->path, sizeof(ret->path), "%s/hinomi-store-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(ret->path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void store_dir_remove(struct store_dir *dir)
{
    nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct store *store_opened_as(const struct store_kind *kind, const struct store_options *options)
{
    struct store *store = NULL;
    struct err err = { 0 };
    if (kind->open(options, &store, &err) < 0) {
        fail_msg("%s: %s", kind->name, err.message);
    }
    return store;
}

struct store *store_opened(const struct store_dir *dir)
{
    return store_opened_as(&store_kinds[0], &(struct store_options){ .dir = dir->path });
}

int store_setup(void **state)
{
    struct store_fixture *fixture = test_calloc(1, sizeof(*fixture));
    store_dir_make(&fixture->dir);
    fixture->store = store_opened(&fixture->dir);
    *state = fixture;
    return 0;
}

int store_teardown(void **state)
{
    struct store_fixture *fixture = *state;
    store_close(fixture->store);
    store_dir_remove(&fixture->dir);
    test_free(fixture);
    return 0;
}
