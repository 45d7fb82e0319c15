#include "fleet/bus.hpp"
#include "fleet/job_json.hpp"

namespace rtpx::fleet {
namespace {
constexpr std::uint64_t kMostOfAMember = 1ULL << 53;
constexpr std::size_t kMaxMember = kMaxRecordBytes - 1024;  // their bucket takes no more
constexpr std::size_t kMaxName = 255;

std::optional<UnderWay> parse_under_way(const Json& value) {
  if (!value.is_object()) return std::nullopt;
  UnderWay out;
  if (auto recording = text_in(value, "recording", kMaxName); recording && !recording->empty())
    out.recording = *std::move(recording);
  else
    return std::nullopt;
  out.name = text_in(value, "name", kMaxName).value_or("");
  out.key = text_in(value, "key", kMaxKey).value_or("");
  out.from_ms = static_cast<std::int64_t>(number_in(value, "from_ms", kMostOfAMember).value_or(0));
  const auto ended = value.find("ended");
  out.ended = ended != value.end() && *ended == true;
  return out;
}

Json to_json(const UnderWay& one) {
  Json out = {{"recording", one.recording}, {"from_ms", one.from_ms}};
  if (!one.name.empty() && one.name.size() <= kMaxName) out["name"] = one.name;
  if (!one.key.empty()) out["key"] = one.key;
  if (one.ended) out["ended"] = true;
  return out;
}

}  // namespace

std::optional<Member> parse_member(std::string_view text) {
  if (text.size() > kMaxMember) return std::nullopt;
  const auto value = parse_json(text, "a member");
  if (!value || !value->is_object()) return std::nullopt;
  const auto name = text_in(*value, "name", 64), address = text_in(*value, "address", 1024);
  const auto role = text_in(*value, "role", 16);
  if (!name || !is_member_name(*name) || !address || (role != "node" && role != "worker"))
    return std::nullopt;
  const auto number = [&](const char* key) { return number_in(*value, key, kMostOfAMember).value_or(0); };
  const auto draining = value->find("draining");
  std::vector<UnderWay> under_way;
  if (const auto list = value->find("under_way"); list != value->end() && list->is_array())
    for (const Json& one : *list)
      if (auto parsed = parse_under_way(one)) under_way.push_back(*std::move(parsed));
  return Member{.name = *name,
                .is_worker = role == "worker",
                .address = *address,
                .sessions = number("sessions"),
                .most_sessions = number("most_sessions"),
                .running = static_cast<unsigned>(number("running")),
                .slots = static_cast<unsigned>(number("slots")),
                .free_bytes = number("free_bytes"),
                .unproven = number("unproven"),
                .draining = draining != value->end() && *draining == true,
                .time_ms = static_cast<std::int64_t>(number("time_ms")),
                .under_way = std::move(under_way)};
}

std::string serialize_member(const Member& member) {
  Json out = {{"name", member.name},
              {"role", member.is_worker ? "worker" : "node"},
              {"address", member.address},
              {"sessions", member.sessions},
              {"most_sessions", member.most_sessions},
              {"running", member.running},
              {"slots", member.slots},
              {"free_bytes", member.free_bytes},
              {"unproven", member.unproven},
              {"draining", member.draining},
              {"time_ms", member.time_ms}};
  std::size_t bytes = dump_json(out).size() + 32;
  for (const UnderWay& one : member.under_way) {
    Json view = to_json(one);
    bytes += dump_json(view).size() + 1;
    if (bytes > kMaxMember) break;
    out["under_way"].push_back(std::move(view));
  }
  return dump_json(out);
}

}  // namespace rtpx::fleet
