/* cmd_op.c - operations: which there are, how one goes, and deciding on one by hand. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "catalog/saga.h"
#include "cli/operation.h"
#include "cli/output.h"

enum { OPS_BYTES_MAX = 16 << 20, OPS_SHOWN = 20, OPS_SHOWN_MAX = 10000 };

static enum status op_cmd_list(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    BUF(out, OPS_BYTES_MAX);
    bool open = false;
    int64_t limit = OPS_SHOWN;
    const struct flag flag[] = { { "open", FLAG_SWITCH, { .on = &open } },
                                 { "limit", FLAG_NUMBER, { .number = &limit } } };
    struct words words = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st == ST_OK && limit > OPS_SHOWN_MAX)
        st = fail(e, ST_INVALID, "--limit is at most %d.", OPS_SHOWN_MAX);
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st == ST_OK)
        st = op_list_write(&w.env, (size_t)limit, open, &out, e);
    if (st != ST_OK)
        return st;
    if (cli->json || !is_terminal(stdout)) {
        printf("%.*s", STR_ARG(buf_str(&out)));
        return ST_OK;
    }
    for (str lines = buf_str(&out), line; lines.n;) {
        lines = str_cut(lines, '\n', &line);
        if (line.n)
            operation_print(line, false);
    }
    if (!out.n)
        say("There is no operation%s.", open ? " under way or stuck" : "");
    return ST_OK;
}

static enum status op_cmd_show(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    BUF(out, OPS_BYTES_MAX);
    struct words words = { 0 };

    enum status st = flags_read(cli, NULL, 0, &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 2, 2, e);
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st == ST_OK)
        st = op_write(&w.env, str_of(words.word[1]), &out, e);
    if (st != ST_OK)
        return st;
    if (cli->json || !is_terminal(stdout))
        printf("%.*s\n", STR_ARG(buf_str(&out)));
    else
        operation_print(buf_str(&out), true);
    return ST_OK;
}

static enum status decide(struct cli *cli, const char *op, bool aborting, struct error *e)
{
    BUF(line, OPERATION_ORDER_BYTES_MAX);
    struct json_writer w = { .b = &line };
    struct words words = { 0 };
    struct operation_answer answer = { .aborting = aborting };

    enum status st = flags_read(cli, NULL, 0, &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 2, 2, e);
    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_key(&w, S("op"));
    jw_str(&w, str_of(op));
    jw_key(&w, S("id"));
    jw_str(&w, str_of(words.word[1]));
    jw_end(&w);
    return operation_send(cli, buf_str(&line), &answer, e);
}

static enum status op_cmd_resume(struct cli *cli, struct error *e)
{
    return decide(cli, "op_resume", false, e);
}

static enum status op_cmd_abort(struct cli *cli, struct error *e)
{
    return decide(cli, "op_abort", true, e);
}

enum status cmd_op(struct cli *cli, struct error *e)
{
    static const struct {
        const char *name;
        enum status (*run)(struct cli *, struct error *);
    } sub[] = { { "list", op_cmd_list },
                { "show", op_cmd_show },
                { "resume", op_cmd_resume },
                { "abort", op_cmd_abort } };
    const char *name = cli->argc > 1 ? cli->argv[1] : "";

    for (size_t i = 0; i < COUNT(sub); i++)
        if (strcmp(sub[i].name, name) == 0)
            return sub[i].run(cli, e);
    return fail(e, ST_INVALID, "`brindle op` knows list, show, resume and abort, not \"%.40s\".",
                name);
}
