/*
 * Made events: parameters laid one after the other, as a sensor would.
 *
 * The width of an integer is what the table's type says; types without a width of their own (texts,
 * buffers, addresses) are for the other functions.
 */
#include "sensor/fake/made_event.h"

#define FAMILY_INET 2

void made_begin(struct made_event *made, uint16_t kind, int64_t tid, uint64_t ts_ns)
{
    made->event = (struct event){ .ts_ns = ts_ns,
                                  .tid = tid,
                                  .kind = kind,
                                  .exact = true,
                                  .name = kind_table[kind].name_id,
                                  .fd_num = -1,
                                  .data = made->data };
    made->n = 0;
    made->overflow = false;
}

void made_bytes(struct made_event *made, const void *p, size_t n)
{
    struct event *event = &made->event;
    if (event->nparams == KIND_PARAMS_MAX || n > MADE_DATA_MAX - made->n) {
        made->overflow = true;
        return;
    }
    if (n) {
        memcpy(made->data + made->n, p, n);
    }
    event->at[event->nparams++] = (uint32_t)made->n;
    made->n += n;
    event->at[event->nparams] = (uint32_t)made->n;
}

void made_int(struct made_event *made, int64_t value)
{
    const struct kind *kind = &kind_table[made->event.kind];
    unsigned i = made->event.nparams;
    made_bytes(made, &value,
               i < kind->nparams ? param_number_size(kind->params[i].type) : sizeof value);
}

void made_text(struct made_event *made, const char *text)
{
    made_bytes(made, text, strlen(text) + 1);
}

void made_str(struct made_event *made, struct str text)
{
    made_bytes(made, text.p, text.n);
    if (!made->overflow && made->n < MADE_DATA_MAX) {
        made->data[made->n++] = '\0';
        made->event.at[made->event.nparams] = (uint32_t)made->n;
    }
}

void made_sockaddr4(struct made_event *made, const uint8_t ip[4], uint16_t port)
{
    uint8_t p[7] = { FAMILY_INET };
    memcpy(p + 1, ip, 4);
    memcpy(p + 5, &port, 2);
    made_bytes(made, p, sizeof p);
}

void made_tuple4(struct made_event *made, const uint8_t sip[4], uint16_t sport,
                 const uint8_t dip[4], uint16_t dport)
{
    uint8_t p[13] = { FAMILY_INET };
    memcpy(p + 1, sip, 4);
    memcpy(p + 5, &sport, 2);
    memcpy(p + 7, dip, 4);
    memcpy(p + 11, &dport, 2);
    made_bytes(made, p, sizeof p);
}

void made_done(struct made_event *made)
{
    made->event.data = made->data;
}
