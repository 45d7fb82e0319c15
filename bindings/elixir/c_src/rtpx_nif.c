/* The NIF under ExWebRTC.Recorder: rtpx.h for the BEAM. record/4 and record_codec/9 run on the caller's scheduler: they copy
 * a packet and return. Everything that may wait for a disk or a network is dirty I/O. */
#include <erl_nif.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <rtpx/rtpx.h>

/* What a recorder's resource points to: its end outlives a process that was killed. */
typedef struct {
  rtpx_recorder* recorder; /* NULL once closed */
  ErlNifPid events_to;
  ErlNifRWLock* lock; /* read by calls, written by close */
} nif_recorder;

#define MOST_RIDS 255
typedef struct {
  rtpx_track* track;
  unsigned rid_count; /* 0: no simulcast */
  char** rids;
  ErlNifMutex* lock;   /* of what follows */
  uint64_t noted[2]; /* payload types whose codec the recorder knows */
} nif_track;

static ErlNifResourceType *recorder_type, *track_type;

/* Fields of ExRTP.Packet and ExRTP.Packet.Extension. */
static ERL_NIF_TERM a_version, a_padding, a_extension, a_marker, a_payload_type, a_sequence_number, a_timestamp, a_ssrc,
    a_csrc, a_extension_profile, a_extensions, a_payload, a_padding_size, a_id, a_data;
static ERL_NIF_TERM a_nil, a_true, a_ok, a_error, a_bad_packet, a_needs_codec, a_rtpx_event;
static ERL_NIF_TERM a_outcomes[8];

/* ---- Terms ---- */

static ERL_NIF_TERM binary_term(ErlNifEnv* env, const char* text) {
  ERL_NIF_TERM term;
  const size_t size = strlen(text);
  unsigned char* bytes = enif_make_new_binary(env, size, &term);
  memcpy(bytes, text, size);
  return term;
}

/* {:ok, text}, and the text is freed; or {:error, {code, message}}. */
static ERL_NIF_TERM answer(ErlNifEnv* env, char* text, rtpx_error* error) {
  if (text != NULL) {
    const ERL_NIF_TERM term = binary_term(env, text);
    rtpx_free(text);
    return enif_make_tuple2(env, a_ok, term);
  }
  const ERL_NIF_TERM code = enif_make_atom(env, error != NULL ? rtpx_error_name(error) : "internal");
  const ERL_NIF_TERM message = binary_term(env, error != NULL ? rtpx_error_message(error) : "no memory");
  rtpx_error_free(error);
  return enif_make_tuple2(env, a_error, enif_make_tuple2(env, code, message));
}

/* A copy of a binary that ends in NUL; NULL for anything else (nil among it). */
static char* copy_text(ErlNifEnv* env, ERL_NIF_TERM term) {
  ErlNifBinary bytes;
  if (!enif_inspect_binary(env, term, &bytes) || memchr(bytes.data, 0, bytes.size) != NULL) return NULL;
  char* out = malloc(bytes.size + 1);
  if (out == NULL) return NULL;
  memcpy(out, bytes.data, bytes.size);
  out[bytes.size] = '\0';
  return out;
}

/* Options are maps of atoms; texts that are taken out of them live until free_texts(). */
typedef struct {
  ErlNifEnv* env;
  ERL_NIF_TERM map;
  char* texts[64];
  size_t text_count;
} options;

static bool option(const options* from, const char* name, ERL_NIF_TERM* value) {
  return enif_get_map_value(from->env, from->map, enif_make_atom(from->env, name), value) && *value != a_nil;
}

static const char* keep_text(options* from, ERL_NIF_TERM term) {
  if (from->text_count == sizeof from->texts / sizeof from->texts[0]) return NULL;
  char* text = copy_text(from->env, term);
  if (text != NULL) from->texts[from->text_count++] = text;
  return text;
}

static const char* text_option(options* from, const char* name) {
  ERL_NIF_TERM value;
  return option(from, name, &value) ? keep_text(from, value) : NULL;
}

static int int_option(const options* from, const char* name, int otherwise) {
  ERL_NIF_TERM value;
  int out;
  if (!option(from, name, &value)) return otherwise;
  if (value == a_true) return 1;
  return enif_get_int(from->env, value, &out) ? out : enif_is_atom(from->env, value) ? 0 : otherwise;
}

