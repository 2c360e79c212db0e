/* account.c - whose key it is, and the accounts that are connected to it. */
#include "emulator/accounts.h"
#include "emulator/auth.h"
#include "emulator/list.h"

#include <string.h>

/* --- which account --- */

static bool is_own(struct call *c, str id)
{
    return str_eqz(id, c->space->account);
}

struct space *account_connected(struct call *c, str id)
{
    struct record *r = id.n && !is_own(c, id) ? record_live(c->space, T_ACCOUNT, id) : NULL;

    return r ? space_peek(c->emu, r->id, c->space->livemode) : NULL;
}

/* The account object of a space. */
static struct record *account_of(struct space *s)
{
    return record_any(s->platform ? s->platform : s, T_ACCOUNT, str_of(s->account));
}

/* The account in the path; its own one may be named, too. [facts: 4.5] */
static struct record *account_in_path(struct call *c)
{
    str id = c->part[0];
    struct record *r = is_own(c, id) ? account_of(c->space) : record_live(c->space, T_ACCOUNT, id);

    if (r)
        return r;
    return refuse(c, 403, "account_invalid", NULL,
                  "The provided key does not have access to account '%.*s' (or that account does "
                  "not exist). Application access may have been revoked.",
                  STR_ARG(id));
}

/* Where what happens to the account is told. */
static struct space *space_of(struct call *c, struct record *account)
{
    return space_get(c->emu, account->id, account->space->livemode);
}

static json_t *answer_account(struct call *c, struct record *r)
{
    c->space = r->space;
    return answer_record(c, r);
}

json_t *account_get(struct call *c)
{
    return answer_account(c, account_of(c->space));
}

json_t *accounts_get(struct call *c)
{
    struct record *r = account_in_path(c);

    return r ? answer_account(c, r) : NULL;
}

static bool account_kept(struct call *c, struct record *r, const void *ctx)
{
    (void)ctx;
    return !is_own(c, str_of(r->id));
}

/* Connected accounts; one's own is not among them. */
json_t *accounts_list(struct call *c)
{
    return answer_list(c, &(struct list_query){ .type = T_ACCOUNT, .keep = account_kept });
}

/* --- what an account still has to say --- */

static json_t *requirements(bool complete, const char *disabled)
{
    static const char *const wanted[] = { "business_profile.url", "external_account",
                                          "tos_acceptance.date", "tos_acceptance.ip" };
    static const char *const lists[] = {
        "alternatives",   "currently_due", "errors",
        "eventually_due", "past_due",      "pending_verification"
    };
    json_t *v = json_object();

    set_null(v, "current_deadline");
    set_strz(v, "disabled_reason", disabled);
    for (size_t i = 0; i < COUNT(lists); i++)
        set_new(v, lists[i], json_array());
    for (size_t i = 0; i < COUNT(wanted) && !complete; i++) {
        json_array_append_new(json_object_get(v, "currently_due"), json_string(wanted[i]));
        json_array_append_new(json_object_get(v, "eventually_due"), json_string(wanted[i]));
    }
    return v;
}

static void account_enable(json_t *doc, bool yes, const char *disabled)
{
    json_t *capabilities = json_object_get(doc, "capabilities"), *v;
    const char *name;
    void *next;

    set_bool(doc, "charges_enabled", yes);
    set_bool(doc, "payouts_enabled", yes);
    set_new(doc, "requirements",
            requirements(yes || disabled, yes        ? NULL
                                          : disabled ? disabled
                                                     : "requirements.past_due"));
    json_object_foreach_safe(capabilities, next, name, v)
        set_strz(capabilities, name, yes ? "active" : "inactive");
}

/* --- making --- */

static const struct field account_fields[] = {
    { "business_profile", F_MERGE, NULL, 0 },
    { "business_type", F_WORD, "company government_entity individual non_profit", 0 },
    { "company", F_MERGE, NULL, 0 },
    { "controller", F_MERGE, NULL, 0 },
    { "country", F_TEXT, NULL, 2 },
    { "default_currency", F_TEXT, NULL, 3 },
    { "email", F_TEXT_NULL, NULL, 512 },
    { "individual", F_MERGE, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "settings", F_MERGE, NULL, 0 },
    { "tos_acceptance", F_MERGE, NULL, 0 },
    { "type", F_WORD, "custom express standard", 0 },
};

