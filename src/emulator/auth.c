#include "emulator/auth.h"

#include "emulator/accounts.h"
#include "emulator/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEY_BYTES_MAX = 255, KEY_END_SHOWN = 4, ACCOUNT_CHARS = 15 };

static int base64_value(char ch)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = ch ? strchr(digit, ch) : NULL;

    return at ? (int)(at - digit) : -1;
}

/* The user name of "user:password" in base64. */
static str basic_user(str text, struct arena *a)
{
    char *out = arena_alloc(a, text.n + 1);
    size_t n = 0;
    unsigned bits = 0, value = 0;

    if (!out)
        return (str){ 0 };
    for (size_t i = 0; i < text.n && text.p[i] != '='; i++) {
        int v = base64_value(text.p[i]);
        if (v < 0)
            return (str){ 0 };
        value = (value << 6 | (unsigned)v) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(value >> bits & 0xff);
        }
    }
    str user;
    str_cut((str){ out, n }, ':', &user);
    return user;
}

static str auth_key(const struct http_request *q, struct arena *a)
{
    str value = http_header_get(q, S("authorization"), NULL), scheme;
    str rest = str_trim(str_cut(value, ' ', &scheme));

    if (scheme.n == 6 && strncasecmp(scheme.p, "bearer", 6) == 0)
        return rest;
    if (scheme.n == 5 && strncasecmp(scheme.p, "basic", 5) == 0)
        return basic_user(rest, a);
    return (str){ 0 };
}

/* "sk_test_" and something of letters, digits and underscores. */
static bool key_read(str key, bool *live, str *tail)
{
    static const struct {
        str prefix;
        bool live;
    } known[] = { { { "sk_test_", 8 }, false },
                  { { "sk_live_", 8 }, true },
                  { { "rk_test_", 8 }, false },
                  { { "rk_live_", 8 }, true } };

    for (size_t i = 0; i < COUNT(known); i++) {
        if (!str_starts(key, known[i].prefix))
            continue;
        *live = known[i].live;
        *tail = str_sub(key, known[i].prefix.n, key.n);
        for (size_t k = 0; k < tail->n; k++)
            if (!strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_",
                        tail->p[k]))
                return false;
        return tail->n > 0 && key.n <= KEY_BYTES_MAX;
    }
    return false;
}

static struct space *auth_space(struct emulator *e, str key)
{
    static const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char account[32] = "acct_1";
    bool live;
    str tail;

    if (!key_read(key, &live, &tail))
        return NULL;
    uint64_t h = hash_str(tail, 7);
    for (size_t i = 0; i < ACCOUNT_CHARS; i++)
        account[6 + i] = digit[rng_next(&h) % 62];
    return space_get(e, account, live);
}

/* "sk_test_***abcd": what Stripe shows of a key it does not know. */
static str key_masked(str key, struct arena *a)
{
    size_t head = 0, under = 0;

    while (head < key.n && head < 8 && under < 2)
        under += key.p[head++] == '_';
    if (under < 2)
        head = 0;
    str end =
        key.n >= head + 2 * KEY_END_SHOWN ? str_sub(key, key.n - KEY_END_SHOWN, key.n) : S("");
    return arena_printf(a, "%.*s***%.*s", (int)head, key.p, STR_ARG(end));
}

/* sk_test_invalid…, sk_test_expired…: keys whose names say what Stripe would say of them. */
static bool key_is(str key, str what)
{
    bool live;
    str tail;

    return key_read(key, &live, &tail) && str_starts(tail, what);
}

/* Stripe-Account: the account that the request is about, instead of the key's own. [facts: 4.5] */
static bool account_read(struct call *c)
{
    str account = http_header_get(c->http, S("stripe-account"), NULL);
    struct space *other = space_peek(c->emu, c->space->account, !c->space->livemode);

    if (!account.n || str_eqz(account, c->space->account))
        return true;
    struct space *s = account_connected(c, account);
    if (s) {
        c->space = s;
        return true;
    }
    if (other && record_live(other, T_ACCOUNT, account)) {
        const char *made = c->space->livemode ? "test" : "live";
        refuse(c, 403, "account_invalid", NULL,
               "The account %.*s was a %s account created with a %smode key, and therefore can "
               "only be used with %smode keys.",
               STR_ARG(account), made, made, made);
        return false;
    }
    str masked = key_masked(c->key, c->arena);
    refuse(c, 403, "account_invalid", NULL,
           "The provided key '%.*s' does not have access to account '%.*s' (or that account "
           "does not exist). Application access may have been revoked.",
           STR_ARG(masked), STR_ARG(account));
    return false;
}

