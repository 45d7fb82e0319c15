#include "rtpx/describe.hpp"

#include "base/json.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

Description of(const RecordingInfo& info) {
  return {info.name, info.facts.labels, info.facts.metadata};
}

/// What tells of people is in its member "sealed" (docs/sealed-files.md).
bool is_sealed(const RecordingInfo& info) {
  const auto rest = parse_json(info.unknown_keys, "unknown_keys");
  return rest && rest->is_object() && rest->contains("sealed");
}

Result<void> too_long(const std::string& what) {
  return fail(Errc::invalid_argument, what + " of a recording has at most " + std::to_string(kMostFactBytes) + " bytes.");
}

}  // namespace

Result<void> check(const Description& description) {
  if (description.name.size() > kMostFactBytes) return too_long("The name");
  if (description.labels.size() > kMostFacts || description.metadata.size() > kMostFacts)
    return fail(Errc::invalid_argument, "A recording has at most " + std::to_string(kMostFacts) +
                                            " labels, and as many entries of metadata.");
  for (const std::string& label : description.labels)
    if (label.size() > kMostFactBytes) return too_long("A label");
  for (const auto& [name, value] : description.metadata)
    if (name.size() > kMostFactBytes || value.size() > kMostFactBytes) return too_long("A text of the metadata");
  return {};
}

Result<Description> description_of_recording(const std::filesystem::path& recording) {
  const auto info = read_recording_info(real_file_system(), recording);
  if (!info) return std::unexpected(info.error());
  return of(*info);
}

Result<void> change_description(const std::filesystem::path& recording,
                                const std::function<void(Description&)>& change) {
  Result<void> good;
  const auto changed = change_recording_info(real_file_system(), recording, [&](RecordingInfo& info) {
    if (is_sealed(info)) {
      good = fail(Errc::unsupported,
                  recording.string() + " is sealed: what it is called was sealed with it, and nothing is added in the clear.");
      return;
    }
    Description description = of(info);
    change(description);
    good = check(description);
    if (!good) return;
    info.name = std::move(description.name);
    info.facts.labels = std::move(description.labels);
    info.facts.metadata = std::move(description.metadata);
  });
  return good ? changed : good;
}

}  // namespace rtpx
