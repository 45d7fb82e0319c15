#include "compose/open_call.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>

#include "frames/layer_frames.hpp"
#include "packets/packet_cursor.hpp"
#include "report/read_layer.hpp"
#include "report/reception_notes.hpp"
#include "report/track_report.hpp"
#include "timeline/samples.hpp"

namespace rtpx::film {
namespace {

constexpr const char* kAudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
constexpr const char* kContentType = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type";
constexpr std::int64_t kOneSecondNs = 1'000'000'000;
constexpr std::int64_t kCameraOffNs = 3 * kOneSecondNs;  // without a picture
constexpr std::int64_t kHoldNs = kOneSecondNs / 10;      // a last picture may make the call so much longer
constexpr std::int64_t kLongestNs = 24 * 3'600 * kOneSecondNs;
constexpr std::int64_t kAheadNs = 60 * kOneSecondNs;  // that a sender's clock may run ahead of the recorder's
constexpr std::int64_t kAtJoiningNs = kOneSecondNs / 2;
constexpr std::int64_t kAtLeavingNs = kOneSecondNs;
constexpr std::size_t kMostParticipants = 100;
constexpr std::size_t kMostSpans = 2'000;  // of a track
constexpr std::size_t kPacketsPerLook = 4'096;

std::optional<std::uint8_t> extension_of(const PlacedLayer& layer, const char* uri) {
  const auto& ids = layer.track->files.track.header_extensions;
  const auto found = ids.find(uri);
  if (found == ids.end()) return std::nullopt;
  return found->second;
}

std::int64_t recorded_until_ns(const PlacedLayer& layer) {
  return static_cast<std::int64_t>(
      (static_cast<double>(layer.layer->last_receive_ms) - layer.zero_receive_ms) * 1e6);
}

/// Until when a layer's media are believed: no further than its packets came, and a little.
std::int64_t end_of_layer(const PlacedLayer& layer) {
  return std::clamp<std::int64_t>(end_of(layer), 0,
                                  std::max<std::int64_t>(recorded_until_ns(layer), 0) + kAheadNs);
}

/// How long the last packet of a layer of sound plays: as it says itself, else as the others of its source.
std::int64_t last_packet_ns(const PlacedLayer& layer, std::int64_t told_ns) {
  constexpr std::int64_t kUsualPacketNs = kOneSecondNs / 50, kLongestPacketNs = kOneSecondNs;
  if (told_ns > 0) return std::min(told_ns, kLongestPacketNs);
  const SegmentClock::Samples& samples = layer.layer->segments.back()->clock.samples();
  const auto others_ns = static_cast<std::int64_t>(static_cast<double>(samples.typical_ticks) * samples.ns_per_tick);
  return others_ns > 0 ? std::min(others_ns, kLongestPacketNs) : kUsualPacketNs;
}

std::int64_t area_of(const PlacedLayer* layer) {
  return layer->layer->largest.area();
}

/// Pictures of a track that follow each other without a long gap.
struct Stretch {
  std::int64_t from_ns = 0, last_ns = 0;  // the first and the last picture
  std::int64_t step_ns = 0;               // between the last two; 0: there is one only
  std::int64_t longest_step_ns = 0;
};

/// Puts pictures of a layer together into stretches.
class StretchMaker {
 public:
  void add(std::int64_t time_ns) {
    const std::int64_t step_ns = out_.empty() ? INT64_MAX : time_ns - out_.back().last_ns;
    if (step_ns > kCameraOffNs && out_.size() < kMostSpans) {
      out_.push_back({time_ns, time_ns, 0, 0});
    } else if (step_ns > 0) {
      Stretch& last = out_.back();
      last.last_ns = time_ns;
      last.step_ns = std::min(step_ns, kCameraOffNs);
      last.longest_step_ns = std::max(last.longest_step_ns, last.step_ns);
    }
  }
  [[nodiscard]] std::vector<Stretch> take() { return std::move(out_); }

