#include "convert/conversion.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/data_extents.hpp"
#include "base/remote_file.hpp"
#include "base/temporary_name.hpp"
#include "convert/finishing.hpp"
#include "convert/publish.hpp"
#include "mux/published_file.hpp"
#include "report/notes.hpp"
#include "report/reception_notes.hpp"
#include "report/track_report.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {
namespace {

constexpr double kScanShare = 0.4;   // of the whole, in time
constexpr std::uint64_t kSpareOutput = 1ULL << 30;  // beside 4 times what was recorded
constexpr double kStageShare = 0.1;  // of a re-encoded output
constexpr std::size_t kLongestSuffix = 40;

bool is_suffix(std::string_view text) {
  return text.size() <= kLongestSuffix &&
         std::ranges::all_of(text, [](unsigned char c) { return c < 0x80 && (std::isalnum(c) != 0 || c == '-' || c == '_' || c == '+'); });
}

/// As Matroska's registry of tags names them, and the user's own.
std::vector<std::pair<std::string, std::string>> tags_of(const RecordingFacts& facts) {
  std::vector<std::pair<std::string, std::string>> out;
  std::string labels;
  for (const std::string& label : facts.labels) labels += (labels.empty() ? "" : ",") + label;
  if (!labels.empty()) out.emplace_back("KEYWORDS", labels);
  out.insert(out.end(), facts.metadata.begin(), facts.metadata.end());
  return out;
}

bool has_video(const PlannedOutput& output) {
  return std::ranges::any_of(output.tracks, [](const PlannedTrack& track) {
    return track.layers.front()->track->files.track.kind == MediaKind::video;
  });
}

/// Outputs of one stream share it.
std::string stream_key(const PlannedOutput& output) {
  return output.stream.value_or(output.id);
}

/// Holes do not count: they cost whoever made the recording nothing.
std::uint64_t bytes_recorded(const Recording& recording) {
  constexpr std::uint64_t kMost = UINT64_MAX / 16;
  const auto bytes_of = [&](const std::filesystem::path& file) -> std::uint64_t {
    if (!is_s3_url(file)) return DataExtents(file).bytes();
    const auto there = recording.source->stat(file);
    return there && *there ? (*there)->size : 0;
  };
  std::uint64_t sum = 0;
  for (const TrackFiles& track : recording.tracks)
    for (const auto& files : {track.rtp, track.rtcp})
      for (const auto& file : files) sum = std::min(kMost, sum + std::min(kMost, bytes_of(file)));
  return sum;
}

}  // namespace

Conversion::Conversion(Recording recording, const ConvertOptions& options, std::vector<std::string> streams)
    : recording_(std::move(recording)),
      options_(options),
      streams_(std::move(streams)),
      progress_(options.progress),
      budget_(real_file_system(), options.output_path,
              options.max_output.value_or(4 * bytes_recorded(recording_) + kSpareOutput), options.min_free),
      files_(real_file_system(), budget_) {
  recording_.cut_pauses = options.pauses == Pauses::cut;
}

Result<ConvertResult> Conversion::run() {
  if (auto checked = check_finishing(options_); !checked) return std::unexpected(checked.error());
  if (!is_suffix(options_.suffix))
    return fail(Errc::invalid_argument, "\"" + options_.suffix + "\" cannot end a file's name: at most " +
                                            std::to_string(kLongestSuffix) + " letters, digits and - _ +");
  std::error_code failed;
  const bool made = std::filesystem::create_directories(options_.output_path, failed);
  if (failed)
    return fail(Errc::io,
                "cannot make the folder " + options_.output_path.string() + ": " + failed.message());
  auto result = convert_all();
  if (made && !result) std::filesystem::remove(options_.output_path, failed);  // if nothing was written
  return result;
}

