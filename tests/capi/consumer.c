/* A program in C11 that uses all of rtpx.h: several threads record what golden/small_input.rtpin holds, and the files are
 * what upstream wrote, byte for byte but for the receive times. usage: consumer WORK-FOLDER RECORDING [GOLDEN-FOLDER] */
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

bytes read_file(const char* path) {
  bytes out = {NULL, 0};
  FILE* file = fopen(path, "rb");
  if (file == NULL) fprintf(stderr, "cannot read %s\n", path);
  CHECK(file != NULL);
  CHECK(fseek(file, 0, SEEK_END) == 0);
  out.size = (size_t)ftell(file);
  rewind(file);
  out.data = malloc(out.size + 1);
  CHECK(fread(out.data, 1, out.size, file) == out.size);
  fclose(file);
  return out;
}

static size_t big_endian(const unsigned char* at, size_t size) {
  size_t out = 0;
  for (size_t i = 0; i < size; ++i) out = out << 8 | at[i];
  return out;
}

/* The records of a .rtpx with their receive times zeroed. */
static bytes masked(const char* path) {
  bytes file = read_file(path);
  for (size_t at = 0; at < file.size;) {
    memset(file.data + at + 1, 0, 8);
    at += 13 + big_endian(file.data + at + 9, 4);
  }
  return file;
}

void expect_error(rtpx_error** error, int code) {
  CHECK(*error != NULL);
  CHECK(rtpx_error_code(*error) == code);
  CHECK(strlen(rtpx_error_name(*error)) > 3);
  CHECK(strlen(rtpx_error_message(*error)) > 3);
  rtpx_error_free(*error);
  *error = NULL;
}

void check_no_error(rtpx_error* error) {
  if (error != NULL) fprintf(stderr, "error: %s\n", rtpx_error_message(error));
  CHECK(error == NULL);
}

static void add_three_tracks(rtpx_recorder* recorder) {
  static const char* const feedback[] = {"96 nack", "96 nack pli"};
  static const char* const call[] = {"call"};
  static const char* const screen[] = {"screen"};
  static const char* const rids[] = {"q", "h", "f"};
  static const rtpx_header_extension extensions[] = {{"urn:ietf:params:rtp-hdrext:sdes:mid", 4}};
  rtpx_codec opus = RTPX_CODEC_INIT, vp8 = RTPX_CODEC_INIT;
  opus.payload_type = 111;
  opus.mime_type = "audio/opus";
  opus.clock_rate = 48000;
  opus.channels = 2;
  opus.sdp_fmtp_line = "111 minptime=10;useinbandfec=1";
  vp8.payload_type = 96;
  vp8.mime_type = "video/VP8";
  vp8.clock_rate = 90000;
  vp8.rtcp_fbs = feedback;
  vp8.rtcp_fb_count = 2;

  rtpx_track_info tracks[3] = {RTPX_TRACK_INFO_INIT, RTPX_TRACK_INFO_INIT, RTPX_TRACK_INFO_INIT};
  for (int i = 0; i < 3; ++i) {
    tracks[i].streams = i == 2 ? screen : call;
    tracks[i].stream_count = 1;
    tracks[i].codecs = i == 0 ? &opus : &vp8;
    tracks[i].codec_count = 1;
    tracks[i].header_extensions = extensions;
    tracks[i].header_extension_count = 1;
  }
  tracks[0].id = "0";
  tracks[0].kind = RTPX_AUDIO;
  tracks[1].id = "1";
  tracks[2].id = "2";
  tracks[2].rids = rids;
  tracks[2].rid_count = 3;

  rtpx_error* error = NULL;
  char* manifest = rtpx_recorder_add_tracks(recorder, tracks, 3, &error);
  check_no_error(error);
  CHECK(strstr(manifest, "\"rid_map\":{\"f\":2,\"h\":1,\"q\":0}") != NULL);
  CHECK(strstr(manifest, "\"sdp_fmtp_line\":\"111 minptime=10;useinbandfec=1\"") != NULL);
  rtpx_free(manifest);

  CHECK(rtpx_recorder_add_tracks(recorder, tracks, 1, &error) == NULL);
  expect_error(&error, RTPX_ERROR_ALREADY_EXISTS);
  CHECK(rtpx_recorder_add_tracks_json(recorder, "[{\"id\":3}]", &error) == NULL);
  expect_error(&error, RTPX_ERROR_MALFORMED);
  manifest = rtpx_recorder_add_tracks_json(
      recorder, "[{\"id\":\"json\",\"kind\":\"audio\",\"rids\":null,\"streams\":[\"call\"]}]", &error);
  check_no_error(error);
  CHECK(strstr(manifest, "\"json\":{") != NULL);
  rtpx_free(manifest);
}

