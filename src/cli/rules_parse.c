/*
 * rules parse: conditions as NDJSON on standard input, their canonical form on standard output.
 *
 *     {"filter":"a.b=1"}   ->   {"ok":true,"canonical":"a.b = 1"}
 *     {"filter":"a.b="}    ->   {"ok":false,"error":"expected a string value...","column":5}
 *
 * One answer for each line, in order, written before the next line is read; empty lines are
 * skipped. Grammar only: names of fields, macros and lists mean nothing here. Lines are limited to
 * LINE_MAX_SIZE.
 */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "rules/ast.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_SIZE    ((size_t)4 << 20)
#define ANSWER_MAX_SIZE  (8 * LINE_MAX_SIZE)
#define PARSE_MEMORY_MAX ((size_t)512 << 20)

struct parse_session {
    struct arena arena;
    struct buf line;
    struct buf answer;
    struct buf canonical;
};

static void answer_error(struct parse_session *session, const char *error, uint32_t column)
{
    struct jsonw w = { .buf = &session->answer };
    jsonw_object(&w, NULL);
    jsonw_bool(&w, "ok", false);
    jsonw_strz(&w, "error", error);
    if (column > 0) {
        jsonw_u64(&w, "column", column);
    }
    jsonw_end(&w);
}

static void answer_condition(struct parse_session *session, struct str filter)
{
    struct ast *ast;
    uint32_t offset;
    struct err err = { 0 };
    arena_reset(&session->arena);
    if (parse_condition(&session->arena, filter, FILTER_DEPTH_MAX, &ast, &offset, &err) < 0) {
        answer_error(session, err.message, offset + 1);
        return;
    }
    buf_clear(&session->canonical);
    ast_text(ast, &session->canonical);
    if (session->canonical.failed) {
        answer_error(session, "the canonical form is too long", 0);
        return;
    }
    struct jsonw w = { .buf = &session->answer };
    jsonw_object(&w, NULL);
    jsonw_bool(&w, "ok", true);
    jsonw_str(&w, "canonical", buf_str(&session->canonical));
    jsonw_end(&w);
}

static void answer_json(struct parse_session *session, struct json_object *json)
{
    struct json_object *filter = NULL;
    if (!json_object_is_type(json, json_type_object) ||
        !json_object_object_get_ex(json, "filter", &filter) ||
        !json_object_is_type(filter, json_type_string)) {
        answer_error(session, "expected an object with a string named \"filter\"", 0);
        return;
    }
    answer_condition(session, str_from(json_object_get_string(filter),
                                       (size_t)json_object_get_string_len(filter)));
}

static void answer_line(struct parse_session *session)
{
    buf_clear(&session->answer);
    struct json_tokener *tokener = json_tokener_new();
    if (!tokener) {
        answer_error(session, "out of memory", 0);
        return;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    buf_putc(&session->line, '\n'); /* what ends a bare word or number */
    struct str line = buf_str(&session->line);
    struct json_object *json = json_tokener_parse_ex(tokener, line.p, (int)line.n);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    if (error != json_tokener_success || str_trim(str_from_offset(line, end)).n > 0) {
        char message[128];
        snprintf(message, sizeof(message), "not a line of JSON: %s",
                 error == json_tokener_success    ? "something follows the object"
                 : error == json_tokener_continue ? "it ends too early"
                                                  : json_tokener_error_desc(error));
        answer_error(session, message, 0);
    } else {
        answer_json(session, json);
    }
    json_object_put(json);
    json_tokener_free(tokener);
}

/* 1: a line is in session->line, 0: end of input. An overlong line is marked failed. */
static int read_line(struct parse_session *session, FILE *in)
{
    buf_clear(&session->line);
    int c = getc_unlocked(in);
    if (c == EOF) {
        return 0;
    }
    for (; c != EOF && c != '\n'; c = getc_unlocked(in)) {
        buf_putc(&session->line, (char)c);
    }
    return 1;
}

static int write_answer(struct parse_session *session)
{
    buf_putc(&session->answer, '\n');
    if (session->answer.failed) {
        buf_clear(&session->answer);
        answer_error(session, "the answer is too long", 0);
        buf_putc(&session->answer, '\n');
    }
    struct str answer = buf_str(&session->answer);
    return fwrite(answer.p, 1, answer.n, stdout) == answer.n && fflush(stdout) == 0 ? 0 : -EIO;
}

static int parse_lines(struct parse_session *session)
{
    while (read_line(session, stdin)) {
        if (session->line.failed) {
            buf_clear(&session->answer);
            answer_error(session, "the line is longer than 4 MiB", 0);
        } else if (str_trim(buf_str(&session->line)).n == 0) {
            continue;
        } else {
            answer_line(session);
        }
        if (write_answer(session) < 0) {
            perror("hinomi: standard output");
            return EXIT_NEGATIVE;
        }
    }
    if (ferror(stdin)) {
        perror("hinomi: standard input");
        return EXIT_NEGATIVE;
    }
    return EXIT_OK;
}

int cli_rules_parse(int argc, char **argv)
{
    static const char usage[] =
        "Usage: hinomi rules parse < CONDITIONS.ndjson\n\n"
        "Reads conditions from standard input, a line of JSON each, and answers each with a "
        "line:\n\n"
        "  {\"filter\":\"proc.name=sh\"}  {\"ok\":true,\"canonical\":\"proc.name = sh\"}\n"
        "  {\"filter\":\"proc.name=\"}    {\"ok\":false,\"error\":\"...\",\"column\":11}\n\n"
        "Grammar only: fields, macros and lists need not exist. A line may have 4 MiB.\n\n"
        "  --help      print this\n\n"
        "Exit status: 0 all lines answered, 1 standard output cannot be written, 2 usage.\n";
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0;
        if (!help) {
            fprintf(stderr, "%s: takes no arguments: %s\n\n", argv[0], argv[1]);
        }
        fputs(usage, help ? stdout : stderr);
        return help ? EXIT_OK : EXIT_USAGE;
    }
    struct parse_session session = { 0 };
    arena_init(&session.arena, PARSE_MEMORY_MAX);
    buf_init(&session.line, LINE_MAX_SIZE + 1);
    buf_init(&session.answer, ANSWER_MAX_SIZE);
    buf_init(&session.canonical, ANSWER_MAX_SIZE);
    int status = parse_lines(&session);
    buf_done(&session.canonical);
    buf_done(&session.answer);
    buf_done(&session.line);
    arena_done(&session.arena);
    return status;
}