/* capabilities[x][requested]: asked for, it is there as soon as the account is complete. */
static bool capabilities_apply(const struct args *a, json_t *doc)
{
    struct args all, one;
    bool asked = false, enabled = get_bool(doc, "charges_enabled");
    json_t *to = json_object_get(doc, "capabilities"), *v;
    const char *name;

    if (!args_sub(a, "capabilities", &all))
        return !a->c->refused;
    json_object_foreach((json_t *)(uintptr_t)all.hash, name, v) {
        if (!args_sub(&all, name, &one) || !arg_bool(&one, "requested", &asked))
            continue;
        if (asked)
            set_strz(to, name, enabled ? "active" : "inactive");
        else
            json_object_del(to, name);
    }
    return !a->c->refused;
}

static bool account_apply(const struct args *a, json_t *doc)
{
    if (!fields_apply(a, doc, account_fields, COUNT(account_fields)) || !capabilities_apply(a, doc))
        return false;
    /* Who accepts the terms has said everything: the emulator asks for nothing else. */
    if (get_int(json_object_get(doc, "tos_acceptance"), "date") &&
        !get_bool(doc, "details_submitted")) {
        set_bool(doc, "details_submitted", true);
        account_enable(doc, true, NULL);
    }
    return true;
}

static json_t *account_new(struct call *c)
{
    char id[ID_BYTES];

    make_id(c->emu, "acct_1", 15, id);
    json_t *doc = record_shape(c->emu, c->space, T_ACCOUNT, id);
    set_new(doc, "capabilities", json_object());
    set_new(doc, "controller",
            json_pack("{s:{s:s},s:b,s:{s:s},s:s,s:{s:s},s:s}", "fees", "payer", "account",
                      "is_controller", 1, "losses", "payments", "stripe", "requirement_collection",
                      "stripe", "stripe_dashboard", "type", "full", "type", "application"));
    set_bool(doc, "details_submitted", false);
    set_null(doc, "email");
    set_str(json_object_get(doc, "external_accounts"), "url",
            arena_printf(c->arena, "/v1/accounts/%s/external_accounts", id));
    set_new(doc, "company", json_object());
    set_new(doc, "individual", json_object());
    set_new(doc, "future_requirements", requirements(true, NULL));
    set_new(doc, "tos_acceptance", json_pack("{s:n,s:n,s:n}", "date", "ip", "user_agent"));
    account_enable(doc, false, NULL);
    return doc;
}

json_t *accounts_create(struct call *c)
{
    struct args a = args_of(c);

    if (c->space->platform)
        return refuse(c, 403, NULL, NULL,
                      "You cannot access the connected accounts of your platform's connected "
                      "accounts.");
    json_t *doc = account_new(c);
    if (!account_apply(&a, doc)) {
        json_decref(doc);
        return NULL;
    }
    if (!json_object_size(json_object_get(doc, "individual")))
        json_object_del(doc, "individual");
    struct record *r = record_add(c->emu, c->space, T_ACCOUNT, doc);
    space_of(c, r)->platform = c->space;
    return answer_record(c, r);
}

json_t *accounts_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = account_in_path(c);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!account_apply(&a, r->doc)) {
        change_abort(r, before);
        return NULL;
    }
    change_end_in(c, space_of(c, r), r, before, "account.updated");
    return answer_account(c, r);
}

static void tell_application(struct call *c, struct space *s, const char *event)
{
    emit_document(c, s,
                  json_pack("{s:s,s:s,s:s}", "id", "ca_emulator", "object", "application", "name",
                            "Emulator"),
                  event);
}

/* The platform has nothing to say there any more. */
json_t *accounts_delete(struct call *c)
{
    struct record *r = account_in_path(c);

    if (!r)
        return NULL;
    if (is_own(c, str_of(r->id)))
        return refuse(c, 403, NULL, NULL, "You cannot delete the account that your key is of.");
    struct space *s = space_of(c, r);
    record_delete(r);
    tell_application(c, s, "account.application.deauthorized");
    return answer_deleted(c, T_ACCOUNT, str_of(r->id));
}

/* POST /_emulator/accounts/{id}/authorize: the account has let the platform in again. */
json_t *accounts_authorize(struct call *c)
{
    struct space *s = auth_admin(c);
    struct record *r = s ? record_any(s, T_ACCOUNT, c->part[0]) : NULL;

    if (!r || !r->deleted)
        return refuse(c, 404, NULL, NULL,
                      "Send the platform's key, and an account that has withdrawn from it.");
    c->space = s;
    r->deleted = false;
    tell_application(c, space_of(c, r), "account.application.authorized");
    return answer_account(c, r);
}

