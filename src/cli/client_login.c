/*
 * login, logout, setup: how the other verbs come to a server and a credential.
 *
 * A password becomes a session; a token is kept as it is. Secrets are read from files, standard input or the
 * terminal: a command line can be seen by everybody on the machine.
 */
#include "cli/client.h"

#include "cli/client_list.h"

#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 256
#define LINK_SIZE 2048

static int trust(struct client *client, const struct client_args *args)
{
    const char *file = args->values[CLIENT_CA], *hash = args->values[CLIENT_CA_SHA256];
    file = file ? file : getenv("HINOMI_CA");
    hash = hash ? hash : getenv("HINOMI_CA_SHA256");
    buf_clear(&client->ca);
    return file && *file   ? client_file(file, &client->ca)
           : hash && *hash ? client_pin(client, hash)
                           : EXIT_OK;
}

static int keep(struct client *client, const char *who)
{
    char path[4200];
    int status = client_saved_write(client, path, sizeof(path));
    if (status == EXIT_OK) {
        printf("logged in to %s as %s; kept in %s\n", client->url, who, path);
    }
    return status;
}

/* A session's token becomes the client's. */
static int take_session(struct client *client)
{
    const char *token = client_text(client->json, "token");
    if (!*token || strlen(token) >= sizeof(client->token)) {
        fputs("hinomi: this is no answer of a Hinomi server\n", stderr);
        return EXIT_NEGATIVE;
    }
    memcpy(client->token, token, strlen(token) + 1);
    return EXIT_OK;
}

static int with_password(struct client *client, const struct client_args *args)
{
    char name[NAME_SIZE], password[CLIENT_SECRET_MAX];
    const char *user = args->values[CLIENT_USER];
    int status = EXIT_OK;
    if (user) {
        snprintf(name, sizeof(name), "%s", user);
    } else {
        status = client_secret(NULL, "user name", true, name, sizeof(name));
    }
    if (status == EXIT_OK) {
        status = client_secret(args->values[CLIENT_PASSWORD_FILE], "password", false, password,
                               sizeof(password));
    }
    if (status != EXIT_OK) {
        return status;
    }
    struct json_object *body = json_object_new_object();
    client_put(body, "name", name);
    client_put(body, "password", password);
    json_object_object_add(body, "cookie", json_object_new_boolean(false));
    explicit_bzero(password, sizeof(password));
    status = client_send(client, "POST", "/v1/session", body);
    status = status == EXIT_OK ? take_session(client) : status;
    return status == EXIT_OK ? keep(client, name) : status;
}

static int with_token(struct client *client, const char *file)
{
    int status = client_secret(file, "token", false, client->token, sizeof(client->token));
    status = status == EXIT_OK ? client_get(client, "/v1/me") : status;
    return status == EXIT_OK ? keep(client, client_text(client->json, "name")) : status;
}

static int login(struct client *client, const struct client_args *args)
{
    int status = client_set_url(client, args->words[0]);
    status = status == EXIT_OK ? trust(client, args) : status;
    if (status != EXIT_OK) {
        return status;
    }
    const char *token = args->values[CLIENT_TOKEN_FILE];
    return token ? with_token(client, token) : with_password(client, args);
}

static int logout(struct client *client, const struct client_args *args)
{
    (void)args;
    bool there = false;
    int status = client_saved_read(client, &there);
    if (status == EXIT_OK && !there) {
        puts("nobody was logged in");
        return EXIT_OK;
    }
    if (there && strncmp(client->token, "hs_", 3) == 0) {
        client_do(client, &(struct client_call){
                              .method = "DELETE", .path = "/v1/session", .quiet = true });
    }
    if (client_saved_remove() != EXIT_OK) {
        fputs("hinomi: cannot remove the login\n", stderr);
        return EXIT_NEGATIVE;
    }
    puts("logged out");
    return EXIT_OK;
}

/* URL/...#...TOKEN: the server and its secret. */
static int split_link(struct client *client, char *link, const char **ret_token)
{
    char *hash = strchr(link, '#');
    char *host = strstr(link, "://");
    char *slash = host ? strchr(host + 3, '/') : NULL;
    if (!hash || !host || (slash && slash > hash)) {
        slash = NULL;
    }
    if (!hash || !host || !hash[1]) {
        fputs("hinomi: this is no set-up link (URL#TOKEN)\n", stderr);
        return EXIT_USAGE;
    }
    *hash = '\0';
    if (slash) {
        *slash = '\0';
    }
    char *equals = strrchr(hash + 1, '=');
    *ret_token = equals ? equals + 1 : hash + 1;
    return client_set_url(client, link);
}

static int setup(struct client *client, const struct client_args *args)
{
    char link[LINK_SIZE], password[CLIENT_SECRET_MAX];
    const char *token = NULL;
    int status =
        client_secret(args->values[CLIENT_LINK_FILE], "set-up link", false, link, sizeof(link));
    status = status == EXIT_OK ? split_link(client, link, &token) : status;
    if (status == EXIT_OK && args->values[CLIENT_SERVER]) {
        status = client_set_url(client, args->values[CLIENT_SERVER]);
    }
    status = status == EXIT_OK ? trust(client, args) : status;
    if (status == EXIT_OK) {
        status = client_secret(args->values[CLIENT_PASSWORD_FILE], "new password", false, password,
                               sizeof(password));
    }
    if (status != EXIT_OK) {
        return status;
    }
    struct json_object *body = json_object_new_object();
    client_put(body, "token", token);
    client_put(body, "name", args->words[0]);
    client_put(body, "password", password);
    json_object_object_add(body, "cookie", json_object_new_boolean(false));
    explicit_bzero(password, sizeof(password));
    explicit_bzero(link, sizeof(link));
    status = client_send(client, "POST", "/v1/setup", body);
    status = status == EXIT_OK ? take_session(client) : status;
    return status == EXIT_OK ? keep(client, args->words[0]) : status;
}

int cli_login(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { NULL, "URL", 1, 1, BIT(USER) | BIT(PASSWORD_FILE), login, NULL, true },
    };
    static const struct client_verb verb = {
        "Logs in with name and password, asked for on the terminal, or with a token "
        "(--token-file), and keeps\n"
        "the credential and the CA in $XDG_CONFIG_HOME/hinomi/login.json (0600) for the other "
        "verbs.\n",
        actions, 1
    };
    return client_main(&verb, argc, argv);
}

int cli_logout(int argc, char **argv)
{
    static const struct client_action actions[] = { { NULL, NULL, 0, 0, 0, logout, NULL, true } };
    static const struct client_verb verb = { "Ends the session and forgets the login.\n", actions,
                                             1 };
    return client_main(&verb, argc, argv);
}

int cli_setup(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { NULL, "NAME", 1, 1, BIT(LINK_FILE) | BIT(PASSWORD_FILE), setup, NULL, true },
    };
    static const struct client_verb verb = {
        "Makes the first administrator of a new server, by the link in the file setup-link of its\n"
        "directory, and logs in. Link and password are asked for on the terminal when no file is "
        "named.\n",
        actions, 1
    };
    return client_main(&verb, argc, argv);
}
