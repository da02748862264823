/*
 * record: what an instrumented definition remembers of the original, in the agent's docker label.
 *
 *     record = entry *( " " entry )       entry = name ":" 1*( letter [ "0" / "n" ] )
 *
 * A letter is a member that was not there before: E entryPoint, C command, D dependsOn, M mountPoints, P pidMode, V
 * volumes; with 0 it was an empty list, with n it was null. S: the health check was CMD-SHELL. The task's own entry
 * has no name. What is not in the record was there, and has had something added to it.
 */
#include "instrument/taskdef.h"

static ptrdiff_t find_entry(struct str record, struct str name)
{
    size_t at = 0;
    while (at < record.n) {
        struct str rest = str_from_offset(record, at);
        if (str_starts(rest, name) && rest.n > name.n && rest.p[name.n] == ':') {
            return (ptrdiff_t)(at + name.n + 1);
        }
        ptrdiff_t blank = str_find_char(rest, ' ');
        if (blank < 0) {
            break;
        }
        at += (size_t)blank + 1;
    }
    return -1;
}

/* Entries are written one after the other: the one of this name is the last, or not there yet. */
void taskdef_record_put(struct buf *record, struct str name, char letter, int state)
{
    if (find_entry(buf_str(record), name) < 0) {
        buf_puts(record, record->n ? STR(" ") : STR(""));
        buf_puts(record, name);
        buf_putc(record, ':');
    }
    buf_putc(record, letter);
    if (state == MEMBER_EMPTY || state == MEMBER_NULL) {
        buf_putc(record, state == MEMBER_EMPTY ? '0' : 'n');
    }
}

int taskdef_record_get(struct str record, struct str name, char letter)
{
    ptrdiff_t at = find_entry(record, name);
    if (at < 0) {
        return MEMBER_THERE;
    }
    for (size_t i = (size_t)at; i < record.n && record.p[i] != ' '; i++) {
        if (record.p[i] == letter) {
            char next = i + 1 < record.n ? record.p[i + 1] : ' ';
            return next == '0' ? MEMBER_EMPTY : next == 'n' ? MEMBER_NULL : MEMBER_ABSENT;
        }
    }
    return MEMBER_THERE;
}
