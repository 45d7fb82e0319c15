#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rtpx::http {

/// The one form of a request's target that access control and dispatch both see.
struct Target {
  std::vector<std::string> path;  ///< percent-decoded components: "/a/b%20c" is {"a", "b c"}, "/" is {}
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order

  /// nullopt unless the path has this form only: '/' and components that are not empty, not "." or "..", and
  /// hold no '/', '\' or control character, also when these are percent-encoded. So each thing has one path.
  [[nodiscard]] static std::optional<Target> parse(std::string_view origin_form);

  /// The first value of that name; nullopt: none.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
  /// In its one form, percent-encoded; parse() reads the same again.
  [[nodiscard]] std::string text() const;
};

/// For logs and messages: what is not printable ASCII is percent-encoded, and it is cut at 200 characters.
[[nodiscard]] std::string printable(std::string_view text);
/// A name as a component of a path.
[[nodiscard]] std::string percent_encoded(std::string_view name);

}  // namespace rtpx::http
