#pragma once

#include <optional>
#include <set>
#include <string>

namespace rtpx {

/// Gives outputs their ids and file names, each once.
class OutputNames {
 public:
  struct Name {
    std::string id;    ///< `<stream>` or `<stream>_<rid>`, as upstream; with the track id when that is taken
    std::string stem;  ///< file name without extension: the id's parts, each safe for a file system
  };
  /// `stream` is empty when the track belongs to none: then the track's id stands for it.
  [[nodiscard]] Name make(const std::optional<std::string>& stream, const std::string& track_id,
                          const std::optional<std::string>& rid);

 private:
  [[nodiscard]] bool take(const Name& name);
  std::set<std::string> ids_, stems_;  // stems in lower case: some file systems know no other
};

}  // namespace rtpx
