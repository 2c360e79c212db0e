/* currencies.c - which there are, and what their smallest unit is. [facts] */
#include "emulator/rooms.h"

#include <string.h>

/* In the order in which they are said. */
static const char currencies[] =
    "usd, aed, afn, all, amd, ang, aoa, ars, aud, awg, azn, bam, bbd, bdt, bgn, bhd, bif, bmd, "
    "bnd, bob, brl, bsd, bwp, byn, bzd, cad, cdf, chf, clp, cny, cop, crc, cve, czk, djf, dkk, "
    "dop, dzd, egp, etb, eur, fjd, fkp, gbp, gel, ghs, gip, gmd, gnf, gtq, gyd, hkd, hnl, htg, "
    "huf, idr, ils, inr, isk, jmd, jod, jpy, kes, kgs, khr, kmf, krw, kwd, kyd, kzt, lak, lbp, "
    "lkr, lrd, lsl, mad, mdl, mga, mkd, mmk, mnt, mop, mur, mvr, mwk, mxn, myr, mzn, nad, ngn, "
    "nio, nok, npr, nzd, omr, pab, pen, pgk, php, pkr, pln, pyg, qar, ron, rsd, rub, rwf, sar, "
    "sbd, scr, sek, sgd, shp, sle, sos, srd, std, szl, thb, tjs, tnd, top, try, ttd, twd, tzs, "
    "uah, ugx, uyu, uzs, vnd, vuv, wst, xaf, xcd, xcg, xof, xpf, yer, zar, zmw";

/* The amount is in whole units. */
static const char no_decimals[] = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";
/* In thousandths, of which the last digit must be 0. */
static const char three_decimals[] = "bhd jod kwd omr tnd";

static bool among(const char *words, size_t stride, str currency)
{
    for (size_t at = 0, n = strlen(words); currency.n == 3 && at + 3 <= n; at += stride)
        if (memcmp(words + at, currency.p, 3) == 0)
            return true;
    return false;
}

int currency_decimals(str currency)
{
    if (among(no_decimals, 4, currency))
        return 0;
    return among(three_decimals, 4, currency) ? 3 : 2;
}

int64_t currency_round(str currency, int64_t amount)
{
    int64_t half = amount < 0 ? -5 : 5;

    return currency_decimals(currency) == 3 ? (amount + half) / 10 * 10 : amount;
}

/* Eight digits, but where money has many noughts. [facts: R-15] */
static int64_t amount_max(str currency)
{
    if (str_eq(currency, S("idr")))
        return 999999999999;
    return currency_decimals(currency) == 0 || among("cop huf", 4, currency) ? 9999999999
                                                                             : 99999999;
}

bool amount_fits(struct call *c, str currency, int64_t amount, const char *param)
{
    if (amount > amount_max(currency))
        refuse(c, 400, "amount_too_large", param, "Amount must be no more than %lld",
               (long long)amount_max(currency));
    else if (currency_decimals(currency) == 3 && amount % 10)
        refuse(c, 400, NULL, param,
               "Invalid amount: amounts in %.*s must end in 0, because its third decimal place is "
               "not supported.",
               STR_ARG(currency));
    return !c->refused;
}

bool currency_apply(const struct args *a, json_t *doc)
{
    str s;

    if (!arg_text(a, "currency", &s)) {
        refuse_param_missing(a->c, arg_name(a, "currency"));
        return false;
    }
    char low[4] = { 0 };
    for (size_t i = 0; i < s.n && i < 3; i++)
        low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
    if (s.n != 3 || !among(currencies, 5, str_of(low))) { /* [facts: R-22] */
        refuse(a->c, 400, NULL, arg_name(a, "currency"),
               "Invalid currency: %.*s. Stripe currently supports these currencies: %s", STR_ARG(s),
               currencies);
        return false;
    }
    set_strz(doc, "currency", low);
    return true;
}
