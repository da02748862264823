/*
 * users_text: lines of passwd(5) and group(5), from files that a watched container wrote.
 */
#pragma once

#include "event/state.h"

#define USERS_LINE_MAX 4096 /* longer lines are skipped */

/* False: not an entry (comments, NIS markers, NULs, missing columns, ids that are none). The texts lie in
 * the line. */
bool users_passwd_line(struct str line, struct user *ret);
bool users_group_line(struct str line, struct group *ret);
