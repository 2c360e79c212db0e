/* service.h - what a process owes its supervisor and its secrets. */
#pragma once

#include "base/base.h"

/* No core dump and no ptrace by others: the process holds keys. */
void service_harden(void);

/* Tell systemd, when it started us and libsystemd was there at build time; else nothing. */
void service_ready(void);
void service_stopping(void);
void service_reloading(void); /* service_ready follows, from the same process */
void service_alive(void);     /* the watchdog's ping */
/* How often the watchdog wants to hear from us; 0: never. */
msec service_watchdog_ms(void);
