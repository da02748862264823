/*
 * question: a set-associative table; a hash of what has to be equal picks the set.
 */
#include "sensor/dns/question.h"

const struct ip *report_client(const struct dns_report *report, uint16_t *ret_port)
{
    bool answer = report->kind == REPORT_DNS && report->message.response;
    *ret_port = answer ? report->dport : report->sport;
    return answer ? &report->dest : &report->source;
}

const struct ip *report_server(const struct dns_report *report, uint16_t *ret_port)
{
    bool answer = report->kind == REPORT_DNS && report->message.response;
    *ret_port = answer ? report->sport : report->dport;
    return answer ? &report->source : &report->dest;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t hash_of(const struct dns_report *report)
{
    uint16_t port;
    const struct ip *client = report_client(report, &port);
    const struct dns_message *m = &report->message;
    uint64_t hash = str_hash((struct str){ m->texts, m->name_n });
    hash = mix(hash, str_hash(str_from(client->bytes, sizeof(client->bytes))));
    hash = mix(hash, (uint64_t)port << 32 | (uint64_t)m->id << 16 | report->proto);
    return mix(hash, m->type);
}

bool question_is_repeated(struct questions *questions, const struct dns_report *report,
                          uint64_t now_ns)
{
    uint16_t port;
    const struct ip *server = report_server(report, &port);
    uint64_t hash = mix(hash_of(report), str_hash(str_from(server->bytes, sizeof(server->bytes))));
    hash = mix(hash, (uint64_t)report->message.response << 16 | port);
    for (unsigned i = 0; i < QUESTION_PREVIOUS; i++) {
        const struct previous *p = &questions->previous[i];
        if (p->hash == hash && p->interface != report->interface &&
            now_ns < p->ts_ns + QUESTION_REPEATED_NS) {
            return true;
        }
    }
    questions->previous[questions->next_previous] =
        (struct previous){ hash, now_ns, report->interface };
    questions->next_previous = (questions->next_previous + 1) % QUESTION_PREVIOUS;
    return false;
}

static struct question *set_of(struct questions *questions, uint64_t hash)
{
    return &questions->list[hash % (QUESTIONS_MAX / QUESTION_WAYS) * QUESTION_WAYS];
}

struct question *question_ask(struct questions *questions, const struct dns_report *report,
                              uint64_t now_ns)
{
    uint64_t hash = hash_of(report);
    struct question *set = set_of(questions, hash), *place = set;
    for (unsigned i = 0; i < QUESTION_WAYS; i++) {
        if (set[i].ts_ns && set[i].hash == hash) {
            place = &set[i]; /* asked again, after a time-out */
            break;
        }
        place = set[i].ts_ns < place->ts_ns ? &set[i] : place;
    }
    uint16_t port;
    *place = (struct question){
        .ts_ns = now_ns, .hash = hash, .server = *report_server(report, &port), .pid = -1
    };
    return place;
}

struct question *question_answered(struct questions *questions, const struct dns_report *report,
                                   uint64_t now_ns)
{
    uint64_t hash = hash_of(report);
    struct question *set = set_of(questions, hash);
    uint16_t port;
    const struct ip *server = report_server(report, &port);
    for (unsigned i = 0; i < QUESTION_WAYS; i++) {
        struct question *q = &set[i];
        if (q->ts_ns && q->hash == hash && now_ns < q->ts_ns + QUESTION_LIFE_NS &&
            memcmp(q->server.bytes, server->bytes, sizeof(server->bytes)) == 0) {
            return q;
        }
    }
    return NULL;
}
