/*
 * doctor: which rules cannot fire here, and which only for some of their calls.
 *
 * A rule can match events of certain names. A name is no use here when no call of the sensor has it, when
 * this machine has no such call, or when a filter in force refuses the call before the sensor is asked.
 * Each call is tried once, whatever the number of rules.
 */
#include "cli/doctor.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/load_rules.h"
#include "event/kind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum use { USE_FINE, USE_NOT_SENSED, USE_AGENT, USE_LACKS, USE_HIDDEN };

struct name_use {
    uint8_t use;
    uint8_t known;
    int error;
};

struct doctor_rules {
    struct ruleset *ruleset;
    struct selection selection;
    bool try_calls;
    struct name_use names[NAME_MAX_ID];
};

CLEANUP_DEFINE(struct doctor_rules, doctor_rules_free);

void doctor_rules_free(struct doctor_rules *rules)
{
    if (rules) {
        selection_done(&rules->selection);
        ruleset_free(rules->ruleset);
        free(rules);
    }
}

static bool is_watched(const struct doctor_rules *r, const struct rule *rule)
{
    return r->selection.enabled[rule->index] && rule->cond;
}

static void look_at(struct doctor_rules *r, uint16_t name)
{
    struct name_use *n = &r->names[name];
    const struct call *call = call_find(name);
    if (n->known) {
        return;
    }
    n->known = true;
    if (!call) {
        n->use = name == NAME_procexit                  ? USE_FINE
                 : name == NAME_dns || name == NAME_tls ? USE_AGENT
                                                        : USE_NOT_SENSED;
        return;
    }
    if (r->try_calls) {
        switch (doctor_try_call(call, &n->error)) {
        case DOCTOR_CALL_HIDDEN:
            n->use = USE_HIDDEN;
            break;
        case DOCTOR_CALL_LACKS:
            n->use = USE_LACKS;
            break;
        default:
            n->use = USE_FINE;
        }
    }
}

static void look_at_all(struct doctor_rules *r)
{
    for (uint32_t i = 0; i < r->ruleset->nrules; i++) {
        const struct rule *rule = &r->ruleset->rules[i];
        for (uint16_t name = 0; is_watched(r, rule) && !rule->any_name && name < NAME_MAX_ID;
             name++) {
            if (nameset_has(&rule->names, name)) {
                look_at(r, name);
            }
        }
    }
}

int doctor_rules_new(const struct rule_choice *choice, bool try_calls, struct doctor_rules **ret)
{
    CLEANUP(cleanup_doctor_rules_free) struct doctor_rules *r = mem_zalloc(sizeof *r);
    if (!r) {
        return EXIT_NEGATIVE;
    }
    int status = cli_load_rules(choice->rules.items, (int)choice->rules.n, &r->ruleset);
    if (status != EXIT_OK) {
        return status;
    }
    if (rule_choice_select(choice, r->ruleset, &r->selection) < 0) {
        return EXIT_NEGATIVE;
    }
    r->try_calls = try_calls;
    look_at_all(r);
    *ret = TAKE(r);
    return 0;
}

/* Of a rule's names: how many there are, and how many are of use. */
static void count_names(const struct doctor_rules *r, const struct rule *rule, unsigned *ret_all,
                        unsigned *ret_fine)
{
    *ret_all = *ret_fine = 0;
    for (uint16_t name = 0; name < NAME_MAX_ID; name++) {
        if (nameset_has(&rule->names, name)) {
            ++*ret_all;
            *ret_fine += r->names[name].use == USE_FINE;
        }
    }
}

/* Cannot fire at all; or, `partly`, not for all of its calls where the lack is of this place. */
static bool is_affected(const struct doctor_rules *r, const struct rule *rule, bool partly)
{
    unsigned all, fine;
    if (!is_watched(r, rule) || rule->any_name) {
        return false;
    }
    count_names(r, rule, &all, &fine);
    if (!partly) {
        return fine == 0 && all > 0;
    }
    for (uint16_t name = 0; fine > 0 && name < NAME_MAX_ID; name++) {
        if (nameset_has(&rule->names, name) && r->names[name].use == USE_HIDDEN) {
            return true;
        }
    }
    return false;
}

