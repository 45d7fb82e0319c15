#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "rtpx/result.hpp"

namespace rtpx {

/// The keys of calls whose frames are encrypted end to end (docs/e2ee.md): LiveKit's and Element Call's,
/// Jitsi's, Medooze's SFrame and that of RFC 9605. Holds secrets: memory is zeroed when the last owner lets
/// go, and nothing of them is in any message. Thread-safe.
class E2eeKeys {
 public:
  /// From JSON: `{"format": "livekit", "keys": [{"name": "alice", "index": 0, "passphrase": "…"}]}`. The
  /// text is the caller's to wipe. Errors: malformed, with what is wrong and where, never with what a key is.
  [[nodiscard]] static Result<std::shared_ptr<const E2eeKeys>> parse(std::string_view json);
  /// The same from a file, which may be a pipe ("/dev/fd/4"). At most 1 MiB. Errors: not_found, io,
  /// malformed.
  [[nodiscard]] static Result<std::shared_ptr<const E2eeKeys>> load(const std::filesystem::path& file);

  ~E2eeKeys();
  E2eeKeys(const E2eeKeys&) = delete;
  E2eeKeys& operator=(const E2eeKeys&) = delete;

  /// What the library makes of them; not for callers.
  struct Material;
  [[nodiscard]] const Material& material() const noexcept { return *material_; }

 private:
  explicit E2eeKeys(std::unique_ptr<const Material> material);

  std::unique_ptr<const Material> material_;
};

}  // namespace rtpx
