#include "convert/probe.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace rtpx::test {
namespace {

std::string quoted(const std::filesystem::path& path) {
  std::string out = "'";
  for (const char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "cannot run " + command;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  const int status = ::pclose(pipe);
  if (status == 127 << 8) out += "not installed: " + command;
  return out;
}

std::map<std::string, std::string> fields(const std::string& line) {
  std::map<std::string, std::string> out;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, '|');)
    if (const auto equals = part.find('='); equals != std::string::npos)
      out[part.substr(0, equals)] = part.substr(equals + 1);
  return out;
}

double number(const std::map<std::string, std::string>& from, const char* key) {
  const auto found = from.find(key);
  return found == from.end() ? 0 : std::atof(found->second.c_str());
}

}  // namespace

int Probed::packets(const std::string& kind) const {
  int count = 0;
  for (const Stream& stream : streams)
    if (stream.kind == kind) count += stream.packets;
  return count;
}

Probed probe(const std::filesystem::path& file) {
  Probed out;
  std::istringstream lines(
      output_of("ffprobe -v error -count_packets -show_entries "
          "stream=codec_name,codec_type,codec_tag_string,width,height,start_time,nb_read_packets:stream_tags="
          "title:format=duration "
          "-of compact " +
          quoted(file)));
  for (std::string line; std::getline(lines, line);) {
    const auto f = fields(line);
    if (line.starts_with("format")) out.duration_seconds = number(f, "duration");
    if (!line.starts_with("stream")) continue;
    out.streams.push_back({f.at("codec_type"), f.at("codec_name"), f.at("codec_tag_string"),
                           static_cast<int>(number(f, "nb_read_packets")),
                           static_cast<int>(number(f, "width")), static_cast<int>(number(f, "height")),
                           number(f, "start_time"), f.contains("tag:title") ? f.at("tag:title") : ""});
  }
  return out;
}

std::vector<double> packet_times(const std::filesystem::path& file, const std::string& stream) {
  std::vector<double> out;
  std::istringstream lines(output_of("ffprobe -v error -select_streams " + stream +
                               " -show_entries packet=pts_time -of csv=p=0 " + quoted(file)));
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) out.push_back(std::atof(line.c_str()));  // side data leaves an empty line
  return out;
}

// Variable frame rate makes the null muxer complain of timestamps; that is no fault of the file.
std::string decode_errors(const std::filesystem::path& file) {
  return output_of("ffmpeg -nostdin -v error -i " + quoted(file) + " -f null - 2>&1 | grep -v 'non monotonically'");
}

std::string display_matrix(const std::filesystem::path& file) {
  const std::string told = output_of(
      "ffprobe -v error -select_streams v:0 -show_entries stream_side_data=rotation -of default=nk=1:nw=1 " +
      quoted(file));
  return told.substr(0, told.find_first_of(" \n"));
}

std::string mkvmerge_warnings(const std::filesystem::path& file) {
  return output_of("mkvmerge -J " + quoted(file) +
             " | python3 -c 'import json,sys; j=json.load(sys.stdin); "
             "print(*(j[\"warnings\"]+j[\"errors\"]),end=\"\")'");
}

std::vector<std::string> frame_hashes(const std::filesystem::path& file, const std::string& stream,
                                      const std::string& options) {
  std::vector<std::string> out;
  std::istringstream lines(output_of("ffmpeg -nostdin -v error " + options + " -i " + quoted(file) +
                               " -map 0:" + stream + " -autoscale 0 -fps_mode passthrough -f framemd5 - 2>/dev/null"));
  for (std::string line; std::getline(lines, line);)
    if (!line.empty() && line[0] != '#') out.push_back(line.substr(line.find_last_of(' ') + 1));
  return out;
}

std::vector<double> flash_times(const std::filesystem::path& file) {
  constexpr std::size_t kPicture = 64;  // 8 x 8 of luma
  const auto times = packet_times(file, "v:0");
  const std::string luma = output_of("ffmpeg -nostdin -v error -i " + quoted(file) +
                               " -map 0:v:0 -vf scale=8:8 -pix_fmt gray -fps_mode passthrough -f rawvideo -");
  std::vector<double> out;
  bool white = false;
  for (std::size_t i = 0; (i + 1) * kPicture <= luma.size() && i < times.size(); ++i) {
    int sum = 0;
    for (std::size_t k = 0; k < kPicture; ++k) sum += static_cast<unsigned char>(luma[i * kPicture + k]);
    const bool now = sum > 150 * static_cast<int>(kPicture);
    if (now && !white && i > 0) out.push_back(times[i]);
    white = now;
  }
  return out;
}

namespace {

constexpr std::size_t kRate = 48'000;

/// The sound, mono, silent where the file's times leave a gap.
std::vector<std::int16_t> samples(const std::filesystem::path& file) {
  const std::string pcm = output_of("ffmpeg -nostdin -v error -copyts -i " + quoted(file) +
                              " -map 0:a:0 -af aresample=48000:async=1:first_pts=0 -ac 1 -f s16le -");
  std::vector<std::int16_t> out(pcm.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::int16_t>(static_cast<unsigned char>(pcm[2 * i]) |
                                       static_cast<unsigned char>(pcm[2 * i + 1]) << 8);
  return out;
}

}  // namespace

std::vector<double> beep_times(const std::filesystem::path& file) {
  std::vector<double> out;
  std::size_t last_loud = 0;
  const auto sound = samples(file);
  for (std::size_t i = 0; i < sound.size(); ++i) {
    if (std::abs(int{sound[i]}) <= 3000) continue;
    if (i - last_loud > kRate / 2) out.push_back(static_cast<double>(i) / kRate);
    last_loud = i;
  }
  return out;
}

int loudest(const std::filesystem::path& file, double from, double to) {
  int most = 0;
  const auto sound = samples(file);
  for (auto i = static_cast<std::size_t>(from * kRate);
       i < std::min(sound.size(), static_cast<std::size_t>(to * kRate)); ++i)
    most = std::max(most, std::abs(int{sound[i]}));
  return most;
}

}  // namespace rtpx::test
