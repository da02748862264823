/*
 * hub: messages to listeners, each with a queue of its own.
 *
 * A message is written once, as it is sent, and counted by the queues it is in. Publishing puts it into every
 * queue and rings its bell; a queue that is full is emptied and marked: the next thing that listener gets is
 * "event: lost". One lock for all; nothing is sent under it.
 *
 * A stream ends after HUB_STREAM_S: clients come back by themselves, and are then asked again who they are.
 */
#include "server/hub_client.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "server/bell.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct message {
    unsigned refs; /* under the hub's lock */
    size_t n;
    char text[];
};

struct hub_client {
    struct hub *hub;
    struct bell *bell;
    struct message *queue[HUB_QUEUE_MAX];
    unsigned first, n;
    bool lost;
    uint64_t begun_ns, sent_ns;
    struct hub_client *next, *previous;
};

struct hub {
    pthread_mutex_t lock;
    struct hub_client *clients;
    unsigned nclients;
    uint64_t boot, count; /* ids of messages */
    uint64_t nlost;
};

static const char *const topics[HUB_TOPICS] = { [HUB_FINDING] = "finding",
                                                [HUB_AGENT] = "agent",
                                                [HUB_CONTENT] = "content",
                                                [HUB_SYSTEM] = "system" };

int hub_new(struct hub **ret)
{
    struct hub *hub = mem_zalloc(sizeof *hub);
    if (!hub) {
        return -ENOMEM;
    }
    pthread_mutex_init(&hub->lock, NULL);
    hub->boot = clock_real_ns() / NS_PER_MS;
    *ret = hub;
    return 0;
}

void hub_free(struct hub *hub)
{
    if (hub) {
        pthread_mutex_destroy(&hub->lock);
        free(hub);
    }
}

static void unref(struct message *message)
{
    if (--message->refs == 0) {
        free(message);
    }
}

static void empty(struct hub_client *client)
{
    for (; client->n; client->n--) {
        unref(client->queue[client->first]);
        client->first = (client->first + 1) % HUB_QUEUE_MAX;
    }
}

static void enqueue(struct hub_client *client, struct message *message)
{
    if (client->n == HUB_QUEUE_MAX) {
        client->hub->nlost += client->n;
        empty(client);
        client->lost = true;
    }
    client->queue[(client->first + client->n++) % HUB_QUEUE_MAX] = message;
    message->refs++;
    bell_ring(client->bell);
}

static struct message *make(uint64_t boot, uint64_t count, enum hub_topic topic, struct str json)
{
    struct message *message = mem_alloc(sizeof *message + json.n + 96);
    if (message) {
        struct buf text;
        buf_init_fixed(&text, message->text, json.n + 96);
        buf_printf(&text, "id: %llx-%llu\nevent: %s\ndata: ", (unsigned long long)boot,
                   (unsigned long long)count, topics[topic]);
        buf_puts(&text, json);
        buf_puts(&text, STR("\n\n"));
        message->n = text.n;
        message->refs = 1;
    }
    return message;
}

static void lose_all(struct hub *hub)
{
    for (struct hub_client *c = hub->clients; c; c = c->next) {
        empty(c);
        c->lost = true;
        bell_ring(c->bell);
    }
}

void hub_publish(struct hub *hub, enum hub_topic topic, struct str json)
{
    bool fits =
        json.n <= HUB_MESSAGE_MAX && str_find_char(json, '\n') < 0 && str_find_char(json, '\r') < 0;
    pthread_mutex_lock(&hub->lock);
    hub->count++;
    struct message *message =
        fits && hub->clients ? make(hub->boot, hub->count, topic, json) : NULL;
    if (message) {
        for (struct hub_client *c = hub->clients; c; c = c->next) {
            enqueue(c, message);
        }
        unref(message);
    } else {
        lose_all(hub);
    }
    pthread_mutex_unlock(&hub->lock);
}

/* Whether the listener has heard all there was, by the id it has seen last. */
static bool is_up_to_date(const struct hub *hub, struct str last_id)
{
    char storage[64];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    buf_printf(&text, "%llx-%llu", (unsigned long long)hub->boot, (unsigned long long)hub->count);
    return !last_id.n || str_eq(last_id, buf_str(&text));
}

int hub_client_new(struct hub *hub, struct str last_id, struct hub_client **ret)
{
    struct hub_client *client = mem_zalloc(sizeof *client);
    if (!client || bell_new(&client->bell) < 0) {
        free(client);
        return -ENOMEM;
    }
    client->hub = hub;
    client->begun_ns = clock_boot_ns();
    pthread_mutex_lock(&hub->lock);
    bool full = hub->nclients == HUB_CLIENTS_MAX;
    if (!full) {
        client->lost = !is_up_to_date(hub, last_id);
        client->next = hub->clients;
        if (hub->clients) {
            hub->clients->previous = client;
        }
        hub->clients = client;
        hub->nclients++;
    }
    pthread_mutex_unlock(&hub->lock);
    if (full) {
        bell_free(client->bell);
        free(client);
        return -EBUSY;
    }
    *ret = client;
    return 0;
}

void hub_client_free(struct hub_client *client)
{
    struct hub *hub = client->hub;
    pthread_mutex_lock(&hub->lock);
    if (client->previous) {
        client->previous->next = client->next;
    } else {
        hub->clients = client->next;
    }
    if (client->next) {
        client->next->previous = client->previous;
    }
    hub->nclients--;
    empty(client);
    pthread_mutex_unlock(&hub->lock);
    bell_free(client->bell);
    free(client);
}

struct bell *hub_client_bell(const struct hub_client *client)
{
    return client->bell;
}

bool hub_client_take(struct hub_client *client, struct buf *buf)
{
    uint64_t now_ns = clock_boot_ns();
    size_t before = buf->n;
    if (!client->sent_ns) {
        buf_putz(buf, "retry: 2000\n\n");
    }
    pthread_mutex_lock(&client->hub->lock);
    if (client->lost) {
        buf_printf(buf, "id: %llx-%llu\nevent: lost\ndata: {}\n\n",
                   (unsigned long long)client->hub->boot, (unsigned long long)client->hub->count);
        client->lost = false;
    }
    for (unsigned i = 0; i < client->n; i++) {
        const struct message *message = client->queue[(client->first + i) % HUB_QUEUE_MAX];
        buf_put(buf, message->text, message->n);
    }
    empty(client);
    pthread_mutex_unlock(&client->hub->lock);
    if (buf->n == before && now_ns - client->sent_ns >= HUB_HEARTBEAT_S * NS_PER_S) {
        buf_putz(buf, ":\n\n");
    }
    client->sent_ns = buf->n > before ? now_ns : client->sent_ns;
    return now_ns - client->begun_ns < HUB_STREAM_S * NS_PER_S;
}

void hub_counts(struct hub *hub, struct hub_counts *ret)
{
    pthread_mutex_lock(&hub->lock);
    *ret = (struct hub_counts){ hub->nclients, hub->count, hub->nlost };
    pthread_mutex_unlock(&hub->lock);
}
