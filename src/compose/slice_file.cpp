#include "compose/slice_file.hpp"

#include <array>
#include <cmath>

#include "base/crc32c.hpp"
#include "base/json.hpp"
#include "report/notes.hpp"

namespace rtpx::film {
namespace {

constexpr std::string_view kMagic = "rtpxfilm";
constexpr std::uint8_t kSample = 1, kEnd = 2;
constexpr std::size_t kSampleHead = 8 + 8 + 8 + 1 + 4;  // behind its first byte
constexpr std::size_t kMostOfASample = 64U << 20, kMostText = 4U << 20, kReadAtOnce = 256U << 10;
constexpr std::uint64_t kMostTimeNs = 25ULL * 3'600 * 1'000'000'000;
constexpr std::size_t kMostNotes = 2'000, kMostTextOfNotes = kMostText - 4'096;  // beside them there are numbers

Json json_of_outcome(const SliceOutcome& outcome) {
  Json notes = Json::array();
  std::size_t text = 0;
  for (const ConvertNote& note : outcome.notes) {
    Json one{static_cast<int>(note.severity), note.track_id, note.message};
    text += dump_json(one).size() + 1;
    if (notes.size() == kMostNotes || text > kMostTextOfNotes) break;
    notes.push_back(std::move(one));
  }
  const FilmPictures::Stats& stats = outcome.stats;
  return {{"stats", {stats.decoded, stats.scaled, stats.canvases, stats.unchanged}},
          {"loudness", outcome.measured_loudness ? Json(*outcome.measured_loudness) : Json()},
          {"notes", std::move(notes)}};
}

std::optional<SliceOutcome> outcome_of(const Json& value) {
  if (!value.is_object() || !value.contains("stats") || !value.contains("loudness") || !value.contains("notes"))
    return std::nullopt;
  SliceOutcome out;
  const Json &stats = value["stats"], &loudness = value["loudness"], &notes = value["notes"];
  std::uint64_t* const fields[] = {&out.stats.decoded, &out.stats.scaled, &out.stats.canvases,
                                   &out.stats.unchanged};
  if (!stats.is_array() || stats.size() != std::size(fields)) return std::nullopt;
  for (std::size_t i = 0; i < std::size(fields); ++i) {
    if (!stats[i].is_number_unsigned()) return std::nullopt;
    *fields[i] = stats[i].get<std::uint64_t>();
  }
  if (loudness.is_number())
    out.measured_loudness = loudness.get<double>();
  else if (!loudness.is_null())
    return std::nullopt;
  if (!notes.is_array() || notes.size() > kMostNotes) return std::nullopt;
  for (const Json& note : notes) {
    if (!note.is_array() || note.size() != 3 || !note[0].is_number_unsigned() || !note[1].is_string() ||
        !note[2].is_string())
      return std::nullopt;
    const auto severity = note[0].get<std::uint64_t>();
    if (severity > static_cast<std::uint64_t>(ConvertNote::Severity::skipped)) return std::nullopt;
    out.notes.push_back({static_cast<ConvertNote::Severity>(severity), note[1].get<std::string>(),
                         note[2].get<std::string>()});
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<SliceWriter>> SliceWriter::create(const std::filesystem::path& path,
                                                         const std::string& film, int number, int of) {
  auto file = PublishedFile::create(path);
  if (!file) return std::unexpected(file.error());
  std::unique_ptr<SliceWriter> writer(new SliceWriter(std::move(*file)));
  if (auto written = writer->append(as_bytes(kMagic)); !written) return std::unexpected(written.error());
  if (auto written = writer->append_text(dump_json({{"film", film}, {"number", number}, {"of", of}})); !written)
    return std::unexpected(written.error());
  return writer;
}

Result<void> SliceWriter::append(Bytes bytes) {
  crc_ = crc32c(bytes, crc_);
  return file_->append(bytes);
}

Result<void> SliceWriter::append_text(const std::string& text) {
  std::array<std::byte, 4> length{};
  store_be(length.data(), static_cast<std::uint32_t>(text.size()));
  if (auto written = append(length); !written) return written;
  return append(as_bytes(text));
}

Result<void> SliceWriter::add(const Sample& sample) {
  if (sample.data.size() > kMostOfASample) return fail(Errc::internal, "a sample of the film is too large");
  std::array<std::byte, 1 + kSampleHead> head{};
  head[0] = std::byte{kSample};
  store_be(head.data() + 1, static_cast<std::uint64_t>(sample.time_ns));
  store_be(head.data() + 9, static_cast<std::uint64_t>(sample.duration_ns));
  store_be(head.data() + 17, static_cast<std::uint64_t>(sample.discard_ns));
  head[25] = std::byte{sample.keyframe};
  store_be(head.data() + 26, static_cast<std::uint32_t>(sample.data.size()));
  if (auto written = append(head); !written) return written;
  return append(sample.data);
}

Result<void> SliceWriter::finish(const SliceOutcome& outcome) {
  const std::array<std::byte, 1> end{std::byte{kEnd}};
  if (auto written = append(end); !written) return written;
  if (auto written = append_text(dump_json(json_of_outcome(outcome))); !written) return written;
  std::array<std::byte, 4> crc{};
  store_be(crc.data(), crc_);
  if (auto written = file_->append(crc); !written) return written;
  return file_->publish();
}

Result<std::unique_ptr<SliceReader>> SliceReader::open(const std::filesystem::path& path,
                                                       const std::string& film, int number, int of) {
  auto file = real_file_system().open(path, OpenMode::read);
  if (!file) return std::unexpected(file.error());
  std::unique_ptr<SliceReader> reader(new SliceReader(std::move(*file), path));
  const auto magic = reader->take(kMagic.size());
  if (!magic) return std::unexpected(magic.error());
  if (as_text(*magic) != kMagic) return reader->malformed("is no slice of a film");
  const auto text = reader->take_text();
  if (!text) return std::unexpected(text.error());
  const auto head = parse_json(*text, path.string());
  if (!head) return std::unexpected(head.error());
  const Json wanted{{"film", film}, {"number", number}, {"of", of}};
  if (*head != wanted)
    return reader->malformed("is another slice, or one of another film: it must be made again");
  return reader;
}

Unexpected<Error> SliceReader::malformed(const char* why) const {
  return fail(Errc::malformed, path_.string() + " " + why);
}

Result<Bytes> SliceReader::take(std::size_t count) {
  if (buffer_.size() - used_ < count) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ = 0;
    // Grows by what is there, not by what a length claims.
    while (buffer_.size() < count) {
      const std::size_t had = buffer_.size();
      buffer_.resize(had + kReadAtOnce);
      const auto got = file_->pread(std::span(buffer_).subspan(had), read_);
      buffer_.resize(had + got.value_or(0));
      if (!got) return std::unexpected(got.error());
      read_ += *got;
      if (*got == 0) return fail(Errc::truncated, path_.string() + " ends early");
    }
  }
  const Bytes taken = Bytes(buffer_).subspan(used_, count);
  used_ += count;
  crc_ = crc32c(taken, crc_);
  return taken;
}

Result<std::string> SliceReader::take_text() {
  const auto length = take(4);
  if (!length) return std::unexpected(length.error());
  const auto size = load_be<std::uint32_t>(length->data());
  if (size > kMostText) return malformed("is damaged");
  const auto text = take(size);
  if (!text) return std::unexpected(text.error());
  return std::string(as_text(*text));
}

Result<const Sample*> SliceReader::next() {
  if (ended_) return nullptr;
  const auto kind = take(1);
  if (!kind) return std::unexpected(kind.error());
  if (u8((*kind)[0]) == kEnd) {
    const auto text = take_text();
    if (!text) return std::unexpected(text.error());
    const std::uint32_t crc = crc_;
    const auto stored = take(4);
    if (!stored) return std::unexpected(stored.error());
    if (load_be<std::uint32_t>(stored->data()) != crc) return malformed("is damaged");
    const auto value = parse_json(*text, path_.string());
    if (!value) return std::unexpected(value.error());
    auto outcome = outcome_of(*value);
    if (!outcome) return malformed("is damaged");
    outcome_ = *std::move(outcome);
    ended_ = true;
    return nullptr;
  }
  if (u8((*kind)[0]) != kSample) return malformed("is damaged");
  const auto head = take(kSampleHead);
  if (!head) return std::unexpected(head.error());
  ByteReader fields(*head);
  const std::uint64_t time = fields.u64(), duration = fields.u64(), discard = fields.u64();
  const std::uint8_t keyframe = fields.u8();
  const std::uint32_t size = fields.u32();
  if (time > kMostTimeNs || duration > kMostTimeNs || discard > duration || keyframe > 1 ||
      size > kMostOfASample || static_cast<std::int64_t>(time) < sample_.time_ns)
    return malformed("is damaged");
  const auto data = take(size);
  if (!data) return std::unexpected(data.error());
  sample_.time_ns = static_cast<std::int64_t>(time);
  sample_.duration_ns = static_cast<std::int64_t>(duration);
  sample_.discard_ns = static_cast<std::int64_t>(discard);
  sample_.keyframe = keyframe == 1;
  sample_.data = *data;
  return &sample_;
}

}  // namespace rtpx::film
