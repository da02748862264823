/*
 * sqlite_forget: findings that somebody is done with go, long after their last alert.
 *
 * Archived and suppressed ones only, when both their last alert and their last change are options.keep_findings days
 * ago: nothing can be added to them then, since times of alerts are believed for a day only. Which they may be is read
 * from the columns in memory; the table decides. A piece at a time, so that others write between.
 */
#include "store/sqlite_store.h"

#include "store/columns.h"

#define PIECE    500
#define EVERY_MS 3600000
#define DONE_WITH                                                                                  \
    "row = ?1 AND status IN ('archived', 'suppressed') AND updated_ms < ?2 AND last_seen_ms < ?2"

struct piece {
    int64_t rows[PIECE];
    uint32_t n;
    int64_t before_ms;
    uint64_t gone;
};

static int forget_one(struct sqlite3 *db, int64_t row, int64_t before_ms, struct err *err)
{
    static const char *const of_it[] = {
        "DELETE FROM finding_notes WHERE finding = (SELECT id FROM findings WHERE " DONE_WITH ")",
        "DELETE FROM finding_summaries WHERE finding = (SELECT id FROM findings WHERE " DONE_WITH
        ")",
        "DELETE FROM finding_responses WHERE finding = (SELECT id FROM findings WHERE " DONE_WITH
        ")",
        "DELETE FROM finding_bodies WHERE row = (SELECT row FROM findings WHERE " DONE_WITH ")",
        "DELETE FROM findings WHERE " DONE_WITH,
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(of_it) / sizeof(*of_it); i++) {
        r = sqlite_run(db, err, of_it[i], "ii", row, before_ms);
    }
    return r < 0 ? r : sqlite3_changes(db);
}

static int forget_piece(void *data, struct sqlite3 *db, struct err *err)
{
    struct piece *piece = data;
    piece->gone = 0;
    for (uint32_t i = 0; i < piece->n; i++) {
        int r = forget_one(db, piece->rows[i], piece->before_ms, err);
        if (r < 0) {
            return r;
        }
        piece->gone += (uint64_t)r;
    }
    return 0;
}

static uint32_t find_piece(struct sqlite_store *store, struct piece *piece, uint32_t *place)
{
    const struct columns_over over = { piece->before_ms, { "archived", "suppressed" }, PIECE };
    struct columns *columns = sqlite_columns_of(store);
    columns_read_lock(columns);
    piece->n = columns_over(columns, &over, place, piece->rows);
    columns_unlock(columns);
    return piece->n;
}

int sqlite_forget(struct sqlite_store *store, int64_t now_ms, uint64_t *ret, struct err *err)
{
    int64_t age_ms = now_ms - store->forgot_ms;
    int64_t keep_ms = (int64_t)store->options.keep_findings * SQLITE_DAY_MS;
    struct piece piece = { .before_ms = now_ms - keep_ms };
    uint32_t place = 0;
    *ret = 0;
    if (age_ms >= 0 && age_ms < EVERY_MS) {
        return 0;
    }
    while (find_piece(store, &piece, &place) > 0) {
        const struct sqlite_write write = { forget_piece, &piece };
        int r = sqlite_store_write(&store->store, &write, err);
        if (r < 0) {
            return r;
        }
        *ret += piece.gone;
    }
    store->forgot_ms = now_ms;
    return 0;
}
