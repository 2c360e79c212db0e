/* coverage.h - what this program knows of Stripe's types, as rows: the view `_coverage`, which says
 * how complete the mirror is, is made of them, of the walks, the checks and the events. */
#pragma once

#include "base/buf.h"

/* SQL of every dialect that fills `_types` anew; part of the views' script. */
void coverage_sql(struct buf *out);