static void free_texts(options* from) {
  for (size_t i = 0; i < from->text_count; ++i) free(from->texts[i]);
}

static rtpx_s3_options s3_options(options* from) {
  rtpx_s3_options out = RTPX_S3_OPTIONS_INIT;
  out.bucket_name = text_option(from, "bucket_name");
  out.base_path = text_option(from, "base_path");
  out.endpoint = text_option(from, "endpoint");
  out.region = text_option(from, "region");
  out.access_key_id = text_option(from, "access_key_id");
  out.secret_access_key = text_option(from, "secret_access_key");
  out.session_token = text_option(from, "session_token");
  out.upload_manifest = int_option(from, "upload_manifest", 1);
  return out;
}

/* The uploader that option `name` describes; NULL without one, or with an error. */
static rtpx_uploader* uploader_option(const options* from, const char* name, rtpx_error** error) {
  options inner = {from->env, 0, {NULL}, 0};
  if (!option(from, name, &inner.map)) return NULL;
  const rtpx_s3_options s3 = s3_options(&inner);
  rtpx_uploader* out = rtpx_uploader_s3(&s3, error);
  free_texts(&inner);
  return out;
}

/* ---- The recorder ---- */

static void tell_event(void* user, const rtpx_event* event) {
  nif_recorder* recorder = user;
  ErlNifEnv* env = enif_alloc_env();
  const ERL_NIF_TERM message = enif_make_tuple3(env, a_rtpx_event, enif_make_uint64(env, rtpx_event_upload_ref(event)),
                                                binary_term(env, rtpx_event_json(event)));
  (void)enif_send(NULL, &recorder->events_to, env, message);
  enif_free_env(env);
}

static void free_state(nif_recorder* state) {
  rtpx_recorder_free(state->recorder);
  enif_rwlock_destroy(state->lock);
  free(state);
}

/* start(options, events_to): {:ok, recorder} or {:error, {code, message}} */
static ERL_NIF_TERM start(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  options from = {env, argv[0], {NULL}, 0};
  ErlNifPid events_to;
  if (!enif_is_map(env, argv[0]) || !enif_get_local_pid(env, argv[1], &events_to)) return enif_make_badarg(env);
  nif_recorder* made = calloc(1, sizeof *made);
  if (made == NULL) return answer(env, NULL, NULL);
  made->events_to = events_to;
  made->lock = enif_rwlock_create("rtpx_recorder");
  rtpx_error* error = NULL;
  rtpx_recorder_options wanted;
  rtpx_recorder_options_init(&wanted, sizeof wanted);
  wanted.base_dir = text_option(&from, "base_dir");
  wanted.on_event = tell_event;
  wanted.on_event_user = made;
  wanted.uploader = uploader_option(&from, "s3_upload_config", &error);
  if (error == NULL) made->recorder = rtpx_recorder_start(&wanted, &error);
  rtpx_uploader_free(wanted.uploader);
  free_texts(&from);
  if (made->recorder == NULL) {
    free_state(made);
    return answer(env, NULL, error);
  }
  nif_recorder** resource = enif_alloc_resource(recorder_type, sizeof *resource);
  *resource = made;
  const ERL_NIF_TERM out = enif_make_tuple2(env, a_ok, enif_make_resource(env, resource));
  enif_release_resource(resource);
  return out;
}

/* The recorder of a resource, held open until release(); NULL once it is closed. */
static rtpx_recorder* hold(ErlNifEnv* env, ERL_NIF_TERM term, nif_recorder** state) {
  nif_recorder** resource;
  if (!enif_get_resource(env, term, recorder_type, (void**)&resource)) return NULL;
  *state = *resource;
  enif_rwlock_rlock((*state)->lock);
  if ((*state)->recorder == NULL) enif_rwlock_runlock((*state)->lock);
  return (*state)->recorder;
}

static void release(nif_recorder* state) { enif_rwlock_runlock(state->lock); }

/* close(recorder): ends all tracks and waits until they are on disk. */
static ERL_NIF_TERM close_recorder(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_recorder** resource;
  if (!enif_get_resource(env, argv[0], recorder_type, (void**)&resource)) return enif_make_badarg(env);
  enif_rwlock_rwlock((*resource)->lock);
  rtpx_recorder* recorder = (*resource)->recorder;
  (*resource)->recorder = NULL;
  enif_rwlock_rwunlock((*resource)->lock);
  rtpx_recorder_free(recorder);
  return a_ok;
}

