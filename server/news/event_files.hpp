#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rtpx::server {

/// Events that wait, a JSON file each in a folder of their own, so that they outlive the server. One that takes them away, and
/// any number that add.
class EventFiles {
 public:
  explicit EventFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// `text`: JSON. `name` sorts behind those of earlier events. False: it could not be written, which is logged.
  bool add(const std::string& name, const std::string& text) const;
  /// Of all that wait, in order.
  [[nodiscard]] std::vector<std::string> names() const;
  /// nullopt: it is no JSON, or cannot be read.
  [[nodiscard]] std::optional<std::string> read(const std::string& name) const;
  void remove(const std::string& name) const;

 private:
  const std::filesystem::path folder_;
};

/// A name that sorts behind those of earlier calls, of this process and of earlier ones.
[[nodiscard]] std::string next_event_name();

}  // namespace rtpx::server