typedef struct {
  rtpx_recorder* recorder;
  bytes input;
  unsigned track; /* that this thread records */
} worker;

/* One thread a track: by name, through a handle, and in batches. */
static void* record_track(void* argument) {
  static const char* const ids[] = {"0", "1", "2"};
  static const char* const rids[] = {"q", "h", "f"};
  worker* work = argument;
  rtpx_error* error = NULL;
  rtpx_track* handle = rtpx_recorder_track(work->recorder, ids[work->track], &error);
  check_no_error(error);
  for (size_t at = 0; at < work->input.size;) {
    const unsigned char* record = work->input.data + at;
    const size_t size = big_endian(record + 6, 2);
    at += 8 + size;
    if (record[0] != work->track) continue;
    rtpx_packet_info info = RTPX_PACKET_INFO_INIT;
    info.arrival_ns = 1000000000 + (int64_t)big_endian(record + 2, 4) * 1000000;
    int outcome = RTPX_FAILED;
    if (work->track == 0) {
      outcome = rtpx_track_record(handle, 0, record + 8, size, &info);
    } else if (work->track == 1) {
      const rtpx_packet packet = {handle, record + 8, size, info.arrival_ns, 0, 0};
      unsigned char became = RTPX_FAILED;
      CHECK(rtpx_record_packets(&packet, 1, &became) == 1);
      outcome = became;
    } else {
      outcome = rtpx_recorder_record(work->recorder, "2", rids[record[1]], record + 8, size, &info);
    }
    CHECK(outcome == RTPX_ACCEPTED);
  }
  rtpx_track_free(handle);
  return NULL;
}

static void compare_with_golden(const char* folder, const char* golden) {
  static const char* const flavours[] = {"small_head", "small_030", "small_021"};
  for (int i = 0; i < 3; ++i) {
    char path[4096], theirs_path[4400];
    snprintf(path, sizeof path, "%s/%s", golden, flavours[i]);
    DIR* dated = opendir(path);
    CHECK(dated != NULL);
    char inner[4200] = "";
    for (struct dirent* entry; (entry = readdir(dated)) != NULL;)
      if (entry->d_name[0] != '.') snprintf(inner, sizeof inner, "%s/%.99s", path, entry->d_name);
    closedir(dated);
    DIR* files = opendir(inner);
    CHECK(files != NULL);
    int same = 0;
    for (struct dirent* entry; (entry = readdir(files)) != NULL;) {
      if (strstr(entry->d_name, ".rtpx") == NULL) continue;
      snprintf(theirs_path, sizeof theirs_path, "%s/%.99s", inner, entry->d_name);
      const bytes theirs = masked(theirs_path);
      for (int track = 0; track < 3; ++track) {
        snprintf(path, sizeof path, "%.3900s/%d.rtpx", folder, track);
        const bytes ours = masked(path);
        same += ours.size == theirs.size && memcmp(ours.data, theirs.data, ours.size) == 0;
        free(ours.data);
      }
      free(theirs.data);
    }
    closedir(files);
    CHECK(same == 3);
  }
}

static void wait_for_event(rtpx_recorder* recorder, int kind, const char* text) {
  for (;;) {
    struct pollfd waiting = {rtpx_recorder_event_fd(recorder), POLLIN, 0};
    CHECK(poll(&waiting, 1, 60000) == 1);
    rtpx_event* event = rtpx_recorder_next_event(recorder);
    CHECK(event != NULL);
    const int found = rtpx_event_kind(event) == kind && strstr(rtpx_event_json(event), text) != NULL;
    CHECK(rtpx_event_upload_ref(event) == 0);
    rtpx_event_free(event);
    if (found) return;
  }
}

