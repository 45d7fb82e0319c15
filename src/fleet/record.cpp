#include "fleet/record.hpp"

#include <algorithm>
#include <array>

#include "fleet/job_json.hpp"

namespace rtpx::fleet {
namespace {

constexpr std::array<const char*, 5> kStateNames = {"waiting", "running", "done", "failed", "cancelled"};
constexpr std::size_t kMaxError = 2'000;
constexpr std::uint64_t kMost = 1ULL << 53;

std::optional<JobResult> result_from(const Json& record) {
  const auto at = record.find("result");
  if (at == record.end() || !at->is_object()) return std::nullopt;
  auto name = text_in(*at, "name", 40);
  const auto exit_code = number_in(*at, "exit_code", 255);
  const auto files = number_in(*at, "files", kMost), bytes = number_in(*at, "bytes", kMost);
  if (!name || !is_claim_token(*name) || !exit_code || !files || !bytes) return std::nullopt;
  return JobResult{*std::move(name), static_cast<int>(*exit_code), *files, *bytes};
}

}  // namespace

const char* to_string(JobState state) noexcept {
  return kStateNames[static_cast<std::size_t>(state)];
}

bool is_claim_token(std::string_view token) noexcept {
  return !token.empty() && token.size() <= 40 && std::ranges::all_of(token, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

std::optional<JobRecord> parse_record(std::string_view text) {
  if (text.size() > kMaxRecordBytes) return std::nullopt;
  const auto value = parse_json(text, "a job's record");
  if (!value || !value->is_object() || !value->contains("job")) return std::nullopt;
  auto job = job_from_json(value->at("job"));
  const auto state = std::ranges::find(kStateNames, text_in(*value, "state", 16).value_or(""));
  const auto attempts = number_in(*value, "attempts", 1'000'000);
  auto worker = text_in(*value, "worker", 64), token = text_in(*value, "token", 40);
  auto error = text_in(*value, "error", kMaxError);
  const auto changed = number_in(*value, "changed_ms", kMost);
  if (!job || state == kStateNames.end() || !attempts || !worker ||
      (!worker->empty() && !is_member_name(*worker)) || !token ||
      (!token->empty() && !is_claim_token(*token)) || !error || !changed)
    return std::nullopt;
  JobRecord out{.job = *std::move(job),
                .state = static_cast<JobState>(state - kStateNames.begin()),
                .attempts = static_cast<unsigned>(*attempts),
                .worker = *std::move(worker),
                .token = *std::move(token),
                .error = *std::move(error),
                .changed_ms = static_cast<std::int64_t>(*changed)};
  if (out.state == JobState::running) {
    const auto fraction = value->find("fraction");
    if (out.token.empty() || fraction == value->end() || !fraction->is_number()) return std::nullopt;
    out.fraction = std::clamp(fraction->get<double>(), 0.0, 1.0);
  }
  if (out.state == JobState::done) {
    auto result = result_from(*value);
    if (!result) return std::nullopt;
    out.result = *std::move(result);
  }
  return out;
}

std::string serialize_record(const JobRecord& record) {
  std::string error = record.error.substr(0, kMaxError);
  while (error.size() == kMaxError && (static_cast<unsigned char>(error.back()) & 0xC0) == 0x80)
    error.pop_back();
  if (error.size() < record.error.size() && !error.empty()) error.pop_back();  // of the cut character
  Json out = {{"job", to_json(record.job)},     {"state", to_string(record.state)},
              {"attempts", record.attempts},    {"worker", record.worker},
              {"token", record.token},          {"error", error},
              {"changed_ms", record.changed_ms}};
  if (record.state == JobState::running) out["fraction"] = record.fraction;
  if (record.state == JobState::done)
    out["result"] = to_json(record.result);
  return dump_json(out);
}

Json to_json(const JobResult& result) {
  return {{"name", result.name}, {"exit_code", result.exit_code}, {"files", result.files}, {"bytes", result.bytes}};
}

}  // namespace rtpx::fleet
