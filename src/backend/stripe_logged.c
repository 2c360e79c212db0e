/* stripe_logged.c */