 private:
  std::vector<Stretch> out_;
};

/// How long the last picture of a stretch stands if nobody knows more: as the one before it. Of a single one nothing is
/// known but that a camera which sends no other is off.
std::int64_t step_of(const Stretch& stretch) {
  return stretch.step_ns > 0 ? stretch.step_ns : kCameraOffNs;
}

/// All layers show the same: what one goes on with is one stretch.
std::vector<Stretch> joined_layers(std::vector<Stretch> all) {
  std::ranges::sort(all, {}, &Stretch::from_ns);
  std::vector<Stretch> out;
  for (const Stretch& next : all) {
    if (out.empty() || next.from_ns > out.back().last_ns + step_of(out.back())) {
      out.push_back(next);
      continue;
    }
    Stretch& one = out.back();
    if (one.step_ns == 0 || (next.step_ns > 0 && next.last_ns > one.last_ns)) {
      one.step_ns = next.step_ns;
      one.longest_step_ns = next.longest_step_ns;
    }
    one.last_ns = std::max(one.last_ns, next.last_ns);
  }
  return out;
}

/// A screen on which nothing moves sends nothing: it is there from its first picture to its last, and that one stands as
/// long as another one has stood.
void join_as_screen(std::vector<Stretch>& stretches) {
  if (stretches.empty()) return;
  Stretch whole = stretches.back();
  whole.from_ns = stretches.front().from_ns;
  whole.step_ns = stretches.size() > 1 ? kCameraOffNs : whole.longest_step_ns;
  stretches = {whole};
}

Spans clipped(Spans spans, const Span& within) {
  for (Span& span : spans)
    span = {std::max(span.from_ns, within.from_ns), std::min(span.to_ns, within.to_ns)};
  std::erase_if(spans, [](const Span& span) { return span.to_ns <= span.from_ns; });
  return spans;
}

}  // namespace

bool is_machine_made(const std::string& id) {
  std::size_t digits = 0;
  for (const char c : id) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
      ++digits;
    else if (c != '-' && c != '{' && c != '}')
      return false;
  }
  return digits >= 32;
}

bool names_a_screen(const std::vector<std::string>& streams, const std::string& id) {
  const auto says = [](std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return text.find("screen") != std::string::npos || text.find("presentation") != std::string::npos;
  };
  return says(id) || std::ranges::any_of(streams, says);
}

void OpenCall::note(ConvertNote::Severity severity, std::string track, std::string message) {
  notes_.push_back({severity, std::move(track), std::move(message)});
}

void OpenCall::note(std::vector<ConvertNote> notes) {
  std::ranges::move(notes, std::back_inserter(notes_));
}

Result<std::unique_ptr<OpenCall>> OpenCall::open(const std::vector<std::string>& recordings,
                                                 const OpenCallOptions& options) {
  if (recordings.empty()) return fail(Errc::invalid_argument, "no recording was named");
  std::unique_ptr<OpenCall> call(new OpenCall());
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    const auto progress = [&](double fraction) {
      if (options.progress)
        options.progress((static_cast<double>(i) + fraction) / static_cast<double>(recordings.size()));
    };
    if (auto scanned = call->scan(recordings[i], options, progress); !scanned)
      return std::unexpected(scanned.error());
  }
  call->join_clocks();
  if (auto added = call->add_tracks(options); !added) return std::unexpected(added.error());
  if (call->call_.participants.empty()) {
    std::string why;
    for (const ConvertNote& one : call->notes_)
      if (one.severity == ConvertNote::Severity::skipped) why += "\n" + one.message;
    return fail(Errc::nothing_to_convert,
                "no track of " + recordings.front() + " holds media that can be composed" + why);
  }
  call->find_turns();
  return call;
}

Result<void> OpenCall::scan(const std::string& name, const OpenCallOptions& options,
                            const std::function<void(double)>& progress) {
  // Files of two recordings have the same names.
  const auto downloads =
      opened_.empty() ? options.download_path : options.download_path / std::to_string(opened_.size() + 1);
  auto found = find_recording(name, downloads, options.downloader.get(), Outside::refused, options.identities,
                              Reading::whole);
  if (!found) return std::unexpected(found.error());
  Opened& opened = opened_.emplace_back();
  opened.name = name;
  opened.recording = std::move(*found);
  opened.spill = std::make_unique<SpillFile>(options.work_folder);
  auto scanned = scan_recording(opened.recording, *opened.spill, options.stop, progress);
  if (!scanned) return std::unexpected(scanned.error());
  opened.scanned = std::move(*scanned);
  note(reception_notes(*opened.recording.source, opened.recording.folder));
  for (const TrackScan& track : opened.scanned.tracks) note(notes_of(track, opened.scanned.zero_receive_ms));
  return {};
}