static void* end_recorder(void* state) {
  free_state(state);
  return NULL;
}

/* The process was killed, or has closed the recorder. Ending one may wait for the disk: not on a scheduler. */
static void recorder_gone(ErlNifEnv* env, void* object) {
  (void)env;
  nif_recorder* state = *(nif_recorder**)object;
  pthread_t thread;
  if (state->recorder != NULL && pthread_create(&thread, NULL, end_recorder, state) == 0)
    pthread_detach(thread);
  else
    free_state(state);
}

/* add_tracks(recorder, json): {:ok, manifest} */
static ERL_NIF_TERM add_tracks(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_recorder* state;
  char* json = copy_text(env, argv[1]);
  rtpx_recorder* recorder = hold(env, argv[0], &state);
  if (json == NULL || recorder == NULL) {
    if (recorder != NULL) release(state);
    free(json);
    return enif_make_badarg(env);
  }
  rtpx_error* error = NULL;
  char* manifest = rtpx_recorder_add_tracks_json(recorder, json, &error);
  release(state);
  free(json);
  return answer(env, manifest, error);
}

static void free_text_list(char** texts, unsigned count) {
  for (unsigned i = 0; i < count; ++i) free(texts[i]);
  free(texts);
}

/* A list of binaries; NULL when it is none, and then `count` is 0. */
static char** text_list(ErlNifEnv* env, ERL_NIF_TERM list, unsigned* count) {
  unsigned length = 0;
  *count = 0;
  if (!enif_get_list_length(env, list, &length)) return NULL;
  char** out = calloc(length + 1, sizeof *out);
  for (ERL_NIF_TERM head; out != NULL && enif_get_list_cell(env, list, &head, &list);) {
    if ((out[*count] = copy_text(env, head)) == NULL) {
      free_text_list(out, *count);
      *count = 0;
      return NULL;
    }
    ++*count;
  }
  return out;
}

/* track(recorder, id, rids or nil): {:ok, track} */
static ERL_NIF_TERM track(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_recorder* state;
  char* id = copy_text(env, argv[1]);
  rtpx_recorder* recorder = hold(env, argv[0], &state);
  if (id == NULL || recorder == NULL) {
    if (recorder != NULL) release(state);
    free(id);
    return enif_make_badarg(env);
  }
  rtpx_error* error = NULL;
  rtpx_track* found = rtpx_recorder_track(recorder, id, &error);
  release(state);
  free(id);
  if (found == NULL) return answer(env, NULL, error);
  nif_track* made = enif_alloc_resource(track_type, sizeof *made);
  memset(made, 0, sizeof *made);
  made->track = found;
  made->lock = enif_mutex_create("rtpx_track");
  if (argv[2] != a_nil) made->rids = text_list(env, argv[2], &made->rid_count);
  const ERL_NIF_TERM out = enif_make_tuple2(env, a_ok, enif_make_resource(env, made));
  enif_release_resource(made);
  return out;
}

static void track_gone(ErlNifEnv* env, void* object) {
  (void)env;
  nif_track* resource = object;
  rtpx_track_free(resource->track);
  if (resource->rids != NULL) free_text_list(resource->rids, resource->rid_count);
  if (resource->lock != NULL) enif_mutex_destroy(resource->lock);
}

/* end_tracks(recorder, ids): {:ok, manifest, upload_ref} */
static ERL_NIF_TERM end_tracks(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_recorder* state;
  unsigned count;
  char** ids = text_list(env, argv[1], &count);
  rtpx_recorder* recorder = ids != NULL ? hold(env, argv[0], &state) : NULL;
  if (recorder == NULL) {
    if (ids != NULL) free_text_list(ids, count);
    return enif_make_badarg(env);
  }
  rtpx_error* error = NULL;
  uint64_t upload = 0;
  char* manifest = rtpx_recorder_end_tracks(recorder, (const char* const*)ids, count, NULL, &upload, &error);
  release(state);
  free_text_list(ids, count);
  if (manifest == NULL) return answer(env, NULL, error);
  const ERL_NIF_TERM text = binary_term(env, manifest);
  rtpx_free(manifest);
  return enif_make_tuple3(env, a_ok, text, enif_make_uint64(env, upload));
}