static void record_call(const char* folder, const char* golden) {
  rtpx_recorder_options options;
  rtpx_recorder_options_init(&options, sizeof options);
  CHECK(options.queue_bytes == 128u << 20 && options.checksums == 1);
  options.folder = folder;
  rtpx_error* error = NULL;
  rtpx_recorder* recorder = rtpx_recorder_start(&options, &error);
  check_no_error(error);
  CHECK(rtpx_recorder_start(&options, &error) == NULL);
  CHECK(error != NULL);
  rtpx_error_free(error);
  error = NULL;
  CHECK(rtpx_recorder_start(&options, NULL) == NULL);

  add_three_tracks(recorder);
  CHECK(rtpx_recorder_record(recorder, "nobody", NULL, "x", 1, NULL) == RTPX_UNKNOWN_TRACK);
  CHECK(rtpx_recorder_record(recorder, "2", "z", "x", 1, NULL) == RTPX_UNKNOWN_RID);
  CHECK(rtpx_recorder_record(recorder, "2", NULL, "x", 1, NULL) == RTPX_UNKNOWN_RID);
  CHECK(rtpx_recorder_track(recorder, "nobody", &error) == NULL);
  expect_error(&error, RTPX_ERROR_NOT_FOUND);
  wait_for_event(recorder, RTPX_EVENT_UNKNOWN_TARGET, "nobody");

  char input_path[4096];
  snprintf(input_path, sizeof input_path, "%s/small_input.rtpin", golden != NULL ? golden : "");
  bytes input = {NULL, 0};
  if (golden != NULL) input = read_file(input_path);
  worker workers[3];
  pthread_t threads[3];
  for (unsigned i = 0; i < 3; ++i) {
    workers[i] = (worker){recorder, input, i};
    CHECK(pthread_create(&threads[i], NULL, record_track, &workers[i]) == 0);
  }
  rtpx_recorder_stats stats = {.size = sizeof stats};
  for (int i = 0; i < 20; ++i) rtpx_recorder_get_stats(recorder, &stats);
  for (unsigned i = 0; i < 3; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
  free(input.data);

  static const unsigned char report[] = {0x80, 201, 0, 1, 1, 2, 3, 4};
  CHECK(rtpx_recorder_record_rtcp(recorder, "0", report, sizeof report, NULL) == RTPX_ACCEPTED);
  CHECK(rtpx_recorder_record(recorder, "json", NULL, report, sizeof report, NULL) == RTPX_ACCEPTED);
  CHECK(rtpx_recorder_flush(recorder, &error) == 0);
  rtpx_recorder_get_stats(recorder, &stats);
  CHECK(stats.packets == (golden != NULL ? 1028u : 0u) + 1u);
  CHECK(stats.rtcp_packets == 1 && stats.unknown_track == 1 && stats.unknown_rid == 2 && stats.queued_bytes == 0);
  char* track_stats = rtpx_recorder_track_stats(recorder);
  CHECK(strstr(track_stats, "\"id\":\"json\",\"live\":true,\"packets\":1") != NULL);
  rtpx_free(track_stats);

  /* A structure of a smaller, older header is filled as far as it goes. */
  struct {
    size_t size;
    uint64_t packets, untouched;
  } old = {2 * sizeof(size_t), 0, 42};
  rtpx_recorder_get_stats(recorder, (rtpx_recorder_stats*)&old);
  CHECK(old.packets == stats.packets && old.untouched == 42);

  static const char* const ids[] = {"0", "1", "2", "nobody"};
  uint64_t upload = 99;
  char* ended = rtpx_recorder_end_tracks(recorder, ids, 4, NULL, &upload, &error);
  check_no_error(error);
  CHECK(strstr(ended, "\"end_reason\":\"ended\"") != NULL);
  CHECK(upload == 0);
  rtpx_free(ended);
  CHECK(rtpx_recorder_end_tracks(recorder, ids, 4, NULL, NULL, &error) == NULL);
  expect_error(&error, RTPX_ERROR_TRACKS_NOT_FOUND);
  CHECK(rtpx_recorder_record(recorder, "0", NULL, "x", 1, NULL) == RTPX_ENDED);

  char* where = rtpx_recorder_folder(recorder);
  CHECK(strstr(where, folder) != NULL || folder[0] != '/');
  rtpx_free(where);
  char* whole = rtpx_recorder_manifest(recorder);
  CHECK(strstr(whole, "\"json\":{") != NULL && strstr(whole, "\"2\":{") != NULL);
  rtpx_free(whole);

  rtpx_track* handle = rtpx_recorder_track(recorder, "json", &error);
  check_no_error(error);
  rtpx_recorder_free(recorder);
  CHECK(rtpx_track_record(handle, 0, "x", 1, NULL) == RTPX_ENDED);
  rtpx_track_free(handle);
  if (golden != NULL) compare_with_golden(folder, golden);
}

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int flows;
} flow_count;

static void count_flow(void* user, const rtpx_event* event) {
  flow_count* count = user;
  pthread_mutex_lock(&count->mutex);
  if (rtpx_event_kind(event) == RTPX_EVENT_TRACK_FLOW) count->flows++;
  pthread_cond_signal(&count->changed);
  pthread_mutex_unlock(&count->mutex);
}

