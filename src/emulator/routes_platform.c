/* routes_platform.c - the routes of what the platform itself is: events and where they go, time,
 * search. */
#include "emulator/listeners.h"
#include "emulator/rooms.h"

#define SEARCH "query* limit page"
#define DESTINATION "description enabled_events metadata name webhook_endpoint include"

/* Before the others, so that "search" is no id. */
const struct route platform_routes[] = {
    { "GET", "/v1/charges/search", search, T_CHARGE, true, SEARCH },
    { "GET", "/v1/customers/search", search, T_CUSTOMER, true, SEARCH },
    { "GET", "/v1/invoices/search", search, T_INVOICE, true, SEARCH },
    { "GET", "/v1/payment_intents/search", search, T_PAYMENT_INTENT, true, SEARCH },
    { "GET", "/v1/prices/search", search, T_PRICE, true, SEARCH },
    { "GET", "/v1/products/search", search, T_PRODUCT, true, SEARCH },
    { "GET", "/v1/subscriptions/search", search, T_SUBSCRIPTION, true, SEARCH },

    { "GET", "/v1/events", events_list, T_EVENT, true, "created delivery_success type types" PAGE },
    { "GET", "/v1/events/{}", events_get, T_EVENT, false, "" },
    { "POST", "/v1/events/{}/retry", events_retry, T_EVENT, false, "webhook_endpoint" },
    { "GET", "/v1/webhook_endpoints", webhooks_list, T_WEBHOOK_ENDPOINT, true, "" PAGE },
    { "POST", "/v1/webhook_endpoints", webhooks_create, T_WEBHOOK_ENDPOINT, false,
      "enabled_events* url* api_version connect description metadata" },
    { "GET", "/v1/webhook_endpoints/{}", webhooks_get, T_WEBHOOK_ENDPOINT, false, "" },
    { "POST", "/v1/webhook_endpoints/{}", webhooks_update, T_WEBHOOK_ENDPOINT, false,
      "description disabled enabled_events metadata url" },
    { "DELETE", "/v1/webhook_endpoints/{}", webhooks_delete, T_WEBHOOK_ENDPOINT, false, "" },

    { "GET", "/v2/core/event_destinations", destinations_list, T_V2_CORE_EVENT_DESTINATION, true,
      "include limit page" },
    { "POST", "/v2/core/event_destinations", destinations_create, T_V2_CORE_EVENT_DESTINATION,
      false,
      "enabled_events* event_payload* name* type* events_from snapshot_api_version "
      "amazon_eventbridge azure_event_grid " DESTINATION },
    { "GET", "/v2/core/event_destinations/{}", destinations_get, T_V2_CORE_EVENT_DESTINATION, false,
      "include" },
    { "POST", "/v2/core/event_destinations/{}", destinations_update, T_V2_CORE_EVENT_DESTINATION,
      false, DESTINATION },
    { "DELETE", "/v2/core/event_destinations/{}", destinations_delete, T_V2_CORE_EVENT_DESTINATION,
      false, "" },
    { "POST", "/v2/core/event_destinations/{}/disable", destinations_disable,
      T_V2_CORE_EVENT_DESTINATION, false, "" },
    { "POST", "/v2/core/event_destinations/{}/enable", destinations_enable,
      T_V2_CORE_EVENT_DESTINATION, false, "" },
    { "POST", "/v2/core/event_destinations/{}/ping", destinations_ping, T_V2_CORE_EVENT, false,
      "" },
    { "GET", "/v2/core/events", thin_events_list, T_V2_CORE_EVENT, true,
      "object_id types created gt gte lt lte limit page" },
    { "GET", "/v2/core/events/{}", thin_events_get, T_V2_CORE_EVENT, false, "" },

    { "GET", "/v1/test_helpers/test_clocks", test_clocks_list, T_TEST_HELPERS_TEST_CLOCK, true,
      "" PAGE },
    { "POST", "/v1/test_helpers/test_clocks", test_clocks_create, T_TEST_HELPERS_TEST_CLOCK, false,
      "frozen_time* name" },
    { "GET", "/v1/test_helpers/test_clocks/{}", test_clocks_get, T_TEST_HELPERS_TEST_CLOCK, false,
      "" },
    { "DELETE", "/v1/test_helpers/test_clocks/{}", test_clocks_delete, T_TEST_HELPERS_TEST_CLOCK,
      false, "" },
    { "POST", "/v1/test_helpers/test_clocks/{}/advance", test_clocks_advance,
      T_TEST_HELPERS_TEST_CLOCK, false, "frozen_time*" },

    { "POST", "/v1/stripecli/sessions", listen_session, T_NONE, false, NULL },
};

const size_t n_platform_routes = COUNT(platform_routes);
