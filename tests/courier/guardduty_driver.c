/*
 * guardduty_driver: a finding and its alert in GuardDuty's shape: guardduty_driver [--brief] < JSON of
 * {"finding":{columns},"alert":{Alert v1},"title":"","summary":"","link":"","cause":""}
 */
#include "base/arena.h"
#include "notify/guardduty.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX ((size_t)4 << 20)

static struct str text(struct json_object *object, const char *key)
{
    struct json_object *value = object ? json_object_object_get(object, key) : NULL;
    return value ? (struct str){ json_object_get_string(value),
                                 (size_t)json_object_get_string_len(value) }
                 : (struct str){ 0 };
}

static int64_t number(struct json_object *object, const char *key)
{
    struct json_object *value = json_object_object_get(object, key);
    return value ? json_object_get_int64(value) : 0;
}

static void read_finding(struct json_object *json, struct finding *ret)
{
#define FINDING_TEXT(member) ret->member = text(json, #member);
#define FINDING_INT(member)  ret->member = number(json, #member);
#include "store/finding_columns.def"
}

int main(int argc, char **argv)
{
    (void)argv;
    char *input = mem_zalloc(INPUT_MAX);
    if (!input || fread(input, 1, INPUT_MAX - 1, stdin) == 0) {
        return EXIT_FAILURE;
    }
    struct json_object *json = json_tokener_parse(input);
    struct finding finding = { 0 };
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    read_finding(json_object_object_get(json, "finding"), &finding);
    buf_init(&buf, INPUT_MAX);
    guardduty_put(&w, &(struct guardduty){ .finding = &finding,
                                           .alert = json_object_object_get(json, "alert"),
                                           .title = text(json, "title"),
                                           .summary = text(json, "summary"),
                                           .link = text(json, "link"),
                                           .cause = text(json, "cause"),
                                           .brief = argc > 1 });
    fwrite(buf.p, 1, buf.n, stdout);
    int status = buf.failed ? EXIT_FAILURE : EXIT_SUCCESS;
    buf_done(&buf);
    json_object_put(json);
    free(input);
    return status;
}
