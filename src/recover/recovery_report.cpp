#include "recover/recovery_report.hpp"

#include "base/json.hpp"
#include "base/utc_time.hpp"

namespace rtpx {

namespace {

Json to_json(const RecoveredFile& file) {
  Json out = {{"track", file.track_id},
              {"file", file.file.filename().string()},
              {"changed", file.changed},
              {"records", file.records},
              {"bytes_before", file.bytes_before},
              {"bytes", file.bytes},
              {"suspect_records", file.suspect_records},
              {"cuts", Json::array()}};
  for (const RecoveredFile::Cut& cut : file.cuts) {
    Json one = {{"offset", cut.offset}, {"length", cut.length}, {"tail", cut.tail}};
    if (cut.receive_time_ms) one["after_receive_time_ms"] = *cut.receive_time_ms;
    out["cuts"].push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::string serialize_recovery(const RecoverReport& report) {
  Json out = {{"recovered", format_utc(utc_now())},
              {"files", Json::array()},
              {"rebuilt_tracks", report.rebuilt_tracks},
              {"ended_tracks", report.ended_tracks},
              {"missing_packets", report.missing_packets},
              {"kept", Json::array()},
              {"notes", report.notes}};
  for (const RecoveredFile& file : report.files) out["files"].push_back(to_json(file));
  for (const std::filesystem::path& path : report.kept) out["kept"].push_back(path.filename().string());
  return dump_json(out);
}

}  // namespace rtpx
