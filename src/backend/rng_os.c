/* rng_os.c */