/* folder(recorder): the folder now written to */
static ERL_NIF_TERM folder(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_recorder* state;
  rtpx_recorder* recorder = hold(env, argv[0], &state);
  if (recorder == NULL) return enif_make_badarg(env);
  char* text = rtpx_recorder_folder(recorder);
  release(state);
  return answer(env, text, NULL);
}

/* stats(recorder): {packets, refused, lost_after_accept, queued_bytes} */
static ERL_NIF_TERM stats(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_recorder* state;
  rtpx_recorder* recorder = hold(env, argv[0], &state);
  if (recorder == NULL) return enif_make_badarg(env);
  rtpx_recorder_stats now = {.size = sizeof now};
  rtpx_recorder_get_stats(recorder, &now);
  release(state);
  const uint64_t refused = now.queue_full + now.disk_full + now.unknown_track + now.unknown_rid + now.ended +
                           now.too_large + now.failed;
  return enif_make_tuple4(env, enif_make_uint64(env, now.packets), enif_make_uint64(env, refused),
                          enif_make_uint64(env, now.lost_after_accept), enif_make_uint64(env, now.queued_bytes));
}

/* ---- Packets ---- */

#define MOST_PACKET 65535
typedef struct {
  unsigned char* at;
  unsigned char* end;
  bool ok;
} writer;

static void put(writer* out, const void* bytes, size_t size) {
  if (!out->ok || size > (size_t)(out->end - out->at)) {
    out->ok = false;
    return;
  }
  memcpy(out->at, bytes, size);
  out->at += size;
}

static void put_number(writer* out, unsigned long value, unsigned width) {
  unsigned char bytes[8];
  for (unsigned i = 0; i < width; ++i) bytes[i] = (unsigned char)(value >> (8 * (width - 1 - i)));
  put(out, bytes, width);
}

static bool field(ErlNifEnv* env, ERL_NIF_TERM map, ERL_NIF_TERM name, unsigned long most, unsigned long* out) {
  ERL_NIF_TERM value;
  return enif_get_map_value(env, map, name, &value) && enif_get_ulong(env, value, out) && *out <= most;
}

static bool flag(ErlNifEnv* env, ERL_NIF_TERM map, ERL_NIF_TERM name) {
  ERL_NIF_TERM value;
  return enif_get_map_value(env, map, name, &value) && value == a_true;
}

/* RFC 8285 elements, or the words of an RFC 3550 extension, behind their profile and length. */
static bool put_extensions(ErlNifEnv* env, ERL_NIF_TERM packet, writer* out) {
  unsigned long profile;
  ERL_NIF_TERM list, head;
  ErlNifBinary bytes;
  if (!field(env, packet, a_extension_profile, 0xFFFF, &profile) || !enif_get_map_value(env, packet, a_extensions, &list))
    return false;
  put_number(out, profile, 2);
  unsigned char* const length_at = out->at;
  put_number(out, 0, 2);
  if (!out->ok) return false;
  unsigned char* const begin = out->at;
  if (enif_inspect_binary(env, list, &bytes)) {
    put(out, bytes.data, bytes.size);
    if (bytes.size % 4 != 0) return false;
  } else {
    const bool one_byte = profile == 0xBEDE;
    if (!one_byte && profile != 0x1000) return false;
    while (enif_get_list_cell(env, list, &head, &list)) {
      unsigned long id;
      ERL_NIF_TERM data;
      if (!field(env, head, a_id, one_byte ? 15 : 255, &id) || !enif_get_map_value(env, head, a_data, &data) ||
          !enif_inspect_binary(env, data, &bytes) || bytes.size > (one_byte ? 16 : 255) || (one_byte && bytes.size == 0))
        return false;
      if (one_byte) {
        put_number(out, id << 4 | (bytes.size - 1), 1);
      } else {
        put_number(out, id, 1);
        put_number(out, bytes.size, 1);
      }
      put(out, bytes.data, bytes.size);
    }
    while ((out->at - begin) % 4 != 0 && out->ok) put_number(out, 0, 1);
  }
  const size_t words = (size_t)(out->at - begin) / 4;
  length_at[0] = (unsigned char)(words >> 8);
  length_at[1] = (unsigned char)words;
  return out->ok && words <= 0xFFFF;
}

