#include "mux/matroska_writer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "mux/date.hpp"
#include "mux/matroska_ids.hpp"
#include "mux/parameter_sets.hpp"
#include "mux/payload.hpp"
#include "rtpx/version.hpp"

namespace rtpx {
namespace {

using namespace matroska;

constexpr std::int64_t kMillisecond = 1'000'000;  // TimestampScale; WebM asks for it
constexpr std::int64_t kClusterMs = 5'000;        // WebM container guidelines
constexpr std::int64_t kMatroskaHoleNs = 200'000'000, kLongestWaitNs = 500'000'000;
constexpr std::size_t kMostAudioWaiting = 8U << 20;  // bytes
constexpr std::int64_t kVideoCueMs = 500, kAudioCueMs = 2'500;
constexpr std::uint64_t kMostCuePoints = 100'000;
constexpr std::uint64_t kCueSize = 24;  // a CuePoint of a file below 1 TiB and 34 years
constexpr unsigned kSizeWidth = 4;      // of clusters and cues: below 256 MiB
constexpr std::size_t kBlockHead = 64;  // more than any block or group spends beside its frame
constexpr unsigned kDurationWidth = 4;  // of a BlockDuration: 49 days
constexpr std::size_t kSeekSize = 21;   // of a Seek with a position of 8 bytes

ebml::Writer ebml_header(Format format) {
  ebml::Writer children, out;
  children.uint(kEbmlVersion, 1);
  children.uint(kEbmlReadVersion, 1);
  children.uint(kEbmlMaxIdLength, 4);
  children.uint(kEbmlMaxSizeLength, 8);
  children.text(kDocType, format == Format::webm ? "webm" : "matroska");
  children.uint(kDocTypeVersion, 4);
  children.uint(kDocTypeReadVersion, 2);
  out.master(kEbml, children);
  return out;
}

// The caller patches Duration's value, the last 8 bytes.
ebml::Writer segment_info(const MuxHints& hints) {
  const std::string application = std::string("rtpx ") + version();
  ebml::Writer info;
  info.uint(kTimestampScale, kMillisecond);
  info.text(kMuxingApp, application);
  info.text(kWritingApp, application);
  if (!hints.title.empty()) info.text(kTitle, hints.title);
  if (const auto date = nanoseconds_since_2001(hints.date_utc)) info.sint(kDateUtc, *date);
  info.float64(kDuration, 0);
  return info;
}

/// RFC 9559 section 5.1.8, of the whole segment.
ebml::Writer tags_of(const MuxHints& hints) {
  ebml::Writer out, tag, tags;
  if (hints.tags.empty()) return out;
  tag.master(kTargets, {});
  for (const auto& [name, value] : hints.tags) {
    ebml::Writer simple;
    simple.text(kTagName, name);
    simple.text(kTagString, value);
    tag.master(kSimpleTag, simple);
  }
  tags.master(kTag, tag);
  out.master(kTags, tags);
  return out;
}

void write_seek(ebml::Writer& out, std::uint32_t element, std::uint64_t position) {
  std::array<std::byte, 4> id;
  std::array<std::byte, 8> at;
  store_be(id.data(), element);
  store_be(at.data(), position);
  ebml::Writer seek;
  seek.binary(kSeekId, id);
  seek.binary(kSeekPosition, at);
  out.master(kSeek, seek);
}

std::int64_t to_ms(std::int64_t ns) noexcept {
  return (ns + kMillisecond / 2) / kMillisecond;
}

}  // namespace

Result<std::unique_ptr<Muxer>> MatroskaWriter::open(Format format, const std::filesystem::path& path,
                                                    const std::vector<OutputTrack>& tracks,
                                                    const MuxHints& hints, FileSystem& files) {
  auto writer = std::make_unique<MatroskaWriter>();
  auto file = PublishedFile::create(path, files);
  if (!file) return std::unexpected(file.error());
  writer->out_ = std::move(*file);
  if (auto written = writer->write_head(format, tracks, hints); !written)
    return std::unexpected(written.error());
  return writer;
}

std::uint64_t MatroskaWriter::room_for_cues(const MuxHints& hints) const {
  const auto milliseconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(hints.duration_ns, 0) / kMillisecond);
  std::uint64_t points = 0;
  if (has_video_) {
    points = hints.cue_points;
    if (milliseconds > 0) points = std::min(points, tracks_.size() * (milliseconds / kVideoCueMs + 2));
  } else if (milliseconds > 0) {
    points = milliseconds / kAudioCueMs + 2;
  }
  points = std::min(points, kMostCuePoints);  // whatever length a damaged clock claims; more go to the end
  return points == 0 ? 0 : 4 + 8 + points * kCueSize;
}

