#include "play/presentation.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/remote_file.hpp"
#include "mux/segment_writer.hpp"
#include "play/play_archive.hpp"
#include "report/notes.hpp"
#include "report/track_report.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kSilenceNs = 20'000'000;
constexpr std::int64_t kShownAfterNs = 1'000'000'000;  // packets that come later change nothing that was told
constexpr std::int64_t kBesideNs = 500'000;  // what was placed anew may lie so much beside where it was
constexpr std::uint64_t kPresentedPerLook = 512;
constexpr std::chrono::seconds kLongestPause{5};  // between two looks
constexpr std::size_t kPartBytes = 1U << 20;

std::string program_id(const PlacedLayer& layer) {
  const auto& streams = layer.track->files.track.streams;
  return streams.empty() ? layer.track->files.track_id : streams.front();
}

std::string name_of(const std::string& track_id, const std::optional<std::string>& rid) {
  return track_id + (rid ? " " + *rid : "");
}

// An Opus packet of 20 ms without data (RFC 6716 section 3.1): the decoder goes on with nothing.
std::array<std::byte, 1> opus_silence(const OutputTrack& track) {
  return {track.config.channels == 2 ? std::byte{0xFC} : std::byte{0xF8}};
}

Error no_such(const std::string& what) {
  return {Errc::not_found, "The recording has no " + what + "."};
}

/// Whoever mends what a crash has left holds the folder, too, and adds nothing to it.
bool is_being_recorded(const std::filesystem::path& folder) {
  const auto owner = recording_owner(folder);
  return owner && !owner->starts_with("rtpx recover");
}