/* An ExRTP.Packet as RFC 3550 section 5.1 has it on the wire. False: it is none. */
static bool put_packet(ErlNifEnv* env, ERL_NIF_TERM packet, writer* out) {
  unsigned long version, type, number, time, ssrc, csrc, padding_size = 0;
  ERL_NIF_TERM list, head, payload;
  ErlNifBinary bytes;
  unsigned csrc_count = 0;
  if (!field(env, packet, a_version, 3, &version) || !field(env, packet, a_payload_type, 127, &type) ||
      !field(env, packet, a_sequence_number, 0xFFFF, &number) || !field(env, packet, a_timestamp, 0xFFFFFFFF, &time) ||
      !field(env, packet, a_ssrc, 0xFFFFFFFF, &ssrc) || !enif_get_map_value(env, packet, a_csrc, &list) ||
      !enif_get_list_length(env, list, &csrc_count) || csrc_count > 15 ||
      !enif_get_map_value(env, packet, a_payload, &payload) || !enif_inspect_binary(env, payload, &bytes))
    return false;
  const bool padding = flag(env, packet, a_padding), extension = flag(env, packet, a_extension);
  put_number(out, version << 6 | (unsigned long)padding << 5 | (unsigned long)extension << 4 | csrc_count, 1);
  put_number(out, (unsigned long)flag(env, packet, a_marker) << 7 | type, 1);
  put_number(out, number, 2);
  put_number(out, time, 4);
  put_number(out, ssrc, 4);
  while (enif_get_list_cell(env, list, &head, &list)) {
    if (!enif_get_ulong(env, head, &csrc) || csrc > 0xFFFFFFFF) return false;
    put_number(out, csrc, 4);
  }
  if (extension && !put_extensions(env, packet, out)) return false;
  put(out, bytes.data, bytes.size);
  /* A padding bit with a count of 0 is what came: its last byte is in the payload. */
  if (padding && field(env, packet, a_padding_size, 255, &padding_size) && padding_size > 0) {
    static const unsigned char zeros[255];
    put(out, zeros, padding_size - 1);
    put_number(out, padding_size, 1);
  }
  return out->ok;
}

/* The index of a rid, or 255. */
static unsigned rid_index(ErlNifEnv* env, const nif_track* resource, ERL_NIF_TERM rid) {
  ErlNifBinary text;
  if (resource->rids == NULL) return rid == a_nil ? 0 : MOST_RIDS;
  if (!enif_inspect_binary(env, rid, &text)) return MOST_RIDS;
  for (unsigned i = 0; i < resource->rid_count; ++i)
    if (strlen(resource->rids[i]) == text.size && memcmp(resource->rids[i], text.data, text.size) == 0) return i;
  return MOST_RIDS;
}

static ERL_NIF_TERM record_bytes(ErlNifEnv* env, const nif_track* resource, ERL_NIF_TERM rid, ERL_NIF_TERM packet,
                                 const rtpx_packet_info* info) {
  ErlNifBinary bytes;
  const unsigned rid_at = rid_index(env, resource, rid);
  if (enif_inspect_binary(env, packet, &bytes))
    return a_outcomes[rtpx_track_record(resource->track, rid_at, bytes.data, bytes.size, info) & 7];
  /* Packets of media are small; what is larger finds its room elsewhere. */
  unsigned char small[2048];
  writer out = {small, small + sizeof small, true};
  if (enif_is_map(env, packet) && put_packet(env, packet, &out))
    return a_outcomes[rtpx_track_record(resource->track, rid_at, small, (size_t)(out.at - small), info) & 7];
  unsigned char* large = out.ok ? NULL : malloc(MOST_PACKET);
  if (large == NULL) return a_bad_packet;
  out = (writer){large, large + MOST_PACKET, true};
  ERL_NIF_TERM became = a_bad_packet;
  if (put_packet(env, packet, &out))
    became = a_outcomes[rtpx_track_record(resource->track, rid_at, large, (size_t)(out.at - large), info) & 7];
  else if (!out.ok)
    became = a_outcomes[RTPX_TOO_LARGE];
  free(large);
  return became;
}

static bool codec_known(nif_track* resource, unsigned payload_type, bool now_known) {
  const uint64_t bit = UINT64_C(1) << payload_type % 64;
  enif_mutex_lock(resource->lock);
  const bool known = (resource->noted[payload_type / 64] & bit) != 0;
  if (now_known) resource->noted[payload_type / 64] |= bit;
  enif_mutex_unlock(resource->lock);
  return known;
}