struct space *auth_admin(struct call *c)
{
    struct emulator *e = c->emu;

    if (e->replaying)
        return e->replay_space;
    str key = auth_key(c->http, c->arena);
    if (key.n) {
        /* What a connected account has told is there to be seen after it has gone, too. */
        str account = http_header_get(c->http, S("stripe-account"), NULL);
        struct space *own = auth_space(e, key);
        const char *id = account.n ? arena_copy(c->arena, account).p : NULL;
        struct space *s = own && id ? space_peek(e, id, own->livemode) : own;
        return s == own || (s && s->platform == own) ? s : NULL;
    }
    return e->space && !e->space->next ? e->space : NULL;
}

bool auth_read(struct call *c)
{
    if (c->emu->replaying) {
        c->space = c->emu->replay_space;
        return c->space;
    }
    c->key = auth_key(c->http, c->arena);
    if (!c->key.n) {
        refuse(c, 401, NULL, NULL,
               "You did not provide an API key. You need to provide your API key in the "
               "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
               "YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or "
               "we can help at https://support.stripe.com/.");
        return false;
    }
    if (str_starts(c->key, S("pk_"))) {
        refuse(c, 401, "secret_key_required", NULL,
               "This API call cannot be made with a publishable API key. Please use a secret API "
               "key. You can find a list of your API keys at "
               "https://dashboard.stripe.com/account/apikeys.");
        return false;
    }
    c->space = key_is(c->key, S("invalid")) ? NULL : auth_space(c->emu, c->key);
    if (c->space && key_is(c->key, S("expired"))) {
        str masked = key_masked(c->key, c->arena);
        refuse(c, 401, "api_key_expired", NULL, "Expired API Key provided: %.*s", STR_ARG(masked));
        return false;
    }
    if (!c->space) {
        str masked = key_masked(c->key, c->arena);
        refuse(c, 401, NULL, NULL, "Invalid API Key provided: %.*s", STR_ARG(masked));
        return false;
    }
    return account_read(c);
}

/* --- restricted keys --- */

/* What a permission is called, where that is not the name of the object. */
static const struct {
    const char *object, *permission;
} renamed[] = {
    { "price", "plan" },
    { "invoiceitem", "invoice" },
    { "line_item", "invoice" },
    { "invoice_payment", "invoice" },
    { "subscription_item", "subscription" },
    { "refund", "charge" },
    { "webhook_endpoint", "webhook" },
};

enum { WORDS_BYTES_MAX = 96 };

static str permission_of(struct call *c)
{
    const char *name = c->route->type == T_NONE ? "account" : type_info[c->route->type].name;
    char text[WORDS_BYTES_MAX];

    for (size_t i = 0; i < COUNT(renamed); i++)
        if (strcmp(name, renamed[i].object) == 0)
            name = renamed[i].permission;
    snprintf(text, sizeof text, "%s", name);
    for (char *p = text; *p; p++)
        if (*p == '.')
            *p = '_';
    return arena_copy(c->arena, str_of(text));
}

/* "Payment Intents": the last word of its list's address. */
static str permission_label(struct call *c)
{
    const char *url = c->route->type == T_NONE ? "/accounts" : type_info[c->route->type].url;
    char label[WORDS_BYTES_MAX];
    bool start = true;

    snprintf(label, sizeof label, "%s", strrchr(url, '/') + 1);
    for (char *p = label; *p; p++) {
        if (start && *p >= 'a' && *p <= 'z')
            *p = (char)(*p - 32);
        start = *p == '_';
        if (start)
            *p = ' ';
    }
    return arena_copy(c->arena, str_of(label));
}

void refuse_permission(struct call *c)
{
    bool reads = str_eq(c->http->method, S("GET"));
    str masked = key_masked(c->key, c->arena), name = permission_of(c), label = permission_label(c);

    refuse(c, 403, NULL, NULL,
           "Permission denied. The provided key '%.*s' does not have the required permissions for "
           "this endpoint on account '%s'. Enabling \"%.*s %s\" ('%.*s_%s') permissions on this "
           "key would allow this request to continue.",
           STR_ARG(masked), c->space->account, STR_ARG(label), reads ? "Read" : "Write",
           STR_ARG(name), reads ? "read" : "write");
}

bool permitted(struct call *c)
{
    if (!c->space->permissions || !str_starts(c->key, S("rk_")))
        return true;
    str name = permission_of(c);
    str has = name.p ? get_str(c->space->permissions, name.p) : (str){ 0 };
    bool reads = str_eq(c->http->method, S("GET"));
    if (str_eq(has, S("write")) || (reads && str_eq(has, S("read"))))
        return true;
    refuse_permission(c);
    return false;
}
