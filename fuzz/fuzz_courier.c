/*
 * fuzz courier: any bytes as messages of the courier's process, as requests to it, as a url, as an answer of AWS: no read
 * beyond them, everything within its limits, and no url that is taken leads to a host that could not be one.
 *
 * Input: a byte that chooses, then the bytes.
 */
#include "fuzz.h"

#include "aws/aws.h"
#include "courier/check.h"
#include "courier/wire.h"

#include <errno.h>
#include <string.h>

static void answer(struct str text)
{
    struct courier_answer answer;
    uint64_t id;
    size_t n = wire_size(text);
    FUZZ_CHECK(n == 0 || n == SIZE_MAX || n <= text.n);
    (void)wire_kind(text, &id);
    if (wire_get_answer(text, &answer)) {
        FUZZ_CHECK(answer.nheaders <= COURIER_WANTED_MAX && answer.status >= 0);
        FUZZ_CHECK(answer.body.n <= text.n && strlen(answer.text) < COURIER_TEXT_MAX);
        for (const char *c = answer.text; *c; c++) {
            FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
        }
    }
}

static void request(struct str text)
{
    static struct wire_request request;
    static struct wire_options options;
    struct err err = { 0 };
    if (wire_get_request(text, &request) && courier_check(&request.request, &err) == 0) {
        FUZZ_CHECK(request.request.url.p[request.request.url.n] == '\0');
        FUZZ_CHECK(str_find_char(request.request.url, '\n') < 0);
    }
    wire_get_options(text, &options);
}

static void url(struct str text)
{
    struct target target;
    struct err err = { 0 };
    if (target_of(text, &target, &err) == 0) {
        FUZZ_CHECK(target.host[0] && strlen(target.host) < sizeof(target.host));
        FUZZ_CHECK(!strpbrk(target.host, "/@ \\?#\r\n"));
        FUZZ_CHECK(str_find(text, STR("://")) > 0);
    } else {
        FUZZ_CHECK(err.message[0]);
    }
}

static void mail(struct str text)
{
    struct err err = { 0 };
    ptrdiff_t line = str_find_char(text, '\n');
    struct str address = line < 0 ? text : str_first(text, (size_t)line);
    const struct courier_request mail = { .url = STR("smtp://a.example"),
                                          .to = &address,
                                          .nto = 1,
                                          .body = str_from_offset(text, address.n + 1) };
    if (courier_check(&mail, &err) == 0) {
        FUZZ_CHECK(str_find_char(address, '>') < 0 && str_find_char(address, '\r') < 0);
        FUZZ_CHECK(str_ends(mail.body, STR("\r\n")));
        FUZZ_CHECK(str_find(mail.body, STR("\n\n")) < 0 && str_find(mail.body, STR("\r\r")) < 0);
    }
}

static void aws(struct str text)
{
    struct err err = { 0 };
    struct courier_answer answer = { .status = text.n % 2 ? 200 : 400, .body = text };
    int r = aws_judge_event(NULL, &answer, &err);
    FUZZ_CHECK(r <= 0 && (r == 0 || err.message[0]));
    answer.headers[0] = (struct courier_header){ STR("X-Amzn-ErrorType"), text };
    answer.nheaders = 1;
    r = aws_judge(NULL, &answer, &err);
    FUZZ_CHECK(r == 0 || r == -EAGAIN || r == -EIO);
    struct aws_arn arn;
    FUZZ_CHECK(!aws_arn_parse(text, &arn) || aws_region_is_good(arn.region));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(struct str) = { answer, request, url, mail, aws };
    if (size > 0) {
        char *copy = malloc(size);
        memcpy(copy, data + 1, size - 1);
        targets[data[0] % (sizeof(targets) / sizeof(*targets))]((struct str){ copy, size - 1 });
        free(copy);
    }
    return 0;
}
