#include "convert/output_names.hpp"

#include <algorithm>

#include "base/file_name.hpp"

namespace rtpx {

bool OutputNames::take(const Name& name) {
  std::string folded = name.stem;
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  if (ids_.contains(name.id) || stems_.contains(folded)) return false;
  ids_.insert(name.id);
  stems_.insert(folded);
  return true;
}

OutputNames::Name OutputNames::make(const std::optional<std::string>& stream, const std::string& track_id,
                                    const std::optional<std::string>& rid) {
  const std::string& base = stream ? *stream : track_id;
  Name name{base, encode_file_name(base)};
  if (rid) {
    name.id += "_" + *rid;
    name.stem += "_" + encode_file_name(*rid);
  }
  if (take(name)) return name;
  name.id += "_" + track_id;
  name.stem += "_" + encode_file_name(track_id);
  const Name with_track = name;
  for (int number = 2; !take(name); ++number) {
    name.id = with_track.id + "_" + std::to_string(number);
    name.stem = with_track.stem + "_" + std::to_string(number);
  }
  return name;
}

}  // namespace rtpx
