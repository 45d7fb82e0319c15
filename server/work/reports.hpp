#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>

#include "server/library/library.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// The pages of `rtpx report`, made by child processes because they parse hostile media: one at a time for a
/// recording and two in all, and only when the recording has changed since the last one. Thread-safe.
class Reports {
 public:
  Reports(const ServeOptions& options, const Library& library) : options_(options), library_(library) {}

  /// The page of a recording; waits for it. Errors: not_found; io when it cannot be made, saying why.
  [[nodiscard]] Result<std::string> page(const std::string& id);

 private:
  struct Page {
    std::mutex making;
    std::string of;  ///< the recording's state when the page was made; empty: there is none
  };
  [[nodiscard]] std::shared_ptr<Page> page_of(const std::string& id);
  [[nodiscard]] Result<void> make(const std::filesystem::path& folder, const std::filesystem::path& file);

  const ServeOptions& options_;
  const Library& library_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Page>> pages_;
  std::counting_semaphore<> children_{2};
};

}  // namespace rtpx::server
