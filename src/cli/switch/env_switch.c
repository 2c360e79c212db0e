#include "cli/switch/env_switch.h"

#include <stdio.h>
#include <string.h>

#include "cli/keys.h"
#include "cli/output.h"
#include "cli/switch/switcher.h"

static bool interrupted(struct switch_world *w)
{
    (void)w;
    return cli_interrupted();
}

static enum status ask_for_url(struct switch_world *w, const char *url, struct error *e)
{
    return confirm(switcher_of(w)->cli, e,
                   "Make a webhook endpoint at Stripe that leads to %s, or set right the one that "
                   "is there?",
                   url);
}

/* ---- what people and programs read ------------------------------------------------------------
 */

static void tell(struct switch_world *w, const struct switch_item *item)
{
    static const enum color color[] = { COLOR_GOOD, COLOR_WARN, COLOR_DIM, COLOR_BAD, COLOR_DIM };

    if (switcher_of(w)->cli->json) {
        BUF(line, SWITCH_TEXT_MAX * 8);
        switch_item_write(&line, item);
        printf("%.*s\n", STR_ARG(buf_str(&line)));
    } else {
        printf("%s%-8s%s %-10s %s\n", color_on(stdout, color[item->outcome]),
               switch_outcome_name(item->outcome), color_off(stdout), item->step, item->text);
    }
    fflush(stdout);
}

static void remark(struct switch_world *w, const char *text)
{
    (void)w;
    say("%s", text);
}

static void tell_rest(struct switch_world *w, const char *from, const char *to, bool by_itself)
{
    if (!switcher_of(w)->cli->json)
        say("The switch is not over: `brindle env switch %s` goes on, `brindle env switch %s` goes "
            "back.%s",
            to, from, by_itself ? " A daemon that runs goes on by itself." : "");
}

static const struct switch_world_ops ops = {
    .name = switcher_name,
    .lock = switcher_lock,
    .unlock = switcher_unlock,
    .interrupted = interrupted,
    .look = switcher_look,
    .open_env = switcher_open,
    .close_env = switcher_close,
    .tell_daemon = switcher_tell_daemon,
    .served = switcher_served,
    .start_work = switcher_start_work,
    .stop_work = switcher_stop_work,
    .settle = switcher_settle,
    .confirm = ask_for_url,
    .endpoint = switcher_endpoint,
    .n_secrets = switcher_n_secrets,
    .door = switcher_door,
    .ping = switcher_ping,
    .application = switcher_application,
    .tell = tell,
    .say = remark,
    .rests = tell_rest,
};

/* ---- the command ------------------------------------------------------------------------------
 */

static enum status find_target(struct switcher *s, const char *to, struct env_config **out,
                               struct error *e)
{
    enum status st = config_find_all(s->c, e);

    if (st == ST_OK && !to)
        st = fail(e, ST_INVALID, "Say where to: `brindle env switch NAME`.");
    if (st == ST_OK)
        st = config_env(s->c, to, out, e);
    if (st == ST_OK && key_judge(&(*out)->secret_key, NULL) == KEY_NONE)
        st = fail(e, ST_REFUSED,
                  "Environment %s has no key: set it first, in [env %s] of brindle.conf, or as "
                  "STRIPE_SECRET_KEY.",
                  to, to);
    return st;
}

static enum status run(struct switcher *s, struct switch_order *order, struct error *e)
{
    struct env_config *to = NULL;
    enum status st = switch_order_check(order, e);

    if (st == ST_OK)
        st = find_target(s, order->to, &to, e);
    if (st != ST_OK)
        return st;
    order->to = s->to = to->name;
    order->start_ms = config_number(&to->values, SET_START) * 1000;
    cli_catch_signals(NULL, NULL);
    st = switch_run(&s->world, order, e);
    if (s->sends)
        wire_sender_close(&s->sender);
    return st;
}

enum status env_switch(struct cli *cli, const char *to, const struct env_switch_options *o,
                       struct error *e)
{
    struct switcher s = {
        .world = { &ops, wire_clock() }, .cli = cli, .c = &cli->config, .lock = -1
    };
    struct switch_order order = {
        .to = to,
        .from = o->from,
        .url = o->url,
        .until = o->until,
        .dry_run = o->dry_run,
        .resume = o->resume,
        .drain_ms = o->drain_seconds * 1000,
    };

    return run(&s, &order, e);
}
