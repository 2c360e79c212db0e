/* routes_money.c - the routes of what moves money: as routes.c, apart from it for its size. */
#include "emulator/plain.h"
#include "emulator/rooms.h"

const struct route money_routes[] = {
    { "GET", "/v1/payouts", plain_list, T_PAYOUT, true,
      "arrival_date created destination status limit starting_after ending_before" },
};

const size_t n_money_routes = COUNT(money_routes);
