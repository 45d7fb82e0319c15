#include "rtpx/reader.hpp"

#include <mutex>
#include <thread>

#include "reader/opened_recording.hpp"
#include "reader/picture_at.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kSettlesAfterNs = 2'000'000'000;  // packets that come later change nothing that was told
constexpr std::chrono::milliseconds kLookEvery{100};

/// The recording as it was at one moment.
struct Snapshot {
  std::shared_ptr<const OpenedRecording> opened;
  bool running = false;
  std::uint64_t bytes = 0;  // of its files, then
  [[nodiscard]] std::int64_t settled_ns() const noexcept {
    return running ? opened->duration_ns() - kSettlesAfterNs : INT64_MAX;
  }
};

std::uint64_t bytes_in(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    std::error_code gone;
    const auto size = entry->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

std::filesystem::path folder_of(const std::string& recording) {
  std::error_code ignored;
  const std::filesystem::path place = recording;
  return std::filesystem::is_directory(place, ignored) ? place : place.parent_path();
}

}  // namespace

struct Reader::State {
  std::string recording;
  ReaderOptions options;
  mutable std::mutex mutex;
  std::mutex refreshing;
  std::unique_ptr<GrowingScan> growth;  // under `refreshing`; while it is running
  std::shared_ptr<const Snapshot> snapshot;

  [[nodiscard]] std::shared_ptr<const Snapshot> now() const {
    const std::lock_guard lock(mutex);
    return snapshot;
  }
  [[nodiscard]] Result<std::shared_ptr<const Snapshot>> look(const Snapshot* before);
  [[nodiscard]] TrackFrameOptions frame_options() const {
    TrackFrameOptions made;
    made.gaps = options.fill_sound ? GapPolicy::automatic : GapPolicy::keep;
    made.e2ee_keys = options.e2ee_keys;
    return made;
  }
};

Result<std::shared_ptr<const Snapshot>> Reader::State::look(const Snapshot* before) try {
  auto made = std::make_shared<Snapshot>();
  const bool remote = recording.starts_with("s3://");
  const std::filesystem::path folder = remote ? std::filesystem::path() : folder_of(recording);
  // Whether it is running is asked first: what ends meanwhile is looked at once more.
  made->running = !remote && recording_owner(folder).has_value();
  made->bytes = remote ? 0 : bytes_in(folder);
  OpenedRecording::Options opening;
  opening.download_path = options.download_path;
  opening.downloader = options.downloader.get();
  opening.identities = options.identities;
  opening.spill_folder = options.spill_folder;
  opening.stop = options.stop;
  opening.progress = options.progress;
  if (!made->running)
    growth.reset();
  else if (!growth)
    growth = std::make_unique<GrowingScan>(options.spill_folder.empty() ? std::filesystem::temp_directory_path()
                                                                        : options.spill_folder);
  opening.growing = growth.get();
  if (before != nullptr && before->running) {
    opening.before = before->opened;
    opening.settled_ns = before->settled_ns();
  }
  auto opened = OpenedRecording::open(recording, opening);
  if (!opened) return std::unexpected(opened.error());
  made->opened = std::move(*opened);
  return made;
} catch (const std::exception& failure) {
  return fail(Errc::internal, "the recording could not be read: " + std::string(failure.what()));
}

/// What was handed out last.
struct LastFrame {
  std::int64_t time_ns = 0, first_sequence = 0;
  std::string mime_type;
  StreamConfig config;
  Orientation orientation;
};

/// Where one FrameReader stands.
struct FrameReader::State {
  std::shared_ptr<const Reader::State> reader;
  std::shared_ptr<const Snapshot> snapshot;
  std::string track_id;
  std::optional<std::string> rid;
  std::unique_ptr<TrackFrames> source;
  bool handed_out = false;  // the source's next frame
  std::optional<LastFrame> last;         // of the frames handed out
  const StreamConfig* config = nullptr;  // as the source has it
  const rtpx::Codec* codec = nullptr;

  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<bool> go_on_with_newer();
  [[nodiscard]] Result<void> go_behind_last();
  void hand_out(const PlacedFrame& placed, MediaFrame& frame);
};

