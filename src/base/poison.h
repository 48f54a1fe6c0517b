/* poison.h - included before every C file: calls with no safe use here do not compile. */
#ifndef ROENTGEN_POISON_H
#define ROENTGEN_POISON_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef ROENTGEN_MYSQL /* src/db: macros of that header name poisoned calls, so it has to come before the pragma */
#include <mysql.h>
#endif

/* Unbounded writes, hidden static state, silent conversion errors, and shells. */
#ifdef ROENTGEN_PDF /* src/pdf: so do those of GLib and FreeType */
#include <pango/pangoft2.h>
#include <pango/pangofc-fontmap.h>
#endif
#undef alloca /* glibc makes these macros (the second with clang), and those cannot be poisoned */
#undef sprintf

#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok atoi atol atoll atof gmtime localtime asctime ctime \
    alloca system popen tmpnam tempnam mktemp strncpy strncat srand

/* OpenSSL's headers have parameters called `rand`, so that name cannot be poisoned. */
int rand(void) __attribute__((deprecated("crypto_random")));

#endif
