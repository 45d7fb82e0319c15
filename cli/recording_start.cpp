#include "recording_start.hpp"

#include <utility>

#include "identity_arguments.hpp"

namespace rtpx::cli {

Result<std::unique_ptr<Recorder>> start_recording(const std::string& folder, const Description& about,
                                                  const std::vector<std::string>& recipients) {
  auto sealed_for = parse_recipients(recipients);
  if (!sealed_for) return std::unexpected(sealed_for.error());
  Recorder::Options options;
  options.recipients = std::move(*sealed_for);
  options.folder = folder;
  options.name = about.name;
  options.labels = about.labels;
  options.metadata = about.metadata;
  return Recorder::start(std::move(options));
}

}  // namespace rtpx::cli
