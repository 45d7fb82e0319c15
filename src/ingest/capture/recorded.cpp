#include "ingest/capture/recorded.hpp"

#include <algorithm>
#include <numeric>

namespace rtpx::capture {
namespace {

using Paths = std::vector<std::filesystem::path>;

Result<Paths> resolve(const std::vector<std::string>& locations, const std::filesystem::path& folder,
                      Outside outside) {
  Paths out;
  for (const std::string& location : locations) {
    auto path = resolve_location(location, folder, outside);
    if (!path) return std::unexpected(path.error());
    out.push_back(std::move(*path));
  }
  return out;
}

}  // namespace

Result<void> Recorded::advance(Input& input) {
  auto next = input.reader->next();
  if (!next) return std::unexpected(next.error());
  input.head = *next;
  if (input.head)
    input.head_time =
        input.zero + std::chrono::milliseconds(input.head->header.receive_time_ms - input.zero_ms);
  return {};
}

Result<Recorded> Recorded::open(const Manifest& manifest, const std::filesystem::path& folder,
                                const std::vector<std::string>& tracks, bool rtcp,
                                Outside outside, std::shared_ptr<FileSystem> source) {
  Recorded out;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    const auto entry = manifest.find(tracks[i]);
    if (entry == manifest.end())
      return fail(Errc::tracks_not_found, "the recording has no track " + tracks[i]);
    const ManifestTrack& track = entry->second;
    for (const bool control : {false, true}) {
      const std::vector<std::string> locations = control ? rtcp_locations(track) : rtp_locations(track);
      if (control && (!rtcp || locations.empty())) continue;
      const auto paths = resolve(locations, folder, outside);
      if (!paths) {
        if (control) continue;  // the media matter more
        return fail(paths.error().code, "track " + tracks[i] + ": " + paths.error().message);
      }
      auto reader =
          RecordReader::open(*paths, control ? RecordReader::Content::rtcp : RecordReader::Content::rtp, {}, source);
      if (!reader) return std::unexpected(reader.error());
      Input input{.track = i, .rtcp = control, .reader = std::move(*reader)};
      input.zero = track.clock ? track.clock->utc : track.start_time;
      if (track.clock) input.zero_ms = track.clock->receive_time_ms;
      auto first = input.reader->next();
      if (!first) return std::unexpected(first.error());
      if (!track.clock && *first) input.zero_ms = (*first)->header.receive_time_ms;  // upstream's recordings
      input.reader->rewind();
      if (auto advanced = advance(input); !advanced) return std::unexpected(advanced.error());
      out.inputs_.push_back(std::move(input));
    }
  }
  return out;
}

Result<std::optional<RecordedPacket>> Recorded::next() {
  if (given_ != nullptr) {
    Input& input = *std::exchange(given_, nullptr);
    if (auto advanced = advance(input); !advanced) return std::unexpected(advanced.error());
  }
  for (Input& input : inputs_)
    if (input.head && (given_ == nullptr || input.head_time < given_->head_time)) given_ = &input;
  if (given_ == nullptr) return std::nullopt;
  return RecordedPacket{given_->track, given_->rtcp, given_->head->header.rid_index, given_->head_time,
                        given_->head->packet};
}

std::uint64_t Recorded::damaged_bytes() const {
  std::uint64_t bytes = 0;
  for (const Input& input : inputs_)
    for (const DamagedRange& range : input.reader->damage()) bytes += range.length;
  return bytes;
}

}  // namespace rtpx::capture
