/* price_members.h - the members of a price that this version knows how to copy. What Stripe shows
 * beyond them would be lost: price_copy refuses it, an export names it. Each list ends with NULL.
 * [facts: R-39] */
#pragma once

extern const char *const price_members[];
extern const char *const price_tier_members[];
extern const char *const price_custom_members[]; /* "enabled" comes first */
extern const char *const price_option_members[]; /* of one of currency_options */
extern const char *const price_recurring_members[];
extern const char *const price_transform_members[];
