/* tests/data/vp8_opus read frame by frame: Chromium's own count says that it sent 548 pictures and more, of 640 x 480, two
 * of them keyframes, and 1,518 packets of sound. */
#include <pthread.h>
#include <string.h>

#include "check.h"

typedef struct {
  rtpx_reader* reader;
  const char* track;
  int frames, keyframes;
  int64_t first_ns, last_ns;
} counted;

static void* count_frames(void* argument) {
  counted* count = argument;
  rtpx_error* error = NULL;
  rtpx_frames* frames = rtpx_reader_frames(count->reader, count->track, NULL, INT64_MIN, &error);
  check_no_error(error);
  rtpx_frame frame = {.size = sizeof frame};
  int next;
  while ((next = rtpx_frames_next(frames, &frame, &error)) == RTPX_NEXT_FRAME) {
    CHECK(frame.data != NULL && frame.data_size > 0);
    CHECK(count->frames == 0 || frame.time_ns > count->last_ns);
    CHECK(frame.new_config == (count->frames == 0));
    if (count->frames++ == 0) count->first_ns = frame.time_ns;
    count->last_ns = frame.time_ns;
    count->keyframes += frame.keyframe;
    if (strcmp(count->track, "audio_0") == 0)
      CHECK(strcmp(frame.mime_type, "audio/opus") == 0 && frame.sample_rate == 48000 && frame.duration_ns == 20000000);
    else
      CHECK(strcmp(frame.mime_type, "video/VP8") == 0 && frame.width == 640 && frame.height == 480 && !frame.damaged);
  }
  check_no_error(error);
  CHECK(next == RTPX_NEXT_END);
  rtpx_frames_free(frames);
  return NULL;
}

static void look_from(rtpx_reader* reader, const char* video, int64_t keyframe_ns) {
  rtpx_error* error = NULL;
  rtpx_pictures* pictures = rtpx_reader_pictures(reader, video, NULL, keyframe_ns, &error);
  check_no_error(error);
  rtpx_picture picture = {.size = sizeof picture};
  CHECK(rtpx_pictures_next(pictures, &picture, &error) == 1);
  CHECK(picture.time_ns == keyframe_ns && picture.width == 640 && picture.height == 480);
  const unsigned char corner = picture.rgb[0];
  int further = 0;
  while (further < 50 && rtpx_pictures_next(pictures, &picture, &error) == 1) ++further;
  CHECK(further == 50 && picture.time_ns > keyframe_ns);
  CHECK(rtpx_pictures_seek(pictures, keyframe_ns, &error) == 0);
  CHECK(rtpx_pictures_next(pictures, &picture, &error) == 1);
  CHECK(picture.time_ns == keyframe_ns && picture.rgb[0] == corner);
  rtpx_pictures_free(pictures);

  size_t size = 0;
  unsigned char* jpeg = rtpx_reader_picture(reader, video, keyframe_ns, 320, -1, &size, &error);
  check_no_error(error);
  CHECK(size > 1000 && jpeg[0] == 0xFF && jpeg[1] == 0xD8 && jpeg[size - 2] == 0xFF && jpeg[size - 1] == 0xD9);
  rtpx_free(jpeg);
  CHECK(rtpx_reader_picture(reader, video, 0, 0, 0, &size, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
}

void read_call(const char* recording) {
  rtpx_error* error = NULL;
  rtpx_reader* reader = rtpx_reader_open(recording, NULL, &error);
  check_no_error(error);
  char* tracks = rtpx_reader_tracks(reader, &error);
  CHECK(strstr(tracks, "\"running\":false") != NULL && strstr(tracks, "\"settled_ns\":null") != NULL);
  CHECK(strstr(tracks, "\"mime_type\":\"video/VP8\"") != NULL && strstr(tracks, "\"refused\":null") != NULL);
  rtpx_free(tracks);

  counted video = {reader, "video_1", 0, 0, 0, 0}, sound = {reader, "audio_0", 0, 0, 0, 0};
  pthread_t other;
  CHECK(pthread_create(&other, NULL, count_frames, &sound) == 0);
  count_frames(&video);
  CHECK(pthread_join(other, NULL) == 0);
  CHECK(video.frames >= 548 && video.frames <= 555 && video.keyframes == 2);
  CHECK(sound.frames == 1518 && sound.keyframes == 1518);
  CHECK(video.last_ns > 30000000000 && video.last_ns < 31000000000);

  int64_t first = -1, last = -1;
  CHECK(rtpx_reader_keyframe_before(reader, "video_1", NULL, video.first_ns, &first, &error) == 1);
  CHECK(rtpx_reader_keyframe_before(reader, "video_1", NULL, INT64_MAX, &last, &error) == 1);
  CHECK(first == video.first_ns && last >= first);
  CHECK(rtpx_reader_keyframe_before(reader, "video_1", NULL, video.first_ns - 1, &first, &error) == 0);
  CHECK(rtpx_reader_keyframe_before(reader, "nobody", NULL, 0, &first, &error) == -1);
  expect_error(&error, RTPX_ERROR_NOT_FOUND);
  look_from(reader, "video_1", last);
  CHECK(rtpx_reader_pictures(reader, "audio_0", NULL, 0, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
  CHECK(rtpx_reader_frames(reader, "video_1", "no such rid", 0, &error) == NULL);
  expect_error(&error, RTPX_ERROR_NOT_FOUND);

  rtpx_frames* frames = rtpx_reader_frames(reader, "audio_0", NULL, 10000000000, &error);
  check_no_error(error);
  CHECK(rtpx_reader_refresh(reader, &error) == 0);
  CHECK(rtpx_reader_wait(reader, 1, &error) == 0);
  rtpx_reader_free(reader);
  int64_t at = -1;
  struct { /* a structure of an older header is filled as far as it goes */
    size_t size;
    const void* data;
    size_t data_size, untouched;
  } old = {3 * sizeof(size_t), NULL, 0, 42};
  CHECK(rtpx_frames_next(frames, (rtpx_frame*)&old, &error) == RTPX_NEXT_FRAME);
  CHECK(old.data != NULL && old.data_size > 0 && old.untouched == 42);
  CHECK(rtpx_frames_seek(frames, 20000000000, &at, &error) == 0);
  CHECK(at <= 20000000000 && at > 19900000000);
  rtpx_frames_free(frames);

  CHECK(rtpx_reader_open("/nowhere", NULL, &error) == NULL);
  expect_error(&error, RTPX_ERROR_NOT_FOUND);
  rtpx_reader_options options;
  rtpx_reader_options_init(&options, sizeof options);
  CHECK(options.fill_sound == 1);
  options.stop = rtpx_stop_create();
  rtpx_stop_request(options.stop);
  CHECK(rtpx_reader_open(recording, &options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_CANCELLED);
  rtpx_stop_free(options.stop);
}