Result<ebml::Writer> MatroskaWriter::track_list() {
  ebml::Writer entries, list;
  std::uint64_t number = 0;
  for (Track& track : tracks_) {
    const auto known = write_track_entry(entries, track.output, ++number);
    if (!known)
      return std::unexpected(Error{known.error().code, out_->path().string() + ": " + known.error().message});
    static_cast<MatroskaTrack&>(track) = *known;
    has_video_ = has_video_ || is_video(known->codec);
  }
  list.master(kTracks, entries);
  return list;
}

Result<void> MatroskaWriter::write_head(Format format, const std::vector<OutputTrack>& tracks,
                                        const MuxHints& hints) {
  for (const OutputTrack& track : tracks) tracks_.push_back({{}, track});
  const auto list = track_list();
  if (!list) return std::unexpected(list.error());
  ebml::Writer head = ebml_header(format), info, seeks;
  info.master(kInfo, segment_info(hints));
  head.id(kSegment);
  head.data_size(0, 8);  // patched
  segment_at_ = head.size();

  chapters_ = hints.chapters;
  const std::uint64_t seek_bytes = (chapters_.empty() ? 3 : 4) * kSeekSize;
  const std::uint64_t info_at = 4 + 1 + seek_bytes;
  const ebml::Writer tags = tags_of(hints);
  tracks_at_ = info_at + info.size() + tags.size();
  cues_at_ = tracks_at_ + list->size();
  cues_room_ = room_for_cues(hints);
  write_seek(seeks, kInfo, info_at);
  write_seek(seeks, kTracks, tracks_at_);
  write_seek(seeks, kCues, cues_at_);
  if (!chapters_.empty()) seeks.void_element(kSeekSize);  // which have no place yet
  head.master(kSeekHead, seeks);
  chapter_seek_at_ = head.size() - kSeekSize;
  cue_seek_at_ = chapters_.empty() ? chapter_seek_at_ : chapter_seek_at_ - kSeekSize;
  head.raw(info.bytes());
  duration_at_ = head.size() - 8;
  head.raw(tags.bytes());
  head.raw(list->bytes());
  if (auto written = out_->append(head.bytes()); !written || cues_room_ == 0) return written;
  ebml::Writer room;
  room.void_element(cues_room_);
  return out_->append(room.bytes());
}

Result<void> MatroskaWriter::begin_cluster(std::int64_t time_ms) {
  cluster_at_ = out_->position();
  ebml::Writer head;
  head.id(kCluster);
  head.data_size(0, kSizeWidth);  // patched
  head.uint(kTimestamp, static_cast<std::uint64_t>(time_ms));
  in_cluster_ = true;
  cluster_has_blocks_ = false;
  cluster_ms_ = time_ms;
  return out_->append(head.bytes());
}

// A cluster lies in the output buffer whole, unless one frame fills more than that.
void MatroskaWriter::end_cluster() {
  if (!in_cluster_) return;
  in_cluster_ = false;
  std::array<std::byte, kSizeWidth> size;
  ebml::store_size(size.data(), out_->position() - cluster_at_ - 4 - kSizeWidth, kSizeWidth);
  (void)out_->patch(cluster_at_ + 4, size);  // a failure is the file's, which reports it again
}