Result<ConvertResult> Conversion::convert_all() {
  OpenedRecording::Options opening;
  opening.spill_folder = options_.output_path;
  opening.budget = &budget_;
  opening.stop = options_.stop;
  opening.progress = [this](double fraction) { progress_.tell(kScanShare * fraction, "scan"); };
  auto opened = OpenedRecording::open(recording_, opening);
  if (!opened) return std::unexpected(opened.error());
  opened_ = std::move(*opened);
  const ScannedRecording& scanned = opened_->scanned();
  auto cut = cut_of(options_, *opened_);
  if (!cut) return std::unexpected(cut.error());
  cut_ = *cut;
  for (const Mark& mark : recording_.facts.marks)
    chapters_.push_back({std::max<std::int64_t>(timeline_ns(scanned, mark.at_ms), 0), mark.text});
  if (const auto owner = recording_owner(recording_.folder))
    note({{ConvertNote::Severity::info, "",
           recording_.name + " belongs to " + *owner + ": only what was written until now is converted"}});
  note(reception_notes(*recording_.source, recording_.folder));
  for (const TrackScan& track : scanned.tracks) {
    note(notes_of(track, scanned.zero_receive_ms));
    const bool placed =
        std::ranges::any_of(scanned.layers, [&](const PlacedLayer& layer) { return layer.track == &track; });
    if (!placed) left_out_.push_back(report_unusable(track, scanned.zero_receive_ms));
  }

  for (const std::string& one : not_there(scanned.layers, options_, streams_)) {
    note({{ConvertNote::Severity::skipped, "", one}});
    result_.lost_media = true;
  }
  plan_ = plan_outputs(scanned.layers, options_, streams_);
  for (const PlannedOutput& output : plan_)
    if (has_video(output)) ++video_outputs_left_[stream_key(output)];
  for (const PlannedOutput& output : plan_) {
    if (auto written = write(output); !written) return std::unexpected(written.error());
    ++outputs_done_;
  }
  const bool skipped = std::ranges::any_of(
      result_.notes, [](const ConvertNote& one) { return one.severity == ConvertNote::Severity::skipped; });
  if (result_.files.empty() && cut_ && !skipped)
    return fail(Errc::nothing_to_convert, recording_.name + " has nothing in that time");
  if (result_.files.empty()) return nothing_to_convert();
  if (options_.write_reports) write_reports();
  if (options_.uploader)
    if (const auto refused = publish(result_, options_))
      note({{ConvertNote::Severity::loss, "", "the upload failed: " + refused->message}});
  progress_.tell(1, "write");
  return std::move(result_);
}

Result<std::vector<OpenTrack>> Conversion::open_tracks(const PlannedOutput& planned) {
  std::vector<OpenTrack> tracks;
  for (const PlannedTrack& plan : planned.tracks) {
    auto track = opened_->open_layers(plan.layers, track_frame_options(options_));
    if (!track) {
      const std::string& id = plan.layers.front()->track->files.track_id;
      note({{ConvertNote::Severity::skipped, id, "track " + id + ": " + track.error().message}});
      continue;
    }
    const auto has_frames = (*track)->has_frames();
    if (!has_frames) return std::unexpected(has_frames.error());
    if (*has_frames) {
      tracks.push_back({&plan, std::move(*track)});
      continue;
    }
    note((*track)->notes());
    for (TrackReport& report : (*track)->reports()) left_out_.push_back(std::move(report));
  }
  return tracks;
}

WriterInput Conversion::input_of(const OpenTrack& track) const {
  const TrackFrames& frames = *track.frames;
  WriterInput input{&track.source(),
                    frames.kind(),
                    track.planned->name,
                    frames.end_ns(),
                    frames.keyframe_bound(),
                    frames.sets_in_band(),
                    0,
                    0};
  if (track.begun) input.config_changes = true;  // its first pictures have sets of their own
  if (cut_) input.end_ns = std::min(input.end_ns, cut_->to_ns);
  // A part of its own for each size has that size; a lower spatial layer is smaller than its parameter sets
  // say.
  if (options_.on_change != OnChange::keep || options_.max_spatial_layer) return input;
  const PictureSize largest = frames.largest_picture();
  input.width = largest.width;
  input.height = largest.height;
  return input;
}

