/* The C interface of librtpx, in C11: for C and for every language that calls C. docs/c-api.md shows it at work.
 *
 * Objects are opaque, made by a function and given back to the one that ends in _free (which takes NULL). Text goes in and
 * comes out as UTF-8 that ends in NUL; text that comes out is freed with rtpx_free(). Functions that can fail for reasons
 * take an rtpx_error** last: NULL, or the address of a pointer that is NULL; where they fail they put an error there
 * and return NULL or -1. No exception leaves the library, it prints nothing, and it never ends the process.
 *
 * Structures begin with their size, which their _INIT macro (or the caller) sets: a program that was compiled against
 * an older header goes on working. What a newer header added has its default then.
 *
 * Threads: all functions may be called on any thread; one object's _free must not run while another call uses the
 * object. Callbacks run on a thread of the library where nothing else is said. */
#ifndef RTPX_RTPX_H
#define RTPX_RTPX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RTPX_API __attribute__((visibility("default")))
#else
#define RTPX_API
#endif

/* Version of this interface: raised when functions or members are added. Nothing is ever taken away within librtpx.so.1. */
#define RTPX_API_VERSION 1

/* RTPX_API_VERSION of the library that is running. */
RTPX_API int rtpx_api_version(void);
/* "MAJOR.MINOR.PATCH" of the library that is running; not to be freed. */
RTPX_API const char* rtpx_version(void);

/* ---- Errors and text ---- */

typedef struct rtpx_error rtpx_error;

enum {
  RTPX_ERROR_INVALID_ARGUMENT = 1, /* an option or argument that can never work */
  RTPX_ERROR_NOT_FOUND,            /* a file, folder, track or object that is not there */
  RTPX_ERROR_ALREADY_EXISTS,       /* a track id, folder or file that must not be overwritten */
  RTPX_ERROR_TRACKS_NOT_FOUND,     /* end_tracks: none of the ids names a live track */
  RTPX_ERROR_TRUNCATED,            /* input ends inside a structure */
  RTPX_ERROR_MALFORMED,            /* input contradicts its format */
  RTPX_ERROR_UNSUPPORTED,          /* well formed, but not handled */
  RTPX_ERROR_IO,                   /* the operating system refused a read, write, sync or rename */
  RTPX_ERROR_NO_SPACE,             /* the disk (or quota) is full */
  RTPX_ERROR_TOO_MANY_FILES,       /* EMFILE or ENFILE */
  RTPX_ERROR_NETWORK,              /* connection, TLS or time-out */
  RTPX_ERROR_DENIED,               /* credentials or permissions */
  RTPX_ERROR_CANCELLED,            /* the caller asked for it */
  RTPX_ERROR_STORAGE_FAILED,       /* the recorder gave up after its restarts, or has ended */
  RTPX_ERROR_NOTHING_TO_CONVERT,   /* no track of the recording holds decodable media */
  RTPX_ERROR_INTERNAL              /* out of memory, or a bug in rtpx */
};

/* One of the codes above. */
RTPX_API int rtpx_error_code(const rtpx_error* error);
/* Stable lower-case name of the code, such as "not_found"; not to be freed. */
RTPX_API const char* rtpx_error_name(const rtpx_error* error);
/* A sentence for people; lives as long as the error. */
RTPX_API const char* rtpx_error_message(const rtpx_error* error);
RTPX_API void rtpx_error_free(rtpx_error* error);

/* Frees text that the library returned. */
RTPX_API void rtpx_free(void* text);

/* ---- Tracks ---- */

enum { RTPX_AUDIO = 0, RTPX_VIDEO = 1 };

/* One negotiated codec, as RTCRtpCodecParameters has it. RTX, RED, FEC, CN and telephone-event are codecs here too. */
typedef struct rtpx_codec {
  size_t size;
  const char* mime_type;       /* "video/VP8", "audio/opus", "video/rtx" */
  const char* sdp_fmtp_line;   /* with the payload type in front: "97 apt=96"; NULL: none */
  const char* const* rtcp_fbs; /* with the payload type in front: "96 nack pli" */
  size_t rtcp_fb_count;
  uint32_t clock_rate;  /* Hz */
  uint16_t channels;    /* audio; 0: not stated */
  uint8_t payload_type; /* 0..127 */
} rtpx_codec;

/* An RTP header extension that was negotiated (RFC 8285). */
typedef struct rtpx_header_extension {
  const char* uri;
  uint8_t id;
} rtpx_header_extension;

/* What a media server knows of a track when it is negotiated. Arrays may be NULL where their count is 0. */
typedef struct rtpx_track_info {
  size_t size;
  const char* id;             /* unique within a recorder; becomes a safe file name */
  const char* const* streams; /* ids of its media streams; the first groups tracks into one output */
  size_t stream_count;
  const char* const* rids; /* simulcast rids (RFC 8852), at most 254 */
  size_t rid_count;
  const rtpx_codec* codecs; /* all negotiated ones, the preferred media codec first; all of the first one's size */
  size_t codec_count;
  const rtpx_header_extension* header_extensions;
  size_t header_extension_count;
  int kind; /* RTPX_AUDIO or RTPX_VIDEO */
} rtpx_track_info;