namespace {

/// The track and, of OpenedRecording, the layer.
Result<std::pair<std::size_t, std::size_t>> find_layer(const OpenedRecording& opened, const std::string& track_id,
                                                       const std::optional<std::string>& rid) {
  const auto track = opened.find_track(track_id);
  if (!track) return fail(Errc::not_found, opened.recording().name + " has no track " + track_id);
  if (!rid) return std::pair(*track, OpenedRecording::kBestLayer);
  const auto& layers = opened.tracks()[*track].layers;
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (layers[i].rid == rid) return std::pair(*track, i);
  return fail(Errc::not_found, "track " + track_id + " has no layer " + *rid);
}

}  // namespace

Result<void> FrameReader::State::open() {
  const auto layer = find_layer(*snapshot->opened, track_id, rid);
  if (!layer) return std::unexpected(layer.error());
  auto opened = snapshot->opened->open_source(layer->first, layer->second, reader->frame_options());
  if (!opened) return std::unexpected(opened.error());
  source = std::move(*opened);
  handed_out = false;
  config = nullptr;
  codec = nullptr;
  return {};
}

// False: there is nothing newer.
Result<bool> FrameReader::State::go_on_with_newer() {
  auto newer = reader->now();
  if (newer == snapshot) return false;
  snapshot = std::move(newer);
  if (auto opened = open(); !opened) return std::unexpected(opened.error());
  if (!last) return true;
  if (auto gone = go_behind_last(); !gone) return std::unexpected(gone.error());
  return true;
}

Result<void> FrameReader::State::go_behind_last() {
  for (const bool exactly : {true, false}) {
    if (auto sought = source->seek(last->time_ns); !sought) return std::unexpected(sought.error());
    while (true) {
      const auto frame = source->peek();
      if (!frame) return std::unexpected(frame.error());
      if (*frame == nullptr) break;
      const PlacedFrame& next = **frame;
      if (!exactly && next.time_ns > last->time_ns) return {};
      if (exactly && next.time_ns > last->time_ns + kSettlesAfterNs) break;
      const bool it_is = next.time_ns == last->time_ns && next.frame.first_sequence == last->first_sequence;
      source->pop();
      if (exactly && it_is) return {};
    }
  }
  return {};
}

void FrameReader::State::hand_out(const PlacedFrame& placed, MediaFrame& frame) {
  frame = {};
  const bool known = last && placed.config == config && placed.codec == codec;
  if (!last) last.emplace();
  if (!known) {
    const StreamConfig now = placed.config != nullptr ? *placed.config : StreamConfig{};
    frame.new_config = last->mime_type != placed.codec->mime_type || last->config != now;
    last->mime_type = placed.codec->mime_type;
    last->config = now;
    config = placed.config;
    codec = placed.codec;
  }
  frame.new_config = frame.new_config || last->orientation != placed.orientation;
  last->orientation = placed.orientation;
  last->time_ns = placed.time_ns;
  last->first_sequence = placed.frame.first_sequence;
  frame.data = placed.frame.data;
  frame.time_ns = placed.time_ns;
  frame.duration_ns = placed.duration_ns;
  frame.keyframe = placed.frame.kind == FrameKind::key;
  frame.damaged = placed.frame.reference_lost;
  frame.after_loss = placed.after_loss;
  frame.filler = placed.filler;
  frame.mime_type = last->mime_type;
  frame.codec_private = last->config.codec_private;
  frame.width = last->config.width;
  frame.height = last->config.height;
  frame.sample_rate = last->config.sample_rate;
  frame.channels = last->config.channels;
  frame.rotation = placed.orientation.clockwise_degrees;
  frame.mirrored = placed.orientation.mirrored;
  handed_out = true;
}

FrameReader::FrameReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
FrameReader::FrameReader(FrameReader&&) noexcept = default;
FrameReader& FrameReader::operator=(FrameReader&&) noexcept = default;
FrameReader::~FrameReader() = default;

Result<Next> FrameReader::next(MediaFrame& frame) try {
  State& state = *state_;
  if (std::exchange(state.handed_out, false)) state.source->pop();
  while (true) {
    const auto placed = state.source->peek();
    if (!placed) return std::unexpected(placed.error());
    if (*placed != nullptr && (*placed)->time_ns < state.snapshot->settled_ns()) {
      state.hand_out(**placed, frame);
      return Next::frame;
    }
    if (!state.snapshot->running) return Next::end;
    const auto newer = state.go_on_with_newer();
    if (!newer) return std::unexpected(newer.error());
    if (!*newer) return Next::not_yet;
  }
} catch (const std::exception& failure) {
  return fail(Errc::internal, "the recording could not be read: " + std::string(failure.what()));
}

