#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "s3/object_relay.hpp"
#include "server/http/message.hpp"
#include "server/library/library.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// Parts of recordings as files, and single pictures, made by a child process when somebody asks for them. A file is made
/// whole before it is sent: its index stands in front of its media, and ranges need its length. It has no name on the
/// disk and is kept for half an hour after its last use. Thread-safe.
class Cuts {
 public:
  struct Clip {
    bool webm = false;      ///< else MP4
    std::string from, to;   ///< moments as `rtpx convert` takes them; empty: from its beginning, to its end
    std::string stream;     ///< of which media stream; empty: the first file that there is
    bool exact = true;      ///< begins at `from`; else at the keyframe before
  };
  struct Picture {
    std::string at, track, size;  ///< as `rtpx frame` takes them; an empty track is the first with pictures
  };

  Cuts(const ServeOptions& options, const Library& library);
  /// Where a recording lies that is cut.
  struct Place {
    std::string path;                          ///< its folder, or its URL
    std::string state;                         ///< another one when its files have changed
    std::unique_ptr<s3::ObjectRelay> objects;  ///< of a URL
    std::uint64_t file_bytes = 0;              ///< the most that a file made of it may have
  };
  /// For ids with a slash in them. Before other threads use this.
  using Elsewhere = std::function<Result<Place>(const std::string& id, std::stop_token stop)>;
  void look_elsewhere(Elsewhere elsewhere) { elsewhere_ = std::move(elsewhere); }

  /// Waits for it. Two who ask for the same get the same file. Errors: not_found; invalid_argument (times that
  /// lie outside, a container that does not hold the codec); nothing_to_convert, io, cancelled; network.
  [[nodiscard]] Result<std::shared_ptr<http::Descriptor>> clip(const std::string& recording, const Clip& clip);
  [[nodiscard]] Result<std::shared_ptr<http::Descriptor>> picture(const std::string& recording, const Picture& picture);

  /// Ends what is being made, and lets go of all files.
  void stop();

  static constexpr std::chrono::minutes kKept{30};

 private:
  using Clock = std::chrono::steady_clock;
  struct Made {
    std::mutex making;
    std::string state;  ///< of the folder when it was made
    std::shared_ptr<http::Descriptor> file;
    std::uint64_t bytes = 0;
    Clock::time_point used;
  };
  /// A command whose output is in `folder`; `result` is what it wrote on its standard output.
  struct Order {
    std::vector<std::string> command;
    std::string what;  ///< "cut", for messages
    std::string name;  ///< of the file; empty: the result says it
  };
  [[nodiscard]] Result<std::shared_ptr<http::Descriptor>> make(const std::string& recording, const std::string& key,
                                                               Order order);
  [[nodiscard]] Result<std::shared_ptr<http::Descriptor>> run(const Place& place, Order& order) const;
  [[nodiscard]] Result<Place> place_of(const std::string& recording) const;
  [[nodiscard]] std::shared_ptr<Made> entry_of(const std::string& key);
  void drop_old();

  const ServeOptions& options_;
  const Library& library_;
  Elsewhere elsewhere_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Made>> made_;
};

}  // namespace rtpx::server
