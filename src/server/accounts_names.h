/*
 * accounts_names: roles and permissions by name, and what names and passwords may be.
 */
#pragma once

#include "base/buf.h"
#include "server/http.h"

#define USER_NAME_MAX    64
#define DISPLAY_NAME_MAX 200  /* bytes */
#define PASSWORD_LEAST   12   /* characters */
#define PASSWORD_MOST    256  /* characters */
#define PASSWORD_BYTES   1024 /* bytes of as many characters */
#define ACCOUNT_TEXT_MAX 128  /* names of tokens, agents, clusters */
#define TIME_ZONE_MAX    64
#define LABELS_MAX       32
#define LABEL_KEY_MAX    64
#define LABEL_VALUE_MAX  256
#define LABELS_TEXT_MAX  16384

/* What a role may; 0: there is no such role. */
unsigned role_may(struct str role);
/* What somebody of that role may give to a token. */
unsigned role_may_give(struct str role);

/* One permission of a token by its word; 0: there is none. */
unsigned permission_of(struct str word);
/* An array of words, as the next value of w. */
void permissions_write(struct jsonw *w, const char *key, unsigned may);

/* NULL: it is fine; else what is wrong with it, after "the name". */
const char *user_name_wrong(struct str name);
/* The same of a text that people read: UTF-8 without control characters. */
bool text_is_plain(struct str text);
bool time_zone_ok(struct str name);
/* NULL: it is fine; else a sentence. */
const char *password_wrong(struct str password, struct str name);