std::uint64_t bytes_in_folder(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    std::error_code gone;
    const auto size = at->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace

Presentation::Presentation(std::string recording, const Options& options)
    : recording_(std::move(recording)), options_(options) {}

std::shared_ptr<Presentation> Presentation::of(const std::string& recording, const Options& options) {
  return std::shared_ptr<Presentation>(new Presentation(recording, options));
}

Result<std::shared_ptr<Presentation>> Presentation::open(const std::string& recording, const Options& options) {
  auto out = of(recording, options);
  if (auto refreshed = out->refresh(); !refreshed) return std::unexpected(refreshed.error());
  return out;
}

std::shared_ptr<const Presentation::View> Presentation::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

bool Presentation::growing() const {
  const std::lock_guard one(refreshing_);
  return growing_;
}

Result<void> Presentation::refresh() {
  const std::lock_guard one(refreshing_);
  if (view() && !growing_) return {};
  const auto now = std::chrono::steady_clock::now();
  // A long recording takes long to look through: it is looked at less often.
  if (looked_ && (now - *looked_ < options_.look_every || now < took_until_)) return seen_;
  seen_ = look_for_more();
  looked_ = std::chrono::steady_clock::now();
  if (options_.look_every.count() > 0)
    took_until_ = *looked_ + std::min<std::chrono::steady_clock::duration>(3 * (*looked_ - now), kLongestPause);
  return seen_;
}

Result<void> Presentation::look_for_more() {
  auto opened = look();
  if (!opened) return std::unexpected(opened.error());
  if (*opened == nullptr) return {};
  if (auto done = read(**opened); !done) return done;
  show(std::move(*opened));
  const auto shown = view();
  if (!shown->programs.empty()) return {};
  const bool still_growing = growing_;
  if (still_growing) begin_anew();
  std::string why = recording_ + " holds nothing that can be played" + (still_growing ? " yet" : "");
  const bool told = std::ranges::any_of(shown->notes, tells_a_loss);
  for (const ConvertNote& note : shown->notes)
    if (tells_a_loss(note)) why += "; " + note.message;
  for (const std::string& one_left : shown->left_out)
    if (!told) why += "; " + one_left;
  return fail(Errc::nothing_to_convert, why);
}

// Until something was shown, nothing is held to: what a first packet or two say of a track may be wrong.
void Presentation::begin_anew() {
  if (pictures_ + sounds_ > 0) return;
  layers_.clear();
  cuts_.clear();
  starts_ns_.clear();
  first_shown_.clear();
  const std::lock_guard lock(mutex_);
  view_ = nullptr;
}

// The recording as it is now; nullptr: nothing was written since.
Result<std::shared_ptr<const OpenedRecording>> Presentation::look() {
  std::error_code ignored;
  const std::filesystem::path place = recording_;
  const bool remote = is_s3_url(place);  // it is there when it has ended
  const std::filesystem::path folder =
      remote || std::filesystem::is_directory(place, ignored) ? place : place.parent_path();
  // Whether somebody writes is asked first: what ends meanwhile is looked at once more.
  const bool growing = !remote && is_being_recorded(folder);
  growing_ = growing_ || growing;
  const std::uint64_t bytes = remote ? 0 : bytes_in_folder(folder);
  const auto before = view();
  if (before && growing && bytes == folder_bytes_) return nullptr;
  OpenedRecording::Options opening;
  opening.download_path = opening.spill_folder = options_.temporary;
  opening.downloader = options_.downloader.get();
  opening.stop = options_.stop;
  opening.identities = options_.identities;
  if (!growing)
    growth_.reset();
  else if (!growth_)
    growth_ = std::make_unique<GrowingScan>(options_.temporary);
  opening.growing = growth_.get();
  if (before) {
    opening.before = before->opened;
    opening.settled_ns = settled_ns_;
  }
  auto opened = OpenedRecording::open(recording_, opening);
  if (!opened) return opened;
  growing_ = growing;
  followed_ = followed_ || growing;
  folder_bytes_ = bytes;
  settled_ns_ = growing ? (*opened)->duration_ns() - kShownAfterNs : INT64_MAX;
  return opened;
}

Presentation::Layer& Presentation::layer_of(const PlacedLayer& placed) {
  const std::string& track_id = placed.track->files.track_id;
  const auto rid = rid_of(*placed.track, placed.layer->rid_index);
  for (const auto& layer : layers_)
    if (layer->track_id == track_id && layer->rid == rid) return *layer;
  auto made = std::make_unique<Layer>();
  made->program = program_id(placed);
  made->track_id = track_id;
  made->rid = rid;
  made->kind = placed.track->files.track.kind;
  made->list = std::make_unique<SegmentListBuilder>(made->kind, placed.layer->parameter_sets_change);
  layers_.push_back(std::move(made));
  return *layers_.back();
}

// Pictures first: sound is cut where they change.
Result<void> Presentation::read(const OpenedRecording& opened) {
  const bool as_kept = !growing_ && layers_.empty() && !options_.e2ee_keys;
  if (as_kept && read_played(opened.scanned().kept.played)) return {};
  for (const MediaKind kind : {MediaKind::video, MediaKind::audio}) {
    for (const PlacedLayer& placed : opened.scanned().layers) {
      if (placed.track->files.track.kind != kind) continue;
      Layer& layer = layer_of(placed);
      if (kind == MediaKind::audio) layer.list->cut_at(cuts_[layer.program]);
      if (auto gone = go_on(opened, placed, layer); !gone) return gone;
    }
    if (kind == MediaKind::audio) break;
    std::map<std::string, std::vector<const std::vector<std::int64_t>*>> changes;
    for (const auto& layer : layers_)
      if (layer->kind == MediaKind::video) changes[layer->program].push_back(&layer->list->changes());
    for (const auto& [program, lists] : changes) cuts_[program] = common_changes(lists);
  }
  return {};
}

bool Presentation::read_played(Bytes kept) {
  if (kept.empty()) return false;
  std::vector<Layer> layers;
  ArchiveReader in(kept);
  in(layers);
  if (!in.ok() || !in.at_end()) return false;
  for (Layer& layer : layers) layers_.push_back(std::make_unique<Layer>(std::move(layer)));
  return true;
}

std::vector<std::byte> Presentation::played() const {
  ArchiveWriter out;
  out(layers_);
  return std::move(out.bytes());
}

// Over the frames that have settled since.
Result<void> Presentation::go_on(const OpenedRecording& opened, const PlacedLayer& placed, Layer& layer) {
  auto source = opened.open_layers({&placed}, frame_options());
  if (!source) return std::unexpected(source.error());
  TrackFrames& frames = **source;
  if (layer.last) {
    if (auto gone = frames.go_near(layer.last->time_ns); !gone) return gone;
    // From a place before it up to it.
    for (;;) {
      const auto frame = frames.peek();
      if (!frame) return std::unexpected(frame.error());
      if (*frame == nullptr || (*frame)->time_ns > layer.last->time_ns + kBesideNs) break;
      const bool it_is = layer.kind == MediaKind::video && (*frame)->frame.first_sequence == layer.last->first_sequence &&
                         (*frame)->time_ns >= layer.last->time_ns - kBesideNs;
      frames.pop();
      if (it_is) break;
    }
  }
  for (std::uint64_t count = 1;; ++count) {
    const auto frame = frames.peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) layer.notes = frames.notes();
    if (*frame == nullptr || (*frame)->time_ns >= settled_ns_) return {};
    layer.last = {(*frame)->time_ns, (*frame)->frame.first_sequence};
    if (!layer.list->add(**frame)) return {};
    frames.pop();
    if (count % kPresentedPerLook == 0 && options_.stop.stop_requested())
      return fail(Errc::cancelled, "opening the recording was cancelled");
  }
}

