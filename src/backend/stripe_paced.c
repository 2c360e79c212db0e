/* stripe_paced.c */
