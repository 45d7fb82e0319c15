#include "fleet/job_json.hpp"
#include "fleet/store.hpp"
#include "s3/names.hpp"

namespace rtpx::fleet {
namespace {

constexpr std::size_t kMostFiles = 100'000;
constexpr std::uint64_t kMostBytes = 1ULL << 53;

}  // namespace

std::optional<StoredResult> parse_result(std::string_view text) {
  const auto value = parse_json(text, "a result");
  if (!value || !value->is_object() || number_in(*value, "version", 1) != 1 || !value->contains("job"))
    return std::nullopt;
  auto job = job_from_json(value->at("job"));
  auto token = text_in(*value, "token", 40), worker = text_in(*value, "worker", 64);
  const auto attempts = number_in(*value, "attempts", 1'000'000),
             exit_code = number_in(*value, "exit_code", 255);
  const auto files = value->find("files");
  if (!job || !token || !is_claim_token(*token) || !worker ||
      (!worker->empty() && !is_member_name(*worker)) || !attempts || !exit_code || files == value->end() ||
      !files->is_array() || files->size() > kMostFiles)
    return std::nullopt;
  StoredResult out;
  std::uint64_t sum = 0;
  for (const Json& file : *files) {
    if (!file.is_object()) return std::nullopt;
    auto name = text_in(file, "name", 1024);
    const auto bytes = number_in(file, "bytes", kMostBytes);
    if (!name || !s3::check_download_name(*name) || !bytes) return std::nullopt;
    sum = std::min(sum + *bytes, kMostBytes);
    out.files.push_back({*std::move(name), *bytes});
  }
  if (const auto output = value->find("output"); output != value->end() && !output->is_null())
    out.output = dump_json(*output);
  out.record = {.job = *std::move(job),
                .state = JobState::done,
                .attempts = static_cast<unsigned>(*attempts),
                .worker = *std::move(worker),
                .token = *token,
                .result = {*token, static_cast<int>(*exit_code), out.files.size(), sum}};
  return out;
}

std::string serialize_result(const StoredResult& result) {
  Json files = Json::array();
  for (const ResultFile& file : result.files) files.push_back({{"name", file.name}, {"bytes", file.bytes}});
  const auto output = parse_json(result.output, "a result's output");
  return dump_json({{"version", 1},
                    {"job", to_json(result.record.job)},
                    {"token", result.record.token},
                    {"worker", result.record.worker},
                    {"attempts", result.record.attempts},
                    {"exit_code", result.record.result.exit_code},
                    {"files", files},
                    {"output", output ? *output : Json()}});
}

}  // namespace rtpx::fleet