static void hear_events_by_callback(const char* base_dir) {
  flow_count count = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
  rtpx_recorder_options options;
  rtpx_recorder_options_init(&options, sizeof options);
  options.base_dir = base_dir;
  options.on_event = count_flow;
  options.on_event_user = &count;
  rtpx_error* error = NULL;
  rtpx_recorder* recorder = rtpx_recorder_start(&options, &error);
  check_no_error(error);
  CHECK(rtpx_recorder_event_fd(recorder) == -1);
  CHECK(rtpx_recorder_next_event(recorder) == NULL);
  char* added = rtpx_recorder_add_tracks_json(recorder, "{\"id\":\"a\",\"kind\":\"audio\"}", &error);
  check_no_error(error);
  rtpx_free(added);
  CHECK(rtpx_recorder_record(recorder, "a", NULL, "12345678901234567", 16, NULL) == RTPX_ACCEPTED);
  pthread_mutex_lock(&count.mutex);
  while (count.flows == 0) pthread_cond_wait(&count.changed, &count.mutex);
  pthread_mutex_unlock(&count.mutex);
  rtpx_recorder_free(recorder);
}

/* The pictures of the file that a conversion's result names first. */
static void look_at_pictures(const char* result) {
  char path[4096];
  CHECK(sscanf(strstr(result, "\"location\":\""), "\"location\":\"%4000[^\"]", path) == 1);
  rtpx_error* error = NULL;
  rtpx_pictures* pictures = rtpx_pictures_open(path, &error);
  check_no_error(error);
  rtpx_picture picture = {.size = sizeof picture};
  int count = 0;
  int64_t last = -1;
  unsigned darkest = 255, brightest = 0;
  for (; rtpx_pictures_next(pictures, &picture, &error) == 1; ++count) {
    CHECK(picture.time_ns > last);
    last = picture.time_ns;
    CHECK(picture.width >= 16 && picture.height >= 16 && picture.stride >= (size_t)picture.width * 3);
    for (int x = 0; x < picture.width * 3; ++x) {
      const unsigned value = picture.rgb[picture.stride * (size_t)(picture.height / 2) + (size_t)x];
      if (value < darkest) darkest = value;
      if (value > brightest) brightest = value;
    }
  }
  check_no_error(error);
  CHECK(count > 100 && brightest > darkest + 50);
  CHECK(rtpx_pictures_seek(pictures, 0, &error) == 0);
  CHECK(rtpx_pictures_next(pictures, &picture, &error) == 1);
  CHECK(picture.time_ns < last);
  rtpx_pictures_free(pictures);
  CHECK(rtpx_pictures_open("/nowhere", &error) == NULL);
  expect_error(&error, RTPX_ERROR_NOT_FOUND);
}

static int note_progress(void* user, double fraction, double seconds_left, const char* what) {
  (void)seconds_left;
  CHECK(fraction >= 0 && fraction <= 1 && what != NULL);
  ++*(int*)user;
  return 0;
}

