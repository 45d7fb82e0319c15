/* A copy of a recording that is sealed, read with its key, opened, and given to somebody else. */
#include <string.h>
#include <sys/stat.h>

#include "check.h"

static const char* const kFiles[] = {"manifest.json", "audio_0.rtpx", "audio_0.rtcpx", "video_1.rtpx", "video_1.rtcpx"};
enum { FILES = sizeof kFiles / sizeof *kFiles };

static void copy_and_seal(const char* from, const char* to, const char* recipient) {
  CHECK(mkdir(to, 0700) == 0);
  rtpx_error* error = NULL;
  for (int i = 0; i < FILES; ++i) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", from, kFiles[i]);
    bytes content = read_file(path);
    snprintf(path, sizeof path, "%s/%s", to, kFiles[i]);
    FILE* file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(content.data, 1, content.size, file) == content.size && fclose(file) == 0);
    CHECK(rtpx_seal_file(path, &recipient, 1, &error) == 0);
    bytes sealed = read_file(path);
    CHECK(sealed.size > content.size && memcmp(sealed.data, "RTPXSEAL", 8) == 0);
    free(content.data);
    free(sealed.data);
  }
}

static int count_pictures(const char* recording, const rtpx_keys* keys) {
  rtpx_error* error = NULL;
  rtpx_reader_options options;
  rtpx_reader_options_init(&options, sizeof options);
  options.keys = *keys;
  rtpx_reader* reader = rtpx_reader_open(recording, &options, &error);
  check_no_error(error);
  rtpx_frames* frames = rtpx_reader_frames(reader, "video_1", NULL, INT64_MIN, &error);
  check_no_error(error);
  rtpx_frame frame = {.size = sizeof frame};
  int count = 0;
  while (rtpx_frames_next(frames, &frame, &error) == RTPX_NEXT_FRAME) ++count;
  check_no_error(error);
  rtpx_frames_free(frames);
  rtpx_reader_free(reader);
  return count;
}

static void compare_files(const char* ours, const char* theirs) {
  for (int i = 0; i < FILES; ++i) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", ours, kFiles[i]);
    bytes a = read_file(path);
    snprintf(path, sizeof path, "%s/%s", theirs, kFiles[i]);
    bytes b = read_file(path);
    CHECK(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
    free(a.data);
    free(b.data);
  }
}

static rtpx_identity* through_text(rtpx_identity* identity) {
  rtpx_error* error = NULL;
  char* text = rtpx_identity_text(identity, NULL, &error);
  check_no_error(error);
  rtpx_identity* again = rtpx_identity_parse(text, NULL, &error);
  check_no_error(error);
  memset(text, 0, strlen(text));
  rtpx_free(text);
  rtpx_identity_free(identity);
  return again;
}

