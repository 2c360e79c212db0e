#include "catalog/price_members.h"

#include <stddef.h>

const char *const price_members[] = { "id",
                                      "object",
                                      "active",
                                      "billing_scheme",
                                      "created",
                                      "currency",
                                      "currency_options",
                                      "custom_unit_amount",
                                      "livemode",
                                      "lookup_key",
                                      "metadata",
                                      "nickname",
                                      "product",
                                      "recurring",
                                      "tax_behavior",
                                      "tiers",
                                      "tiers_mode",
                                      "transform_quantity",
                                      "type",
                                      "unit_amount",
                                      "unit_amount_decimal",
                                      NULL };

const char *const price_tier_members[] = {
    "up_to", "flat_amount", "flat_amount_decimal", "unit_amount", "unit_amount_decimal", NULL
};

const char *const price_custom_members[] = { "enabled", "maximum", "minimum", "preset", NULL };

const char *const price_option_members[] = { "custom_unit_amount", "tax_behavior",        "tiers",
                                             "unit_amount",        "unit_amount_decimal", NULL };

const char *const price_recurring_members[] = { "interval",          "interval_count", "usage_type",
                                                "trial_period_days", "meter",          NULL };

const char *const price_transform_members[] = { "divide_by", "round", NULL };
