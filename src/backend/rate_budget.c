#include "backend/rate_budget.h"