// What all know of how far their clocks were from one that they share. Some of them on it would be worse than none.
void OpenCall::correct_clocks() {
  const bool all_know =
      std::ranges::all_of(opened_, [](const Opened& one) { return one.recording.clock && one.scanned.started; });
  if (!all_know) {
    if (opened_.size() > 1)
      note(ConvertNote::Severity::info, "",
           "not all recordings say how far the clocks of their machines were from a common one: they are taken as they are");
    return;
  }
  std::int64_t worst_us = 0, next_us = 0;  // these two, compared
  for (Opened& one : opened_) {
    *one.scanned.started += std::chrono::microseconds(one.recording.clock->offset_us);
    const std::int64_t error_us = one.recording.clock->error_us;
    next_us = std::max(next_us, std::min(worst_us, error_us));
    worst_us = std::max(worst_us, error_us);
  }
  if (opened_.size() > 1)
    note(ConvertNote::Severity::info, "",
         "the recordings' clocks are corrected by how far they were from their fleet's; what is left is at most " +
             std::to_string((worst_us + next_us + 999) / 1000) + " ms");
}

// The earliest recording's zero is the film's.
void OpenCall::join_clocks() {
  std::erase_if(opened_, [](const Opened& one) { return one.scanned.layers.empty(); });
  correct_clocks();
  for (const Opened& one : opened_)
    if (one.scanned.started && (!started_ || *one.scanned.started < *started_))
      started_ = one.scanned.started;
  for (Opened& one : opened_) {
    if (opened_.size() == 1) return;
    if (!one.scanned.started) {
      note(ConvertNote::Severity::info, "",
           one.recording.name + " does not say what time it was: it is taken to begin with the others");
      continue;
    }
    const std::int64_t offset_us = (*one.scanned.started - *started_).count();
    if (offset_us > kLongestNs / 1'000) {
      note(ConvertNote::Severity::skipped, "",
           one.recording.name + " began more than 24 hours after the others: it is left out");
      one.scanned.layers.clear();
      continue;
    }
    one.offset_ns = offset_us * 1'000;
  }
}

Result<void> OpenCall::add_tracks(const OpenCallOptions& options) {
  std::map<std::pair<const Opened*, std::string>, std::size_t> known;
  std::vector<Standing> standing;
  for (const Opened& opened : opened_) {
    std::map<const TrackScan*, TrackSource> tracks;
    std::vector<const TrackScan*> order;
    for (const PlacedLayer& layer : opened.scanned.layers) {
      TrackSource& source = tracks[layer.track];
      if (source.layers.empty()) order.push_back(layer.track);
      source.layers.push_back(&layer);
    }
    for (const TrackScan* track : order) {
      TrackSource& source = tracks[track];
      source.id = track->files.track_id;
      source.kind = track->files.track.kind;
      source.spill = opened.spill.get();
      source.offset_ns = opened.offset_ns;
      source.e2ee_keys = options.e2ee_keys;
      std::ranges::stable_sort(source.layers, {}, area_of);
      const auto& streams = track->files.track.streams;
      const std::string id =
          track->files.track.participant.value_or(streams.empty() ? source.id : streams.front());
      const std::string& name = track->files.participant_name.empty() ? id : track->files.participant_name;
      const auto [at, is_new] = known.try_emplace({&opened, id}, call_.participants.size());
      if (is_new && call_.participants.size() == kMostParticipants) {
        note(ConvertNote::Severity::skipped, source.id,
             "track " + source.id + ": there are more than " + std::to_string(kMostParticipants) +
                 " participants; it is left out");
        known.erase(at);
        continue;
      }
      if (is_new) {
        call_.participants.push_back({id, name, {INT64_MAX, 0}, {}, false, {}, {}});
        sources_.emplace_back();
        levels_.emplace_back();
      }
      const std::size_t who = at->second;
      Participant& one = call_.participants[who];
      if (std::ranges::any_of(source.layers, [](const PlacedLayer* layer) { return end_of(*layer) > end_of_layer(*layer); }))
        note(ConvertNote::Severity::loss, source.id,
             "track " + source.id + ": what is to be shown or heard more than a minute after all of it had come is left out");
      if (source.kind == MediaKind::video) {
        PictureFacts facts{source.id, false, {}};
        Standing stands{who, one.pictures.size(), {}};
        // Nobody has two cameras: what comes beside one is a screen.
        facts.screen = names_a_screen(track->files.track.streams, source.id) ||
                       std::ranges::any_of(one.pictures, [](const PictureFacts& p) { return !p.screen; });
        auto looked = look_at_picture(source, facts, stands, options);
        if (!looked && looked.error().code == Errc::cancelled) return looked;
        if (!looked)
          note(ConvertNote::Severity::skipped, source.id,
               "track " + source.id + ": " + looked.error().message);
        if (looked && !facts.shown.empty()) {
          source.screen = facts.screen;
          one.there.from_ns = std::min(one.there.from_ns, facts.shown.front().from_ns);
          one.there.to_ns = std::max(one.there.to_ns, facts.shown.back().to_ns);
          one.pictures.push_back(std::move(facts));
          sources_[who].pictures.push_back(std::move(source));
          standing.push_back(std::move(stands));
        }
      } else {
        std::int64_t last_ns = 0;  // how long the last packet says that it is
        auto looked = look_at_sound(source, levels_[who], last_ns, options.stop);
        if (!looked && looked.error().code == Errc::cancelled) return std::unexpected(looked.error());
        if (!looked)
          note(ConvertNote::Severity::skipped, source.id,
               "track " + source.id + ": " + looked.error().message);
        if (looked && *looked) {
          const PlacedLayer& layer = *source.layers.front();
          const std::int64_t from = std::max<std::int64_t>(start_of(layer), 0) + source.offset_ns;
          const std::int64_t to =
              std::max(end_of_layer(layer) + source.offset_ns, from) + last_packet_ns(layer, last_ns);
          one.sound = true;
          one.there.from_ns = std::min(one.there.from_ns, from);
          one.there.to_ns = std::max(one.there.to_ns, to);
          sources_[who].sound.push_back(std::move(source));
        }
      }
    }
  }
  let_stand(standing);
  order_by_joining();
  for (Participant& one : call_.participants)
    call_.duration_ns = std::max(call_.duration_ns, one.there.to_ns);
  if (call_.duration_ns > kLongestNs) {
    note(ConvertNote::Severity::loss, "", "the call is longer than 24 hours: the film ends there");
    call_.duration_ns = kLongestNs;
    for (Participant& one : call_.participants) {
      one.there.to_ns = std::min(one.there.to_ns, kLongestNs);
      for (PictureFacts& picture : one.pictures) picture.shown = clipped(std::move(picture.shown), one.there);
    }
  }
  return {};
}