#define RTPX_CODEC_INIT {sizeof(rtpx_codec), NULL, NULL, NULL, 0, 0, 0, 0}
#define RTPX_TRACK_INFO_INIT {sizeof(rtpx_track_info), NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, RTPX_VIDEO}

/* ---- Stores: S3 and what speaks like it ---- */

typedef struct rtpx_uploader rtpx_uploader;

/* What is NULL is taken from the environment and the shared files as the AWS command line does. */
typedef struct rtpx_s3_options {
  size_t size;
  const char* bucket_name; /* uploads only, and needed there */
  const char* base_path;   /* prefix of the keys: base_path/<recording folder>/<file> */
  const char* endpoint;    /* "https://host[:port]"; default: AWS */
  const char* region;
  const char* access_key_id;
  const char* secret_access_key;
  const char* session_token;
  const char* profile;
  const char* ca_file;      /* PEM; default: the system's */
  int path_style;           /* 1, 0; -1: yes with an endpoint, no with AWS */
  int upload_manifest;      /* 1 */
  int delete_after_upload;  /* 0; 1: local media files go once the store has proven to have them */
  uint32_t retry_seconds;   /* give up after this long without one successful request; 0: never */
} rtpx_s3_options;

#define RTPX_S3_OPTIONS_INIT \
  {sizeof(rtpx_s3_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, -1, 1, 0, 0}

/* An uploader with a durable queue beside the recordings; recorders and conversions that use it keep it alive. Errors:
 * invalid_argument (bucket name or base path), denied (no credentials). */
RTPX_API rtpx_uploader* rtpx_uploader_s3(const rtpx_s3_options* options, rtpx_error** error);
RTPX_API void rtpx_uploader_free(rtpx_uploader* uploader);

/* ---- Keys: sealed recordings, and calls that were encrypted end to end ---- */

/* The secret key that opens what was sealed for its recipient (docs/sealed-files.md). Any thread; zeroed when the last
 * that uses it is freed. */
typedef struct rtpx_identity rtpx_identity;

/* A new one, from the system's random numbers. Errors: internal. */
RTPX_API rtpx_identity* rtpx_identity_generate(rtpx_error** error);
/* From the text of an identity file. `passphrase` is NULL where there is none. Errors: invalid_argument (it is none, or
 * the passphrase is wrong or missing; what the text holds is in no message). */
RTPX_API rtpx_identity* rtpx_identity_parse(const char* text, const char* passphrase, rtpx_error** error);
/* The same from a file of at most 64 KiB, which may be a pipe ("/dev/fd/4"). Errors: besides, not_found, io. */
RTPX_API rtpx_identity* rtpx_identity_load(const char* file, const char* passphrase, rtpx_error** error);
/* Its public key, "rtpxpub1…": a recipient. */
RTPX_API char* rtpx_identity_recipient(const rtpx_identity* identity);
/* The text of an identity file, which the caller wipes. With a passphrase: takes about a second and 256 MiB. Errors: io:
 * there is no memory for that. */
RTPX_API char* rtpx_identity_text(const rtpx_identity* identity, const char* passphrase, rtpx_error** error);
RTPX_API void rtpx_identity_free(rtpx_identity* identity);

/* The keys of calls whose frames are encrypted end to end, from JSON (docs/e2ee.md), or from a file of at most 1 MiB.
 * Errors: malformed; not_found, io. */
typedef struct rtpx_e2ee_keys rtpx_e2ee_keys;
RTPX_API rtpx_e2ee_keys* rtpx_e2ee_keys_parse(const char* json, rtpx_error** error);
RTPX_API rtpx_e2ee_keys* rtpx_e2ee_keys_load(const char* file, rtpx_error** error);
RTPX_API void rtpx_e2ee_keys_free(rtpx_e2ee_keys* keys);

/* What opens a recording that not everybody can read; an option of all that reads. Empty: nothing is needed. */
typedef struct rtpx_keys {
  const rtpx_identity* const* identities; /* each is tried */
  size_t identity_count;
  const rtpx_e2ee_keys* e2ee_keys; /* NULL: frames that were encrypted end to end are left out */
} rtpx_keys;

/* ---- Recorder ---- */

typedef struct rtpx_recorder rtpx_recorder;
typedef struct rtpx_track rtpx_track;
typedef struct rtpx_event rtpx_event;

/* What became of a packet. Whatever is not accepted is lost, and counted in the stats. */
enum {
  RTPX_ACCEPTED = 0,
  RTPX_QUEUE_FULL = 1, /* the disk cannot keep up and the memory bound is reached */
  RTPX_DISK_FULL = 2,  /* recording goes on by itself when there is room */
  RTPX_UNKNOWN_TRACK = 3,
  RTPX_UNKNOWN_RID = 4,
  RTPX_ENDED = 5,     /* the track or the recorder has ended */
  RTPX_TOO_LARGE = 6, /* over 65,535 bytes */
  RTPX_FAILED = 7,    /* the recorder gave up */
  RTPX_PAUSED = 8     /* the recording or the track is paused: not to be recorded, so not lost */
};

enum { RTPX_LOW_SPACE_REFUSE = 0, RTPX_LOW_SPACE_DROP_LAYERS = 1, RTPX_LOW_SPACE_DELETE_UPLOADED = 2 };

/* Called on the recorder's thread, with no lock held. It may call anything but rtpx_recorder_free(). */
typedef void (*rtpx_event_callback)(void* user, const rtpx_event* event);

typedef struct rtpx_recorder_options {
  size_t size;
  const char* base_dir;  /* folder of recordings ("./recordings"); each recorder makes a dated folder in it */
  const char* folder;    /* the recording's folder itself, instead of a dated one; must be new or empty */
  const char* name;      /* free text, kept in recording.json */
  const char* continues; /* folder name of the recording that this one goes on with, kept there too */
  rtpx_event_callback on_event; /* NULL: events wait for rtpx_recorder_next_event() */
  void* on_event_user;
  rtpx_uploader* uploader; /* finished tracks are handed to it */
  uint64_t queue_bytes;    /* memory for all tracks together; beyond it: RTPX_QUEUE_FULL (128 MiB) */
  uint64_t low_space_bytes, full_space_bytes; /* watermarks of free disk space (1 GiB, 64 MiB) */
  uint64_t rotate_bytes;      /* start a new file of a track beyond this size; 0: never */
  uint32_t rotate_seconds;    /* … or this age; 0: never */
  uint32_t flush_interval_ms; /* stay of an accepted packet in memory (100) */
  uint32_t sync_interval_ms;  /* longest time until accepted data is synced (1000); 0: never */
  uint32_t silence_after_ms;  /* an event after so long without packets (5000) */
  uint32_t end_timeout_ms;    /* longest wait of adding, ending, flushing and freeing (10000) */
  int on_low_space;           /* RTPX_LOW_SPACE_… */
  int checksums;              /* 1: keep the checksum and time index */
  int upload_while_recording; /* 0 */
  const char* const* recipients; /* public keys: everything is sealed for them as it is written */
  size_t recipient_count;
} rtpx_recorder_options;

/* Sets the defaults; `size` is sizeof(rtpx_recorder_options) of the caller's header. */
RTPX_API void rtpx_recorder_options_init(rtpx_recorder_options* options, size_t size);

/* Starts a recorder; `options` may be NULL. Errors: invalid_argument, already_exists, io, no_space, denied. */
RTPX_API rtpx_recorder* rtpx_recorder_start(const rtpx_recorder_options* options, rtpx_error** error);
/* Ends all tracks and waits until they are on disk. Must not run in a callback. Track handles stay harmless. */
RTPX_API void rtpx_recorder_free(rtpx_recorder* recorder);

/* Adds tracks, all or none, and publishes the manifest. Returns the manifest of these tracks as JSON
 * (docs/manifest-format.md). All elements have the size that the first one states. Waits for the disk. Errors:
 * already_exists (an id that was ever added), invalid_argument, io, no_space, storage_failed. */
RTPX_API char* rtpx_recorder_add_tracks(rtpx_recorder* recorder, const rtpx_track_info* tracks, size_t count,
                                        rtpx_error** error);
/* The same for a JSON array of tracks: objects of "id", "kind" and, where wanted, "streams", "rids", "codecs",
 * "header_extensions", the last two as the manifest has them. */
RTPX_API char* rtpx_recorder_add_tracks_json(rtpx_recorder* recorder, const char* tracks, rtpx_error** error);

/* The monotonic clock of receive times in ns (CLOCK_BOOTTIME). */
RTPX_API int64_t rtpx_now_ns(void);
#define RTPX_ARRIVES_NOW INT64_MIN

/* What a caller may know of a packet beyond its bytes. */
typedef struct rtpx_packet_info {
  size_t size;
  int64_t arrival_ns;      /* on rtpx_now_ns()'s clock; RTPX_ARRIVES_NOW: now. Within a track it never goes back. */
  const rtpx_codec* codec; /* of this packet's payload type; recorded when new to the track; NULL: as negotiated */
} rtpx_packet_info;

#define RTPX_PACKET_INFO_INIT {sizeof(rtpx_packet_info), RTPX_ARRIVES_NOW, NULL}

/* Take a copy of one RTP packet, header included, SRTP removed, or of one RTCP compound packet, and return what became
 * of it (RTPX_ACCEPTED, …). They do no I/O and never wait for the disk. `rid` is NULL without simulcast, `info` may be
 * NULL. */
RTPX_API int rtpx_recorder_record(rtpx_recorder* recorder, const char* track_id, const char* rid, const void* packet,
                                  size_t packet_size, const rtpx_packet_info* info);
RTPX_API int rtpx_recorder_record_rtcp(rtpx_recorder* recorder, const char* track_id, const void* packet,
                                       size_t packet_size, const rtpx_packet_info* info);

/* A live track, found once: recording through it skips the search for the id. It may outlive the recorder. Errors:
 * not_found. */
RTPX_API rtpx_track* rtpx_recorder_track(rtpx_recorder* recorder, const char* track_id, rtpx_error** error);
/* As rtpx_recorder_record(); `rid_index` is the position in rtpx_track_info::rids, 0 without simulcast. */
RTPX_API int rtpx_track_record(rtpx_track* track, unsigned rid_index, const void* packet, size_t packet_size,
                               const rtpx_packet_info* info);
RTPX_API int rtpx_track_record_rtcp(rtpx_track* track, const void* packet, size_t packet_size,
                                    const rtpx_packet_info* info);
RTPX_API void rtpx_track_free(rtpx_track* track);

/* Several packets in one call, for languages in which a call is dear. Returns how many were accepted, and where
 * `outcomes` is not NULL, what became of each. */
typedef struct rtpx_packet {
  rtpx_track* track;
  const void* data;
  size_t data_size;
  int64_t arrival_ns; /* or RTPX_ARRIVES_NOW */
  uint32_t rid_index;
  int rtcp; /* 1: an RTCP compound packet */
} rtpx_packet;
RTPX_API size_t rtpx_record_packets(const rtpx_packet* packets, size_t count, uint8_t* outcomes);

/* Ends tracks: what was accepted is written, synced and published. Returns their manifest as JSON and, where
 * `upload_ref` is not NULL, the number of the upload that began (0: none). Ids that are not live are skipped. Always
 * answers, also when the disk hangs (then with an error after end_timeout_ms). Errors: tracks_not_found when none is
 * live; io. */
RTPX_API char* rtpx_recorder_end_tracks(rtpx_recorder* recorder, const char* const* ids, size_t count,
                                        const char* reason /* NULL: "ended" */, uint64_t* upload_ref,
                                        rtpx_error** error);

/* Waits until everything accepted so far is in the files (not necessarily synced). 0, or -1. Errors: io, no_space,
 * storage_failed. */
RTPX_API int rtpx_recorder_flush(rtpx_recorder* recorder, rtpx_error** error);

/* The folder now written to (it changes at a restart). */
RTPX_API char* rtpx_recorder_folder(rtpx_recorder* recorder);
/* The whole recording's manifest as it would be published now, as JSON. */
RTPX_API char* rtpx_recorder_manifest(rtpx_recorder* recorder);

/* Counts of the recorder's whole life. */
typedef struct rtpx_recorder_stats {
  size_t size;
  uint64_t packets, bytes, rtcp_packets; /* accepted; bytes of records, with their headers */
  uint64_t queue_full, disk_full, unknown_track, unknown_rid, ended, too_large, failed; /* refused, by outcome */
  uint64_t lost_after_accept; /* accepted, then lost with a failing disk */
  uint64_t queued_bytes;      /* accepted and not yet written */
  uint64_t oldest_unwritten_us; /* no packet accepted longer ago waits for being written */
  int64_t oldest_unsynced_us;   /* … for being synced; -1 when sync_interval_ms is 0 */
  uint64_t writes, syncs, restarts;
  uint64_t dropped_events; /* that nobody fetched with rtpx_recorder_next_event() */
} rtpx_recorder_stats;

/* Fills as much of `stats` as stats->size says. */
RTPX_API void rtpx_recorder_get_stats(rtpx_recorder* recorder, rtpx_recorder_stats* stats);
/* The counts of each track that is live and of the last 64 that ended, as JSON: an array of objects of "id", "packets",
 * "bytes", "rtcp_packets", "refused_packets" and "live". */
RTPX_API char* rtpx_recorder_track_stats(rtpx_recorder* recorder);

/* ---- Events ---- */

enum {
  RTPX_EVENT_UPLOAD_COMPLETE = 1,
  RTPX_EVENT_UPLOAD_FAILED,
  RTPX_EVENT_PACKETS_REFUSED,
  RTPX_EVENT_DISK_SPACE,
  RTPX_EVENT_TRACK_RESTARTED, /* a track's file failed and the track goes on in a new file */
  RTPX_EVENT_RESTARTED,       /* the storage failed and all live tracks go on in a new folder */
  RTPX_EVENT_FAILED,          /* the recorder gave up; every later call fails */
  RTPX_EVENT_TRACK_FLOW,      /* first packet, silence, or packets again */
  RTPX_EVENT_UNKNOWN_TARGET,  /* a packet named a track or rid that is not known */
  RTPX_EVENT_WRITES_LATE      /* packets wait longer for the disk than they should, or no longer */
};

/* One of the kinds above; a program ignores those that it does not know. */
RTPX_API int rtpx_event_kind(const rtpx_event* event);
/* All of it as JSON: "event" (the kind's lower-case name) and its members, docs/c-api.md. Lives as long as the event. */
RTPX_API const char* rtpx_event_json(const rtpx_event* event);
/* Of an upload: the number that rtpx_recorder_end_tracks() gave; else 0. */
RTPX_API uint64_t rtpx_event_upload_ref(const rtpx_event* event);
/* Of events that were fetched with rtpx_recorder_next_event(). */
RTPX_API void rtpx_event_free(rtpx_event* event);

/* Without on_event: the next event, or NULL when none waits. Never blocks. The last 1,024 are kept. */
RTPX_API rtpx_event* rtpx_recorder_next_event(rtpx_recorder* recorder);
/* A descriptor that poll() finds readable while events wait; only to be polled, and closed by rtpx_recorder_free().
 * -1 with on_event. */
RTPX_API int rtpx_recorder_event_fd(rtpx_recorder* recorder);

/* ---- Converter ---- */

typedef struct rtpx_stop rtpx_stop;
/* What stops waiting calls from another thread. It may be freed before they return. */
RTPX_API rtpx_stop* rtpx_stop_create(void);
RTPX_API void rtpx_stop_request(rtpx_stop* stop);
RTPX_API void rtpx_stop_free(rtpx_stop* stop);

/* On the calling thread, at most 10 times a second. `seconds_left` is negative where it is not known yet. What is not 0
 * cancels. */
typedef int (*rtpx_progress_callback)(void* user, double fraction, double seconds_left, const char* what);

typedef struct rtpx_convert_options {
  size_t size;
  const char* output_path;   /* "./converter/output" */
  const char* download_path; /* "./converter/download" */
  const char* format;     /* auto webm mkv mp4 fmp4 ogg wav ivf h264 h265 (auto) */
  const char* layers;     /* all: a file for each rid; best: one of the best layers (all) */
  const char* incomplete; /* keep, drop or freeze incomplete frames (keep) */
  const char* gaps;       /* auto, keep or fill (auto: keep video, fill audio) */
  const char* on_change;  /* keep or split (keep) */
  const char* audio;      /* copy opus aac flac pcm (copy) */
  const char* const* only_rids; /* an element may be NULL: tracks without simulcast */
  size_t only_rid_count;        /* 0 with a NULL only_rids: all */
  const char* reencode_codec;   /* vp8 vp9 av1 h264; NULL: video is copied */
  const char* reencode_bitrate; /* "1.5M" */
  rtpx_uploader* uploader;
  const rtpx_s3_options* download; /* fetches recordings and tracks whose location is s3:// */
  rtpx_stop* stop;
  rtpx_progress_callback progress;
  void* progress_user;
  int thumbnails; /* 1: a thumbnail of each file, beside it */
  int thumbnail_width, thumbnail_height; /* 640, -1: keeps the aspect */
  int sprites;                           /* number of scrub pictures; 0: none */
  int reencode_threads, reencode_crf, reencode_gop_size; /* 0 (one for each core), 10, 125 */
  int reencode_width, reencode_height;                   /* 0, 0: as it is; -1 keeps the aspect */
  int reencode_cues_to_front;                            /* 1 */
  int max_spatial_layer, max_temporal_layer;             /* -1: all */
  int opus_fec;                                          /* 0 */
  int join;          /* 1: all streams into one Matroska */
  int write_reports; /* 1: <file>.report.json beside each output */
  rtpx_keys keys;
  /* A part of the recording: "83.2", "1:23.2", "1:02:03" since its first media, or "2026-11-28T21:57:03Z" on the wall
   * clock, which needs a recording with a clock; NULL: from its beginning, to its end. */
  const char* from;
  const char* to;
  const char* cut_start; /* keyframe: at the one before `from`; exact: MP4's edit list; encode: up to the next one (keyframe) */
  const char* only;      /* audio or video: sound or pictures alone; NULL: both */
  const char* suffix;    /* at the end of each file's name, before its extension: 40 letters, digits and - _ + ("") */
} rtpx_convert_options;

/* Sets the defaults; `size` is sizeof(rtpx_convert_options) of the caller's header. */
RTPX_API void rtpx_convert_options_init(rtpx_convert_options* options, size_t size);

/* Converts a recording: a folder, a manifest.json or an s3:// URL of one. Waits; `options` may be NULL. Returns JSON:
 * {"files": what docs/json.md calls the result manifest, "notes": [{"severity", "track_id", "message"}], "lost_media":
 * true where media was lost for good}. Errors: not_found, malformed, nothing_to_convert, io, no_space, cancelled,
 * invalid_argument (also of a cut that lies outside of the recording). */
RTPX_API char* rtpx_convert(const char* recording, const rtpx_convert_options* options, rtpx_error** error);
/* The same for a manifest's JSON, whose relative locations are relative to `folder` and whose absolute ones are looked
 * for there and where they say. */
RTPX_API char* rtpx_convert_manifest(const char* manifest, const char* folder, const rtpx_convert_options* options,
                                     rtpx_error** error);

/* ---- Recordings ---- */

/* The manifest of a recording (a folder, or its manifest.json), of any version, in rtpx's form, as JSON. Errors:
 * not_found, io, malformed. */
RTPX_API char* rtpx_read_manifest(const char* path, rtpx_error** error);
/* The local file that a manifest's `location` names. Errors: not_found; unsupported for remote URLs. */
RTPX_API char* rtpx_resolve_location(const char* location, const char* manifest_folder, rtpx_error** error);
/* What a recording holds and how good it is, as JSON (docs/report-schema.md); writes nothing. Waits. Errors: not_found,
 * malformed, io, cancelled. */
RTPX_API char* rtpx_inspect(const char* recording, rtpx_stop* stop, rtpx_error** error);
/* The same with keys, which may be NULL. */
RTPX_API char* rtpx_inspect_with_keys(const char* recording, const rtpx_keys* keys, rtpx_stop* stop,
                                      rtpx_error** error);

/* ---- Sealed recordings ---- */

/* 1: a file of the recording (a folder, or its manifest.json) is sealed; 0. */
RTPX_API int rtpx_is_sealed(const char* recording);
/* For whom, as a JSON array of public keys. Errors: not_found, io. */
RTPX_API char* rtpx_recipients(const char* recording, rtpx_error** error);
/* Writes the plain files of a sealed recording, or of one sealed file, into `output` (new or empty). Waits. Returns JSON:
 * {"files": [{"file", "bytes", "problems": [sentences]}], "whole": no file has problems}. Errors: not_found,
 * already_exists, unsupported (sealed for others), malformed, io, no_space, cancelled: then nothing is left. */
RTPX_API char* rtpx_open_sealed(const char* recording, const char* output, const rtpx_keys* keys, rtpx_stop* stop,
                                rtpx_error** error);
/* Puts a sealed file of the same name in a file's place. 0, or -1. Errors: not_found, invalid_argument, io, no_space. */
RTPX_API int rtpx_seal_file(const char* file, const char* const* recipients, size_t recipient_count,
                            rtpx_error** error);
/* Lets `add` open a recording from now on, and `remove` no more; media are not touched, and whoever was removed may have
 * kept what he opened. Returns the number of files that were changed, or -1. Errors: not_found, invalid_argument (it would
 * leave nobody), unsupported (sealed for others), no_space, io. */
RTPX_API int64_t rtpx_rewrap(const char* recording, const rtpx_keys* keys, const char* const* add, size_t add_count,
                             const char* const* remove, size_t remove_count, rtpx_error** error);

/* ---- Pictures ---- */

/* The decoded pictures of a converted file's video, in order, for programs that look at them. */
typedef struct rtpx_pictures rtpx_pictures;

typedef struct rtpx_picture {
  size_t size;
  int64_t time_ns;    /* in the file */
  const uint8_t* rgb; /* 3 bytes a pixel, rows of `stride` bytes from top to bottom; valid until the next call */
  size_t stride;
  int width, height; /* as a player shows it: upright */
} rtpx_picture;

/* Errors: not_found, malformed (no file that FFmpeg reads, or no video in it), unsupported. */
RTPX_API rtpx_pictures* rtpx_pictures_open(const char* file, rtpx_error** error);
/* Fills `picture`, whose size the caller has set, with the next one: 1; at the end 0; -1 with an error (io). What does not
 * decode is passed over. */
RTPX_API int rtpx_pictures_next(rtpx_pictures* pictures, rtpx_picture* picture, rtpx_error** error);
/* To the last keyframe at or before a time. 0, or -1. Errors: malformed. */
RTPX_API int rtpx_pictures_seek(rtpx_pictures* pictures, int64_t time_ns, rtpx_error** error);
RTPX_API void rtpx_pictures_free(rtpx_pictures* pictures);

/* ---- Reader ---- */

/* A recording that is open: looked through once, then read from any time, any number of times, at once by many threads. A
 * recording under way too. All times are nanoseconds since the earliest media of the recording, on one timeline for all
 * tracks (docs/timing.md). */
typedef struct rtpx_reader rtpx_reader;

typedef struct rtpx_reader_options {
  size_t size;
  const char* download_path;       /* "./converter/download" */
  const char* spill_folder;        /* takes a file without a name; NULL: the system's for temporary files */
  const rtpx_s3_options* download; /* fetches recordings whose location is s3:// */
  rtpx_keys keys;
  rtpx_stop* stop;                 /* ends open and refresh */
  rtpx_progress_callback progress; /* what is not 0 cancels; with its user and `stop` used until rtpx_reader_free() */
  void* progress_user;
  int fill_sound;                  /* 1: silence where sound is missing, as converted files have it */
} rtpx_reader_options;

/* Sets the defaults; `size` is sizeof(rtpx_reader_options) of the caller's header. */
RTPX_API void rtpx_reader_options_init(rtpx_reader_options* options, size_t size);

/* Opens a recording (a folder, a manifest.json or an s3:// URL of one): reads all its packets once. `options` may be NULL.
 * Errors: not_found, malformed, unsupported (sealed for others), io, no_space, cancelled, network, denied. */
RTPX_API rtpx_reader* rtpx_reader_open(const char* recording, const rtpx_reader_options* options, rtpx_error** error);
/* Frames and pictures that were opened from it stay. */
RTPX_API void rtpx_reader_free(rtpx_reader* reader);

/* What is there now, as JSON: {"duration_ns", "started": UTC at zero or null, "running", "settled_ns": before it nothing
 * changes any more, null when nothing does, "tracks": [{"id", "kind", "streams", "refused": why nothing of it can be read,
 * or null, "layers": [{"rid" or null, "mime_type", "width", "height", "start_ns", "end_ns"}]}]}. */
RTPX_API char* rtpx_reader_tracks(rtpx_reader* reader, rtpx_error** error);

/* Looks at what was recorded since. 1: there is more; 0: nothing is new; -1. Errors: as opening. */
RTPX_API int rtpx_reader_refresh(rtpx_reader* reader, rtpx_error** error);
/* Waits at most `most_ms` until more has been recorded or the recording has ended, then as rtpx_reader_refresh(). */
RTPX_API int rtpx_reader_wait(rtpx_reader* reader, uint32_t most_ms, rtpx_error** error);

/* Finds the last whole keyframe at or before `time_ns`: 1 and its time, 0 when there is none, -1. `rid` is NULL for the
 * largest layer. Errors: not_found (no such track or layer), unsupported (nothing of it can be read), io. */
RTPX_API int rtpx_reader_keyframe_before(rtpx_reader* reader, const char* track_id, const char* rid, int64_t time_ns,
                                         int64_t* keyframe_ns, rtpx_error** error);
/* What is shown at `time_ns` of a picture track, upright, as JPEG of `jpeg_size` bytes, freed with rtpx_free(). A side of
 * -1 keeps the aspect, both keep the size that was sent. Errors: as above; nothing_to_convert (no picture decodes),
 * invalid_argument (a size that cannot be). */
RTPX_API void* rtpx_reader_picture(rtpx_reader* reader, const char* track_id, int64_t time_ns, int width, int height,
                                   size_t* jpeg_size, rtpx_error** error);

/* Frames of one track as they were sent, in decoding order. For one thread at a time. */
typedef struct rtpx_frames rtpx_frames;

/* A complete access unit, as a decoder takes it: H.264 and H.265 as NAL units with 4 bytes of length each, AV1 as a
 * temporal unit without delimiter, the rest as in RTP. What is pointed to lives until the next call. */
typedef struct rtpx_frame {
  size_t size;
  const void* data;
  size_t data_size;
  int64_t time_ns, duration_ns; /* duration 0: unknown (pictures) */
  const char* mime_type;        /* "video/H264" */
  const void* codec_private;    /* avcC, hvcC, av1C or OpusHead */
  size_t codec_private_size;    /* 0: the codec needs none */
  int keyframe;                 /* decoding can begin here; sound always */
  int damaged;                  /* something that it refers to is lost */
  int after_loss;               /* pictures that were sent are missing before it */
  int filler;                   /* silence where sound is missing */
  int new_config;               /* mime_type, codec_private or what follows differ from the frame before */
  int width, height;            /* of pictures */
  uint32_t sample_rate, channels;
  int rotation; /* clockwise degrees a player must turn the picture: 0, 90, 180, 270 */
  int mirrored; /* 1: and mirror it left to right, before turning it */
} rtpx_frame;

/* From where decoding can begin for what is shown at `from_ns` (INT64_MIN: from the beginning). `rid`: the layer; NULL: the
 * largest that is there at each moment. Errors: as rtpx_reader_keyframe_before(). */
RTPX_API rtpx_frames* rtpx_reader_frames(rtpx_reader* reader, const char* track_id, const char* rid, int64_t from_ns,
                                         rtpx_error** error);

enum { RTPX_NEXT_END = 0, RTPX_NEXT_FRAME = 1, RTPX_NEXT_NOT_YET = 2 };
/* Fills `frame`, whose size the caller has set: RTPX_NEXT_FRAME; RTPX_NEXT_NOT_YET: of a recording under way,
 * rtpx_reader_wait() and ask again; RTPX_NEXT_END; -1 with an error (io, no_space). */
RTPX_API int rtpx_frames_next(rtpx_frames* frames, rtpx_frame* frame, rtpx_error** error);
/* To where decoding can begin for what is shown at `time_ns`; `frame_ns`, which may be NULL, becomes that frame's time. 0,
 * or -1. Errors: io, no_space. */
RTPX_API int rtpx_frames_seek(rtpx_frames* frames, int64_t time_ns, int64_t* frame_ns, rtpx_error** error);
RTPX_API void rtpx_frames_free(rtpx_frames* frames);

/* The same track decoded, for rtpx_pictures_next() and _seek(), without a file between. Of a recording under way what is
 * settled; then they end. Errors: as rtpx_reader_frames(), invalid_argument (a track without pictures). */
RTPX_API rtpx_pictures* rtpx_reader_pictures(rtpx_reader* reader, const char* track_id, const char* rid,
                                             int64_t from_ns, rtpx_error** error);

/* ---- Composer ---- */

/* A chapter of the film. */
typedef struct rtpx_film_mark {
  int64_t time_ms;
  const char* title;
} rtpx_film_mark;

/* Somebody's place in the sound: -1 (left) to 1 (right). */
typedef struct rtpx_film_pan {
  const char* participant; /* name or id */
  double position;
} rtpx_film_pan;

/* The call as one film; docs/compose.md tells what the options do. */
typedef struct rtpx_compose_options {
  size_t size;
  const char* output;      /* needed; .mp4 .webm .mkv, and sound alone: .ogg .opus .m4a .wav */
  const char* layout;      /* grid speaker single-speaker side-by-side pip (grid) */
  const char* layout_file; /* one of your own; goes before `layout` */
  const char* background;  /* "#rrggbb" */
  const char* background_image;
  const char* title;         /* at the top for the first five seconds */
  const char* codec;         /* vp8 vp9 av1 h264; NULL: what the container holds by itself */
  const char* audio_codec;   /* opus aac; likewise */
  const char* bitrate;       /* "2.5M" */
  const char* stems_folder;  /* each participant's sound in a file of its own */
  const char* stems_format;  /* wav flac opus (wav) */
  const char* chapters_file; /* WebVTT */
  const char* speech_file;   /* who spoke when: RTTM where it ends in .rttm, else JSON */
  const char* timeline_file; /* OpenTimelineIO */
  const char* timeline_media;
  const char* download_path; /* "./converter/download" */
  const char* const* solo;   /* participants, by name or id: only these are heard */
  size_t solo_count;
  const char* const* mute; /* these are not heard */
  size_t mute_count;
  const rtpx_film_pan* pans;
  size_t pan_count;
  const rtpx_film_mark* marks;
  size_t mark_count;
  const rtpx_s3_options* download;
  rtpx_keys keys;
  rtpx_stop* stop;
  rtpx_progress_callback progress; /* what is not 0 cancels */
  void* progress_user;
  double loudness;   /* LUFS, -70 to 0; NaN: as it is */
  int width, height; /* 1280, 720 */
  int fps, crf, threads; /* 30, 23, 0 (one for each core) */
  int audio_only;        /* 0 */
  int names, chapters;   /* 1, 1 */
  const char* logo;        /* a picture over all tiles: PNG, JPEG, WebP; NULL: the layout's */
  const char* logo_place;  /* top-left top top-right bottom-left bottom bottom-right (top-right) */
  double logo_height;      /* of the canvas' height, 0.02 to 1 (0.1) */
  const char* clock;       /* the time of the call over all tiles: "UTC" or "+02:00"; NULL: the layout's */
  const char* clock_place; /* as logo_place (bottom-right) */
  int thumbnail;           /* 0; 1: beside the film, "film.mp4_thumbnail.jpg" */
  int thumbnail_width, thumbnail_height; /* 640, -1: keeps the aspect */
  int sprites;                           /* 0 to 1000 pictures for scrubbing, "film.mp4_sprites.jpg" and ".vtt" */
} rtpx_compose_options;

/* Sets the defaults; `size` is sizeof(rtpx_compose_options) of the caller's header. */
RTPX_API void rtpx_compose_options_init(rtpx_compose_options* options, size_t size);

/* Composes recordings (folders, manifest.json, s3:// URLs) into one film. Waits; files appear under their names only when
 * all are complete. Returns JSON (docs/json.md). Errors: invalid_argument (an option, named), not_found, malformed,
 * unsupported, nothing_to_convert, io, no_space, cancelled. */
RTPX_API char* rtpx_compose(const char* const* recordings, size_t count, const rtpx_compose_options* options,
                            rtpx_error** error);
/* Who is where when, and why, as JSON, without making anything. `output` is not looked at. */
RTPX_API char* rtpx_plan_composition(const char* const* recordings, size_t count, const rtpx_compose_options* options,
                                     rtpx_error** error);

#ifdef __cplusplus
}
#endif

#endif
