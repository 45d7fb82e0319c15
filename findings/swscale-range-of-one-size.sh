#!/bin/bash
# libswscale 6.7 and 8.3 (Debian's FFmpeg 5.1 and 7.1; needs gcc, pkg-config, libswscale-dev). A picture of video range (white is 235) is made one of
# full range, as JPEG has it (white is 255), by sws_getContext() and sws_setColorspaceDetails(), which takes the ranges and answers 0.
# Expected: white is 255 at any size. Seen: where the sizes are equal it stays 235; the copy was chosen before the ranges were told.
# Told as options before sws_init_context() they are heeded.
source "$(dirname "$(realpath "$0")")/begin.inc"
pkg-config --modversion libswscale
cat >white.c <<'C'
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <string.h>

static int white(int width, int height, int as_options) {
  static unsigned char from[64 * 32 * 2], to[64 * 32 * 2];
  const unsigned char* in[4] = {from, from + 64 * 32, from + 64 * 48, 0};
  unsigned char* out[4] = {to, to + 64 * 32, to + 64 * 48, 0};
  const int in_sizes[4] = {64, 32, 32, 0}, out_sizes[4] = {width, width / 2, width / 2, 0};
  memset(from, 128, sizeof from);
  memset(from, 235, 64 * 32);
  struct SwsContext* scaler;
  if (as_options) {
    scaler = sws_alloc_context();
    av_opt_set_int(scaler, "srcw", 64, 0), av_opt_set_int(scaler, "srch", 32, 0);
    av_opt_set_int(scaler, "dstw", width, 0), av_opt_set_int(scaler, "dsth", height, 0);
    av_opt_set_int(scaler, "src_format", AV_PIX_FMT_YUV420P, 0), av_opt_set_int(scaler, "dst_format", AV_PIX_FMT_YUV420P, 0);
    av_opt_set_int(scaler, "src_range", 0, 0), av_opt_set_int(scaler, "dst_range", 1, 0);
    av_opt_set_int(scaler, "sws_flags", SWS_BICUBIC, 0);
    if (sws_init_context(scaler, 0, 0) < 0) return -1;
  } else {
    scaler = sws_getContext(64, 32, AV_PIX_FMT_YUV420P, width, height, AV_PIX_FMT_YUV420P, SWS_BICUBIC, 0, 0, 0);
    const int* const matrix = sws_getCoefficients(SWS_CS_ITU601);
    if (sws_setColorspaceDetails(scaler, matrix, 0, matrix, 1, 0, 1 << 16, 1 << 16) < 0) return -1;
  }
  sws_scale(scaler, in, in_sizes, 0, 32, out, out_sizes);
  sws_freeContext(scaler);
  return to[0];
}

int main(void) {
  printf("64x32 %d, 32x16 %d; as options 64x32 %d, 32x16 %d\n", white(64, 32, 0), white(32, 16, 0), white(64, 32, 1), white(32, 16, 1));
}
C
# shellcheck disable=SC2046
gcc -o white white.c $(pkg-config --cflags --libs libswscale libavutil)
./white | seen '64x32 235, 32x16 255; as options 64x32 255, 32x16 255'