void Presentation::show(std::shared_ptr<const OpenedRecording> opened) {
  auto made = std::make_shared<View>();
  made->growing = growing_;
  std::map<std::string, std::vector<std::int64_t>> on_until_ns;
  for (const MediaKind kind : {MediaKind::video, MediaKind::audio})
    for (const auto& layer : layers_) {
      if (layer->kind != kind) continue;
      SegmentList list = layer->list->so_far();
      if (!followed_) list.parts.clear();
      if (growing_ && !list.segments.empty()) {
        // It goes on. Up to the last frame nothing is missing; behind it something may only be late.
        PlayedSegment& open = list.segments.back();
        open.end_ns = std::max(layer->last ? layer->last->time_ns : INT64_MIN, open.start_ns + 1);
        if (list.segments.size() == 1 && open.end_ns - open.start_ns < kPartNs) continue;
      }
      const std::string name = name_of(layer->track_id, layer->rid);
      if (list.segments.empty() || is_unplayable(list)) {
        if (!growing_ || !list.segments.empty())
          made->left_out.push_back("track " + name +
                                   (list.segments.empty()
                                        ? ": it holds no frame"
                                        : ": browsers do not play " + list.inits.front().mime_type));
        continue;
      }
      if (layer->id.empty())
        layer->id = kind == MediaKind::video ? "v" + std::to_string(++pictures_) : "a" + std::to_string(++sounds_);
      auto program = std::ranges::find(made->programs, layer->program, &Program::id);
      if (program == made->programs.end()) {
        made->programs.emplace_back().id = layer->program;
        program = made->programs.end() - 1;
      }
      std::int64_t until_ns = INT64_MIN;
      for (const PlacedLayer& placed : opened->scanned().layers)
        if (placed.track->files.track_id == layer->track_id && rid_of(*placed.track, placed.layer->rid_index) != layer->rid)
          until_ns = placed.track_end_ns;
      on_until_ns[layer->program].push_back(until_ns);
      program->renditions.push_back(
          {layer->id, kind, layer->track_id, layer->rid, name, std::move(list), std::nullopt});
    }
  for (Program& program : made->programs) {
    const auto known = starts_ns_.find(program.id);
    align(program, on_until_ns[program.id], growing_,
          known == starts_ns_.end() ? std::nullopt : std::optional(known->second));
    starts_ns_[program.id] = program.start_ns;
    program.first_shown = first_shown_.try_emplace(program.id, program.renditions.front().id).first->second;
    if (const auto started = opened->started())
      program.started = *started + std::chrono::microseconds(program.start_ns / 1000);
  }
  if (!growing_) {
    for (const TrackScan& track : opened->scanned().tracks)
      std::ranges::move(notes_of(track, opened->scanned().zero_receive_ms), std::back_inserter(made->notes));
    for (const auto& layer : layers_) std::ranges::copy(layer->notes, std::back_inserter(made->notes));
  }
  std::ranges::stable_sort(made->programs, std::greater{}, [](const Program& program) {
    return program.renditions.front().kind == MediaKind::video;
  });
  for (const Mark& mark : opened->recording().facts.marks)
    made->marks.push_back({std::max<std::int64_t>(timeline_ns(opened->scanned(), mark.at_ms), 0), mark.text});
  std::ranges::stable_sort(made->marks, {}, &PlayedMark::time_ns);
  made->opened = std::move(opened);
  const std::lock_guard lock(mutex_);
  made->version = view_ ? view_->version + 1 : 1;
  view_ = std::move(made);
}

