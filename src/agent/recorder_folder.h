/*
 * recorder_folder: a folder of captures that only its owner may enter, with limits.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define FOLDER_NAME_MAX 96

/* The folder's descriptor. Made 0700 if it is not there (its parent must be); refused when it is a link,
 * another user's, or open to others. */
int folder_open(const char *path, struct err *err);
/* "hinomi-20260131T120000Z-<container>-<n>.scap"; of the container only letters, digits, '-' and '_'. */
void folder_name(char ret[FOLDER_NAME_MAX], uint64_t ts_ns, struct str container, uint64_t n);
/* A new file, 0600, named as given with ".part" behind it until folder_finish(). -errno. */
int folder_create(int folder, const char *name);
int folder_finish(int folder, const char *name);
void folder_discard(int folder, const char *name);
/* Removes the oldest captures until at most so many files and bytes are left; those a dead agent left
 * unfinished first. Returns how many. Other files are not touched. */
uint32_t folder_prune(int folder, uint32_t files, uint64_t bytes);