static const char *use_text(const struct name_use *n)
{
    switch (n->use) {
    case USE_NOT_SENSED:
        return "not a call of this sensor";
    case USE_AGENT:
        return "seen by hinomi-agent only";
    case USE_LACKS:
        return "this machine has no such call";
    default:
        return n->error == EPERM    ? "refused (EPERM) by the seccomp profile in force"
               : n->error == ENOSYS ? "refused (ENOSYS) by the seccomp profile in force"
               : n->error           ? "refused by the seccomp profile in force"
                                    : "ends the process, by the seccomp profile in force";
    }
}

static void put_reasons(const struct doctor_rules *r, const struct rule *rule, struct buf *buf)
{
    for (unsigned use = USE_NOT_SENSED; use <= USE_HIDDEN; use++) {
        const struct name_use *last = NULL;
        for (uint16_t name = 0; name < NAME_MAX_ID; name++) {
            const struct name_use *n = &r->names[name];
            if (n->use == use && nameset_has(&rule->names, name)) {
                buf_putz(buf, last ? ", " : "      ");
                buf_putz(buf, name_text(name));
                last = n;
            }
        }
        if (last) {
            buf_printf(buf, ": %s\n", use_text(last));
        }
    }
}

static unsigned put_affected(const struct doctor_rules *r, bool partly, struct buf *buf)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < r->ruleset->nrules; i++) {
        const struct rule *rule = &r->ruleset->rules[i];
        if (is_affected(r, rule, partly)) {
            if (count++ == 0) {
                buf_printf(buf, "  %s\n",
                           partly ? "see only some of their calls:" : "cannot fire:");
            }
            buf_putz(buf, "    ");
            buf_json_escaped(buf, rule->name);
            buf_putc(buf, '\n');
            put_reasons(r, rule, buf);
        }
    }
    return count;
}

static unsigned count_watched(const struct doctor_rules *r)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < r->ruleset->nrules; i++) {
        count += is_watched(r, &r->ruleset->rules[i]);
    }
    return count;
}

void doctor_rules_text(const struct doctor_rules *r, struct buf *buf)
{
    buf_printf(buf, "\nrules: %u enabled\n", count_watched(r));
    unsigned count = put_affected(r, false, buf);
    count += put_affected(r, true, buf);
    if (count == 0) {
        buf_putz(buf, "  each of them can fire here\n");
    }
    if (!r->try_calls) {
        buf_putz(buf, "  what the seccomp profile in force hides could not be tried\n");
    }
}

static void json_affected(const struct doctor_rules *r, bool partly, struct jsonw *w)
{
    jsonw_array(w, partly ? "partly" : "cannot_fire");
    for (uint32_t i = 0; i < r->ruleset->nrules; i++) {
        const struct rule *rule = &r->ruleset->rules[i];
        if (!is_affected(r, rule, partly)) {
            continue;
        }
        jsonw_object(w, NULL);
        jsonw_str(w, "rule", rule->name);
        jsonw_array(w, "calls");
        for (uint16_t name = 0; name < NAME_MAX_ID; name++) {
            if (nameset_has(&rule->names, name) && r->names[name].use != USE_FINE) {
                jsonw_object(w, NULL);
                jsonw_strz(w, "call", name_text(name));
                jsonw_strz(w, "why", use_text(&r->names[name]));
                jsonw_end(w);
            }
        }
        jsonw_end(w);
        jsonw_end(w);
    }
    jsonw_end(w);
}

void doctor_rules_json(const struct doctor_rules *r, struct jsonw *w)
{
    jsonw_object(w, "rules");
    jsonw_u64(w, "enabled", count_watched(r));
    jsonw_bool(w, "calls_tried", r->try_calls);
    json_affected(r, false, w);
    json_affected(r, true, w);
    jsonw_end(w);
}
