#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <vector>

#include "server/http/message.hpp"
#include "server/library/library.hpp"
#include "server/options.hpp"
#include "server/work/work_folder.hpp"

namespace rtpx::server {

/// Recordings that were decrypted for one viewer with the keys that he gave (docs/e2ee.md). A child converts
/// them; it gets the keys by a pipe. What it makes has no name on the disk any more once it is whole, and
/// goes with its ticket: when that is given back, has not been used for half an hour, is pushed out by newer
/// ones, or the server ends. Thread-safe.
class OpenedRecordings {
 public:
  static constexpr std::chrono::minutes kKept{30};
  static constexpr std::size_t kMostKeyBytes = 48U << 10;  ///< less than a pipe holds

  OpenedRecordings(const ServeOptions& options, const Library& library);

  struct File {
    std::string id, name;
    std::int64_t duration_ms = 0;
    std::uint64_t bytes = 0;
  };
  struct Opened {
    std::string ticket;  ///< whoever has it may see the files
    std::vector<File> files;
    bool has_losses = false;
  };
  /// Waits for the conversion. `keys`: a keys file's content, or an identity without a passphrase where the recording
  /// is sealed. Errors: not_found (the recording),
  /// invalid_argument (the keys are none), nothing_to_convert (they open nothing), io; saying why.
  [[nodiscard]] Result<Opened> open(const std::string& recording, const std::string& keys);
  /// nullptr: no such ticket, or file of it.
  [[nodiscard]] std::shared_ptr<http::Descriptor> file(const std::string& recording,
                                                       const std::string& ticket, const std::string& name);
  /// False: there was no such ticket.
  bool forget(const std::string& recording, const std::string& ticket);

 private:
  using Clock = std::chrono::steady_clock;
  struct Ticket {
    std::string recording;
    std::map<std::string, std::shared_ptr<http::Descriptor>> files;  // by name
    Clock::time_point used;
  };
  [[nodiscard]] Result<Opened> convert(const std::filesystem::path& recording,
                                       const WorkFolder& own, const std::string& keys, Ticket& ticket) const;
  void drop_old();

  const ServeOptions& options_;
  const Library& library_;
  std::mutex mutex_;
  std::map<std::string, Ticket> tickets_;
  std::counting_semaphore<> children_{2};
};

}  // namespace rtpx::server
