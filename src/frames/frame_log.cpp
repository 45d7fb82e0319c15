#include "frames/frame_log.hpp"

#include <algorithm>
#include <string_view>

#include "e2ee/key_indexes.hpp"
#include "packets/limits.hpp"

namespace rtpx {
namespace {

constexpr double kFreezeMs = 500;

template <typename Entry>
void list(std::vector<Entry>& entries, Entry entry) {
  if (entries.size() < kMaxListed) entries.push_back(std::move(entry));
}

}  // namespace

void FrameLog::wrote(const PlacedFrame& frame) {
  if (frame.filler) {
    ++filled_;
    return;
  }
  ++frames_;
  if (frame.frame.kind == FrameKind::key) ++keyframes_;
  if (!first_config_ && frame.config != nullptr) first_config_ = *frame.config;
}

void FrameLog::dropped(double time_ms, const char* reason, const char* detail) {
  ++dropped_count_;
  const std::string_view why = reason;
  if (why == "incomplete" || why == "malformed" || why == "reference_lost" || why == "encrypted")
    ++incomplete_;
  list(dropped_, {time_ms, reason, detail});
}

void FrameLog::damaged(double time_ms, const char* detail) {
  ++damaged_count_;
  list(damaged_, {time_ms, "reference_lost", detail});
}

void FrameLog::changed(double time_ms, const char* what, std::string from, std::string to) {
  list(changes_, {time_ms, what, std::move(from), std::move(to)});
}

// One entry for frames in a row to which the same happened. Layer frames of one picture count as one.
void FrameLog::encryption(double time_ms, ReportEncryption what) {
  encrypted_ = encrypted_ || what.state != "plain";
  const bool goes_on = !encryption_.empty() && encryption_.back().state == what.state &&
                       encryption_.back().format == what.format && encryption_.back().key == what.key &&
                       encryption_.back().ratchets == what.ratchets;
  if (!goes_on) {
    what.start_ms = what.end_ms = time_ms;
    what.frames = 1;
    list(encryption_, std::move(what));
    return;
  }
  ReportEncryption& span = encryption_.back();
  if (time_ms != span.end_ms) ++span.frames;
  span.start_ms = std::min(span.start_ms, time_ms);
  span.end_ms = std::max(span.end_ms, time_ms);
  for (const std::uint64_t index : what.key_indexes) note_key_index(span.key_indexes, index);
}

void FrameLog::picture(const PlacedFrame& frame, bool lost) {
  loss_since_clean_ = loss_since_clean_ || lost;
  last_ms_ = static_cast<double>(frame.time_ns) / 1e6;
  if (frame.frame.reference_lost) return;
  if (const auto freeze = freeze_until(last_ms_)) list(freezes_, *freeze);
  last_clean_ms_ = last_ms_;
  loss_since_clean_ = false;
}

std::optional<ReportGap> FrameLog::freeze_until(double time_ms) const {
  if (!last_clean_ms_ || time_ms - *last_clean_ms_ <= kFreezeMs) return std::nullopt;
  return ReportGap{loss_since_clean_ ? ReportGap::Kind::loss : ReportGap::Kind::pause, *last_clean_ms_,
                   time_ms - *last_clean_ms_, 0};
}

void FrameLog::report(TrackReport& report) const {
  report.frames = frames_;
  report.keyframes = keyframes_;
  report.filled_frames = filled_;
  report.dropped_count = dropped_count_;
  report.damaged_count = damaged_count_;
  report.dropped = dropped_;
  report.damaged = damaged_;
  report.freezes = freezes_;
  if (const auto freeze = freeze_until(last_ms_)) list(report.freezes, *freeze);  // it never ended
  report.changes = changes_;
  if (encrypted_) report.encryption = encryption_;
  if (!first_config_) return;
  report.width = first_config_->width;
  report.height = first_config_->height;
  report.sample_rate = first_config_->sample_rate;
  report.channels = first_config_->channels;
}

}  // namespace rtpx
