#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "cli/doctor/findings.h"
#include "cli/keys.h"
#include "core/leftovers/leftovers.h"

enum {
    SCAN_BYTES_MAX = 64 << 20,
    RESENT_DAYS = 31,     /* Stripe shows an event for thirty days, and can send it again */
    ACCOUNT_LETTERS = 16, /* of "acct_", at the beginning of newer keys, behind a 5 */
    KEY_LETTERS_NEW = 60, /* older keys are shorter, and have no account in them */
};

static const char *mode_of(enum key_kind kind)
{
    return kind == KEY_LIVE ? "live" : "test";
}

static void check_webhook_secrets(struct doctor *d, const struct env_config *conf)
{
    int64_t every = config_catch_up_seconds(conf);

    looked(d);
    if (conf->n_webhook_secrets == 0 && every > 0)
        found(d, FOUND_WEBHOOK_SECRET_MISSING, NULL,
              "there is no webhook secret: changes are seen when the list of events is read, every "
              "%lld s",
              (long long)every);
    else if (conf->n_webhook_secrets == 0)
        found(d, FOUND_NOTHING_TELLS, NULL,
              "there is no webhook secret, and the list of events is never read: nothing tells "
              "what changes");
    for (size_t i = 0; i < conf->n_webhook_secrets; i++) {
        const struct secret *s = &conf->webhook_secret[i];
        if (secret_is_empty(s))
            found(d, FOUND_WEBHOOK_SECRET_EMPTY, NULL, "webhook secret %zu is empty", i + 1);
        else if (webhook_secret_fault(s))
            found(d, FOUND_WEBHOOK_SECRET_ODD, NULL, "webhook secret %zu %s", i + 1,
                  webhook_secret_fault(s));
    }
}

/* Newer keys begin with the account behind their mode: "sk_test_51ABC…" is acct_1ABC…'s. [facts:
 * F-68]
 */
static str account_letters(str key)
{
    for (int i = 0; i < 2; i++) {
        size_t at = str_find(key, '_');
        key = str_sub(key, at < key.n ? at + 1 : key.n, key.n);
    }
    if (key.n < KEY_LETTERS_NEW || key.p[0] != '5')
        return S("");
    return str_sub(key, 1, 1 + ACCOUNT_LETTERS);
}

static void check_publishable_key(struct doctor *d, const struct env_config *conf)
{
    const char *why = "";
    str key = config_text(&conf->values, SET_PUBLISHABLE_KEY);
    enum key_kind public = publishable_judge(key, &why),
                  secret = key_judge(&conf->secret_key, NULL);

    looked(d);
    if (public == KEY_MALFORMED) {
        found(d, FOUND_PUBLISHABLE_KEY_MALFORMED, NULL, "publishable_key %s", why);
        return;
    }
    if (public == KEY_NONE || (secret != KEY_TEST && secret != KEY_LIVE))
        return;
    str ours = account_letters(secret_reveal(&conf->secret_key)), its = account_letters(key);
    if (public != secret)
        found(d, FOUND_PUBLISHABLE_KEY_OTHER_MODE, NULL,
              "the secret key is a %s key, the publishable key a %s key", mode_of(secret),
              mode_of(public));
    else if (ours.n && its.n && !str_eq(ours, its))
        found(d, FOUND_PUBLISHABLE_KEY_OTHER_ACCOUNT, NULL,
              "the secret key looks like one of acct_%.*s, the publishable key like one of "
              "acct_%.*s",
              STR_ARG(ours), STR_ARG(its));
}

static void check_key(struct doctor *d, const struct env_config *conf)
{
    const char *why = "";
    struct error demo = { 0 };

    looked(d);
    if (config_refuse_demo(&d->cli->config, conf, &demo) != ST_OK)
        found(d, FOUND_STORE_OF_DEMO, NULL, "%s", demo.text);

    looked(d);
    switch (key_judge(&conf->secret_key, &why)) {
    case KEY_NONE: found(d, FOUND_KEY_MISSING, NULL, "there is no key"); break;
    case KEY_MALFORMED: found(d, FOUND_KEY_MALFORMED, NULL, "the key %s", why); break;
    case KEY_TEST:
    case KEY_LIVE: break;
    }
}