bool MatroskaWriter::needs_cluster(const Sample& sample, std::int64_t time_ms, std::size_t size) const {
  if (!in_cluster_) return true;
  if (!cluster_has_blocks_) return false;
  if (sample.keyframe && is_video(tracks_[sample.track].codec)) return true;
  const std::int64_t relative = time_ms - cluster_ms_;
  return relative > kClusterMs || relative < INT16_MIN || size > out_->room() ||
         out_->position() - cluster_at_ > PublishedFile::kBuffer;
}

void MatroskaWriter::note_cue(const Sample& sample, std::int64_t time_ms) {
  Track& track = tracks_[sample.track];
  const bool video = is_video(track.codec);
  if (cluster_has_blocks_ || video != has_video_ || (video && !sample.keyframe)) return;
  if (time_ms - track.last_cue_ms < (video ? kVideoCueMs : kAudioCueMs)) return;
  track.last_cue_ms = time_ms;
  cues_.push_back({time_ms, (cluster_at_ - segment_at_) << 8 | (sample.track + 1)});
}

std::int64_t MatroskaWriter::end_ns() const {
  std::int64_t end = 0;
  for (const Track& track : tracks_) end = std::max(end, track.end.end_ns() - track.codec_delay_ns);
  return end;
}

// `duration_ns` where the block has to say it; its value's place is the last in the file then, but for
// DiscardPadding.
Result<void> MatroskaWriter::write_block(const Sample& sample, std::optional<std::int64_t> duration_ns) {
  Track& track = tracks_[sample.track];
  const std::int64_t time_ms = to_ms(sample.time_ns);
  const bool key = sample.keyframe || !is_video(track.codec);
  const bool group = sample.discard_ns > 0 || duration_ns;
  const std::size_t block = 4 + sample.data.size();

  std::array<std::byte, 4> place;  // track number, time in the cluster, flags
  place[0] = static_cast<std::byte>(0x80 | (sample.track + 1));
  store_be(place.data() + 1, static_cast<std::int16_t>(time_ms - cluster_ms_));
  place[3] = static_cast<std::byte>((key && !group ? 0x80 : 0) | (sample.discardable && !group ? 1 : 0));

  if (group) {
    ebml::Writer head, tail;
    if (sample.discard_ns > 0) tail.sint(kDiscardPadding, sample.discard_ns);
    if (!key) tail.sint(kReferenceBlock, -to_ms(std::max<std::int64_t>(track.end.step_ns(), kMillisecond)));
    if (duration_ns)
      tail.uint(kBlockDuration, static_cast<std::uint64_t>(to_ms(*duration_ns)), kDurationWidth);
    head.id(kBlockGroup);
    head.data_size(1 + ebml::size_width(block) + block + tail.size());
    head.id(kBlock);
    head.data_size(block);
    head.raw(place);
    for (const Bytes part : {head.bytes(), sample.data, tail.bytes()})
      if (auto written = out_->append(part); !written) return written;
    return {};
  }
  std::array<std::byte, 13> head;
  const unsigned width = ebml::size_width(block);
  head[0] = static_cast<std::byte>(kSimpleBlock);
  ebml::store_size(head.data() + 1, block, width);
  std::memcpy(head.data() + 1 + width, place.data(), place.size());
  if (auto written = out_->append(Bytes(head).first(1 + width + place.size())); !written) return written;
  return out_->append(sample.data);
}

Result<void> MatroskaWriter::write(const Sample& sample) {
  if (sample.track >= tracks_.size() || sample.time_ns < 0)
    return fail(Errc::invalid_argument, out_->path().string() + ": a sample of track " +
                                            std::to_string(sample.track) + " at " +
                                            std::to_string(sample.time_ns) + " ns has no place in the file");
  Track& track = tracks_[sample.track];
  std::vector<std::byte> prefix;
  if (sample.new_config != nullptr) {
    StreamConfig& largest = track.output.config;
    track.grew =
        track.grew || sample.new_config->width > largest.width || sample.new_config->height > largest.height;
    largest.width = std::max(largest.width, sample.new_config->width);
    largest.height = std::max(largest.height, sample.new_config->height);
    if (!sample.new_config->codec_private.empty()) {
      auto sets = missing_parameter_sets(track.codec, sample.new_config->codec_private, sample.data);
      if (!sets)
        return std::unexpected(Error{sets.error().code, out_->path().string() + ": " + sets.error().message});
      prefix = std::move(*sets);
    }
  }
  if (auto closed = close_duration(track, sample.time_ns); !closed) return closed;
  if (auto held = hold(sample, prefix); !held) return held;
  return write_ready(sample.time_ns);
}

