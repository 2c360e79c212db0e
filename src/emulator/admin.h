/* admin.h - what tests and operators do to an emulator from outside: /_emulator/… */
#pragma once

#include "emulator/call.h"

struct request_log *request_log_new(void);
void request_log_free(struct request_log *l);
void request_log_add(struct emulator *e, const struct call *c, const struct http_response *r);

void emulator_forget(struct emulator *e); /* everything but faults, log and clock */
