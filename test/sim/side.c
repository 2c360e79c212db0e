#include "side.h"

#include "base/json.h"
#include "ids.h"
#include "stripe.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE_KEY "sk_live_simulated"
#define SECOND_KEY "sk_test_of_the_other_shop"
#define SECOND_SECRET "whsec_of_the_other_shop"

static const struct side first = { .name = "sim",
                                   .path = "mirror.db",
                                   .key = SIM_KEY,
                                   .restricted = "rk_test_simulated",
                                   .secret = SIM_SECRET };
static const struct side live = { .name = "too",
                                  .path = "live.db",
                                  .key = LIVE_KEY,
                                  .restricted = "rk_live_simulated",
                                  .secret = SECOND_SECRET,
                                  .livemode = true };
static const struct side other = { .name = "too",
                                   .path = "other.db",
                                   .key = SECOND_KEY,
                                   .restricted = "rk_test_of_the_other_shop",
                                   .secret = SECOND_SECRET };

const char *const side_secrets[] = { SIM_KEY,    OTHER_KEY,           LIVE_KEY,
                                     SECOND_KEY, "rk_test_simulated", "rk_live_simulated",
                                     SIM_SECRET, SECOND_SECRET,       "rk_test_of_the_other_shop",
                                     NULL };

static struct side all[SIDES];
static unsigned n_sides = 1;
static char guest_accounts[GUESTS][ACCOUNT_ID_MAX + 1];
static bool has_left[GUESTS];
static unsigned n_guests, the_guest;

unsigned sides(void)
{
    return n_sides;
}

const struct side *side_at(unsigned i)
{
    assert(i < n_sides);
    return &all[i];
}

const struct side *side(void)
{
    return side_at(fibre_side());
}

void sides_open(enum shops shops)
{
    n_guests = the_guest = 0;
    memset(has_left, 0, sizeof has_left);
    n_sides = shops == SHOP_MODES || shops == SHOP_ACCOUNTS ? 2 : 1;
    all[0] = shops == SHOP_LIVE ? live : shops == SHOP_OTHER ? other : first;
    all[1] = shops == SHOP_MODES ? live : other;
    for (unsigned i = 0; i < n_sides; i++) {
        fibre_go_to(i);
        if (!emu_account(all[i].account))
            abort();
    }
    fibre_go_to(0);
}

/* ---- guests --------------------------------------------------------------------------------- */

void guest_is(unsigned number)
{
    assert(number <= n_guests && (!number || !the_guest));
    the_guest = number;
}

unsigned guest(void)
{
    return the_guest;
}

unsigned guests(void)
{
    return n_guests;
}

const char *guest_account(unsigned number)
{
    assert(number && number <= n_guests);
    return guest_accounts[number - 1];
}

unsigned guest_of(str account)
{
    for (unsigned i = 0; account.n && i < n_guests; i++)
        if (str_eqz(account, guest_accounts[i]))
            return i + 1;
    return 0;
}

unsigned owner(void)
{
    return the_guest ? SIDES + the_guest - 1 : fibre_side();
}

const char *owner_account(void)
{
    return the_guest ? guest_account(the_guest) : side()->account;
}

void guests_arrive(unsigned n)
{
    assert(n <= GUESTS && fibre_side() == 0);
    for (n_guests = 0; n_guests < n; n_guests++) {
        ARENA(a, 1 << 20);
        str body;
        if (emu_ask("POST", S("/v1/accounts"), S(""), S("type=standard"), &body, &a) != 200)
            abort();
        snprintf(guest_accounts[n_guests], sizeof guest_accounts[0], "%.*s",
                 STR_ARG(json_text(body, S("id"), &a)));
        trace("connects %s", guest_accounts[n_guests]);
    }
    for (unsigned i = 0; i < n; i++) { /* the account itself is the platform's object, too */
        ids_learn(0, str_of(guest_accounts[i]));
        ids_learn(SIDES + i, str_of(guest_accounts[i]));
    }
}

void guest_leaves(unsigned number)
{
    ARENA(a, 1 << 20);
    const char *account = guest_account(number);
    str path = arena_printf(&a, "/v1/accounts/%s", account);

    assert(!the_guest);
    if (emu_ask("DELETE", path, S(""), S(""), NULL, &a) != 200)
        return;
    trace("%s takes its access away", account);
    mark(MARK_GUEST_LEFT);
    has_left[number - 1] = true;
}

bool guest_has_left(unsigned number)
{
    return has_left[number - 1];
}
