/*
 * proc_text: what the files of /proc/TID say, from text to numbers. Pure: no files are opened here.
 *
 * Texts may be cut anywhere and may hold what a watched process wrote into them (its name): whatever
 * cannot be understood leaves the fields as they were.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct live_task;

/* Takes a decimal number (blanks before it skipped) off the front. False: none there, or too large. */
bool proc_number(struct str *text, uint64_t *ret);
/* The same with a sign. */
bool proc_integer(struct str *text, int64_t *ret);
/* Takes a line off the front, without its end; false when nothing is left. */
bool proc_line(struct str *text, struct str *ret);
/* Takes off the front what comes before the next blank. */
struct str proc_word(struct str *text);

/* A line of /proc/TID/status. */
void proc_status_line(struct live_task *task, struct str line);
/* /proc/TID/stat; *ret_comm lies in text. -EINVAL. */
int proc_stat(struct live_task *task, struct str text, struct str *ret_comm);
/* Soft limit of open files in /proc/TID/limits; INT64_MAX unlimited, -1 not found. */
int64_t proc_limits(struct str text);
/* /proc/TID/cgroup as the state wants it: "cpu=/a" NUL "memory=/b" NUL; only whole entries. */
void proc_cgroups(struct str text, struct buf *buf);
/* Is the id one of those that the map (uid_map, gid_map) maps? As the reader of the file sees ids. */
bool proc_id_is_mapped(struct str map, uint32_t id);
