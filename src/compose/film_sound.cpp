#include "compose/film_sound.hpp"

#include <set>
#include <system_error>

#include "base/file_name.hpp"
#include "mux/flac_writer.hpp"

namespace rtpx::film {
namespace {

constexpr AudioFormat kFilmFormat{kRate, kChannels};

AudioCodec codec_of_stem(StemFormat format) {
  switch (format) {
    case StemFormat::flac:
      return AudioCodec::flac;
    case StemFormat::opus:
      return AudioCodec::opus;
    case StemFormat::wav:
      break;
  }
  return AudioCodec::pcm;
}

/// A file name that people can read: letters of any script stay.
std::string stem_name(const std::string& name, std::set<std::string>& taken) {
  std::string base;
  for (const char c : name.substr(0, 120))
    base += static_cast<unsigned char>(c) < 0x20 || c == '/' || c == '\\' || c == ':' || c == 0x7F ? '_' : c;
  if (base.empty() || base.front() == '.') base.insert(0, "_");
  if (name.size() > 120) base = encode_file_name(name);
  std::string out = base;
  for (int i = 2; !taken.insert(out).second; ++i) out = base + "_" + std::to_string(i);
  return out;
}

}  // namespace

const char* extension_of_stem(StemFormat format) {
  switch (format) {
    case StemFormat::flac:
      return ".flac";
    case StemFormat::opus:
      return ".opus";
    case StemFormat::wav:
      break;
  }
  return ".wav";
}

Result<void> FilmSound::open_track(AudioCodec codec) {
  auto encoder = AudioEncoder::open(codec, kFilmFormat, kFilmFormat);
  if (!encoder) return std::unexpected(encoder.error());
  encoder_ = std::move(*encoder);
  encoder_->begin(0);
  return {};
}

Result<void> FilmSound::open_stems(const Stems& stems, const Call& call, std::set<std::string> taken) {
  std::error_code failed;
  std::filesystem::create_directories(stems.folder, failed);
  if (failed)
    return fail(Errc::io, "cannot make the folder " + stems.folder.string() + ": " + failed.message());
  for (std::size_t i = 0; i < call.participants.size(); ++i) {
    const Participant& one = call.participants[i];
    if (!one.sound) continue;
    Stem stem;
    stem.participant = i;
    stem.composed = {one.id, one.name,
                     stems.folder / (stem_name(one.name, taken) + extension_of_stem(stems.format))};
    auto encoder = AudioEncoder::open(codec_of_stem(stems.format), kFilmFormat, kFilmFormat);
    if (!encoder) return std::unexpected(encoder.error());
    stem.encoder = std::move(*encoder);
    stem.encoder->begin(0);
    OutputTrack track = stem.encoder->track();
    track.name = one.name;
    MuxHints hints;
    hints.duration_ns = call.duration_ns;
    hints.title = one.name;
    auto muxer = stems.format == StemFormat::flac
                     ? FlacWriter::open(stem.composed.file, track, hints)
                     : open_muxer(stems.format == StemFormat::wav ? Format::wav : Format::ogg, stem.composed.file, {track}, hints);
    if (!muxer) return std::unexpected(muxer.error());
    stem.muxer = std::move(*muxer);
    stems_.push_back(std::move(stem));
  }
  return {};
}

Result<void> FilmSound::write_stems(int count) {
  for (Stem& stem : stems_) {
    const float* part = mixer_->part(stem.participant);
    const auto sink = [&](const Sample& sample) { return stem.muxer->write(sample); };
    if (auto pushed = stem.encoder->push(part != nullptr ? part : silence_.data(), count, sink); !pushed)
      return pushed;
  }
  return {};
}

Result<void> FilmSound::run(const AudioEncoder::Sink& sink, const std::stop_token& stop,
                            const std::function<void(std::int64_t)>& progress) {
  std::int64_t done = 0;
  for (;;) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "the film was cancelled");
    const auto count = mixer_->next();
    if (!count) return std::unexpected(count.error());
    if (*count == 0) break;
    if (encoder_)
      if (auto pushed = encoder_->push(mixer_->mix(), *count, sink); !pushed) return pushed;
    if (auto written = write_stems(*count); !written) return written;
    done += *count;
    if (progress) progress(done);
  }
  if (encoder_)
    if (auto finished = encoder_->finish(sink); !finished) return finished;
  for (Stem& stem : stems_)
    if (auto finished = stem.encoder->finish([&](const Sample& sample) { return stem.muxer->write(sample); });
        !finished)
      return finished;
  return {};
}

Result<std::vector<ComposedStem>> FilmSound::publish_stems() {
  std::vector<ComposedStem> out;
  for (Stem& stem : stems_) {
    if (auto finished = stem.muxer->finish(); !finished) {
      for (const ComposedStem& one : out) {
        std::error_code ignored;
        std::filesystem::remove(one.file, ignored);
      }
      return std::unexpected(finished.error());
    }
    out.push_back(stem.composed);
  }
  return out;
}

}  // namespace rtpx::film
