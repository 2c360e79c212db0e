#include "serve/service.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#include <time.h>
#endif

void service_harden(void)
{
    /* Neither can fail in a way that we could mend. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

#ifdef HAVE_SYSTEMD

void service_ready(void)
{
    sd_notify(0, "READY=1");
}

void service_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

void service_reloading(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
               (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void service_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}

msec service_watchdog_ms(void)
{
    uint64_t usec = 0;
    return sd_watchdog_enabled(0, &usec) > 0 ? (msec)(usec / 1000) : 0;
}

#else

void service_ready(void)
{
}

void service_stopping(void)
{
}

void service_reloading(void)
{
}

void service_alive(void)
{
}

msec service_watchdog_ms(void)
{
    return 0;
}

#endif
