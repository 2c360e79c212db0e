#include "cli/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static enum key_kind malformed(const char **why, const char *sentence)
{
    if (why)
        *why = sentence;
    return KEY_MALFORMED;
}

enum key_kind key_judge(const struct secret *key, const char **why)
{
    static const struct {
        const char *prefix;
        enum key_kind kind;
    } known[] = {
        { "sk_test_", KEY_TEST }, { "sk_live_", KEY_LIVE },   { "rk_test_", KEY_TEST },
        { "rk_live_", KEY_LIVE }, { "rkcs_test_", KEY_TEST }, { "rkcs_live_", KEY_LIVE }
    };
    str text = secret_reveal(key);

    if (secret_is_empty(key))
        return KEY_NONE;
    if (text.p[0] == '"' || text.p[0] == '\'')
        return malformed(why, "stands in quotes; write it without them");
    if (text.n != str_trim(text).n)
        return malformed(why, "has blanks at its beginning or end");
    if (str_starts(text, S("pk_")))
        return malformed(why, "is a publishable key (pk_…); Brindle needs a secret or restricted "
                              "key (sk_… or rk_…)");
    if (str_starts(text, S("whsec_")))
        return malformed(why, "is a webhook secret (whsec_…), not a key");
    for (size_t i = 0; i < text.n; i++)
        if (!isalnum((unsigned char)text.p[i]) && text.p[i] != '_')
            return malformed(why, "holds a character that no key has");
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_starts(text, str_of(known[i].prefix)) && text.n > strlen(known[i].prefix))
            return known[i].kind;
    return malformed(why, "does not begin with sk_test_, sk_live_, rk_test_ or rk_live_");
}

enum key_kind publishable_judge(str key, const char **why)
{
    if (!key.n)
        return KEY_NONE;
    if (key.p[0] == '"' || key.p[0] == '\'')
        return malformed(why, "stands in quotes; write it without them");
    for (size_t i = 0; i < key.n; i++)
        if (!isalnum((unsigned char)key.p[i]) && key.p[i] != '_')
            return malformed(why, "holds a character that no key has");
    if (str_starts(key, S("sk_")) || str_starts(key, S("rk_")))
        return malformed(why, "is a secret key, and must never reach a browser: roll it");
    if (key.n > 8 && str_starts(key, S("pk_test_")))
        return KEY_TEST;
    if (key.n > 8 && str_starts(key, S("pk_live_")))
        return KEY_LIVE;
    return malformed(why, "does not begin with pk_test_ or pk_live_");
}

const char *webhook_secret_fault(const struct secret *s)
{
    str text = secret_reveal(s);

    if (secret_is_empty(s))
        return "is empty";
    if (text.p[0] == '"' || text.p[0] == '\'')
        return "stands in quotes; write it without them";
    if (str_starts(text, S("sk_")) || str_starts(text, S("rk_")) || str_starts(text, S("pk_")))
        return "is an API key; the signing secret of the endpoint begins with whsec_";
    if (!str_starts(text, S("whsec_")) || text.n == 6)
        return "does not begin with whsec_";
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= ' ' || (unsigned char)text.p[i] > '~')
            return "holds a blank or another character that no secret has";
    return NULL;
}

static const char *kind_name(enum key_kind kind)
{
    return kind == KEY_LIVE ? "live" : "test";
}

enum status keys_check(const struct env_config *env, struct error *e)
{
    const char *why = "";
    enum key_kind secret = key_judge(&env->secret_key, &why);

    if (secret == KEY_MALFORMED)
        return fail(e, ST_INVALID, "The key of environment %s %s.", env->name, why);
    enum key_kind public = publishable_judge(config_text(&env->values, SET_PUBLISHABLE_KEY), &why);
    if (public == KEY_MALFORMED)
        return fail(e, ST_INVALID, "publishable_key of environment %s %s.", env->name, why);
    for (size_t i = 0; i < env->n_webhook_secrets; i++) {
        const char *fault = webhook_secret_fault(&env->webhook_secret[i]);
        if (fault)
            return fail(e, ST_INVALID, "Webhook secret %zu of environment %s %s.", i + 1, env->name,
                        fault);
    }
    if (public != KEY_NONE && secret != KEY_NONE && public != secret)
        return fail(
            e, ST_REFUSED,
            "The keys of environment %s do not belong together: its secret key is a %s "
            "key, its publishable_key a %s key. Nothing was written. Set both from the same "
            "mode (STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY, or [env %s] of "
            "brindle.conf), then run `brindle doctor`.",
            env->name, kind_name(secret), kind_name(public), env->name);
    return ST_OK;
}

/* --- two environments ---------------------------------------------------------------------- */

static enum status shared(const struct env_config *a, const struct env_config *b, const char *what,
                          struct error *e)
{
    return fail(e, ST_INVALID,
                "Environments %s and %s have the same %s. Each environment has its own: none may "
                "reach another's data, and none ever falls back on another's secrets.",
                a->name, b->name, what);
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
    return !secret_is_empty(a) && str_eq(secret_reveal(a), secret_reveal(b));
}

static bool same_hook(const struct env_config *a, const struct env_config *b)
{
    for (size_t i = 0; i < a->n_webhook_secrets; i++)
        for (size_t k = 0; k < b->n_webhook_secrets; k++)
            if (same_secret(&a->webhook_secret[i], &b->webhook_secret[k]))
                return true;
    return false;
}

/* A place that is set by hand; those by default hold the environment's name. */
static str place_of(const struct env_config *env, enum setting_id id, const char *format,
                    char room[KV_PREFIX_MAX + 1])
{
    str set = config_text(&env->values, id);

    if (set.n)
        return set;
    int n = snprintf(room, KV_PREFIX_MAX + 1, "%s%s%s", format, env->name,
                     id == SET_REDIS_PREFIX ? ":" : "");
    return (str){ room, (size_t)n };
}

static bool same_place(const struct env_config *a, const struct env_config *b, enum setting_id id,
                       const char *format)
{
    char one[KV_PREFIX_MAX + 1], other[KV_PREFIX_MAX + 1];

    return str_eq(place_of(a, id, format, one), place_of(b, id, format, other));
}

/* SETTING_COUNT: they share nothing. */
static enum setting_id pair_shares(const struct config *c, const struct env_config *a,
                                   const struct env_config *b)
{
    if (same_secret(&a->secret_key, &b->secret_key))
        return SET_SECRET_KEY;
    if (same_hook(a, b))
        return SET_WEBHOOK_SECRET;
    if (c->pg_url && same_place(a, b, SET_SCHEMA, "brindle_"))
        return SET_SCHEMA;
    if (config_text(&c->values, SET_REDIS).n && same_place(a, b, SET_REDIS_PREFIX, "stripe:"))
        return SET_REDIS_PREFIX;
    return SETTING_COUNT;
}

enum status keys_apart(const struct config *c, enum setting_id *what, struct error *e)
{
    for (size_t i = 0; i < c->n_envs; i++)
        for (size_t k = 0; k < i; k++) {
            enum setting_id shares = pair_shares(c, &c->env[k], &c->env[i]);
            if (shares == SETTING_COUNT)
                continue;
            if (what)
                *what = shares;
            return shared(&c->env[k], &c->env[i], setting_table[shares].name, e);
        }
    return ST_OK;
}
