#pragma once

#include <string>
#include <vector>

#include "rtpx/sealed.hpp"
#include "server/work/child.hpp"

namespace rtpx::server {

/// The server's identities on their way to a child that reads recordings: by a descriptor, never in a file, argument or
/// environment. Zeroed with the object.
class ChildIdentity {
 public:
  explicit ChildIdentity(const Identities& identities);
  ~ChildIdentity();
  ChildIdentity(const ChildIdentity&) = delete;
  ChildIdentity& operator=(const ChildIdentity&) = delete;

  /// Names them in the command, where there are any.
  void add_to(std::vector<std::string>& command) const;
  /// ChildOptions::secret; empty: there are none.
  [[nodiscard]] const std::string& secret() const noexcept { return text_; }

 private:
  std::string text_;
};

}  // namespace rtpx::server