std::size_t Presentation::bytes() const noexcept {
  const auto now = view();
  std::size_t sum = 1U << 20;
  if (!now) return sum + GrowingScan::kMostRecentBytes;
  if (now->growing) sum += GrowingScan::kMostRecentBytes;
  for (const Program& program : now->programs)
    for (const Rendition& rendition : program.renditions)
      sum += 2 * rendition.list.segments.size() * sizeof(PlayedSegment) + rendition.list.inits.size() * 1024;
  for (const PlacedLayer& layer : now->opened->scanned().layers)
    for (const auto& segment : layer.layer->segments) sum += segment->patches.size() * sizeof(Patch);
  return sum;
}

Presentation::View::Place Presentation::View::find(const std::string& rendition_id) const {
  for (const Program& program : programs)
    for (const Rendition& rendition : program.renditions)
      if (rendition.id == rendition_id) return {&program, &rendition};
  return {};
}

const PlacedLayer* Presentation::placed_layer(const OpenedRecording& opened, const Rendition& rendition) {
  for (const PlacedLayer& placed : opened.scanned().layers)
    if (placed.track->files.track_id == rendition.track_id &&
        rid_of(*placed.track, placed.layer->rid_index) == rendition.rid)
      return &placed;
  return nullptr;
}

// By the time of the packet that showed the gap.
std::vector<std::pair<std::int64_t, std::uint32_t>> Presentation::lost(const std::string& rendition_id) const {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  const auto now = view();
  const View::Place place = now->find(rendition_id);
  const PlacedLayer* layer = place.rendition == nullptr ? nullptr : placed_layer(*now->opened, *place.rendition);
  if (layer == nullptr) return {};
  std::map<std::int64_t, std::uint32_t> by_second;
  for (std::size_t i = 0; i < layer->layer->segments.size(); ++i)
    for (const GapTable::Gap& gap : layer->layer->segments[i]->line.gaps().gaps())
      if (gap.count > 0) by_second[layer->maps[i].time_ns(gap.timestamp_after) / kSecondNs] += gap.count;
  std::vector<std::pair<std::int64_t, std::uint32_t>> out;
  for (const auto& [second, packets] : by_second) out.emplace_back(second * kSecondNs, packets);
  return out;
}

Result<void> Presentation::init(const std::string& rendition_id, std::size_t number, Format format,
                                ByteSink& out) const {
  const auto now = view();
  const View::Place place = now->find(rendition_id);
  if (place.rendition == nullptr || number >= place.rendition->list.inits.size())
    return std::unexpected(no_such("such initialization segment"));
  const auto writer = open_segment_writer(format, place.rendition->list.inits[number]);
  if (!writer) return std::unexpected(writer.error());
  return (*writer)->init(out);
}

std::shared_ptr<Presentation::Feed> Presentation::feed_of(const std::string& rendition_id) const {
  const std::lock_guard lock(mutex_);
  auto& feed = feeds_[rendition_id];
  if (!feed) feed = std::make_shared<Feed>();
  return feed;
}