Result<void> Conversion::write(const PlannedOutput& planned) {
  auto tracks = open_tracks(planned);
  if (!tracks) return std::unexpected(tracks.error());
  if (cut_)
    if (auto cut = cut_tracks(*tracks, *cut_); !cut) return cut;
  const std::string key = stream_key(planned);
  const bool picture =
      std::ranges::any_of(*tracks, [](const OpenTrack& t) { return t.frames->kind() == MediaKind::video; });
  if (has_video(planned)) --video_outputs_left_[key];
  if (picture) streams_with_video_.insert(key);
  const bool others_have_it = streams_with_video_.contains(key) || video_outputs_left_[key] > 0;
  if (tracks->empty() || (has_video(planned) && !picture && others_have_it)) return {};

  const bool stage = options_.reencode && picture;
  const WriterOptions options = writer_options(planned, stage);
  std::vector<WriterInput> inputs;
  for (const OpenTrack& track : *tracks) inputs.push_back(input_of(track));
  auto written = write_output(std::move(inputs), options);
  if (!written && written.error().code == Errc::unsupported) {
    // A format of one kind of media leaves the others out on purpose; else this stream is missing.
    const std::string& track = planned.tracks.front().layers.front()->track->files.track_id;
    note({{ConvertNote::Severity::skipped, most_tracks(options_.format) > 1 ? track : "", written.error().message}});
    return {};
  }
  if (!written) return std::unexpected(written.error());
  if (written->cut_off)
    note({{ConvertNote::Severity::loss, "",
           planned.id + ": it changes so often that it would need more than " + std::to_string(kMostParts) +
               " files; what follows these is left out"}});
  for (const std::string& why : written->left_out)
    note({{ConvertNote::Severity::skipped, "", planned.id + ": " + why + "; that track is left out"}});
  if (stage)
    if (auto encoded = reencode_parts(planned, *written); !encoded) return encoded;
  record(planned, *written, *tracks);
  return {};
}

// Any codec fits the stage's Matroska, whatever the file is to be that is encoded from it.
WriterOptions Conversion::writer_options(const PlannedOutput& planned, bool stage) {
  WriterOptions options;
  options.folder = options_.output_path;
  options.files = &files_;
  options.stem = planned.stem;
  options.format = options_.format;
  if (options_.join && options.format == Format::automatic) options.format = Format::mkv;
  options.on_change = options_.on_change;
  options.started = opened_->started();
  if (cut_ && cut_->start == CutStart::exact) {
    options.shown_from_ns = cut_->from_ns;
    if (options.format == Format::automatic) options.format = Format::mp4;
  }
  options.title = recording_.title;
  options.tags = tags_of(recording_.facts);
  options.chapters = chapters_;
  options.stop = options_.stop;
  if (stage) {
    options.stem = stage_name(planned.stem);
    options.format = Format::mkv;
  }
  options.progress = [this, share = stage ? kStageShare : 1](std::int64_t time_ns) {
    const std::int64_t from_ns = cut_ ? std::max<std::int64_t>(cut_->from_ns, 0) : 0;
    const std::int64_t to_ns = std::min(opened_->duration_ns(), cut_ ? cut_->to_ns : INT64_MAX);
    const auto whole = static_cast<double>(std::max<std::int64_t>(to_ns - from_ns, 1));
    tell_output(share * std::clamp(static_cast<double>(time_ns - from_ns) / whole, 0.0, 1.0), "write");
  };
  return options;
}

// `fraction` of the output being made.
void Conversion::tell_output(double fraction, const char* what) {
  const double outputs = static_cast<double>(outputs_done_) + fraction;
  progress_.tell(kScanShare + (1 - kScanShare) * outputs / static_cast<double>(plan_.size()), what);
}

// Turns staged parts into the files that were asked for; the stages go in any case.
Result<void> Conversion::reencode_parts(const PlannedOutput& planned, WrittenOutput& written) {
  Result<void> outcome;
  for (std::size_t i = 0; i < written.parts.size(); ++i) {
    WrittenPart& part = written.parts[i];
    const std::filesystem::path stage = part.file;
    const std::string stem = i == 0 ? planned.stem : planned.stem + "_part" + std::to_string(i + 1);
    if (outcome) {
      auto file =
          reencode_stage(stage, options_.output_path, stem, part.audio_types, options_, [&](double fraction) {
            const double done =
                (static_cast<double>(i) + fraction) / static_cast<double>(written.parts.size());
            tell_output(kStageShare + (1 - kStageShare) * done, "re-encode");
          }, files_);
      if (file)
        part.file = *file;
      else
        outcome = std::unexpected(file.error());
    }
    (void)files_.remove(stage);
  }
  return outcome;
}

