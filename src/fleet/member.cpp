#include "fleet/bus.hpp"
#include "fleet/job_json.hpp"

namespace rtpx::fleet {
namespace {
constexpr std::uint64_t kMostOfAMember = 1ULL << 53;
constexpr std::size_t kMaxMember = 4U << 10;
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
                .time_ms = static_cast<std::int64_t>(number("time_ms"))};
}

std::string serialize_member(const Member& member) {
  return dump_json({{"name", member.name},
                    {"role", member.is_worker ? "worker" : "node"},
                    {"address", member.address},
                    {"sessions", member.sessions},
                    {"most_sessions", member.most_sessions},
                    {"running", member.running},
                    {"slots", member.slots},
                    {"free_bytes", member.free_bytes},
                    {"unproven", member.unproven},
                    {"draining", member.draining},
                    {"time_ms", member.time_ms}});
}

}  // namespace rtpx::fleet
