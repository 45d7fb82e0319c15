#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/result.hpp"
#include "rtpx/uploader.hpp"

namespace rtpx {

/// Secrets: they reach no log, error message, manifest or queue file.
struct S3Credentials {
  std::string access_key_id, secret_access_key;
  std::string session_token;  ///< empty: none
};

/// How to reach an S3 service. What is empty is taken from the environment and the shared files as the AWS
/// command line does: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
/// AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_PROFILE, AWS_CA_BUNDLE,
/// AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE, then a container's or web identity's credentials.
struct S3Config {
  std::optional<S3Credentials> credentials;
  std::string profile;
  std::string endpoint;            ///< "https://host[:port]"; default: AWS
  std::string region;              ///< default: us-east-1
  std::optional<bool> path_style;  ///< default: yes with a custom endpoint, no with AWS
  std::string ca_file;             ///< PEM; default: the system's

  enum class Checksum : std::uint8_t { sha256, crc32c, none };
  Checksum payload_checksum = Checksum::sha256;  ///< what the server checks each payload against

  std::size_t part_bytes = 8U << 20;  ///< of multipart uploads and ranged downloads; at least 5 MiB for AWS
  int parallel = 4;                   ///< parts under way at once, 1..64
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::seconds low_speed_time{20};  ///< a transfer under 1 KiB/s for this long has hung
};

/// Upstream's s3_upload_config.
struct S3UploadConfig {
  std::string bucket_name;
  std::string base_path;  ///< prefix of the keys: `base_path/<recording folder>/<file>`
  bool upload_manifest = true;
  S3Config overrides;
  /// Remove local media files once the service has proven, right before, that the object has their size and
  /// checksum.
  bool delete_after_upload = false;
  /// Give up after this long without one successful request; 0: never.
  std::chrono::seconds retry_for{0};
};

/// An Uploader that stores into S3 with a durable queue beside the recordings (`<base
/// folder>/.rtpx-upload/`): what a crash or a night without network interrupts goes on with
/// Uploader::resume(). Destroying it stops the transfers under way, which keep their state on disk. Errors:
/// invalid_argument (bucket name or base path against AWS's rules), denied (no credentials).
[[nodiscard]] Result<std::shared_ptr<Uploader>> make_s3_uploader(const S3UploadConfig& config);

/// `max_bytes`: of all its downloads together, more are refused; 0: what the disk has free.
[[nodiscard]] Result<std::shared_ptr<Downloader>> make_s3_downloader(const S3Config& config,
                                                                     std::uint64_t max_bytes = 0,
                                                                     std::stop_token stop = {});

/// `s3://bucket/key`; the key may be empty and is not percent-encoded.
struct S3Url {
  std::string bucket, key;
  [[nodiscard]] std::string text() const { return "s3://" + bucket + "/" + key; }
};
/// Errors: invalid_argument, naming the rule that the bucket or key breaks.
[[nodiscard]] Result<S3Url> parse_s3_url(std::string_view url);

struct S3Progress {
  std::uint64_t bytes = 0, total_bytes = 0;
  std::string object;  ///< last one worked on
};

/// Options of the waiting calls below.
struct S3TransferOptions {
  S3Config config;
  std::chrono::seconds retry_for{30};  ///< give up after this long without one successful request; 0: never
  bool delete_after_upload = false;
  /// Uploads: bring what the manifest names outside of the folder, or behind links, into the folder first.
  bool allow_outside = false;
  std::uint64_t max_bytes = 0;  ///< downloads: receive no more than this; 0: what the disk has free
  std::function<void(const S3Progress&)> progress;  ///< on any thread, one call at a time
  /// Why nothing moves though it is tried again and again; an empty text when it moves again. On any thread,
  /// one call at a time.
  std::function<void(const std::string& cause)> on_waiting;
  std::stop_token stop;
};

struct S3TransferReport {
  std::vector<std::string> objects;  ///< s3:// URLs stored, or fetched
  std::uint64_t bytes = 0;           ///< of these objects together
  std::vector<std::string>
      unverified;  ///< objects whose checksum the server does not tell: only the size was compared
  std::vector<std::string>
      given_up;              ///< resume: objects of recordings that were deleted before they were stored
  bool has_manifest = true;  ///< downloads: false when what was fetched is no whole recording
};

/// Stores a recording's files under `prefix/<folder name>/`, its manifest last. Waits. What an earlier call
/// left unfinished is gone on with; what one stored is asked for again. Only regular files are taken. Errors:
/// network, io, cancelled: the queue stays for a resume; not_found, denied; already_exists for an object of
/// other content; invalid_argument for a manifest that names files outside the folder.
[[nodiscard]] Result<S3TransferReport> upload_recording(const std::filesystem::path& folder,
                                                        const S3Url& prefix,
                                                        const S3TransferOptions& options);
/// Finishes every unfinished upload of `folder`, a recording or a folder of recordings, and aborts what the
/// service still holds of recordings that were deleted. Waits. One that fails does not stop the others; its
/// error is answered, also that of one which waits for another endpoint.
[[nodiscard]] Result<S3TransferReport> resume_uploads(const std::filesystem::path& folder,
                                                      const S3TransferOptions& options);
/// What check_stored() found, as s3:// URLs.
struct S3CheckReport {
  std::vector<std::string> proven;      ///< equal in size and checksum
  std::vector<std::string> unverified;  ///< equal in size; the service tells no checksum
  std::vector<std::string> missing, different;
};
/// Compares a recording's files, as they are here now, with what is stored under `prefix/<folder name>/`.
/// Moves no media. Waits. recording.json and the content of manifest.json are left out: they differ there.
/// Errors: network, denied, io, cancelled; not_found for the folder.
[[nodiscard]] Result<S3CheckReport> check_stored(const std::filesystem::path& folder, const S3Url& prefix,
                                                 const S3TransferOptions& options);

/// Fetches every object below `prefix` (a recording, or the URL of its manifest.json) into `folder`. Waits;
/// goes on where an earlier call stopped. Errors: not_found, network, denied, no_space, io, cancelled;
/// malformed for names that begin with a dot or would lie elsewhere: nothing is fetched then.
[[nodiscard]] Result<S3TransferReport> download_recording(const S3Url& prefix,
                                                          const std::filesystem::path& folder,
                                                          const S3TransferOptions& options);

struct S3Object {
  std::string key;
  std::uint64_t bytes = 0;
  std::string modified;  ///< ISO 8601
  std::string etag;
};
/// Every object below `prefix`, in key order.
[[nodiscard]] Result<std::vector<S3Object>> list_objects(const S3Url& prefix,
                                                         const S3TransferOptions& options);

}  // namespace rtpx