static void check_rate(struct doctor *d, const struct env_config *conf)
{
    int64_t rate = config_number(&conf->values, SET_RATE_LIMIT);
    enum key_kind kind = key_judge(&conf->secret_key, NULL);
    int64_t granted = kind == KEY_LIVE ? WIRE_RATE_LIVE : WIRE_RATE_TEST;

    looked(d);
    if (wire_is_loopback(config_text(&conf->values, SET_API_BASE)))
        return;
    if (rate == 0)
        found(d, FOUND_RATE_LIMIT, NULL,
              "rate_limit = 0 is taken for an api_base on this machine alone");
    else if (rate > granted && (kind == KEY_LIVE || kind == KEY_TEST))
        found(d, FOUND_RATE_LIMIT_HIGH, NULL,
              "rate_limit = %lld, but Stripe grants %lld a second in %s mode", (long long)rate,
              (long long)granted, mode_of(kind));
}

static void check_watch(struct doctor *d, const struct env_config *conf)
{
    looked(d);
    if (config_catch_up_seconds(conf) == 0 && conf->n_webhook_secrets)
        found(d, FOUND_CATCH_UP_OFF, NULL,
              "catch_up_seconds = 0: the list of events is never read, so that a delivery that is "
              "lost stays lost until the next check");
    looked(d);
    if (config_number(&conf->values, SET_CHECK) == 0)
        found(d, FOUND_CHECK_OFF, NULL,
              "check_seconds = 0: the mirror is never compared with Stripe, and what no event "
              "tells is never seen");
    looked(d);
    if (config_number(&conf->values, SET_FUSE) == 0)
        found(d, FOUND_FUSE_OFF, NULL,
              "fuse = 0: a wrong answer may delete any number of objects here");
}

static void check_retention(struct doctor *d, const struct env_config *conf)
{
    int64_t bodies = config_number(&conf->values, SET_INBOX_BODY_DAYS),
            events = config_number(&conf->values, SET_INBOX_DAYS);

    looked(d);
    if (bodies > events)
        found(d, FOUND_RETENTION, NULL,
              "inbox_body_days is %lld and inbox_days %lld: bodies go with their events",
              (long long)bodies, (long long)events);
    else if (events < RESENT_DAYS)
        found(d, FOUND_RETENTION_SHORT, NULL,
              "inbox_days is %lld: an event that Stripe sends again later is taken for new",
              (long long)events);
}

static void check_columns(struct doctor *d, const struct env_config *conf, struct database *db)
{
    ARENA(a, SCAN_BYTES_MAX);
    struct leftover_scan scan = { .db = db, .a = &a };
    str columns = config_text(&conf->values, SET_APP_COLUMNS);
    struct error why = { 0 };

    looked(d);
    if (!columns.n)
        return;
    enum status st = app_tables_read(db, &scan.tables, &a, &why);
    if (st == ST_OK)
        st = leftovers_declare(&scan, columns, &why);
    if (st != ST_OK)
        found(d, FOUND_APPLICATION_COLUMNS, NULL, "application_columns: %s", why.text);
}

static void check_application(struct doctor *d, const struct env_config *conf)
{
    str url = config_text(&conf->values, SET_APP_DATABASE);
    struct database *db = NULL;
    struct error why = { 0 };

    looked(d);
    if (!url.n)
        return;
    if (wire_database(url, false, &db, &why) != ST_OK) {
        found(d, FOUND_APPLICATION_DATABASE, NULL, "application_database: %s", why.text);
        return;
    }
    check_columns(d, conf, db);
    db->ops->close(db);
}

void doctor_settings(struct doctor *d, const struct env_config *conf)
{
    looked(d);
    if (conf->fault[0]) {
        found(d, FOUND_CONFIGURATION, NULL, "%s", conf->fault);
        return;
    }
    if (conf->found) { /* nobody configured it: its store is merely read */
        looked(d);
        if (!conf->demo)
            found(d, FOUND_STORE_WITHOUT_KEY, NULL,
                  "there is a store but no key: it can be read, and nothing keeps it up to date");
        return;
    }
    check_key(d, conf);
    check_webhook_secrets(d, conf);
    check_publishable_key(d, conf);
    check_rate(d, conf);
    check_watch(d, conf);
    check_retention(d, conf);
    check_application(d, conf);
}
