/* stripe_http.c */
