// What comes over NATS and from the store: jobs, state records, heartbeats, results. What is read names only
// what it may, and reads the same again.
#include <string_view>

#include "fleet/bus.hpp"
#include "fleet/store.hpp"
#include "require.hpp"
#include "s3/names.hpp"

using namespace rtpx::fleet;

namespace {

void require_clean(const Job& job) {
  require(is_member_name(job.node) && rtpx::s3::check_plain_name(job.recording).has_value());
  require(job.generation > 0 && job.publication > 0);
  for (const std::string& token : {key_of(job), subject_of(job)})
    for (const char c : token)
      require((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_' || c == '.' || c == '=');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto job = parse_job(text)) {
    require_clean(*job);
    require(parse_job(serialize_job(*job)) == job);
  }
  if (const auto record = parse_record(text)) {
    require_clean(record->job);
    require(parse_record(serialize_record(*record)) == record);
  }
  if (const auto member = parse_member(text)) require(parse_member(serialize_member(*member)).has_value());
  if (const auto result = parse_result(text)) {
    require_clean(result->record.job);
    for (const ResultFile& file : result->files)
      require(rtpx::s3::check_download_name(file.name).has_value());
    const auto again = parse_result(serialize_result(*result));
    require(again && again->record == result->record && again->files.size() == result->files.size());
  }
  return 0;
}