Result<void> MatroskaWriter::hold(const Sample& sample, Bytes prefix) {
  Track& track = tracks_[sample.track];
  if (track.waiting != nullptr) track.waiting->next_ns = sample.time_ns;
  const Bytes data = track.codec == CodecId::av1 ? without_temporal_delimiter(sample.data) : sample.data;
  if (spare_.empty()) spare_.emplace_back();
  waiting_.splice(waiting_.end(), spare_, spare_.begin());
  Waiting& made = waiting_.back();
  made.sample = sample;
  made.next_ns.reset();
  if (sample.owner != nullptr && prefix.empty() && data.size() == sample.data.size()) {
    made.data.swap(*sample.owner);
  } else {
    made.data.assign(prefix.begin(), prefix.end());
    made.data.insert(made.data.end(), data.begin(), data.end());
  }
  made.sample.data = made.data;
  waiting_bytes_ += made.data.size();
  track.waiting = &made;
  return {};
}

Result<void> MatroskaWriter::write_ready(std::int64_t now_ns) {
  while (!waiting_.empty()) {
    Waiting& front = waiting_.front();
    if (!front.next_ns && now_ns - front.sample.time_ns <= kLongestWaitNs &&
        waiting_bytes_ <= kMostAudioWaiting)
      break;
    Track& track = tracks_[front.sample.track];
    if (track.waiting == &front) track.waiting = nullptr;
    if (auto written = write_waiting(front); !written) return written;
    waiting_bytes_ -= front.data.size();
    spare_.splice(spare_.begin(), waiting_, waiting_.begin());
  }
  return {};
}

// A picture that is shown through a pause says so, and so does the last sample of a track. Where the next one
// has not come, what follows is a pause or the end: the number is put right later.
std::optional<std::int64_t> MatroskaWriter::told_duration(const Waiting& waiting) const {
  const Track& track = tracks_[waiting.sample.track];
  const Sample& sample = waiting.sample;
  if (!is_video(track.codec)) {
    const bool told = sample.duration_ns > 0 && (!waiting.next_ns || sample.discard_ns > 0);
    return told ? std::optional(sample.duration_ns) : std::nullopt;
  }
  if (!waiting.next_ns)
    return std::max(sample.duration_ns > 0 ? sample.duration_ns : track.end.last_length_ns(), kMillisecond);
  const std::int64_t step = *waiting.next_ns - sample.time_ns;
  return step > kMatroskaHoleNs ? std::optional(step) : std::nullopt;
}

Result<void> MatroskaWriter::close_duration(Track& track, std::int64_t next_ns) {
  const std::uint64_t at = std::exchange(track.open_duration_at, 0);
  if (at == 0 || next_ns <= track.open_since_ns) return {};
  std::array<std::byte, kDurationWidth> value;
  store_be(value.data(), static_cast<std::uint32_t>(to_ms(next_ns - track.open_since_ns)));
  return out_->patch(at, value);
}

Result<void> MatroskaWriter::write_waiting(const Waiting& next) {
  const Sample& sample = next.sample;
  const std::int64_t time_ms = to_ms(sample.time_ns);
  if (needs_cluster(sample, time_ms, sample.data.size() + kBlockHead)) {
    end_cluster();
    if (auto written = out_->write_blocks(); !written) return written;
    if (auto begun = begin_cluster(time_ms); !begun) return begun;
  }
  note_cue(sample, time_ms);
  Track& track = tracks_[sample.track];
  track.end.add(sample.time_ns, sample.duration_ns > 0
                                    ? std::max<std::int64_t>(sample.duration_ns - sample.discard_ns, 1)
                                    : 0);
  cluster_has_blocks_ = true;
  const auto duration_ns = told_duration(next);
  if (auto written = write_block(sample, duration_ns); !written) return written;
  if (is_video(track.codec) && !next.next_ns) {
    track.open_duration_at = out_->position() - kDurationWidth;
    track.open_since_ns = sample.time_ns;
  }
  return {};
}