// Enters a written output into the result.
void Conversion::record(const PlannedOutput& planned, const WrittenOutput& written,
                        const std::vector<OpenTrack>& tracks) {
  const auto ms = [](std::int64_t ns) { return (ns + 500'000) / 1'000'000; };
  ConvertedFile file;
  file.file = written.parts.front().file;
  file.location = file.file.string();
  file.offset_ms = ms(written.parts.front().start_ns);
  file.duration_ms = ms(written.parts.back().end_ns - written.parts.front().start_ns);
  file.duration_seconds = (file.duration_ms + 500) / 1000;
  for (std::size_t i = 1; i < written.parts.size(); ++i) {
    const WrittenPart& part = written.parts[i];
    file.parts.push_back({part.file.string(), ms(part.start_ns), ms(part.end_ns - part.start_ns)});
  }

  for (const Chapter& chapter : chapters_from(chapters_, written.parts.front().start_ns,
                                              written.parts.back().end_ns - written.parts.front().start_ns))
    file.chapters.push_back({ms(chapter.start_ns), chapter.text});

  if (written.parts.front().has_video)
    for (const std::string& failure : make_pictures(file, options_, files_))
      note({{ConvertNote::Severity::skipped, "", planned.id + ": " + failure}});

  OutputReport report{planned.id,
                      file.file.filename().string(),
                      static_cast<double>(file.offset_ms),
                      static_cast<double>(file.duration_ms),
                      {},
                      {}};
  for (const WrittenPart& part : written.parts)
    report.parts.push_back({part.file.filename().string(), static_cast<double>(part.start_ns) / 1e6,
                            static_cast<double>(part.end_ns - part.start_ns) / 1e6});
  for (const OpenTrack& track : tracks) {
    note(track.frames->notes());
    for (TrackReport& layer : track.frames->reports()) report.tracks.push_back(std::move(layer));
  }
  reports_.push_back({planned.id, planned.stream, std::move(report)});
  result_.files[planned.id] = std::move(file);
}

// What is in no file stands in the reports of its stream's files; of a stream without files, in the first
// one's.
void Conversion::write_reports() {
  for (TrackReport& track : left_out_) {
    bool reported = false;
    for (PendingReport& pending : reports_) {
      const bool same_stream = !track.streams.empty() && pending.stream == track.streams.front();
      if (!same_stream) continue;
      pending.report.tracks.push_back(track);
      reported = true;
    }
    if (!reported) reports_.front().report.tracks.push_back(std::move(track));
  }
  for (const PendingReport& pending : reports_)
    if (auto done = write_report(result_.files.at(pending.id), pending.report); !done)
      note(
          {{ConvertNote::Severity::skipped, "", "the report could not be written: " + done.error().message}});
}

Result<void> Conversion::write_report(ConvertedFile& file, const OutputReport& report) {
  const std::filesystem::path path = file.file.string() + ".report.json";
  auto out = PublishedFile::create(path, files_);
  if (!out) return std::unexpected(out.error());
  const std::string text = serialize_report(report);
  if (auto done = (*out)->append(as_bytes(text)); !done) return done;
  if (auto done = (*out)->publish(); !done) return done;
  file.report_location = path.string();
  return {};
}

void Conversion::note(std::vector<ConvertNote> notes) {
  for (ConvertNote& entry : notes) {
    if (tells_a_loss(entry)) result_.lost_media = true;
    if (noted_.insert(entry.message).second) result_.notes.push_back(std::move(entry));
  }
}

Result<ConvertResult> Conversion::nothing_to_convert() const {
  std::string why = recording_.name + " holds nothing that can be converted";
  if (recording_.tracks.empty()) why += ": its manifest names no track";
  const auto serious = [](const ConvertNote& entry) { return entry.severity != ConvertNote::Severity::info; };
  const bool all = std::ranges::none_of(result_.notes, serious);
  for (const ConvertNote& entry : result_.notes)
    if (all || serious(entry)) why += "; " + entry.message;
  return fail(Errc::nothing_to_convert, why);
}

}  // namespace rtpx