static void convert_call(const char* recording, const char* output) {
  int told = 0;
  rtpx_convert_options options;
  rtpx_convert_options_init(&options, sizeof options);
  options.output_path = output;
  options.format = "mkv";
  options.progress = note_progress;
  options.progress_user = &told;
  rtpx_error* error = NULL;
  char* result = rtpx_convert(recording, &options, &error);
  check_no_error(error);
  CHECK(strstr(result, "\"location\":") != NULL && strstr(result, ".mkv\"") != NULL);
  CHECK(strstr(result, "\"lost_media\":false") != NULL);
  CHECK(told > 0);
  look_at_pictures(result);
  rtpx_free(result);

  char* manifest = rtpx_read_manifest(recording, &error);
  check_no_error(error);
  options.format = NULL;
  result = rtpx_convert_manifest(manifest, recording, &options, &error);
  check_no_error(error);
  CHECK(strstr(result, ".webm\"") != NULL);
  rtpx_free(result);
  rtpx_free(manifest);

  options.format = "avi";
  CHECK(rtpx_convert(recording, &options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
  options.format = NULL;
  options.stop = rtpx_stop_create();
  rtpx_stop_request(options.stop);
  CHECK(rtpx_convert(recording, &options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_CANCELLED);
  rtpx_stop_free(options.stop);
  CHECK(rtpx_convert("/nowhere", NULL, &error) == NULL);
  expect_error(&error, RTPX_ERROR_NOT_FOUND);

  char* report = rtpx_inspect(recording, NULL, &error);
  check_no_error(error);
  CHECK(strstr(report, "\"tracks\":") != NULL);
  rtpx_free(report);
  CHECK(rtpx_resolve_location("s3://bucket/key", recording, &error) == NULL);
  expect_error(&error, RTPX_ERROR_UNSUPPORTED);
}

static long long duration_ms(const char* result) {
  long long out = -1;
  const char* at = strstr(result, "\"duration_ms\":");
  CHECK(at != NULL && sscanf(at, "\"duration_ms\":%lld", &out) == 1);
  return out;
}

/* Ten seconds from the fifth on: all of it, with pictures encoded up to a keyframe, and its sound alone. */
static void convert_parts(const char* recording, const char* output) {
  rtpx_convert_options options;
  rtpx_convert_options_init(&options, sizeof options);
  options.output_path = output;
  options.from = "5";
  options.to = "0:15";
  options.cut_start = "encode";
  options.suffix = "+part";
  rtpx_error* error = NULL;
  char* result = rtpx_convert(recording, &options, &error);
  check_no_error(error);
  CHECK(strstr(result, "+part.webm\"") != NULL);
  const long long part = duration_ms(result);
  CHECK(part > 9800 && part < 10200);
  look_at_pictures(result);
  rtpx_free(result);

  options.only = "audio";
  options.format = "ogg";
  options.cut_start = NULL;
  options.suffix = NULL;
  result = rtpx_convert(recording, &options, &error);
  check_no_error(error);
  CHECK(strstr(result, ".ogg\"") != NULL && strstr(result, "+part") == NULL);
  const long long sound = duration_ms(result);
  CHECK(sound > 9800 && sound < 10200);
  rtpx_free(result);

  /* A program that was compiled against a header without cuts converts all of it, whatever lies behind its structure. */
  options.only = NULL;
  options.format = NULL;
  options.from = options.to = (const char*)1;
  options.size = offsetof(rtpx_convert_options, from);
  result = rtpx_convert(recording, &options, &error);
  check_no_error(error);
  CHECK(duration_ms(result) > 25000);
  rtpx_free(result);

  const struct {
    const char *from, *to, *cut_start, *only, *suffix;
  } wrong[] = {{"soon", NULL, NULL, NULL, NULL},   {"15", "5", NULL, NULL, NULL},      {"1:00:00", NULL, NULL, NULL, NULL},
               {"5", NULL, "roughly", NULL, NULL}, {NULL, NULL, NULL, "smell", NULL}, {NULL, NULL, NULL, NULL, "../x"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    rtpx_convert_options_init(&options, sizeof options);
    options.output_path = output;
    options.from = wrong[i].from;
    options.to = wrong[i].to;
    options.cut_start = wrong[i].cut_start;
    options.only = wrong[i].only;
    options.suffix = wrong[i].suffix;
    CHECK(rtpx_convert(recording, &options, &error) == NULL);
    expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
  }
}

static void refuse_bad_buckets(void) {
  rtpx_s3_options options = RTPX_S3_OPTIONS_INIT;
  options.bucket_name = "No";
  rtpx_error* error = NULL;
  CHECK(rtpx_uploader_s3(&options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
  options.bucket_name = "calls";
  options.access_key_id = "id";
  options.secret_access_key = "secret";
  rtpx_uploader* uploader = rtpx_uploader_s3(&options, &error);
  check_no_error(error);
  rtpx_uploader_free(uploader);
}

int main(int argc, char** argv) {
  CHECK(argc >= 3);
  CHECK(rtpx_api_version() >= RTPX_API_VERSION);
  CHECK(strchr(rtpx_version(), '.') != NULL);
  rtpx_error_free(NULL);
  rtpx_event_free(NULL);
  rtpx_recorder_free(NULL);
  rtpx_reader_free(NULL);
  rtpx_frames_free(NULL);
  rtpx_identity_free(NULL);
  rtpx_e2ee_keys_free(NULL);
  char path[4096];
  snprintf(path, sizeof path, "%s/call", argv[1]);
  record_call(path, argc > 3 ? argv[3] : NULL);
  snprintf(path, sizeof path, "%s/dated", argv[1]);
  hear_events_by_callback(path);
  snprintf(path, sizeof path, "%s/videos", argv[1]);
  convert_call(argv[2], path);
  snprintf(path, sizeof path, "%s/parts", argv[1]);
  convert_parts(argv[2], path);
  read_call(argv[2]);
  seal_call(argv[2], argv[1]);
  compose_call(argv[2], argv[1]);
  refuse_bad_buckets();
  puts("ok");
  return 0;
}