Result<std::unique_ptr<SegmentStream>> Presentation::segment(const std::string& rendition_id,
                                                             std::size_t number, Format format) {
  const auto now = view();
  const View::Place place = now->find(rendition_id);
  if (place.rendition == nullptr || number >= place.rendition->list.segments.size())
    return std::unexpected(no_such("such segment"));
  const Rendition& rendition = *place.rendition;
  const PlayedSegment& segment = rendition.list.segments[number];
  if (segment.kind == PlayedSegment::Kind::gap)
    return std::unexpected(no_such("media at that time that browsers play"));
  auto writer = open_segment_writer(format, rendition.list.inits[segment.init]);
  if (!writer) return std::unexpected(writer.error());
  const auto feed = feed_of(rendition_id);
  std::unique_ptr<TrackFrames> source;
  Piece piece{.number = number,
              .frames = segment.frames,
              .end_ns = segment.end_ns,
              .bytes = segment.bytes,
              .ends_segment = true,
              .fragment = static_cast<std::uint32_t>(number * 1000)};
  if (rendition.kind == MediaKind::video) piece.begin_ns = segment.start_ns;
  if (segment.kind == PlayedSegment::Kind::filler) {
    if (auto filled = fill(*now, *place.program, rendition, segment, **writer); !filled)
      return std::unexpected(filled.error());
  } else {
    auto found = source_at(*feed, *now, rendition, segment, number);
    if (!found) return std::unexpected(found.error());
    source = std::move(*found);
  }
  return std::unique_ptr<SegmentStream>(new SegmentStream(feed, now->opened, place.program->start_ns, piece,
                                                          std::move(*writer), std::move(source)));
}

Result<std::unique_ptr<SegmentStream>> Presentation::part(const std::string& rendition_id, std::size_t number,
                                                          std::size_t part, Format format) {
  const auto now = view();
  const View::Place place = now->find(rendition_id);
  if (place.rendition == nullptr) return std::unexpected(no_such("such part"));
  const Rendition& rendition = *place.rendition;
  const std::vector<PlayedPart> parts = parts_of(rendition, number);
  if (part >= parts.size() || parts[part].frames == 0) return std::unexpected(no_such("such part"));
  const bool open = number == rendition.list.segments.size();
  const PlayedSegment& segment = open ? *rendition.open : rendition.list.segments[number];
  auto writer = open_segment_writer(format, rendition.list.inits[segment.init]);
  if (!writer) return std::unexpected(writer.error());
  const auto feed = feed_of(rendition_id);
  auto source = source_at(*feed, *now, rendition, segment, number, parts[part].first_frame);
  if (!source) return std::unexpected(source.error());
  const Piece piece{.number = number,
                    .first_frame = parts[part].first_frame,
                    .frames = parts[part].frames,
                    .end_ns = parts[part].end_ns,
                    .bytes = segment.bytes / parts.size(),
                    .ends_segment = !open && part + 1 == parts.size(),
                    .fragment = static_cast<std::uint32_t>(number * 1000 + part)};
  return std::unique_ptr<SegmentStream>(new SegmentStream(feed, now->opened, place.program->start_ns, piece,
                                                          std::move(*writer), std::move(*source)));
}

TrackFrameOptions Presentation::frame_options() const {
  TrackFrameOptions options;
  options.e2ee_keys = options_.e2ee_keys;
  return options;
}

// From where the last segment ended, or by its time.
Result<std::unique_ptr<TrackFrames>> Presentation::source_at(Feed& feed, const View& view, const Rendition& rendition,
                                                             const PlayedSegment& segment, std::size_t number,
                                                             std::uint32_t frame_number) const {
  {
    const std::lock_guard lock(feed.mutex);
    if (feed.source != nullptr && feed.of == view.opened && feed.at_segment == number && feed.at_frame == frame_number)
      return std::move(feed.source);
  }
  const PlacedLayer* placed = placed_layer(*view.opened, rendition);
  if (placed == nullptr) return std::unexpected(no_such("such track any more"));
  auto source = view.opened->open_layers({placed}, frame_options());
  if (!source) return source;
  const std::int64_t from_ns = segment.from_ns;
  if (auto sought = (*source)->seek(from_ns + kBesideNs); !sought) return std::unexpected(sought.error());
  for (;;) {
    const auto frame = (*source)->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr || (*frame)->time_ns >= from_ns - kBesideNs) break;
    (*source)->pop();
  }
  for (; frame_number > 0; --frame_number) {
    const auto frame = (*source)->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) break;
    (*source)->pop();
  }
  return source;
}

