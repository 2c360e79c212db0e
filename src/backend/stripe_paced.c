#include "backend/stripe_paced.h"