Result<void> MatroskaWriter::patch_seek(std::uint64_t cues_at) {
  ebml::Writer seek;
  if (cues_.empty())
    seek.void_element(kSeekSize);
  else
    write_seek(seek, kCues, cues_at);
  return out_->patch(cue_seek_at_, seek.bytes());
}

Result<void> MatroskaWriter::write_cues() {
  ebml::Writer points;
  for (const Cue& cue : cues_) {
    ebml::Writer place, point;
    place.uint(kCueTrack, cue.packed & 0xFF);
    place.uint(kCueClusterPosition, cue.packed >> 8);
    point.uint(kCueTime, static_cast<std::uint64_t>(cue.time_ms));
    point.master(kCueTrackPositions, place);
    points.master(kCuePoint, point);
  }
  if (cues_.empty()) return patch_seek(0);

  ebml::Writer cues;
  cues.id(kCues);
  cues.data_size(points.size(), kSizeWidth);
  cues.raw(points.bytes());
  if (cues.size() > cues_room_) {  // more keyframes than were announced
    if (auto patched = patch_seek(out_->position() - segment_at_); !patched) return patched;
    return out_->append(cues.bytes());
  }
  if (cues_room_ - cues.size() == 1) {  // too little for a Void
    cues = {};
    cues.id(kCues);
    cues.data_size(points.size(), kSizeWidth + 1);
    cues.raw(points.bytes());
  }
  if (cues.size() < cues_room_) cues.void_element(cues_room_ - cues.size());
  return out_->patch(segment_at_ + cues_at_, cues.bytes());
}

// RFC 9559 section 5.1.7; each ends where the next one begins.
Result<void> MatroskaWriter::write_chapters() {
  std::erase_if(chapters_, [end = end_ns()](const Chapter& chapter) { return chapter.start_ns >= end; });
  if (chapters_.empty()) return {};
  ebml::Writer atoms, edition, chapters, seek;
  std::uint64_t uid = 0;
  for (const Chapter& chapter : chapters_) {
    ebml::Writer display, atom;
    display.text(kChapString, chapter.text);
    display.text(kChapLanguage, "und");
    atom.uint(kChapterUid, ++uid);
    atom.uint(kChapterTimeStart, static_cast<std::uint64_t>(chapter.start_ns));
    atom.master(kChapterDisplay, display);
    atoms.master(kChapterAtom, atom);
  }
  edition.master(kEditionEntry, atoms);
  chapters.master(kChapters, edition);
  write_seek(seek, kChapters, out_->position() - segment_at_);
  if (auto patched = out_->patch(chapter_seek_at_, seek.bytes()); !patched) return patched;
  return out_->append(chapters.bytes());
}

Result<void> MatroskaWriter::finish() {
  if (auto written = write_ready(INT64_MAX); !written) return written;
  end_cluster();
  if (std::ranges::any_of(tracks_, &Track::grew)) {
    const auto list = track_list();
    if (!list) return std::unexpected(list.error());
    if (auto patched = out_->patch(segment_at_ + tracks_at_, list->bytes()); !patched) return patched;
  }
  if (auto written = write_cues(); !written) return written;
  if (auto written = write_chapters(); !written) return written;
  std::array<std::byte, 8> field;
  store_be(field.data(), std::bit_cast<std::uint64_t>(static_cast<double>(end_ns()) / kMillisecond));
  if (auto written = out_->patch(duration_at_, field); !written) return written;
  ebml::store_size(field.data(), out_->position() - segment_at_, 8);
  if (auto written = out_->patch(segment_at_ - 8, field); !written) return written;
  return out_->publish();
}

}  // namespace rtpx
