#include "report/reception_notes.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

using Severity = ConvertNote::Severity;

struct Reason {
  std::string_view name;
  Severity severity;
  std::string_view sentence;  // after "N packets "
};

// Packets that were the sender's own are lost; what a stranger may have sent is told, no more.
constexpr std::array kReasons = {
    Reason{"kernel", Severity::loss, "were dropped by the kernel because the recorder was too slow"},
    Reason{"oversized", Severity::loss, "were larger than a datagram may be"},
    Reason{"over_bit_rate", Severity::loss, "were beyond the bit rate that the sender may have"},
    Reason{"too_many_streams", Severity::loss, "came from more sources (SSRCs) than there may be"},
    Reason{"undecryptable", Severity::info, "could not be decrypted"},
    Reason{"replayed", Severity::info, "had been received already (SRTP replay)"},
    Reason{"before_keys", Severity::info, "came before the DTLS handshake was done"},
    Reason{"unknown_stream", Severity::info, "belong to no track"},
    Reason{"unassigned_report", Severity::info, "are RTCP about streams of which nothing came"},
    Reason{"malformed", Severity::info, "are neither RTP nor RTCP"},
    Reason{"unknown_protocol", Severity::info, "are of no protocol that is known"},
    Reason{"empty_packet", Severity::info, "carry nothing"},
    Reason{"after_end", Severity::info, "came after the end"},
};

}  // namespace

std::vector<ConvertNote> reception_notes(FileSystem& files, const std::filesystem::path& folder) {
  std::vector<ConvertNote> out;
  const auto info = read_recording_info(files, folder);
  if (!info && info.error().code != Errc::not_found)
    out.push_back({Severity::loss, "", info.error().message + ": the recording's name, pauses, marks and people are not known"});
  if (!info || info->reception.empty()) return out;
  const auto reception = nlohmann::json::parse(info->reception, nullptr, false);
  if (!reception.is_object()) return out;
  if (const auto dropped = reception.find("dropped"); dropped != reception.end() && dropped->is_object())
    for (const Reason& reason : kReasons) {
      const auto count = dropped->find(std::string(reason.name));
      if (count == dropped->end() || !count->is_number_unsigned() || *count == 0U) continue;
      out.push_back({reason.severity, "",
                     "while it was recorded, " + count->dump() + " packets " + std::string(reason.sentence)});
    }
  if (const auto notes = reception.find("notes"); notes != reception.end() && notes->is_array())
    for (std::size_t i = 0; i < std::min<std::size_t>(notes->size(), 64); ++i)
      if ((*notes)[i].is_string()) out.push_back({Severity::info, "", (*notes)[i].get<std::string>()});
  return out;
}

}  // namespace rtpx
