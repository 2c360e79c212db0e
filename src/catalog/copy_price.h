/* copy_price.h - a price as the parameters that would make the same price once more. Pure. */
#pragma once

#include "catalog/kinds.h"

/* Everything of `doc` but its id, its lookup key and our marker. ST_REFUSED: something of it cannot
 * be copied, or was not shown (tiers and currencies come only when they are asked for). [facts:
 * */
enum status price_copy(struct planning *g, str doc, struct pairs *out, struct error *e) MUST_USE;
