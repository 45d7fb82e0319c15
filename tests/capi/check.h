/* What all parts of the consumer check with. */
#ifndef RTPX_TESTS_CAPI_CHECK_H
#define RTPX_TESTS_CAPI_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "rtpx/rtpx.h"

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);   \
      exit(1);                                                                    \
    }                                                                             \
  } while (0)

typedef struct {
  unsigned char* data;
  size_t size;
} bytes;

bytes read_file(const char* path);
/* Takes an expected error: its code is `code`, it has a name and a message. */
void expect_error(rtpx_error** error, int code);
void check_no_error(rtpx_error* error);

/* reading.c: a recording kept open, its frames and pictures. */
void read_call(const char* recording);
/* sealing.c: a recording that is sealed opens with its key and no other. */
void seal_call(const char* recording, const char* work);
/* composing.c: one film of the call. */
void compose_call(const char* recording, const char* work);

#endif
