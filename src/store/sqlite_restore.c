/*
 * sqlite_restore: a backup becomes a server's directory.
 *
 * Everything is copied beside the place it goes to and checked there (the backup itself may be on read-only media);
 * a rename then makes it the directory, whole or not at all.
 */
#include "store/sqlite_copy.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct job {
    const char *from, *to;
};

static int check_whole(struct sqlite3 *db, const char *name, struct err *err)
{
    sqlite3_stmt *check = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &check, NULL) != SQLITE_OK) {
        return sqlite_err(db, err, name);
    }
    int r = sqlite_row(check, err);
    struct str text = r == 1 ? sqlite_text_borrowed(check, 0) : STR("no answer");
    r = r >= 0 && !str_eqz(text, "ok")
            ? err_set(err, -EIO, "%s: damaged: %.*s", name, STR_ARG(text))
            : r;
    sqlite3_finalize(check);
    return r < 0 ? r : 0;
}

static int check_version(struct sqlite3 *db, const char *name, struct err *err)
{
    int64_t version = 0;
    bool main_file = strcmp(name, "hinomi.db") == 0;
    unsigned newest = sqlite_newest(main_file ? sqlite_migrations : sqlite_day_migrations);
    int r = sqlite_number(db, "PRAGMA user_version", 0, &version, err);
    if (r < 0) {
        return err_wrap(err, "%s", name);
    }
    return version <= newest ? 0
                             : err_set(err, -EPROTO,
                                       "%s: written by a newer hinomi-server (schema %lld, "
                                       "this one knows %u)",
                                       name, (long long)version, newest);
}

static int check_db(const char *path, const char *name, struct err *err)
{
    struct sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL);
    int r = rc == SQLITE_OK ? check_version(db, name, err) : sqlite_err(db, err, name);
    if (r == 0) {
        r = check_whole(db, name, err);
    }
    sqlite3_close(db);
    return r;
}

static int take_file(void *data, const char *name, enum sqlite_file_kind kind, struct err *err)
{
    const struct job *job = data;
    struct sqlite_path from, to;
    int r = sqlite_path(job->from, name, &from, err);
    if (r == 0) {
        r = sqlite_path(job->to, name, &to, err);
    }
    if (r == 0) {
        r = sqlite_file_copy(from.z, to.z, err);
    }
    return r == 0 && kind == SQLITE_FILE_DB ? check_db(to.z, name, err) : r;
}

static int remove_entry(void *data, const char *name, enum sqlite_file_kind kind, struct err *err)
{
    (void)kind;
    const struct job *job = data;
    struct sqlite_path path;
    if (sqlite_path(job->to, name, &path, err) == 0) {
        sqlite_file_remove(path.z);
    }
    return 0;
}

static int is_backup(const char *backup, struct err *err)
{
    static const char *const names[] = { SQLITE_BACKUP_NOTE, "hinomi.db" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct sqlite_path path;
        int r = sqlite_path(backup, names[i], &path, err);
        if (r < 0) {
            return r;
        }
        if (access(path.z, R_OK) < 0) {
            return err_set(err, -errno, "%s: not a whole backup: %s: %s", backup, names[i],
                           strerror(errno));
        }
    }
    return 0;
}

static int put_in_place(struct job *job, const char *dir, struct err *err)
{
    int r = sqlite_files_each(job->from, &(struct sqlite_files){ take_file, job }, err);
    if (r == 0) {
        r = sqlite_dir_sync(job->to, err);
    }
    if (r == 0 && rename(job->to, dir) < 0) {
        r = err_set(err, -errno, "%s: %s", dir, strerror(errno));
    }
    if (r < 0) {
        sqlite_files_each(job->to, &(struct sqlite_files){ remove_entry, job }, NULL);
        rmdir(job->to);
    }
    return r;
}

int store_restore_sqlite(const char *backup, const char *dir, struct err *err)
{
    char beside[PATH_MAX];
    int n = snprintf(beside, sizeof(beside), "%s.restore-XXXXXX", dir);
    int r = n < (int)sizeof(beside) - 64 ? is_backup(backup, err)
                                         : err_set(err, -ENAMETOOLONG, "%s: too long", dir);
    if (r == 0) {
        r = sqlite_dir_empty(dir, err);
    }
    if (r < 0) {
        return r;
    }
    if (!mkdtemp(beside)) {
        return err_set(err, -errno, "%s: %s", beside, strerror(errno));
    }
    struct job job = { backup, beside };
    return put_in_place(&job, dir, err);
}