// The last picture before a gap stands for as long as it may, but until its sender has left or, where nothing else of
// him tells when that was, the call is over. It makes no call longer.
void OpenCall::let_stand(const std::vector<Standing>& standing) {
  std::int64_t end_ns = 0;
  std::vector<std::int64_t> left_ns;
  for (const Participant& one : call_.participants) {
    left_ns.push_back(one.there.to_ns);
    end_ns = std::max(end_ns, one.there.to_ns);
  }
  for (const Standing& stands : standing) {
    Participant& one = call_.participants[stands.who];
    Spans& shown = one.pictures[stands.picture].shown;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const bool goes_on = left_ns[stands.who] > shown[i].to_ns;
      const std::int64_t most_ns = goes_on ? left_ns[stands.who] : end_ns;
      shown[i].to_ns = std::max(shown[i].to_ns, std::min(stands.until_ns[i], most_ns));
    }
    one.there.to_ns = std::max(one.there.to_ns, shown.back().to_ns);
  }
}

void OpenCall::order_by_joining() {
  std::vector<std::size_t> order(call_.participants.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) {
    const Span& there = call_.participants[i].there;
    return there.to_ns <= there.from_ns;
  });
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    return std::pair(call_.participants[i].there.from_ns, call_.participants[i].id);
  });
  Call call;
  std::vector<ParticipantSources> sources;
  std::vector<Levels> levels;
  for (const std::size_t i : order) {
    call.participants.push_back(std::move(call_.participants[i]));
    sources.push_back(std::move(sources_[i]));
    levels.push_back(std::move(levels_[i]));
  }
  call_ = std::move(call);
  sources_ = std::move(sources);
  levels_ = std::move(levels);
  for (std::size_t i = 0; i < call_.participants.size(); ++i) {
    Participant& one = call_.participants[i];
    if (one.name == one.id && is_machine_made(one.id)) one.name = "Participant " + std::to_string(i + 1);
  }
}

