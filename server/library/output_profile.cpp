#include "server/library/output_profile.hpp"

#include <algorithm>
#include <optional>

namespace rtpx::server {
namespace {

constexpr std::size_t kLongestProfile = 200, kLongestName = 32;
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kVideoCodecs[] = {"vp8", "vp9", "av1", "h264"};
constexpr std::string_view kAudioCodecs[] = {"opus", "aac", "flac", "pcm"};

bool is_format(std::string_view text) {
  return std::ranges::find(kFormats, text) != std::end(kFormats);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && text[0] != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text.npos && !is_format(text);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 9 && text.find_first_not_of(kDigits) == text.npos;
}

/// "640x360", "640x", "x360".
bool is_size(std::string_view text) {
  const auto x = text.find('x');
  if (x == text.npos) return false;
  const std::string_view width = text.substr(0, x), height = text.substr(x + 1);
  const auto is_side = [](std::string_view side) { return side.empty() || (side.size() <= 4 && is_number(side)); };
  return is_side(width) && is_side(height) && width.size() + height.size() > 0;
}

/// "800k", "1.5M", "2000000".
bool is_bitrate(std::string_view text) {
  if (text.ends_with('k') || text.ends_with('M')) text.remove_suffix(1);
  const auto dot = text.find('.');
  return is_number(text.substr(0, dot)) && (dot == text.npos || is_number(text.substr(dot + 1)));
}

/// Takes the options one by one, and says of the first that is none what there is.
class OptionReader {
 public:
  explicit OptionReader(OutputProfile& into) : into_(into) {}

  /// False: there is no such option, or it has no such value.
  bool take(std::string_view name, std::string_view value) {
    if (std::ranges::find(taken_, name) != taken_.end()) return false;
    taken_.push_back(name);
    if (name == "video") return take_video(value);
    if (name == "audio") return take_audio(value);
    if (name == "size") return is_size(value) && add("--resolution", value, true);
    if (name == "bitrate") return is_bitrate(value) && add("--bitrate", value, true);
    if (name == "layers") return (value == "all" || value == "best") && add("--layers", value, false);
    return false;
  }

  /// Why the options do not go together; empty: they do.
  [[nodiscard]] std::string problem() const {
    if (no_sound_ && !into_.has_pictures) return "with video=none and audio=none nothing is left";
    if (for_encoder_ && !encodes_) return "size and bitrate need video=vp8, vp9, av1 or h264: else pictures are copied";
    return {};
  }

 private:
  bool take_video(std::string_view value) {
    if (value == "none") {
      into_.has_pictures = false;
      return add("--only", "audio", false);
    }
    encodes_ = std::ranges::find(kVideoCodecs, value) != std::end(kVideoCodecs);
    return value == "copy" || (encodes_ && add("--reencode", value, false));
  }
  bool take_audio(std::string_view value) {
    if (value == "none") {
      no_sound_ = true;
      return add("--only", "video", false);
    }
    return value == "copy" ||
           (std::ranges::find(kAudioCodecs, value) != std::end(kAudioCodecs) && add("--audio", value, false));
  }
  bool add(std::string_view option, std::string_view value, bool for_encoder) {
    into_.arguments.emplace_back(option);
    into_.arguments.emplace_back(value);
    for_encoder_ = for_encoder_ || for_encoder;
    return true;
  }

  OutputProfile& into_;
  std::vector<std::string_view> taken_;
  bool encodes_ = false, for_encoder_ = false, no_sound_ = false;
};

/// What tells apart the files of profiles without a name of their own. What auto becomes is known when it is made.
std::string extension_of(const OutputProfile& profile) {
  return profile.name == "fmp4" ? "mp4" : profile.name;
}

}  // namespace

Result<OutputProfile> parse_output_profile(std::string_view text) {
  const auto wrong = [&](const std::string& why) {
    return fail(Errc::invalid_argument, "\"" + std::string(text.substr(0, kLongestProfile)) + "\" is no output: " + why + ".");
  };
  if (text.size() > kLongestProfile)
    return wrong("it has more than " + std::to_string(kLongestProfile) + " bytes");
  OutputProfile out{.text = std::string(text), .name = {}, .arguments = {}};
  std::string_view options;
  std::string_view format = text.substr(0, text.find(':'));
  if (format.size() < text.size()) options = text.substr(format.size() + 1);
  const auto equals = format.find('=');
  if (equals != format.npos) {
    out.name = format.substr(0, equals);
    format = format.substr(equals + 1);
    if (!is_name(out.name))
      return wrong("a name has up to " + std::to_string(kLongestName) + " of a to z, 0 to 9 and -, and is no format");
  }
  if (!is_format(format)) {
    std::string known;
    for (const char* one : kFormats) known += (known.empty() ? "" : ", ") + std::string(one);
    return wrong("\"" + std::string(format) + "\" is none of " + known);
  }
  out.arguments = {"--format", std::string(format)};
  if (out.name.empty() && format.size() < text.size())
    return wrong("with options it needs a name, NAME=FORMAT:OPTION=VALUE");
  if (out.name.empty()) {
    out.name = format;
    return out;
  }
  out.arguments.insert(out.arguments.end(), {"--suffix", "+" + out.name});
  OptionReader reader(out);
  while (!options.empty()) {
    const std::string_view one = options.substr(0, options.find(','));
    options.remove_prefix(std::min(one.size() + 1, options.size()));
    const auto at = one.find('=');
    if (at == one.npos || !reader.take(one.substr(0, at), one.substr(at + 1)))
      return wrong("\"" + std::string(one) +
                   "\" is no option; there are video=copy|vp8|vp9|av1|h264|none, audio=copy|opus|aac|flac|pcm|none, "
                   "size=WIDTHxHEIGHT, bitrate=800k, layers=all|best, each once");
  }
  if (const std::string why = reader.problem(); !why.empty()) return wrong(why);
  return out;
}

Result<std::vector<OutputProfile>> parse_output_profiles(const std::vector<std::string>& texts) {
  if (texts.size() > kMostProfiles)
    return fail(Errc::invalid_argument, "More than " + std::to_string(kMostProfiles) + " outputs.");
  std::vector<OutputProfile> out;
  for (const std::string& text : texts) {
    auto profile = parse_output_profile(text);
    if (!profile) return std::unexpected(profile.error());
    for (const OutputProfile& other : out) {
      if (other.name == profile->name)
        return fail(Errc::invalid_argument, "The output " + profile->name + " is given twice.");
      if (extension_of(other) == extension_of(*profile))
        return fail(Errc::invalid_argument, "The outputs " + other.name + " and " + profile->name +
                                                " would write the same file: give one a name, such as other=" +
                                                profile->name + ".");
    }
    out.push_back(*std::move(profile));
  }
  return out;
}

}  // namespace rtpx::server
