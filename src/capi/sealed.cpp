#include "base/json.hpp"
#include "capi/call.hpp"
#include "capi/keys.hpp"
#include "capi/waiting.hpp"

namespace rtpx::capi {
namespace {

constexpr rtpx_keys kNoKeys{};

std::string as_json(const OpenSealedReport& report) {
  Json files = Json::array();
  for (const OpenedFile& file : report.files)
    files.push_back({{"file", file.file.string()}, {"bytes", file.bytes}, {"problems", file.problems}});
  return dump_json({{"files", std::move(files)}, {"whole", report.whole()}});
}

}  // namespace
}  // namespace rtpx::capi

using namespace rtpx;

int rtpx_is_sealed(const char* recording) {
  return capi::guarded(nullptr, 0, [&] { return is_sealed(capi::text_or_empty(recording)) ? 1 : 0; });
}

char* rtpx_recipients(const char* recording, rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    auto recipients = recipients_of(capi::text_or_empty(recording));
    if (!recipients) {
      capi::set_error(error, std::move(recipients).error());
      return nullptr;
    }
    Json out = Json::array();
    for (const Recipient& recipient : *recipients) out.push_back(recipient.text());
    return capi::copy_text(dump_json(out));
  });
}

char* rtpx_open_sealed(const char* recording, const char* output, const rtpx_keys* keys, rtpx_stop* stop,
                       rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    auto report = open_sealed(capi::text_or_empty(recording), capi::text_or_empty(output),
                              capi::identities_of(keys != nullptr ? *keys : capi::kNoKeys), capi::token_of(stop));
    if (report) return capi::copy_text(capi::as_json(*report));
    capi::set_error(error, std::move(report).error());
    return nullptr;
  });
}

int rtpx_seal_file(const char* file, const char* const* recipients, size_t recipient_count, rtpx_error** error) {
  return capi::guarded(error, -1, [&] {
    auto wanted = capi::recipients_of_texts(recipients, recipient_count);
    auto done = wanted ? seal_file(capi::text_or_empty(file), *wanted) : std::unexpected(std::move(wanted).error());
    if (done) return 0;
    capi::set_error(error, std::move(done).error());
    return -1;
  });
}

int64_t rtpx_rewrap(const char* recording, const rtpx_keys* keys, const char* const* add, size_t add_count,
                    const char* const* remove, size_t remove_count, rtpx_error** error) {
  return capi::guarded(error, std::int64_t{-1}, [&]() -> std::int64_t {
    auto added = capi::recipients_of_texts(add, add_count);
    auto removed = capi::recipients_of_texts(remove, remove_count);
    Result<std::size_t> changed = !added     ? std::unexpected(std::move(added).error())
                                  : !removed ? std::unexpected(std::move(removed).error())
                                             : rewrap(capi::text_or_empty(recording),
                                                      capi::identities_of(keys != nullptr ? *keys : capi::kNoKeys),
                                                      *added, *removed);
    if (changed) return static_cast<std::int64_t>(*changed);
    capi::set_error(error, std::move(changed).error());
    return -1;
  });
}