// When there are pictures, and of what: all layers show the same.
Result<void> OpenCall::look_at_picture(const TrackSource& source, PictureFacts& facts, Standing& stands,
                                       const OpenCallOptions& options) {
  std::vector<Stretch> all;
  for (const PlacedLayer* layer : source.layers) {
    StretchMaker maker;
    auto read = read_layer(*layer, *source.spill, source.frame_options(), options.stop,
                           [&](const PlacedFrame& frame) { maker.add(frame.time_ns); });
    if (!read) return std::unexpected(read.error());
    note(std::move(read->notes));
    std::ranges::move(maker.take(), std::back_inserter(all));
    if (!facts.screen && extension_of(*layer, kContentType)) {
      auto cursor = PacketCursor::open(*layer->track, *layer->layer, *source.spill);
      if (!cursor) return std::unexpected(cursor.error());
      const std::uint8_t id = *extension_of(*layer, kContentType);
      for (std::size_t count = 0; count < 2'000 && !facts.screen; ++count) {
        const auto packet = (*cursor)->next();
        if (!packet) return std::unexpected(packet.error());
        if (*packet == nullptr) break;
        const auto value = find_extension((*packet)->packet, id);
        facts.screen = value && !value->empty() && ((*value)[0] & std::byte{1}) != std::byte{0};
      }
    }
  }
  std::int64_t end_ns = 0;
  for (const PlacedLayer* layer : source.layers) end_ns = std::max(end_ns, end_of_layer(*layer));
  all = joined_layers(std::move(all));
  std::erase_if(all, [&](const Stretch& one) { return one.from_ns > end_ns; });
  if (facts.screen) join_as_screen(all);
  for (const Stretch& one : all) {
    const std::int64_t from_ns = std::max<std::int64_t>(one.from_ns + source.offset_ns, 0);
    const std::int64_t last_ns = std::max(std::min(one.last_ns, end_ns) + source.offset_ns, from_ns);
    const std::int64_t step_ns = step_of(one);
    facts.shown.push_back({from_ns, last_ns + std::max(std::min(step_ns, kHoldNs), options.tick_ns)});
    stands.until_ns.push_back(last_ns + step_ns);
  }
  return {};
}

// How loud it is, as its packets say, and whether any of it can be heard.
Result<bool> OpenCall::look_at_sound(const TrackSource& source, Levels& levels, std::int64_t& last_ns,
                                     const std::stop_token& stop) {
  const PlacedLayer& layer = *source.layers.front();
  auto read = read_layer(layer, *source.spill, source.frame_options(), stop,
                         [&](const PlacedFrame& frame) { last_ns = frame.duration_ns; });
  if (!read) return std::unexpected(read.error());
  note(std::move(read->notes));
  if (read->report.frames == 0) return false;
  const auto id = extension_of(layer, kAudioLevel);
  auto cursor = PacketCursor::open(*layer.track, *layer.layer, *source.spill);
  if (!cursor) return std::unexpected(cursor.error());
  for (std::size_t count = 0;; ++count) {
    if (count % kPacketsPerLook == 0 && stop.stop_requested())
      return fail(Errc::cancelled, "the film was cancelled");
    const auto packet = (*cursor)->next();
    if (!packet) return std::unexpected(packet.error());
    if (*packet == nullptr) return true;
    if ((*packet)->media.role != PayloadRole::media || !id) continue;
    const auto value = find_extension((*packet)->packet, *id);
    if (!value || value->empty()) continue;
    const auto octet = static_cast<std::uint8_t>((*value)[0]);
    levels.by_header = true;
    levels.add(layer.maps[(*packet)->segment].time_ns((*packet)->timestamp) + source.offset_ns, octet & 0x7FU,
               (octet & 0x80U) != 0);
  }
}

std::int64_t OpenCall::offset_of(const std::string& name) const {
  const auto found = std::ranges::find(opened_, name, &Opened::name);
  return found == opened_.end() ? 0 : found->offset_ns;
}

std::vector<FilmMark> OpenCall::marks() const {
  std::vector<FilmMark> out;
  for (const Opened& one : opened_)
    for (const Mark& mark : one.recording.facts.marks)
      out.push_back(
          {static_cast<std::int64_t>(static_cast<double>(mark.at_ms) - one.scanned.zero_receive_ms) +
               one.offset_ns / 1'000'000,
           mark.text});
  return out;
}

bool OpenCall::needs_measuring(std::size_t participant) const {
  return call_.participants[participant].sound && !levels_[participant].by_header;
}

void OpenCall::find_turns() {
  Speech speech = find_speech(levels_);
  call_.turns = std::move(speech.turns);
  for (std::size_t i = 0; i < call_.participants.size(); ++i) {
    Participant& one = call_.participants[i];
    one.speaking = clipped(std::move(speech.speaking[i]), one.there);
    one.muted = clipped(std::move(speech.muted[i]), one.there);
    if (levels_[i].steps.empty()) continue;
    // Nothing comes after the last packet either.
    const Span after{static_cast<std::int64_t>(levels_[i].steps.size()) * Levels::kStepNs, one.there.to_ns};
    if (after.to_ns - after.from_ns >= 2 * kOneSecondNs) one.muted.push_back(after);
  }
  std::erase_if(call_.turns, [&](const Turn& turn) {
    return turn.from_ns >= call_.duration_ns || !call_.participants[turn.who].there.holds(turn.from_ns);
  });
}

}  // namespace rtpx::film
