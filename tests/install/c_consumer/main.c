/* A program in C that records a packet. usage: consumer FOLDER */
#include <rtpx/rtpx.h>
#include <stdio.h>

int main(int argc, char** argv) {
  rtpx_recorder_options options;
  rtpx_recorder_options_init(&options, sizeof options);
  options.folder = argc > 1 ? argv[1] : NULL;
  rtpx_error* error = NULL;
  rtpx_recorder* recorder = rtpx_recorder_start(&options, &error);
  if (recorder == NULL) return fprintf(stderr, "%s\n", rtpx_error_message(error)), 1;
  char* manifest = rtpx_recorder_add_tracks_json(recorder, "[{\"id\":\"1\",\"kind\":\"audio\"}]", &error);
  if (manifest == NULL) return fprintf(stderr, "%s\n", rtpx_error_message(error)), 1;
  rtpx_free(manifest);
  static const unsigned char packet[16] = {0x80, 111, 0, 1};
  const int outcome = rtpx_recorder_record(recorder, "1", NULL, packet, sizeof packet, NULL);
  rtpx_recorder_free(recorder);
  return outcome == RTPX_ACCEPTED ? 0 : 1;
}
