/*
 * sqlite_copy: files and directories for backups; all made for the owner alone, and flushed before they count.
 */
#pragma once

#include "store/sqlite_store.h"

#define SQLITE_BACKUP_NOTE "backup.json" /* written last: the backup is whole */
#define SQLITE_OTHER_MAX   (1 << 20) /* bytes of a file beside the databases: keys, certificates */

enum sqlite_file_kind { SQLITE_FILE_SKIP, SQLITE_FILE_DB, SQLITE_FILE_OTHER };

/* Of a file in the store's directory. */
enum sqlite_file_kind sqlite_file_kind(const char *name);

/* Regular files of a directory that are not skipped. */
struct sqlite_files {
    int (*each)(void *data, const char *name, enum sqlite_file_kind kind, struct err *err);
    void *data;
};
int sqlite_files_each(const char *path, const struct sqlite_files *files, struct err *err);

int sqlite_dir_empty(const char *path, struct err *err); /* or absent; -EEXIST */
int sqlite_dir_make(const char *path, struct err *err);  /* or empty; -EEXIST */
int sqlite_dir_sync(const char *path, struct err *err);
int sqlite_file_copy(const char *from, const char *to, struct err *err);
int sqlite_file_write(const char *path, struct str text, struct err *err);