static void record_sealed(const char* folder, const char* recipient) {
  rtpx_error* error = NULL;
  rtpx_recorder_options options;
  rtpx_recorder_options_init(&options, sizeof options);
  options.folder = folder;
  options.recipients = &recipient;
  options.recipient_count = 1;
  rtpx_recorder* recorder = rtpx_recorder_start(&options, &error);
  check_no_error(error);
  rtpx_free(rtpx_recorder_add_tracks_json(recorder, "{\"id\":\"a\",\"kind\":\"audio\"}", &error));
  check_no_error(error);
  CHECK(rtpx_recorder_record(recorder, "a", NULL, "planted-marker-12", 17, NULL) == RTPX_ACCEPTED);
  rtpx_recorder_free(recorder);
  CHECK(rtpx_is_sealed(folder) == 1);
  char path[4200];
  snprintf(path, sizeof path, "%s/a.rtpx", folder);
  bytes file = read_file(path);
  for (size_t at = 0; at + 7 < file.size; ++at) CHECK(memcmp(file.data + at, "planted", 7) != 0);
  free(file.data);

  const char* const no_key = "rtpxpub1nothing";
  options.recipients = &no_key;
  CHECK(rtpx_recorder_start(&options, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
}

void seal_call(const char* recording, const char* work) {
  rtpx_error* error = NULL;
  rtpx_identity* alice = through_text(rtpx_identity_generate(&error));
  rtpx_identity* bob = rtpx_identity_generate(&error);
  check_no_error(error);
  char* alices_key = rtpx_identity_recipient(alice);
  char* bobs_key = rtpx_identity_recipient(bob);
  CHECK(strncmp(alices_key, "rtpxpub1", 8) == 0 && strcmp(alices_key, bobs_key) != 0);

  char call[4100], plain[4100], live[4100];
  snprintf(call, sizeof call, "%s/sealed-call", work);
  snprintf(plain, sizeof plain, "%s/opened-call", work);
  snprintf(live, sizeof live, "%s/sealed-live", work);
  CHECK(rtpx_is_sealed(recording) == 0);
  copy_and_seal(recording, call, alices_key);
  CHECK(rtpx_is_sealed(call) == 1);

  const rtpx_identity* const alice_only[] = {alice};
  const rtpx_identity* const bob_only[] = {bob};
  const rtpx_keys nobodys = {NULL, 0, NULL}, alices = {alice_only, 1, NULL}, bobs = {bob_only, 1, NULL};
  const int pictures = count_pictures(recording, &nobodys);
  CHECK(count_pictures(call, &alices) == pictures && pictures > 500);
  CHECK(rtpx_reader_open(call, NULL, &error) == NULL);
  expect_error(&error, RTPX_ERROR_UNSUPPORTED);
  CHECK(rtpx_inspect_with_keys(call, &bobs, NULL, &error) == NULL);
  expect_error(&error, RTPX_ERROR_UNSUPPORTED);
  char* report = rtpx_inspect_with_keys(call, &alices, NULL, &error);
  check_no_error(error);
  rtpx_free(report);

  CHECK(rtpx_rewrap(call, &bobs, (const char* const*)&bobs_key, 1, NULL, 0, &error) == -1);
  expect_error(&error, RTPX_ERROR_UNSUPPORTED);
  CHECK(rtpx_rewrap(call, &alices, (const char* const*)&bobs_key, 1, (const char* const*)&alices_key, 1, &error) == FILES);
  check_no_error(error);
  char* recipients = rtpx_recipients(call, &error);
  check_no_error(error);
  CHECK(strstr(recipients, bobs_key) != NULL && strstr(recipients, alices_key) == NULL);
  rtpx_free(recipients);
  CHECK(rtpx_open_sealed(call, plain, &alices, NULL, &error) == NULL);
  expect_error(&error, RTPX_ERROR_UNSUPPORTED);
  char* opened = rtpx_open_sealed(call, plain, &bobs, NULL, &error);
  check_no_error(error);
  CHECK(strstr(opened, "\"whole\":true") != NULL);
  rtpx_free(opened);
  compare_files(plain, recording);

  record_sealed(live, alices_key);
  rtpx_free(alices_key);
  rtpx_free(bobs_key);
  rtpx_identity_free(alice);
  rtpx_identity_free(bob);
  CHECK(rtpx_identity_parse("no key", NULL, &error) == NULL);
  expect_error(&error, RTPX_ERROR_INVALID_ARGUMENT);
  CHECK(rtpx_identity_load("/nowhere", NULL, &error) == NULL);
  expect_error(&error, RTPX_ERROR_NOT_FOUND);
  CHECK(rtpx_e2ee_keys_parse("{", &error) == NULL);
  expect_error(&error, RTPX_ERROR_MALFORMED);
  rtpx_e2ee_keys* keys = rtpx_e2ee_keys_parse("{\"keys\":[{\"index\":0,\"passphrase\":\"secret\"}]}", &error);
  check_no_error(error);
  rtpx_e2ee_keys_free(keys);
}