/* record(track, rid or nil, packet, payload type of its codec or -1): what became of it, or :needs_codec, or :bad_packet */
static ERL_NIF_TERM record(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_track* resource;
  int payload_type;
  if (!enif_get_resource(env, argv[0], track_type, (void**)&resource) || !enif_get_int(env, argv[3], &payload_type) ||
      payload_type > 127)
    return enif_make_badarg(env);
  if (payload_type >= 0 && !codec_known(resource, (unsigned)payload_type, false)) return a_needs_codec;
  return record_bytes(env, resource, argv[1], argv[2], NULL);
}

/* record_codec(track, rid, packet, payload type, mime type, clock rate, channels or 0, fmtp or nil, feedback) */
static ERL_NIF_TERM record_codec(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_track* resource;
  unsigned payload_type, clock_rate, channels, feedback_count;
  if (!enif_get_resource(env, argv[0], track_type, (void**)&resource) || !enif_get_uint(env, argv[3], &payload_type) ||
      payload_type > 127 || !enif_get_uint(env, argv[5], &clock_rate) || !enif_get_uint(env, argv[6], &channels))
    return enif_make_badarg(env);
  char* mime_type = copy_text(env, argv[4]);
  char* fmtp = copy_text(env, argv[7]);
  char** feedback = text_list(env, argv[8], &feedback_count);
  rtpx_codec codec = RTPX_CODEC_INIT;
  codec.payload_type = (uint8_t)payload_type;
  codec.mime_type = mime_type;
  codec.clock_rate = clock_rate;
  codec.channels = (uint16_t)channels;
  codec.sdp_fmtp_line = fmtp;
  codec.rtcp_fbs = (const char* const*)feedback;
  codec.rtcp_fb_count = feedback_count;
  rtpx_packet_info info = RTPX_PACKET_INFO_INIT;
  info.codec = &codec;
  const ERL_NIF_TERM became = record_bytes(env, resource, argv[1], argv[2], &info);
  if (became != a_bad_packet) (void)codec_known(resource, payload_type, true);
  if (feedback != NULL) free_text_list(feedback, feedback_count);
  free(fmtp);
  free(mime_type);
  return became;
}

/* record_rtcp(track, compound packet) */
static ERL_NIF_TERM record_rtcp(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  nif_track* resource;
  ErlNifBinary bytes;
  if (!enif_get_resource(env, argv[0], track_type, (void**)&resource) || !enif_inspect_binary(env, argv[1], &bytes))
    return enif_make_badarg(env);
  return a_outcomes[rtpx_track_record_rtcp(resource->track, bytes.data, bytes.size, NULL) & 7];
}

/* ---- Converter and manifest ---- */

/* convert(manifest or nil, recording or folder, options): {:ok, json} */
static ERL_NIF_TERM convert(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  if (!enif_is_map(env, argv[2])) return enif_make_badarg(env);
  options from = {env, argv[2], {NULL}, 0};
  rtpx_error* error = NULL;
  rtpx_convert_options wanted;
  rtpx_convert_options_init(&wanted, sizeof wanted);
  wanted.output_path = text_option(&from, "output_path");
  wanted.download_path = text_option(&from, "download_path");
  wanted.format = text_option(&from, "format");
  wanted.layers = text_option(&from, "layers");
  wanted.audio = text_option(&from, "audio");
  wanted.reencode_codec = text_option(&from, "reencode_codec");
  wanted.reencode_bitrate = text_option(&from, "reencode_bitrate");
  wanted.reencode_threads = int_option(&from, "reencode_threads", wanted.reencode_threads);
  wanted.reencode_crf = int_option(&from, "reencode_crf", wanted.reencode_crf);
  wanted.reencode_gop_size = int_option(&from, "reencode_gop_size", wanted.reencode_gop_size);
  wanted.reencode_width = int_option(&from, "reencode_width", 0);
  wanted.reencode_height = int_option(&from, "reencode_height", 0);
  wanted.reencode_cues_to_front = int_option(&from, "reencode_cues_to_front", 1);
  wanted.thumbnails = int_option(&from, "thumbnails", 0);
  wanted.thumbnail_width = int_option(&from, "thumbnail_width", -1);
  wanted.thumbnail_height = int_option(&from, "thumbnail_height", -1);
  ERL_NIF_TERM list, head;
  const char* rids[MOST_RIDS + 1];
  if (option(&from, "only_rids", &list)) {
    wanted.only_rids = rids;
    while (enif_get_list_cell(env, list, &head, &list) && wanted.only_rid_count < 32)
      rids[wanted.only_rid_count++] = head == a_nil ? NULL : keep_text(&from, head);
  }
  wanted.uploader = uploader_option(&from, "s3_upload_config", &error);
  options inner = {env, 0, {NULL}, 0};
  rtpx_s3_options download;
  if (option(&from, "s3_download_config", &inner.map)) {
    download = s3_options(&inner);
    wanted.download = &download;
  }
  char* manifest = copy_text(env, argv[0]);
  char* recording = copy_text(env, argv[1]);
  char* result = NULL;
  if (error == NULL)
    result = manifest != NULL ? rtpx_convert_manifest(manifest, recording, &wanted, &error)
                              : rtpx_convert(recording, &wanted, &error);
  rtpx_uploader_free(wanted.uploader);
  free(manifest);
  free(recording);
  free_texts(&inner);
  free_texts(&from);
  return answer(env, result, error);
}

