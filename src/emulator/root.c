/* account.c - the emulator itself. */
#include "emulator/list.h"
#include "emulator/rooms.h"

json_t *root_get(struct call *c)
{
    static const char *const control[] = {
        "GET POST DELETE /_emulator/faults",
        "GET /_emulator/requests",
        "GET POST /_emulator/clock",
        "GET /_emulator/state/TYPE",
        "GET /_emulator/deliveries",
        "POST /_emulator/deliveries/flush",
        "POST DELETE /_emulator/objects/TYPE/ID",
        "POST /_emulator/webhook_endpoints/ID/roll",
        "POST /_emulator/accounts/ID/authorize",
        "POST /_emulator/payment_links/ID/open",
        "POST /_emulator/permissions",
        "POST /_emulator/bulk",
        "POST /_emulator/reset",
    };
    json_t *hello = json_object(), *list = json_array();

    (void)c;
    set_strz(hello, "emulator", "Stripe, for development and tests");
    for (size_t i = 0; i < COUNT(control); i++)
        json_array_append_new(list, json_string(control[i]));
    set_new(hello, "control", list);
    return hello;
}