Result<void> Presentation::fill(const View& view, const Program& program, const Rendition& rendition,
                                const PlayedSegment& segment, SegmentWriter& writer) const {
  Sample sample;
  sample.keyframe = true;
  if (rendition.kind == MediaKind::audio) {
    const auto silence = opus_silence(rendition.list.inits[segment.init]);
    sample.data = silence;
    sample.duration_ns = kSilenceNs;
    for (std::int64_t at = segment.start_ns; at + kSilenceNs / 2 < segment.end_ns; at += kSilenceNs) {
      sample.time_ns = at - program.start_ns;
      if (auto added = writer.add(sample); !added) return added;
    }
    return {};
  }
  const auto& segments = rendition.list.segments;
  const auto media = std::ranges::find(segments, PlayedSegment::Kind::media, &PlayedSegment::kind);
  if (media == segments.end() && !rendition.open) return {};
  const PlayedSegment& first = media == segments.end() ? *rendition.open : *media;
  Feed none;
  const auto source = source_at(none, view, rendition, first, static_cast<std::size_t>(media - segments.begin()));
  if (!source) return std::unexpected(source.error());
  const auto frame = (*source)->peek();
  if (!frame) return std::unexpected(frame.error());
  if (*frame == nullptr) return {};
  sample.time_ns = segment.start_ns - program.start_ns;
  sample.data = (*frame)->frame.data;
  return writer.add(sample);
}

SegmentStream::SegmentStream(std::shared_ptr<Presentation::Feed> feed, std::shared_ptr<const OpenedRecording> of,
                             std::int64_t zero_ns, const Presentation::Piece& piece,
                             std::unique_ptr<SegmentWriter> writer, std::unique_ptr<TrackFrames> source)
    : feed_(std::move(feed)),
      of_(std::move(of)),
      zero_ns_(zero_ns),
      piece_(piece),
      writer_(std::move(writer)),
      source_(std::move(source)) {}

SegmentStream::~SegmentStream() = default;

std::uint64_t SegmentStream::bytes() const noexcept {
  return piece_.bytes;
}

Result<bool> SegmentStream::next(ByteSink& out) {
  const auto part = [&] { return piece_.fragment + ++parts_; };
  while (source_ != nullptr && frames_ < piece_.frames) {
    const auto frame = source_->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) break;
    Sample sample;
    const std::int64_t time_ns = frames_ == 0 ? std::min((*frame)->time_ns, piece_.begin_ns) : (*frame)->time_ns;
    sample.time_ns = std::max<std::int64_t>(time_ns - zero_ns_, 0);
    sample.duration_ns = (*frame)->duration_ns;
    sample.keyframe = (*frame)->frame.kind == FrameKind::key;
    sample.discardable = (*frame)->frame.discardable;
    sample.data = (*frame)->frame.data;
    if (auto added = writer_->add(sample); !added) return std::unexpected(added.error());
    source_->pop();
    ++frames_;
    if (writer_->waiting() < kPartBytes) continue;
    if (auto written = writer_->write_part(part(), out); !written) return std::unexpected(written.error());
    return true;
  }
  if (auto written = writer_->finish(part(), piece_.end_ns - zero_ns_, out); !written)
    return std::unexpected(written.error());
  if (source_ != nullptr && frames_ == piece_.frames) {
    const std::lock_guard lock(feed_->mutex);
    feed_->source = std::move(source_);
    feed_->of = of_;
    feed_->at_segment = piece_.number + (piece_.ends_segment ? 1 : 0);
    feed_->at_frame = piece_.ends_segment ? 0 : piece_.first_frame + piece_.frames;
  }
  return false;
}

Result<void> SegmentStream::all(ByteSink& out) {
  for (;;) {
    const auto more = next(out);
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
  }
}

}  // namespace rtpx