/* read_manifest(path): {:ok, json} */
static ERL_NIF_TERM read_manifest(ErlNifEnv* env, int argc, const ERL_NIF_TERM argv[]) {
  (void)argc;
  char* path = copy_text(env, argv[0]);
  if (path == NULL) return enif_make_badarg(env);
  rtpx_error* error = NULL;
  char* manifest = rtpx_read_manifest(path, &error);
  free(path);
  return answer(env, manifest, error);
}

/* ---- Loading ---- */

static int load(ErlNifEnv* env, void** data, ERL_NIF_TERM info) {
  (void)data;
  (void)info;
  recorder_type = enif_open_resource_type(env, NULL, "rtpx_recorder", recorder_gone, ERL_NIF_RT_CREATE, NULL);
  track_type = enif_open_resource_type(env, NULL, "rtpx_track", track_gone, ERL_NIF_RT_CREATE, NULL);
  if (recorder_type == NULL || track_type == NULL) return 1;
  static const struct {
    ERL_NIF_TERM* atom;
    const char* name;
  } atoms[] = {{&a_version, "version"},
               {&a_padding, "padding"},
               {&a_extension, "extension"},
               {&a_marker, "marker"},
               {&a_payload_type, "payload_type"},
               {&a_sequence_number, "sequence_number"},
               {&a_timestamp, "timestamp"},
               {&a_ssrc, "ssrc"},
               {&a_csrc, "csrc"},
               {&a_extension_profile, "extension_profile"},
               {&a_extensions, "extensions"},
               {&a_payload, "payload"},
               {&a_padding_size, "padding_size"},
               {&a_id, "id"},
               {&a_data, "data"},
               {&a_nil, "nil"},
               {&a_true, "true"},
               {&a_ok, "ok"},
               {&a_error, "error"},
               {&a_bad_packet, "bad_packet"},
               {&a_needs_codec, "needs_codec"},
               {&a_rtpx_event, "rtpx_event"},
               {&a_outcomes[RTPX_ACCEPTED], "accepted"},
               {&a_outcomes[RTPX_QUEUE_FULL], "queue_full"},
               {&a_outcomes[RTPX_DISK_FULL], "disk_full"},
               {&a_outcomes[RTPX_UNKNOWN_TRACK], "unknown_track"},
               {&a_outcomes[RTPX_UNKNOWN_RID], "unknown_rid"},
               {&a_outcomes[RTPX_ENDED], "ended"},
               {&a_outcomes[RTPX_TOO_LARGE], "too_large"},
               {&a_outcomes[RTPX_FAILED], "failed"}};
  for (size_t i = 0; i < sizeof atoms / sizeof atoms[0]; ++i) *atoms[i].atom = enif_make_atom(env, atoms[i].name);
  return 0;
}

static ErlNifFunc functions[] = {
    {"start", 2, start, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"close", 1, close_recorder, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"add_tracks", 2, add_tracks, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"track", 3, track, 0},
    {"end_tracks", 2, end_tracks, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"folder", 1, folder, 0},
    {"stats", 1, stats, 0},
    {"record", 4, record, 0},
    {"record_codec", 9, record_codec, 0},
    {"record_rtcp", 2, record_rtcp, 0},
    {"convert", 3, convert, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"read_manifest", 1, read_manifest, ERL_NIF_DIRTY_JOB_IO_BOUND},
};

ERL_NIF_INIT(Elixir.ExWebRTC.Recorder.Native, functions, load, NULL, NULL, NULL)