json_t *accounts_reject(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = account_in_path(c);
    str reason = { 0 };

    if (!r)
        return NULL;
    arg_word(&a, "reason", "fraud terms_of_service other", &reason);
    if (c->refused)
        return NULL;
    json_t *before = change_begin(r);
    str why = arena_printf(c->arena, "rejected.%.*s", STR_ARG(reason));
    account_enable(r->doc, false, why.p);
    change_end_in(c, space_of(c, r), r, before, "account.updated");
    return answer_account(c, r);
}

/* --- saying the rest --- */

int64_t account_due(const struct record *r)
{
    return get_bool(r->doc, "details_submitted") ? INT64_MAX : time_or_never(r->hidden, "onboards");
}

void account_act(struct call *c, struct record *r)
{
    json_t *before = change_begin(r);

    set_bool(r->doc, "details_submitted", true);
    account_enable(r->doc, true, NULL);
    change_end_in(c, space_of(c, r), r, before, "account.updated");
}

/* Nobody can visit the page: the emulator's merchant fills it in as soon as there is a link. */
json_t *account_links_create(struct call *c)
{
    struct args a = args_of(c);
    str id = arg_str(&a, "account"), type = { 0 };
    struct record *r = record_live(c->space, T_ACCOUNT, id);
    json_t *link = json_object();
    char secret[ID_BYTES];

    arg_word(&a, "type", "account_onboarding account_update", &type);
    if (!r)
        refuse_missing(c, T_ACCOUNT, id, "account");
    if (c->refused) {
        json_decref(link);
        return NULL;
    }
    make_id(c->emu, "", 12, secret);
    if (str_eq(type, S("account_onboarding"))) {
        record_hide(r, "onboards", json_integer(now_s(c->emu)));
        record_doc(r);
        record_touch(r);
    }
    set_strz(link, "object", "account_link");
    set_int(link, "created", now_s(c->emu));
    set_int(link, "expires_at", now_s(c->emu) + 300);
    set_str(link, "url",
            arena_printf(c->arena, "https://connect.stripe.com/setup/s/%s/%s", r->id, secret));
    return link;
}

json_t *login_links_create(struct call *c)
{
    struct record *r = account_in_path(c);
    json_t *link = json_object();

    if (!r) {
        json_decref(link);
        return NULL;
    }
    set_strz(link, "object", "login_link");
    set_int(link, "created", now_s(c->emu));
    set_str(link, "url", arena_printf(c->arena, "https://connect.stripe.com/express/%s", r->id));
    return link;
}

/* --- capabilities: parts of the account, without records of their own --- */

static json_t *capability(struct call *c, struct record *account, const char *name)
{
    json_t *doc = record_shape(c->emu, account->space, T_CAPABILITY, name);
    str status = get_str(json_object_get(record_doc(account), "capabilities"), name);

    set_strz(doc, "account", account->id);
    set_bool(doc, "requested", status.n > 0);
    if (status.n)
        set_int(doc, "requested_at", get_int(account->doc, "created"));
    set_str(doc, "status", status.n ? status : S("unrequested"));
    return doc;
}

json_t *capabilities_list(struct call *c)
{
    struct record *r = account_in_path(c);
    json_t *list = json_object(), *data = json_array(), *v;
    const char *name;

    set_strz(list, "object", "list");
    if (r)
        json_object_foreach(json_object_get(record_doc(r), "capabilities"), name, v)
            json_array_append_new(data, capability(c, r, name));
    set_new(list, "data", data);
    set_bool(list, "has_more", false);
    set_str(list, "url", arena_copy(c->arena, c->http->path));
    if (r)
        return list;
    json_decref(list);
    return NULL;
}

json_t *capabilities_get(struct call *c)
{
    struct record *r = account_in_path(c);

    return r ? capability(c, r, arena_copy(c->arena, c->part[1]).p) : NULL;
}

json_t *capabilities_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = account_in_path(c);
    bool asked = false;

    if (!r)
        return NULL;
    const char *name = arena_copy(c->arena, c->part[1]).p;
    json_t *before = change_begin(r), *all = json_object_get(r->doc, "capabilities");
    bool given = arg_bool(&a, "requested", &asked);
    if (given && asked)
        set_strz(all, name, get_bool(r->doc, "charges_enabled") ? "active" : "inactive");
    else if (given)
        json_object_del(all, name);
    if (c->refused) {
        change_abort(r, before);
        return NULL;
    }
    if (!json_equal(before, r->doc))
        emit_document(c, space_of(c, r), capability(c, r, name), "capability.updated");
    change_end_in(c, space_of(c, r), r, before, "account.updated");
    return capability(c, r, name);
}
