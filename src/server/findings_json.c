/*
 * findings_json: findings as answers have them: names of the table's columns, absent ones null, severity as people
 * know it (7.3) with its band.
 */
#include "server/findings.h"

static void put_text(struct jsonw *w, const char *key, struct str text)
{
    if (text.n == 0) {
        jsonw_null(w, key);
    } else {
        jsonw_str(w, key, text);
    }
}

/* Columns that are JSON already, and numbers that are no plain numbers. */
static bool put_special(struct jsonw *w, const char *key, const struct finding *f)
{
    if (strcmp(key, "tags") == 0) {
        jsonw_raw(w, key, f->tags.n ? f->tags : STR("[]"));
    } else if (strcmp(key, "members") == 0) {
        jsonw_raw(w, key, f->members.n ? f->members : STR("null"));
    } else if (strcmp(key, "severity") == 0) {
        jsonw_double(w, key, (double)f->severity / 10);
        jsonw_strz(w, "band", filter_band_of(f->severity));
    } else if (strcmp(key, "proc_pid") == 0 && f->proc_pid < 0) {
        jsonw_null(w, key);
    } else if (strcmp(key, "sequence") == 0 || strcmp(key, "clock") == 0) {
        jsonw_bool(w, key, strcmp(key, "clock") == 0 ? f->clock != 0 : f->sequence != 0);
    } else {
        return false;
    }
    return true;
}

void findings_write(struct jsonw *w, const char *key, const struct finding *finding)
{
    jsonw_object(w, key);
#define FINDING_TEXT(member)                                                                       \
    if (!put_special(w, #member, finding)) {                                                       \
        put_text(w, #member, finding->member);                                                     \
    }
#define FINDING_INT(member)                                                                        \
    if (!put_special(w, #member, finding)) {                                                       \
        jsonw_i64(w, #member, finding->member);                                                    \
    }
#include "store/finding_columns.def"
    if (finding->first_alert.n > 0) {
        jsonw_raw(w, "first_alert", finding->first_alert);
        jsonw_raw(w, "last_alert",
                  finding->last_alert.n ? finding->last_alert : finding->first_alert);
    }
    jsonw_end(w);
}
