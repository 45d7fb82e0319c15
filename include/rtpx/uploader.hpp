#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "rtpx/event.hpp"
#include "rtpx/manifest.hpp"

namespace rtpx {

class FileSystem;

/// Stores finished recordings somewhere else. The Recorder and the Converter know only this interface;
/// rtpx::s3 implements it (s3.hpp). Every member may be called from any thread and returns without waiting
/// for the network.
class Uploader {
 public:
  /// What becomes of one upload: exactly one call, on a thread of the uploader.
  using Done = std::function<void(UploadTaskRef, std::variant<event::UploadComplete, event::UploadFailed>)>;

  /// One upload: files of a recording's folder and the manifest to publish after them.
  struct Task {
    std::filesystem::path folder;              ///< the recording; its last component becomes part of the keys
    std::vector<std::filesystem::path> files;  ///< to store, relative to `folder`
    Manifest manifest;  ///< tracks of this task; locations become s3:// URLs in the answer
    Manifest whole;     ///< the whole recording's manifest, uploaded when so configured
  };

  virtual ~Uploader() = default;

  /// Makes the task durable, then stores it in the background. `done` is called even when it fails at once.
  virtual UploadTaskRef upload(Task task, Done done) = 0;

  /// A file that is still growing: parts that are complete may be stored already. `bytes` are on disk for
  /// good.
  virtual void file_growing(const std::filesystem::path& file, std::uint64_t bytes) = 0;

  /// Those of the asked-for files that the service proves now to have, equal in size and checksum.
  using Proven = std::function<void(std::vector<std::filesystem::path> files)>;
  /// Asks the service whether it has `files` of the recording in `folder`, before they are deleted here. At
  /// most one call of `answer`, on any thread. By default nothing is proven.
  virtual void prove(std::filesystem::path folder, std::vector<std::filesystem::path> files, Proven answer);

  /// Goes on with uploads that an earlier process left unfinished under `base_folder`.
  virtual void resume(const std::filesystem::path& base_folder, Done done) = 0;
};

inline void Uploader::prove(std::filesystem::path, std::vector<std::filesystem::path>, Proven answer) {
  answer({});
}

/// Fetches remote recordings for the Converter; rtpx::s3 implements it.
class Downloader {
 public:
  virtual ~Downloader() = default;
  /// Fetches `url` to `file` (a temporary name, verified, renamed). Waits. Errors: network, denied,
  /// not_found, no_space, io, cancelled.
  virtual Result<void> download(const std::string& url, const std::filesystem::path& file) = 0;
  /// Objects as files, read by ranges where they lie: as they are when they are first opened here, and an error once they
  /// have changed. For the library's own use. By default null: everything is fetched whole.
  virtual std::shared_ptr<FileSystem> objects() { return nullptr; }
  /// Whether objects() are read also where all of a recording is needed, and nothing is ever fetched.
  [[nodiscard]] virtual bool only_in_place() const { return false; }
};

}  // namespace rtpx