Result<std::int64_t> FrameReader::seek(std::int64_t time_ns) try {
  State& state = *state_;
  if (auto newer = state.reader->now(); newer != state.snapshot) {
    state.snapshot = std::move(newer);
    if (auto opened = state.open(); !opened) return std::unexpected(opened.error());
  }
  state.handed_out = false;
  state.last.reset();
  return state.source->seek(time_ns);
} catch (const std::exception& failure) {
  return fail(Errc::internal, "the recording could not be read: " + std::string(failure.what()));
}

Reader::Reader(std::shared_ptr<State> state) : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(const std::string& recording, const ReaderOptions& options) {
  auto state = std::make_shared<State>();
  state->recording = recording;
  state->options = options;
  auto snapshot = state->look(nullptr);
  if (!snapshot) return std::unexpected(snapshot.error());
  state->snapshot = std::move(*snapshot);
  return Reader(std::move(state));
}

std::vector<ReaderTrack> Reader::tracks() const {
  const auto now = state_->now();
  std::vector<ReaderTrack> tracks;
  for (const OpenedRecording::Track& track : now->opened->tracks()) {
    ReaderTrack& made = tracks.emplace_back(track.id, track.kind, track.streams);
    made.refused = track.refused;
    for (const OpenedRecording::Layer& layer : track.layers)
      made.layers.push_back({layer.rid, layer.codec != nullptr ? layer.codec->mime_type : std::string(), layer.width,
                             layer.height, layer.start_ns, layer.end_ns});
  }
  return tracks;
}

ReaderTimeline Reader::timeline() const {
  const auto now = state_->now();
  return {now->opened->duration_ns(), now->opened->started(), now->running, now->settled_ns()};
}

Result<FrameReader> Reader::frames(const std::string& track_id, const std::optional<std::string>& rid,
                                   std::int64_t from_ns) const {
  auto state = std::make_unique<FrameReader::State>();
  state->reader = state_;
  state->snapshot = state_->now();
  state->track_id = track_id;
  state->rid = rid;
  if (auto opened = state->open(); !opened) return std::unexpected(opened.error());
  FrameReader frames(std::move(state));
  if (from_ns == INT64_MIN) return frames;
  if (auto sought = frames.seek(from_ns); !sought) return std::unexpected(sought.error());
  return frames;
}

Result<std::optional<std::int64_t>> Reader::keyframe_before(const std::string& track_id,
                                                            const std::optional<std::string>& rid,
                                                            std::int64_t time_ns) const {
  auto found = frames(track_id, rid, time_ns);
  if (!found) return std::unexpected(found.error());
  MediaFrame frame;
  const auto next = found->next(frame);
  if (!next) return std::unexpected(next.error());
  if (*next != Next::frame || frame.time_ns > time_ns || !frame.keyframe || frame.damaged) return std::nullopt;
  return frame.time_ns;
}

Result<std::vector<std::byte>> Reader::picture(const std::string& track_id, std::int64_t time_ns,
                                               const PictureOptions& options) const try {
  const auto now = state_->now();
  const auto layer = find_layer(*now->opened, track_id, {});
  if (!layer) return std::unexpected(layer.error());
  return picture_at(*now->opened, layer->first, layer->second, time_ns, {options.width, options.height});
} catch (const std::exception& failure) {
  return fail(Errc::internal, "the picture could not be made: " + std::string(failure.what()));
}

Result<bool> Reader::refresh() {
  const std::lock_guard one(state_->refreshing);
  const auto before = state_->now();
  if (!before->running) return false;
  const std::filesystem::path folder = folder_of(state_->recording);
  if (bytes_in(folder) == before->bytes && recording_owner(folder)) return false;
  auto snapshot = state_->look(before.get());
  if (!snapshot) return std::unexpected(snapshot.error());
  const std::lock_guard lock(state_->mutex);
  state_->snapshot = std::move(*snapshot);
  return true;
}

Result<bool> Reader::wait(std::chrono::milliseconds most) {
  const auto until = std::chrono::steady_clock::now() + most;
  while (true) {
    auto refreshed = refresh();
    if (!refreshed || *refreshed) return refreshed;
    if (!state_->now()->running || state_->options.stop.stop_requested()) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) return false;
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(kLookEvery, until - now));
  }
}

}  // namespace rtpx
