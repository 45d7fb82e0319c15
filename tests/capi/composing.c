/* One film of a call, looked at with the library's own pictures, and its plan. */
#include <math.h>
#include <string.h>

#include "check.h"

static int note(void* user, double fraction, double seconds_left, const char* what) {
  (void)seconds_left;
  CHECK(fraction >= 0 && fraction <= 1 && what != NULL);
  ++*(int*)user;
  return 0;
}

static int64_t end_of_film(const char* file, int width, int height) {
  rtpx_error* error = NULL;
  rtpx_pictures* pictures = rtpx_pictures_open(file, &error);
  check_no_error(error);
  rtpx_picture picture = {.size = sizeof picture};
  int count = 0;
  int64_t end = 0;
  for (; rtpx_pictures_next(pictures, &picture, &error) == 1; ++count) {
    CHECK(picture.width == width && picture.height == height);
    end = picture.time_ns;
  }
  check_no_error(error);
  CHECK(count > 100);
  rtpx_pictures_free(pictures);
  return end;
}

void compose_call(const char* recording, const char* work) {
  char file[4100];
  snprintf(file, sizeof file, "%s/film.mp4", work);
  int told = 0;
  const rtpx_film_mark mark = {5000, "halfway there"};
  rtpx_compose_options options;
  rtpx_compose_options_init(&options, sizeof options);
  CHECK(options.width == 1280 && options.fps == 30 && isnan(options.loudness) && options.names == 1);
  CHECK(options.logo == NULL && options.logo_height > 0.09 && options.clock == NULL && options.thumbnail_width == 640);
  options.output = file;
  options.width = 320;
  options.height = 180;
  options.fps = 10;
  options.names = 0;
  options.marks = &mark;
  options.mark_count = 1;
  options.clock = "+02:00";
  options.clock_place = "bottom";
  options.thumbnail = 1;
  options.thumbnail_width = 160;
  options.sprites = 9;
  options.progress = note;
  options.progress_user = &told;
  rtpx_error* error = NULL;
  char* plan = rtpx_plan_composition(&recording, 1, &options, &error);
  check_no_error(error);
  CHECK(plan[0] == '{');
  rtpx_free(plan);
  char* film = rtpx_compose(&recording, 1, &options, &error);
  check_no_error(error);
  CHECK(strstr(film, "film.mp4") != NULL && told > 0);
  rtpx_free(film);
  const int64_t end = end_of_film(file, 320, 180);
  CHECK(end > 29000000000 && end < 31000000000);
  bytes content = read_file(file);
  int chapter = 0;
  for (size_t at = 0; at + 13 < content.size; ++at) chapter |= memcmp(content.data + at, "halfway there", 13) == 0;
  CHECK(chapter);
  free(content.data);
  const char* const beside[] = {"_thumbnail.jpg", "_sprites.jpg", "_sprites.vtt"};
  for (size_t i = 0; i < sizeof beside / sizeof beside[0]; ++i) {
    char side_file[4200];
    snprintf(side_file, sizeof side_file, "%s%s", file, beside[i]);
    bytes made = read_file(side_file);
    CHECK(made.size > 100);
    free(made.data);
  }

  options.logo = "no such logo.png";
  CHECK(rtpx_compose(&recording, 1, &options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_NOT_FOUND);
  options.logo = NULL;
  options.clock_place = "middle";
  CHECK(rtpx_compose(&recording, 1, &options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
  options.clock = NULL;
  options.clock_place = NULL;

  options.layout = "no such layout";
  CHECK(rtpx_compose(&recording, 1, &options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
  options.layout = NULL;
  options.codec = "mpeg1";
  CHECK(rtpx_plan_composition(&recording, 1, &options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
  options.codec = NULL;
  options.stop = rtpx_stop_create();
  rtpx_stop_request(options.stop);
  CHECK(rtpx_compose(&recording, 1, &options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_CANCELLED);
  rtpx_stop_free(options.stop);
}
