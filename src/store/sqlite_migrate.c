/*
 * sqlite_migrate: brings a file to the newest schema, a step at a time.
 *
 * A step and its number are one transaction: a step that was cut short leaves the schema before it, and is done
 * again. Foreign keys stay off within steps, so that tables can be rebuilt, and are checked before the commit. A
 * file whose number is above the newest step was written by a newer program and is left alone.
 */
#include "store/sqlite_store.h"

#include <errno.h>
#include <stdio.h>

static int check_keys(struct sqlite3 *db, struct err *err)
{
    int64_t broken = 0;
    if (sqlite_number(db, "SELECT count(*) FROM pragma_foreign_key_check", 0, &broken, err) < 0) {
        return -EIO;
    }
    return broken ? err_set(err, -EINVAL, "%lld references broken", (long long)broken) : 0;
}

static int step_within(struct sqlite3 *db, const struct sqlite_migration *migration,
                       struct err *err)
{
    char version[64];
    snprintf(version, sizeof(version), "PRAGMA user_version=%u", migration->number);
    int r = sqlite_exec(db, migration->sql, err);
    if (r == 0) {
        r = check_keys(db, err);
    }
    if (r == 0) {
        r = sqlite_exec(db, version, err);
    }
    return r < 0 ? r : sqlite_exec(db, "COMMIT", err);
}

static int step(struct sqlite3 *db, const struct sqlite_migration *migration, struct err *err)
{
    int r = sqlite_exec(db, "BEGIN IMMEDIATE", err);
    if (r < 0) {
        return r;
    }
    r = step_within(db, migration, err);
    if (r < 0 && !sqlite3_get_autocommit(db)) {
        sqlite_exec(db, "ROLLBACK", NULL);
    }
    return r < 0 ? err_wrap(err, "migration %s", migration->name) : 0;
}

static int steps_after(struct sqlite3 *db, const struct sqlite_migration *migrations,
                       int64_t version, struct err *err)
{
    for (; migrations->sql; migrations++) {
        int r = migrations->number > version ? step(db, migrations, err) : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

unsigned sqlite_newest(const struct sqlite_migration *migrations)
{
    unsigned newest = 0;
    for (; migrations->sql; migrations++) {
        newest = migrations->number;
    }
    return newest;
}

int sqlite_migrate(struct sqlite3 *db, const struct sqlite_migration *migrations, const char *what,
                   struct err *err)
{
    int64_t version = 0;
    unsigned newest = sqlite_newest(migrations);
    if (sqlite_number(db, "PRAGMA user_version", 0, &version, err) < 0) {
        return err_wrap(err, "%s", what);
    }
    if (version > newest) {
        return err_set(err, -EPROTO,
                       "%s: written by a newer hinomi-server (schema %lld, this one knows %u)",
                       what, (long long)version, newest);
    }
    if (version == newest) {
        return 0;
    }
    int r = sqlite_exec(db, "PRAGMA foreign_keys=OFF", err);
    if (r == 0) {
        r = steps_after(db, migrations, version, err);
    }
    if (r < 0) {
        return err_wrap(err, "%s", what);
    }
    return sqlite_exec(db, "PRAGMA foreign_keys=ON", err);
}
