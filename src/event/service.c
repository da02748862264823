/*
 * service: ports of well-known services by name, and back.
 *
 * Shape: services.def is sorted by port; several names of one port follow each other, the usual one
 * first, which is the one printed. Names are looked up when rules are compiled, ports when events
 * are printed: the table is scanned for the former and halved for the latter.
 */
#include "event/kind.h"

#include <stddef.h>

enum { TCP = 1, UDP = 2, BOTH = TCP | UDP };

struct service {
    const char *name;
    uint16_t port;
    uint8_t protocols;
};

static const struct service services[] = {
#define SERVICE(port, protocols, name) { name, port, protocols },
#include "event/services.def"
#undef SERVICE
};

#define SERVICES (sizeof(services) / sizeof(*services))

uint16_t service_port(struct str name)
{
    for (size_t i = 0; i < SERVICES; i++) {
        if (str_eqz(name, services[i].name)) {
            return services[i].port;
        }
    }
    return 0;
}

const char *service_name(uint16_t port, bool udp)
{
    size_t low = 0;
    size_t high = SERVICES;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (services[middle].port < port) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < SERVICES && services[low].port == port; low++) {
        if (services[low].protocols & (udp ? UDP : TCP)) {
            return services[low].name;
        }
    }
    return NULL;
}
