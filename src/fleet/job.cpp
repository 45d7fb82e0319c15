#include "fleet/job.hpp"

#include <algorithm>
#include <array>

#include "fleet/job_json.hpp"

namespace rtpx::fleet {
namespace {

constexpr std::array<const char*, 7> kKindNames = {"convert", "compose", "package", "thumbnails",
                                                   "report",  "verify",  "slice"};
constexpr std::array<const char*, 3> kClassNames = {"hi", "norm", "low"};
constexpr std::array<const char*, 5> kLayouts = {"grid", "speaker", "single-speaker", "side-by-side", "pip"};
constexpr std::uint64_t kMostOrders = 1'000'000'000;
constexpr std::size_t kMaxRecordingName = 255, kMaxTitle = 200, kMostTimes = 100;

bool is_token_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_plain_recording_name(const std::string& name) {
  return !name.empty() && name[0] != '.' && std::ranges::none_of(name, [](char c) {
    return c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

constexpr std::uint64_t kLastMs = 1ULL << 53;

/// nullopt: one that names what it must not, or another twice.
std::optional<std::vector<RecordingName>> parts_from(const Json& value, const RecordingName& own) {
  std::vector<RecordingName> out;
  const auto parts = value.find("parts");
  if (parts == value.end()) return out;
  if (!parts->is_array() || parts->size() > kMostFilmParts) return std::nullopt;
  for (const Json& part : *parts) {
    if (!part.is_object()) return std::nullopt;
    auto node = text_in(part, "node", 64), recording = text_in(part, "recording", kMaxRecordingName);
    if (!node || !is_member_name(*node) || !recording || !is_plain_recording_name(*recording)) return std::nullopt;
    RecordingName name{*std::move(node), *std::move(recording)};
    if (name == own || std::ranges::find(out, name) != out.end()) return std::nullopt;
    out.push_back(std::move(name));
  }
  return out;
}

template <typename Names>
std::optional<std::size_t> index_in(const Names& names, std::string_view name) {
  const auto at = std::ranges::find(names, name);
  if (at == names.end()) return std::nullopt;
  return static_cast<std::size_t>(at - names.begin());
}

}  // namespace

bool is_film_size(std::uint64_t width, std::uint64_t height) noexcept {
  return width >= 160 && width <= 3'840 && height >= 90 && height <= 2'160 && width % 2 == 0 &&
         height % 2 == 0;
}
bool is_film_layout(std::string_view name) noexcept {
  return index_in(kLayouts, name).has_value();
}

const char* to_string(JobKind kind) noexcept {
  return kKindNames[static_cast<std::size_t>(kind)];
}
std::optional<JobKind> job_kind(std::string_view name) noexcept {
  const auto at = index_in(kKindNames, name);
  return at ? std::optional(static_cast<JobKind>(*at)) : std::nullopt;
}
const char* to_string(JobClass priority) noexcept {
  return kClassNames[static_cast<std::size_t>(priority)];
}
std::optional<JobClass> job_class(std::string_view name) noexcept {
  const auto at = index_in(kClassNames, name);
  return at ? std::optional(static_cast<JobClass>(*at)) : std::nullopt;
}

bool is_member_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, is_token_character);
}

std::string encode_token(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_token_character(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'=', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

Job slice_of(const Job& compose, int number) {
  Job out = compose;
  out.kind = JobKind::slice;
  out.slice = number;
  return out;
}

bool is_slice_of(const Job& slice, const Job& compose) {
  Job wanted = slice_of(compose, slice.slice);
  wanted.priority = slice.priority;
  wanted.generation = slice.generation;
  wanted.publication = slice.publication;
  return slice == wanted;
}

std::string kind_token(const Job& job) {
  std::string out = to_string(job.kind);
  if (job.kind == JobKind::slice) out += "-" + std::to_string(job.slice);
  return out;
}

std::string key_of(const Job& job) {
  return "job." + encode_token(job.node) + "." + encode_token(job.recording) + "." + kind_token(job);
}

std::string subject_of(const Job& job) {
  return std::string("jobs.") + to_string(job.priority) + "." + encode_token(job.node) + "." +
         encode_token(job.recording) + "." + kind_token(job);
}

std::string message_id_of(const Job& job) {
  return key_of(job) + "." + std::to_string(job.generation) + "." + std::to_string(job.publication);
}

std::optional<std::uint64_t> number_in(const Json& object, const char* key, std::uint64_t most) {
  const auto at = object.find(key);
  // A number that was parsed is unsigned, one that was put there an int.
  if (at == object.end() || !at->is_number_integer()) return std::nullopt;
  if (!at->is_number_unsigned() && at->get<std::int64_t>() < 0) return std::nullopt;
  if (at->get<std::uint64_t>() > most) return std::nullopt;
  return at->get<std::uint64_t>();
}

std::optional<std::string> text_in(const Json& object, const char* key, std::size_t most) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_string() || at->get_ref<const std::string&>().size() > most)
    return std::nullopt;
  return at->get<std::string>();
}

std::optional<Job> job_from_json(const Json& value) {
  if (!value.is_object() || number_in(value, "version", 1) != 1) return std::nullopt;
  const auto kind = job_kind(text_in(value, "kind", 32).value_or(""));
  const auto priority = job_class(text_in(value, "class", 32).value_or(""));
  auto node = text_in(value, "node", 64), recording = text_in(value, "recording", kMaxRecordingName);
  const auto generation = number_in(value, "generation", kMostOrders);
  const auto publication = number_in(value, "publication", kMostOrders);
  if (!kind || !priority || !node || !is_member_name(*node) || !recording ||
      !is_plain_recording_name(*recording) || generation.value_or(0) == 0 || publication.value_or(0) == 0)
    return std::nullopt;
  Job job{.kind = *kind,
          .priority = *priority,
          .node = *std::move(node),
          .recording = *std::move(recording),
          .generation = *generation,
          .publication = *publication};
  if (*kind == JobKind::convert) {
    const auto sprites = number_in(value, "sprites", 1000);
    if (!sprites) return std::nullopt;
    job.sprites = static_cast<int>(*sprites);
    if (value.contains("key")) {
      auto key = text_in(value, "key", kMaxKey);
      const auto from = number_in(value, "from_ms", kLastMs), until = number_in(value, "until_ms", kLastMs);
      if (!key || key->empty() || !from || !until || *until < *from) return std::nullopt;
      job.key = *std::move(key);
      job.from_ms = static_cast<std::int64_t>(*from);
      job.until_ms = static_cast<std::int64_t>(*until);
    }
  }
  if (*kind == JobKind::compose || *kind == JobKind::slice) {
    const auto width = number_in(value, "width", 10'000), height = number_in(value, "height", 10'000);
    auto layout = text_in(value, "layout", 32), title = text_in(value, "title", kMaxTitle);
    if (!width || !height || !is_film_size(*width, *height) || !layout || !is_film_layout(*layout) ||
        !title)
      return std::nullopt;
    job.width = static_cast<int>(*width);
    job.height = static_cast<int>(*height);
    job.layout = *std::move(layout);
    job.title = *std::move(title);
    const auto slices = value.contains("slices") ? number_in(value, "slices", kMostSlices) : 1;
    if (slices.value_or(0) == 0) return std::nullopt;
    job.slices = static_cast<int>(*slices);
    const auto sprites = value.contains("sprites") ? number_in(value, "sprites", 1000) : job.sprites;
    if (!sprites) return std::nullopt;
    job.sprites = static_cast<int>(*sprites);
    auto parts = parts_from(value, name_of(job));
    if (!parts) return std::nullopt;
    job.parts = *std::move(parts);
  }
  if (*kind == JobKind::slice) {
    const auto slice = number_in(value, "slice", static_cast<std::uint64_t>(job.slices));
    if (!slice) return std::nullopt;
    job.slice = static_cast<int>(*slice);
  }
  if (*kind == JobKind::thumbnails) {
    const auto times = value.find("times_ms");
    if (times == value.end() || !times->is_array() || times->empty() || times->size() > kMostTimes)
      return std::nullopt;
    for (const Json& time : *times) {
      if (!time.is_number_unsigned() || time.get<std::uint64_t>() > UINT32_MAX) return std::nullopt;
      job.times_ms.push_back(time.get<std::uint32_t>());
    }
  }
  return job;
}

Json to_json(const Job& job) {
  Json out = {{"version", 1},
              {"kind", to_string(job.kind)},
              {"class", to_string(job.priority)},
              {"node", job.node},
              {"recording", job.recording},
              {"generation", job.generation},
              {"publication", job.publication}};
  if (job.kind == JobKind::convert) {
    out["sprites"] = job.sprites;
    if (!job.key.empty()) {
      out["key"] = job.key;
      out["from_ms"] = job.from_ms;
      out["until_ms"] = job.until_ms;
    }
  }
  if (job.kind == JobKind::compose || job.kind == JobKind::slice) {
    out["width"] = job.width;
    out["height"] = job.height;
    out["layout"] = job.layout;
    out["title"] = job.title;
    out["slices"] = job.slices;
    out["sprites"] = job.sprites;
    for (const RecordingName& part : job.parts) out["parts"].push_back({{"node", part.node}, {"recording", part.recording}});
  }
  if (job.kind == JobKind::slice) out["slice"] = job.slice;
  if (job.kind == JobKind::thumbnails) out["times_ms"] = job.times_ms;
  return out;
}

std::optional<Job> parse_job(std::string_view text) {
  if (text.size() > kMaxJobBytes) return std::nullopt;
  const auto value = parse_json(text, "a job");
  return value ? job_from_json(*value) : std::nullopt;
}

std::string serialize_job(const Job& job) {
  return dump_json(to_json(job));
}

}  // namespace rtpx::fleet
