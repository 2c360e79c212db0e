/* stripe.h - Stripe: the emulator, whole and right, behind a network that is neither.
 *
 * The merchant talks to the emulator directly (emu_ask); the program under test through a seam that
 * is slow, loses requests and answers, limits, lies. */
#pragma once

#include "climate.h"
#include "emulator/emulator.h"
#include "world/stripe.h"

#define NODE_ADDRESS "https://node/webhooks" /* what a switch has made leads elsewhere */
#define SIM_KEY "sk_test_simulated"
#define OTHER_KEY "sk_test_of_somebody_else"
#define SIM_SECRET "whsec_simulated"

void emu_open(uint64_t seed);
struct emulator *emu(void);
/* One request of our own. Answers the HTTP status; the body lives in `a`. */
int emu_ask(const char *method, str path, str query, str form, str *body, struct arena *a);
bool emu_account(char out[ACCOUNT_ID_MAX + 1]);

/* The program's way. `wrong_key`: with another account's key; `crosses`: whoever asks goes to its
 * side, for he works for two (a switch). Closing it is free. */
struct stripe *sim_stripe(struct climate *c, bool wrong_key, bool crosses);
/* What a switch of this life has asked is cut off. */
void sim_stripe_abandon(unsigned life);
/* Of this side's endpoint, if it was made under this key: is the secret that was kept its own? */
void stripe_check_endpoint(const char *key, const char *kept);
str stripe_endpoint_secret(void); /* that; empty: none was made */
/* In that side's key slot this one stands from now on, under whoever runs; NULL: its own. */
void stripe_key_is(unsigned which, const char *key);
bool stripe_key_is_own(unsigned which);      /* or another one of the same account and mode */
bool stripe_key_was_foreign(unsigned which); /* at some time: its work may have stopped */
unsigned sim_stripe_calls(void);             /* that are under way */
/* What is about to be deleted: a list may show it for a while. */
void stripe_remember(str path, str body);
void sim_stripe_claimed(void); /* the running fibre has a new claim */
/* Nothing that is on its way to this life belongs to anybody any more. */
void sim_stripe_forget(unsigned life);
