/*
 * Words of roles and permissions; rules of names and passwords. A password is long, and not the name; what it is
 * made of is its owner's business.
 */
#include "server/accounts_names.h"

#define VIEWER  (MAY_READ | MAY_SELF)
#define ANALYST (VIEWER | MAY_TRIAGE | MAY_CONTENT | MAY_RESPOND)
#define ADMIN   (ANALYST | MAY_ADMIN)

static const struct {
    const char *name;
    unsigned may, gives;
} roles[] = {
    { "viewer", VIEWER, MAY_READ },
    { "analyst", ANALYST, MAY_READ | MAY_TRIAGE | MAY_CONTENT | MAY_RESPOND },
    { "admin", ADMIN,
      MAY_READ | MAY_TRIAGE | MAY_CONTENT | MAY_RESPOND | MAY_ADMIN | MAY_SEND_FALCO },
};

static const struct {
    const char *word;
    unsigned may;
} permissions[] = {
    { "read", MAY_READ },       { "triage", MAY_TRIAGE }, { "content", MAY_CONTENT },
    { "respond", MAY_RESPOND }, { "admin", MAY_ADMIN },   { "falco", MAY_SEND_FALCO },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

unsigned role_may(struct str role)
{
    for (size_t i = 0; i < COUNT(roles); i++) {
        if (str_eqz(role, roles[i].name)) {
            return roles[i].may;
        }
    }
    return 0;
}

unsigned role_may_give(struct str role)
{
    for (size_t i = 0; i < COUNT(roles); i++) {
        if (str_eqz(role, roles[i].name)) {
            return roles[i].gives;
        }
    }
    return 0;
}

unsigned permission_of(struct str word)
{
    for (size_t i = 0; i < COUNT(permissions); i++) {
        if (str_eqz(word, permissions[i].word)) {
            return permissions[i].may;
        }
    }
    return 0;
}

void permissions_write(struct jsonw *w, const char *key, unsigned may)
{
    jsonw_array(w, key);
    for (size_t i = 0; i < COUNT(permissions); i++) {
        if (may & permissions[i].may) {
            jsonw_strz(w, NULL, permissions[i].word);
        }
    }
    jsonw_end(w);
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

const char *user_name_wrong(struct str name)
{
    if (name.n == 0 || name.n > USER_NAME_MAX) {
        return "has 1 to 64 characters";
    }
    if (!is_letter_or_digit(name.p[0])) {
        return "begins with a letter or a digit";
    }
    for (size_t i = 0; i < name.n; i++) {
        if (!is_letter_or_digit(name.p[i]) && !memchr("._-@+", name.p[i], 5)) {
            return "is of letters, digits and . _ - @ +";
        }
    }
    return NULL;
}

/* C0, DEL and C1 controls; line and paragraph separators; what turns the direction of text around it. */
static bool is_hidden(const unsigned char *p, size_t left)
{
    if (p[0] < 0x20 || p[0] == 0x7f) {
        return true;
    }
    if (left >= 2 && p[0] == 0xc2) {
        return p[1] < 0xa0;
    }
    return left >= 3 && p[0] == 0xe2 &&
           ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
            (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

bool text_is_plain(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (is_hidden((const unsigned char *)text.p + i, text.n - i)) {
            return false;
        }
    }
    return str_is_utf8(text);
}

bool time_zone_ok(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_letter_or_digit(name.p[i]) && !memchr("_+-/", name.p[i], 4)) {
            return false;
        }
    }
    return name.n <= TIME_ZONE_MAX;
}

static size_t characters(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return n;
}

const char *password_wrong(struct str password, struct str name)
{
    if (!str_is_utf8(password) || str_find_char(password, '\0') >= 0) {
        return "the password must be UTF-8 without NUL";
    }
    if (characters(password) < PASSWORD_LEAST) {
        return "the password must have at least 12 characters";
    }
    if (characters(password) > PASSWORD_MOST) {
        return "the password must have at most 256 characters";
    }
    return str_ieq(password, name) ? "the password must not be the name" : NULL;
}
