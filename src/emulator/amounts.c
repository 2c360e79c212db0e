/* amounts.c - what a price makes of a quantity, exactly. */
#include "emulator/rooms.h"

#include <string.h>

enum { PLACES = 12 };

/* Amounts times 10^12 do not fit into 64 bits. */
__extension__ typedef __int128 wide;

static wide decimal(str s)
{
    wide v = 0;
    int places = -1;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.')
            places = 0;
        else if (places < PLACES) {
            v = v * 10 + (s.p[i] - '0');
            places += places >= 0;
        }
    }
    for (places = places < 0 ? 0 : places; places < PLACES; places++)
        v *= 10;
    return v;
}

/* Half a unit is rounded up. */
static int64_t rounded(wide v)
{
    wide unit = 1000000000000;

    return (int64_t)((v + unit / 2) / unit);
}

static wide tier_cost(const json_t *tier, int64_t quantity)
{
    return decimal(get_str(tier, "unit_amount_decimal")) * quantity +
           decimal(get_str(tier, "flat_amount_decimal"));
}

static wide tiers_cost(const json_t *tiers, bool graduated, int64_t quantity)
{
    int64_t from = 0;
    wide sum = 0;
    size_t i;
    json_t *tier;

    json_array_foreach(tiers, i, tier)
    {
        bool last = json_is_null(json_object_get(tier, "up_to"));
        int64_t up_to =
            last || quantity < get_int(tier, "up_to") ? quantity : get_int(tier, "up_to");
        bool ends_here = last || quantity <= get_int(tier, "up_to");
        if (graduated)
            sum += tier_cost(tier, up_to - from);
        else if (ends_here)
            return tier_cost(tier, quantity);
        if (ends_here)
            break;
        from = up_to;
    }
    return sum;
}

int64_t price_amount(struct record *price, const json_t *doc, int64_t quantity)
{
    const json_t *transform = json_object_get(doc, "transform_quantity");
    const json_t *tiers = price ? json_object_get(price->hidden, "tiers") : NULL;
    int64_t by = get_int(transform, "divide_by");

    if (by > 0)
        quantity = is_str(transform, "round", "up") ? (quantity + by - 1) / by : quantity / by;
    if (tiers)
        return rounded(tiers_cost(tiers, is_str(doc, "tiers_mode", "graduated"), quantity));
    return rounded(decimal(get_str(doc, "unit_amount_decimal")) * quantity);
}
