/* cards.h - payment methods that are known in advance, and what becomes of a payment with them. */
#pragma once

#include "emulator/rooms.h"

enum card_action {
    ACTION_NONE,
    ACTION_ALWAYS,       /* the customer has to authenticate each time */
    ACTION_UNTIL_SET_UP, /* … unless a setup intent has done it */
};

struct card_kind {
    const char *name, *number, *brand, *country;
    const char *code, *decline, *message; /* NULL: it is approved */
    bool attaches;
    enum card_action action;
    enum after after;
};

const struct card_kind *card_by_id(str id);         /* pm_card_visa, tok_visa; NULL: unknown */
const struct card_kind *card_by_number(str number); /* an unknown one is an ordinary visa */

/* How a type of payment method pays. */
enum method_way {
    WAY_CARD,
    WAY_DEBIT,    /* the bank tells later */
    WAY_REDIRECT, /* the customer goes to a page first */
    WAY_TRANSFER, /* the customer sends money */
    WAY_UNKNOWN,  /* the emulator does not have it */
};
enum method_way method_way(str type);
