#include "convert/conversion.hpp"

#include <algorithm>
#include <cmath>

#include "convert/track_report.hpp"
#include "mux/output_file.hpp"

namespace rtpx {
namespace {

constexpr double kScanShare = 0.4;  // of the whole, in time

bool has_video(const PlannedOutput& output) {
  return std::ranges::any_of(output.tracks, [](const PlannedTrack& track) {
    return track.layers.front()->track->files.track.kind == MediaKind::video;
  });
}

/// Removes what cannot stand for itself: of outputs whose picture failed, the audio alone is wanted only when
/// no other output of the stream has a picture.
std::string stream_key(const PlannedOutput& output) {
  return output.stream.value_or(output.id);
}

}  // namespace

Conversion::Conversion(Recording recording, const ConvertOptions& options)
    : recording_(std::move(recording)),
      options_(options),
      progress_(options.progress),
      spill_(options.output_path) {}

Result<ConvertResult> Conversion::run() {
  std::error_code failed;
  std::filesystem::create_directories(options_.output_path, failed);
  if (failed)
    return fail(Errc::io,
                "cannot make the folder " + options_.output_path.string() + ": " + failed.message());

  auto scanned = scan_recording(recording_, spill_, options_.stop,
                                [&](double fraction) { progress_.tell(kScanShare * fraction, "scan"); });
  if (!scanned) return std::unexpected(scanned.error());
  scanned_ = std::move(*scanned);
  for (const TrackScan& track : scanned_.tracks) note(notes_of(track));

  plan_ = plan_outputs(scanned_.layers, options_);
  for (const PlannedOutput& output : plan_)
    if (has_video(output)) ++video_outputs_left_[stream_key(output)];
  for (const PlannedOutput& output : plan_) {
    if (auto written = write(output); !written) return std::unexpected(written.error());
    ++outputs_done_;
  }
  if (result_.files.empty()) return nothing_to_convert();
  progress_.tell(1, "write");
  return std::move(result_);
}

Result<std::vector<std::unique_ptr<OpenTrack>>> Conversion::open_tracks(const PlannedOutput& planned) {
  std::vector<std::unique_ptr<OpenTrack>> tracks;
  for (const PlannedTrack& plan : planned.tracks) {
    auto track = OpenTrack::open(plan, spill_, options_);
    if (!track) {
      const std::string& id = plan.layers.front()->track->files.track_id;
      note({{ConvertNote::Severity::skipped, id, "track " + id + ": " + track.error().message}});
      continue;
    }
    const auto has_frames = (*track)->has_frames();
    if (!has_frames) return std::unexpected(has_frames.error());
    if (*has_frames) {
      tracks.push_back(std::move(*track));
      continue;
    }
    for (const TrackReport& report : (*track)->reports()) note(notes_of(report));
  }
  return tracks;
}

Result<void> Conversion::write(const PlannedOutput& planned) {
  auto tracks = open_tracks(planned);
  if (!tracks) return std::unexpected(tracks.error());
  const std::string key = stream_key(planned);
  const bool picture =
      std::ranges::any_of(*tracks, [](const auto& t) { return t->kind() == MediaKind::video; });
  if (has_video(planned)) --video_outputs_left_[key];
  if (picture) streams_with_video_.insert(key);
  const bool others_have_it = streams_with_video_.contains(key) || video_outputs_left_[key] > 0;
  if (tracks->empty() || (has_video(planned) && !picture && others_have_it)) return {};

  WriterOptions options{options_.output_path,
                        planned.stem,
                        options_.format,
                        options_.on_change,
                        scanned_.started,
                        options_.stop,
                        {}};
  const double share = (1 - kScanShare) / static_cast<double>(plan_.size());
  options.progress = [&](std::int64_t time_ns) {
    const double within =
        static_cast<double>(time_ns) / static_cast<double>(std::max<std::int64_t>(scanned_.duration_ns, 1));
    progress_.tell(kScanShare + share * (static_cast<double>(outputs_done_) + std::min(within, 1.0)),
                   "write");
  };
  std::vector<WriterInput> inputs;
  for (const auto& track : *tracks) inputs.push_back(track->input());
  auto written = write_output(std::move(inputs), options);
  if (!written && written.error().code == Errc::unsupported) {
    note({{ConvertNote::Severity::skipped, "", written.error().message}});
    return {};
  }
  if (!written) return std::unexpected(written.error());
  for (const std::string& why : written->left_out)
    note({{ConvertNote::Severity::skipped, "", planned.id + ": " + why + "; that track is left out"}});
  record(planned, *written, *tracks);
  return {};
}

// Enters a written output into the result.
void Conversion::record(const PlannedOutput& planned, const WrittenOutput& written,
                        const std::vector<std::unique_ptr<OpenTrack>>& tracks) {
  const auto ms = [](std::int64_t ns) { return (ns + 500'000) / 1'000'000; };
  ConvertedFile file;
  file.file = written.parts.front().file;
  file.location = file.file.string();
  file.offset_ms = ms(written.parts.front().start_ns);
  file.duration_ms = ms(written.parts.back().end_ns - written.parts.front().start_ns);
  file.duration_seconds = (file.duration_ms + 500) / 1000;
  for (std::size_t i = 1; i < written.parts.size(); ++i) file.parts.push_back(written.parts[i].file.string());

  OutputReport report{planned.id,
                      file.file.filename().string(),
                      static_cast<double>(file.offset_ms),
                      static_cast<double>(file.duration_ms),
                      {}};
  for (const auto& track : tracks)
    for (TrackReport& layer : track->reports()) {
      note(notes_of(layer));
      for (const std::string& message : track->unsupported())
        note({{ConvertNote::Severity::skipped, layer.track_id, "track " + layer.track_id + ": " + message}});
      report.tracks.push_back(std::move(layer));
    }
  if (options_.write_reports)
    if (auto done = write_report(file, report); !done)
      note(
          {{ConvertNote::Severity::skipped, "", "the report could not be written: " + done.error().message}});
  result_.files[planned.id] = std::move(file);
}

Result<void> Conversion::write_report(ConvertedFile& file, const OutputReport& report) {
  const std::filesystem::path path = file.file.string() + ".report.json";
  auto out = OutputFile::create(path);
  if (!out) return std::unexpected(out.error());
  const std::string text = serialize_report(report);
  if (auto done = (*out)->append(as_bytes(text)); !done) return done;
  if (auto done = (*out)->publish(); !done) return done;
  file.report_location = path.string();
  return {};
}

void Conversion::note(std::vector<ConvertNote> notes) {
  for (ConvertNote& entry : notes) {
    if (entry.severity == ConvertNote::Severity::loss) result_.lost_media = true;
    if (noted_.insert(entry.message).second) result_.notes.push_back(std::move(entry));
  }
}

Result<ConvertResult> Conversion::nothing_to_convert() const {
  std::string why = recording_.name + " holds nothing that can be converted";
  if (recording_.tracks.empty()) why += ": its manifest names no track";
  for (const ConvertNote& entry : result_.notes)
    if (entry.severity != ConvertNote::Severity::info) why += "; " + entry.message;
  return fail(Errc::nothing_to_convert, why);
}

}  // namespace rtpx
